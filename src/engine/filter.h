/* The tokens a draw may still choose from, and the filters that take some away. No filter sorts the
 * vocabulary: most of it is ruled out 64 logits at a time by the largest of them, and what is left is
 * cut by a radix selection, in linear time.
 *
 * Every filter keeps a set that is defined without reference to how it is found: tokens are ordered by
 * (logit descending, id ascending), the largest logit is never lost unless `typical` takes it, and at
 * least one token stays. Weights are those of engine/mass.h at temperature 1. */
#ifndef HN_ENGINE_FILTER_H
#define HN_ENGINE_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Candidates: x[i] is the logit of token id[i], ids ascending; while `id` is NULL, of token i. The
 * arrays behind them are working memory for one pick at a time, about 28 bytes per token: one of these
 * serves all sequences of a thread. */
struct hn_candidates {
    const float *x;
    const int32_t *id;
    size_t n;
    float max; /* of x; finite */

    size_t vocab;
    float *block_max; /* the largest of each HN_MASS_BLOCK of x */
    float *copy;      /* vocab logits, when a pick changes them */
    float *list_x;    /* candidates after the first filter */
    int32_t *list_id;
    uint64_t *keys, *weights; /* of a selection, or of blocks */
};

/* Memory for vocabularies of up to `vocab` tokens. HN_E_ARG: vocab is 0 or above INT32_MAX. */
enum hn_status hn_candidates_create(size_t vocab, struct hn_candidates **out, struct hn_error *err);
void hn_candidates_destroy(struct hn_candidates *c);

/* Starts over with all of n <= c->vocab logits (not copied; they outlive the candidates).
 * HN_E_FORMAT: one is NaN or plus infinity, or all are minus infinity. */
enum hn_status hn_candidates_reset(struct hn_candidates *c, const float *x, size_t n,
                                   struct hn_error *err);

/* The k >= 1 best. */
void hn_filter_top_k(struct hn_candidates *c, size_t k);

/* Locally typical sampling (Meister et al., 2023): the tokens whose surprise -log p is nearest to the
 * expected surprise, the nearest first, until their mass is at least p of the total. */
void hn_filter_typical(struct hn_candidates *c, double p);

/* The best tokens, until their mass is at least p of the total. */
void hn_filter_top_p(struct hn_candidates *c, double p);

/* The tokens with x - max >= log_p: at least p times as probable as the best. */
void hn_filter_min_p(struct hn_candidates *c, double log_p);

/* The best candidate; of equals the lowest id. */
int32_t hn_candidates_best(const struct hn_candidates *c);

/* Draws at `temperature` > 0: candidates are laid out in the order of their ids, each as long as its
 * weight, and `uniform` / 2^64 says how far to walk. */
int32_t hn_candidates_draw(struct hn_candidates *c, double temperature, uint64_t uniform);

/* The sum of exp(x - max) over all candidates, as the logarithm. */
double hn_candidates_log_mass(struct hn_candidates *c);

#endif
