#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "tensor/codec.h"
#include "tensor/codec_fit.h"

/* The searched types. A group's integer scales and minimums have 4 bits in Q2_K, 6 in Q3_K, Q4_K,
 * Q5_K and IQ4_XS, 8 in Q6_K. */
static const struct hn_fit_shape shapes[HN_DTYPES] = {
    [HN_Q4_0] = {32, 32, -8, 7, 1, 1},
    [HN_Q4_1] = {32, 32, 0, 15, 1, 1, .min_hi = 1, .any_min = true},
    [HN_Q5_0] = {32, 32, -16, 15, 1, 1},
    [HN_Q5_1] = {32, 32, 0, 31, 1, 1, .min_hi = 1, .any_min = true},
    [HN_Q2_K] = {256, 16, 0, 3, 0, 15, .min_hi = 15},
    [HN_Q3_K] = {256, 16, -4, 3, -32, 31},
    [HN_Q4_K] = {256, 32, 0, 15, 0, 63, .min_hi = 63},
    [HN_Q5_K] = {256, 32, 0, 31, 0, 63, .min_hi = 63},
    [HN_Q6_K] = {256, 16, -32, 31, -128, 127},
    [HN_IQ4_NL] = {32, 32, -127, 113, 1, 1, .book = hn_iq4_values},
    [HN_IQ4_XS] = {256, 32, -127, 113, -32, 31, .book = hn_iq4_values},
};

/* How much an error in each element counts: the given importance, and more for larger elements,
 * which the search would otherwise sacrifice first. */
static void weigh(const float *x, const float *importance, size_t n, float *w)
{
    float sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    const float mean = sum / (float)n;
    if (importance) {
        for (size_t i = 0; i < n; i++)
            w[i] = importance[i] * sqrtf(mean + x[i] * x[i]);
        return;
    }
    const float typical = sqrtf(mean);
    for (size_t i = 0; i < n; i++)
        w[i] = typical + fabsf(x[i]);
}

static void encode_searched(enum hn_dtype type, const float *x, const float *importance,
                            void *block)
{
    const struct hn_fit_shape *shape = &shapes[type];
    float w[HN_MAX_BLOCK];
    weigh(x, importance, shape->block, w);
    struct hn_block_ints ints;
    hn_fit_block(shape, x, w, &ints);
    hn_pack_ints(type, &ints, block);
}

static float peak_of(const float *x, size_t n)
{
    float peak = 0;
    for (size_t i = 0; i < n; i++)
        peak = fabsf(x[i]) > peak ? fabsf(x[i]) : peak;
    return peak;
}

/* With 255 levels the search gains nothing worth its time: the largest magnitude becomes 127. */
static void encode_q8_0(const float *x, void *block)
{
    struct hn_block_ints ints = {.sub = {1}, .sub_min = {1}};
    ints.d = hn_f16_to_f32(hn_f32_to_f16(fminf(peak_of(x, 32) / 127.0f, 65504.0f)));
    for (int i = 0; i < 32; i++) {
        const float v = ints.d > 0 ? x[i] / ints.d : 0;
        ints.q[i] = (int8_t)lrintf(fmaxf(-127.0f, fminf(127.0f, v)));
    }
    hn_pack_ints(HN_Q8_0, &ints, block);
}

/* Rounds to the code book's nearest value; MXFP4's magnitudes ascend over its first eight codes. */
static int8_t nearest_mxfp4(float v)
{
    int code = 0;
    while (code < 7 && fabsf(v) > 0.5f * (float)(hn_mxfp4_values[code] + hn_mxfp4_values[code + 1]))
        code++;
    return v < 0 ? (int8_t)-hn_mxfp4_values[code] : hn_mxfp4_values[code];
}

/* Scales are powers of two: of the two that neighbour "the largest magnitude becomes 12", the one
 * with the smaller error. */
static void encode_mxfp4(const float *x, const float *importance, void *block)
{
    float w[32];
    weigh(x, importance, 32, w);
    int exponent;
    frexpf(peak_of(x, 32) / 12.0f, &exponent);
    struct hn_block_ints best = {.d = 0x1p-127f}, next;
    float best_error = INFINITY;
    for (int e = exponent - 1; e <= exponent; e++) {
        if (e < -127 || e > 127) continue;
        float error = 0;
        next.d = ldexpf(1.0f, e);
        for (int i = 0; i < 32; i++) {
            next.q[i] = nearest_mxfp4(x[i] / next.d);
            const float miss = x[i] - next.d * (float)next.q[i];
            error += w[i] * miss * miss;
        }
        if (!(error < best_error)) continue;
        best_error = error;
        best = next;
    }
    if (best_error == INFINITY) memset(best.q, 0, 32);
    hn_pack_ints(HN_MXFP4, &best, block);
}

static void put_u16(unsigned char *p, uint16_t v)
{
    memcpy(p, &v, sizeof v);
}

static void encode_blocks(enum hn_dtype type, const float *src, unsigned char *dst, size_t n,
                          const float *importance)
{
    const struct hn_dtype_info *info = hn_dtype_info(type);
    for (size_t at = 0; at < n; at += info->block, dst += info->bytes) {
        const float *weights = importance ? importance + at : NULL;
        if (type == HN_Q8_0) encode_q8_0(src + at, dst);
        else if (type == HN_MXFP4) encode_mxfp4(src + at, weights, dst);
        else encode_searched(type, src + at, weights, dst);
    }
}

void hn_encode(enum hn_dtype type, const float *src, void *dst, size_t n, const float *importance)
{
    unsigned char *p = dst;
    switch (type) {
    case HN_F32:
        if (n) memcpy(dst, src, n * sizeof *src);
        break;
    case HN_F16:
        for (size_t i = 0; i < n; i++)
            put_u16(p + 2 * i, hn_f32_to_f16(src[i]));
        break;
    case HN_BF16:
        for (size_t i = 0; i < n; i++)
            put_u16(p + 2 * i, hn_f32_to_bf16(src[i]));
        break;
    default: encode_blocks(type, src, p, n, importance);
    }
}
