#include "unit.h"

#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "base/rng.h"
#include "base/str.h"
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
                if (isnan(expected)) ck_assert(isnan(values[i]));
                else ck_assert_uint_eq(bits_of(values[i]), bits_of(expected));
            }
        }
    }
}
END_TEST

/* Bytes that any encoder could have written: halves finite, MXFP4 without its second zero. */
static void fill_block(enum hn_dtype type, unsigned char *block, uint64_t stream)
{
    const size_t bytes = hn_dtype_info(type)->bytes;
    fill_bytes(block, bytes, stream);
    if (type == HN_MXFP4) {
        for (size_t i = 1; i < bytes; i++) {
            if ((block[i] & 15) == 8) block[i] ^= 1;
            if (block[i] >> 4 == 8) block[i] ^= 16;
        }
        if (block[0] == 255) block[0] = 254;
    }
    const bool at_start = type != HN_Q2_K && type != HN_Q3_K && type != HN_Q6_K;
    for (size_t i = 1; i < bytes; i += 2)
        if (type != HN_MXFP4 && (at_start ? i < 4 : i >= bytes - 4)) block[i] &= 0xbb;
}

START_TEST(packing_undoes_decoding)
{
    for (int type = 0; type < HN_DTYPES; type++) {
        if (!hn_dtype_group(type)) continue;
        for (uint64_t round = 0; round < 100; round++) {
            unsigned char block[256], again[256];
            struct hn_block_ints ints;
            fill_block(type, block, round * HN_DTYPES + (uint64_t)type);
            hn_decode_ints(type, block, &ints);
            hn_pack_ints(type, &ints, again);
            ck_assert_mem_eq(again, block, hn_dtype_info(type)->bytes);
        }
    }
}
END_TEST

/* Bell-shaped (a sum of four uniform draws), from integers and exact halvings alone, so that every
 * machine gets the same bits. */
static void fill_bell(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t draw[4];
        hn_philox(11, i, 1, draw);
        const uint64_t sum = (uint64_t)draw[0] + draw[1] + draw[2] + draw[3];
        x[i] = (float)((int64_t)(sum >> 11) - ((int64_t)1 << 22)) * 0x1p-26f;
    }
}

static double relative_error(const float *x, const float *y, size_t n)
{
    double miss = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        miss += (double)(x[i] - y[i]) * (x[i] - y[i]);
        size += (double)x[i] * x[i];
    }
    return sqrt(miss / size);
}

enum { BELL = 64 * 256 };

/* The relative error of each type on bell-shaped data: a little above what the encoders reach,
 * below what plain rounding to the largest magnitude gives. */
static const struct {
    enum hn_dtype type;
    double bound;
} bounds[] = {
    {HN_F32, 0},       {HN_F16, 0.00022},   {HN_BF16, 0.0017},  {HN_Q4_0, 0.0785},
    {HN_Q4_1, 0.069},  {HN_Q5_0, 0.0387},   {HN_Q5_1, 0.0334},  {HN_Q8_0, 0.0052},
    {HN_Q2_K, 0.265},  {HN_Q3_K, 0.143},    {HN_Q4_K, 0.0692},  {HN_Q5_K, 0.0341},
    {HN_Q6_K, 0.0166}, {HN_IQ4_NL, 0.0724}, {HN_IQ4_XS, 0.073}, {HN_MXFP4, 0.1113},
};

START_TEST(encoders_reach_their_accuracy)
{
    static float x[BELL], y[BELL];
    static unsigned char bytes[BELL * 4];
    fill_bell(x, BELL);
    ck_assert_uint_eq(HN_COUNT(bounds), HN_DTYPES);
    for (size_t i = 0; i < HN_COUNT(bounds); i++) {
        hn_encode(bounds[i].type, x, bytes, BELL, NULL);
        hn_decode(bounds[i].type, bytes, y, BELL);
        const double error = relative_error(x, y, BELL);
        ck_assert_msg(error <= bounds[i].bound, "%s: error %.5f, bound %.5f",
                      hn_dtype_info(bounds[i].type)->name, error, bounds[i].bound);
    }
}
END_TEST

/* The encoded bytes are the same whichever compiler built the encoder and wherever it runs. */
START_TEST(encoders_give_the_same_bytes_everywhere)
{
    static const uint64_t expected[HN_DTYPES] = {
        [HN_F32] = 0x1bbf0641847a957d,    [HN_F16] = 0xb4360c28c6f422c0,
        [HN_Q4_0] = 0x50d6813d95f422e1,   [HN_Q4_1] = 0xc977a7bfe4558c1a,
        [HN_Q5_0] = 0x7d5e319227949d3c,   [HN_Q5_1] = 0x2d1bca9cb1de9323,
        [HN_Q8_0] = 0x492a533c5a5c2e0f,   [HN_Q2_K] = 0x3b9eb35b78596d31,
        [HN_Q3_K] = 0xbb008530fbda3621,   [HN_Q4_K] = 0x3b0874590f08129b,
        [HN_Q5_K] = 0xac1d1a1d1f5bb019,   [HN_Q6_K] = 0x74fe167af936433a,
        [HN_IQ4_NL] = 0x282f8df6898ffb7e, [HN_IQ4_XS] = 0x62db6066a15ee8d3,
        [HN_BF16] = 0x63f63d6705f40807,   [HN_MXFP4] = 0x9040d1a6fddcc57f};
    static float x[BELL];
    static unsigned char bytes[BELL * 4];
    fill_bell(x, BELL);
    for (int type = 0; type < HN_DTYPES; type++) {
        size_t n;
        ck_assert(hn_dtype_bytes(type, BELL, &n));
        hn_encode(type, x, bytes, BELL, NULL);
        const uint64_t hash = hn_str_hash((struct hn_str){(const char *)bytes, n}, 0);
        ck_assert_msg(hash == expected[type], "%s: 0x%016llx", hn_dtype_info(type)->name,
                      (unsigned long long)hash);
    }
}
END_TEST

/* Elements of much importance come out better than the same elements without it. */
START_TEST(importance_moves_the_error)
{
    static float x[BELL], y[BELL], importance[BELL];
    static unsigned char bytes[BELL * 4];
    fill_bell(x, BELL);
    for (size_t i = 0; i < BELL; i++)
        importance[i] = i % 4 ? 0.01f : 1.0f;
    for (int type = 0; type < HN_DTYPES; type++) {
        if (!hn_dtype_group(type) || type == HN_Q8_0) continue;
        double error[2] = {0};
        for (int k = 0; k < 2; k++) {
            hn_encode(type, x, bytes, BELL, k ? importance : NULL);
            hn_decode(type, bytes, y, BELL);
            for (size_t i = 0; i < BELL; i += 4)
                error[k] += (double)(x[i] - y[i]) * (x[i] - y[i]);
        }
        ck_assert_msg(error[1] < error[0] * (type == HN_MXFP4 ? 0.99 : 0.95), "%s: %g, without %g",
                      hn_dtype_info(type)->name, error[1], error[0]);
    }
}
END_TEST

START_TEST(odd_values_encode_to_valid_blocks)
{
    const float odd[] = {0,     -0.0f,    1,     -3,       1e-45f,    1e-30f,
                         3e38f, -3.4e38f, 65504, INFINITY, -INFINITY, NAN};
    float x[256], y[256];
    unsigned char bytes[1024];
    for (int type = 0; type < HN_DTYPES; type++) {
        for (size_t k = 0; k < HN_COUNT(odd); k++) {
            for (size_t mixed = 0; mixed < 2; mixed++) {
                for (size_t i = 0; i < 256; i++)
                    x[i] = mixed && i % 3 ? 0.25f * (float)(i % 7) : odd[k];
                hn_encode(type, x, bytes, 256, NULL);
                hn_decode(type, bytes, y, 256);
                /* A constant block of a plain size must come back as that constant. */
                if (mixed || k > 3) continue;
                const double bound = type == HN_MXFP4 ? 0.01 : 0.002;
                ck_assert_msg(fabs(y[0] - x[0]) <= bound && fabs(y[255] - x[255]) <= bound,
                              "%s: %g became %g", hn_dtype_info(type)->name, x[0], y[0]);
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
    tcase_add_test(tc, packing_undoes_decoding);
    tcase_add_test(tc, encoders_reach_their_accuracy);
    tcase_add_test(tc, encoders_give_the_same_bytes_everywhere);
    tcase_add_test(tc, importance_moves_the_error);
    tcase_add_test(tc, odd_values_encode_to_valid_blocks);
    return run_unit("codec", tc);
}
