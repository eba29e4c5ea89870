/* What the answer to a chat is held to: its response_format, calls of its tools, or a grammar. */
#ifndef HN_SERVER_CHAT_FORM_H
#define HN_SERVER_CHAT_FORM_H

#include "server/chat_request.h"
#include "server/forms.h"

/* Finds the form. Where a tool has to be called it is calls in the model's own format, or in plain JSON
 * where that is not possible; where tools may be called and the format has a marker for that, it is what
 * comes behind the marker, or calls and the response_format are the two things that may come. Nothing of tools where there is no chat, which is refused later. */
enum hn_status hn_chat_form(const struct hn_chat_request *request, const struct hn_chat *chat,
                            const struct hn_tokenizer *tokenizer, struct hn_form *out,
                            struct hn_refusal *why);

#endif
