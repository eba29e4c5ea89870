/* Kernels on matrices (gemm.h) of every level: against the reference, at odd sizes, between guard bands;
 * and that no cut of rows, columns or of the sum changes a bit. */
#include "../unit/unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "kernels/kernels.h"
#include "sample.h"

enum { ROWS = 61, COLUMNS = 150, K = 700, PANELS = COLUMNS / HN_PANEL + 1, PITCH = COLUMNS + 11 };

static float a[ROWS * K], b[PANELS * K * HN_PANEL], bias[COLUMNS], add[ROWS * PITCH];
static _Alignas(64) char scratch[HN_GEMM_SCRATCH];

static void fill(uint64_t seed, size_t n)
{
    struct sample s = {.seed = seed};
    sample_floats(&s, a, ROWS * K, 1);
    sample_floats(&s, b, PANELS * K * HN_PANEL, 1);
    sample_floats(&s, bias, COLUMNS, 1);
    sample_floats(&s, add, ROWS * PITCH, 1);
    for (size_t p = 0; p < PANELS; p++)
        for (size_t j = 0; j < HN_PANEL; j++)
            for (size_t k = 0; k < K && p * HN_PANEL + j >= n; k++)
                b[(p * K + k) * HN_PANEL + j] = 0;
}

static const struct hn_epilogue every_epilogue[] = {
    {.activation = HN_LINEAR, .bias = bias},
    {.activation = HN_RELU, .bias = bias, .add = add, .ld_add = PITCH},
    {.activation = HN_CLIP, .low = -0.5f, .high = 2},
    {.activation = HN_SIGMOID, .bias = bias},
    {.activation = HN_TANH, .add = add, .ld_add = PITCH},
    {.activation = HN_GELU, .bias = bias},
    {.activation = HN_SILU, .low = 1},
    {.activation = HN_SILU, .low = 1.702f, .bias = bias},
    {.activation = HN_ERF},
    {.activation = HN_GELU_TANH, .bias = bias},
    {.activation = HN_LEAKY_RELU, .low = 0.1f},
    {.activation = HN_ELU, .low = 1.5f, .high = 1.25f},
    {.activation = HN_HARD_SIGMOID, .low = 0.2f, .high = 0.5f},
    {.activation = HN_HARD_SWISH},
    {.activation = HN_MISH},
};

typedef __typeof__(*((struct hn_kernels *)0)->gemm) gemm_fn;

/* Both products of every level, one after the other. */
static gemm_fn *product(int i)
{
    const struct hn_kernels *kernels = hn_kernels_for((enum hn_cpu_level)(i / 2));
    return i % 2 ? kernels->gemm_many : kernels->gemm;
}

/* y = epilogue(a b), rows and columns [first, first + n) of it, the sum in parts of `part`. */
static void multiply(gemm_fn *gemm, float *y, size_t m, size_t n, size_t k, size_t part,
                     const struct hn_epilogue *epilogue)
{
    for (size_t at = 0; at < k; at += part) {
        const struct hn_gemm g = {
            .a = a + at,
            .lda = K,
            .b = b + at * HN_PANEL,
            .ldb = K * HN_PANEL,
            .k = hn_min(part, k - at),
            .n = n,
            .y = y,
            .ldy = PITCH,
            .more = at > 0,
            .epilogue = at + part < k ? NULL : epilogue,
            .scratch = scratch,
        };
        gemm(&g, m);
    }
}

static const size_t row_counts[] = {1, 2, 3, 5, 6, 7, 13, 14, 15, 16, 17, 29, 33, 48, 61};
static const size_t column_counts[] = {1, 15, 16, 17, 32, 40, 128, 150};
static const size_t lengths[] = {1, 2, 31, 32, 33, 64, 100, 256};

START_TEST(products_agree_with_the_reference)
{
    gemm_fn *gemm = product(_i);
    static float y[ROWS * PITCH], want[ROWS * PITCH];
    for (size_t r = 0; r < HN_COUNT(row_counts); r++)
        for (size_t c = 0; c < HN_COUNT(column_counts); c++) {
            const size_t m = row_counts[r], n = column_counts[c];
            const size_t k = lengths[(r + c) % HN_COUNT(lengths)];
            const struct hn_epilogue *epilogue =
                &every_epilogue[(r * 3 + c) % HN_COUNT(every_epilogue)];
            fill(r * 100 + c, n);
            for (size_t i = 0; i < ROWS * PITCH; i++)
                y[i] = want[i] = 77;
            multiply(gemm, y, m, n, k, HN_GEMM_K, epilogue);
            multiply(product(0), want, m, n, k, HN_GEMM_K, epilogue);
            for (size_t i = 0; i < ROWS * PITCH; i++) {
                const double off = fabs((double)y[i] - (double)want[i]);
                const double bound = i / PITCH < m && i % PITCH < n ? 4e-6 * sqrt((double)k) : 0;
                expect(off <= bound, "%zu x %zu x %zu, row %zu, column %zu: %.9g, not %.9g", m, n,
                       k, i / PITCH, i % PITCH, (double)y[i], (double)want[i]);
            }
        }
}
END_TEST

START_TEST(any_cut_gives_the_same_bits)
{
    gemm_fn *gemm = product(_i);
    static float whole[ROWS * PITCH], parts[ROWS * PITCH];
    fill(9, COLUMNS);
    multiply(gemm, whole, ROWS, COLUMNS, K, HN_GEMM_K, &every_epilogue[0]);
    for (size_t row = 0, r = 0; row < ROWS; r++) {
        const size_t m = hn_min(row_counts[r % HN_COUNT(row_counts)], ROWS - row);
        for (size_t column = 0; column < COLUMNS; column += 48) {
            struct hn_epilogue epilogue = every_epilogue[0];
            epilogue.bias += column;
            for (size_t at = 0; at < K; at += HN_GEMM_K) {
                const size_t k = hn_min(HN_GEMM_K, K - at);
                const struct hn_gemm g = {
                    .a = a + row * K + at,
                    .lda = K,
                    .b = b + column * K + at * HN_PANEL,
                    .ldb = K * HN_PANEL,
                    .k = k,
                    .n = hn_min(48, COLUMNS - column),
                    .y = parts + row * PITCH + column,
                    .ldy = PITCH,
                    .more = at > 0,
                    .epilogue = at + k < K ? NULL : &epilogue,
                    .scratch = scratch,
                };
                gemm(&g, m);
            }
        }
        row += m;
    }
    for (size_t i = 0; i < ROWS; i++)
        ck_assert_mem_eq(whole + i * PITCH, parts + i * PITCH, COLUMNS * sizeof *whole);
}
END_TEST

START_TEST(activations_keep_what_is_not_a_number)
{
    const struct hn_kernels *kernels = hn_kernels_for((enum hn_cpu_level)_i);
    for (size_t f = 0; f < HN_COUNT(every_epilogue); f++) {
        const struct hn_epilogue epilogue = {
            .activation = every_epilogue[f].activation, .low = -0.5f, .high = 2};
        float y[19];
        for (size_t i = 0; i < HN_COUNT(y); i++)
            y[i] = i % 3 ? NAN : 1;
        kernels->epilogue(y, HN_COUNT(y), 1, HN_COUNT(y), &epilogue);
        for (size_t i = 0; i < HN_COUNT(y); i++)
            expect(isnan(y[i]) == (i % 3 != 0), "activation %d, element %zu: %g",
                   (int)epilogue.activation, i, (double)y[i]);
    }
}
END_TEST

START_TEST(erf_is_accurate)
{
    const struct hn_kernels *kernels = hn_kernels_for((enum hn_cpu_level)_i);
    const struct hn_epilogue epilogue = {.activation = HN_ERF};
    for (float x = 1e-30f; x < 1e4f; x *= 1.0011f) {
        float y[2] = {x, -x};
        kernels->epilogue(y, 2, 1, 2, &epilogue);
        const double want = erf((double)x);
        expect(fabs((double)y[0] - want) <= 2.4e-7 * want, "erf(%.9g) = %.9g", (double)x,
               (double)y[0]);
        expect(y[1] == -y[0], "erf(-%.9g)", (double)x);
    }
}
END_TEST

/* Rows that overlap give the bits of the same rows side by side. */
START_TEST(rows_in_pieces_are_rows)
{
    enum { PIECE = 30, PIECES = 7, STEP = 10, M = 31 };
    const struct hn_kernels *kernels = hn_kernels_for((enum hn_cpu_level)_i);
    static float rows[M * PIECE * PIECES], y[2][M * PITCH];
    static const size_t columns[] = {1, 16, 24, 32, 96, COLUMNS};
    for (size_t c = 0; c < HN_COUNT(columns) * HN_COUNT(every_epilogue); c++) {
        const size_t n = columns[c % HN_COUNT(columns)], m = 1 + c * 7 % M;
        const struct hn_epilogue *epilogue = &every_epilogue[c / HN_COUNT(columns)];
        const float *pieces[PIECES];
        fill(c, COLUMNS);
        for (size_t p = 0; p < PIECES; p++) {
            pieces[p] = a + p * 1001;
            for (size_t i = 0; i < m; i++)
                memcpy(rows + (i * PIECES + p) * PIECE, pieces[p] + i * STEP, PIECE * sizeof *rows);
        }
        for (size_t i = 0; i < M * PITCH; i++)
            y[0][i] = y[1][i] = 77;
        const struct hn_direct d = {.a = pieces,
                                    .lda = STEP,
                                    .pieces = PIECES,
                                    .piece = PIECE,
                                    .b = b,
                                    .n = n,
                                    .y = y[0],
                                    .ldy = PITCH,
                                    .epilogue = epilogue};
        kernels->direct(&d, m);
        const struct hn_gemm g = {.a = rows,
                                  .lda = PIECE * PIECES,
                                  .b = b,
                                  .ldb = PIECE * PIECES * HN_PANEL,
                                  .k = PIECE * PIECES,
                                  .n = n,
                                  .y = y[1],
                                  .ldy = PITCH,
                                  .epilogue = epilogue,
                                  .scratch = scratch};
        kernels->gemm(&g, m);
        ck_assert_mem_eq(y[0], y[1], sizeof y[0]);
    }
}
END_TEST

START_TEST(depthwise_sums_taps)
{
    const struct hn_kernels *kernels = hn_kernels_for((enum hn_cpu_level)_i);
    enum { DEEP = 37, ROW = DEEP * 43, Y_ROW = DEEP * 13, HIGH = 3 };
    static float y[3][HIGH * Y_ROW + 1];
    static const size_t shapes[][3] = {{3, 1, 1}, {3, 2, 1}, {5, 1, 2}, {1, 3, 1}};
    fill(5, COLUMNS);
    for (size_t s = 0; s < HN_COUNT(shapes) * HN_COUNT(every_epilogue); s++) {
        const size_t *of = shapes[s % HN_COUNT(shapes)];
        struct hn_epilogue epilogue = every_epilogue[s / HN_COUNT(shapes)];
        if (epilogue.add) epilogue.ld_add = DEEP;
        struct hn_depthwise d = {.x = a,
                                 .x_row = ROW,
                                 .kernel = {of[0], of[0]},
                                 .stride = {of[1], of[1]},
                                 .dilation = {of[2], of[2]},
                                 .w = b,
                                 .channels = DEEP,
                                 .y = y[0],
                                 .y_row = Y_ROW,
                                 .points = 11,
                                 .epilogue = &epilogue,
                                 .add_row = 500};
        for (size_t i = 0; i < HN_COUNT(y[0]); i++)
            y[0][i] = y[1][i] = y[2][i] = 77;
        kernels->depthwise(&d, HIGH);
        d.y = y[1];
        hn_kernels_for(HN_CPU_REF)->depthwise(&d, HIGH);
        for (size_t i = 0; i < HN_COUNT(y[0]); i++)
            expect(fabs((double)y[0][i] - (double)y[1][i]) < 1e-5,
                   "case %zu, element %zu: %g, not %g", s, i, (double)y[0][i], (double)y[1][i]);
        d.points = 1;
        for (size_t i = 0; i < HIGH * 11; i++) { /* a point alone has the same bits */
            struct hn_epilogue one = epilogue;
            d.x = a + i / 11 * of[1] * ROW + i % 11 * of[1] * DEEP;
            d.y = y[2] + i / 11 * Y_ROW + i % 11 * DEEP;
            if (one.add) one.add += i / 11 * 500 + i % 11 * DEEP;
            d.epilogue = &one;
            kernels->depthwise(&d, 1);
        }
        ck_assert_mem_eq(y[0], y[2], sizeof y[0]);
    }
}
END_TEST

enum { TILES = 17, CHANNELS = 90, OUT = 45, POINTS = TILES * HN_WINOGRAD_OUT };

/* Tiles that read points of `a` here and there, and miss every seventh point of y. */
static void place_tiles(const float **x, size_t *points)
{
    for (size_t i = 0; i < TILES * HN_WINOGRAD_IN; i++)
        x[i] = a + i * 61 % (ROWS * K - CHANNELS);
    for (size_t i = 0; i < POINTS; i++)
        points[i] = i % 7 ? POINTS - 1 - i : SIZE_MAX;
}

START_TEST(squares_of_convolutions)
{
    static const float *x[TILES * HN_WINOGRAD_IN];
    static size_t points[POINTS];
    static float y[3][POINTS * PITCH];
    const struct hn_kernels *kernels = hn_kernels_for((enum hn_cpu_level)_i);
    const struct hn_kernels *ref = hn_kernels_for(HN_CPU_REF);
    static const size_t sizes[][3] = {{TILES, CHANNELS, OUT}, {1, 16, 16}, {4, 64, 32}, {15, 3, 1}};
    float *room =
        aligned_alloc(64, hn_round_up(hn_winograd_scratch(CHANNELS, TILES) * sizeof(float), 64));
    ck_assert_ptr_nonnull(room);
    place_tiles(x, points);
    for (size_t s = 0; s < HN_COUNT(sizes) * HN_COUNT(every_epilogue); s++) {
        const size_t *size = sizes[s % HN_COUNT(sizes)];
        struct hn_epilogue epilogue = every_epilogue[s / HN_COUNT(sizes)];
        if (epilogue.add) epilogue.add = a, epilogue.ld_add = OUT;
        const struct hn_winograd whole = {.x = x,
                                          .channels = size[1],
                                          .w = b,
                                          .n = size[2],
                                          .y = y[0],
                                          .ldy = PITCH,
                                          .points = points,
                                          .epilogue = s == 0 ? NULL : &epilogue,
                                          .scratch = room};
        struct hn_winograd other = whole, alone = whole;
        fill(s, COLUMNS);
        for (size_t i = 0; i < POINTS * PITCH; i++)
            y[0][i] = y[1][i] = y[2][i] = 77;
        kernels->winograd(&whole, size[0]);
        other.y = y[1];
        ref->winograd(&other, size[0]);
        for (size_t i = 0; i < POINTS * PITCH; i++)
            expect(fabs((double)y[0][i] - (double)y[1][i]) < 4e-6 * sqrt(9. * (double)size[1]),
                   "case %zu, element %zu: %.9g, not %.9g", s, i, (double)y[0][i], (double)y[1][i]);
        for (size_t t = 0; t < size[0]; t++) { /* a tile and some columns alone: the same bits */
            for (size_t column = 0; column < size[2]; column += 16) {
                struct hn_epilogue part = epilogue;
                if (part.bias) part.bias += column;
                if (part.add) part.add += column;
                alone.x = x + t * HN_WINOGRAD_IN;
                alone.points = points + t * HN_WINOGRAD_OUT;
                alone.w = b + column * 9 * size[1];
                alone.n = hn_min(16, size[2] - column);
                alone.y = y[2] + column;
                if (s) alone.epilogue = &part;
                kernels->winograd(&alone, 1);
            }
        }
        ck_assert_mem_eq(y[0], y[2], sizeof y[0]);
    }
    free(room);
}
END_TEST

int main(void)
{
    const int levels = (int)hn_cpu_detect() + 1;
    TCase *tcase = tcase_create("gemm");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, products_agree_with_the_reference, 0, 2 * levels);
    tcase_add_loop_test(tcase, any_cut_gives_the_same_bits, 2, 2 * levels);
    tcase_add_loop_test(tcase, activations_keep_what_is_not_a_number, 0, levels);
    tcase_add_loop_test(tcase, erf_is_accurate, 0, levels);
    tcase_add_loop_test(tcase, rows_in_pieces_are_rows, 0, levels);
    tcase_add_loop_test(tcase, depthwise_sums_taps, 0, levels);
    tcase_add_loop_test(tcase, squares_of_convolutions, 0, levels);
    return run_unit("gemm", tcase);
}
