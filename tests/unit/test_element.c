#include "tensor/element.h"

#include <math.h>

#include "unit.h"

static unsigned char code(enum hn_element type, double value, bool saturate)
{
    unsigned char out;
    ck_assert(hn_element_convert(type, &out, HN_EL_F64, &value, 1,
                                 (struct hn_convert){.saturate = saturate}));
    return out;
}

static double value(enum hn_element type, unsigned char bits)
{
    const struct hn_array a = {.type = type, .n = 1, .data = &bits};
    return hn_array_real(&a, 0);
}

static const enum hn_element small[] = {HN_EL_F8E4M3FN, HN_EL_F8E4M3FNUZ, HN_EL_F8E5M2,
                                        HN_EL_F8E5M2FNUZ};

START_TEST(every_code_of_a_small_float_comes_back)
{
    for (size_t t = 0; t < 4; t++)
        for (unsigned bits = 0; bits < 256; bits++) {
            const double x = value(small[t], (unsigned char)bits);
            if (isnan(x)) ck_assert(isnan(value(small[t], code(small[t], x, false))));
            else ck_assert_uint_eq(code(small[t], x, false), bits);
        }
    for (unsigned bits = 0; bits < 16; bits++)
        ck_assert_uint_eq(code(HN_EL_F4E2M1, value(HN_EL_F4E2M1, (unsigned char)bits), true), bits);
    for (unsigned bits = 0; bits < 255; bits++)
        ck_assert_uint_eq(code(HN_EL_F8E8M0, value(HN_EL_F8E8M0, (unsigned char)bits), true), bits);
}
END_TEST

START_TEST(between_two_codes_halves_go_to_even)
{
    for (size_t t = 0; t < 4; t++)
        for (unsigned bits = 0; bits < 0x7a; bits++) {
            const double low = value(small[t], (unsigned char)bits);
            const double high = value(small[t], (unsigned char)(bits + 1));
            const double middle = (low + high) / 2;
            ck_assert_uint_eq(code(small[t], middle, true), bits + (bits & 1));
            ck_assert_uint_eq(code(small[t], nextafter(middle, 0), true), bits);
            ck_assert_uint_eq(code(small[t], nextafter(middle, high), true), bits + 1);
        }
}
END_TEST

START_TEST(what_is_too_large)
{
    const double largest[] = {448, 240, 57344, 57344};
    for (size_t t = 0; t < 4; t++) {
        ck_assert_double_eq(value(small[t], code(small[t], 1e9, true)), largest[t]);
        ck_assert_double_eq(value(small[t], code(small[t], -INFINITY, true)), -largest[t]);
        const double open = value(small[t], code(small[t], 1e9, false));
        ck_assert(small[t] == HN_EL_F8E5M2 ? isinf(open) : isnan(open));
    }
    ck_assert_double_eq(value(HN_EL_F4E2M1, code(HN_EL_F4E2M1, 1e9, true)), 6);
    ck_assert_uint_eq(code(HN_EL_F8E4M3FNUZ, -0.0, true), 0); /* has one zero */
    ck_assert_uint_eq(code(HN_EL_F8E4M3FN, -0.0, true), 0x80);
}
END_TEST

START_TEST(powers_of_two_are_rounded_as_asked)
{
    const double x = 5; /* between 4 and 8 */
    const unsigned four = 129, eight = 130;
    for (int how = HN_ROUND_UP; how <= HN_ROUND_NEAREST; how++) {
        unsigned char out;
        (void)hn_element_convert(
            HN_EL_F8E8M0, &out, HN_EL_F64, &x, 1,
            (struct hn_convert){.saturate = true, .e8m0 = (enum hn_rounding)how});
        ck_assert_uint_eq(out, how == HN_ROUND_UP ? eight : four);
    }
    ck_assert(isnan(value(HN_EL_F8E8M0, 255)));
}
END_TEST

START_TEST(floats_to_integers_never_overflow)
{
    const double from[] = {NAN, INFINITY, -INFINITY, 1e300, -1e300, 2.9, -2.9, 300};
    const size_t n = sizeof from / sizeof from[0];
    int64_t i64[8];
    uint64_t u64[8];
    int32_t i32[8];
    int8_t i4[8];
    ck_assert(hn_element_convert(HN_EL_I64, i64, HN_EL_F64, from, n, (struct hn_convert){0}));
    ck_assert(hn_element_convert(HN_EL_U64, u64, HN_EL_F64, from, n, (struct hn_convert){0}));
    ck_assert(hn_element_convert(HN_EL_I32, i32, HN_EL_F64, from, n, (struct hn_convert){0}));
    ck_assert(hn_element_convert(HN_EL_I4, i4, HN_EL_F64, from, n, (struct hn_convert){0}));
    ck_assert_int_eq(i64[0], 0);
    ck_assert_int_eq(i64[1], INT64_MAX);
    ck_assert_int_eq(i64[2], INT64_MIN);
    ck_assert_uint_eq(u64[3], UINT64_MAX);
    ck_assert_int_eq(i32[1], INT32_MAX);
    ck_assert_int_eq(i32[4], INT32_MIN);
    ck_assert_int_eq(i32[5], 2);
    ck_assert_int_eq(i32[6], -2);
    ck_assert_int_eq(i4[7], -4); /* 300 modulo 16 */
}
END_TEST

START_TEST(all_pairs_of_types_agree_on_small_numbers)
{
    for (int a = 0; a < HN_ELEMENTS; a++)
        for (int b = 0; b < HN_ELEMENTS; b++) {
            const double one = 1;
            _Alignas(16) unsigned char first[16], second[16];
            const struct hn_array to = {.type = (enum hn_element)b, .n = 1, .data = second};
            const bool good = hn_element_is_number((enum hn_element)a);
            ck_assert(hn_element_convert((enum hn_element)a, first, HN_EL_F64, &one, 1,
                                         (struct hn_convert){.saturate = true}) == good);
            if (!good || !hn_element_is_number((enum hn_element)b)) continue;
            ck_assert(hn_element_convert((enum hn_element)b, second, (enum hn_element)a, first, 1,
                                         (struct hn_convert){.saturate = true}));
            /* Of two bits with a sign, 1 is the largest. */
            ck_assert_double_eq(hn_array_real(&to, 0), 1);
        }
}
END_TEST

START_TEST(integers_beyond_doubles_stay_exact)
{
    const int64_t from[] = {INT64_MAX, (1ll << 53) + 1};
    uint64_t to[2];
    float f;
    const uint64_t large = UINT64_MAX;
    ck_assert(hn_element_convert(HN_EL_U64, to, HN_EL_I64, from, 2, (struct hn_convert){0}));
    ck_assert_uint_eq(to[0], INT64_MAX);
    ck_assert_uint_eq(to[1], (1ull << 53) + 1);
    ck_assert(hn_element_convert(HN_EL_F32, &f, HN_EL_U64, &large, 1, (struct hn_convert){0}));
    ck_assert_float_eq(f, 0x1p64f);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("element");
    tcase_add_test(tc, every_code_of_a_small_float_comes_back);
    tcase_add_test(tc, between_two_codes_halves_go_to_even);
    tcase_add_test(tc, what_is_too_large);
    tcase_add_test(tc, powers_of_two_are_rounded_as_asked);
    tcase_add_test(tc, floats_to_integers_never_overflow);
    tcase_add_test(tc, all_pairs_of_types_agree_on_small_numbers);
    tcase_add_test(tc, integers_beyond_doubles_stay_exact);
    return run_unit("element", tc);
}
