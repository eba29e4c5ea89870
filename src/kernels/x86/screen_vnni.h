/* Screening with VNNI: a step multiplies four bytes of sixteen vectors. */
#ifndef HN_KERNELS_X86_SCREEN_VNNI_H
#define HN_KERNELS_X86_SCREEN_VNNI_H

#include <immintrin.h>

#include "base/bits.h"
#include "kernels/list.h"
#include "kernels/screen.h"
#include "kernels/x86/unroll.h"

enum {
    SCREEN_TOGETHER = 4, /* queries for which a panel is read once */
    SCREEN_AHEAD = 4096  /* bytes: the processor's own reading ahead ends with a page */
};

static inline __m512i screen_four(const int8_t *q)
{
    int32_t four;
    __builtin_memcpy(&four, q, sizeof four);
    return _mm512_set1_epi32(four);
}

/* `together`, a constant, queries from `query` on. */
static inline __attribute__((always_inline)) void screen_some(const struct hn_screen *s,
                                                              const struct hn_screen_query *query,
                                                              int together)
{
    int32_t least[SCREEN_TOGETHER][HN_SCREEN_PANELS];
    for (int i = 0; i < together; i++)
        screen_least(s, &query[i], least[i]);
    for (size_t p = 0; p < s->n_panels; p++) {
        unsigned allowed[SCREEN_TOGETHER], any = 0;
        UNROLL for (int i = 0; i < together; i++)
        {
            allowed[i] = query[i].allowed ? query[i].allowed[p] : 0xffff;
            any |= allowed[i];
            query[i].hits[p] = 0;
        }
        if (!any) continue;
        const uint8_t *panel = s->panels + p * HN_PANEL * s->k;
        __m512i sums[SCREEN_TOGETHER];
        UNROLL for (int i = 0; i < together; i++) sums[i] = _mm512_setzero_si512();
        for (size_t j = 0; j < s->k; j += 4) {
            const __m512i bytes = _mm512_loadu_si512(panel + j * HN_PANEL);
            if (together == 1) _mm_prefetch(panel + j * HN_PANEL + SCREEN_AHEAD, _MM_HINT_T0);
            UNROLL for (int i = 0; i < together; i++) sums[i] =
                _mm512_dpbusd_epi32(sums[i], bytes, screen_four(query[i].q + j));
        }
        UNROLL for (int i = 0; i < together; i++)
        {
            const __mmask16 hits = _mm512_cmpgt_epi32_mask(sums[i], _mm512_set1_epi32(least[i][p]));
            query[i].hits[p] = (uint16_t)(hits & allowed[i]);
        }
    }
}

static inline void screen_by_vectors(const struct hn_screen *s, size_t from, size_t to)
{
    size_t i = from;
    for (; i + SCREEN_TOGETHER <= to; i += SCREEN_TOGETHER)
        screen_some(s, &s->queries[i], SCREEN_TOGETHER);
    for (; i < to; i++)
        screen_some(s, &s->queries[i], 1);
}

#endif
