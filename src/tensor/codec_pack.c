#include <assert.h>
#include <math.h>
#include <string.h>

#include "tensor/codec.h"
#include "tensor/codec_blocks.h"

/* Each function mirrors the ints_* function of its type in codec.c. */

static void put_u16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static void put_half(uint8_t *p, float v)
{
    put_u16(p, hn_f32_to_f16(v));
}

/* 32 four-bit codes as bytes: 0..15 in the low nibbles, 16..31 in the high ones. */
static void put_nibbles(uint8_t *qs, const int8_t *q, int offset)
{
    for (int i = 0; i < 16; i++)
        qs[i] = (uint8_t)((q[i] + offset) | (q[i + 16] + offset) << 4);
}

static void pack_q4_0(const struct hn_block_ints *in, void *block)
{
    struct hn_block_q4_0 *b = block;
    put_half(b->d, in->d);
    put_nibbles(b->qs, in->q, 8);
}

static void pack_q4_1(const struct hn_block_ints *in, void *block)
{
    struct hn_block_q4_1 *b = block;
    put_half(b->d, in->d);
    put_half(b->m, -in->dmin * (float)in->sub_min[0]);
    put_nibbles(b->qs, in->q, 0);
}

static void put_five_bits(uint8_t *qh, uint8_t *qs, const int8_t *q, int offset)
{
    memset(qh, 0, 4);
    for (int i = 0; i < 16; i++)
        qs[i] = (uint8_t)(((q[i] + offset) & 15) | ((q[i + 16] + offset) & 15) << 4);
    for (int i = 0; i < 32; i++)
        qh[i / 8] |= (uint8_t)((q[i] + offset) >> 4 << i % 8);
}

static void pack_q5_0(const struct hn_block_ints *in, void *block)
{
    struct hn_block_q5_0 *b = block;
    put_half(b->d, in->d);
    put_five_bits(b->qh, b->qs, in->q, 16);
}

static void pack_q5_1(const struct hn_block_ints *in, void *block)
{
    struct hn_block_q5_1 *b = block;
    put_half(b->d, in->d);
    put_half(b->m, -in->dmin * (float)in->sub_min[0]);
    put_five_bits(b->qh, b->qs, in->q, 0);
}

static void pack_q8_0(const struct hn_block_ints *in, void *block)
{
    struct hn_block_q8_0 *b = block;
    put_half(b->d, in->d);
    memcpy(b->qs, in->q, sizeof b->qs);
}

/* The low two bits of 256 codes, as Q2_K and Q3_K store them. */
static void put_two_bits(uint8_t qs[64], const int8_t *q, int offset)
{
    memset(qs, 0, 64);
    for (int i = 0; i < 256; i++)
        qs[i / 128 * 32 + i % 32] |= (uint8_t)(((q[i] + offset) & 3) << i / 32 % 4 * 2);
}

static void pack_q2_k(const struct hn_block_ints *in, void *block)
{
    struct hn_block_q2_k *b = block;
    put_half(b->d, in->d);
    put_half(b->dmin, in->dmin);
    for (int g = 0; g < 16; g++)
        b->scales[g] = (uint8_t)(in->sub[g] | in->sub_min[g] << 4);
    put_two_bits(b->qs, in->q, 0);
}

static void pack_q3_k(const struct hn_block_ints *in, void *block)
{
    struct hn_block_q3_k *b = block;
    memset(b, 0, sizeof *b);
    put_half(b->d, in->d);
    for (int g = 0; g < 16; g++) {
        const int sub = in->sub[g] + 32;
        b->scales[g % 8] |= (uint8_t)((sub & 15) << g / 8 * 4);
        b->scales[8 + g % 4] |= (uint8_t)(sub >> 4 << g / 4 * 2);
    }
    put_two_bits(b->qs, in->q, 4);
    for (int i = 0; i < 256; i++)
        b->hmask[i % 32] |= (uint8_t)((in->q[i] + 4) >> 2 << i / 32);
}

static void put_scales_k4(uint8_t scales[12], const struct hn_block_ints *in)
{
    for (int g = 0; g < 4; g++) {
        scales[g] = (uint8_t)(in->sub[g] | in->sub[g + 4] >> 4 << 6);
        scales[g + 4] = (uint8_t)(in->sub_min[g] | in->sub_min[g + 4] >> 4 << 6);
        scales[g + 8] = (uint8_t)((in->sub[g + 4] & 15) | (in->sub_min[g + 4] & 15) << 4);
    }
}

/* The low four bits of 256 codes, as Q4_K and Q5_K store them. */
static void put_four_bits(uint8_t qs[128], const int8_t *q)
{
    memset(qs, 0, 128);
    for (int i = 0; i < 256; i++)
        qs[i / 64 * 32 + i % 32] |= (uint8_t)((q[i] & 15) << i / 32 % 2 * 4);
}

static void pack_q4_k(const struct hn_block_ints *in, void *block)
{
    struct hn_block_q4_k *b = block;
    put_half(b->d, in->d);
    put_half(b->dmin, in->dmin);
    put_scales_k4(b->scales, in);
    put_four_bits(b->qs, in->q);
}

static void pack_q5_k(const struct hn_block_ints *in, void *block)
{
    struct hn_block_q5_k *b = block;
    put_half(b->d, in->d);
    put_half(b->dmin, in->dmin);
    put_scales_k4(b->scales, in);
    put_four_bits(b->qs, in->q);
    memset(b->qh, 0, sizeof b->qh);
    for (int i = 0; i < 256; i++)
        b->qh[i % 32] |= (uint8_t)(in->q[i] >> 4 << i / 32);
}

static void pack_q6_k(const struct hn_block_ints *in, void *block)
{
    struct hn_block_q6_k *b = block;
    memset(b, 0, sizeof *b);
    put_half(b->d, in->d);
    memcpy(b->scales, in->sub, sizeof b->scales);
    for (int i = 0; i < 256; i++) {
        const int code = in->q[i] + 32;
        b->ql[i / 128 * 64 + i % 64] |= (uint8_t)((code & 15) << i / 64 % 2 * 4);
        b->qh[i / 128 * 32 + i % 32] |= (uint8_t)(code >> 4 << i / 32 % 4 * 2);
    }
}

/* The code of a code book's value; the first where a value appears twice (MXFP4's two zeros). */
static void codes_of(const int8_t book[16], const int8_t *q, int8_t codes[32])
{
    for (int i = 0; i < 32; i++) {
        int code = 0;
        while (code < 15 && book[code] != q[i])
            code++;
        codes[i] = (int8_t)code;
    }
}

static void pack_iq4_nl(const struct hn_block_ints *in, void *block)
{
    struct hn_block_iq4_nl *b = block;
    int8_t codes[32];
    put_half(b->d, in->d);
    codes_of(hn_iq4_values, in->q, codes);
    put_nibbles(b->qs, codes, 0);
}

static void pack_iq4_xs(const struct hn_block_ints *in, void *block)
{
    struct hn_block_iq4_xs *b = block;
    memset(b->scales_l, 0, sizeof b->scales_l);
    put_half(b->d, in->d);
    uint32_t scales_h = 0;
    for (int g = 0; g < 8; g++) {
        const uint32_t sub = (uint32_t)(in->sub[g] + 32);
        b->scales_l[g / 2] |= (uint8_t)((sub & 15) << g % 2 * 4);
        scales_h |= sub >> 4 << 2 * g;
        int8_t codes[32];
        codes_of(hn_iq4_values, in->q + 32 * g, codes);
        put_nibbles(b->qs + 16 * g, codes, 0);
    }
    put_u16(b->scales_h, scales_h);
}

static void pack_mxfp4(const struct hn_block_ints *in, void *block)
{
    struct hn_block_mxfp4 *b = block;
    int exponent;
    frexpf(in->d, &exponent); /* d = 0.5 * 2^exponent = 2^(e - 128) */
    b->e = (uint8_t)(exponent + 127);
    int8_t codes[32];
    codes_of(hn_mxfp4_values, in->q, codes);
    put_nibbles(b->qs, codes, 0);
}

static void (*const packers[HN_DTYPES])(const struct hn_block_ints *in, void *block) = {
    [HN_Q4_0] = pack_q4_0,   [HN_Q4_1] = pack_q4_1,     [HN_Q5_0] = pack_q5_0,
    [HN_Q5_1] = pack_q5_1,   [HN_Q8_0] = pack_q8_0,     [HN_Q2_K] = pack_q2_k,
    [HN_Q3_K] = pack_q3_k,   [HN_Q4_K] = pack_q4_k,     [HN_Q5_K] = pack_q5_k,
    [HN_Q6_K] = pack_q6_k,   [HN_IQ4_NL] = pack_iq4_nl, [HN_IQ4_XS] = pack_iq4_xs,
    [HN_MXFP4] = pack_mxfp4,
};

void hn_pack_ints(enum hn_dtype type, const struct hn_block_ints *ints, void *block)
{
    assert(packers[type]);
    packers[type](ints, block);
}
