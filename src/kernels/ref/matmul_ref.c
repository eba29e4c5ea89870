/* Reference matrix products in portable C: one lane of the panel after another, blocks in order. */
#include "kernels/layout.h"
#include "kernels/list.h"

#include <string.h>

#include "tensor/codec.h"

static void clear(float *y, size_t ldy, size_t n_panels, size_t n_tokens)
{
    for (size_t t = 0; t < n_tokens; t++)
        memset(y + t * ldy, 0, n_panels * HN_PANEL * sizeof *y);
}

/* y += the products of one element of the row. */
static void add_element(float *y, const float w[HN_PANEL], float x)
{
    for (size_t r = 0; r < HN_PANEL; r++)
        y[r] += w[r] * x;
}

void hn_matmul_f32_ref(float *y, size_t ldy, const void *panels, size_t n_panels,
                       const struct hn_act *x, size_t n_tokens)
{
    clear(y, ldy, n_panels, n_tokens);
    const size_t stride = hn_panel_bytes(HN_PACK_F32, x->k);
    for (size_t p = 0; p < n_panels; p++) {
        const float *w = (const float *)((const char *)panels + p * stride);
        for (size_t t = 0; t < n_tokens; t++)
            for (size_t k = 0; k < x->k; k++)
                add_element(y + t * ldy + p * HN_PANEL, w + k * HN_PANEL, x->f32[t * x->ld + k]);
    }
}

void hn_matmul_f16_ref(float *y, size_t ldy, const void *panels, size_t n_panels,
                       const struct hn_act *x, size_t n_tokens)
{
    clear(y, ldy, n_panels, n_tokens);
    const size_t stride = hn_panel_bytes(HN_PACK_F16, x->k);
    for (size_t p = 0; p < n_panels; p++) {
        const uint16_t *halves = (const uint16_t *)((const char *)panels + p * stride);
        for (size_t k = 0; k < x->k; k++) {
            float w[HN_PANEL];
            for (size_t r = 0; r < HN_PANEL; r++)
                w[r] = hn_f16_to_f32(halves[k * HN_PANEL + r]);
            for (size_t t = 0; t < n_tokens; t++)
                add_element(y + t * ldy + p * HN_PANEL, w, x->f32[t * x->ld + k]);
        }
    }
}

void hn_matmul_bf16_ref(float *y, size_t ldy, const void *panels, size_t n_panels,
                        const struct hn_act *x, size_t n_tokens)
{
    clear(y, ldy, n_panels, n_tokens);
    const size_t stride = hn_panel_bytes(HN_PACK_BF16, x->k);
    for (size_t p = 0; p < n_panels; p++) {
        const uint16_t *pairs = (const uint16_t *)((const char *)panels + p * stride);
        for (size_t k = 0; k < x->k; k++) {
            float w[HN_PANEL];
            for (size_t r = 0; r < HN_PANEL; r++)
                w[r] = hn_bf16_to_f32(pairs[(k / 2 * HN_PANEL + r) * 2 + k % 2]);
            for (size_t t = 0; t < n_tokens; t++)
                add_element(y + t * ldy + p * HN_PANEL, w, x->f32[t * x->ld + k]);
        }
    }
}

/* One block of a panel as plain integers: value = scale[g] * q - min[g], g the part of the block. */
struct block {
    int parts; /* 1, or 2 halves with scales of their own */
    int16_t q[HN_ACT_BLOCK][HN_PANEL];
    float scale[2][HN_PANEL];
    float min[2][HN_PANEL];
};
typedef void unpack_fn(const void *panel, size_t index, struct block *out);

static void unpack_bytes(const uint8_t q[8][HN_PANEL][4], struct block *out)
{
    for (int i = 0; i < HN_ACT_BLOCK; i++)
        for (int r = 0; r < HN_PANEL; r++)
            out->q[i][r] = (int16_t)(q[i / 4][r][i % 4] - 128);
}

static void unpack_nibbles(const uint8_t q[4][HN_PANEL][4], int offset, struct block *out)
{
    for (int i = 0; i < HN_ACT_BLOCK; i++)
        for (int r = 0; r < HN_PANEL; r++)
            out->q[i][r] = (int16_t)(((q[i / 4 % 4][r][i % 4] >> i / 16 * 4) & 15) - offset);
}

static void unpack_q8(const void *panel, size_t index, struct block *out)
{
    const struct hn_pack_q8 *unit = (const struct hn_pack_q8 *)panel + index / 2;
    out->parts = 1;
    for (int r = 0; r < HN_PANEL; r++)
        out->scale[0][r] = hn_f16_to_f32(unit->d[index % 2][r]);
    unpack_bytes(unit->q[index % 2], out);
}

static void unpack_q4(const void *panel, size_t index, struct block *out)
{
    const struct hn_pack_q4 *unit = (const struct hn_pack_q4 *)panel + index / 2;
    out->parts = 1;
    for (int r = 0; r < HN_PANEL; r++)
        out->scale[0][r] = hn_f16_to_f32(unit->d[index % 2][r]);
    unpack_nibbles(unit->q[index % 2], 8, out);
}

static void unpack_q4k(const void *panel, size_t index, struct block *out)
{
    const struct hn_pack_q4k *unit = (const struct hn_pack_q4k *)panel + index / 8;
    const size_t b = index % 8;
    out->parts = 1;
    for (int r = 0; r < HN_PANEL; r++) {
        out->scale[0][r] = hn_f16_to_f32(unit->d[r]) * (float)unit->scale[b][r];
        out->min[0][r] = hn_f16_to_f32(unit->dmin[r]) * (float)unit->min[b][r];
    }
    unpack_nibbles(unit->q[b], 0, out);
}

static void unpack_q6k(const void *panel, size_t index, struct block *out)
{
    const struct hn_pack_q6k *unit = (const struct hn_pack_q6k *)panel + index / 8;
    const size_t b = index % 8;
    out->parts = 2;
    for (int half = 0; half < 2; half++)
        for (int r = 0; r < HN_PANEL; r++)
            out->scale[half][r] = hn_f16_to_f32(unit->d[r]) * (float)unit->scale[b][half][r];
    unpack_nibbles(unit->block[b].low, 32, out);
    for (int i = 0; i < HN_ACT_BLOCK; i++)
        for (int r = 0; r < HN_PANEL; r++) {
            const int high = (unit->block[b].high[i / 16][r][i % 4] >> i / 4 % 4 * 2) & 3;
            out->q[i][r] = (int16_t)(out->q[i][r] + high * 16);
        }
}

static void unpack_i8g32(const void *panel, size_t index, struct block *out)
{
    const struct hn_pack_i8g32 *unit = (const struct hn_pack_i8g32 *)panel + index;
    out->parts = 1;
    memcpy(out->scale, unit->d, sizeof unit->d);
    unpack_bytes(unit->q, out);
}

static void unpack_i8g32m(const void *panel, size_t index, struct block *out)
{
    const struct hn_pack_i8g32m *unit = (const struct hn_pack_i8g32m *)panel + index;
    out->parts = 1;
    memcpy(out->scale, unit->d, sizeof unit->d);
    memcpy(out->min, unit->min, sizeof unit->min);
    unpack_bytes(unit->q, out);
}

static void unpack_i8g16(const void *panel, size_t index, struct block *out)
{
    const struct hn_pack_i8g16 *unit = (const struct hn_pack_i8g16 *)panel + index;
    out->parts = 2;
    memcpy(out->scale, unit->d, sizeof unit->d);
    unpack_bytes(unit->q, out);
}

static void unpack_i8g16m(const void *panel, size_t index, struct block *out)
{
    const struct hn_pack_i8g16m *unit = (const struct hn_pack_i8g16m *)panel + index;
    out->parts = 2;
    memcpy(out->scale, unit->d, sizeof unit->d);
    memcpy(out->min, unit->min, sizeof unit->min);
    unpack_bytes(unit->q, out);
}

/* y += the products of one block; q, d and sums are those of the token's block. */
static void add_block(float *y, const struct block *w, const int8_t *q, float d,
                      const int16_t sums[2])
{
    const int length = HN_ACT_BLOCK / w->parts;
    for (int g = 0; g < w->parts; g++) {
        int32_t dot[HN_PANEL] = {0};
        for (int i = g * length; i < (g + 1) * length; i++)
            for (int r = 0; r < HN_PANEL; r++)
                dot[r] += w->q[i][r] * q[i];
        const int sum = w->parts == 1 ? sums[0] + sums[1] : sums[g];
        for (int r = 0; r < HN_PANEL; r++)
            y[r] += (w->scale[g][r] * (float)dot[r] - w->min[g][r] * (float)sum) * d;
    }
}

static void matmul_blocks(enum hn_pack pack, unpack_fn *unpack, float *y, size_t ldy,
                          const void *panels, size_t n_panels, const struct hn_act *x,
                          size_t n_tokens)
{
    clear(y, ldy, n_panels, n_tokens);
    const size_t stride = hn_panel_bytes(pack, x->k);
    struct block w = {0};
    for (size_t p = 0; p < n_panels; p++) {
        for (size_t b = 0; b < x->k / HN_ACT_BLOCK; b++) {
            unpack((const char *)panels + p * stride, b, &w);
            for (size_t t = 0; t < n_tokens; t++) {
                const size_t at = hn_act_block(x, t, b);
                add_block(y + t * ldy + p * HN_PANEL, &w, x->q + at * HN_ACT_BLOCK, x->d[at],
                          x->sums + 2 * at);
            }
        }
    }
}

#define BLOCKS(PACK, pack)                                                                         \
    void hn_matmul_##pack##_ref(float *y, size_t ldy, const void *panels, size_t n_panels,         \
                                const struct hn_act *x, size_t n_tokens)                           \
    {                                                                                              \
        matmul_blocks(HN_PACK_##PACK, unpack_##pack, y, ldy, panels, n_panels, x, n_tokens);       \
    }
BLOCKS(Q8, q8)
BLOCKS(Q4, q4)
BLOCKS(Q4K, q4k)
BLOCKS(Q6K, q6k)
BLOCKS(I8G32, i8g32)
BLOCKS(I8G32M, i8g32m)
BLOCKS(I8G16, i8g16)
BLOCKS(I8G16M, i8g16m)
