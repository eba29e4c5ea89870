/* Matrix products of BF16 and F16 by tiles, which multiply pairs of BF16 and add them to floats.
 *
 * An F16 is the sum of two BF16, exactly; an activation is that of two to 16 bits and more. So F16
 * weights take four steps where BF16 takes one, all into the same sums. A row is added up chunk by
 * chunk, in one order for any number of tokens. */
#include <string.h>

#include "base/bits.h"
#include "kernels/layout.h"
#include "kernels/list.h"
#include "kernels/x86/tiles_amx.h"
#include "kernels/x86/unroll.h"
#include "kernels/x86/v16_avx512.h"

#define KERNEL_NAME(name) hn_##name##_amx
#define FOR_PACK          static inline __attribute__((always_inline))

enum {
    CHUNK = 32,                  /* elements of a row that a tile holds */
    AHEAD = 4096,                /* bytes of weights to ask for before they are wanted */
    LOTS_MAX = 4,                /* tiles of sums */
    UNIT = CHUNK / 2 * HN_PANEL, /* words of a tile of weights: pairs of BF16 */
};

/* A chunk of one panel as pairs of BF16: high, and for F16 what is left, low. */
struct chunk {
    _Alignas(64) uint32_t high[UNIT], low[UNIT];
};

/* The upper halves of two words: those of `even` below those of `odd`. */
static inline __m512i upper_halves(__m512i even, __m512i odd)
{
    return _mm512_mask_blend_epi16(0xaaaaaaaa, _mm512_srli_epi32(even, 16), odd);
}

/* Two rows of a panel, of elements k and k + 1, split. Cutting off leaves at most eight bits. */
static inline void split_pair(struct chunk *to, size_t pair, __m512 even, __m512 odd)
{
    const __m512i mask = _mm512_set1_epi32((int)0xffff0000u);
    const __m512i e = _mm512_castps_si512(even), o = _mm512_castps_si512(odd);
    const __m512 e_high = _mm512_castsi512_ps(_mm512_and_si512(e, mask));
    const __m512 o_high = _mm512_castsi512_ps(_mm512_and_si512(o, mask));
    _mm512_store_si512(to->high + pair * HN_PANEL, upper_halves(e, o));
    _mm512_store_si512(to->low + pair * HN_PANEL,
                       upper_halves(_mm512_castps_si512(_mm512_sub_ps(even, e_high)),
                                    _mm512_castps_si512(_mm512_sub_ps(odd, o_high))));
}

/* Elements [k, k + n) of a panel of F16, zeros up to a whole chunk. */
static inline void split_chunk(struct chunk *to, const char *panel, size_t k, size_t n)
{
    const char *from = panel + k * HN_PANEL * sizeof(uint16_t);
    size_t i = 0;
    for (; i + 2 <= n; i += 2) {
        const char *row = from + i * HN_PANEL * sizeof(uint16_t);
        __builtin_prefetch(row + AHEAD);
        split_pair(to, i / 2, v_load_f16(row), v_load_f16(row + HN_PANEL * sizeof(uint16_t)));
    }
    for (; i < CHUNK; i += 2)
        split_pair(to, i / 2, i < n ? v_load_f16(from + i * HN_PANEL * sizeof(uint16_t)) : v_zero(),
                   v_zero());
}

/* The same of BF16, where there is nothing to split: tiles read it where it lies. */
static inline const void *whole_chunk(struct chunk *to, const char *panel, size_t k, size_t n)
{
    const char *from = panel + k * HN_PANEL * sizeof(uint16_t);
    UNROLL for (size_t i = 0; i < CHUNK / 2; i++) __builtin_prefetch(from + AHEAD + 64 * i);
    if (n == CHUNK) return from;
    const size_t bytes = hn_round_up(n, 2) * HN_PANEL * sizeof(uint16_t);
    memcpy(to->high, from, bytes);
    memset((char *)to->high + bytes, 0, sizeof to->high - bytes);
    return to->high;
}

/* sums += the chunk by one lot. */
#define ADD_LOT(pack, sums, at)                                                                    \
    do {                                                                                           \
        const size_t first = (at);                                                                 \
        TILE_LOAD(4, x->bf16 + first, pitch);                                                      \
        TILE_DOT_BF16(sums, 4, 6);                                                                 \
        if ((pack) == HN_PACK_F16) {                                                               \
            TILE_LOAD(5, x->rest + first, pitch);                                                  \
            TILE_DOT_BF16(sums, 5, 6);                                                             \
            TILE_DOT_BF16(sums, 4, 7);                                                             \
            TILE_DOT_BF16(sums, 5, 7);                                                             \
        }                                                                                          \
    } while (0)

/* Weights of one panel into tiles 6 and 7. */
#define LOAD_WEIGHTS(pack, chunk, panel, k, n)                                                     \
    do {                                                                                           \
        if ((pack) == HN_PACK_F16) {                                                               \
            split_chunk(&(chunk), panel, k, n);                                                    \
            TILE_LOAD(6, (chunk).high, HN_PANEL * 4);                                              \
            TILE_LOAD(7, (chunk).low, HN_PANEL * 4);                                               \
        } else {                                                                                   \
            TILE_LOAD(6, whole_chunk(&(chunk), panel, k, n), HN_PANEL * 4);                        \
        }                                                                                          \
    } while (0)

/* y = one panel by `lots` lots of `tokens` each, from token t on. */
FOR_PACK void run_panel(enum hn_pack pack, size_t lots, size_t tokens, float *y, size_t ldy,
                        const char *panel, const struct hn_act *x, size_t t)
{
    const size_t pitch = x->ld * sizeof(uint16_t);
    struct chunk chunk;
    TILE_ZERO(0);
    TILE_ZERO(1);
    TILE_ZERO(2);
    TILE_ZERO(3);
    for (size_t k = 0; k < x->k; k += CHUNK) {
        const size_t n = hn_min(CHUNK, x->k - k);
        LOAD_WEIGHTS(pack, chunk, panel, k, n);
        ADD_LOT(pack, 0, t * x->ld + k);
        if (lots > 1) ADD_LOT(pack, 1, (t + tokens) * x->ld + k);
        if (lots > 2) ADD_LOT(pack, 2, (t + 2 * tokens) * x->ld + k);
        if (lots > 3) ADD_LOT(pack, 3, (t + 3 * tokens) * x->ld + k);
    }
    y += t * ldy;
    TILE_STORE(0, y, ldy * sizeof *y);
    if (lots > 1) TILE_STORE(1, y + tokens * ldy, ldy * sizeof *y);
    if (lots > 2) TILE_STORE(2, y + 2 * tokens * ldy, ldy * sizeof *y);
    if (lots > 3) TILE_STORE(3, y + 3 * tokens * ldy, ldy * sizeof *y);
}

/* y = two panels, `stride` bytes apart, by one lot. The products of one panel wait for each other, since they
 * go into the same sums; those of another need not. */
FOR_PACK void run_two_panels(enum hn_pack pack, float *y, size_t ldy, const char *panel,
                             size_t stride, const struct hn_act *x, size_t t)
{
    const size_t pitch = x->ld * sizeof(uint16_t);
    struct chunk one, other;
    TILE_ZERO(0);
    TILE_ZERO(1);
    for (size_t k = 0; k < x->k; k += CHUNK) {
        const size_t n = hn_min(CHUNK, x->k - k);
        LOAD_WEIGHTS(pack, one, panel, k, n);
        ADD_LOT(pack, 0, t * x->ld + k);
        LOAD_WEIGHTS(pack, other, panel + stride, k, n);
        ADD_LOT(pack, 1, t * x->ld + k);
    }
    y += t * ldy;
    TILE_STORE(0, y, ldy * sizeof *y);
    TILE_STORE(1, y + HN_PANEL, ldy * sizeof *y);
}

/* All panels by groups of `lots` lots, from token t on, as long as there are so many; returns the
 * first token that is left. */
FOR_PACK size_t run_groups(enum hn_pack pack, size_t lots, size_t tokens, float *y, size_t ldy,
                           const char *panels, size_t n_panels, const struct hn_act *x, size_t t,
                           size_t n_tokens)
{
    const size_t stride = hn_panel_bytes(pack, x->k);
    for (; t + lots * tokens <= n_tokens; t += lots * tokens) {
        size_t p = 0;
        for (; lots == 1 && p + 2 <= n_panels; p += 2)
            run_two_panels(pack, y + p * HN_PANEL, ldy, panels + p * stride, stride, x, t);
        for (; p < n_panels; p++)
            run_panel(pack, lots, tokens, y + p * HN_PANEL, ldy, panels + p * stride, x, t);
    }
    return t;
}

FOR_PACK void matmul(enum hn_pack pack, float *y, size_t ldy, const void *panels, size_t n_panels,
                     const struct hn_act *x, size_t n_tokens)
{
    size_t t = 0;
#define GROUPS(lots, tokens)                                                                       \
    t = run_groups(pack, lots, tokens, y, ldy, panels, n_panels, x, t, n_tokens)
    tiles_begin(HN_ACT_LOT, CHUNK * sizeof(uint16_t));
    GROUPS(LOTS_MAX, HN_ACT_LOT);
    GROUPS(2, HN_ACT_LOT);
    GROUPS(1, HN_ACT_LOT);
    if (t < n_tokens) { /* a part of a lot */
        tiles_begin(n_tokens - t, CHUNK * sizeof(uint16_t));
        GROUPS(1, n_tokens - t);
    }
#undef GROUPS
    tiles_end();
}

#define MATMUL_TILES(PACK, name)                                                                   \
    void KERNEL_NAME(matmul_##name)(float *y, size_t ldy, const void *panels, size_t n_panels,     \
                                    const struct hn_act *x, size_t n_tokens)                       \
    {                                                                                              \
        matmul(HN_PACK_##PACK, y, ldy, panels, n_panels, x, n_tokens);                             \
    }
MATMUL_TILES(F16, f16)
MATMUL_TILES(BF16, bf16)
