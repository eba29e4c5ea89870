/* Frequencies against values worked out apart, in double precision, from the papers' formulas. */
#include <math.h>

#include "base/bits.h"
#include "model/rope.h"
#include "unit.h"

enum { MOST = 64 };

static void check_freqs(const struct hn_rope_config *rope, bool exact, const float *factors,
                        size_t n, const double *expected, double scale)
{
    double freqs[MOST];
    const float got = hn_rope_freqs(rope, 2 * n, exact, factors, freqs);
    ck_assert_double_eq_tol((double)got, scale, 1e-6);
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(fabs(freqs[i] - expected[i]) <= 1e-7 * expected[i],
                      "pair %zu turns by %.17g, not %.17g", i, freqs[i], expected[i]);
}

START_TEST(plain_frequencies_fall_geometrically)
{
    const struct hn_rope_config rope = {.base = 10000, .factor = 1, .attn_factor = 1};
    const double expected[] = {1, 0.1, 0.01, 0.001};
    check_freqs(&rope, false, NULL, 4, expected, 1);
}
END_TEST

START_TEST(linear_scaling_divides_positions)
{
    const struct hn_rope_config rope = {
        .base = 10000, .scaling = HN_ROPE_LINEAR, .factor = 8, .attn_factor = 1};
    const double expected[] = {0.125, 0.0125, 0.00125, 0.000125};
    check_freqs(&rope, false, NULL, 4, expected, 1);
}
END_TEST

/* NTK-aware scaling needs no code: it is a larger base, factor^(dim / (dim - 2)) times. The slowest
 * pair then turns `factor` times slower, the fastest as before. */
START_TEST(ntk_scaling_is_a_larger_base)
{
    const double base = 10000 * pow(4, 8.0 / 6.0);
    const struct hn_rope_config rope = {.base = (float)base, .factor = 1, .attn_factor = 1};
    const double expected[] = {1, pow(base, -0.25), pow(base, -0.5), 0.001 / 4};
    check_freqs(&rope, false, NULL, 4, expected, 1);
}
END_TEST

START_TEST(yarn_ramps_between_rounded_ends)
{
    const struct hn_rope_config rope = {.base = 10000,
                                        .scaling = HN_ROPE_YARN,
                                        .factor = 4,
                                        .original = 2048,
                                        .attn_factor = 1,
                                        .beta_fast = 32,
                                        .beta_slow = 1};
    const double expected[] = {1.0,     0.31622776601683794,  0.1,     0.02569350598886808,
                               0.00625, 0.001383496476323666, 0.00025, 7.905694150420948e-05};
    check_freqs(&rope, false, NULL, HN_COUNT(expected), expected, 1.138629436111989);
}
END_TEST

START_TEST(yarn_of_gpt_oss_does_not_round)
{
    const struct hn_rope_config rope = {.base = 150000,
                                        .scaling = HN_ROPE_YARN,
                                        .factor = 32,
                                        .original = 4096,
                                        .attn_factor = 1,
                                        .beta_fast = 32,
                                        .beta_slow = 1};
    const double expected[] = {
        1.0,
        0.6890443058881632,
        0.4747820554769007,
        0.3271458718642365,
        0.22541800020287084,
        0.15532298948448497,
        0.10702442147781144,
        0.07374456821026082,
        0.050813274815461475,
        0.03170569618466377,
        0.01933500112654036,
        0.011592049256286924,
        0.006794959489732219,
        0.0038603593171920685,
        0.0020937923789696887,
        0.0010526021013863357,
        0.00045648391922324086,
        0.0001293187012450632,
        3.8308812373753384e-05,
        2.639646903147278e-05,
        1.818833668168956e-05,
        1.2532569824095001e-05,
        8.63549587543848e-06,
        5.950239261491605e-06,
        4.09997848180298e-06,
        2.8250668271503398e-06,
        1.9465962110014815e-06,
        1.3412910350540445e-06,
        9.242089502428302e-07,
        6.36820914615699e-07,
        4.387978250864396e-07,
        3.0235114281192144e-07,
    };
    check_freqs(&rope, true, NULL, HN_COUNT(expected), expected, 1.3465735902799727);
}
END_TEST

/* Llama 3.1's pairs 28, 29, 32, 35, 63 of 64: its files carry the divisors. */
START_TEST(factors_divide)
{
    const struct hn_rope_config rope = {.base = 500000, .factor = 1, .attn_factor = 1};
    static const struct {
        size_t pair;
        double factor, freq;
    } rows[] = {
        {28, 1, 0.003211445994752591},
        {29, 1.207483871283662, 0.002166570763503359},
        {32, 2.694529687894733, 0.0005248461609929547},
        {35, 8, 9.556212353964683e-05},
        {63, 8, 3.068925988914511e-07},
    };
    float factors[MOST];
    double freqs[MOST];
    for (size_t i = 0; i < MOST; i++)
        factors[i] = 1;
    for (size_t i = 0; i < HN_COUNT(rows); i++)
        factors[rows[i].pair] = (float)rows[i].factor;
    ck_assert_float_eq(hn_rope_freqs(&rope, 2 * MOST, false, factors, freqs), 1);
    for (size_t i = 0; i < HN_COUNT(rows); i++)
        ck_assert_double_eq_tol(freqs[rows[i].pair] / rows[i].freq, 1, 1e-7);
}
END_TEST

/* LongRoPE: a divisor for each pair, and attention scaled by sqrt(1 + ln(factor) / ln(original)). */
START_TEST(longrope_has_factors_and_a_scale)
{
    const float scale = 1.1902380714238083f; /* 131072 over 4096 */
    const struct hn_rope_config rope = {
        .base = 10000, .scaling = HN_ROPE_LONGROPE, .factor = 1, .attn_factor = scale};
    const float factors[] = {1, 1.25f, 4, 64};
    const double expected[] = {1, 0.08, 0.0025, 0.001 / 64};
    check_freqs(&rope, false, factors, 4, expected, 1.1902380714238083);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("rope");
    tcase_add_test(tc, plain_frequencies_fall_geometrically);
    tcase_add_test(tc, linear_scaling_divides_positions);
    tcase_add_test(tc, ntk_scaling_is_a_larger_base);
    tcase_add_test(tc, yarn_ramps_between_rounded_ends);
    tcase_add_test(tc, yarn_of_gpt_oss_does_not_round);
    tcase_add_test(tc, factors_divide);
    tcase_add_test(tc, longrope_has_factors_and_a_scale);
    return run_unit("rope", tc);
}
