/* Operations on rows of floats, for any v16: included by rows_<isa>.c, which names the functions
 * through KERNEL_NAME(operation_type). */
#include <math.h>
#include <string.h>

#include "kernels/layout.h"
#include "kernels/list.h"
#include "kernels/x86/v16_math.h"

/* One block as quantise() of rows_ref.c does it; returns d. */
static float quantise(int8_t q[HN_ACT_BLOCK], int16_t sums[2], const float *x)
{
    const v16 a = v_load(x), b = v_load(x + 16);
    const float max = v_largest_bits(v_max_bits(v_bits(v_abs(a)), v_bits(v_abs(b))));
    if (!(max >= HN_ACT_MIN && max <= 3.4028234664e38f)) {
        memset(q, 0, HN_ACT_BLOCK);
        sums[0] = sums[1] = 0;
        return max < HN_ACT_MIN ? 0 : max;
    }
    const v16 inverse = v_set1(127 / max);
    const __m128i qa = v_to_i8(v_mul(a, inverse)), qb = v_to_i8(v_mul(b, inverse));
    _mm_storeu_si128((__m128i *)q, qa);
    _mm_storeu_si128((__m128i *)(q + 16), qb);
    /* Sums of bytes: as unsigned with 128 added, taken off again. */
    const __m128i top = _mm_set1_epi8((char)0x80), zero = _mm_setzero_si128();
    const __m128i sa = _mm_sad_epu8(_mm_xor_si128(qa, top), zero);
    const __m128i sb = _mm_sad_epu8(_mm_xor_si128(qb, top), zero);
    sums[0] = (int16_t)(_mm_extract_epi16(sa, 0) + _mm_extract_epi16(sa, 4) - 16 * 128);
    sums[1] = (int16_t)(_mm_extract_epi16(sb, 0) + _mm_extract_epi16(sb, 4) - 16 * 128);
    return max / 127;
}

void KERNEL_NAME(act_q8)(int8_t *q, float *d, int16_t *sums, const float *x, size_t n, size_t step)
{
    for (size_t b = 0, at = 0; b < n / HN_ACT_BLOCK; b++, at += step)
        d[at] = quantise(q + at * HN_ACT_BLOCK, sums + 2 * at, x + b * HN_ACT_BLOCK);
}

void KERNEL_NAME(act_bf16)(uint16_t *y, const float *x, size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm256_storeu_si256((__m256i *)(y + i), v_to_bf16(v_load(x + i)));
    if (i == n) return;
    uint16_t rest[16];
    _mm256_storeu_si256((__m256i *)rest, v_to_bf16(v_load_part(x + i, n - i)));
    memcpy(y + i, rest, (n - i) * sizeof *y);
}

/* Sum of squares of x - mean: lane i % 16 of accumulator i / 16 % 4. */
static float sum_squares(const float *x, size_t n, float mean)
{
    const v16 m = v_set1(mean);
    v16 acc[4] = {v_zero(), v_zero(), v_zero(), v_zero()};
    size_t i = 0;
    for (; i + 64 <= n; i += 64)
        for (size_t j = 0; j < 4; j++) {
            const v16 v = v_sub(v_load(x + i + 16 * j), m);
            acc[j] = v_fma(v, v, acc[j]);
        }
    for (size_t j = 0; i < n; j++, i += 16) {
        const size_t lanes = n - i < 16 ? n - i : 16;
        const v16 v = lanes == 16 ? v_sub(v_load(x + i), m)
                                  : v_keep(v_sub(v_load_part(x + i, lanes), m), 0, lanes, 0);
        acc[j] = v_fma(v, v, acc[j]);
    }
    return v_sum(v_add(v_add(acc[0], acc[1]), v_add(acc[2], acc[3])));
}

static float sum(const float *x, size_t n)
{
    v16 acc[4] = {v_zero(), v_zero(), v_zero(), v_zero()};
    size_t i = 0;
    for (; i + 64 <= n; i += 64)
        for (size_t j = 0; j < 4; j++)
            acc[j] = v_add(acc[j], v_load(x + i + 16 * j));
    for (size_t j = 0; i < n; j++, i += 16)
        acc[j] = v_add(acc[j], n - i < 16 ? v_load_part(x + i, n - i) : v_load(x + i));
    return v_sum(v_add(v_add(acc[0], acc[1]), v_add(acc[2], acc[3])));
}

void KERNEL_NAME(rms_norm_f32)(float *y, const float *x, const float *w, size_t n, float eps)
{
    const float mean = sum_squares(x, n, 0) / (float)n;
    const v16 inverse = v_set1(1 / _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(mean + eps))));
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const v16 v = v_mul(v_load(x + i), inverse);
        v_store(y + i, w ? v_mul(v, v_load(w + i)) : v);
    }
    if (i == n) return;
    const v16 v = v_mul(v_load_part(x + i, n - i), inverse);
    v_store_part(y + i, w ? v_mul(v, v_load_part(w + i, n - i)) : v, n - i);
}

void KERNEL_NAME(layer_norm_f32)(float *y, const float *x, const float *w, const float *b, size_t n,
                                 float eps)
{
    const float mean = sum(x, n) / (float)n;
    const float variance = sum_squares(x, n, mean) / (float)n;
    const v16 m = v_set1(mean);
    const v16 inverse = v_set1(1 / _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(variance + eps))));
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const v16 v = v_mul(v_sub(v_load(x + i), m), inverse);
        v_store(y + i, v_fma(v, v_load(w + i), b ? v_load(b + i) : v_zero()));
    }
    if (i == n) return;
    const size_t rest = n - i;
    const v16 v = v_mul(v_sub(v_load_part(x + i, rest), m), inverse);
    v_store_part(y + i, v_fma(v, v_load_part(w + i, rest), b ? v_load_part(b + i, rest) : v_zero()),
                 rest);
}

/* (a, b) turned by the angle: a cos - b sin, a sin + b cos. */
static inline void turn(v16 *a, v16 *b, v16 cosine, v16 sine)
{
    const v16 x = *a, y = *b;
    *a = v_fnma(y, sine, v_mul(x, cosine));
    *b = v_fma(y, cosine, v_mul(x, sine));
}

void KERNEL_NAME(rope_halves)(float *x, const float *cosines, const float *sines, size_t half)
{
    size_t i = 0;
    for (; i + 16 <= half; i += 16) {
        v16 a = v_load(x + i), b = v_load(x + half + i);
        turn(&a, &b, v_load(cosines + i), v_load(sines + i));
        v_store(x + i, a);
        v_store(x + half + i, b);
    }
    if (i == half) return;
    const size_t rest = half - i;
    v16 a = v_load_part(x + i, rest), b = v_load_part(x + half + i, rest);
    turn(&a, &b, v_load_part(cosines + i, rest), v_load_part(sines + i, rest));
    v_store_part(x + i, a, rest);
    v_store_part(x + half + i, b, rest);
}

void KERNEL_NAME(rope_interleaved)(float *x, const float *cosines, const float *sines, size_t half)
{
    size_t i = 0;
    for (; i + 16 <= half; i += 16) {
        v16 a, b, low, high;
        v_unzip(v_load(x + 2 * i), v_load(x + 2 * i + 16), &a, &b);
        turn(&a, &b, v_load(cosines + i), v_load(sines + i));
        v_zip(a, b, &low, &high);
        v_store(x + 2 * i, low);
        v_store(x + 2 * i + 16, high);
    }
    if (i == half) return;
    float pairs[32] = {0};
    const size_t rest = half - i;
    memcpy(pairs, x + 2 * i, 2 * rest * sizeof *x);
    v16 a, b, low, high;
    v_unzip(v_load(pairs), v_load(pairs + 16), &a, &b);
    turn(&a, &b, v_load_part(cosines + i, rest), v_load_part(sines + i, rest));
    v_zip(a, b, &low, &high);
    v_store(pairs, low);
    v_store(pairs + 16, high);
    memcpy(x + 2 * i, pairs, 2 * rest * sizeof *x);
}

static inline v16 glu_silu(v16 gate, v16 up)
{
    return v_mul(v_gate(gate, gate), up);
}

/* The formula is at hn_glu_gelu_tanh_ref. */
static inline v16 glu_gelu_tanh(v16 gate, v16 up)
{
    const v16 cubic = v_fma(v_mul(v_mul(v_set1(0.044715f), gate), gate), gate, gate);
    return v_mul(v_gate(gate, v_mul(v_set1(2 * 0.7978845608f), cubic)), up);
}

static inline v16 glu_swiglu_oai(v16 gate, v16 up)
{
    const v16 g = v_min(v_set1(7), gate);
    const v16 u = v_max(v_set1(-7), v_min(v_set1(7), up));
    return v_mul(v_gate(g, v_mul(v_set1(1.702f), g)), v_add(u, v_set1(1)));
}

static inline v16 glu_gelu(v16 gate, v16 up)
{
    return v_mul(v_gelu(gate), up);
}

static inline v16 glu_relu(v16 gate, v16 up)
{
    return v_mul(v_max(v_zero(), gate), up);
}

#define GLU(type)                                                                                  \
    void KERNEL_NAME(glu_##type)(float *y, const float *gate, const float *up, size_t n)           \
    {                                                                                              \
        size_t i = 0;                                                                              \
        for (; i + 16 <= n; i += 16)                                                               \
            v_store(y + i, glu_##type(v_load(gate + i), up ? v_load(up + i) : v_set1(1)));         \
        if (i == n) return;                                                                        \
        const v16 g = v_load_part(gate + i, n - i);                                                \
        const v16 u = up ? v_load_part(up + i, n - i) : v_set1(1);                                 \
        v_store_part(y + i, glu_##type(g, u), n - i);                                              \
    }
GLU(silu)
GLU(gelu_tanh)
GLU(swiglu_oai)
GLU(gelu)
GLU(relu)

void KERNEL_NAME(add_f32)(float *y, const float *x, size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        v_store(y + i, v_add(v_load(y + i), v_load(x + i)));
    if (i < n)
        v_store_part(y + i, v_add(v_load_part(y + i, n - i), v_load_part(x + i, n - i)), n - i);
}

void KERNEL_NAME(add_scaled_f32)(float *y, const float *x, float a, size_t n)
{
    const v16 f = v_set1(a);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        v_store(y + i, v_fma(f, v_load(x + i), v_load(y + i)));
    if (i < n)
        v_store_part(y + i, v_fma(f, v_load_part(x + i, n - i), v_load_part(y + i, n - i)), n - i);
}

void KERNEL_NAME(scale_f32)(float *y, float a, size_t n)
{
    const v16 f = v_set1(a);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        v_store(y + i, v_mul(f, v_load(y + i)));
    if (i < n) v_store_part(y + i, v_mul(f, v_load_part(y + i, n - i)), n - i);
}

void KERNEL_NAME(softcap_f32)(float *y, float cap, size_t n)
{
    const v16 c = v_set1(cap);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        v_store(y + i, v_mul(c, v_tanh(v_div(v_load(y + i), c))));
    if (i < n) v_store_part(y + i, v_mul(c, v_tanh(v_div(v_load_part(y + i, n - i), c))), n - i);
}

void KERNEL_NAME(softmax_f32)(float *y, size_t n)
{
    const v16 lowest = v_set1(-INFINITY);
    const size_t whole = n / 16 * 16, rest = n - whole;
    v16 max = lowest;
    for (size_t i = 0; i < whole; i += 16)
        max = v_max(v_load(y + i), max);
    if (rest) max = v_max(v_keep(v_load_part(y + whole, rest), 0, rest, -INFINITY), max);
    const v16 top = v_set1(v_largest(max));

    v16 total = v_zero(), last = v_zero();
    for (size_t i = 0; i < whole; i += 16) {
        const v16 e = v_exp(v_sub(v_load(y + i), top));
        v_store(y + i, e);
        total = v_add(total, e);
    }
    if (rest) {
        last = v_keep(v_exp(v_sub(v_load_part(y + whole, rest), top)), 0, rest, 0);
        total = v_add(total, last);
    }
    const float scale = 1 / v_sum(total);
    KERNEL_NAME(scale_f32)(y, scale, whole);
    if (rest) v_store_part(y + whole, v_mul(last, v_set1(scale)), rest);
}
