/* Sixteen bits instead of eight: bytes times bytes in pairs would not fit. */
#include <immintrin.h>

#include "kernels/list.h"
#include "kernels/screen.h"

/* Four elements of a query, sixteen bits each, for four vectors. */
static inline __m256i four_of(const int8_t *q)
{
    return _mm256_broadcastq_epi64(_mm_cvtepi8_epi16(_mm_loadu_si32(q)));
}

/* Which of eight vectors, of a half panel, have sums above `least`. */
static inline unsigned half_panel(const uint8_t *half, const int8_t *q, size_t k, __m256i least)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i low = zero, high = zero; /* vectors 0, 1, 4, 5 and 2, 3, 6, 7: two sums each */
    for (size_t j = 0; j < k; j += 4) {
        const __m256i bytes = _mm256_loadu_si256((const __m256i *)(half + j * HN_PANEL));
        const __m256i four = four_of(q + j);
        low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_unpacklo_epi8(bytes, zero), four));
        high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_unpackhi_epi8(bytes, zero), four));
    }
    const __m256i above = _mm256_cmpgt_epi32(_mm256_hadd_epi32(low, high), least);
    return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(above));
}

void hn_screen_i8_avx2(const struct hn_screen *s)
{
    int32_t least[HN_SCREEN_PANELS];
    for (size_t i = 0; i < s->n_queries; i++) {
        const struct hn_screen_query *query = &s->queries[i];
        screen_least(s, query, least);
        for (size_t p = 0; p < s->n_panels; p++) {
            const unsigned allowed = query->allowed ? query->allowed[p] : 0xffff;
            query->hits[p] = 0;
            if (!allowed) continue;
            const uint8_t *panel = s->panels + p * HN_PANEL * s->k;
            const __m256i bar = _mm256_set1_epi32(least[p]);
            unsigned hits = half_panel(panel, query->q, s->k, bar);
            hits |= half_panel(panel + HN_PANEL * 2, query->q, s->k, bar) << 8;
            query->hits[p] = (uint16_t)(hits & allowed);
        }
    }
}
