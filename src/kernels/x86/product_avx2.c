#include <immintrin.h>

#include "kernels/list.h"

static inline __m256d doubles(const float *p)
{
    return _mm256_cvtps_pd(_mm_loadu_ps(p));
}

double hn_product_f32_avx2(const float *a, const float *b, size_t n)
{
    __m256d low = _mm256_setzero_pd(), high = low;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        low = _mm256_fmadd_pd(doubles(a + i), doubles(b + i), low);
        high = _mm256_fmadd_pd(doubles(a + i + 4), doubles(b + i + 4), high);
    }
    double sums[8];
    _mm256_storeu_pd(sums, low);
    _mm256_storeu_pd(sums + 4, high);
    for (; i < n; i++)
        sums[i % 8] += (double)a[i] * (double)b[i];
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) +
           ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}
