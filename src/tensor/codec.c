#include "tensor/codec.h"

#include <assert.h>
#include <string.h>

#include "base/bits.h"
#include "tensor/codec_blocks.h"

/* The structs are the formats: their sizes must be what dtype.def says. */
enum {
#define X(name, text, id, block, bytes) BYTES_##name = (bytes),
#include "tensor/dtype.def"
#undef X
};
_Static_assert(sizeof(struct hn_block_q4_0) == BYTES_Q4_0, "Q4_0");
_Static_assert(sizeof(struct hn_block_q4_1) == BYTES_Q4_1, "Q4_1");
_Static_assert(sizeof(struct hn_block_q5_0) == BYTES_Q5_0, "Q5_0");
_Static_assert(sizeof(struct hn_block_q5_1) == BYTES_Q5_1, "Q5_1");
_Static_assert(sizeof(struct hn_block_q8_0) == BYTES_Q8_0, "Q8_0");
_Static_assert(sizeof(struct hn_block_q2_k) == BYTES_Q2_K, "Q2_K");
_Static_assert(sizeof(struct hn_block_q3_k) == BYTES_Q3_K, "Q3_K");
_Static_assert(sizeof(struct hn_block_q4_k) == BYTES_Q4_K, "Q4_K");
_Static_assert(sizeof(struct hn_block_q5_k) == BYTES_Q5_K, "Q5_K");
_Static_assert(sizeof(struct hn_block_q6_k) == BYTES_Q6_K, "Q6_K");
_Static_assert(sizeof(struct hn_block_iq4_nl) == BYTES_IQ4_NL, "IQ4_NL");
_Static_assert(sizeof(struct hn_block_iq4_xs) == BYTES_IQ4_XS, "IQ4_XS");
_Static_assert(sizeof(struct hn_block_mxfp4) == BYTES_MXFP4, "MXFP4");

const int8_t hn_iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                  1,    13,   25,  38,  53,  69,  89,  113};
const int8_t hn_mxfp4_values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

static float float_of(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static uint32_t bits_of(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

float hn_f16_to_f32(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    const uint32_t exponent = (half >> 10) & 0x1f;
    const uint32_t mantissa = half & 0x3ff;
    if (exponent == 0) {
        const float magnitude = (float)mantissa * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    if (exponent == 31) {
        const uint32_t quiet = mantissa ? 0x400000 : 0;
        return float_of(sign | 0x7f800000 | quiet | mantissa << 13);
    }
    return float_of(sign | (exponent + 112) << 23 | mantissa << 13);
}

uint16_t hn_f32_to_f16(float value)
{
    const uint32_t bits = bits_of(value);
    const uint32_t sign = (bits >> 16) & 0x8000;
    const uint32_t magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) return (uint16_t)(sign | 0x7e00 | ((magnitude >> 13) & 0x3ff));
    const uint32_t overflow = 0x477ff000; /* 65520: halfway between the largest half and 2^16 */
    const uint32_t smallest_normal = 0x38800000; /* 2^-14 */
    const uint32_t rounds_to_zero = 0x33000000;  /* 2^-25: half of the smallest subnormal */
    if (magnitude >= overflow) return (uint16_t)(sign | 0x7c00);
    if (magnitude <= rounds_to_zero) return (uint16_t)sign;
    if (magnitude < smallest_normal) {
        /* The mantissa in units of 2^-24, rounded; a carry into 2^-14 gives the right normal. */
        const uint32_t mantissa = (magnitude & 0x7fffff) | 0x800000;
        const uint32_t shift = 126 - (magnitude >> 23);
        const uint32_t odd = (mantissa >> shift) & 1;
        return (uint16_t)(sign | (mantissa + (1u << (shift - 1)) - 1 + odd) >> shift);
    }
    const uint32_t rebased = magnitude - (112u << 23);
    return (uint16_t)(sign | (rebased + 0xfff + ((rebased >> 13) & 1)) >> 13);
}

float hn_bf16_to_f32(uint16_t bits)
{
    return float_of((uint32_t)bits << 16);
}

uint16_t hn_f32_to_bf16(float value)
{
    const uint32_t bits = bits_of(value);
    if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

static float half_at(const uint8_t *p)
{
    return hn_f16_to_f32(hn_load_u16(p));
}

static void set_single(struct hn_block_ints *out, float d, float dmin)
{
    out->d = d;
    out->dmin = dmin;
    out->sub[0] = 1;
    out->sub_min[0] = 1;
}

static void ints_q4_0(const void *block, struct hn_block_ints *out)
{
    const struct hn_block_q4_0 *b = block;
    set_single(out, half_at(b->d), 0);
    for (int i = 0; i < 16; i++) {
        out->q[i] = (int8_t)((b->qs[i] & 15) - 8);
        out->q[i + 16] = (int8_t)((b->qs[i] >> 4) - 8);
    }
}

static void ints_q4_1(const void *block, struct hn_block_ints *out)
{
    const struct hn_block_q4_1 *b = block;
    set_single(out, half_at(b->d), -half_at(b->m));
    for (int i = 0; i < 16; i++) {
        out->q[i] = (int8_t)(b->qs[i] & 15);
        out->q[i + 16] = (int8_t)(b->qs[i] >> 4);
    }
}

/* The 5-bit integers of Q5_0 (less 16) and Q5_1. */
static void five_bits(const uint8_t *qh, const uint8_t *qs, int offset, int8_t *q)
{
    const uint32_t high = hn_load_u32(qh);
    for (int i = 0; i < 16; i++) {
        q[i] = (int8_t)(((qs[i] & 15) | ((high >> i) & 1) << 4) - offset);
        q[i + 16] = (int8_t)(((qs[i] >> 4) | ((high >> (i + 16)) & 1) << 4) - offset);
    }
}

static void ints_q5_0(const void *block, struct hn_block_ints *out)
{
    const struct hn_block_q5_0 *b = block;
    set_single(out, half_at(b->d), 0);
    five_bits(b->qh, b->qs, 16, out->q);
}

static void ints_q5_1(const void *block, struct hn_block_ints *out)
{
    const struct hn_block_q5_1 *b = block;
    set_single(out, half_at(b->d), -half_at(b->m));
    five_bits(b->qh, b->qs, 0, out->q);
}

static void ints_q8_0(const void *block, struct hn_block_ints *out)
{
    const struct hn_block_q8_0 *b = block;
    set_single(out, half_at(b->d), 0);
    memcpy(out->q, b->qs, sizeof b->qs);
}

static void ints_q2_k(const void *block, struct hn_block_ints *out)
{
    const struct hn_block_q2_k *b = block;
    out->d = half_at(b->d);
    out->dmin = half_at(b->dmin);
    for (int g = 0; g < 16; g++) {
        out->sub[g] = (int8_t)(b->scales[g] & 15);
        out->sub_min[g] = b->scales[g] >> 4;
    }
    for (int i = 0; i < 256; i++)
        out->q[i] = (int8_t)((b->qs[i / 128 * 32 + i % 32] >> i / 32 % 4 * 2) & 3);
}

/* Types without a minimum whose groups have scales of their own. */
static void no_minimum(struct hn_block_ints *out)
{
    out->dmin = 0;
    memset(out->sub_min, 0, sizeof out->sub_min);
}

static void ints_q3_k(const void *block, struct hn_block_ints *out)
{
    const struct hn_block_q3_k *b = block;
    out->d = half_at(b->d);
    no_minimum(out);
    for (int g = 0; g < 16; g++) {
        const int low = (b->scales[g % 8] >> g / 8 * 4) & 15;
        const int high = (b->scales[8 + g % 4] >> g / 4 * 2) & 3;
        out->sub[g] = (int8_t)((low | high << 4) - 32);
    }
    for (int i = 0; i < 256; i++) {
        const int low = (b->qs[i / 128 * 32 + i % 32] >> i / 32 % 4 * 2) & 3;
        const int high = (b->hmask[i % 32] >> i / 32) & 1;
        out->q[i] = (int8_t)((low | high << 2) - 4);
    }
}

void hn_scales_k4(const uint8_t scales[12], int8_t sub[8], uint8_t sub_min[8])
{
    for (size_t g = 0; g < 4; g++) {
        sub[g] = (int8_t)(scales[g] & 63);
        sub_min[g] = scales[g + 4] & 63;
        sub[g + 4] = (int8_t)((scales[g + 8] & 15) | scales[g] >> 6 << 4);
        sub_min[g + 4] = (uint8_t)(scales[g + 8] >> 4 | scales[g + 4] >> 6 << 4);
    }
}

static void ints_q4_k(const void *block, struct hn_block_ints *out)
{
    const struct hn_block_q4_k *b = block;
    out->d = half_at(b->d);
    out->dmin = half_at(b->dmin);
    hn_scales_k4(b->scales, out->sub, out->sub_min);
    for (int i = 0; i < 256; i++)
        out->q[i] = (int8_t)((b->qs[i / 64 * 32 + i % 32] >> i / 32 % 2 * 4) & 15);
}

static void ints_q5_k(const void *block, struct hn_block_ints *out)
{
    const struct hn_block_q5_k *b = block;
    out->d = half_at(b->d);
    out->dmin = half_at(b->dmin);
    hn_scales_k4(b->scales, out->sub, out->sub_min);
    for (int i = 0; i < 256; i++) {
        const int low = (b->qs[i / 64 * 32 + i % 32] >> i / 32 % 2 * 4) & 15;
        const int high = (b->qh[i % 32] >> i / 32) & 1;
        out->q[i] = (int8_t)(low | high << 4);
    }
}

static void ints_q6_k(const void *block, struct hn_block_ints *out)
{
    const struct hn_block_q6_k *b = block;
    out->d = half_at(b->d);
    no_minimum(out);
    memcpy(out->sub, b->scales, sizeof b->scales);
    for (int i = 0; i < 256; i++) {
        const int low = (b->ql[i / 128 * 64 + i % 64] >> i / 64 % 2 * 4) & 15;
        const int high = (b->qh[i / 128 * 32 + i % 32] >> i / 32 % 4 * 2) & 3;
        out->q[i] = (int8_t)((low | high << 4) - 32);
    }
}

static void from_table(const int8_t table[16], const uint8_t qs[16], int8_t *q)
{
    for (int i = 0; i < 16; i++) {
        q[i] = table[qs[i] & 15];
        q[i + 16] = table[qs[i] >> 4];
    }
}

static void ints_iq4_nl(const void *block, struct hn_block_ints *out)
{
    const struct hn_block_iq4_nl *b = block;
    set_single(out, half_at(b->d), 0);
    from_table(hn_iq4_values, b->qs, out->q);
}

static void ints_iq4_xs(const void *block, struct hn_block_ints *out)
{
    const struct hn_block_iq4_xs *b = block;
    out->d = half_at(b->d);
    no_minimum(out);
    const int scales_h = hn_load_u16(b->scales_h);
    for (int g = 0; g < 8; g++) {
        const int low = (b->scales_l[g / 2] >> g % 2 * 4) & 15;
        const int high = (scales_h >> 2 * g) & 3;
        out->sub[g] = (int8_t)((low | high << 4) - 32);
        from_table(hn_iq4_values, b->qs + 16 * g, out->q + 32 * g);
    }
}

static void ints_mxfp4(const void *block, struct hn_block_ints *out)
{
    const struct hn_block_mxfp4 *b = block;
    /* 2^(e - 128); the two smallest are subnormal floats. */
    const uint32_t bits = b->e < 2 ? 0x00200000u << b->e : (uint32_t)(b->e - 1) << 23;
    set_single(out, float_of(bits), 0);
    from_table(hn_mxfp4_values, b->qs, out->q);
}

static const struct {
    void (*ints)(const void *block, struct hn_block_ints *out);
    size_t group;
} codecs[HN_DTYPES] = {
    [HN_Q4_0] = {ints_q4_0, 32},   [HN_Q4_1] = {ints_q4_1, 32},     [HN_Q5_0] = {ints_q5_0, 32},
    [HN_Q5_1] = {ints_q5_1, 32},   [HN_Q8_0] = {ints_q8_0, 32},     [HN_Q2_K] = {ints_q2_k, 16},
    [HN_Q3_K] = {ints_q3_k, 16},   [HN_Q4_K] = {ints_q4_k, 32},     [HN_Q5_K] = {ints_q5_k, 32},
    [HN_Q6_K] = {ints_q6_k, 16},   [HN_IQ4_NL] = {ints_iq4_nl, 32}, [HN_IQ4_XS] = {ints_iq4_xs, 32},
    [HN_MXFP4] = {ints_mxfp4, 32},
};

size_t hn_dtype_group(enum hn_dtype type)
{
    return codecs[type].group;
}

void hn_decode_ints(enum hn_dtype type, const void *block, struct hn_block_ints *out)
{
    assert(codecs[type].ints);
    codecs[type].ints(block, out);
    const size_t groups = hn_dtype_info(type)->block / codecs[type].group;
    for (size_t g = 0; g < groups; g++) {
        out->scale[g] = out->d * (float)out->sub[g];
        out->min[g] = out->dmin * (float)out->sub_min[g];
    }
}

static void decode_blocks(enum hn_dtype type, const unsigned char *src, float *dst, size_t n)
{
    const struct hn_dtype_info *info = hn_dtype_info(type);
    const size_t group = codecs[type].group;
    struct hn_block_ints ints;
    for (size_t done = 0; done < n; done += info->block, src += info->bytes) {
        hn_decode_ints(type, src, &ints);
        for (size_t g = 0; g * group < info->block; g++) {
            const float scale = ints.scale[g], min = ints.min[g];
            const int8_t *q = ints.q + g * group;
            for (size_t i = 0; i < group; i++)
                *dst++ = scale * (float)q[i] - min;
        }
    }
}

void hn_decode(enum hn_dtype type, const void *src, float *dst, size_t n)
{
    const unsigned char *p = src;
    switch (type) {
    case HN_F32:
        if (n) memcpy(dst, src, n * sizeof *dst);
        break;
    case HN_F16:
        for (size_t i = 0; i < n; i++)
            dst[i] = hn_f16_to_f32(hn_load_u16(p + 2 * i));
        break;
    case HN_BF16:
        for (size_t i = 0; i < n; i++)
            dst[i] = hn_bf16_to_f32(hn_load_u16(p + 2 * i));
        break;
    default: decode_blocks(type, p, dst, n);
    }
}
