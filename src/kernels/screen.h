/* What all forms of the screening share: from which sum on a vector may matter. */
#ifndef HN_KERNELS_SCREEN_H
#define HN_KERNELS_SCREEN_H

#include "kernels/kernels.h"

/* least[p]: a vector of panel p whose sum of bytes times query is not above this scores below
 * query->floor.
 *
 * Let a vector be v = s q + e, a query x = t p + f, with bytes q and p, whatever the scales. Then
 *   v.x = s t (q.p) + (s q).f + e.x  <=  s t (q.p) + |s q| |f| + |e| |x|      (Cauchy, Schwarz)
 * and with the panel's greatest norms N >= |s q| and E >= |e|, the score is below `floor` when
 *   q.p < z = (floor - N |f| - E |x|) / (s t).
 * z is a double of four operations. Where |z| <= 2^27 all its terms are below 2^28 in units of s t, so
 * it is off by 2^-22 at most, and so is a score that was computed in doubles; beyond, no sum gets there
 * (|q.p| <= 127 * 127 * HN_SCREEN_DIMS < 2^26). One unit less covers both; two more cover rounding towards
 * zero and `not above` for `below`. A zero scale is given as a huge 1 / s: then every sum is 0, and
 * what is left is whether floor <= N |f| + E |x|. The vectors' bytes are stored as q + 128, which
 * adds 128 times the query's sum to theirs. */
static inline void screen_least(const struct hn_screen *s, const struct hn_screen_query *query,
                                int32_t *least)
{
    const double most = 1 << 30;
    for (size_t p = 0; p < s->n_panels; p++) {
        double z = (query->floor - s->norms[p] * query->rest - s->errors[p] * query->norm) *
                   (s->per_scale[p] * query->per_scale);
        z = z < most ? z : most;
        z = z > -most ? z : -most;
        least[p] = (int32_t)(z - 3) + query->shift;
    }
}

#endif
