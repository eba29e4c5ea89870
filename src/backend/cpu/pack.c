#include "backend/cpu/pack.h"

#include <assert.h>
#include <string.h>

#include "base/bits.h"
#include "kernels/layout.h"
#include "tensor/codec.h"
#include "tensor/codec_blocks.h"

enum hn_pack hn_pack_for(enum hn_dtype type)
{
    switch (type) {
    case HN_F32: return HN_PACK_F32;
    case HN_F16: return HN_PACK_F16;
    case HN_BF16: return HN_PACK_BF16;
    case HN_Q8_0: return HN_PACK_Q8;
    case HN_Q4_0: return HN_PACK_Q4;
    case HN_Q4_K: return HN_PACK_Q4K;
    case HN_Q6_K: return HN_PACK_Q6K;
    case HN_Q4_1:
    case HN_Q5_1:
    case HN_Q5_K: return HN_PACK_I8G32M;
    case HN_Q2_K: return HN_PACK_I8G16M;
    case HN_Q3_K: return HN_PACK_I8G16;
    default: return HN_PACK_I8G32;
    }
}

size_t hn_matrix_bytes(enum hn_dtype type, size_t rows, size_t cols)
{
    size_t bytes;
    const size_t limit = (size_t)1
                         << 40; /* elements of a row: keeps hn_panel_bytes from wrapping */
    if (cols > limit || rows > SIZE_MAX - HN_PANEL) return SIZE_MAX;
    if (!hn_mul(hn_panel_bytes(hn_pack_for(type), cols), hn_div_up(rows, HN_PANEL), &bytes))
        return SIZE_MAX;
    return bytes;
}

/* The packers below write one row of k elements into lane r of a panel of zeros. */
typedef void pack_row_fn(unsigned char *panel, size_t r, enum hn_dtype type,
                         const unsigned char *row, size_t k);

static void pack_f32(unsigned char *panel, size_t r, enum hn_dtype type, const unsigned char *row,
                     size_t k)
{
    (void)type;
    for (size_t i = 0; i < k; i++)
        memcpy(panel + (i * HN_PANEL + r) * 4, row + i * 4, 4);
}

static void pack_f16(unsigned char *panel, size_t r, enum hn_dtype type, const unsigned char *row,
                     size_t k)
{
    (void)type;
    for (size_t i = 0; i < k; i++)
        memcpy(panel + (i * HN_PANEL + r) * 2, row + i * 2, 2);
}

static void pack_bf16(unsigned char *panel, size_t r, enum hn_dtype type, const unsigned char *row,
                      size_t k)
{
    (void)type;
    for (size_t i = 0; i < k; i++)
        memcpy(panel + ((i / 2 * HN_PANEL + r) * 2 + i % 2) * 2, row + i * 2, 2);
}

static void pack_q8(unsigned char *panel, size_t r, enum hn_dtype type, const unsigned char *row,
                    size_t k)
{
    (void)type;
    const struct hn_block_q8_0 *src = (const struct hn_block_q8_0 *)row;
    for (size_t b = 0; b < k / 32; b++) {
        struct hn_pack_q8 *unit = (struct hn_pack_q8 *)panel + b / 2;
        unit->d[b % 2][r] = hn_load_u16(src[b].d);
        for (size_t g = 0; g < 8; g++) {
            /* Adding 128 to a signed byte flips its top bit. */
            const uint32_t four = hn_load_u32(src[b].qs + 4 * g) ^ 0x80808080u;
            memcpy(unit->q[b % 2][g][r], &four, 4);
        }
    }
}

static void pack_q4(unsigned char *panel, size_t r, enum hn_dtype type, const unsigned char *row,
                    size_t k)
{
    (void)type;
    const struct hn_block_q4_0 *src = (const struct hn_block_q4_0 *)row;
    for (size_t b = 0; b < k / 32; b++) {
        struct hn_pack_q4 *unit = (struct hn_pack_q4 *)panel + b / 2;
        unit->d[b % 2][r] = hn_load_u16(src[b].d);
        for (size_t g = 0; g < 4; g++)
            memcpy(unit->q[b % 2][g][r], src[b].qs + 4 * g, 4);
    }
}

/* A word is a group: four consecutive elements, one to a byte. A block's words hold nibbles; those of
 * groups g and g + 4 go together. */
static void put_nibbles(uint8_t out[4][HN_PANEL][4], size_t r, const uint32_t words[8])
{
    for (size_t g = 0; g < 4; g++) {
        const uint32_t both = words[g] | words[g + 4] << 4;
        memcpy(out[g][r], &both, 4);
    }
}

static void pack_q4k(unsigned char *panel, size_t r, enum hn_dtype type, const unsigned char *row,
                     size_t k)
{
    (void)type;
    const struct hn_block_q4_k *src = (const struct hn_block_q4_k *)row;
    int8_t sub[8];
    uint8_t sub_min[8];
    for (size_t s = 0; s < k / 256; s++) {
        struct hn_pack_q4k *unit = (struct hn_pack_q4k *)panel + s;
        unit->d[r] = hn_load_u16(src[s].d);
        unit->dmin[r] = hn_load_u16(src[s].dmin);
        hn_scales_k4(src[s].scales, sub, sub_min);
        for (size_t b = 0; b < 8; b++) {
            uint32_t words[8];
            unit->scale[b][r] = (uint8_t)sub[b];
            unit->min[b][r] = sub_min[b];
            for (size_t g = 0; g < 8; g++)
                words[g] = hn_load_u32(src[s].qs + b / 2 * 32 + 4 * g) >> b % 2 * 4 & 0x0f0f0f0fu;
            put_nibbles(unit->q[b], r, words);
        }
    }
}

static void pack_q6k(unsigned char *panel, size_t r, enum hn_dtype type, const unsigned char *row,
                     size_t k)
{
    (void)type;
    const struct hn_block_q6_k *src = (const struct hn_block_q6_k *)row;
    for (size_t s = 0; s < k / 256; s++) {
        struct hn_pack_q6k *unit = (struct hn_pack_q6k *)panel + s;
        unit->d[r] = hn_load_u16(src[s].d);
        for (size_t b = 0; b < 8; b++) {
            const uint8_t *low = src[s].ql + b / 4 * 64 + b % 2 * 32;
            const uint8_t *high = src[s].qh + b / 4 * 32;
            uint32_t words[8], highs[2] = {0};
            for (size_t g = 0; g < 8; g++) {
                words[g] = hn_load_u32(low + 4 * g) >> b / 2 % 2 * 4 & 0x0f0f0f0fu;
                highs[g / 4] |= (hn_load_u32(high + 4 * g) >> b % 4 * 2 & 0x03030303u) << g % 4 * 2;
            }
            put_nibbles(unit->block[b].low, r, words);
            for (size_t half = 0; half < 2; half++) {
                unit->scale[b][half][r] = (int8_t)src[s].scales[2 * b + half];
                memcpy(unit->block[b].high[half][r], &highs[half], 4);
            }
        }
    }
}

static void put_bytes(uint8_t out[8][HN_PANEL][4], size_t r, const int8_t *q)
{
    for (size_t i = 0; i < 32; i++)
        out[i / 4][r][i % 4] = (uint8_t)(q[i] + 128);
}

/* The generic forms: any type through its integers. */
static void pack_i8(unsigned char *panel, size_t r, enum hn_dtype type, const unsigned char *row,
                    size_t k)
{
    const struct hn_dtype_info *info = hn_dtype_info(type);
    const enum hn_pack pack = hn_pack_for(type);
    const size_t parts = 32 / hn_dtype_group(type);
    struct hn_block_ints ints;
    for (size_t i = 0; i < k; i += 32) {
        if (i % info->block == 0) hn_decode_ints(type, row + i / info->block * info->bytes, &ints);
        const size_t b = i % info->block / 32;
        unsigned char *unit = panel + i / 32 * hn_pack_unit_bytes(pack);
        float *d = (float *)unit;
        float *min = d + parts * HN_PANEL;
        const int has_min = pack == HN_PACK_I8G32M || pack == HN_PACK_I8G16M;
        for (size_t g = 0; g < parts; g++) {
            d[g * HN_PANEL + r] = ints.scale[b * parts + g];
            if (has_min) min[g * HN_PANEL + r] = ints.min[b * parts + g];
        }
        float *q = d + (has_min ? 2 : 1) * parts * HN_PANEL;
        put_bytes((uint8_t(*)[HN_PANEL][4])q, r, ints.q + 32 * b);
    }
}

static pack_row_fn *const packers[HN_PACKS] = {
    [HN_PACK_F32] = pack_f32,  [HN_PACK_F16] = pack_f16,   [HN_PACK_BF16] = pack_bf16,
    [HN_PACK_Q8] = pack_q8,    [HN_PACK_Q4] = pack_q4,     [HN_PACK_Q4K] = pack_q4k,
    [HN_PACK_Q6K] = pack_q6k,  [HN_PACK_I8G32] = pack_i8,  [HN_PACK_I8G32M] = pack_i8,
    [HN_PACK_I8G16] = pack_i8, [HN_PACK_I8G16M] = pack_i8,
};

struct pack_job {
    const struct hn_segment *segment;
    const unsigned char *rows;
    size_t row_bytes;
    size_t cols;
};

/* Some columns of all rows at a time, so that what is written stays in the first-level cache. */
enum { CHUNK = 256 }; /* elements: whole blocks of every type and whole units of every pack */

static void pack_panel(void *arg, size_t tile, unsigned worker)
{
    (void)worker;
    const struct pack_job *job = arg;
    const struct hn_segment *seg = job->segment;
    const struct hn_dtype_info *info = hn_dtype_info(seg->source);
    const size_t n = hn_min(HN_PANEL, seg->rows - tile * HN_PANEL);
    const unsigned char *rows = job->rows + tile * HN_PANEL * job->row_bytes;
    unsigned char *panel = seg->data + tile * seg->panel_bytes;
    unsigned char *const end = panel + seg->panel_bytes;
    const size_t chunk_bytes = CHUNK / hn_pack_block(seg->pack) * hn_pack_unit_bytes(seg->pack);
    for (size_t k = 0; k < job->cols; k += CHUNK, panel += chunk_bytes) {
        memset(panel, 0, hn_min(chunk_bytes, (size_t)(end - panel)));
        for (size_t r = 0; r < n; r++)
            packers[seg->pack](panel, r, seg->source,
                               rows + r * job->row_bytes + k / info->block * info->bytes,
                               hn_min(CHUNK, job->cols - k));
    }
}

enum hn_status hn_matrix_pack(struct hn_matrix *out, const struct hn_tensor *const *parts,
                              size_t n_parts, void *memory, struct hn_pool *pool,
                              struct hn_error *err)
{
    if (n_parts < 1 || n_parts > HN_MATRIX_PARTS)
        return hn_fail(err, HN_E_ARG, "a matrix of %zu parts (1 to %d are possible)", n_parts,
                       HN_MATRIX_PARTS);
    *out = (struct hn_matrix){.cols = parts[0]->ne[0]};
    for (size_t i = 0; i < n_parts; i++) {
        const struct hn_tensor *t = parts[i];
        const size_t rows = hn_tensor_rows(t);
        size_t row_bytes, bytes;
        if (t->ne[0] != out->cols || !hn_dtype_bytes(t->type, t->ne[0], &row_bytes) ||
            !hn_mul(row_bytes, rows, &bytes) || bytes > t->bytes)
            return hn_fail(err, HN_E_FORMAT,
                           "%.*s: %zu rows of %zu %s elements in %zu bytes do not fit a matrix of "
                           "%zu columns",
                           (int)t->name.n, t->name.p, rows, t->ne[0], hn_dtype_info(t->type)->name,
                           t->bytes, out->cols);
        const size_t packed = hn_matrix_bytes(t->type, rows, out->cols);
        assert(packed != SIZE_MAX); /* the caller has sized `memory` by it */
        struct hn_segment *seg = &out->segments[out->n_segments++];
        *seg = (struct hn_segment){
            .pack = hn_pack_for(t->type),
            .source = t->type,
            .first_row = out->rows,
            .rows = rows,
            .first_panel = out->panels,
            .panels = hn_div_up(rows, HN_PANEL),
            .panel_bytes = hn_panel_bytes(hn_pack_for(t->type), out->cols),
            .data = (unsigned char *)memory + out->bytes,
        };
        out->rows += rows;
        out->panels += seg->panels;
        out->bytes += packed;
        struct pack_job job = {seg, t->data, row_bytes, out->cols};
        hn_pool_run(pool, seg->panels, pack_panel, &job);
    }
    return HN_OK;
}
