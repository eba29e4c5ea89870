/* Matrix products of the quantised packs, for any vocabulary of lanes_*.h: included by
 * matmul_blocks_<isa>.c.
 *
 * Every row of a token is one lane: block after block, acc = fma(scale * d, dot, acc). Nothing else
 * decides a result's bits; token tiles and stretches of the row only decide when it is computed. */
#include <string.h>

#include "base/bits.h"
#include "kernels/layout.h"
#include "kernels/list.h"
#include "kernels/x86/unroll.h"

/* Tokens of a tile share every load of weights, for a stretch of the row whose activations stay in the
 * first-level cache. */
enum { TILE_BLOCKS = 384 }; /* blocks of one stretch times tokens of the tile */

struct tile {
    int from_memory; /* its weights are not in a cache yet: it is the first */
    size_t blocks;   /* of the stretch */
    /* The stretch's activations, as in struct hn_act, and how many blocks it is from one quad to the
     * next or, of fewer tokens, from one token to the next. */
    const int8_t *x;
    const float *d;
    const int16_t *sums;
    size_t stride;
    /* What follows from the sums, of whole quads, [block][part][token]: what the weights' offset adds
     * to the dot products, and d * sum, which a weight's min multiplies. */
    int32_t seeds[2 * TILE_BLOCKS];
    float products[2 * TILE_BLOCKS];
};

/* The functions below take the pack and the number of tokens as constants: each use becomes a loop of
 * its own, with the token's sums in registers. */
#define FOR_PACK     static inline __attribute__((always_inline))
#define HOLD(vector) __asm__("" : "+v"(vector))
/* A panel is so many vectors of rows; they share their loads of activations. */
enum { VECTORS = HN_PANEL / LANES };

/* Four activations in every lane. */
static inline vi i_set4(const int8_t *p)
{
    int32_t four;
    memcpy(&four, p, 4);
    return i_set1(four);
}

/* Parts of a block with scales of their own. */
FOR_PACK size_t parts_of(enum hn_pack pack)
{
    return pack == HN_PACK_Q6K || pack == HN_PACK_I8G16 || pack == HN_PACK_I8G16M ? 2 : 1;
}

/* Bytes of one block of a panel, on average. */
FOR_PACK size_t bytes_of(enum hn_pack pack)
{
    switch (pack) {
    case HN_PACK_Q8: return sizeof(struct hn_pack_q8) / 2;
    case HN_PACK_Q4: return sizeof(struct hn_pack_q4) / 2;
    case HN_PACK_Q4K: return sizeof(struct hn_pack_q4k) / 8;
    case HN_PACK_Q6K: return sizeof(struct hn_pack_q6k) / 8;
    case HN_PACK_I8G32: return sizeof(struct hn_pack_i8g32);
    case HN_PACK_I8G32M: return sizeof(struct hn_pack_i8g32m);
    case HN_PACK_I8G16: return sizeof(struct hn_pack_i8g16);
    default: return sizeof(struct hn_pack_i8g16m);
    }
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

/* The sum of the activations of a part of a block. */
FOR_PACK int sum_of(enum hn_pack pack, const int16_t sums[2], size_t part)
{
    return parts_of(pack) == 1 ? sums[0] + sums[1] : sums[part];
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
        const vi q = i_load(unit->block[b % 8].low[g % 4][lane]);
        const vi h = i_load(unit->block[b % 8].high[g / 4][lane]);
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

/* Where block b of token t of a tile of n is. */
FOR_PACK size_t place(size_t n, const struct tile *tile, size_t b, size_t t)
{
    if (n % HN_ACT_QUAD) return t * tile->stride + b;
    return t / HN_ACT_QUAD * tile->stride + b * HN_ACT_QUAD + t % HN_ACT_QUAD;
}

FOR_PACK int32_t find_seed(enum hn_pack pack, const int16_t sums[2], size_t part)
{
    return -offset_of(pack) * sum_of(pack, sums, part);
}

FOR_PACK float find_product(enum hn_pack pack, const int16_t sums[2], size_t part, float d)
{
    return d * (float)sum_of(pack, sums, part);
}

/* What the weights' offset adds to the sums of a part of block b for token t. */
FOR_PACK int32_t seed_of(enum hn_pack pack, size_t n, const struct tile *tile, size_t b,
                         size_t part, size_t t)
{
    if (!offset_of(pack)) return 0;
    if (n % HN_ACT_QUAD == 0) return tile->seeds[(b * parts_of(pack) + part) * n + t];
    return find_seed(pack, tile->sums + 2 * place(n, tile, b, t), part);
}

/* What a weight's min multiplies, likewise. */
FOR_PACK float product_of(enum hn_pack pack, size_t n, const struct tile *tile, size_t b,
                          size_t part, size_t t)
{
    if (n % HN_ACT_QUAD == 0) return tile->products[(b * parts_of(pack) + part) * n + t];
    const size_t at = place(n, tile, b, t);
    return find_product(pack, tile->sums + 2 * at, part, tile->d[at]);
}

/* The dot products of one part of block b with n tokens: dot is [vector][token]. Every sum is added to
 * in order and held in its register: compilers would add in trees, which need far more of them. */
FOR_PACK void add_dots(enum hn_pack pack, size_t n, vi *dot, const void *panel, size_t b,
                       size_t part, const struct tile *tile, size_t at)
{
    const size_t parts = parts_of(pack), groups = 8 / parts;
    UNROLL for (size_t i = 0; i < groups; i += 2)
    {
        /* Two groups at a time: g and g + 4 where they share bytes. */
        const size_t g = parts == 1 ? i / 2 : part * 4 + i, h = parts == 1 ? g + 4 : g + 1;
        vi first[VECTORS], second[VECTORS];
        UNROLL for (size_t v = 0; v < VECTORS; v++)
        {
            first[v] = weights(pack, panel, b, g, v * LANES);
            second[v] = weights(pack, panel, b, h, v * LANES);
        }
        UNROLL for (size_t t = 0; t < n; t++)
        {
            const int8_t *x = tile->x + place(n, tile, at, t) * HN_ACT_BLOCK;
            const vi near = i_set4(x + 4 * g), far = i_set4(x + 4 * h);
            UNROLL for (size_t v = 0; v < VECTORS; v++)
            {
                vi *sum = &dot[v * n + t];
                *sum = dot_add(bits_of(pack), *sum, first[v], near, second[v], far);
                HOLD(*sum);
            }
        }
    }
}

/* One block of a panel by n tokens: acc is [vector][token]. */
FOR_PACK void add_block(enum hn_pack pack, size_t n, vf *acc, const void *panel, size_t b,
                        const struct tile *tile, size_t at)
{
    const int bits = bits_of(pack);
    UNROLL for (size_t part = 0; part < parts_of(pack); part++)
    {
        vi dot[VECTORS * TILE_MAX];
        UNROLL for (size_t i = 0; i < VECTORS * n; i++) dot[i] =
            dot_start(bits, seed_of(pack, n, tile, at, part, i % n));
        add_dots(pack, n, dot, panel, b, part, tile, at);
        UNROLL for (size_t v = 0; v < VECTORS; v++)
        {
            vf *sums = acc + v * n;
            const vf scale = scales(pack, panel, b, part, v * LANES);
            UNROLL for (size_t t = 0; t < n; t++)
            {
                const vi sum = dot_end(bits, dot[v * n + t], seed_of(pack, n, tile, at, part, t));
                const vf d = f_set1(tile->d[place(n, tile, at, t)]);
                sums[t] = f_fma(f_mul(scale, d), f_from_ints(sum), sums[t]);
            }
            if (!has_min(pack)) continue;
            const vf min = minimums(pack, panel, b, part, v * LANES);
            UNROLL for (size_t t = 0; t < n; t++) sums[t] =
                f_fnma(min, f_set1(product_of(pack, n, tile, at, part, t)), sums[t]);
        }
    }
}

/* Weights come from memory once, and the work on a block keeps a processor from looking further ahead
 * than the next: it is told what will be wanted. Panels follow one another. */
enum { AHEAD = 4096 }; /* bytes */
FOR_PACK void fetch_ahead(enum hn_pack pack, const void *panel, size_t b)
{
    const size_t bytes = bytes_of(pack);
    const char *from = (const char *)panel + b * bytes + AHEAD;
    UNROLL for (size_t i = 0; i < (bytes + 63) / 64; i++)
        __builtin_prefetch(from + 64 * i, 0, 2); /* into the second-level cache */
}

/* y (+)= one panel's blocks [first, first + stretch) by the tile of n tokens. */
FOR_PACK void run_panel(enum hn_pack pack, size_t n, float *y, size_t ldy, const void *panel,
                        size_t first, const struct tile *tile)
{
    vf acc[VECTORS * TILE_MAX];
    UNROLL for (size_t i = 0; i < VECTORS * n; i++) acc[i] =
        first ? f_load(y + i % n * ldy + i / n * LANES) : f_zero();
    for (size_t b = 0; b < tile->blocks; b++) {
        if (tile->from_memory) fetch_ahead(pack, panel, first + b);
        add_block(pack, n, acc, panel, first + b, tile, b);
    }
    UNROLL for (size_t i = 0; i < VECTORS * n; i++)
        f_store(y + i % n * ldy + i / n * LANES, acc[i]);
}

/* Turns to the stretch of n tokens from token t on that begins with block `first`. */
FOR_PACK void begin_stretch(enum hn_pack pack, size_t n, struct tile *tile,
                            const struct hn_act *act, size_t t, size_t first, size_t blocks)
{
    const size_t at = hn_act_block(act, t, first), parts = parts_of(pack);
    tile->blocks = blocks;
    tile->x = act->q + at * HN_ACT_BLOCK;
    tile->d = act->d + at;
    tile->sums = act->sums + 2 * at;
    tile->stride = act->ld / HN_ACT_BLOCK * (n % HN_ACT_QUAD ? 1 : HN_ACT_QUAD);
    if (n % HN_ACT_QUAD) return;
    for (size_t b = 0; b < blocks; b++)
        for (size_t part = 0; part < parts; part++)
            UNROLL for (size_t i = 0; i < n; i++)
            {
                const size_t from = place(n, tile, b, i), to = (b * parts + part) * n + i;
                const int16_t *sums = tile->sums + 2 * from;
                if (offset_of(pack)) tile->seeds[to] = find_seed(pack, sums, part);
                if (has_min(pack))
                    tile->products[to] = find_product(pack, sums, part, tile->d[from]);
            }
}

/* All panels by tiles of n tokens, from token t on, as long as there are so many; returns the tokens
 * done. Few tokens stream the panels one by one; many take a stretch of all panels at a time. */
FOR_PACK size_t run_tiles(enum hn_pack pack, size_t n, float *y, size_t ldy, const void *panels,
                          size_t n_panels, const struct hn_act *act, size_t t, size_t n_tokens)
{
    struct tile tile;
    const size_t stride = hn_panel_bytes(pack, act->k), blocks = act->k / HN_ACT_BLOCK;
    const size_t longest = TILE_BLOCKS / n / 8 * 8; /* superblocks are eight blocks */
    const size_t begin = t;
    for (; t + n <= n_tokens; t += n)
        for (size_t first = 0; first < blocks; first += longest) {
            tile.from_memory = t == 0;
            begin_stretch(pack, n, &tile, act, t, first, hn_min(longest, blocks - first));
            for (size_t p = 0; p < n_panels; p++)
                run_panel(pack, n, y + t * ldy + p * HN_PANEL, ldy,
                          (const char *)panels + p * stride, first, &tile);
        }
    return t - begin;
}

#ifdef HAVE_AMX
#include "kernels/x86/matmul_lots_amx.h"
#else
/* Without tiles nothing lies in lots. */
FOR_PACK void run_lots(enum hn_pack pack, float *y, size_t ldy, const void *panels, size_t n_panels,
                       const struct hn_act *act, size_t n_tokens)
{
    (void)pack, (void)y, (void)ldy, (void)panels, (void)n_panels, (void)act, (void)n_tokens;
}
#endif

/* Lots first, then the largest tiles; those of four tokens and more are of whole quads. */
FOR_PACK void matmul(enum hn_pack pack, float *y, size_t ldy, const void *panels, size_t n_panels,
                     const struct hn_act *act, size_t n_tokens)
{
    const size_t in_quads = hn_min(act->in_quads, n_tokens) / HN_ACT_QUAD * HN_ACT_QUAD;
    const size_t in_lots = hn_min(act->in_lots, n_tokens) / HN_ACT_LOT * HN_ACT_LOT;
    size_t t = in_lots;
    if (in_lots) run_lots(pack, y, ldy, panels, n_panels, act, in_lots);
#define TILES(n, end) t += run_tiles(pack, n, y, ldy, panels, n_panels, act, t, end)
    if (TILE_MAX >= 12) {
        TILES(12, in_quads);
        TILES(8, in_quads);
    }
    TILES(4, in_quads);
    TILES(2, n_tokens);
    TILES(1, n_tokens);
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
