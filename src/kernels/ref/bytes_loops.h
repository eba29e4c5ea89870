/* Loops over bytes and floats, the same for every instruction set: a compiler's vectors are good enough.
 * BYTES(name) is the function's name. */
#include <math.h>

/* The nearest whole number, in range; `low` for what is not a number. */
static inline uint8_t byte_of(float value, float zero, float low, float high)
{
    const float q = rintf(value) + zero;
    const float most = q < high ? q : high;
    return (uint8_t)(int32_t)(most > low ? most : low);
}

void BYTES(finish_bytes)(void *to, const int32_t *sums, int32_t row, size_t n,
                         const struct hn_byte_finish *f)
{
    const float zero = (float)f->zero, low = (float)f->low, high = (float)f->high;
    const float *restrict scale = f->scale;
    const uint32_t *restrict bias = (const uint32_t *)f->bias;
    const uint32_t *restrict zeros = (const uint32_t *)f->zeros, *restrict s =
                                                                     (const uint32_t *)sums;
    uint8_t *restrict out = to;
    if (zeros)
        for (size_t j = 0; j < n; j++)
            out[j] = byte_of((float)(int32_t)(s[j] + bias[j] - zeros[j] * (uint32_t)row) * scale[j],
                             zero, low, high);
    else
        for (size_t j = 0; j < n; j++)
            out[j] = byte_of((float)(int32_t)(s[j] + bias[j]) * scale[j], zero, low, high);
}

void BYTES(finish_floats)(float *to, const int32_t *sums, int32_t row, size_t n,
                          const struct hn_byte_finish *f)
{
    const float *restrict scale = f->scale, *restrict add = f->add;
    const uint32_t *restrict bias = (const uint32_t *)f->bias;
    const uint32_t *restrict zeros = (const uint32_t *)f->zeros, *restrict s =
                                                                     (const uint32_t *)sums;
    float *restrict out = to;
    for (size_t j = 0; j < n; j++) {
        const uint32_t less = zeros ? zeros[j] * (uint32_t)row : 0;
        const float value = (float)(int32_t)(s[j] + bias[j] - less) * scale[j];
        out[j] = add ? value + add[j] : value;
    }
}

void BYTES(quantize_f32)(void *to, const float *x, size_t n, const struct hn_byte_scale *s)
{
    const float scale = s->scale, zero = (float)s->zero, low = (float)s->low, high = (float)s->high;
    uint8_t *restrict out = to;
    const float *restrict from = x;
    for (size_t i = 0; i < n; i++)
        out[i] = byte_of(from[i] / scale, zero, low, high);
}

void BYTES(dequantize_f32)(float *restrict to, const void *restrict x, size_t n,
                           const struct hn_byte_scale *s)
{
    const float scale = s->scale, zero = (float)s->zero;
    if (s->low < 0)
        for (size_t i = 0; i < n; i++)
            to[i] = ((float)((const int8_t *)x)[i] - zero) * scale;
    else
        for (size_t i = 0; i < n; i++)
            to[i] = ((float)((const uint8_t *)x)[i] - zero) * scale;
}

void BYTES(extent_f32)(const float *x, size_t n, float *low, float *high)
{
    enum { LANES = 64 };
    float least[LANES] = {0}, most[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++) {
            const float v = x[i + l];
            least[l] = v < least[l] ? v : least[l];
            most[l] = v > most[l] ? v : most[l];
        }
    for (size_t l = 0; i < n; i++, l++) {
        least[l] = x[i] < least[l] ? x[i] : least[l];
        most[l] = x[i] > most[l] ? x[i] : most[l];
    }
    *low = *high = 0;
    for (size_t l = 0; l < LANES; l++) {
        *low = least[l] < *low ? least[l] : *low;
        *high = most[l] > *high ? most[l] : *high;
    }
}
