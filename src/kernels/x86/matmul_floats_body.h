/* Matrix products of the float packs, for any v16: included by matmul_floats_<isa>.c, which says how
 * many elements a unit has (UNIT_ELEMENTS), how one is added (UNIT_STEP) and how many v16 sums fit
 * the registers (SUMS_MAX).
 *
 * A unit is 32 bits of a row: one element, or a pair of bf16. Within each stretch of a row the units'
 * products are summed in two strands, even and odd units, and y gets their sum, stretch by stretch:
 * the same for every number of tokens. */
#include <string.h>

#include "base/bits.h"
#include "kernels/layout.h"
#include "kernels/list.h"
#include "kernels/x86/unroll.h"

enum {
    STRETCH = 256,            /* units */
    PITCH = STRETCH * 4 + 64, /* bytes between gathered tokens, off the powers of two */
    TILE_MAX = 12,
};

/* The functions below take the pack and the number of tokens as constants. */
#define FOR_PACK static inline __attribute__((always_inline))

/* sum + w * x for one unit; w and x as 32-bit lanes. */
FOR_PACK v16 add_unit(v16 sum, v16 w, const char *x)
{
    float unit;
    memcpy(&unit, x, sizeof unit);
    return UNIT_STEP(w, v_set1(unit), sum);
}

/* The unit k of all rows. */
FOR_PACK v16 weights(enum hn_pack pack, const char *panel, size_t k)
{
    switch (pack) {
    case HN_PACK_F16: return v_load_f16(panel + k * HN_PANEL * 2);
    case HN_PACK_BF16:
        if (UNIT_ELEMENTS == 2) return v_load((const float *)(const void *)panel + k * HN_PANEL);
        /* as floats: the even or the odd element of a pair */
        return v_half_of_pairs(panel + k / 2 * HN_PANEL * 4, k % 2);
    default: return v_load((const float *)(const void *)panel + k * HN_PANEL);
    }
}

/* Where unit k begins; k is even. */
FOR_PACK const char *from_unit(enum hn_pack pack, const char *panel, size_t k)
{
    const int halves = pack == HN_PACK_F16 || (pack == HN_PACK_BF16 && UNIT_ELEMENTS == 1);
    return panel + k * HN_PANEL * (halves ? 2 : 4);
}

/* sums[t] += units first, first + 2, .. below last. */
FOR_PACK void add_strand(enum hn_pack pack, size_t n, v16 *sums, const char *panel, const char *x,
                         size_t ldx, size_t first, size_t last)
{
    for (size_t k = first; k < last; k += 2) {
        const v16 w = weights(pack, panel, k);
        UNROLL for (size_t t = 0; t < n; t++) sums[t] = add_unit(sums[t], w, x + t * ldx + 4 * k);
    }
}

/* Both strands side by side, of `units` units. */
FOR_PACK void add_strands(enum hn_pack pack, size_t n, v16 *even, v16 *odd, const char *panel,
                          const char *x, size_t ldx, size_t units)
{
    size_t k = 0;
    for (; k + 2 <= units; k += 2) {
        const v16 w0 = weights(pack, panel, k), w1 = weights(pack, panel, k + 1);
        UNROLL for (size_t t = 0; t < n; t++)
        {
            even[t] = add_unit(even[t], w0, x + t * ldx + 4 * k);
            odd[t] = add_unit(odd[t], w1, x + t * ldx + 4 * k + 4);
        }
    }
    add_strand(pack, n, even, panel, x, ldx, k, units);
}

/* y = a stretch of `units` units of one panel by n tokens that lie ldx bytes apart; `more` adds to y
 * instead. */
FOR_PACK void run_panel(enum hn_pack pack, size_t n, float *y, size_t ldy, const char *panel,
                        const char *x, size_t ldx, size_t units, int more)
{
    v16 even[TILE_MAX], odd[TILE_MAX];
    UNROLL for (size_t t = 0; t < n; t++) even[t] = odd[t] = v_zero();
    if (2 * n <= SUMS_MAX) {
        add_strands(pack, n, even, odd, panel, x, ldx, units);
        UNROLL for (size_t t = 0; t < n; t++) even[t] = v_add(even[t], odd[t]);
    } else { /* one after the other, where registers are few: the same sums */
        add_strand(pack, n, even, panel, x, ldx, 0, units);
        float room[TILE_MAX * HN_PANEL];
        UNROLL for (size_t t = 0; t < n; t++) v_store(room + t * HN_PANEL, even[t]);
        add_strand(pack, n, odd, panel, x, ldx, 1, units);
        UNROLL for (size_t t = 0; t < n; t++) even[t] = v_add(v_load(room + t * HN_PANEL), odd[t]);
    }
    UNROLL for (size_t t = 0; t < n; t++)
        v_store(y + t * ldy, more ? v_add(v_load(y + t * ldy), even[t]) : even[t]);
}

/* All panels by tiles of n tokens as long as there are so many; returns the tokens done. Few tokens
 * stream the panels one by one; many are gathered and take a stretch of all panels at a time. */
FOR_PACK size_t run_tiles(enum hn_pack pack, size_t n, float *y, size_t ldy, const char *panels,
                          size_t n_panels, const char *x, size_t ldx, size_t k, size_t n_tokens)
{
    const size_t stride = hn_panel_bytes(pack, UNIT_ELEMENTS * k);
    size_t t = 0;
    for (; t + n <= n_tokens; t += n) {
        const char *from = x + t * ldx;
        float *to = y + t * ldy;
        if (n <= 2) {
            for (size_t p = 0; p < n_panels; p++)
                for (size_t first = 0; first < k; first += STRETCH)
                    run_panel(pack, n, to + p * HN_PANEL, ldy,
                              from_unit(pack, panels + p * stride, first), from + 4 * first, ldx,
                              hn_min(STRETCH, k - first), first != 0);
            continue;
        }
        _Alignas(64) char room[TILE_MAX * PITCH];
        for (size_t first = 0; first < k; first += STRETCH) {
            const size_t units = hn_min(STRETCH, k - first);
            for (size_t i = 0; i < n; i++)
                memcpy(room + i * PITCH, from + i * ldx + 4 * first, 4 * units);
            for (size_t p = 0; p < n_panels; p++)
                run_panel(pack, n, to + p * HN_PANEL, ldy,
                          from_unit(pack, panels + p * stride, first), room, PITCH, units,
                          first != 0);
        }
    }
    return t;
}

/* The largest tiles first. */
FOR_PACK void matmul(enum hn_pack pack, float *y, size_t ldy, const void *panels, size_t n_panels,
                     const void *x, size_t ldx, size_t k, size_t n_tokens)
{
    size_t t = 0;
#define TILES(n)                                                                                   \
    t += run_tiles(pack, n, y + t * ldy, ldy, panels, n_panels, (const char *)x + t * ldx, ldx, k, \
                   n_tokens - t)
#if defined(__AVX512F__)
    TILES(12);
    TILES(8);
#else
    TILES(6);
#endif
    TILES(4);
    TILES(2);
    TILES(1);
#undef TILES
}

#define MATMUL_FLOATS(PACK, name, member)                                                          \
    void KERNEL_NAME(matmul_##name)(float *y, size_t ldy, const void *panels, size_t n_panels,     \
                                    const struct hn_act *x, size_t n_tokens)                       \
    {                                                                                              \
        matmul(HN_PACK_##PACK, y, ldy, panels, n_panels, x->member, x->ld * sizeof *x->member,     \
               hn_div_up(x->k, UNIT_ELEMENTS), n_tokens);                                          \
    }
