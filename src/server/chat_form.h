/* What the answer to a chat is held to: its response_format, the tool that has to be called, or a grammar. */
#ifndef HN_SERVER_CHAT_FORM_H
#define HN_SERVER_CHAT_FORM_H

#include "server/chat_request.h"
#include "server/forms.h"

/* Finds the form. Where a tool has to be called, *calls gets the JSON schema of a call, which the form then
 * points to and the caller owns: {"name": ..., "arguments": ...}, whatever the model's own way to call is,
 * for that is what it has no choice but to write. */
enum hn_status hn_chat_form(const struct hn_chat_request *request, struct hn_form *out,
                            json_t **calls, struct hn_refusal *why);

#endif
