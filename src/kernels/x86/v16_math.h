/* What both v16_*.h share: reductions in one fixed order, exp and tanh. Include after one of them. */
#ifndef HN_KERNELS_X86_V16_MATH_H
#define HN_KERNELS_X86_V16_MATH_H

/* Lanes i and i + 8, then i + 4, i + 2, i + 1. */
static inline float v_sum(v16 x)
{
    const __m256 eight = _mm256_add_ps(v_low(x), v_high(x));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

/* The largest lane; a NaN may or may not win. */
static inline float v_largest(v16 x)
{
    const __m256 eight = _mm256_max_ps(v_low(x), v_high(x));
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    four = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
}

/* The largest of non-negative floats by their bits: a NaN wins, then infinity. */
static inline float v_largest_bits(v16i x)
{
    const __m256i eight = _mm256_max_epi32(v_low_bits(x), v_high_bits(x));
    __m128i four = _mm_max_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
    four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0xb1));
    return _mm_cvtss_f32(_mm_castsi128_ps(four));
}

/* exp(x) = 2^n exp(r), |r| <= ln(2) / 2, with exp(r) - 1 = r + r^2 P(r): P is the minimax polynomial of degree
 * 4 (relative error 3e-9). Gives exp(r) - 1 for x from -87 to 89, or the nearer of them; NaN stays. */
static inline v16 v_exp_rest(v16 x, v16 *n)
{
    x = v_max(v_set1(-87), v_min(v_set1(89), x));
    *n = v_round(v_mul(x, v_set1(0x1.715476p+0f)));
    v16 r = v_fnma(*n, v_set1(0x1.62e4p-1f), x); /* exact: ln 2 in two parts */
    r = v_fnma(*n, v_set1(0x1.7f7d1cp-20f), r);
    v16 p = v_fma(v_set1(0x1.6db47ap-10f), r, v_set1(0x1.123b92p-7f));
    p = v_fma(p, r, v_set1(0x1.55545ep-5f));
    p = v_fma(p, r, v_set1(0x1.55548ep-3f));
    p = v_fma(p, r, v_set1(0.5f));
    return v_fma(p, v_mul(r, r), r);
}

/* At most 1 ulp off; infinity above 89, NaN stays. 0 below -87: subnormal numbers, which are next to it, take a
 * processor a hundred cycles each, and masks ask for many. */
static inline v16 v_exp(v16 x)
{
    v16 n;
    const v16 p = v_add(v_exp_rest(x, &n), v_set1(1));
    return v_where_less(x, v_set1(-87), v_zero(), v_scale2(p, n));
}

/* exp(x) - 1 = 2^n (exp(r) - 1) + (2^n - 1): at most 2 ulp off below ln(2) / 2. */
static inline v16 v_expm1(v16 x)
{
    v16 n;
    const v16 p = v_exp_rest(x, &n);
    return v_add(v_scale2(p, n), v_sub(v_scale2(v_set1(1), n), v_set1(1)));
}

/* tanh(x) = x + x z P(z), z = x^2, below 0.625 (minimax, relative error 4e-9); above, with the sign of
 * x, 1 - 2 / (exp(2 |x|) + 1). At most 2 ulp off. */
static inline v16 v_tanh(v16 x)
{
    const v16 size = v_abs(x);
    const v16 z = v_mul(x, x);
    v16 p = v_fma(v_set1(-0x1.76abf6p-8f), z, v_set1(0x1.5256cep-6f));
    p = v_fma(p, z, v_set1(-0x1.b84448p-5f));
    p = v_fma(p, z, v_set1(0x1.110768p-3f));
    p = v_fma(p, z, v_set1(-0x1.555534p-2f));
    const v16 small = v_fma(v_mul(p, z), x, x);
    const v16 e = v_exp(v_add(size, size));
    const v16 large = v_sub(v_set1(1), v_div(v_set1(2), v_add(e, v_set1(1))));
    return v_where_less(size, v_set1(0.625f), small, v_copy_sign(large, x));
}

/* erf(x) = x + x P(x^2) below 0.927734375; above, with the sign of x, 1 - exp(Q(|x|)) (N. Juffa's
 * polynomials). At most 2 ulp off. */
static inline v16 v_erf(v16 x)
{
    const v16 t = v_min(v_abs(x), v_set1(10)), s = v_mul(x, x);
    v16 p = v_fma(v_set1(-5.96761703e-4f), s, v_set1(4.99119423e-3f));
    p = v_fma(p, s, v_set1(-2.67681349e-2f));
    p = v_fma(p, s, v_set1(1.12819925e-1f));
    p = v_fma(p, s, v_set1(-3.76125336e-1f));
    p = v_fma(p, s, v_set1(1.28379166e-1f));
    const v16 small = v_fma(p, x, x);
    const v16 s2 = v_mul(t, t);
    v16 q = v_fma(v_set1(-1.72853470e-5f), t, v_set1(3.83197126e-4f));
    q = v_fma(q, s2, v_fma(v_set1(-3.88396438e-3f), t, v_set1(2.42546219e-2f)));
    q = v_fma(q, t, v_set1(-1.06777877e-1f));
    q = v_fma(q, t, v_set1(-6.34846687e-1f));
    q = v_fma(q, t, v_set1(-1.28717512e-1f));
    q = v_fma(q, t, v_sub(v_zero(), t));
    const v16 large = v_copy_sign(v_sub(v_set1(1), v_exp(q)), x);
    return v_where_less(v_set1(0.927734375f), v_abs(x), large, small);
}

/* gelu(x) = x / 2 (1 + erf(x / sqrt 2)), with what erf's 2 ulp leave of it. */
static inline v16 v_gelu(v16 x)
{
    const v16 erf = v_erf(v_mul(x, v_set1(0x1.6a09e6p-1f)));
    return v_mul(v_mul(x, v_set1(0.5f)), v_add(v_set1(1), erf));
}

/* x / (1 + exp(-a x)) */
static inline v16 v_gate(v16 x, v16 ax)
{
    return v_div(x, v_add(v_set1(1), v_exp(v_sub(v_zero(), ax))));
}

#endif
