/* A request to OpenAI's /v1/responses, and the chat that asks for the same. */
#ifndef HN_SERVER_RESPONSES_REQUEST_H
#define HN_SERVER_RESPONSES_REQUEST_H

#include "server/chat_request.h"

struct hn_responses_request {
    const json_t *input, *instructions, *tools, *tool_choice, *text, *reasoning, *metadata,
        *service_tier; /* views */
    struct hn_str model;
    int64_t max_output_tokens, seed;
    double temperature, top_p;
    bool stream, parallel_tool_calls;

    json_t *chat;                   /* the body of a chat completion, owned */
    struct hn_chat_request request; /* the same, read; it has views of `chat` */
};

/* Reads and checks a body. Free it, also after a failure. */
enum hn_status hn_responses_request_read(const json_t *body, struct hn_responses_request *out,
                                         struct hn_refusal *why);
void hn_responses_request_free(struct hn_responses_request *request);

#endif
