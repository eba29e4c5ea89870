/* The products of whole lots of tokens, by tiles: a part of matmul_blocks_body.h. A tile gives the dot
 * products of a part of a block with sixteen rows and sixteen tokens at once, the same integers as
 * add_dots; what becomes of them is done in the same order, so that the bits are the same. */
#include "kernels/x86/tiles_amx.h"

/* A stretch of the row, of one panel, stays in the first-level cache with the activations of a lot. */
enum { LOT_BLOCKS = 32, LOTS_MAX = 4 };

struct stretch {
    _Alignas(64) int8_t q[LOT_BLOCKS][8][HN_PANEL][4]; /* the values' own integers */
    float scale[LOT_BLOCKS][2][HN_PANEL];
    float min[LOT_BLOCKS][2][HN_PANEL];
};

/* Weights as tiles take them, once for all lots: signed bytes, scales as floats. */
FOR_PACK void expand(enum hn_pack pack, struct stretch *to, const void *panel, size_t first,
                     size_t blocks)
{
    const __m512i offset = _mm512_set1_epi8((char)offset_of(pack));
    for (size_t b = 0; b < blocks; b++) {
        UNROLL for (size_t g = 0; g < 8; g++) _mm512_store_si512(
            to->q[b][g], _mm512_sub_epi8(weights(pack, panel, first + b, g, 0), offset));
        UNROLL for (size_t part = 0; part < parts_of(pack); part++)
        {
            f_store(to->scale[b][part], scales(pack, panel, first + b, part, 0));
            if (has_min(pack)) f_store(to->min[b][part], minimums(pack, panel, first + b, part, 0));
        }
    }
}

/* What weights' mins multiply: products[block][part][token]. */
FOR_PACK void find_products(enum hn_pack pack, float (*products)[2][HN_ACT_LOT], const float *d,
                            const int16_t *sums, size_t blocks)
{
    for (size_t b = 0; b < blocks; b++)
        UNROLL for (size_t part = 0; part < parts_of(pack); part++)
            UNROLL for (size_t t = 0; t < HN_ACT_LOT; t++)
        {
            const size_t at = b * HN_ACT_LOT + t;
            products[b][part][t] = find_product(pack, sums + 2 * at, part, d[at]);
        }
}

/* The dot products of part i of a stretch, counted over its blocks, with a lot: dots[token][row]. */
FOR_PACK void tile_dots(enum hn_pack pack, int32_t (*dots)[HN_PANEL], const struct stretch *w,
                        const int8_t *x, size_t i)
{
    const size_t parts = parts_of(pack), b = i / parts, part = i % parts;
    const int8_t *from = x + b * HN_ACT_LOT * HN_ACT_BLOCK + part * HN_ACT_BLOCK / 2;
    TILE_ZERO(0);
    TILE_LOAD(4, from, HN_ACT_BLOCK);
    TILE_LOAD(6, w->q[b][part * 4], HN_PANEL * 4);
    TILE_DOT_I8(0, 4, 6);
    TILE_STORE(0, dots, HN_PANEL * 4);
}

/* acc[token] += part i of a stretch. */
FOR_PACK void add_part(enum hn_pack pack, vf *acc, int32_t (*dots)[HN_PANEL],
                       const struct stretch *w, const float *d, float (*products)[2][HN_ACT_LOT],
                       size_t i)
{
    const size_t parts = parts_of(pack), b = i / parts, part = i % parts;
    const vf scale = f_load(w->scale[b][part]);
    UNROLL for (size_t t = 0; t < HN_ACT_LOT; t++)
    {
        const vf sum = f_from_ints(i_load(dots[t]));
        acc[t] = f_fma(f_mul(scale, f_set1(d[b * HN_ACT_LOT + t])), sum, acc[t]);
    }
    if (!has_min(pack)) return;
    const vf min = f_load(w->min[b][part]);
    UNROLL for (size_t t = 0; t < HN_ACT_LOT; t++) acc[t] =
        f_fnma(min, f_set1(products[b][part][t]), acc[t]);
}

/* y (+)= a stretch of one panel by one lot. Tiles work on the next part while this one is added. */
FOR_PACK void run_lot(enum hn_pack pack, float *y, size_t ldy, int more, const struct stretch *w,
                      size_t blocks, const int8_t *x, const float *d,
                      float (*products)[2][HN_ACT_LOT])
{
    _Alignas(64) int32_t dots[2][HN_ACT_LOT][HN_PANEL];
    const size_t n = blocks * parts_of(pack);
    vf acc[HN_ACT_LOT];
    UNROLL for (size_t t = 0; t < HN_ACT_LOT; t++) acc[t] = more ? f_load(y + t * ldy) : f_zero();
    tile_dots(pack, dots[0], w, x, 0);
    for (size_t i = 0; i < n; i++) {
        if (i + 1 < n) tile_dots(pack, dots[(i + 1) % 2], w, x, i + 1);
        add_part(pack, acc, dots[i % 2], w, d, products, i);
    }
    UNROLL for (size_t t = 0; t < HN_ACT_LOT; t++) f_store(y + t * ldy, acc[t]);
}

/* All panels by the lots that begin with token t, LOTS_MAX at most. */
FOR_PACK void run_some_lots(enum hn_pack pack, float *y, size_t ldy, const void *panels,
                            size_t n_panels, const struct hn_act *act, size_t t, size_t lots)
{
    float products[LOTS_MAX][LOT_BLOCKS][2][HN_ACT_LOT];
    struct stretch w;
    const size_t stride = hn_panel_bytes(pack, act->k), blocks = act->k / HN_ACT_BLOCK;
    for (size_t first = 0; first < blocks; first += LOT_BLOCKS) {
        const size_t n = hn_min(LOT_BLOCKS, blocks - first);
        for (size_t i = 0; has_min(pack) && i < lots; i++) {
            const size_t at = hn_act_block(act, t + i * HN_ACT_LOT, first);
            find_products(pack, products[i], act->d + at, act->sums + 2 * at, n);
        }
        for (size_t p = 0; p < n_panels; p++) {
            expand(pack, &w, (const char *)panels + p * stride, first, n);
            for (size_t i = 0; i < lots; i++) {
                const size_t token = t + i * HN_ACT_LOT, at = hn_act_block(act, token, first);
                run_lot(pack, y + token * ldy + p * HN_PANEL, ldy, first > 0, &w, n,
                        act->q + at * HN_ACT_BLOCK, act->d + at, products[i]);
            }
        }
    }
}

/* The first n_tokens, all in lots. */
FOR_PACK void run_lots(enum hn_pack pack, float *y, size_t ldy, const void *panels, size_t n_panels,
                       const struct hn_act *act, size_t n_tokens)
{
    tiles_begin(HN_ACT_LOT, HN_ACT_BLOCK / parts_of(pack));
    for (size_t t = 0; t < n_tokens; t += LOTS_MAX * HN_ACT_LOT)
        run_some_lots(pack, y, ldy, panels, n_panels, act, t,
                      hn_min(LOTS_MAX, (n_tokens - t) / HN_ACT_LOT));
    tiles_end();
}
