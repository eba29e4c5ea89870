#include "backend/cpu/linear.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bits.h"
#include "kernels/layout.h"

enum {
    TOKEN_BLOCK = 64,             /* tokens of one tile: their activations stay in the L2 cache */
    TILE_BYTES = 192 * 1024,      /* panels of one tile, for the same reason */
    TILES_PER_THREAD = 4,         /* at least, so that a slow thread can be helped */
    SMALL_ACTIVATIONS = 32 * 1024 /* elements that the leader prepares alone */
};

/* Row length of the prepared activations, in elements: whole blocks, and an odd number of cache lines
 * of BF16, so that the same element of many rows does not fall on few sets of the cache. */
static size_t padded(size_t cols)
{
    return hn_round_up(cols, 64) + 32;
}

size_t hn_linear_scratch(size_t cols, size_t n_tokens)
{
    if (cols > SIZE_MAX / 32) return SIZE_MAX;
    const size_t ld = padded(cols);
    /* Per row: f32 (gathered), bf16 twice, int8 with a float and two int16 sums per block. */
    const size_t row = ld * (sizeof(float) + 2 * sizeof(uint16_t) + 1) +
                       ld / HN_ACT_BLOCK * (sizeof(float) + 2 * sizeof(int16_t));
    size_t bytes;
    if (!hn_mul(row, n_tokens, &bytes) || !hn_add(bytes, 7 * 64, &bytes)) return SIZE_MAX;
    return bytes;
}

struct job {
    const struct hn_kernels *kernels;
    float *y;
    size_t ldy;
    const float *x;
    size_t ldx;
    const int32_t *x_rows;
    size_t n_rows;
    size_t cols;
    const struct hn_linear_group *groups;
    size_t n_groups;
    size_t panels_per_tile;

    /* The prepared activations, one form per kind; `wanted` says which are used. */
    bool wanted[HN_ACT_KINDS];
    float *f32;
    uint16_t *bf16;
    uint16_t *rest;
    int8_t *q;
    float *d;
    int16_t *sums;
    size_t ld;
};

/* How the rows of a group from row `token` on, a multiple of TOKEN_BLOCK, lie. */
static void lay(const struct job *job, const struct hn_linear_group *group, size_t token,
                struct hn_act *act)
{
    const size_t n = group->n - token;
    act->in_quads = n / HN_ACT_QUAD * HN_ACT_QUAD;
    act->in_lots = job->kernels->lots ? n / HN_ACT_LOT * HN_ACT_LOT : 0;
}

/* Quantises row i into its place in its group. */
static void quantise_row(struct job *job, size_t i, const float *x)
{
    const struct hn_linear_group *group = job->groups;
    while (i >= group->first + group->n)
        group++;
    struct hn_act act = {.ld = job->ld};
    lay(job, group, 0, &act);
    const size_t token = i - group->first;
    const size_t at = group->first * (job->ld / HN_ACT_BLOCK) + hn_act_block(&act, token, 0);
    job->kernels->act_q8(job->q + at * HN_ACT_BLOCK, job->d + at, job->sums + 2 * at, x, job->cols,
                         hn_act_together(&act, token));
}

/* What the BF16 of a row leave of it, as BF16. */
static void split_rest(const struct hn_kernels *kernels, uint16_t *rest, const uint16_t *bf16,
                       const float *x, size_t n)
{
    float left[256];
    for (size_t first = 0; first < n; first += HN_COUNT(left)) {
        const size_t m = hn_min(HN_COUNT(left), n - first);
        for (size_t i = 0; i < m; i++) {
            const uint32_t bits = (uint32_t)bf16[first + i] << 16;
            memcpy(&left[i], &bits, sizeof bits);
        }
        for (size_t i = 0; i < m; i++)
            left[i] = x[first + i] - left[i];
        kernels->act_bf16(rest + first, left, m);
    }
}

/* Prepares row i in every wanted form. */
static void prepare_row(struct job *job, size_t i)
{
    const float *x = job->x + (job->x_rows ? (size_t)job->x_rows[i] : i) * job->ldx;
    const size_t n = job->cols, ld = job->ld;
    if (job->wanted[HN_ACT_F32] && job->x_rows) memcpy(job->f32 + i * ld, x, n * sizeof *x);
    if (job->wanted[HN_ACT_BF16]) {
        job->kernels->act_bf16(job->bf16 + i * ld, x, n);
        memset(job->bf16 + i * ld + n, 0, (ld - n) * sizeof *job->bf16);
    }
    if (job->wanted[HN_ACT_SPLIT]) {
        split_rest(job->kernels, job->rest + i * ld, job->bf16 + i * ld, x, n);
        memset(job->rest + i * ld + n, 0, (ld - n) * sizeof *job->rest);
    }
    if (job->wanted[HN_ACT_Q8]) quantise_row(job, i, x);
}

static void prepare_tile(void *arg, size_t tile, unsigned worker)
{
    (void)worker;
    prepare_row(arg, tile);
}

static void *take(unsigned char **at, size_t bytes)
{
    void *p = *at;
    *at += hn_round_up(bytes, 64);
    return p;
}

static void prepare(struct hn_pool *pool, struct job *job, void *scratch)
{
    for (size_t g = 0; g < job->n_groups; g++) {
        const struct hn_matrix *w = job->groups[g].w;
        for (size_t s = 0; s < w->n_segments; s++)
            job->wanted[job->kernels->matmul[w->segments[s].pack].act] = true;
    }
    if (job->wanted[HN_ACT_SPLIT]) job->wanted[HN_ACT_BF16] = true; /* is its first part */
    unsigned char *at = scratch;
    const size_t ld = job->ld = padded(job->cols), n = job->n_rows;
    job->f32 = take(&at, n * ld * sizeof *job->f32);
    job->bf16 = take(&at, n * ld * sizeof *job->bf16);
    job->rest = take(&at, n * ld * sizeof *job->rest);
    job->q = take(&at, n * ld);
    job->d = take(&at, n * ld / HN_ACT_BLOCK * sizeof *job->d);
    job->sums = take(&at, n * ld / 16 * sizeof *job->sums);
    if (!job->x_rows && !job->wanted[HN_ACT_BF16] && !job->wanted[HN_ACT_Q8]) return;
    if (n * job->cols <= SMALL_ACTIVATIONS) {
        for (size_t i = 0; i < n; i++)
            prepare_row(job, i);
        return;
    }
    hn_pool_run(pool, n, prepare_tile, job);
}

/* The activations of a group from its row `token` on, a multiple of TOKEN_BLOCK, in the form that a
 * pack's kernel takes. */
static struct hn_act act_from(const struct job *job, enum hn_act_kind kind,
                              const struct hn_linear_group *group, size_t token)
{
    const size_t i = group->first + token;
    struct hn_act act = {.kind = kind, .k = job->cols, .ld = job->ld};
    switch (kind) {
    case HN_ACT_F32:
        act.f32 = job->x_rows ? job->f32 + i * job->ld : job->x + i * job->ldx;
        act.ld = job->x_rows ? job->ld : job->ldx;
        break;
    case HN_ACT_BF16: act.bf16 = job->bf16 + i * job->ld; break;
    case HN_ACT_SPLIT:
        act.bf16 = job->bf16 + i * job->ld;
        act.rest = job->rest + i * job->ld;
        break;
    default: /* HN_ACT_Q8 */
        act.q = job->q + i * job->ld;
        act.d = job->d + i * job->ld / HN_ACT_BLOCK;
        act.sums = job->sums + i * job->ld / 16;
        lay(job, group, token, &act);
        break;
    }
    return act;
}

/* Panels [first, last) of one segment for n <= TOKEN_BLOCK rows of a group, from its row `token` on. A
 * last panel that is not full goes through a buffer: y may have no room for it. */
static void run_segment(const struct job *job, const struct hn_segment *seg,
                        const struct hn_linear_group *group, size_t first, size_t last,
                        size_t token, size_t n)
{
    hn_matmul_fn *matmul = job->kernels->matmul[seg->pack].fn;
    const struct hn_act act = act_from(job, job->kernels->matmul[seg->pack].act, group, token);
    float *y = job->y + (group->first + token) * job->ldy + seg->first_row;
    const size_t full = hn_min(last, seg->rows / HN_PANEL);
    if (full > first)
        matmul(y + first * HN_PANEL, job->ldy, seg->data + first * seg->panel_bytes, full - first,
               &act, n);
    if (last > full) {
        float tail[TOKEN_BLOCK * HN_PANEL];
        matmul(tail, HN_PANEL, seg->data + full * seg->panel_bytes, 1, &act, n);
        for (size_t t = 0; t < n; t++)
            memcpy(y + t * job->ldy + full * HN_PANEL, tail + t * HN_PANEL,
                   (seg->rows - full * HN_PANEL) * sizeof *y);
    }
    if (!group->bias) return;
    const size_t row = first * HN_PANEL;
    const size_t rows = hn_min(last * HN_PANEL, seg->rows) - row;
    for (size_t t = 0; t < n; t++)
        job->kernels->add(y + t * job->ldy + row, group->bias + seg->first_row + row, rows);
}

/* A tile is some panels of one matrix by a block of tokens. Tiles of the same panels follow one
 * another, so that a thread finds them in its cache again. */
static void run_tile(void *arg, size_t tile, unsigned worker)
{
    (void)worker;
    const struct job *job = arg;
    const struct hn_linear_group *group = job->groups;
    while (tile >= group->tiles)
        tile -= group++->tiles;
    const size_t blocks = hn_div_up(group->n, TOKEN_BLOCK);
    const size_t first = tile / blocks * job->panels_per_tile;
    const size_t last = hn_min(first + job->panels_per_tile, group->w->panels);
    const size_t token = tile % blocks * TOKEN_BLOCK;
    const size_t n = hn_min(TOKEN_BLOCK, group->n - token);
    for (size_t s = 0; s < group->w->n_segments; s++) {
        const struct hn_segment *seg = &group->w->segments[s];
        const size_t from = hn_max(first, seg->first_panel);
        const size_t to = hn_min(last, seg->first_panel + seg->panels);
        if (from < to)
            run_segment(job, seg, group, from - seg->first_panel, to - seg->first_panel, token, n);
    }
}

/* Panels of a tile: few enough to stay in cache and to give every thread several tiles. */
static size_t plan_panels(const struct hn_linear_group *groups, size_t n_groups, unsigned threads)
{
    const struct hn_matrix *w = groups[0].w;
    size_t token_blocks = 0;
    for (size_t g = 0; g < n_groups; g++)
        token_blocks += hn_div_up(groups[g].n, TOKEN_BLOCK);
    const size_t in_cache = TILE_BYTES / (w->bytes / w->panels + 1);
    const size_t shared = w->panels * token_blocks / ((size_t)threads * TILES_PER_THREAD);
    return hn_max(1, hn_min(in_cache, shared));
}

void hn_linear_grouped(struct hn_pool *pool, const struct hn_kernels *kernels, float *y, size_t ldy,
                       struct hn_linear_group *groups, size_t n_groups, const float *x, size_t ldx,
                       const int32_t *x_rows, void *scratch)
{
    if (!n_groups || !groups[0].w->panels) return;
    struct job job = {
        .kernels = kernels,
        .y = y,
        .ldy = ldy,
        .x = x,
        .ldx = ldx,
        .x_rows = x_rows,
        .n_rows = groups[n_groups - 1].first + groups[n_groups - 1].n,
        .cols = groups[0].w->cols,
        .groups = groups,
        .n_groups = n_groups,
        .panels_per_tile = plan_panels(groups, n_groups, hn_pool_threads(pool)),
    };
    prepare(pool, &job, scratch);
    size_t tiles = 0;
    for (size_t g = 0; g < n_groups; g++) {
        groups[g].tiles = hn_div_up(groups[g].w->panels, job.panels_per_tile) *
                          hn_div_up(groups[g].n, TOKEN_BLOCK);
        tiles += groups[g].tiles;
    }
    hn_pool_run(pool, tiles, run_tile, &job);
}

void hn_linear(struct hn_pool *pool, const struct hn_kernels *kernels, float *y, size_t ldy,
               const struct hn_matrix *w, const float *bias, const float *x, size_t ldx,
               size_t n_tokens, void *scratch)
{
    struct hn_linear_group group = {.w = w, .bias = bias, .first = 0, .n = n_tokens};
    hn_linear_grouped(pool, kernels, y, ldy, &group, 1, x, ldx, NULL, scratch);
}
