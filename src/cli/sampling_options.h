/* The options of `run` and `chat` that say how tokens are chosen and when an answer ends. */
#ifndef HN_CLI_SAMPLING_OPTIONS_H
#define HN_CLI_SAMPLING_OPTIONS_H

#include "cli/options.h"
#include "engine/draft.h"
#include "engine/engine.h"

enum { HN_SAMPLING_ITEMS = 16, HN_SAMPLING_MAX_BIAS = 512 };

/* Zero-initialised `bias` and `stops` are empty. */
struct hn_sampling_options {
    struct hn_sample_params params; /* but for bias, which is below */
    size_t max_tokens;              /* SIZE_MAX: as the context allows */
    size_t max_draft;               /* as in struct hn_request */
    const char *draft;              /* a smaller model that guesses, for hn_session_needs */
    bool ignore_eos;
    size_t n_bias, n_stops;
    struct hn_logit_bias bias[HN_SAMPLING_MAX_BIAS];
    struct hn_str stops[HN_STOPS_MAX]; /* views of argv */
};

extern const struct hn_opt hn_sampling_items[HN_SAMPLING_ITEMS];

/* What people are used to: temperature 0.8, top-k 40, top-p 0.95, min-p 0.05, seed 0. Up to 8 tokens are
 * guessed ahead. */
void hn_sampling_defaults(struct hn_sampling_options *options);

/* Fills a request's part. The request points into the options. */
void hn_sampling_apply(const struct hn_sampling_options *options, struct hn_request *request);

#endif
