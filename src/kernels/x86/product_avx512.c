#include <immintrin.h>

#include "kernels/list.h"

double hn_product_f32_avx512(const float *a, const float *b, size_t n)
{
    __m512d all = _mm512_setzero_pd();
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        all = _mm512_fmadd_pd(_mm512_cvtps_pd(_mm256_loadu_ps(a + i)),
                              _mm512_cvtps_pd(_mm256_loadu_ps(b + i)), all);
    if (i < n) {
        /* Zeros where there is nothing: they leave the other sums as they are. */
        const __mmask8 rest = (__mmask8)((1u << (n - i)) - 1);
        all = _mm512_mask3_fmadd_pd(_mm512_cvtps_pd(_mm256_maskz_loadu_ps(rest, a + i)),
                                    _mm512_cvtps_pd(_mm256_maskz_loadu_ps(rest, b + i)), all, rest);
    }
    double sums[8];
    _mm512_storeu_pd(sums, all);
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) +
           ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}
