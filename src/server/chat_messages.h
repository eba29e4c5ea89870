/* The messages of a chat, as the OpenAI API sends them and as templates want them. */
#ifndef HN_SERVER_CHAT_MESSAGES_H
#define HN_SERVER_CHAT_MESSAGES_H

#include "base/json.h"
#include "server/refusal.h"

/* Appends to the array `out`: contents as one text each, "developer" as "system", the arguments of tool calls
 * as objects. Refused: roles there are not, and contents that are no text. */
enum hn_status hn_chat_messages(const json_t *messages, json_t *out, struct hn_refusal *why);

#endif
