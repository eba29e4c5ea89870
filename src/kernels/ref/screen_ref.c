/* Reference of the screening of vectors: kernels.h says what it is for. */
#include "kernels/list.h"
#include "kernels/screen.h"

void hn_screen_i8_ref(const struct hn_screen *s)
{
    int32_t least[HN_SCREEN_PANELS];
    for (size_t i = 0; i < s->n_queries; i++) {
        const struct hn_screen_query *query = &s->queries[i];
        screen_least(s, query, least);
        for (size_t p = 0; p < s->n_panels; p++) {
            const uint8_t *panel = s->panels + p * HN_PANEL * s->k;
            unsigned hits = 0;
            for (size_t v = 0; v < HN_PANEL; v++) {
                int32_t sum = 0;
                for (size_t j = 0; j < s->k; j++)
                    sum += panel[j / 4 * 4 * HN_PANEL + v * 4 + j % 4] * query->q[j];
                hits |= (unsigned)(sum > least[p]) << v;
            }
            query->hits[p] = (uint16_t)(hits & (query->allowed ? query->allowed[p] : 0xffff));
        }
    }
}
