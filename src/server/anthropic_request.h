/* A request to Anthropic's /v1/messages, and the chat of the OpenAI API that asks for the same. */
#ifndef HN_SERVER_ANTHROPIC_REQUEST_H
#define HN_SERVER_ANTHROPIC_REQUEST_H

#include "server/chat_request.h"

struct hn_messages_request {
    struct hn_str model, stop; /* stop: the only one; p NULL where there are none or several */
    struct hn_buf start; /* how the answer begins: the last message, if it is the assistant's */
    json_t *chat;        /* the body of a chat completion */
    struct hn_chat_request request; /* the same, read; it has views of `chat` */
};

/* Reads and checks a body; `counting`: only the tokens of its prompt are wanted. Free it, also after a
 * failure. */
enum hn_status hn_messages_request_read(const json_t *body, bool counting,
                                        struct hn_messages_request *out, struct hn_refusal *why);
void hn_messages_request_free(struct hn_messages_request *request);

#endif
