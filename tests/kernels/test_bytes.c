/* Kernels on bytes (bytes.h) of every level: exactly what the reference computes, at odd sizes, and nothing
 * written beside it. */
#include "../unit/unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "kernels/kernels.h"
#include "sample.h"

enum { ROWS = 53, COLUMNS = 150, K = 448, PANELS = COLUMNS / HN_PANEL + 1, PITCH = 176 };

static uint8_t a[(ROWS + 1) * K]; /* rows in pieces reach into the next */
static int8_t b[PANELS * K * HN_PANEL];

/* The extremes often: sums must not saturate. */
static void fill(uint64_t seed, void *to, size_t n)
{
    uint8_t *at = to;
    for (size_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        const uint8_t byte = (uint8_t)(seed >> 56);
        at[i] = seed >> 40 & 1 ? byte : byte & 1 ? 255 : 128;
    }
}

START_TEST(products_are_exact)
{
    const struct hn_kernels *kernels = hn_kernels_for((enum hn_cpu_level)_i);
    static const size_t rows[] = {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 53};
    static const size_t columns[] = {1, 16, 17, 32, 47, 48, 49, 100, 150};
    static const size_t lengths[] = {64, 128, 448};
    static int32_t y[ROWS * PITCH], want[ROWS * PITCH];
    for (size_t r = 0; r < HN_COUNT(rows); r++)
        for (size_t c = 0; c < HN_COUNT(columns); c++) {
            fill(r * 31 + c + 1, a, sizeof a);
            fill(r * 17 + c + 2, b, sizeof b);
            struct hn_byte_gemm g = {.a = a,
                                     .lda = K,
                                     .b = b,
                                     .k = lengths[(r + c) % HN_COUNT(lengths)],
                                     .piece = r & 1 ? HN_BYTES_STEP : 0,
                                     .apart = HN_BYTES_STEP * (1 + r / 2 % 2),
                                     .n = columns[c],
                                     .y = y,
                                     .ldy = PITCH};
            if (!g.piece) g.piece = g.k;
            for (size_t i = 0; i < ROWS * PITCH; i++)
                y[i] = 77;
            kernels->bytes(&g, rows[r]);
            g.y = want;
            hn_kernels_for(HN_CPU_REF)->bytes(&g, rows[r]);
            for (size_t i = 0; i < ROWS * PITCH; i++) {
                const size_t row = i / PITCH, column = i % PITCH;
                if (row < rows[r] && column < columns[c])
                    expect(y[i] == want[i], "%zu x %zu x %zu, row %zu, column %zu: %d, not %d",
                           rows[r], columns[c], g.k, row, column, y[i], want[i]);
                else if (row >= rows[r] || column >= hn_round_up(columns[c], HN_PANEL))
                    expect(y[i] == 77, "row %zu, column %zu was written", row, column);
            }
        }
}
END_TEST

START_TEST(sums_become_bytes_and_floats)
{
    const struct hn_kernels *kernels = hn_kernels_for((enum hn_cpu_level)_i),
                            *ref = hn_kernels_for(HN_CPU_REF);
    enum { M = 3, N = 77, LD = 80 };
    int32_t sums[M * LD], bias[N], zeros[N];
    const int32_t rows[M] = {1234, -5, 77};
    float scale[N], add[N];
    fill(3, sums, sizeof sums);
    for (int i = 0; i < M * LD; i++)
        sums[i] >>= i % 20;
    for (int i = 0; i < N; i++) {
        bias[i] = i * 37 - 900;
        zeros[i] = i % 7 - 3;
        scale[i] = ldexpf(1 + (float)i / N, -i % 20);
        add[i] = (float)i / 3;
    }
    scale[3] = INFINITY, scale[4] = NAN, scale[20] = -1;
    static const size_t columns[] = {1, 16, 31, N};
    for (int form = 0; form < 8 * 4; form++) {
        const bool low = form & 1;
        uint8_t bytes[M * LD], want[M * LD];
        float floats[M * LD], wants[M * LD];
        struct hn_byte_finish f = {.sums = sums,
                                   .lds = LD,
                                   .rows = rows,
                                   .n = columns[form / 8],
                                   .y = bytes,
                                   .ldy = LD,
                                   .scale = scale,
                                   .bias = bias,
                                   .zeros = form & 2 ? zeros : NULL,
                                   .add = form & 4 ? add : NULL,
                                   .zero = low ? -3 : 120,
                                   .low = low ? -128 : 0,
                                   .high = low ? 127 : 255};
        memset(bytes, 7, sizeof bytes);
        memset(want, 7, sizeof want);
        memset(floats, 7, sizeof floats);
        memset(wants, 7, sizeof wants);
        kernels->finish_bytes(&f, M);
        f.y = want;
        ref->finish_bytes(&f, M);
        ck_assert_mem_eq(bytes, want, sizeof bytes);
        scale[4] = 2; /* what is no number has several forms */
        f.y = floats;
        kernels->finish_floats(&f, M);
        f.y = wants;
        ref->finish_floats(&f, M);
        ck_assert_mem_eq(floats, wants, sizeof floats);
        scale[4] = NAN;
    }
}
END_TEST

START_TEST(channels_by_themselves_are_exact)
{
    const struct hn_kernels *kernels = hn_kernels_for((enum hn_cpu_level)_i),
                            *ref = hn_kernels_for(HN_CPU_REF);
    static const size_t sizes[][2] = {{1, 1}, {3, 3}, {2, 3}, {5, 5}, {8, 8}};
    static const size_t channels[] = {1, 32, 33, 70};
    enum { POINTS = 7, MOST = 96, ROW = 32 * 96 };
    static uint8_t x[16 * ROW + 64];
    static int16_t w[(HN_BYTE_TAPS + 1) * MOST];
    static int32_t y[POINTS * MOST + 1], want[POINTS * MOST + 1];
    fill(5, x, sizeof x);
    for (size_t s = 0; s < HN_COUNT(sizes); s++)
        for (size_t c = 0; c < HN_COUNT(channels); c++) {
            const size_t taps = sizes[s][0] * sizes[s][1];
            const size_t n = hn_round_up(channels[c], HN_BYTE_CHANNELS);
            for (size_t i = 0; i < (taps + 1) / 2 * n * 2; i++)
                w[i] = taps & 1 && i / 2 / n == taps / 2 && i & 1 ? 0
                                                                  : (int16_t)(i * 7919 % 511) - 255;
            struct hn_byte_depthwise d = {.x = x,
                                          .x_row = ROW,
                                          .kernel = {sizes[s][0], sizes[s][1]},
                                          .stride = 1 + s % 2,
                                          .dilation = {1 + c % 2, 1 + s / 2 % 2},
                                          .w = w,
                                          .channels = channels[c],
                                          .points = POINTS,
                                          .y = y};
            memset(y, 7, sizeof y);
            memset(want, 7, sizeof want);
            kernels->byte_depthwise(&d);
            d.y = want;
            ref->byte_depthwise(&d);
            ck_assert_mem_eq(y, want, POINTS * n * sizeof *y);
            ck_assert_int_eq(y[POINTS * n], want[POINTS * n]);
        }
}
END_TEST

START_TEST(sums_of_bytes_are_those_of_floats)
{
    const struct hn_kernels *kernels = hn_kernels_for((enum hn_cpu_level)_i);
    enum { N = 131 };
    uint8_t x[N], z[N], y[N + 1];
    fill(8, x, sizeof x);
    fill(9, z, sizeof z);
    for (int form = 0; form < 8; form++) {
        struct hn_byte_sum s = {.a = x, .b = z, .y = y};
        struct hn_byte_scale *scales[] = {&s.a_scale, &s.b_scale, &s.y_scale};
        for (int i = 0; i < 3; i++) {
            const bool low = form >> i & 1;
            *scales[i] = (struct hn_byte_scale){.scale = 0.017f * (float)(i + 1),
                                                .zero = low ? -4 : 99,
                                                .low = low ? -128 : 0,
                                                .high = low ? 127 : 255};
        }
        float a_real[N], b_real[N];
        uint8_t want[N];
        y[N] = 7;
        kernels->dequantize(a_real, x, N, &s.a_scale);
        kernels->dequantize(b_real, z, N, &s.b_scale);
        for (int i = 0; i < N; i++)
            a_real[i] += b_real[i];
        kernels->quantize(want, a_real, N, &s.y_scale);
        kernels->byte_sum(&s, N);
        ck_assert_mem_eq(y, want, N);
        ck_assert_int_eq(y[N], 7);
    }
}
END_TEST

START_TEST(floats_become_bytes_and_back)
{
    const struct hn_kernels *kernels = hn_kernels_for((enum hn_cpu_level)_i);
    enum { N = 131 };
    float x[N], back[N];
    for (int i = 0; i < N; i++)
        x[i] = ((float)i - 60) * 0.37f;
    x[5] = INFINITY, x[6] = -INFINITY, x[7] = NAN;
    for (int low = 0; low < 2; low++) {
        const struct hn_byte_scale s = {
            .scale = 0.125f, .zero = low ? 5 : 100, .low = low ? -128 : 0, .high = low ? 127 : 255};
        uint8_t bytes[N];
        kernels->quantize(bytes, x, N, &s);
        kernels->dequantize(back, bytes, N, &s);
        for (int i = 0; i < N; i++) {
            const double q = rint((double)(x[i] / s.scale)) + s.zero;
            const double most = q < s.high ? q : s.high, want = most > s.low ? most : s.low;
            const double got = low ? (int8_t)bytes[i] : bytes[i];
            expect(got == want, "%g is %g, not %g", (double)x[i], got, want);
            expect((double)back[i] == (want - s.zero) / 8, "%g is %g back", want, (double)back[i]);
        }
    }
    x[5] = 3000, x[6] = -2000, x[7] = 0;
    for (size_t n = 0; n < N; n++) {
        float least, most, low = 0, high = 0;
        kernels->extent(x, n, &least, &most);
        for (size_t i = 0; i < n; i++) {
            low = fminf(low, x[i]);
            high = fmaxf(high, x[i]);
        }
        ck_assert(least == low && most == high);
    }
}
END_TEST

int main(void)
{
    const int levels = (int)hn_cpu_detect() + 1;
    TCase *tcase = tcase_create("bytes");
    tcase_add_loop_test(tcase, products_are_exact, 0, levels);
    tcase_add_loop_test(tcase, sums_become_bytes_and_floats, 0, levels);
    tcase_add_loop_test(tcase, channels_by_themselves_are_exact, 0, levels);
    tcase_add_loop_test(tcase, sums_of_bytes_are_those_of_floats, 0, levels);
    tcase_add_loop_test(tcase, floats_become_bytes_and_back, 0, levels);
    return run_unit("bytes", tcase);
}
