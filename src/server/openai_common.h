/* What chats and completions of the OpenAI API have in common: how a text is made, and how it is paid. */
#ifndef HN_SERVER_OPENAI_COMMON_H
#define HN_SERVER_OPENAI_COMMON_H

#include "server/forms.h"
#include "server/generation.h"
#include "server/models.h"

#define HN_NOT_GIVEN INT64_MIN

/* As the words of the field service_tier. */
enum hn_tier { HN_TIER_AUTO, HN_TIER_DEFAULT, HN_TIER_FLEX, HN_TIER_PRIORITY, HN_TIER_SCALE };

/* Begins the structs of both requests. Views are of the body. */
struct hn_openai_common {
    struct hn_str model, grammar, regex; /* p NULL: not given */
    bool stream, ignore_eos;
    bool include_usage;
    int service_tier;
    int64_t n, top_k, repeat_last_n;
    int64_t seed, max_tokens; /* or HN_NOT_GIVEN */
    double timeout_s;         /* 0: not given */
    double temperature, top_p, min_p, typical_p, repeat_penalty, frequency_penalty,
        presence_penalty;
    const json_t *stream_options, *stop, *logit_bias;
};

void hn_openai_defaults(struct hn_openai_common *common);

/* An ask, and what it points to. */
struct hn_openai_ask {
    struct hn_ask ask;
    struct hn_answer_params answer; /* of a chat */
    struct hn_str stops[HN_STOPS_MAX];
    struct hn_logit_bias *bias; /* owned */
    struct hn_tokens *prompts;  /* owned, with their ids */
};

/* Checks what no table of fields can and fills the part of an ask that is common: model, sampling,
 * stops, n. The ask points into `out`. Free it, also after a failure. */
enum hn_status hn_openai_ask(struct hn_call *call, struct hn_openai_common *common,
                             struct hn_openai_ask *out, struct hn_refusal *why);
/* The form that `grammar` or `regex` asks for, or none. */
enum hn_status hn_openai_form(const struct hn_openai_common *common, struct hn_form *out,
                              struct hn_refusal *why);
/* Holds the answers to a form. Where that has to wait and the call may not, call->again is set. */
enum hn_status hn_openai_hold(struct hn_call *call, struct hn_openai_ask *ask,
                              const struct hn_form *form, struct hn_refusal *why);
/* Makes room for the ids of n prompts. */
enum hn_status hn_openai_prompts(struct hn_openai_ask *ask, size_t n, struct hn_refusal *why);
void hn_openai_ask_free(struct hn_openai_ask *ask);

/* {"id", "object", "created", "model", "system_fingerprint", "service_tier"}: how each document and event
 * begins. */
void hn_openai_head(struct hn_json_writer *w, const struct hn_generation *g, const char *prefix,
                    const char *object);
/* "service_tier": the one that was used. */
void hn_openai_tier(struct hn_json_writer *w, const struct hn_generation *g);
/* "usage" and "hence". */
void hn_openai_usage(struct hn_json_writer *w, const struct hn_generation *g);

/* "stop", "length", "tool_calls". */
const char *hn_openai_finish(const struct hn_choice *choice);

/* The end of a stream, behind an event that has the usage alone where the client wants one. */
void hn_openai_end(struct hn_json_writer *w, const struct hn_generation *g, const char *prefix,
                   const char *object, bool include_usage);

/* An event {"error": ...}. */
void hn_openai_fail(struct hn_generation *g, const struct hn_refusal *why,
                    struct hn_json_writer *w);

#endif
