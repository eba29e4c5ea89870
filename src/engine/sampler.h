/* Sampling: logits to the next token.
 *
 * Stages, in this order (that of llama.cpp, with which users compare):
 *   1. the mask of allowed tokens, the bias of single tokens, penalties (repetition, then frequency
 *      and presence);
 *   2. temperature 0: the largest logit, of equals the lowest id. Nothing below happens;
 *   3. top-k, typical, top-p, min-p, each on what the one before left, all at temperature 1;
 *   4. temperature, and the draw.
 * What each filter keeps is said in engine/filter.h, what a probability is in engine/mass.h.
 *
 * Same logits, same token: on every machine, at every instruction set. The draw is a pure function of
 * (seed, position): Philox4x32-10 (base/rng.h) with the position as its counter, stream 0. A sequence
 * that is resumed, preempted or sampled ahead draws the same. */
#ifndef HN_ENGINE_SAMPLER_H
#define HN_ENGINE_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct hn_candidates; /* working memory, shared by the samplers of a thread: engine/filter.h */

enum {
    HN_SAMPLE_MAX_BIAS = 4096,
    HN_SAMPLE_MAX_TOP = 20,
};

struct hn_logit_bias {
    int32_t id;
    float bias; /* added; minus infinity rules the token out. Several for one id add up */
};

/* Ranges are inclusive; each default leaves the model's distribution as it is. */
struct hn_sample_params {
    float temperature; /* 0 to 1000; 0 is greedy. Default 1 */
    int32_t top_k;     /* 1 and above; 0 or -1: off, the default */
    float top_p;       /* 0 to 1; 1: off, the default */
    float min_p;       /* 0 to 1; 0: off, the default */
    float typical_p;   /* 0 to 1; 1: off, the default */
    float
        repeat_penalty; /* 0.01 to 100; 1: off, the default. Counts prompt and generated tokens ... */
    int32_t repeat_last_n; /* ... among the last so many; 0: off; -1: all. Default 64 */
    float
        frequency_penalty; /* -100 to 100; 0: off, the default. These two count generated tokens ... */
    float presence_penalty;           /* ... alone, all of them, as OpenAI's API does */
    uint64_t seed;                    /* default 0 */
    const struct hn_logit_bias *bias; /* n_bias, up to HN_SAMPLE_MAX_BIAS; copied */
    size_t n_bias;
    int32_t top_logprobs; /* alternatives, 0 to HN_SAMPLE_MAX_TOP; -1: no logprobs, the default */
};

struct hn_sample_params hn_sample_defaults(void);

/* HN_E_ARG, with the field and its range, when a field is out of range for this vocabulary. */
enum hn_status hn_sample_check(const struct hn_sample_params *params, size_t vocab,
                               struct hn_error *err);

struct hn_sampler; /* of one sequence */

/* Checks `params` and allocates everything the sampler will need for up to `max_tokens` accepted
 * tokens (prompt and generated): nothing is allocated later. A few hundred bytes, unless penalties are
 * on: then about 20 bytes per token. */
enum hn_status hn_sampler_create(const struct hn_sample_params *params, size_t vocab,
                                 size_t max_tokens, struct hn_sampler **out, struct hn_error *err);
void hn_sampler_destroy(struct hn_sampler *sampler);

/* Tells the sampler of the next token of its sequence, first those of the prompt, then each
 * generated one (generated true); only penalties look at them. HN_E_ARG: no such id; HN_E_LIMIT: more
 * than max_tokens. */
enum hn_status hn_sampler_accept(struct hn_sampler *sampler, int32_t id, bool generated);

struct hn_logprob {
    int32_t id;
    float logprob;
};

/* Log-probabilities are those of the model: the log-softmax of the logits as given, before mask, bias,
 * penalties and temperature. Filled only when top_logprobs >= 0. */
struct hn_pick {
    int32_t id;
    float logprob;                            /* of id */
    int32_t n_top;                            /* min(top_logprobs, vocab) */
    struct hn_logprob top[HN_SAMPLE_MAX_TOP]; /* the most probable first, of equals the lowest id */
};

/* Picks the token at `position` of the sequence from `vocab` logits. `allowed` (NULL: all) is a set of
 * bits, 32 to a word, the lowest bit of the first word for token 0. `work` is for at least `vocab`
 * tokens. HN_E_FORMAT: a logit is NaN or plus infinity, or all are minus infinity; HN_E_NOTFOUND: mask
 * and bias leave no token. The sampler is not changed: call hn_sampler_accept. */
enum hn_status hn_sampler_pick(const struct hn_sampler *sampler, struct hn_candidates *work,
                               const float *logits, const uint32_t *allowed, uint64_t position,
                               struct hn_pick *out, struct hn_error *err);

#endif
