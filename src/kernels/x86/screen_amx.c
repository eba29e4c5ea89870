/* Screening with tiles: sixteen queries at once. A panel of 64 elements is a tile of weights as it lies. */
#include "kernels/x86/screen_vnni.h"
#include "kernels/x86/tiles_amx.h"

enum {
    TILE_K = 64,    /* elements in a tile's row */
    WORTH_TILES = 4 /* queries; fewer are faster by vectors */
};

/* sums += signed queries times unsigned vectors. */
#define TILE_DOT_SU8(sums, act, weights)                                                           \
    __asm__ volatile("tdpbsud %%tmm" #weights ", %%tmm" #act ", %%tmm" #sums : :)

/* Queries from `from`, at most HN_ACT_LOT, of rows of a multiple of TILE_K elements. */
static void by_tiles(const struct hn_screen *s, size_t from, size_t n)
{
    int32_t least[HN_ACT_LOT][HN_SCREEN_PANELS];
    int32_t sums[2][HN_ACT_LOT][HN_PANEL] __attribute__((aligned(64)));
    const struct hn_screen_query *query = &s->queries[from];
    for (size_t i = 0; i < n; i++)
        screen_least(s, &query[i], least[i]);
    tiles_begin(n, TILE_K);
    for (size_t p = 0; p < s->n_panels; p += 2) {
        /* Two panels, so that one's tiles are loaded while the other's are multiplied; an odd last one is
         * done twice. */
        const size_t other = p + 1 < s->n_panels ? p + 1 : p;
        const uint8_t *a = s->panels + p * HN_PANEL * s->k;
        const uint8_t *b = s->panels + other * HN_PANEL * s->k;
        TILE_ZERO(0);
        TILE_ZERO(1);
        for (size_t j = 0; j < s->k; j += TILE_K) {
            TILE_LOAD(4, query->q + j, s->pitch);
            TILE_LOAD(6, a + j * HN_PANEL, HN_PANEL * 4);
            TILE_DOT_SU8(0, 4, 6);
            TILE_LOAD(7, b + j * HN_PANEL, HN_PANEL * 4);
            TILE_DOT_SU8(1, 4, 7);
        }
        TILE_STORE(0, sums[0], HN_PANEL * 4);
        TILE_STORE(1, sums[1], HN_PANEL * 4);
        for (size_t at = p; at <= other; at++)
            for (size_t i = 0; i < n; i++) {
                const __mmask16 hits = _mm512_cmpgt_epi32_mask(_mm512_load_si512(sums[at - p][i]),
                                                               _mm512_set1_epi32(least[i][at]));
                const unsigned allowed = query[i].allowed ? query[i].allowed[at] : 0xffff;
                query[i].hits[at] = (uint16_t)(hits & allowed);
            }
    }
    tiles_end();
}

void hn_screen_i8_amx(const struct hn_screen *s)
{
    size_t i = 0;
    if (s->k % TILE_K == 0)
        for (; s->n_queries - i >= WORTH_TILES; i += hn_min(s->n_queries - i, HN_ACT_LOT))
            by_tiles(s, i, hn_min(s->n_queries - i, HN_ACT_LOT));
    screen_by_vectors(s, i, s->n_queries);
}
