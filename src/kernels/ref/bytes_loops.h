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

static inline int32_t sum_less(const struct hn_byte_finish *f, int32_t sum, int32_t row, size_t j)
{
    uint32_t s = (uint32_t)sum + (uint32_t)f->bias[j];
    if (f->zeros) s -= (uint32_t)f->zeros[j] * (uint32_t)row;
    return (int32_t)s;
}

void BYTES(finish_bytes)(void *to, const int32_t *sums, int32_t row, size_t n,
                         const struct hn_byte_finish *f)
{
    const float zero = (float)f->zero, low = (float)f->low, high = (float)f->high;
    uint8_t *out = to;
    const struct hn_byte_finish with = *f, without = {.bias = f->bias};
    if (f->zeros)
        for (size_t j = 0; j < n; j++)
            out[j] =
                byte_of((float)sum_less(&with, sums[j], row, j) * f->scale[j], zero, low, high);
    else
        for (size_t j = 0; j < n; j++)
            out[j] =
                byte_of((float)sum_less(&without, sums[j], 0, j) * f->scale[j], zero, low, high);
}

void BYTES(finish_floats)(float *to, const int32_t *sums, int32_t row, size_t n,
                          const struct hn_byte_finish *f)
{
    for (size_t j = 0; j < n; j++) {
        const float value = (float)sum_less(f, sums[j], row, j) * f->scale[j];
        to[j] = f->add ? value + f->add[j] : value;
    }
}

void BYTES(quantize_f32)(void *to, const float *x, size_t n, const struct hn_byte_scale *s)
{
    const float scale = s->scale, zero = (float)s->zero, low = (float)s->low, high = (float)s->high;
    uint8_t *out = to;
    for (size_t i = 0; i < n; i++)
        out[i] = byte_of(x[i] / scale, zero, low, high);
}

void BYTES(dequantize_f32)(float *to, const void *x, size_t n, const struct hn_byte_scale *s)
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
