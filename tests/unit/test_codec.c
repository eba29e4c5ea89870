#include "unit.h"

#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "base/rng.h"
#include "tensor/codec.h"
#include "tensor/codec_blocks.h"

/* Deterministic bytes that differ per stream. */
static void fill_bytes(unsigned char *p, size_t n, uint64_t stream)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t draw[4];
        hn_philox(7, i, stream, draw);
        p[i] = (unsigned char)draw[0];
    }
}

static uint32_t bits_of(float f)
{
    return hn_load_u32(&f);
}

START_TEST(half_floats_follow_ieee)
{
    ck_assert_uint_eq(bits_of(hn_f16_to_f32(0x0000)), 0x00000000);
    ck_assert_uint_eq(bits_of(hn_f16_to_f32(0x8000)), 0x80000000);
    ck_assert_float_eq(hn_f16_to_f32(0x0001), 0x1p-24f);
    ck_assert_float_eq(hn_f16_to_f32(0x83ff), -0x3ffp-24f);
    ck_assert_float_eq(hn_f16_to_f32(0x0400), 0x1p-14f);
    ck_assert_float_eq(hn_f16_to_f32(0x3c00), 1.0f);
    ck_assert_float_eq(hn_f16_to_f32(0x7bff), 65504.0f);
    ck_assert(isinf(hn_f16_to_f32(0xfc00)));
    ck_assert_uint_eq(bits_of(hn_f16_to_f32(0xfc01)), 0xffc02000);

    ck_assert_uint_eq(hn_f32_to_f16(65519.996f), 0x7bff);
    ck_assert_uint_eq(hn_f32_to_f16(65520.0f), 0x7c00);
    ck_assert_uint_eq(hn_f32_to_f16(-INFINITY), 0xfc00);
    ck_assert_uint_eq(hn_f32_to_f16(0x1p-25f), 0x0000);
    ck_assert_uint_eq(hn_f32_to_f16(0x1.000002p-25f), 0x0001);
    ck_assert_uint_eq(hn_f32_to_f16(0x1.8p-24f), 0x0002);
    ck_assert_uint_eq(hn_f32_to_f16(-0x1.ffffp-15f), 0x8400);
    ck_assert_uint_eq(hn_f32_to_f16(0x1p-149f), 0x0000);
    ck_assert_uint_eq(hn_f32_to_f16(NAN) & 0x7e00, 0x7e00);
    ck_assert_uint_eq(hn_f32_to_bf16(0x1.01p0f), 0x3f80);
    ck_assert_uint_eq(hn_f32_to_bf16(0x1.03p0f), 0x3f82);
    ck_assert_uint_eq(hn_f32_to_bf16(3.4e38f), 0x7f80);
    ck_assert(isnan(hn_bf16_to_f32(hn_f32_to_bf16(NAN))));
}
END_TEST

START_TEST(every_half_survives_a_round_trip)
{
    for (uint32_t h = 0; h < 0x10000; h++) {
        const bool is_nan = (h & 0x7fff) > 0x7c00;
        const uint32_t expected = is_nan ? h | 0x200 : h;
        ck_assert_uint_eq(hn_f32_to_f16(hn_f16_to_f32((uint16_t)h)), expected);
        const bool is_bf_nan = (h & 0x7fff) > 0x7f80;
        ck_assert_uint_eq(hn_f32_to_bf16(hn_bf16_to_f32((uint16_t)h)), is_bf_nan ? h | 0x40 : h);
    }
}
END_TEST

/* Between two neighbouring halves: below the middle goes down, above goes up, the middle to even.
 */
START_TEST(rounding_is_to_nearest_even)
{
    for (uint32_t h = 0; h < 0x7bff; h++) {
        const float low = hn_f16_to_f32((uint16_t)h), high = hn_f16_to_f32((uint16_t)(h + 1));
        const float middle = low + (high - low) / 2;
        ck_assert_uint_eq(hn_f32_to_f16(nextafterf(middle, low)), h);
        ck_assert_uint_eq(hn_f32_to_f16(nextafterf(middle, high)), h + 1);
        ck_assert_uint_eq(hn_f32_to_f16(middle), h + (h & 1));
    }
}
END_TEST

START_TEST(simple_blocks_decode_by_hand)
{
    /* d = 0.5 (0x3800); elements 0 and 16 share the first byte. */
    const struct hn_block_q4_0 q4 = {.d = {0x00, 0x38}, .qs = {0xf0}};
    float y[32];
    hn_decode(HN_Q4_0, &q4, y, 32);
    ck_assert_float_eq(y[0], -4.0f);
    ck_assert_float_eq(y[16], 3.5f);

    /* m = -1 (0xbc00); element 31's fifth bit is the last bit of qh. */
    const struct hn_block_q5_1 q5 = {
        .d = {0x00, 0x38}, .m = {0x00, 0xbc}, .qh = {0, 0, 0, 0x80}, .qs = {[15] = 0x21}};
    hn_decode(HN_Q5_1, &q5, y, 32);
    ck_assert_float_eq(y[15], -0.5f);
    ck_assert_float_eq(y[31], 8.0f);

    const struct hn_block_mxfp4 mx = {.e = 128, .qs = {0x7f}};
    hn_decode(HN_MXFP4, &mx, y, 32);
    ck_assert_float_eq(y[0], -12.0f);
    ck_assert_float_eq(y[16], 12.0f);
    const struct hn_block_mxfp4 smallest = {.e = 0, .qs = {0x01}};
    hn_decode(HN_MXFP4, &smallest, y, 32);
    ck_assert_float_eq(y[0], 0x1p-128f);
}
END_TEST

/* hn_decode and hn_decode_ints must tell the same story, at odd addresses, for any bytes. */
START_TEST(integers_and_scales_give_the_values)
{
    for (int type = 0; type < HN_DTYPES; type++) {
        const size_t group = hn_dtype_group(type);
        if (!group) continue;
        const struct hn_dtype_info *info = hn_dtype_info(type);
        unsigned char bytes[1 + 256];
        for (uint64_t round = 0; round < 50; round++) {
            fill_bytes(bytes, sizeof bytes, round * HN_DTYPES + (uint64_t)type);
            struct hn_block_ints ints;
            float values[HN_MAX_BLOCK];
            hn_decode_ints(type, bytes + 1, &ints);
            hn_decode(type, bytes + 1, values, info->block);
            for (size_t i = 0; i < info->block; i++) {
                const size_t g = i / group;
                const float expected = ints.scale[g] * (float)ints.q[i] - ints.min[g];
                if (isnan(expected))
                    ck_assert(isnan(values[i]));
                else
                    ck_assert_uint_eq(bits_of(values[i]), bits_of(expected));
            }
        }
    }
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("codec");
    tcase_add_test(tc, half_floats_follow_ieee);
    tcase_add_test(tc, every_half_survives_a_round_trip);
    tcase_add_test(tc, rounding_is_to_nearest_even);
    tcase_add_test(tc, simple_blocks_decode_by_hand);
    tcase_add_test(tc, integers_and_scales_give_the_values);
    return run_unit("codec", tc);
}
