/* Loops over bytes and floats, the same for every instruction set: a compiler's vectors are good enough.
 * BYTES(name) is the function's name; BYTES_FINISHED: the including file has a finish_bytes of its own. */
#include <math.h>

/* The nearest whole number, in range; `low` for what is not a number. */
static inline uint8_t byte_of(float value, float zero, float low, float high)
{
    const float q = rintf(value) + zero;
    const float most = q < high ? q : high;
    return (uint8_t)(int32_t)(most > low ? most : low);
}

#ifndef BYTES_FINISHED
void BYTES(finish_bytes)(const struct hn_byte_finish *f, size_t m)
{
    const float zero = (float)f->zero, low = (float)f->low, high = (float)f->high;
    const float *restrict scale = f->scale;
    const uint32_t *restrict bias = (const uint32_t *)f->bias;
    const uint32_t *restrict zeros = (const uint32_t *)f->zeros;
    for (size_t i = 0; i < m; i++) {
        const uint32_t *restrict s = (const uint32_t *)f->sums + i * f->lds;
        const uint32_t row = zeros ? (uint32_t)f->rows[i] : 0;
        uint8_t *restrict out = (uint8_t *)f->y + i * f->ldy;
        for (size_t j = 0; zeros && j < f->n; j++)
            out[j] = byte_of((float)(int32_t)(s[j] + bias[j] - zeros[j] * row) * scale[j], zero,
                             low, high);
        for (size_t j = 0; !zeros && j < f->n; j++)
            out[j] = byte_of((float)(int32_t)(s[j] + bias[j]) * scale[j], zero, low, high);
    }
}
#endif

void BYTES(finish_floats)(const struct hn_byte_finish *f, size_t m)
{
    const float *restrict scale = f->scale, *restrict add = f->add;
    const uint32_t *restrict bias = (const uint32_t *)f->bias;
    const uint32_t *restrict zeros = (const uint32_t *)f->zeros;
    for (size_t i = 0; i < m; i++) {
        const uint32_t *restrict s = (const uint32_t *)f->sums + i * f->lds;
        const uint32_t row = zeros ? (uint32_t)f->rows[i] : 0;
        float *restrict out = (float *)f->y + i * f->ldy;
        for (size_t j = 0; j < f->n; j++) {
            const uint32_t less = zeros ? zeros[j] * row : 0;
            const float value = (float)(int32_t)(s[j] + bias[j] - less) * scale[j];
            out[j] = add ? value + add[j] : value;
        }
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

/* What a byte stands for. */
static inline __attribute__((always_inline)) float real_of(const void *x, size_t i, bool is_signed,
                                                           float zero, float scale)
{
    return ((is_signed ? (float)((const int8_t *)x)[i] : (float)((const uint8_t *)x)[i]) - zero) *
           scale;
}

static inline __attribute__((always_inline)) void sum_loop(const struct hn_byte_sum *s, size_t n,
                                                           bool a_signed, bool b_signed)
{
    const void *restrict a = s->a, *restrict b = s->b;
    const float a_zero = (float)s->a_scale.zero, b_zero = (float)s->b_scale.zero;
    const float a_scale = s->a_scale.scale, b_scale = s->b_scale.scale, scale = s->y_scale.scale;
    const float zero = (float)s->y_scale.zero, low = (float)s->y_scale.low,
                high = (float)s->y_scale.high;
    uint8_t *restrict y = s->y;
    for (size_t i = 0; i < n; i++) {
        const float sum =
            real_of(a, i, a_signed, a_zero, a_scale) + real_of(b, i, b_signed, b_zero, b_scale);
        y[i] = byte_of(sum / scale, zero, low, high);
    }
}

void BYTES(byte_sum_u8)(const struct hn_byte_sum *s, size_t n)
{
    const bool a_signed = s->a_scale.low < 0, b_signed = s->b_scale.low < 0;
    if (a_signed && b_signed) sum_loop(s, n, true, true);
    else if (a_signed) sum_loop(s, n, true, false);
    else if (b_signed) sum_loop(s, n, false, true);
    else sum_loop(s, n, false, false);
}
