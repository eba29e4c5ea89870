#include "engine/filter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "engine/mass.h"
#include "engine/select.h"

enum { BLOCK = HN_MASS_BLOCK, LANES = 16 };

enum hn_status hn_candidates_create(size_t vocab, struct hn_candidates **out, struct hn_error *err)
{
    *out = NULL;
    if (vocab == 0 || vocab > INT32_MAX)
        return hn_fail(err, HN_E_ARG, "no sampling from a vocabulary of %zu tokens", vocab);
    struct hn_candidates *c = calloc(1, sizeof *c);
    if (!c) return hn_fail_nomem(err, "sampling", sizeof *c);
    c->vocab = vocab;
    c->block_max = calloc(hn_div_up(vocab, BLOCK), sizeof *c->block_max);
    c->copy = calloc(vocab, sizeof *c->copy);
    c->list_x = calloc(vocab, sizeof *c->list_x);
    c->list_id = calloc(vocab, sizeof *c->list_id);
    c->keys = calloc(vocab, sizeof *c->keys);
    c->weights = calloc(vocab, sizeof *c->weights);
    if (!c->block_max || !c->copy || !c->list_x || !c->list_id || !c->keys || !c->weights) {
        hn_candidates_destroy(c);
        return hn_fail_nomem(err, "sampling", vocab * 28);
    }
    *out = c;
    return HN_OK;
}

void hn_candidates_destroy(struct hn_candidates *c)
{
    if (!c) return;
    free(c->block_max);
    free(c->copy);
    free(c->list_x);
    free(c->list_id);
    free(c->keys);
    free(c->weights);
    free(c);
}

/* Larger of two, in the form that compiles to one instruction. */
static inline float larger(float a, float b)
{
    return a > b ? a : b;
}

/* The largest of a block; NaN is never larger and sets *nan. */
static float block_largest(const float *x, size_t n, uint32_t *nan)
{
    float lane[LANES];
    uint32_t odd[LANES] = {0};
    size_t i = 0;
    for (size_t l = 0; l < LANES; l++)
        lane[l] = -INFINITY;
    for (; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++) {
            lane[l] = larger(x[i + l], lane[l]);
            odd[l] |= x[i + l] != x[i + l] ? 1u : 0u;
        }
    for (; i < n; i++) {
        lane[0] = larger(x[i], lane[0]);
        odd[0] |= x[i] != x[i];
    }
    for (size_t l = 1; l < LANES; l++) {
        lane[0] = larger(lane[l], lane[0]);
        odd[0] |= odd[l];
    }
    *nan |= odd[0];
    return lane[0];
}

/* Finds the largest candidate, overall and per block; returns whether a NaN was seen. */
static bool scan(struct hn_candidates *c)
{
    uint32_t nan = 0;
    c->max = -INFINITY;
    for (size_t at = 0; at < c->n; at += BLOCK) {
        const float max = block_largest(c->x + at, hn_min(BLOCK, c->n - at), &nan);
        c->block_max[at / BLOCK] = max;
        c->max = larger(max, c->max);
    }
    return nan;
}

enum hn_status hn_candidates_reset(struct hn_candidates *c, const float *x, size_t n,
                                   struct hn_error *err)
{
    if (n == 0 || n > c->vocab)
        return hn_fail(err, HN_E_ARG, "%zu logits, room for 1 to %zu", n, c->vocab);
    c->x = x;
    c->id = NULL;
    c->n = n;
    if (scan(c) || c->max == INFINITY) {
        size_t i = 0;
        while (x[i] < INFINITY)
            i++;
        return hn_fail(err, HN_E_FORMAT, "the logit of token %zu is %s", i,
                       isnan(x[i]) ? "not a number" : "infinite");
    }
    if (c->max == -INFINITY)
        return hn_fail(err, HN_E_FORMAT, "the logits of all %zu tokens are minus infinity", n);
    return HN_OK;
}

/* Puts candidate i at place n of the list. A list is filtered in place: n <= i. */
static inline void keep(struct hn_candidates *c, size_t n, size_t i)
{
    const float x = c->x[i];
    const int32_t id = c->id ? c->id[i] : (int32_t)i;
    c->list_x[n] = x;
    c->list_id[n] = id;
}

static void become_list(struct hn_candidates *c, size_t n)
{
    c->x = c->list_x;
    c->id = c->list_id;
    c->n = n;
}

static inline int32_t id_of(const struct hn_candidates *c, size_t i)
{
    return c->id ? c->id[i] : (int32_t)i;
}

/* A key per candidate that ascends as the order by (logit descending, id ascending) does. */
static inline uint64_t rank_of(float x, int32_t id)
{
    const float plus = x + 0.0f; /* minus zero is zero */
    uint32_t bits;
    memcpy(&bits, &plus, sizeof bits);
    const uint32_t ascending = bits >> 31 ? ~bits : bits | 0x80000000u;
    return (uint64_t)~ascending << 32 | (uint32_t)id;
}

static inline float logit_of_rank(uint64_t rank)
{
    const uint32_t ascending = ~(uint32_t)(rank >> 32);
    const uint32_t bits = ascending >> 31 ? ascending & 0x7FFFFFFFu : ~ascending;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Keeps the candidates with a logit of at least `least`. */
static void keep_from(struct hn_candidates *c, float least)
{
    size_t n = 0;
    for (size_t at = 0; at < c->n; at += BLOCK) {
        if (c->block_max[at / BLOCK] < least) continue;
        const size_t end = hn_min(at + BLOCK, c->n);
        for (size_t i = at; i < end; i++)
            if (c->x[i] >= least) keep(c, n++, i);
    }
    become_list(c, n);
}

static void keep_ranks_to(struct hn_candidates *c, uint64_t last)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++)
        if (rank_of(c->x[i], id_of(c, i)) <= last) keep(c, n++, i);
    become_list(c, n);
    scan(c);
}

void hn_filter_top_k(struct hn_candidates *c, size_t k)
{
    if (k >= c->n) return;
    /* The k best blocks hold at least k logits that are no smaller than the worst of these blocks'
     * largest: nothing below that is among the k best. */
    const size_t blocks = hn_div_up(c->n, BLOCK);
    float least = -INFINITY;
    if (k <= blocks) {
        for (size_t b = 0; b < blocks; b++)
            c->keys[b] = rank_of(c->block_max[b], (int32_t)b);
        least = logit_of_rank(hn_select(c->keys, NULL, blocks, k));
    }
    keep_from(c, least);
    for (size_t i = 0; i < c->n; i++)
        c->keys[i] = rank_of(c->x[i], c->id[i]);
    keep_ranks_to(c, hn_select(c->keys, NULL, c->n, k));
}

/* The mass that is at least p of the total, and not nothing. */
static uint64_t mass_needed(uint64_t total, double p)
{
    const double needed = ceil((double)total * p);
    if (needed < 1) return 1;
    return needed >= (double)total ? total : (uint64_t)needed;
}

static uint64_t total_mass(const struct hn_candidates *c, const struct hn_mass *mass)
{
    uint64_t total = 0, weights[BLOCK];
    for (size_t at = 0; at < c->n; at += BLOCK)
        total += hn_mass_block(mass, c->x + at, hn_min(BLOCK, c->n - at), weights);
    return total;
}

double hn_candidates_log_mass(struct hn_candidates *c)
{
    const struct hn_mass mass = hn_mass_init(c->max, 1, c->n);
    return hn_mass_log((double)total_mass(c, &mass)) - hn_mass_log(2) * mass.shift;
}

void hn_filter_top_p(struct hn_candidates *c, double p)
{
    const struct hn_mass mass = hn_mass_init(c->max, 1, c->n);
    const uint64_t total = total_mass(c, &mass), needed = mass_needed(total, p);
    /* All tokens of at most this weight together are less than what may be left out. */
    const uint64_t light = (total - needed) / c->n;
    size_t n = 0;
    for (size_t at = 0; at < c->n; at += BLOCK) {
        if (hn_mass_one(&mass, c->block_max[at / BLOCK]) <= light) continue;
        uint64_t weights[BLOCK];
        const size_t count = hn_min(BLOCK, c->n - at);
        hn_mass_block(&mass, c->x + at, count, weights);
        for (size_t i = 0; i < count; i++)
            if (weights[i] > light) {
                c->keys[n] = rank_of(c->x[at + i], id_of(c, at + i));
                c->weights[n] = weights[i];
                keep(c, n++, at + i);
            }
    }
    become_list(c, n);
    keep_ranks_to(c, hn_select(c->keys, c->weights, n, needed));
}

/* How far the surprise of a token is from the expected one: |x - mean of x|, for both are shifted by
 * the same log of the total mass. Ordered by it, then by id. */
static inline uint64_t oddity(double offset, double mean, int32_t id)
{
    const float distance = (float)fabs(offset - mean);
    uint32_t bits;
    memcpy(&bits, &distance, sizeof bits);
    return (uint64_t)bits << 32 | (uint32_t)id;
}

void hn_filter_typical(struct hn_candidates *c, double p)
{
    const struct hn_mass mass = hn_mass_init(c->max, 1, c->n);
    enum { SUMS = 8 };
    double sums[SUMS] = {0};
    uint64_t total = 0;
    size_t n = 0;
    for (size_t at = 0; at < c->n; at += BLOCK) {
        uint64_t weights[BLOCK];
        const size_t count = hn_min(BLOCK, c->n - at);
        const uint64_t sum = hn_mass_block(&mass, c->x + at, count, weights);
        if (!sum) continue;
        total += sum;
        for (size_t i = 0; i < count; i++) {
            if (!weights[i]) continue;
            sums[i % SUMS] += (double)weights[i] * ((double)c->x[at + i] - mass.max);
            c->weights[n] = weights[i];
            keep(c, n++, at + i);
        }
    }
    become_list(c, n);
    double mean = 0;
    for (int i = 0; i < SUMS; i++)
        mean += sums[i];
    mean /= (double)total;
    for (size_t i = 0; i < n; i++)
        c->keys[i] = oddity((double)c->x[i] - mass.max, mean, c->id[i]);
    const uint64_t last = hn_select(c->keys, c->weights, n, mass_needed(total, p));
    size_t left = 0;
    for (size_t i = 0; i < n; i++)
        if (oddity((double)c->x[i] - mass.max, mean, c->id[i]) <= last) keep(c, left++, i);
    become_list(c, left);
    scan(c);
}

void hn_filter_min_p(struct hn_candidates *c, double log_p)
{
    size_t n = 0;
    const double max = c->max;
    for (size_t at = 0; at < c->n; at += BLOCK) {
        if ((double)c->block_max[at / BLOCK] - max < log_p) continue;
        const size_t end = hn_min(at + BLOCK, c->n);
        for (size_t i = at; i < end; i++)
            if ((double)c->x[i] - max >= log_p) keep(c, n++, i);
    }
    become_list(c, n);
    scan(c);
}

int32_t hn_candidates_best(const struct hn_candidates *c)
{
    size_t i = 0;
    while (c->block_max[i / BLOCK] < c->max)
        i += BLOCK;
    while (c->x[i] < c->max)
        i++;
    return id_of(c, i);
}

int32_t hn_candidates_draw(struct hn_candidates *c, double temperature, uint64_t uniform)
{
    if (c->n == 1) return id_of(c, 0);
    const struct hn_mass mass = hn_mass_init(c->max, temperature, c->n);
    uint64_t total = 0, weights[BLOCK];
    for (size_t at = 0; at < c->n; at += BLOCK) {
        const size_t count = hn_min(BLOCK, c->n - at);
        total += c->keys[at / BLOCK] = hn_mass_block(&mass, c->x + at, count, weights);
    }
    uint64_t left = (uint64_t)(((unsigned __int128)uniform * total) >> 64);
    size_t at = 0;
    for (; left >= c->keys[at / BLOCK]; at += BLOCK)
        left -= c->keys[at / BLOCK];
    hn_mass_block(&mass, c->x + at, hn_min(BLOCK, c->n - at), weights);
    size_t i = 0;
    for (; left >= weights[i]; i++)
        left -= weights[i];
    return id_of(c, at + i);
}
