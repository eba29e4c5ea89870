/* A request to /v1/chat/completions: its fields, and the chat as a template wants it. */
#ifndef HN_SERVER_CHAT_REQUEST_H
#define HN_SERVER_CHAT_REQUEST_H

#include "server/openai_common.h"

enum hn_tool_choice { HN_TOOLS_NONE, HN_TOOLS_AUTO, HN_TOOLS_REQUIRED, HN_TOOLS_NAMED };

struct hn_chat_request {
    struct hn_openai_common common;
    const json_t *messages, *tools, *tool_choice, *response_format, *template_kwargs; /* views */
    struct hn_str reasoning_effort;
    int64_t top_logprobs;
    bool logprobs, parallel_tool_calls, generation_prompt;

    enum hn_tool_choice choice;
    struct hn_str named; /* the tool, when it is HN_TOOLS_NAMED */
    json_t *variables;   /* of the template, owned: messages, tools, add_generation_prompt, ... */
};

/* Reads and checks a body, which must outlive *out. Free it, also after a failure. */
enum hn_status hn_chat_request_read(const json_t *body, struct hn_chat_request *out,
                                    struct hn_refusal *why);
/* Appends the prompt that the model's template makes of it. */
enum hn_status hn_chat_request_render(const struct hn_chat_request *request,
                                      const struct hn_served *served, struct hn_buf *out,
                                      struct hn_refusal *why);
void hn_chat_request_free(struct hn_chat_request *request);

#endif
