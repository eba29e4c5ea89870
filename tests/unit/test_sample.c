#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/rng.h"
#include "engine/filter.h"
#include "engine/mass.h"
#include "engine/sampler.h"
#include "engine/select.h"
#include "unit.h"

enum { MAX_N = 5000 };

/* Random numbers of the tests; a fixed sequence. */
static uint64_t counter;
static uint32_t draw32(void)
{
    uint32_t out[4];
    hn_philox(77, counter++, 0, out);
    return out[0];
}
static double draw_unit(void)
{
    return draw32() * 0x1p-32;
}

/* Logits as a model gives them, roughly; `grain` > 0 rounds them to make equals. */
static void random_logits(float *x, size_t n, double spread, double grain)
{
    for (size_t i = 0; i < n; i++) {
        double v = spread * (draw_unit() + draw_unit() + draw_unit() - 1.5);
        if (grain > 0) v = grain * floor(v / grain);
        x[i] = (float)v;
    }
}

static struct hn_candidates *make_work(size_t vocab)
{
    struct hn_candidates *work = NULL;
    ck_assert_int_eq(hn_candidates_create(vocab, &work, NULL), HN_OK);
    return work;
}

static struct hn_sampler *make(const struct hn_sample_params *params, size_t vocab)
{
    struct hn_sampler *s = NULL;
    struct hn_error err = {0};
    ck_assert_msg(hn_sampler_create(params, vocab, 1000, &s, &err) == HN_OK, "%s", err.text);
    return s;
}

static int32_t pick(const struct hn_sampler *s, struct hn_candidates *work, const float *x,
                    const uint32_t *allowed, uint64_t position)
{
    struct hn_pick out = {0};
    struct hn_error err = {0};
    ck_assert_msg(hn_sampler_pick(s, work, x, allowed, position, &out, &err) == HN_OK, "%s",
                  err.text);
    return out.id;
}

START_TEST(weights_are_exponentials)
{
    for (size_t n = 1; n < 1u << 24; n = n * 3 + 1) {
        const struct hn_mass mass = hn_mass_init(12.5f, 0.7, n);
        const double one = ldexp(1, mass.shift);
        ck_assert(one * (double)n < 0x1p63);
        ck_assert_uint_eq(hn_mass_one(&mass, 12.5f), 1ull << mass.shift);
        ck_assert_uint_eq(hn_mass_one(&mass, -INFINITY), 0);
        ck_assert_uint_eq(hn_mass_one(&mass, -FLT_MAX), 0);
        for (int i = 0; i < 500; i++) {
            const float x = (float)(12.5 - 30 * draw_unit());
            const double expected = one * exp(((double)x - 12.5) / 0.7);
            ck_assert_double_le(fabs((double)hn_mass_one(&mass, x) - expected),
                                0.5 + expected * 2e-14);
        }
    }
    float x[HN_MASS_BLOCK];
    uint64_t weights[HN_MASS_BLOCK], sum = 0;
    random_logits(x, HN_MASS_BLOCK, 8, 0);
    const struct hn_mass mass = hn_mass_init(12, 1, 152064);
    const uint64_t all = hn_mass_block(&mass, x, HN_MASS_BLOCK, weights);
    for (size_t i = 0; i < HN_MASS_BLOCK; i++) {
        ck_assert_uint_eq(weights[i], hn_mass_one(&mass, x[i]));
        sum += weights[i];
    }
    ck_assert_uint_eq(sum, all);
    for (double v = 1e-300; v < 1e300; v *= 1.37)
        ck_assert_double_le(fabs(hn_mass_log(v) - log(v)), 1e-15 * fabs(log(v)) + 1e-16);
    ck_assert(hn_mass_log(1) == 0);
}
END_TEST

static int ascending(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

START_TEST(selection_agrees_with_sorting)
{
    static uint64_t keys[MAX_N], sorted[MAX_N], weights[MAX_N];
    for (int round = 0; round < 300; round++) {
        const size_t n = 1 + draw32() % (round % 3 ? 60 : MAX_N);
        const int shift = (int)(draw32() % 50);
        uint64_t total = 0;
        for (size_t i = 0; i < n; i++) {
            /* Distinct; many share their high bits. */
            keys[i] = (uint64_t)(draw32() % 7) << shift << 13 | (i * 2654435761u % 8191);
            sorted[i] = keys[i];
        }
        qsort(sorted, n, sizeof *sorted, ascending);
        size_t distinct = 1;
        for (size_t i = 1; i < n; i++)
            distinct += sorted[i] != sorted[i - 1];
        ck_assert_uint_eq(distinct, n);
        const size_t k = 1 + draw32() % n;
        /* The weight of a key is a function of it. */
        for (size_t i = 0; i < n; i++) {
            weights[i] = keys[i] % 1000 * (keys[i] % 3);
            total += weights[i];
        }
        uint64_t copy[MAX_N];
        memcpy(copy, keys, n * sizeof *keys);
        ck_assert_uint_eq(hn_select(copy, NULL, n, k), sorted[k - 1]);
        if (!total) continue;
        const uint64_t needed = 1 + draw32() % total;
        uint64_t sum = 0;
        size_t at = 0;
        while ((sum += sorted[at] % 1000 * (sorted[at] % 3)) < needed)
            at++;
        ck_assert_uint_eq(hn_select(keys, weights, n, needed), sorted[at]);
    }
}
END_TEST

/* The plain form of the filters: everything sorted. */
struct plain {
    double key; /* the order: ascending */
    float x;
    int32_t id;
    uint64_t weight;
};

static int plain_order(const void *a, const void *b)
{
    const struct plain *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static size_t plain_prefix(struct plain *p, size_t n, double share)
{
    uint64_t total = 0, sum = 0;
    for (size_t i = 0; i < n; i++)
        total += p[i].weight;
    qsort(p, n, sizeof *p, plain_order);
    for (size_t i = 0; i < n; i++)
        if ((sum += p[i].weight) && (double)sum >= ceil((double)total * share)) return i + 1;
    return n;
}

static void plain_weigh(struct plain *p, size_t n)
{
    float max = -INFINITY;
    for (size_t i = 0; i < n; i++)
        max = p[i].x > max ? p[i].x : max;
    const struct hn_mass mass = hn_mass_init(max, 1, n);
    for (size_t i = 0; i < n; i++) {
        p[i].weight = hn_mass_one(&mass, p[i].x);
        p[i].key = -(double)p[i].x;
    }
}

static size_t plain_filter(struct plain *p, size_t n, const struct hn_sample_params *params)
{
    plain_weigh(p, n);
    if (params->top_k > 0 && (size_t)params->top_k < n) {
        qsort(p, n, sizeof *p, plain_order);
        n = (size_t)params->top_k;
    }
    plain_weigh(p, n);
    if (params->typical_p < 1) {
        long double sum = 0, total = 0;
        float max = -INFINITY;
        for (size_t i = 0; i < n; i++)
            max = p[i].x > max ? p[i].x : max;
        size_t left = 0;
        for (size_t i = 0; i < n; i++) {
            if (!p[i].weight) continue;
            sum += (long double)p[i].weight * ((long double)p[i].x - (long double)max);
            total += p[i].weight;
            p[left++] = p[i];
        }
        n = left;
        for (size_t i = 0; i < n; i++)
            p[i].key = (double)(float)fabsl((long double)p[i].x - (long double)max - sum / total);
        n = plain_prefix(p, n, (double)params->typical_p);
        plain_weigh(p, n);
    }
    if (params->top_p < 1) n = plain_prefix(p, n, (double)params->top_p);
    if (params->min_p > 0) {
        size_t left = 0;
        plain_weigh(p, n);
        qsort(p, n, sizeof *p, plain_order);
        while (left < n && (double)p[left].x - (double)p[0].x >= log((double)params->min_p))
            left++;
        n = left;
    }
    for (size_t i = 0; i < n; i++)
        p[i].key = p[i].id;
    qsort(p, n, sizeof *p, plain_order);
    return n;
}

static void check_filters(const float *x, size_t n, const struct hn_sample_params *params)
{
    static struct plain p[MAX_N];
    struct hn_candidates *work = make_work(n);
    for (size_t i = 0; i < n; i++)
        p[i] = (struct plain){.x = x[i], .id = (int32_t)i};
    const size_t left = plain_filter(p, n, params);
    ck_assert_int_eq(hn_candidates_reset(work, x, n, NULL), HN_OK);
    if (params->top_k > 0) hn_filter_top_k(work, (size_t)params->top_k);
    if (params->typical_p < 1) hn_filter_typical(work, (double)params->typical_p);
    if (params->top_p < 1) hn_filter_top_p(work, (double)params->top_p);
    if (params->min_p > 0) hn_filter_min_p(work, hn_mass_log((double)params->min_p));
    ck_assert_msg(work->n == left, "k %d typical %g p %g min %g: %zu of %zu left, not %zu",
                  params->top_k, (double)params->typical_p, (double)params->top_p,
                  (double)params->min_p, work->n, n, left);
    for (size_t i = 0; i < left; i++)
        ck_assert_int_eq(work->id ? work->id[i] : (int32_t)i, p[i].id);
    hn_candidates_destroy(work);
}

START_TEST(filters_agree_with_sorting)
{
    static float x[MAX_N];
    static const size_t sizes[] = {1, 2, 15, 63, 64, 65, 200, 1000, MAX_N};
    static const double spreads[] = {0, 0.01, 2, 12, 60};
    static const double grains[] = {0, 0.25, 3};
    for (size_t i = 0; i < HN_COUNT(sizes); i++)
        for (size_t j = 0; j < HN_COUNT(spreads); j++)
            for (size_t g = 0; g < HN_COUNT(grains); g++) {
                const size_t n = sizes[i];
                random_logits(x, n, spreads[j], grains[g]);
                if (n > 64)
                    for (size_t m = 0; m < n; m += 1 + draw32() % 9)
                        x[m] = m ? -INFINITY : x[m];
                for (int only = 0; only < 12; only++) {
                    struct hn_sample_params p = hn_sample_defaults();
                    if (only == 0 || only > 4) p.top_k = (int32_t)(1 + draw32() % (2 * n));
                    if (only == 1 || only > 7) p.typical_p = (float)draw_unit();
                    if (only == 2 || only > 5) p.top_p = (float)draw_unit();
                    if (only == 3 || only > 6) p.min_p = (float)pow(draw_unit(), 3);
                    if (only == 4) p.top_p = 0.9999f;
                    check_filters(x, n, &p);
                }
            }
}
END_TEST

START_TEST(one_token_always_stays)
{
    float x[300];
    random_logits(x, 300, 5, 0.5);
    struct hn_sample_params p = hn_sample_defaults();
    p.top_p = 0;
    check_filters(x, 300, &p);
    p.typical_p = 0;
    check_filters(x, 300, &p);
    p.min_p = 1;
    p.top_k = 1;
    check_filters(x, 300, &p);
    struct hn_candidates *work = make_work(300);
    ck_assert_int_eq(hn_candidates_reset(work, x, 300, NULL), HN_OK);
    hn_filter_top_p(work, 0);
    ck_assert_uint_eq(work->n, 1);
    ck_assert_float_eq(work->x[0], work->max);
    hn_candidates_destroy(work);
}
END_TEST

/* Draws `draws` tokens and compares their frequencies with `expected` probabilities (0: never). */
static void check_distribution(const struct hn_sample_params *params, const float *x, size_t n,
                               const double *expected, int draws)
{
    static int seen[MAX_N];
    struct hn_sampler *s = make(params, n);
    struct hn_candidates *work = make_work(n);
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < draws; i++)
        seen[pick(s, work, x, NULL, (uint64_t)i)]++;
    double chi = 0;
    int classes = 0;
    for (size_t i = 0; i < n; i++) {
        const double count = expected[i] * draws;
        if (count == 0) {
            ck_assert_int_eq(seen[i], 0);
            continue;
        }
        chi += (seen[i] - count) * (seen[i] - count) / count;
        classes++;
    }
    /* Mean and deviation of a chi-square; the draws are fixed, so this passes or fails for good. */
    const double freedom = classes - 1;
    ck_assert_msg(chi < freedom + 3.5 * sqrt(2 * freedom) + 1, "chi-square %g of %g", chi, freedom);
    hn_sampler_destroy(s);
    hn_candidates_destroy(work);
}

static void softmax(const float *x, size_t n, double temperature, double *p)
{
    double sum = 0, max = -INFINITY;
    for (size_t i = 0; i < n; i++)
        max = (double)x[i] > max ? (double)x[i] : max;
    for (size_t i = 0; i < n; i++)
        sum += p[i] = exp(((double)x[i] - max) / temperature);
    for (size_t i = 0; i < n; i++)
        p[i] /= sum;
}

START_TEST(draws_follow_the_distribution)
{
    const float x[8] = {1, -0.5f, 2.25f, 0, 2.25f, -INFINITY, -3, 1.5f};
    double expected[300];
    static const float temperatures[] = {0.5f, 1, 2, 50};
    for (size_t i = 0; i < HN_COUNT(temperatures); i++)
        for (uint64_t seed = 0; seed < 3; seed++) {
            struct hn_sample_params p = hn_sample_defaults();
            p.temperature = temperatures[i];
            p.seed = seed << 40 | seed;
            softmax(x, 8, (double)temperatures[i], expected);
            check_distribution(&p, x, 8, expected, 50000);
        }
    float wide[300];
    random_logits(wide, 300, 2, 0);
    struct hn_sample_params p = hn_sample_defaults();
    p.temperature = 0.9f;
    softmax(wide, 300, (double)0.9f, expected);
    check_distribution(&p, wide, 300, expected, 200000);
}
END_TEST

START_TEST(filters_come_before_the_temperature)
{
    /* Of p = 0.1 0.2 0.3 0.4, top-p 0.6 leaves the last two, whatever the temperature. */
    const float x[4] = {logf(0.1f), logf(0.2f), logf(0.3f), logf(0.4f)};
    struct hn_sample_params p = hn_sample_defaults();
    p.top_p = 0.6f;
    p.temperature = 2;
    const double a = sqrt(0.3), b = sqrt(0.4);
    check_distribution(&p, x, 4, (const double[]){0, 0, a / (a + b), b / (a + b)}, 50000);
    p.top_p = 1;
    p.temperature = 1;
    p.min_p = 0.6f;
    check_distribution(&p, x, 4, (const double[]){0, 0, 3 / 7., 4 / 7.}, 50000);
    p.min_p = 0;
    p.top_k = 3;
    check_distribution(&p, x, 4, (const double[]){0, 2 / 9., 3 / 9., 4 / 9.}, 50000);
    /* The expected surprise is 1.28 nats; 0.3 has 1.2, 0.2 has 1.61, 0.4 has 0.92. */
    p.top_k = 0;
    p.typical_p = 0.45f;
    check_distribution(&p, x, 4, (const double[]){0, 2 / 5., 3 / 5., 0}, 50000);
}
END_TEST

START_TEST(positions_draw_independently)
{
    const float x[4] = {0, 0, 0, 0};
    struct hn_sample_params p = hn_sample_defaults();
    struct hn_sampler *s = make(&p, 4);
    struct hn_candidates *work = make_work(4);
    enum { DRAWS = 64000 };
    int pairs[3][16] = {{0}};
    static int32_t ids[DRAWS];
    for (int i = 0; i < DRAWS; i++)
        ids[i] = pick(s, work, x, NULL, (uint64_t)i);
    for (int i = 0; i + 64 < DRAWS; i++) {
        pairs[0][ids[i] * 4 + ids[i + 1]]++;
        pairs[1][ids[i] * 4 + ids[i + 2]]++;
        pairs[2][ids[i] * 4 + ids[i + 64]]++;
    }
    for (int lag = 0; lag < 3; lag++) {
        const double expected = (DRAWS - 64) / 16.0;
        double chi = 0;
        for (int i = 0; i < 16; i++)
            chi += (pairs[lag][i] - expected) * (pairs[lag][i] - expected) / expected;
        ck_assert_double_le(chi, 37.7); /* 15 degrees of freedom, one in a thousand */
    }
    hn_sampler_destroy(s);
    hn_candidates_destroy(work);
}
END_TEST

START_TEST(the_same_seed_draws_the_same)
{
    static float x[MAX_N];
    for (size_t i = 0; i < MAX_N; i++)
        x[i] = (float)((i * 7919) % 1009) * 0.0078125f;
    struct hn_sample_params p = hn_sample_defaults();
    p.seed = 0x123456789ABCDEF;
    struct hn_sampler *s = make(&p, MAX_N);
    struct hn_candidates *work = make_work(MAX_N), *other = make_work(2 * MAX_N);
    /* Written down once: every machine and every later version has to draw these. */
    static const int32_t golden[8] = {3601, 3397, 4841, 3365, 3126, 1703, 1867, 2784};
    for (uint64_t i = 8; i-- > 0;) { /* in any order */
        ck_assert_int_eq(pick(s, work, x, NULL, i), golden[i]);
        ck_assert_int_eq(pick(s, other, x, NULL, i), golden[i]);
    }
    hn_sampler_destroy(s);
    p.seed++;
    s = make(&p, MAX_N);
    int same = 0;
    for (uint64_t i = 0; i < 8; i++)
        same += pick(s, work, x, NULL, i) == golden[i];
    ck_assert_int_lt(same, 3);
    hn_sampler_destroy(s);
    hn_candidates_destroy(work);
    hn_candidates_destroy(other);
}
END_TEST

START_TEST(greedy_takes_the_lowest_of_equals)
{
    static float x[MAX_N];
    struct hn_sample_params p = hn_sample_defaults();
    p.temperature = 0;
    p.top_k = 3;
    for (size_t n = 1; n <= MAX_N; n = n * 2 + 1) {
        struct hn_sampler *s = make(&p, n);
        struct hn_candidates *work = make_work(n);
        for (int round = 0; round < 20; round++) {
            random_logits(x, n, 3, round % 2 ? 0.5 : 0);
            size_t best = 0;
            for (size_t i = 1; i < n; i++)
                if (x[i] > x[best]) best = i;
            ck_assert_int_eq(pick(s, work, x, NULL, 0), (int32_t)best);
        }
        hn_sampler_destroy(s);
        hn_candidates_destroy(work);
    }
}
END_TEST

/* What a logit became is not seen from outside, but greedy picks between two tokens tell which of them
 * is larger, and the formula has to say the same. */
START_TEST(penalties_follow_their_formulas)
{
    enum { N = 40 };
    float x[N];
    for (int round = 0; round < 60; round++) {
        struct hn_sample_params p = hn_sample_defaults();
        p.temperature = 0;
        if (round % 2) p.repeat_penalty = (float)(0.5 + 2 * draw_unit());
        if (round % 3) p.frequency_penalty = (float)(draw_unit() - 0.3);
        if (round % 5) p.presence_penalty = (float)(draw_unit() - 0.3);
        p.repeat_last_n = round % 4 == 0 ? -1 : round % 4 == 1 ? 0 : (int32_t)(draw32() % 30);
        struct hn_sampler *s = make(&p, N);
        struct hn_candidates *work = make_work(N);
        enum { SEQUENCE = 60, PROMPT = 25 };
        int32_t ids[SEQUENCE];
        for (int i = 0; i < SEQUENCE; i++) {
            ids[i] = (int32_t)(draw32() % (N / 2));
            ck_assert_int_eq(hn_sampler_accept(s, ids[i], i >= PROMPT), HN_OK);
        }
        random_logits(x, N, 4, 0);
        double after[N];
        for (int t = 0; t < N; t++) {
            int recent = 0, generated = 0;
            for (int i = 0; i < SEQUENCE; i++) {
                const bool in = p.repeat_last_n < 0 || i >= SEQUENCE - p.repeat_last_n;
                recent += ids[i] == t && in;
                generated += ids[i] == t && i >= PROMPT;
            }
            after[t] = (double)x[t];
            if (recent)
                after[t] = x[t] > 0 ? (double)x[t] / (double)p.repeat_penalty
                                    : (double)x[t] * (double)p.repeat_penalty;
            if (generated)
                after[t] -= generated * (double)p.frequency_penalty + (double)p.presence_penalty;
        }
        for (int a = 0; a < N; a++)
            for (int b = 0; b < a; b++) {
                if (fabs(after[a] - after[b]) < 1e-5) continue;
                uint32_t allowed[2] = {0};
                allowed[a / 32] |= 1u << a % 32;
                allowed[b / 32] |= 1u << b % 32;
                ck_assert_int_eq(pick(s, work, x, allowed, 0), after[a] > after[b] ? a : b);
            }
        hn_sampler_destroy(s);
        hn_candidates_destroy(work);
    }
}
END_TEST

START_TEST(a_sampler_takes_as_many_tokens_as_agreed)
{
    struct hn_sample_params p = hn_sample_defaults();
    p.frequency_penalty = 1;
    struct hn_sampler *s = NULL;
    ck_assert_int_eq(hn_sampler_create(&p, 10, 3, &s, NULL), HN_OK);
    for (int32_t i = 0; i < 3; i++)
        ck_assert_int_eq(hn_sampler_accept(s, i, true), HN_OK);
    ck_assert_int_eq(hn_sampler_accept(s, 1, true), HN_E_LIMIT);
    ck_assert_int_eq(hn_sampler_accept(s, 10, true), HN_E_ARG);
    ck_assert_int_eq(hn_sampler_accept(s, -1, true), HN_E_ARG);
    hn_sampler_destroy(s);
}
END_TEST

START_TEST(bias_is_added_and_minus_infinity_rules_out)
{
    const float x[5] = {0, 1, 2, 3, 4};
    const struct hn_logit_bias bias[] = {{0, 3}, {0, 2.5f}, {4, -INFINITY}, {3, 1}};
    struct hn_sample_params p = hn_sample_defaults();
    p.temperature = 0;
    p.bias = bias;
    p.n_bias = 4;
    struct hn_sampler *s = make(&p, 5);
    struct hn_candidates *work = make_work(5);
    ck_assert_int_eq(pick(s, work, x, NULL, 0), 0);
    ck_assert_int_eq(pick(s, work, x, (const uint32_t[]){0x1E}, 0), 3);
    ck_assert_int_eq(pick(s, work, x, (const uint32_t[]){0x12}, 0), 1);
    struct hn_pick out;
    struct hn_error err = {0};
    ck_assert_int_eq(hn_sampler_pick(s, work, x, (const uint32_t[]){0x10}, 0, &out, &err),
                     HN_E_NOTFOUND);
    ck_assert_str_eq(err.text, "no token may come next: all are ruled out");
    hn_sampler_destroy(s);
    hn_candidates_destroy(work);
}
END_TEST

START_TEST(only_allowed_tokens_are_drawn)
{
    enum { N = 1000 };
    static float x[N];
    static uint32_t allowed[(N + 31) / 32];
    random_logits(x, N, 3, 0);
    struct hn_sample_params p = hn_sample_defaults();
    struct hn_sampler *s = make(&p, N);
    struct hn_candidates *work = make_work(N);
    for (int round = 0; round < 200; round++) {
        const uint32_t keep = round % 3 ? draw32() & draw32() : 0;
        for (size_t i = 0; i < HN_COUNT(allowed); i++)
            allowed[i] = round % 5 == 0 ? (i % 2 ? UINT32_MAX : 0) : keep & draw32();
        const uint32_t one = draw32() % N;
        allowed[one / 32] |= 1u << one % 32;
        const int32_t id = pick(s, work, x, allowed, (uint64_t)round);
        ck_assert(allowed[id / 32] >> id % 32 & 1);
    }
    /* Bits past the vocabulary mean nothing. */
    memset(allowed, 0, sizeof allowed);
    allowed[HN_COUNT(allowed) - 1] = ~((1u << (N % 32)) - 1) | 1u;
    ck_assert_int_eq(pick(s, work, x, allowed, 0), N / 32 * 32);
    hn_sampler_destroy(s);
    hn_candidates_destroy(work);
}
END_TEST

START_TEST(logprobs_are_those_of_the_model)
{
    static float x[MAX_N];
    static double p[MAX_N];
    for (size_t n = 1; n <= MAX_N; n = n * 3 + 2) {
        random_logits(x, n, 9, n % 2 ? 0.5 : 0);
        if (n > 2) x[1] = -INFINITY;
        softmax(x, n, 1, p);
        struct hn_sample_params params = hn_sample_defaults();
        params.temperature = 3;
        params.top_k = 5;
        params.top_logprobs = (int32_t)(n % 21);
        const struct hn_logit_bias bias = {(int32_t)n - 1, 40};
        params.bias = &bias;
        params.n_bias = 1;
        struct hn_sampler *s = make(&params, n);
        struct hn_candidates *work = make_work(n);
        struct hn_pick out;
        ck_assert_int_eq(hn_sampler_pick(s, work, x, NULL, 5, &out, NULL), HN_OK);
        ck_assert_int_eq(out.id, (int32_t)n - 1);
        ck_assert_double_le(fabs((double)out.logprob - log(p[n - 1])), 2e-6);
        ck_assert_int_eq(out.n_top, (int32_t)hn_min(n, n % 21));
        static struct plain sorted[MAX_N];
        for (size_t i = 0; i < n; i++)
            sorted[i] = (struct plain){.key = -(double)x[i], .id = (int32_t)i};
        qsort(sorted, n, sizeof *sorted, plain_order);
        for (int i = 0; i < out.n_top; i++) {
            ck_assert_int_eq(out.top[i].id, sorted[i].id);
            const double expected = log(p[sorted[i].id]), got = (double)out.top[i].logprob;
            ck_assert(expected == got || fabs(got - expected) < 2e-6);
        }
        hn_sampler_destroy(s);
        hn_candidates_destroy(work);
    }
    const float two[2] = {1, -INFINITY};
    struct hn_sample_params params = hn_sample_defaults();
    params.top_logprobs = 2;
    struct hn_sampler *s = make(&params, 2);
    struct hn_candidates *work = make_work(2);
    struct hn_pick out;
    ck_assert_int_eq(hn_sampler_pick(s, work, two, NULL, 5, &out, NULL), HN_OK);
    ck_assert(out.n_top == 2 && out.top[0].logprob == 0 && out.top[1].logprob == -INFINITY);
    hn_sampler_destroy(s);
    hn_candidates_destroy(work);
}
END_TEST

START_TEST(extreme_logits_are_sampled)
{
    static const float cases[][3] = {
        {FLT_MAX, -FLT_MAX, FLT_MAX},
        {-FLT_MAX, -FLT_MAX, -INFINITY},
        {FLT_MIN, -FLT_MIN, 0},
        {-0.0f, 0.0f, -0.0f},
    };
    static const float temperatures[] = {0, FLT_MIN, 1e-3f, 1, 1000};
    for (size_t i = 0; i < HN_COUNT(cases); i++)
        for (size_t t = 0; t < HN_COUNT(temperatures); t++)
            for (size_t n = 1; n <= 3; n++) {
                struct hn_sample_params p = hn_sample_defaults();
                p.temperature = temperatures[t];
                p.typical_p = 0.9f;
                p.top_p = 0.9f;
                p.min_p = 1e-30f;
                p.top_logprobs = 3;
                p.repeat_penalty = 0.01f;
                struct hn_sampler *s = make(&p, n);
                struct hn_candidates *work = make_work(n);
                ck_assert_int_eq(hn_sampler_accept(s, 0, false), HN_OK);
                for (uint64_t at = 0; at < 20; at++) {
                    const int32_t id = pick(s, work, cases[i], NULL, at);
                    ck_assert(id >= 0 && (size_t)id < n && cases[i][id] >= -FLT_MAX);
                }
                hn_sampler_destroy(s);
                hn_candidates_destroy(work);
            }
}
END_TEST

START_TEST(logits_that_are_no_numbers_are_errors)
{
    float x[200];
    struct hn_sample_params p = hn_sample_defaults();
    struct hn_sampler *s = make(&p, 200);
    struct hn_candidates *work = make_work(200);
    struct hn_pick out;
    struct hn_error err = {0};
    for (size_t at = 0; at < 200; at += 33) {
        random_logits(x, 200, 3, 0);
        x[at] = NAN;
        ck_assert_int_eq(hn_sampler_pick(s, work, x, NULL, 0, &out, &err), HN_E_FORMAT);
        ck_assert_ptr_nonnull(strstr(err.text, "is not a number"));
        x[at] = INFINITY;
        ck_assert_int_eq(hn_sampler_pick(s, work, x, NULL, 0, &out, &err), HN_E_FORMAT);
        char expected[64];
        snprintf(expected, sizeof expected, "the logit of token %zu is infinite", at);
        ck_assert_str_eq(err.text, expected);
    }
    for (size_t i = 0; i < 200; i++)
        x[i] = -INFINITY;
    ck_assert_int_eq(hn_sampler_pick(s, work, x, NULL, 0, &out, &err), HN_E_FORMAT);
    hn_sampler_destroy(s);
    hn_candidates_destroy(work);
    ck_assert_int_eq(hn_candidates_create(0, &work, &err), HN_E_ARG);
}
END_TEST

START_TEST(every_field_has_its_range)
{
#define BAD(field, value, name)                                                                    \
    do {                                                                                           \
        struct hn_sample_params p = hn_sample_defaults();                                          \
        struct hn_error err = {0};                                                                 \
        ck_assert_int_eq(hn_sample_check(&p, 10, &err), HN_OK);                                    \
        p.field = value;                                                                           \
        ck_assert_int_eq(hn_sample_check(&p, 10, &err), HN_E_ARG);                                 \
        ck_assert_msg(!strncmp(err.text, name ":", strlen(name) + 1), "%s", err.text);             \
    } while (0)
    BAD(temperature, -0.1f, "temperature");
    BAD(temperature, NAN, "temperature");
    BAD(temperature, INFINITY, "temperature");
    BAD(top_k, -2, "top_k");
    BAD(top_p, 1.01f, "top_p");
    BAD(top_p, NAN, "top_p");
    BAD(min_p, -1, "min_p");
    BAD(typical_p, 2, "typical_p");
    BAD(repeat_penalty, 0, "repeat_penalty");
    BAD(repeat_last_n, -2, "repeat_last_n");
    BAD(frequency_penalty, 101, "frequency_penalty");
    BAD(presence_penalty, -INFINITY, "presence_penalty");
    BAD(top_logprobs, 21, "top_logprobs");
    BAD(n_bias, HN_SAMPLE_MAX_BIAS + 1, "logit_bias");
    BAD(n_bias = 1; p.bias, (&(struct hn_logit_bias){10, 1}), "logit_bias");
    BAD(n_bias = 1; p.bias, (&(struct hn_logit_bias){-1, 1}), "logit_bias");
    BAD(n_bias = 1; p.bias, (&(struct hn_logit_bias){1, INFINITY}), "logit_bias");
    BAD(n_bias = 1; p.bias, (&(struct hn_logit_bias){1, NAN}), "logit_bias");
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("sample");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, weights_are_exponentials);
    tcase_add_test(tc, selection_agrees_with_sorting);
    tcase_add_test(tc, filters_agree_with_sorting);
    tcase_add_test(tc, one_token_always_stays);
    tcase_add_test(tc, draws_follow_the_distribution);
    tcase_add_test(tc, filters_come_before_the_temperature);
    tcase_add_test(tc, positions_draw_independently);
    tcase_add_test(tc, the_same_seed_draws_the_same);
    tcase_add_test(tc, greedy_takes_the_lowest_of_equals);
    tcase_add_test(tc, penalties_follow_their_formulas);
    tcase_add_test(tc, a_sampler_takes_as_many_tokens_as_agreed);
    tcase_add_test(tc, bias_is_added_and_minus_infinity_rules_out);
    tcase_add_test(tc, only_allowed_tokens_are_drawn);
    tcase_add_test(tc, logprobs_are_those_of_the_model);
    tcase_add_test(tc, extreme_logits_are_sampled);
    tcase_add_test(tc, logits_that_are_no_numbers_are_errors);
    tcase_add_test(tc, every_field_has_its_range);
    return run_unit("sample", tc);
}
