/* The scalar codec of the stored types: the truth that every fast kernel is tested against. Layouts
 * are described in codec_blocks.h. */
#ifndef HN_TENSOR_CODEC_H
#define HN_TENSOR_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "tensor/dtype.h"

enum { HN_MAX_BLOCK = 256, HN_MAX_GROUPS = 16 };

/* One block as integers and exact scales. Group g covers elements g * hn_dtype_group(type) onwards:
 *     value = scale[g] * q - min[g]        scale[g] = d * sub[g], min[g] = dmin * sub_min[g]
 * each product and the difference rounded to float once: this order is the formats' definition.
 * Types without a minimum have dmin = 0; types of one group have sub[0] = sub_min[0] = 1. In Q4_1
 * and Q5_1, whose files store +m, dmin is -m. */
struct hn_block_ints {
    int8_t q[HN_MAX_BLOCK];
    float scale[HN_MAX_GROUPS];
    float min[HN_MAX_GROUPS];
    float d;
    float dmin;
    int8_t sub[HN_MAX_GROUPS];
    uint8_t sub_min[HN_MAX_GROUPS];
};

/* Elements that share one scale: 16 (Q2_K, Q3_K, Q6_K) or 32 (the other block types); 0 for F32,
 * F16 and BF16, which have none. */
size_t hn_dtype_group(enum hn_dtype type);

/* Decodes one block of a type with groups; any bytes are valid. The entries past the block's
 * elements and groups are left as they were. */
void hn_decode_ints(enum hn_dtype type, const void *block, struct hn_block_ints *out);

/* The eight 6-bit scales and minimums of a Q4_K or Q5_K block. */
void hn_scales_k4(const uint8_t scales[12], int8_t sub[8], uint8_t sub_min[8]);

/* Decodes n elements (a multiple of the type's block); any bytes are valid, src needs no alignment.
 */
void hn_decode(enum hn_dtype type, const void *src, float *dst, size_t n);

/* The inverse of hn_decode_ints: writes the block that holds the integers q, sub and sub_min (each
 * within its type's range; q of IQ4 and MXFP4 types from their code books) and the halves d and
 * dmin (MXFP4: d a power of two). scale and min are not read. */
void hn_pack_ints(enum hn_dtype type, const struct hn_block_ints *ints, void *block);

/* Encodes n elements (a multiple of the type's block). `importance` (n weights >= 0, or NULL) says
 * how much an error in each element matters. The same input gives the same bytes on every machine.
 * Input that is not finite gives valid but meaningless blocks: callers look first. */
void hn_encode(enum hn_dtype type, const float *src, void *dst, size_t n, const float *importance);

/* Conversions in plain integer arithmetic: round to nearest, ties to even; subnormals exact; NaN
 * stays NaN (quiet), too large becomes infinity. The hardware's conversions give the same bits. */
float hn_f16_to_f32(uint16_t half);
uint16_t hn_f32_to_f16(float value);
float hn_bf16_to_f32(uint16_t bits);
uint16_t hn_f32_to_bf16(float value);

/* The 4-bit code books: IQ4_NL and IQ4_XS (values -127..113), MXFP4 (twice the E2M1 values). */
extern const int8_t hn_iq4_values[16];
extern const int8_t hn_mxfp4_values[16];

#endif
