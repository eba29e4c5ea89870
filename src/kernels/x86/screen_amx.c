/* Screening with tiles: sixteen queries at once. A panel of 64 elements is a tile of weights as it lies. */
#include "kernels/x86/screen_vnni.h"
#include "kernels/x86/tiles_amx.h"

enum {
    TILE_K = 64,    /* elements in a tile's row */
    LOTS = 4,       /* of queries, together */
    WORTH_TILES = 4 /* queries; fewer are faster by vectors */
};

/* sums += signed queries times unsigned vectors. */
#define TILE_DOT_SU8(sums, act, weights)                                                           \
    __asm__ volatile("tdpbsud %%tmm" #weights ", %%tmm" #act ", %%tmm" #sums : :)

/* Adds the products of a step to a lot's sums, if there are so many lots. */
#define LOT(lot, act)                                                                              \
    if (lots > (lot)) {                                                                            \
        TILE_LOAD(act, query->q + (lot)*HN_ACT_LOT * s->pitch + j, s->pitch);                      \
        TILE_DOT_SU8(lot, act, 6);                                                                 \
    }
#define STORE(lot)                                                                                 \
    if (lots > (lot)) TILE_STORE(lot, sums[(lot)*HN_ACT_LOT], HN_PANEL * 4)

/* Lots of `rows` queries from `from` on, LOTS at most; more than one have HN_ACT_LOT rows. A panel is loaded
 * once for all of them. */
static void by_tiles(const struct hn_screen *s, size_t from, size_t lots, size_t rows)
{
    int32_t least[LOTS * HN_ACT_LOT][HN_SCREEN_PANELS];
    int32_t sums[LOTS * HN_ACT_LOT][HN_PANEL] __attribute__((aligned(64)));
    const struct hn_screen_query *query = &s->queries[from];
    const size_t n = (lots - 1) * HN_ACT_LOT + rows;
    for (size_t i = 0; i < n; i++)
        screen_least(s, &query[i], least[i]);
    tiles_begin(rows, TILE_K);
    for (size_t p = 0; p < s->n_panels; p++) {
        const uint8_t *panel = s->panels + p * HN_PANEL * s->k;
        TILE_ZERO(0);
        TILE_ZERO(1);
        TILE_ZERO(2);
        TILE_ZERO(3);
        for (size_t j = 0; j < s->k; j += TILE_K) {
            TILE_LOAD(6, panel + j * HN_PANEL, HN_PANEL * 4);
            LOT(0, 4)
            LOT(1, 5)
            LOT(2, 4)
            LOT(3, 5)
        }
        STORE(0);
        STORE(1);
        STORE(2);
        STORE(3);
        for (size_t i = 0; i < n; i++) {
            const __mmask16 hits =
                _mm512_cmpgt_epi32_mask(_mm512_load_si512(sums[i]), _mm512_set1_epi32(least[i][p]));
            const unsigned allowed = query[i].allowed ? query[i].allowed[p] : 0xffff;
            query[i].hits[p] = (uint16_t)(hits & allowed);
        }
    }
    tiles_end();
}

void hn_screen_i8_amx(const struct hn_screen *s)
{
    size_t i = 0;
    if (s->k % TILE_K == 0) {
        for (size_t lots; (lots = hn_min((s->n_queries - i) / HN_ACT_LOT, LOTS)) > 0;
             i += lots * HN_ACT_LOT)
            by_tiles(s, i, lots, HN_ACT_LOT);
        if (s->n_queries - i >= WORTH_TILES) {
            by_tiles(s, i, 1, s->n_queries - i);
            i = s->n_queries;
        }
    }
    screen_by_vectors(s, i, s->n_queries);
}
