/* Matrix products of the quantised packs, for any vocabulary of lanes_*.h: included by
 * matmul_blocks_<isa>.c.
 *
 * Every row of a token is one lane: block after block, acc = fma(scale * d, dot, acc). Nothing else
 * decides a result's bits; token tiles and stretches of the row only decide when it is computed. */
#include <string.h>

#include "base/bits.h"
#include "kernels/layout.h"
#include "kernels/list.h"

/* Tokens of a tile share every load of weights. Their activations lie together, block by block, for a
 * stretch of the row that stays in the first-level cache. */
enum { TILE_BLOCKS = 384 }; /* blocks of one stretch times tokens of the tile */

struct tile {
    size_t blocks;         /* of the stretch */
    const int8_t *x;       /* [block][token][32] */
    const float *d;        /* [block][token] */
    const int32_t *seeds;  /* [block][part][token]: what the weights' offset adds to the sums */
    const float *minimums; /* [block][part][token]: d * sum, which a weight's min multiplies */
};

/* Room for a tile's activations. */
struct tile_room {
    _Alignas(64) int8_t x[TILE_BLOCKS][HN_ACT_BLOCK];
    float d[TILE_BLOCKS];
    int32_t seeds[2 * TILE_BLOCKS];
    float minimums[2 * TILE_BLOCKS];
};

/* The functions below take the pack and the number of tokens as constants: each use becomes a loop of
 * its own, with the token's sums in registers. */
#define FOR_PACK static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* Parts of a block with scales of their own. */
FOR_PACK size_t parts_of(enum hn_pack pack)
{
    return pack == HN_PACK_Q6K || pack == HN_PACK_I8G16 || pack == HN_PACK_I8G16M ? 2 : 1;
}

FOR_PACK int bits_of(enum hn_pack pack)
{
    return pack == HN_PACK_Q4 || pack == HN_PACK_Q4K ? 4 : pack == HN_PACK_Q6K ? 6 : 8;
}

/* The stored integer is the value's plus this, as the dot product sees it. */
FOR_PACK int offset_of(enum hn_pack pack)
{
    switch (pack) {
    case HN_PACK_Q4: return 8;
    case HN_PACK_Q4K: return 0;
    case HN_PACK_Q6K: return 32;
    default: return DOT_SIGNED ? 0 : 128;
    }
}

FOR_PACK int has_min(enum hn_pack pack)
{
    return pack == HN_PACK_Q4K || pack == HN_PACK_I8G32M || pack == HN_PACK_I8G16M;
}

/* Unsigned integers of group g of block b of a panel, for the rows from `lane` on. */
FOR_PACK vi weights(enum hn_pack pack, const void *panel, size_t b, size_t g, size_t lane)
{
    const vi low = i_set1(0x0f0f0f0f);
    const vi high = i_set1(0x30303030);
    switch (pack) {
    case HN_PACK_Q8: return i_load(((const struct hn_pack_q8 *)panel)[b / 2].q[b % 2][g][lane]);
    case HN_PACK_Q4: {
        const vi q = i_load(((const struct hn_pack_q4 *)panel)[b / 2].q[b % 2][g % 4][lane]);
        return i_and(g < 4 ? q : i_right(q, 4), low);
    }
    case HN_PACK_Q4K: {
        const vi q = i_load(((const struct hn_pack_q4k *)panel)[b / 8].q[b % 8][g % 4][lane]);
        return i_and(g < 4 ? q : i_right(q, 4), low);
    }
    case HN_PACK_Q6K: {
        const struct hn_pack_q6k *unit = (const struct hn_pack_q6k *)panel + b / 8;
        const vi q = i_load(unit->low[b % 8][g % 4][lane]);
        const vi h = i_load(unit->high[b % 8][g / 4][lane]);
        const vi moved = g % 4 == 0   ? i_left(h, 4)
                         : g % 4 == 1 ? i_left(h, 2)
                         : g % 4 == 2 ? h
                                      : i_right(h, 2);
        return i_or(i_and(g < 4 ? q : i_right(q, 4), low), i_and(moved, high));
    }
    case HN_PACK_I8G32: return i_load(((const struct hn_pack_i8g32 *)panel)[b].q[g][lane]);
    case HN_PACK_I8G32M: return i_load(((const struct hn_pack_i8g32m *)panel)[b].q[g][lane]);
    case HN_PACK_I8G16: return i_load(((const struct hn_pack_i8g16 *)panel)[b].q[g][lane]);
    default: return i_load(((const struct hn_pack_i8g16m *)panel)[b].q[g][lane]);
    }
}

FOR_PACK vf scales(enum hn_pack pack, const void *panel, size_t b, size_t part, size_t lane)
{
    switch (pack) {
    case HN_PACK_Q8: return f_halves(((const struct hn_pack_q8 *)panel)[b / 2].d[b % 2] + lane);
    case HN_PACK_Q4: return f_halves(((const struct hn_pack_q4 *)panel)[b / 2].d[b % 2] + lane);
    case HN_PACK_Q4K: {
        const struct hn_pack_q4k *unit = (const struct hn_pack_q4k *)panel + b / 8;
        return f_mul(f_halves(unit->d + lane), f_bytes(unit->scale[b % 8] + lane));
    }
    case HN_PACK_Q6K: {
        const struct hn_pack_q6k *unit = (const struct hn_pack_q6k *)panel + b / 8;
        return f_mul(f_halves(unit->d + lane), f_signed_bytes(unit->scale[b % 8][part] + lane));
    }
    case HN_PACK_I8G32: return f_load(((const struct hn_pack_i8g32 *)panel)[b].d[0] + lane);
    case HN_PACK_I8G32M: return f_load(((const struct hn_pack_i8g32m *)panel)[b].d[0] + lane);
    case HN_PACK_I8G16: return f_load(((const struct hn_pack_i8g16 *)panel)[b].d[part] + lane);
    default: return f_load(((const struct hn_pack_i8g16m *)panel)[b].d[part] + lane);
    }
}

FOR_PACK vf minimums(enum hn_pack pack, const void *panel, size_t b, size_t part, size_t lane)
{
    if (pack == HN_PACK_Q4K) {
        const struct hn_pack_q4k *unit = (const struct hn_pack_q4k *)panel + b / 8;
        return f_mul(f_halves(unit->dmin + lane), f_bytes(unit->min[b % 8] + lane));
    }
    if (pack == HN_PACK_I8G32M)
        return f_load(((const struct hn_pack_i8g32m *)panel)[b].min[0] + lane);
    return f_load(((const struct hn_pack_i8g16m *)panel)[b].min[part] + lane);
}

/* One block, LANES rows by n tokens. */
FOR_PACK void add_block(enum hn_pack pack, size_t n, vf *acc, const void *panel, size_t b,
                        size_t lane, const struct tile *tile, size_t at)
{
    const size_t parts = parts_of(pack), groups = 8 / parts;
    const int bits = bits_of(pack);
    const int8_t *x = tile->x + at * n * HN_ACT_BLOCK;
    const float *d = tile->d + at * n;
    for (size_t part = 0; part < parts; part++) {
        const int32_t *seeds = tile->seeds + (at * parts + part) * n;
        const int seeded = offset_of(pack) != 0;
        vi dot[TILE_MAX];
        UNROLL for (size_t t = 0; t < n; t++) dot[t] = dot_start(bits, seeded ? seeds[t] : 0);
        UNROLL for (size_t i = 0; i < groups; i++)
        {
            /* Groups g and g + 4 share a load where they share bytes. */
            const size_t g = parts == 1 ? i / 2 + i % 2 * 4 : part * 4 + i;
            const vi w = weights(pack, panel, b, g, lane);
            UNROLL for (size_t t = 0; t < n; t++)
            {
                int32_t four;
                memcpy(&four, x + t * HN_ACT_BLOCK + 4 * g, 4);
                dot[t] = dot_add(bits, dot[t], w, i_set1(four));
            }
        }
        const vf scale = scales(pack, panel, b, part, lane);
        UNROLL for (size_t t = 0; t < n; t++)
        {
            const vf sum = f_from_ints(dot_end(bits, dot[t], seeded ? seeds[t] : 0));
            acc[t] = f_fma(f_mul(scale, f_set1(d[t])), sum, acc[t]);
        }
        if (!has_min(pack)) continue;
        const vf min = minimums(pack, panel, b, part, lane);
        const float *products = tile->minimums + (at * parts + part) * n;
        UNROLL for (size_t t = 0; t < n; t++) acc[t] = f_fnma(min, f_set1(products[t]), acc[t]);
    }
}

/* y (+)= one panel's blocks [first, first + stretch) by the tile of n tokens. */
FOR_PACK void run_panel(enum hn_pack pack, size_t n, float *y, size_t ldy, const void *panel,
                        size_t first, const struct tile *tile)
{
    for (size_t lane = 0; lane < HN_PANEL; lane += LANES) {
        vf acc[TILE_MAX];
        UNROLL for (size_t t = 0; t < n; t++) acc[t] =
            first ? f_load(y + t * ldy + lane) : f_zero();
        for (size_t b = 0; b < tile->blocks; b++)
            add_block(pack, n, acc, panel, first + b, lane, tile, b);
        UNROLL for (size_t t = 0; t < n; t++) f_store(y + t * ldy + lane, acc[t]);
    }
}

/* Gathers a stretch of n tokens from token t on. One token's activations lie as a tile's already. */
FOR_PACK void gather(enum hn_pack pack, size_t n, struct tile *tile, struct tile_room *room,
                     const struct hn_act *act, size_t t, size_t first)
{
    const size_t parts = parts_of(pack);
    *tile = (struct tile){tile->blocks, room->x[0], room->d, room->seeds, room->minimums};
    for (size_t i = 0; i < n; i++) {
        const size_t block = (t + i) * act->ld / HN_ACT_BLOCK + first;
        const int8_t *q = act->q + block * HN_ACT_BLOCK;
        const float *d = act->d + block;
        const int16_t *sums = act->sums + 2 * block;
        if (n == 1) {
            tile->x = q;
            tile->d = d;
        }
        for (size_t b = 0; b < tile->blocks; b++) {
            if (n > 1) {
                memcpy(room->x[b * n + i], q + b * HN_ACT_BLOCK, HN_ACT_BLOCK);
                room->d[b * n + i] = d[b];
            }
            for (size_t part = 0; part < parts; part++) {
                const int sum = parts == 1 ? sums[2 * b] + sums[2 * b + 1] : sums[2 * b + part];
                const size_t at = (b * parts + part) * n + i;
                if (offset_of(pack)) room->seeds[at] = -offset_of(pack) * sum;
                if (has_min(pack)) room->minimums[at] = d[b] * (float)sum;
            }
        }
    }
}

/* All panels by tiles of n tokens, from token t on, as long as there are so many; returns the tokens
 * done. Few tokens stream the panels one by one; many take a stretch of all panels at a time. */
FOR_PACK size_t run_tiles(enum hn_pack pack, size_t n, float *y, size_t ldy, const void *panels,
                          size_t n_panels, const struct hn_act *act, size_t t, size_t n_tokens)
{
    struct tile_room room;
    const size_t stride = hn_panel_bytes(pack, act->k), blocks = act->k / HN_ACT_BLOCK;
    const size_t longest = TILE_BLOCKS / n / 8 * 8; /* superblocks are eight blocks */
    const size_t begin = t;
    for (; t + n <= n_tokens; t += n)
        for (size_t first = 0; first < blocks; first += longest) {
            struct tile tile = {.blocks = hn_min(longest, blocks - first)};
            gather(pack, n, &tile, &room, act, t, first);
            for (size_t p = 0; p < n_panels; p++)
                run_panel(pack, n, y + t * ldy + p * HN_PANEL, ldy,
                          (const char *)panels + p * stride, first, &tile);
        }
    return t - begin;
}

/* The largest tiles first. */
FOR_PACK void matmul(enum hn_pack pack, float *y, size_t ldy, const void *panels, size_t n_panels,
                     const struct hn_act *act, size_t n_tokens)
{
    size_t t = 0;
#define TILES(n) t += run_tiles(pack, n, y, ldy, panels, n_panels, act, t, n_tokens)
    if (TILE_MAX >= 12) {
        TILES(12);
        TILES(8);
    }
    TILES(4);
    TILES(2);
    TILES(1);
#undef TILES
}

#define MATMUL_BLOCKS(PACK, name)                                                                  \
    void KERNEL_NAME(matmul_##name)(float *y, size_t ldy, const void *panels, size_t n_panels,     \
                                    const struct hn_act *x, size_t n_tokens)                       \
    {                                                                                              \
        matmul(HN_PACK_##PACK, y, ldy, panels, n_panels, x, n_tokens);                             \
    }
MATMUL_BLOCKS(Q8, q8)
MATMUL_BLOCKS(Q4, q4)
MATMUL_BLOCKS(Q4K, q4k)
MATMUL_BLOCKS(Q6K, q6k)
MATMUL_BLOCKS(I8G32, i8g32)
MATMUL_BLOCKS(I8G32M, i8g32m)
MATMUL_BLOCKS(I8G16, i8g16)
MATMUL_BLOCKS(I8G16M, i8g16m)
