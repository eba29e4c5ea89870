/* The kernels of trees, every level against the reference: exactly, between guard bands, unaligned. */
#include "../unit/unit.h"

#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "kernels/kernels.h"

enum { GUARD = 64, ODD = 1 };

/* The level's kernels; NULL where this machine lacks it. */
static const struct hn_kernels *level_at(int level)
{
    return level <= (int)hn_cpu_detect() ? hn_kernels_for((enum hn_cpu_level)level) : NULL;
}

/* The three lengths of blocks take turns. */
static size_t rows_at(size_t n)
{
    return (size_t)64 << n % 3;
}

struct bytes {
    uint8_t room[GUARD + ODD + HN_TREE_ROWS + GUARD];
};

static uint8_t *bytes_in(struct bytes *b)
{
    memset(b->room, 0xa5, sizeof b->room);
    return b->room + GUARD + ODD;
}

static void check_bytes(const struct bytes *got, const struct bytes *want, int level, size_t n)
{
    ck_assert_msg(memcmp(got->room, want->room, sizeof got->room) == 0, "level %d, n %zu", level,
                  n);
}

static uint64_t next(uint64_t *state, uint64_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (*state >> 33) % below;
}

START_TEST(bins_count_thresholds)
{
    static const double specials[] = {NAN, INFINITY, -INFINITY, 0.0, -0.0, 1e-40, -1e-40, 3e38};
    const struct hn_kernels *ref = hn_kernels_for(HN_CPU_REF);
    uint64_t rng = 1;
    for (size_t n = 1; n <= 255; n += n < 40 ? 1 : 7 + n % 5) {
        /* Exactly n thresholds, so that a sanitizer sees a read behind them. */
        const size_t rows = rows_at(n);
        float *t32 = malloc(n * sizeof *t32);
        double *t64 = malloc(n * sizeof *t64);
        float x32[HN_TREE_ROWS];
        double x64[HN_TREE_ROWS];
        for (size_t i = 0; i < n; i++) {
            t64[i] = (double)i - (double)n / 2;
            if (i == n - 1 && n % 3 == 0) t64[i] = INFINITY;
            t32[i] = (float)t64[i];
        }
        for (size_t i = 0; i < HN_TREE_ROWS; i++) {
            x64[i] = (double)next(&rng, 3 * n) / 2 - (double)n * 0.75;
            if (i % 5 == 0) x64[i] = specials[next(&rng, HN_COUNT(specials))];
            x32[i] = (float)x64[i];
        }
        for (int level = HN_CPU_AVX2; level < HN_CPU_LEVELS; level++) {
            const struct hn_kernels *k = level_at(level);
            struct bytes got[2], want[2];
            if (!k) continue;
            k->tree_bin_f32(bytes_in(&got[0]), bytes_in(&got[1]), x32, rows, t32, n);
            ref->tree_bin_f32(bytes_in(&want[0]), bytes_in(&want[1]), x32, rows, t32, n);
            check_bytes(&got[0], &want[0], level, n);
            check_bytes(&got[1], &want[1], level, n);
            k->tree_bin_f32(NULL, bytes_in(&got[1]), x32, rows, t32, n);
            check_bytes(&got[1], &want[1], level, n);
            k->tree_bin_f64(bytes_in(&got[0]), bytes_in(&got[1]), x64, rows, t64, n);
            ref->tree_bin_f64(bytes_in(&want[0]), bytes_in(&want[1]), x64, rows, t64, n);
            check_bytes(&got[0], &want[0], level, n);
            check_bytes(&got[1], &want[1], level, n);
            k->tree_bin_f64(bytes_in(&got[0]), NULL, x64, rows, t64, n);
            check_bytes(&got[0], &want[0], level, n);
        }
        free(t32);
        free(t64);
    }
}
END_TEST

START_TEST(steps_decide_nodes)
{
    enum { COLUMNS = 7, STEPS = 255 };
    static uint8_t columns[COLUMNS * HN_TREE_ROWS];
    static uint8_t got[HN_TREE_SLOTS * HN_TREE_ROWS], want[HN_TREE_SLOTS * HN_TREE_ROWS];
    struct hn_tree_step steps[STEPS];
    uint64_t rng = 2;
    for (size_t i = 0; i < sizeof columns; i++)
        columns[i] = (uint8_t)(next(&rng, 4) ? next(&rng, 256) : next(&rng, 2) * 255);
    for (size_t n = 0; n <= STEPS; n += 1 + n / 3) {
        const size_t rows = rows_at(n);
        for (size_t i = 0; i < n; i++)
            steps[i] = (struct hn_tree_step){.column = (uint32_t)next(&rng, COLUMNS),
                                             .a = (uint16_t)next(&rng, HN_TREE_SLOTS),
                                             .b = (uint16_t)next(&rng, HN_TREE_SLOTS),
                                             .out = (uint16_t)(256 + next(&rng, HN_TREE_RESULTS)),
                                             .bin = (uint8_t)next(&rng, 256)};
        for (int level = HN_CPU_AVX2; level < HN_CPU_LEVELS; level++) {
            if (!level_at(level)) continue;
            for (size_t i = 0; i < sizeof got; i++)
                got[i] = want[i] = (uint8_t)(i / rows);
            level_at(level)->tree_steps(got, columns, rows, steps, n);
            hn_kernels_for(HN_CPU_REF)->tree_steps(want, columns, rows, steps, n);
            ck_assert_msg(memcmp(got, want, sizeof got) == 0, "level %d, %zu steps", level, n);
        }
    }
}
END_TEST

START_TEST(leaves_add_up)
{
    uint64_t rng = 3;
    for (size_t n = 1; n <= HN_TREE_LEAVES; n += n < 70 ? 1 : 31) {
        const size_t rows = rows_at(n);
        float *v32 = malloc(n * sizeof *v32);
        double *v64 = malloc(n * sizeof *v64);
        uint8_t leaves[HN_TREE_ROWS];
        for (size_t i = 0; i < n; i++) {
            v64[i] = (double)next(&rng, 1000) / 7;
            v32[i] = (float)v64[i];
        }
        for (size_t i = 0; i < HN_TREE_ROWS; i++)
            leaves[i] = (uint8_t)next(&rng, n);
        for (int level = HN_CPU_AVX2; level < HN_CPU_LEVELS; level++) {
            if (!level_at(level)) continue;
            float a32[HN_TREE_ROWS], b32[HN_TREE_ROWS];
            double a64[HN_TREE_ROWS], b64[HN_TREE_ROWS];
            for (size_t i = 0; i < HN_TREE_ROWS; i++)
                a32[i] = b32[i] = (float)(a64[i] = b64[i] = (double)i / 3);
            level_at(level)->tree_add_f32(a32, leaves, rows, v32, n);
            hn_kernels_for(HN_CPU_REF)->tree_add_f32(b32, leaves, rows, v32, n);
            level_at(level)->tree_add_f64(a64, leaves, rows, v64, n);
            hn_kernels_for(HN_CPU_REF)->tree_add_f64(b64, leaves, rows, v64, n);
            ck_assert_msg(memcmp(a32, b32, sizeof a32) == 0, "f32, level %d, n %zu", level, n);
            ck_assert_msg(memcmp(a64, b64, sizeof a64) == 0, "f64, level %d, n %zu", level, n);
        }
        free(v32);
        free(v64);
    }
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("trees");
    tcase_add_test(tc, bins_count_thresholds);
    tcase_add_test(tc, steps_decide_nodes);
    tcase_add_test(tc, leaves_add_up);
    return run_unit("tree_kernels", tc);
}
