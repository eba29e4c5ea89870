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
                sum += g->a[i * g->lda + l / g->piece * g->apart + l % g->piece] *
                       b[l / 4 * HN_PANEL * 4 + l % 4];
            g->y[i * g->ldy + j] = sum;
        }
}

void hn_byte_depthwise_u8_ref(const struct hn_byte_depthwise *d)
{
    const size_t lots = (d->channels + HN_BYTE_CHANNELS - 1) / HN_BYTE_CHANNELS;
    const size_t c = lots * HN_BYTE_CHANNELS, taps = d->kernel[0] * d->kernel[1];
    for (size_t p = 0; p < d->points; p++)
        for (size_t j = 0; j < c; j++) {
            int32_t sum = 0;
            for (size_t t = 0; t < taps; t++) {
                const size_t column = p * d->stride + t % d->kernel[1] * d->dilation[1];
                sum +=
                    d->x[t / d->kernel[1] * d->dilation[0] * d->x_row + column * d->channels + j] *
                    d->w[(t / 2 * c + j) * 2 + t % 2];
            }
            d->y[p * c + j] = sum;
        }
}
