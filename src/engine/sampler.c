#include "engine/sampler.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/rng.h"
#include "engine/filter.h"
#include "engine/mass.h"
#include "engine/penalty.h"

enum { STREAM = 0 }; /* of the generator */

struct hn_sampler {
    struct hn_sample_params params; /* `bias` points into the arena */
    size_t vocab;
    double log_min_p;
    bool counts_tokens;
    struct hn_penalties penalties;
    struct hn_counts counts; /* when counts_tokens */
    struct hn_arena arena;
};

struct hn_sample_params hn_sample_defaults(void)
{
    return (struct hn_sample_params){.temperature = 1,
                                     .top_p = 1,
                                     .typical_p = 1,
                                     .repeat_penalty = 1,
                                     .repeat_last_n = 64,
                                     .top_logprobs = -1};
}

static enum hn_status check_bias(const struct hn_sample_params *params, size_t vocab,
                                 struct hn_error *err)
{
    if (params->n_bias > HN_SAMPLE_MAX_BIAS)
        return hn_fail(err, HN_E_ARG, "logit_bias: %zu entries, at most %d", params->n_bias,
                       HN_SAMPLE_MAX_BIAS);
    for (size_t i = 0; i < params->n_bias; i++) {
        const struct hn_logit_bias *b = &params->bias[i];
        if (b->id < 0 || (size_t)b->id >= vocab)
            return hn_fail(err, HN_E_ARG, "logit_bias: token %d, the vocabulary has %zu", b->id,
                           vocab);
        if (!(b->bias <= FLT_MAX))
            return hn_fail(err, HN_E_ARG, "logit_bias: %g for token %d", (double)b->bias, b->id);
    }
    return HN_OK;
}

enum hn_status hn_sample_check(const struct hn_sample_params *params, size_t vocab,
                               struct hn_error *err)
{
    const struct {
        const char *name;
        double value, least, most;
    } fields[] = {
        {"temperature", (double)params->temperature, 0, 1000},
        {"top_k", params->top_k, -1, INT32_MAX},
        {"top_p", (double)params->top_p, 0, 1},
        {"min_p", (double)params->min_p, 0, 1},
        {"typical_p", (double)params->typical_p, 0, 1},
        {"repeat_penalty", (double)params->repeat_penalty, 0.01f, 100},
        {"repeat_last_n", params->repeat_last_n, -1, INT32_MAX},
        {"frequency_penalty", (double)params->frequency_penalty, -100, 100},
        {"presence_penalty", (double)params->presence_penalty, -100, 100},
        {"top_logprobs", params->top_logprobs, -1, HN_SAMPLE_MAX_TOP},
    };
    for (size_t i = 0; i < HN_COUNT(fields); i++) /* so that NaN fails too */
        if (!(fields[i].value >= fields[i].least && fields[i].value <= fields[i].most))
            return hn_fail(err, HN_E_ARG, "%s: %g is not between %g and %g", fields[i].name,
                           fields[i].value, fields[i].least, fields[i].most);
    return check_bias(params, vocab, err);
}

static enum hn_status fill(struct hn_sampler *s, size_t max_tokens, struct hn_error *err)
{
    struct hn_sample_params *p = &s->params;
    if (p->n_bias) {
        struct hn_logit_bias *bias = hn_arena_alloc(&s->arena, p->n_bias, sizeof *bias);
        if (!bias) return hn_fail_nomem(err, "logit_bias", p->n_bias * sizeof *bias);
        memcpy(bias, p->bias, p->n_bias * sizeof *bias);
        p->bias = bias;
    }
    if (p->min_p > 0) s->log_min_p = hn_mass_log((double)p->min_p);
    const bool repeats = p->repeat_penalty != 1 && p->repeat_last_n != 0;
    s->penalties = (struct hn_penalties){repeats ? p->repeat_penalty : 1, p->frequency_penalty,
                                         p->presence_penalty};
    s->counts_tokens = repeats || p->frequency_penalty != 0 || p->presence_penalty != 0;
    if (!s->counts_tokens) return HN_OK;
    const size_t window = !repeats ? 0 : p->repeat_last_n < 0 ? SIZE_MAX : (size_t)p->repeat_last_n;
    return hn_counts_init(&s->counts, s->vocab, max_tokens, window, &s->arena, err);
}

enum hn_status hn_sampler_create(const struct hn_sample_params *params, size_t vocab,
                                 size_t max_tokens, struct hn_sampler **out, struct hn_error *err)
{
    *out = NULL;
    HN_TRY(hn_sample_check(params, vocab, err));
    struct hn_sampler *s = calloc(1, sizeof *s);
    if (!s) return hn_fail_nomem(err, "a sampler", sizeof *s);
    s->params = *params;
    s->vocab = vocab;
    const enum hn_status status = fill(s, max_tokens, err);
    if (status < 0) {
        hn_sampler_destroy(s);
        return status;
    }
    *out = s;
    return HN_OK;
}

void hn_sampler_destroy(struct hn_sampler *sampler)
{
    if (!sampler) return;
    hn_arena_free(&sampler->arena);
    free(sampler);
}

enum hn_status hn_sampler_accept(struct hn_sampler *sampler, int32_t id, bool generated)
{
    if (id < 0 || (size_t)id >= sampler->vocab) return HN_E_ARG;
    return sampler->counts_tokens ? hn_counts_add(&sampler->counts, id, generated) : HN_OK;
}

/* Copies n logits, those that are not allowed as minus infinity. */
static void copy_allowed(float *to, const float *from, size_t n, const uint32_t *allowed)
{
    if (!allowed) {
        memcpy(to, from, n * sizeof *to);
        return;
    }
    for (size_t at = 0; at < n; at += 32) {
        const uint32_t bits = allowed[at / 32];
        const size_t count = hn_min(32, n - at);
        if (bits == UINT32_MAX) memcpy(to + at, from + at, count * sizeof *to);
        else if (!bits)
            for (size_t i = 0; i < count; i++)
                to[at + i] = -INFINITY;
        else
            for (size_t i = 0; i < count; i++)
                to[at + i] = bits >> i & 1 ? from[at + i] : -INFINITY;
    }
}

/* Stage 1. The logits to go on with: the given ones, or a changed copy. */
static enum hn_status adjust(const struct hn_sampler *s, struct hn_candidates *work,
                             const uint32_t *allowed, struct hn_error *err)
{
    const struct hn_sample_params *p = &s->params;
    if (!allowed && !p->n_bias && !s->counts_tokens) return HN_OK;
    copy_allowed(work->copy, work->x, s->vocab, allowed);
    for (size_t i = 0; i < p->n_bias; i++) {
        float *x = &work->copy[p->bias[i].id];
        *x += p->bias[i].bias;
        if (*x > FLT_MAX) *x = FLT_MAX;
    }
    if (s->counts_tokens) hn_counts_penalize(&s->counts, &s->penalties, work->copy);
    if (hn_candidates_reset(work, work->copy, s->vocab, NULL) < 0)
        return hn_fail(err, HN_E_NOTFOUND, "no token may come next: all are ruled out");
    return HN_OK;
}

/* The most probable tokens, in order, and the log of the total mass. Uses up the candidates. */
static double list_top(const struct hn_sampler *s, struct hn_candidates *work, struct hn_pick *out)
{
    const double log_mass = hn_candidates_log_mass(work), max = (double)work->max;
    out->n_top = 0;
    if (!s->params.top_logprobs) return log_mass + max;
    hn_filter_top_k(work, (size_t)s->params.top_logprobs);
    for (size_t i = 0; i < work->n && i < HN_SAMPLE_MAX_TOP; i++) {
        int32_t id = work->id ? work->id[i] : (int32_t)i, at = out->n_top++;
        const float logprob = (float)((double)work->x[i] - max - log_mass);
        for (; at && out->top[at - 1].logprob < logprob; at--)
            out->top[at] = out->top[at - 1];
        out->top[at] = (struct hn_logprob){id, logprob};
    }
    return log_mass + max;
}

/* Stages 2 to 4. */
static int32_t choose(const struct hn_sampler *s, struct hn_candidates *work, uint64_t position)
{
    const struct hn_sample_params *p = &s->params;
    if (p->temperature == 0) return hn_candidates_best(work);
    if (p->top_k > 0) hn_filter_top_k(work, (size_t)p->top_k);
    if (p->typical_p < 1) hn_filter_typical(work, (double)p->typical_p);
    if (p->top_p < 1) hn_filter_top_p(work, (double)p->top_p);
    if (p->min_p > 0) hn_filter_min_p(work, s->log_min_p);
    uint32_t random[4];
    hn_philox(p->seed, position, STREAM, random);
    return hn_candidates_draw(work, (double)p->temperature, (uint64_t)random[0] << 32 | random[1]);
}

enum hn_status hn_sampler_pick(const struct hn_sampler *sampler, struct hn_candidates *work,
                               const float *logits, const uint32_t *allowed, uint64_t position,
                               struct hn_pick *out, struct hn_error *err)
{
    HN_TRY(hn_candidates_reset(work, logits, sampler->vocab, err));
    const bool wants_logprobs = sampler->params.top_logprobs >= 0;
    double log_total = 0;
    if (wants_logprobs) {
        log_total = list_top(sampler, work, out);
        HN_TRY(hn_candidates_reset(work, logits, sampler->vocab, err));
    }
    HN_TRY(adjust(sampler, work, allowed, err));
    out->id = choose(sampler, work, position);
    if (wants_logprobs) out->logprob = (float)((double)logits[out->id] - log_total);
    return HN_OK;
}
