/* MatMulNBits: weights [n][blocks of k] of 2, 4 or 8 bits, a scale for each block. */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "model/graph/fast.h"
#include "model/graph/op_lane.h"
#include "model/graph/op_list.h"

static bool has_input(const struct hn_op *op, size_t i)
{
    return i < op->n_in && op->in[i];
}

struct blocks {
    size_t n, k, bits, size, count; /* `count` of `size` elements in a row of k */
    const uint8_t *weights;
    const double *scales;  /* [n][count] */
    const uint8_t *packed; /* zero points of `bits`, rows of whole bytes; or NULL */
    const double *zeros;   /* [n][count], or NULL */
};

static double block_zero(const struct blocks *b, size_t row, size_t block)
{
    if (b->zeros) return b->zeros[row * b->count + block];
    if (!b->packed) return (double)(1 << (b->bits - 1));
    const size_t bytes = (b->count * b->bits + 7) / 8, bit = block * b->bits;
    return b->packed[row * bytes + bit / 8] >> bit % 8 & ((1 << b->bits) - 1);
}

/* Rows first .. first + n - 1 of the weights, as columns of `to` [k, n]. */
static void unpack(const struct blocks *b, size_t first, size_t n, float *to)
{
    const size_t block_bytes = b->size * b->bits / 8;
    for (size_t j = 0; j < n; j++)
        for (size_t block = 0; block < b->count; block++) {
            const size_t at = (first + j) * b->count + block;
            const double scale = b->scales[at], zero = block_zero(b, first + j, block);
            const size_t end = hn_min(b->size, b->k - block * b->size);
            for (size_t i = 0; i < end; i++) {
                const int q = b->weights[at * block_bytes + i * b->bits / 8] >> i * b->bits % 8 &
                              ((1 << b->bits) - 1);
                to[(block * b->size + i) * n + j] = (float)((q - zero) * scale);
            }
        }
}

static enum hn_status blocks_of(struct hn_op *op, struct blocks *b)
{
    const int64_t n = hn_op_int(op, "N", 0), k = hn_op_int(op, "K", 0),
                  bits = hn_op_int(op, "bits", 4);
    const int64_t size = hn_op_int(op, "block_size", 0);
    if (n < 1 || k < 1 || n > INT32_MAX || k > INT32_MAX || (bits != 2 && bits != 4 && bits != 8) ||
        size < 16 || size > 1 << 16 || (size & (size - 1)))
        return hn_op_fail(op, HN_E_ARG, "N, K, bits or block_size is out of range");
    *b =
        (struct blocks){.n = (size_t)n, .k = (size_t)k, .bits = (size_t)bits, .size = (size_t)size};
    b->count = (b->k + b->size - 1) / b->size;
    const size_t all = b->n * b->count;
    if (op->in[1]->type != HN_EL_U8 || op->in[1]->n != all * (b->size * b->bits / 8) ||
        op->in[2]->n != all || !(hn_element_is_float(op->in[2]->type)))
        return hn_op_fail(op, HN_E_ARG, "weights or scales do not fit %zu rows of %zu blocks", b->n,
                          b->count);
    if (has_input(op, 4)) return hn_op_fail(op, HN_E_UNSUPPORTED, "g_idx is not supported");
    b->weights = op->in[1]->data;
    if (!(b->scales = hn_op_reals(op, 2))) return hn_op_failed(op);
    if (!has_input(op, 3)) return HN_OK;
    const struct hn_array *zero = op->in[3];
    const bool packed = zero->type == HN_EL_U8;
    if (zero->n != (packed ? b->n * ((b->count * b->bits + 7) / 8) : all) ||
        (!packed && !hn_element_is_float(zero->type)))
        return hn_op_fail(op, HN_E_ARG, "zero points do not fit the blocks");
    if (packed) b->packed = zero->data;
    else b->zeros = hn_op_reals(op, 3);
    return packed || b->zeros ? HN_OK : hn_op_failed(op);
}

/* ---- constant weights: panels of bytes that become floats where they are needed ---- */

enum { COLUMNS = 4 * HN_PANEL, /* of a tile */ PART = HN_GEMM_K };

struct packed {
    struct hn_op_state state;
    size_t n, k, bits, size, count;
    uint8_t *q; /* [panels][k][HN_PANEL] of 8 bits, or [panels][k / 2][HN_PANEL] of two times 4 */
    uint8_t *zeros; /* [panels][count][HN_PANEL] */
    float *scales;  /* likewise */
};

static void free_packed(struct hn_op_state *state)
{
    struct packed *p = (struct packed *)(void *)state;
    free(p->q);
    free(p->zeros);
    free(p->scales);
    free(p);
}

/* Row `row` of the file's weights. */
static void pack_row(const struct blocks *b, size_t row, struct packed *p)
{
    const size_t bytes = b->size * b->bits / 8, panel = row / HN_PANEL, lane = row % HN_PANEL;
    const uint8_t *from = b->weights + row * b->count * bytes;
    uint8_t *to = p->q + panel * b->count * bytes * HN_PANEL + lane;
    for (size_t i = 0; i < b->count * bytes; i++)
        to[i * HN_PANEL] = from[i];
    for (size_t block = 0; block < b->count; block++) {
        const size_t at = (panel * b->count + block) * HN_PANEL + lane;
        p->scales[at] = (float)b->scales[row * b->count + block];
        p->zeros[at] = (uint8_t)block_zero(b, row, block);
    }
}

enum hn_status hn_op_prepare_matmul_nbits(struct hn_op *op, struct hn_op_state **out)
{
    struct blocks b = {0};
    const bool zero = hn_op_given(op, 3);
    if (!op->in[1] || !op->in[2] || hn_op_given(op, 4) ||
        (zero && (!op->in[3] || op->in[3]->type != HN_EL_U8)))
        return HN_OK;
    HN_TRY(blocks_of(op, &b));
    if (b.bits == 2) return HN_OK;
    const size_t panels = hn_div_up(b.n, HN_PANEL), all = panels * HN_PANEL * b.count;
    const size_t bytes = all * (b.size * b.bits / 8);
    struct packed *p = calloc(1, sizeof *p);
    if (!p) return hn_fail_nomem(op->err, "weights", sizeof *p);
    *out = &p->state;
    p->state.free = free_packed;
    p->state.bytes = sizeof *p + bytes + all * (1 + sizeof(float));
    p->n = b.n, p->k = b.k, p->bits = b.bits, p->size = b.size, p->count = b.count;
    p->q = calloc(bytes, 1);
    p->zeros = calloc(all, 1);
    p->scales = calloc(all, sizeof *p->scales);
    if (!p->q || !p->zeros || !p->scales) return hn_fail_nomem(op->err, "weights", bytes);
    for (size_t row = 0; row < b.n; row++)
        pack_row(&b, row, p);
    for (size_t i = 1; i < (zero ? 4 : 3); i++)
        hn_op_release(op, i);
    return HN_OK;
}

struct job {
    const struct packed *p;
    const struct hn_kernels *kernels;
    const float *x, *bias;
    float *y;
    size_t rows;
    char *scratch; /* of a thread: the kernel's, a part of the panels as floats and as integers */
    size_t scratch_bytes;
};

/* n rows of a panel as integers. */
static void unpack_rows(const uint8_t *restrict q, size_t bits, size_t n, int32_t *restrict to)
{
    if (bits == 8)
        for (size_t i = 0; i < n * HN_PANEL; i++)
            to[i] = q[i];
    else
        for (size_t i = 0; i < n; i += 2, q += HN_PANEL, to += 2 * HN_PANEL)
            for (size_t l = 0; l < HN_PANEL; l++) {
                to[l] = q[l] & 15;
                to[HN_PANEL + l] = q[l] >> 4;
            }
}

/* Elements [first, first + n) of a panel's rows. */
static void expand(const struct job *j, size_t panel, size_t first, size_t n, int32_t *whole,
                   float *to)
{
    const struct packed *p = j->p;
    const size_t row = p->count * p->size * p->bits / 8;
    unpack_rows(p->q + (panel * row + first * p->bits / 8) * HN_PANEL, p->bits, n, whole);
    for (size_t i = 0; i < n; i += p->size) {
        const size_t at = (panel * p->count + (first + i) / p->size) * HN_PANEL;
        int32_t less[HN_PANEL];
        for (size_t l = 0; l < HN_PANEL; l++)
            less[l] = -(int32_t)p->zeros[at + l];
        const struct hn_byte_finish f = {.sums = whole + i * HN_PANEL,
                                         .lds = HN_PANEL,
                                         .n = HN_PANEL,
                                         .y = to + i * HN_PANEL,
                                         .ldy = HN_PANEL,
                                         .scale = p->scales + at,
                                         .bias = less};
        j->kernels->finish_floats(&f, hn_min(p->size, n - i));
    }
}

static void run_columns(void *arg, size_t tile, unsigned worker)
{
    const struct job *j = arg;
    const struct packed *p = j->p;
    const size_t column = tile * COLUMNS, n = hn_min(COLUMNS, p->n - column);
    char *scratch = j->scratch + worker * j->scratch_bytes;
    float *panels = (float *)(void *)(scratch + HN_GEMM_SCRATCH);
    int32_t *whole = (int32_t *)(void *)(panels + COLUMNS * PART);
    const struct hn_epilogue epilogue = {.bias = j->bias ? j->bias + column : NULL};
    for (size_t at = 0; at < p->k; at += PART) {
        const size_t part = hn_min(PART, p->k - at);
        for (size_t i = 0; i < hn_div_up(n, HN_PANEL); i++)
            expand(j, column / HN_PANEL + i, at, part, whole, panels + i * HN_PANEL * PART);
        for (size_t row = 0; row < j->rows; row += HN_GEMM_ROWS) {
            const struct hn_gemm gemm = {.a = j->x + row * p->k + at,
                                         .lda = p->k,
                                         .b = panels,
                                         .ldb = HN_PANEL * PART,
                                         .k = part,
                                         .n = n,
                                         .y = j->y + row * p->n + column,
                                         .ldy = p->n,
                                         .more = at > 0,
                                         .epilogue = at + part < p->k ? NULL : &epilogue,
                                         .scratch = scratch};
            j->kernels->gemm(&gemm, hn_min(HN_GEMM_ROWS, j->rows - row));
        }
    }
}

static enum hn_status run_packed(struct hn_op *op)
{
    const struct packed *p = (const void *)op->state;
    const struct hn_array *a = op->in[0], *bias = has_input(op, 5) ? op->in[5] : NULL;
    if (!a->n_dims || a->shape[a->n_dims - 1] != p->k || !hn_element_is_float(a->type))
        return hn_op_fail(op, HN_E_ARG, "A is not of floats, %zu in a row", p->k);
    if (bias && bias->n != p->n)
        return hn_op_fail(op, HN_E_ARG, "the bias has %zu elements", bias->n);
    size_t shape[HN_ARRAY_DIMS];
    memcpy(shape, a->shape, sizeof shape);
    shape[a->n_dims - 1] = p->n;
    struct job j = {.p = p, .kernels = op->kernels, .rows = a->n / p->k};
    j.x = hn_op_lane_in(op, 0, HN_LANE_F32);
    j.bias = bias ? hn_op_lane_in(op, 5, HN_LANE_F32) : NULL;
    j.y = hn_op_lane_out(op, 0, a->type, shape, a->n_dims, HN_LANE_F32);
    j.scratch_bytes = HN_GEMM_SCRATCH + (COLUMNS + HN_PANEL) * PART * sizeof(float);
    j.scratch = hn_op_scratch(op, hn_op_workers(op), j.scratch_bytes);
    if (!j.x || !j.y || !j.scratch || (bias && !j.bias)) return hn_op_failed(op);
    if (j.rows) hn_op_parallel(op, hn_div_up(p->n, COLUMNS), run_columns, &j);
    hn_op_lane_done(op, 0, HN_LANE_F32, j.y);
    return HN_OK;
}

/* ---- any weights ---- */

enum hn_status hn_op_matmul_nbits(struct hn_op *op)
{
    if (op->state) return run_packed(op);
    struct blocks b = {0};
    const struct hn_array *a = op->in[0];
    HN_TRY(blocks_of(op, &b));
    if (!a->n_dims || a->shape[a->n_dims - 1] != b.k || !hn_element_is_float(a->type))
        return hn_op_fail(op, HN_E_ARG, "A is not of floats, %zu in a row", b.k);
    const struct hn_array *bias = has_input(op, 5) ? op->in[5] : NULL;
    if (bias && bias->n != b.n)
        return hn_op_fail(op, HN_E_ARG, "the bias has %zu elements", bias->n);
    size_t shape[HN_ARRAY_DIMS], size;
    memcpy(shape, a->shape, sizeof shape);
    shape[a->n_dims - 1] = b.n;
    const float *x = hn_op_lane_in(op, 0, HN_LANE_F32),
                *add = bias ? hn_op_lane_in(op, 5, HN_LANE_F32) : NULL;
    float *to = hn_op_lane_out(op, 0, a->type, shape, a->n_dims, HN_LANE_F32);
    /* Some columns at a time, so that weights stay small in memory. */
    const size_t columns = hn_min(b.n, 256 > b.n / 16 ? 256 : b.n / 16);
    if (!hn_packed_size(b.k, columns, &size))
        return hn_op_fail(op, HN_E_LIMIT, "the matrix is too large");
    float *straight = hn_op_scratch(op, b.k, columns * sizeof *straight);
    struct hn_packed packed = {.panels = hn_op_scratch(op, size, sizeof(float)), .k = b.k};
    if (!x || !to || !straight || !packed.panels || (bias && !add)) return hn_op_failed(op);
    for (size_t first = 0; a->n && first < b.n; first += columns) {
        HN_TRY(hn_op_check(op));
        packed.n = hn_min(columns, b.n - first);
        unpack(&b, first, packed.n, straight);
        hn_pack_matrix(&packed, straight, packed.n, 1, 1);
        const struct hn_product product = {.a = x,
                                           .lda = b.k,
                                           .rows = a->n / b.k,
                                           .b = &packed,
                                           .y = to + first,
                                           .ldy = b.n,
                                           .epilogue = {.bias = add ? add + first : NULL}};
        HN_TRY(hn_product_run(op, &product));
    }
    hn_op_lane_done(op, 0, HN_LANE_F32, to);
    return HN_OK;
}
