/* The layouts of packed weights. A panel is HN_PANEL rows side by side, one per 32-bit lane; it
 * starts at a multiple of 64 bytes and holds the units below one after another along the row.
 *
 * Integers lie in groups of four consecutive elements of a row: [group][row][4], so that one 64-byte
 * load is one operand of a four-byte dot product. A block is 32 elements, eight groups.
 * Unused elements, rows and blocks are zeros (the integer or the scale that makes them zero). */
#ifndef HN_KERNELS_LAYOUT_H
#define HN_KERNELS_LAYOUT_H

#include <stdint.h>

#include "kernels/kernels.h"

/* A block of activations whose largest magnitude is below this is quantised to zeros. */
#define HN_ACT_MIN 1e-36f

/* F32, F16: [k][row]. BF16: [ceil(k / 2)][row][2]. */

/* Two blocks of Q8_0: value = d * (q - 128). */
struct hn_pack_q8 {
    uint16_t d[2][HN_PANEL]; /* half floats */
    uint8_t q[2][8][HN_PANEL][4];
};

/* Two blocks of Q4_0: value = d * (nibble - 8). Low nibbles of group g are group g of the block,
 * high nibbles group g + 4. */
struct hn_pack_q4 {
    uint16_t d[2][HN_PANEL];
    uint8_t q[2][4][HN_PANEL][4];
};

/* A superblock of Q4_K, eight blocks: value = d * scale * nibble - dmin * min. Nibbles as in Q4. */
struct hn_pack_q4k {
    uint16_t d[HN_PANEL];
    uint16_t dmin[HN_PANEL];
    uint8_t scale[8][HN_PANEL];
    uint8_t min[8][HN_PANEL];
    uint8_t q[8][4][HN_PANEL][4];
};

/* A superblock of Q6_K, eight blocks with a scale for each half: value = d * scale * (q - 32). Low
 * four bits as in Q4; bits 2(g % 4).. of high[g / 4] are the high two bits of group g. */
struct hn_pack_q6k {
    uint16_t d[HN_PANEL];
    uint16_t unused[HN_PANEL]; /* keeps what follows on cache lines */
    int8_t scale[8][2][HN_PANEL];
    struct {
        uint8_t low[4][HN_PANEL][4];
        uint8_t high[2][HN_PANEL][4];
    } block[8]; /* read one after another: a processor fetches one stream ahead better than two */
};

/* One block of any other type: value = d * (q - 128) - min, with d and min per block or per half
 * block (16 elements); the forms without M have no min. */
struct hn_pack_i8g32 {
    float d[1][HN_PANEL];
    uint8_t q[8][HN_PANEL][4];
};
struct hn_pack_i8g32m {
    float d[1][HN_PANEL];
    float min[1][HN_PANEL];
    uint8_t q[8][HN_PANEL][4];
};
struct hn_pack_i8g16 {
    float d[2][HN_PANEL];
    uint8_t q[8][HN_PANEL][4];
};
struct hn_pack_i8g16m {
    float d[2][HN_PANEL];
    float min[2][HN_PANEL];
    uint8_t q[8][HN_PANEL][4];
};

/* How many tokens lie together with token t, itself among them. */
static inline size_t hn_act_together(const struct hn_act *act, size_t t)
{
    return t < act->in_lots ? HN_ACT_LOT : t < act->in_quads ? HN_ACT_QUAD : 1;
}

/* The number of block b of token t among quantised activations. */
static inline size_t hn_act_block(const struct hn_act *act, size_t t, size_t b)
{
    const size_t row = act->ld / HN_ACT_BLOCK, n = hn_act_together(act, t), within = t % n;
    return (t - within) * row + b * n + within;
}

/* KV rows: F32, F16 and BF16 are plain arrays; Q8_0 is blocks of 32 as in files, value = d * q. Values
 * lie in a page row after row. */
struct hn_kv_q8 {
    uint16_t d;
    int8_t q[HN_ACT_BLOCK];
};

/* Keys lie in a page by dimension, so that a vector holds one element of as many keys and a product of
 * many keys needs no sum across lanes: [dim][HN_KV_PAGE] elements, and of Q8_0 [dim / 32] of these. */
struct hn_kv_q8_keys {
    uint16_t d[HN_KV_PAGE];
    int8_t q[HN_ACT_BLOCK][HN_KV_PAGE];
};

/* Puts a row of n elements, as kv_store wrote it, among the keys of a page. */
void hn_kv_put_key(enum hn_kv_type type, void *keys, size_t slot, const void *row, size_t n);

/* Elements of a row that one unit of the layout holds. */
size_t hn_pack_block(enum hn_pack pack);

/* Bytes of one unit (HN_PANEL rows). */
size_t hn_pack_unit_bytes(enum hn_pack pack);

/* Bytes of a panel of rows of k elements, a multiple of 64. k is bounded by the caller (2^40). */
size_t hn_panel_bytes(enum hn_pack pack, size_t k);

#endif
