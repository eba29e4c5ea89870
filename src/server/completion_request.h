/* A request to /v1/completions. */
#ifndef HN_SERVER_COMPLETION_REQUEST_H
#define HN_SERVER_COMPLETION_REQUEST_H

#include "server/openai_common.h"

enum { HN_MAX_PROMPTS = 128 };

struct hn_completion_request {
    struct hn_openai_common common;
    const json_t *prompt; /* a view */
    int64_t logprobs;     /* or HN_NOT_GIVEN */
    int64_t best_of;      /* or HN_NOT_GIVEN */
    bool echo;

    size_t n_prompts;
};

/* Reads and checks a body, which must outlive *out. Nothing is to be freed. */
enum hn_status hn_completion_request_read(const json_t *body, struct hn_completion_request *out,
                                          struct hn_refusal *why);

/* Appends the ids of prompt i. HN_E_ARG for what is no token of this vocabulary. */
enum hn_status hn_completion_prompt(const struct hn_completion_request *request, size_t i,
                                    const struct hn_tokenizer *tokenizer, struct hn_tokens *out,
                                    struct hn_refusal *why);

#endif
