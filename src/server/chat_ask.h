/* From a chat request, whichever API it came by, to what the engine is asked. */
#ifndef HN_SERVER_CHAT_ASK_H
#define HN_SERVER_CHAT_ASK_H

#include "server/chat_request.h"

/* Fills the ask but for voice and mind: the prompt's ids, how the answer is read, what it is held to.
 * `start`, perhaps empty, is how the answer begins. The tools in request->variables are read until the
 * answer is complete. Free the ask (hn_openai_ask_free), also after a failure. */
enum hn_status hn_chat_ask(struct hn_call *call, struct hn_chat_request *request,
                           struct hn_str start, struct hn_openai_ask *out, struct hn_refusal *why);

#endif
