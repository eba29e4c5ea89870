/* The eight tiles of AMX, as the kernels here use them: sums in 0 to 3, activations in 4 and 5, weights
 * in 6 and 7. The instructions are written out: gcc 12's intrinsics do not tell the compiler what memory
 * they read. */
#ifndef HN_KERNELS_X86_TILES_AMX_H
#define HN_KERNELS_X86_TILES_AMX_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"

/* Tile `tile`, a literal, from and to rows that lie `pitch` bytes apart. */
#define TILE_LOAD(tile, from, pitch)                                                               \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #tile                                            \
                     :                                                                             \
                     : "r"((const void *)(from)), "r"((size_t)(pitch))                             \
                     : "memory")
#define TILE_STORE(tile, to, pitch)                                                                \
    __asm__ volatile("tilestored %%tmm" #tile ", (%0,%1,1)"                                        \
                     :                                                                             \
                     : "r"((void *)(to)), "r"((size_t)(pitch))                                     \
                     : "memory")
#define TILE_ZERO(tile) __asm__ volatile("tilezero %%tmm" #tile : :)
/* sums += activations * weights: signed bytes; unsigned by signed ones; bf16, where sums of the first
 * and of the second halves of the pairs are made apart and then added. */
#define TILE_DOT_I8(sums, act, weights)                                                            \
    __asm__ volatile("tdpbssd %%tmm" #weights ", %%tmm" #act ", %%tmm" #sums : :)
#define TILE_DOT_U8(sums, act, weights)                                                            \
    __asm__ volatile("tdpbusd %%tmm" #weights ", %%tmm" #act ", %%tmm" #sums : :)
#define TILE_DOT_BF16(sums, act, weights)                                                          \
    __asm__ volatile("tdpbf16ps %%tmm" #weights ", %%tmm" #act ", %%tmm" #sums : :)

/* Sums of `tokens` (16 at most) by HN_PANEL rows, activations of as many by `bytes` (64 at most),
 * weights of `bytes` by HN_PANEL rows, four bytes of a row side by side. */
static inline void tiles_begin(size_t tokens, size_t bytes)
{
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.row_bytes[i] = i == 4 || i == 5 ? (uint16_t)bytes : HN_PANEL * 4;
        config.rows[i] = i < 6 ? (uint8_t)tokens : (uint8_t)(bytes / 4);
    }
    __asm__ volatile("ldtilecfg %0" : : "m"(config));
}

/* A thread that holds tiles is slower to switch. */
static inline void tiles_end(void)
{
    __asm__ volatile("tilerelease" : :);
}

#endif
