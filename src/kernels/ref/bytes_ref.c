/* Reference products of bytes, and the ways between bytes and floats. */
#include "kernels/list.h"

#define BYTES(name) hn_##name##_ref
#include "kernels/ref/bytes_loops.h"

void hn_bytes_u8_ref(const struct hn_byte_gemm *g, size_t m)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < g->n; j++) {
            const int8_t *b = g->b + j / HN_PANEL * g->k * HN_PANEL + j % HN_PANEL * 4;
            int32_t sum = 0;
            for (size_t l = 0; l < g->k; l++)
                sum += g->a[i * g->lda + l] * b[l / 4 * HN_PANEL * 4 + l % 4];
            g->y[i * g->ldy + j] = sum;
        }
}
