/* Made-up data for the kernel tests: repeatable numbers, and weights of any stored type. */
#ifndef HN_TESTS_KERNELS_SAMPLE_H
#define HN_TESTS_KERNELS_SAMPLE_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "tensor/codec.h"
#include "tensor/dtype.h"

/* An assertion that costs nothing while it holds: check's own notes every one. */
#define expect(condition, ...)                                                                     \
    do {                                                                                           \
        if (!(condition)) ck_abort_msg(__VA_ARGS__);                                               \
    } while (0)

/* Repeatable draws; advance `at` by using one struct for consecutive calls. */
struct sample {
    uint64_t seed;
    uint64_t at;
};

static inline uint32_t sample_bits(struct sample *s)
{
    uint32_t out[4];
    hn_philox(s->seed, s->at++, 0, out);
    return out[0];
}

/* Uniform in [-1, 1). */
static inline float sample_float(struct sample *s)
{
    return (float)sample_bits(s) * 0x1p-31f - 1;
}

static inline void sample_floats(struct sample *s, float *x, size_t n, float scale)
{
    for (size_t i = 0; i < n; i++)
        x[i] = sample_float(s) * scale;
}

/* Where the half-float scales of a block lie; -1 ends the list. */
static const int sample_scales[HN_DTYPES][3] = {
    [HN_Q4_0] = {0, -1},    [HN_Q4_1] = {0, 2, -1},   [HN_Q5_0] = {0, -1},   [HN_Q5_1] = {0, 2, -1},
    [HN_Q8_0] = {0, -1},    [HN_Q2_K] = {80, 82, -1}, [HN_Q3_K] = {108, -1}, [HN_Q4_K] = {0, 2, -1},
    [HN_Q5_K] = {0, 2, -1}, [HN_Q6_K] = {208, -1},    [HN_IQ4_NL] = {0, -1}, [HN_IQ4_XS] = {0, -1},
    [HN_MXFP4] = {-1},
};

/* n elements of any type: random integers (all codes occur), scales of about 1 / 64. */
static inline void sample_weights(struct sample *s, enum hn_dtype type, unsigned char *out,
                                  size_t n)
{
    const struct hn_dtype_info *info = hn_dtype_info(type);
    for (size_t b = 0; b < n / info->block; b++, out += info->bytes) {
        const float value = sample_float(s);
        const uint16_t f16 = hn_f32_to_f16(value), bf16 = hn_f32_to_bf16(value);
        for (size_t i = 0; i < info->bytes; i++)
            out[i] = (unsigned char)sample_bits(s);
        if (type == HN_F32) memcpy(out, &value, 4);
        if (type == HN_F16) memcpy(out, &f16, 2);
        if (type == HN_BF16) memcpy(out, &bf16, 2);
        if (type == HN_MXFP4) out[0] = (unsigned char)(118 + sample_bits(s) % 8);
        if (info->block == 1) continue;
        for (const int *at = sample_scales[type]; *at >= 0; at++) {
            const uint16_t d = hn_f32_to_f16(sample_float(s) / 64);
            memcpy(out + *at, &d, 2);
        }
    }
}

#endif
