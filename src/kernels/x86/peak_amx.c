#define KERNEL_NAME(name) hn_##name##_amx

#include "base/bits.h"
#include "kernels/list.h"
#include "kernels/x86/tiles_amx.h"

/* A round adds to four tiles of sums. What is multiplied are ones, in words of four or of two; `per` are
 * the steps that make one product. */
#define PEAK_TILES(name, word, type, step, per)                                                    \
    double KERNEL_NAME(peak_##name)(size_t rounds)                                                 \
    {                                                                                              \
        uint32_t ones[HN_ACT_LOT * HN_PANEL];                                                      \
        type sums[4][HN_ACT_LOT * HN_PANEL];                                                       \
        for (size_t i = 0; i < HN_COUNT(ones); i++)                                                \
            ones[i] = (word);                                                                      \
        tiles_begin(HN_ACT_LOT, 64);                                                               \
        TILE_ZERO(0);                                                                              \
        TILE_ZERO(1);                                                                              \
        TILE_ZERO(2);                                                                              \
        TILE_ZERO(3);                                                                              \
        TILE_LOAD(4, ones, 64);                                                                    \
        TILE_LOAD(6, ones, 64);                                                                    \
        for (size_t i = 0; i < rounds; i++) {                                                      \
            step(0, 4, 6);                                                                         \
            step(1, 4, 6);                                                                         \
            step(2, 4, 6);                                                                         \
            step(3, 4, 6);                                                                         \
        }                                                                                          \
        TILE_STORE(0, sums[0], 64);                                                                \
        TILE_STORE(1, sums[1], 64);                                                                \
        TILE_STORE(2, sums[2], 64);                                                                \
        TILE_STORE(3, sums[3], 64);                                                                \
        tiles_end();                                                                               \
        double total = 0;                                                                          \
        for (size_t i = 0; i < HN_COUNT(sums); i++)                                                \
            for (size_t j = 0; j < HN_COUNT(sums[0]); j++)                                         \
                total += (double)sums[i][j];                                                       \
        return total / (per);                                                                      \
    }
PEAK_TILES(q8, 0x01010101, int32_t, TILE_DOT_U8, 1)
PEAK_TILES(bf16, 0x3f803f80, float, TILE_DOT_BF16, 1)
PEAK_TILES(split, 0x3f803f80, float, TILE_DOT_BF16, 4)
