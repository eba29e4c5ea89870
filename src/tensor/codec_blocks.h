/* The block formats, byte by byte. All members are bytes, so a block may lie at any address.
 * Two-byte members are little-endian half floats unless said otherwise.
 *
 * "Element i" counts from 0 inside the block. Formulas give the stored integer q; how q becomes a
 * value is said per type, with d and dmin the half floats of the block and every operation rounded
 * to float. */
#ifndef HN_TENSOR_CODEC_BLOCKS_H
#define HN_TENSOR_CODEC_BLOCKS_H

#include <stdint.h>

/* 32 elements. value = d * (q - 8). Element i < 16: low nibble of qs[i]; i >= 16: high nibble of
 * qs[i - 16]. The nibble order is the same in Q4_1, Q5_0, Q5_1, IQ4_NL and MXFP4. */
struct hn_block_q4_0 {
    uint8_t d[2];
    uint8_t qs[16];
};

/* 32 elements. value = d * q + m. */
struct hn_block_q4_1 {
    uint8_t d[2];
    uint8_t m[2];
    uint8_t qs[16];
};

/* 32 elements. q = nibble | bit i of the 32-bit little-endian qh << 4. value = d * (q - 16). */
struct hn_block_q5_0 {
    uint8_t d[2];
    uint8_t qh[4];
    uint8_t qs[16];
};

/* 32 elements. q as in Q5_0. value = d * q + m. */
struct hn_block_q5_1 {
    uint8_t d[2];
    uint8_t m[2];
    uint8_t qh[4];
    uint8_t qs[16];
};

/* 32 elements. value = d * qs[i], signed. */
struct hn_block_q8_0 {
    uint8_t d[2];
    uint8_t qs[32];
};

/* 256 elements in 16 groups of 16; group g: scale = low nibble of scales[g], minimum = high nibble.
 * value = (d * scale) * q - dmin * minimum. The 2-bit q of element i = 128 a + 32 b + c (b, c < 4,
 * 32) is bits 2b..2b+1 of qs[32 a + c]. */
struct hn_block_q2_k {
    uint8_t scales[16];
    uint8_t qs[64];
    uint8_t d[2];
    uint8_t dmin[2];
};

/* 256 elements in 16 groups of 16. The low 2 bits of q lie as in Q2_K, bit 2 of element
 * i = 32 a + c is bit a of hmask[c]; value = (d * (s - 32)) * (q - 4). The 6-bit s of group g: its
 * low 4 bits are the low (g < 8) or high nibble of scales[g % 8], its high 2 bits are bits 2 (g /
 * 4) .. of scales[8 + g % 4]. */
struct hn_block_q3_k {
    uint8_t hmask[32];
    uint8_t qs[64];
    uint8_t scales[12];
    uint8_t d[2];
};

/* 256 elements in 8 groups of 32. value = (d * s) * q - dmin * m. The 4-bit q of element
 * i = 64 a + 32 b + c is the low (b = 0) or high nibble of qs[32 a + c]. The 6-bit s and m:
 * groups g < 4: s = low 6 bits of scales[g], m = low 6 bits of scales[g + 4];
 * groups g >= 4: s = low nibble of scales[g + 4] | top 2 bits of scales[g - 4] << 4,
 *                m = high nibble of scales[g + 4] | top 2 bits of scales[g] << 4. */
struct hn_block_q4_k {
    uint8_t d[2];
    uint8_t dmin[2];
    uint8_t scales[12];
    uint8_t qs[128];
};

/* 256 elements in 8 groups of 32: Q4_K with a fifth bit. Bit 4 of element i = 32 g + c is bit g of
 * qh[c]. */
struct hn_block_q5_k {
    uint8_t d[2];
    uint8_t dmin[2];
    uint8_t scales[12];
    uint8_t qh[32];
    uint8_t qs[128];
};

/* 256 elements in 16 groups of 16, scales signed. value = (d * scales[g]) * (q - 32). Element
 * i = 128 a + 32 b + c: low 4 bits are the low (b < 2) or high nibble of ql[64 a + 32 (b % 2) + c],
 * high 2 bits are bits 2b..2b+1 of qh[32 a + c]. */
struct hn_block_q6_k {
    uint8_t ql[128];
    uint8_t qh[64];
    uint8_t scales[16];
    uint8_t d[2];
};

/* 32 elements. value = d * hn_iq4_values[nibble]. */
struct hn_block_iq4_nl {
    uint8_t d[2];
    uint8_t qs[16];
};

/* 256 elements in 8 groups of 32. value = (d * (s - 32)) * hn_iq4_values[nibble]. Element i = 32 g
 * + c: low (c < 16) or high nibble of qs[16 g + c % 16]. The 6-bit s of group g: low 4 bits are the
 * low (g even) or high nibble of scales_l[g / 2], high 2 bits are bits 2g..2g+1 of the 16-bit
 * little-endian integer scales_h. */
struct hn_block_iq4_xs {
    uint8_t d[2];
    uint8_t scales_h[2];
    uint8_t scales_l[4];
    uint8_t qs[128];
};

/* 32 elements: OCP microscaling, E2M1 elements and an E8M0 scale. value = 2^(e - 128) *
 * hn_mxfp4_values[nibble]; the table holds twice the element, the exponent makes up for it. Code
 * 255 (NaN in OCP) is 2^127 as in the files' reference implementation. */
struct hn_block_mxfp4 {
    uint8_t e;
    uint8_t qs[16];
};

#endif
