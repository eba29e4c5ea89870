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

static uint8_t a[ROWS * K];
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
                                     .n = columns[c],
                                     .y = y,
                                     .ldy = PITCH};
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
    enum { N = 77 };
    int32_t sums[N], bias[N], zeros[N];
    float scale[N], add[N];
    fill(3, sums, sizeof sums);
    for (int i = 0; i < N; i++) {
        sums[i] >>= i % 20;
        bias[i] = i * 37 - 900;
        zeros[i] = i % 7 - 3;
        scale[i] = ldexpf(1 + (float)i / N, -i % 20);
        add[i] = (float)i / 3;
    }
    for (int form = 0; form < 8; form++) {
        const bool low = form & 1;
        const struct hn_byte_finish f = {.scale = scale,
                                         .bias = bias,
                                         .zeros = form & 2 ? zeros : NULL,
                                         .add = form & 4 ? add : NULL,
                                         .zero = low ? -3 : 120,
                                         .low = low ? -128 : 0,
                                         .high = low ? 127 : 255};
        uint8_t bytes[N + 1], want[N + 1];
        float floats[N + 1], wants[N + 1];
        bytes[N] = want[N] = 7;
        floats[N] = wants[N] = 7;
        kernels->finish_bytes(bytes, sums, 1234, N, &f);
        ref->finish_bytes(want, sums, 1234, N, &f);
        ck_assert_mem_eq(bytes, want, sizeof bytes);
        kernels->finish_floats(floats, sums, 1234, N, &f);
        ref->finish_floats(wants, sums, 1234, N, &f);
        ck_assert_mem_eq(floats, wants, sizeof floats);
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
    tcase_add_loop_test(tcase, floats_become_bytes_and_back, 0, levels);
    return run_unit("bytes", tcase);
}
