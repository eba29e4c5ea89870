/* Time of one pick for each setting of the sampler, in microseconds, median of many picks over logits
 * as models give them: most of the vocabulary near the bottom, some hundred tokens that matter.
 *
 *     sample [VOCABULARY_SIZE...] */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/rng.h"
#include "engine/filter.h"
#include "engine/sampler.h"

enum { PICKS = 301, SETS = 8 };

static int by_time(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Sums of uniform numbers, nearly normal, deviation `spread`; the last one stands out. */
static void fill(float *x, size_t n, uint64_t seed, float spread)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t r[4];
        hn_philox(seed, i, 9, r);
        const float sum = (float)r[0] + (float)r[1] + (float)r[2] + (float)r[3];
        x[i] = (sum * 0x1p-32f - 2) * spread / 0.57735f;
    }
    x[n / 3] = spread * 5;
}

static void measure(const char *label, const struct hn_sample_params *params, float *const *sets,
                    size_t vocab, const uint32_t *allowed)
{
    struct hn_sampler *sampler = NULL;
    struct hn_candidates *work = NULL;
    struct hn_error err = {0};
    static uint64_t times[PICKS];
    if (hn_sampler_create(params, vocab, 8192, &sampler, &err) < 0 ||
        hn_candidates_create(vocab, &work, &err) < 0) {
        fprintf(stderr, "sample: %s\n", err.text);
        exit(EXIT_FAILURE);
    }
    for (int32_t i = 0; i < 2000; i++)
        hn_sampler_accept(sampler, i % 500 * 31, i > 1000);
    for (int i = 0; i < PICKS; i++) {
        struct hn_pick out;
        const uint64_t start = hn_clock_ns();
        if (hn_sampler_pick(sampler, work, sets[i % SETS], allowed, (uint64_t)i, &out, &err) < 0) {
            fprintf(stderr, "sample: %s\n", err.text);
            exit(EXIT_FAILURE);
        }
        times[i] = hn_clock_ns() - start;
    }
    qsort(times, PICKS, sizeof *times, by_time);
    printf("  %-34s %8.1f us  (%.1f to %.1f, %.2f ns a token)\n", label,
           (double)times[PICKS / 2] * 1e-3, (double)times[PICKS / 20] * 1e-3,
           (double)times[PICKS - 1 - PICKS / 20] * 1e-3, (double)times[PICKS / 2] / (double)vocab);
    hn_sampler_destroy(sampler);
    hn_candidates_destroy(work);
}

static void measure_all(size_t vocab, float spread)
{
    float *sets[SETS];
    uint32_t *allowed = malloc(hn_div_up(vocab, 32) * sizeof *allowed);
    for (int i = 0; i < SETS; i++) {
        sets[i] = malloc(vocab * sizeof **sets);
        if (!sets[i] || !allowed) exit(EXIT_FAILURE);
        fill(sets[i], vocab, (uint64_t)i, spread);
    }
    for (size_t i = 0; i < hn_div_up(vocab, 32); i++)
        allowed[i] = i % 7 ? 0 : UINT32_MAX >> i % 32;
    printf("%zu tokens, logits with deviation %g:\n", vocab, (double)spread);
#define MEASURE(label, mask, ...)                                                                  \
    do {                                                                                           \
        struct hn_sample_params p = hn_sample_defaults();                                          \
        __VA_ARGS__;                                                                               \
        measure(label, &p, sets, vocab, mask);                                                     \
    } while (0)
    MEASURE("greedy", NULL, p.temperature = 0);
    MEASURE("temperature 1", NULL, p.temperature = 1);
    MEASURE("temperature 0.7", NULL, p.temperature = 0.7f);
    MEASURE("top-k 40", NULL, p.top_k = 40);
    MEASURE("top-k 40, top-p 0.95, min-p 0.05", NULL,
            (p.top_k = 40, p.top_p = 0.95f, p.min_p = 0.05f, p.temperature = 0.8f));
    MEASURE("top-k 10000", NULL, p.top_k = 10000);
    MEASURE("top-p 0.9", NULL, p.top_p = 0.9f);
    MEASURE("top-p 0.999", NULL, p.top_p = 0.999f);
    MEASURE("min-p 0.05", NULL, p.min_p = 0.05f);
    MEASURE("typical 0.9", NULL, p.typical_p = 0.9f);
    MEASURE("penalties, temperature 0", NULL,
            (p.temperature = 0, p.repeat_penalty = 1.1f, p.frequency_penalty = 0.5f));
    MEASURE("logprobs 5, temperature 0", NULL, (p.temperature = 0, p.top_logprobs = 5));
    MEASURE("logprobs 20, top-p 0.9", NULL, (p.top_p = 0.9f, p.top_logprobs = 20));
    MEASURE("mask, min-p 0.05", allowed, p.min_p = 0.05f);
    MEASURE("mask, temperature 1", allowed, p.temperature = 1);
    for (int i = 0; i < SETS; i++)
        free(sets[i]);
    free(allowed);
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {32000, 152064};
    for (int i = 1; i < argc; i++)
        measure_all(strtoul(argv[i], NULL, 10), 2.5f);
    for (size_t i = 0; argc == 1 && i < HN_COUNT(sizes); i++) {
        measure_all(sizes[i], 2.5f);
        measure_all(sizes[i], 0.001f); /* all nearly the same: the worst for a selection */
    }
    return EXIT_SUCCESS;
}
