/* Images are turned to channels last, one after the other; what a window sees is then a few runs of bytes. */
#include "model/graph/fast_byte_conv.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "model/graph/fast_conv.h"
#include "model/graph/op_lane.h"
#include "model/graph/op_window.h"

enum { MOST_TAPS = 64 }; /* of a channel by itself: sums of floats stay exact */

struct packed {
    struct hn_op_state state;
    size_t in, out, kernel[2];
    struct hn_byte_matrix w; /* rows: kernel rows, kernel columns, channels */
    float *taps;             /* or [kernel rows * columns][channels], less zero points */
};

static void free_packed(struct hn_op_state *state)
{
    struct packed *p = (struct packed *)(void *)state;
    hn_byte_matrix_free(&p->w);
    free(p->taps);
    free(p);
}

size_t hn_byte_conv_out(const struct hn_op *op)
{
    return ((const struct packed *)op->state)->out;
}

/* --- loading --- */

static enum hn_status pack_taps(struct hn_op *op, const struct hn_array *w,
                                const struct hn_array *zero, struct packed *p)
{
    const size_t taps = p->kernel[0] * p->kernel[1];
    p->taps = malloc(w->n * sizeof *p->taps);
    if (!p->taps) return hn_fail_nomem(op->err, "weights", w->n * sizeof *p->taps);
    for (size_t i = 0; i < w->n; i++) {
        const size_t c = i / taps;
        const int32_t less = zero ? hn_byte_at(zero, zero->n == 1 ? 0 : c) : 0;
        p->taps[i % taps * p->out + c] = (float)(hn_byte_at(w, i) - less);
    }
    p->state.bytes += w->n * sizeof *p->taps;
    return HN_OK;
}

/* Weights as rows of kernel places and channels: [out][taps][in]. */
static enum hn_status pack_dense(struct hn_op *op, const struct hn_array *w,
                                 const struct hn_byte_source *form, struct packed *p)
{
    const size_t taps = p->kernel[0] * p->kernel[1];
    uint8_t *turned = hn_op_scratch(op, w->n, 1);
    if (!turned) return hn_op_failed(op);
    const uint8_t *at = w->data;
    for (size_t o = 0; o < p->out; o++)
        for (size_t c = 0; c < p->in; c++)
            for (size_t t = 0; t < taps; t++)
                turned[(o * taps + t) * p->in + c] = *at++;
    struct hn_byte_source from = *form;
    from.data = turned;
    HN_TRY(hn_byte_matrix_make(op, &from, &p->w));
    p->state.bytes += p->w.bytes;
    return HN_OK;
}

enum hn_status hn_byte_conv_prepare(struct hn_op *op, size_t w, size_t w_zero,
                                    struct hn_op_state **out)
{
    const struct hn_array *weights = op->in[w], *zero = NULL;
    const int64_t groups = hn_op_int(op, "group", 1);
    if (hn_op_given(op, w_zero) && !(zero = op->in[w_zero])) return HN_OK;
    if (!weights || weights->n_dims != 4 || !weights->n) return HN_OK;
    const size_t *shape = weights->shape, taps = shape[2] * shape[3], k = shape[1] * taps;
    const bool alone = groups > 1;
    const struct hn_byte_source from = {
        .type = weights->type, .k = k, .n = shape[0], .step_k = 1, .step_n = k, .zero = zero};
    if (!hn_byte_source_fits(&from) || groups < 1) return HN_OK;
    if (alone && ((size_t)groups != shape[0] || shape[1] != 1 || taps > MOST_TAPS)) return HN_OK;
    struct packed *p = calloc(1, sizeof *p);
    if (!p) return hn_fail_nomem(op->err, "weights", sizeof *p);
    p->state = (struct hn_op_state){.free = free_packed, .bytes = sizeof *p};
    *out = &p->state;
    p->out = shape[0];
    p->in = shape[1] * (size_t)groups;
    p->kernel[0] = shape[2];
    p->kernel[1] = shape[3];
    HN_TRY(alone ? pack_taps(op, weights, zero, p) : pack_dense(op, weights, &from, p));
    hn_op_release(op, w);
    return HN_OK;
}

/* --- layouts --- */

/* Eight rows of eight bytes, each row in a word, turned. */
static void turn_block(uint64_t x[8])
{
    static const uint64_t masks[] = {0x00ff00ff00ff00ffu, 0x0000ffff0000ffffu, 0x00000000ffffffffu};
    for (unsigned step = 0; step < 3; step++) {
        const unsigned apart = 1u << step, shift = 8 * apart;
        for (unsigned i = 0; i < 8; i++) {
            if (i & apart) continue;
            const uint64_t a = x[i], b = x[i + apart], mask = masks[step];
            x[i] = (a & mask) | (b & mask) << shift;
            x[i + apart] = (a >> shift & mask) | (b & ~mask);
        }
    }
}

/* to [columns][rows] = from [rows][columns], with some bits flipped. */
static void turn_bytes(uint8_t *to, const uint8_t *from, size_t rows, size_t columns, uint8_t flip)
{
    const uint64_t flips = flip * 0x0101010101010101u;
    const size_t r8 = rows / 8 * 8, c8 = columns / 8 * 8;
    for (size_t j = 0; j < c8; j += 8)
        for (size_t i = 0; i < r8; i += 8) {
            uint64_t x[8];
            for (size_t l = 0; l < 8; l++)
                memcpy(&x[l], from + (i + l) * columns + j, 8);
            turn_block(x);
            for (size_t l = 0; l < 8; l++) {
                const uint64_t out = x[l] ^ flips;
                memcpy(to + (j + l) * rows + i, &out, 8);
            }
        }
    for (size_t i = 0; i < rows; i++)
        for (size_t j = i < r8 ? c8 : 0; j < columns; j++)
            to[j * rows + i] = from[i * columns + j] ^ flip;
}

/* --- running --- */

struct image {
    const struct packed *p;
    const struct hn_window *w;
    const struct hn_kernels *kernels;
    uint8_t *x;      /* [points in][channels], unsigned */
    uint8_t padding; /* what stands for 0 */
    float *floats;   /* x less its zero point, and then a row of zeros: of channels alone */
    int32_t *sums;   /* [points out][channels out] */
};

static void gather_point(const struct image *im, uint8_t *to, size_t point)
{
    const struct hn_window *w = im->w;
    const size_t c = im->p->in, oy = point / w->out[1], ox = point % w->out[1];
    for (size_t ky = 0; ky < w->kernel[0]; ky++) {
        const int64_t y = hn_window_at(w, 0, oy, ky);
        const bool inside = y >= 0 && y < (int64_t)w->in[0];
        for (size_t kx = 0; kx < w->kernel[1]; kx++, to += c) {
            const int64_t x = hn_window_at(w, 1, ox, kx);
            if (inside && x >= 0 && x < (int64_t)w->in[1])
                memcpy(to, im->x + ((size_t)y * w->in[1] + (size_t)x) * c, c);
            else memset(to, im->padding, c);
        }
    }
}

static void gather(const void *arg, uint8_t *to, size_t pitch, size_t row, size_t m)
{
    const struct image *im = arg;
    const size_t k = im->p->w.k;
    for (size_t i = 0; i < m; i++) {
        gather_point(im, to + i * pitch, row + i);
        memset(to + i * pitch + k, 0, pitch - k);
    }
}

/* A row of output points, every channel by itself. */
static void channels_row(void *arg, size_t oy, unsigned worker)
{
    (void)worker;
    const struct image *im = arg;
    const struct hn_window *w = im->w;
    const size_t c = im->p->out;
    const float *seen[MOST_TAPS];
    float row[256];
    for (size_t ox = 0; ox < w->out[1]; ox++) {
        for (size_t t = 0; t < w->n_kernel; t++) {
            const int64_t y = hn_window_at(w, 0, oy, t / w->kernel[1]),
                          x = hn_window_at(w, 1, ox, t % w->kernel[1]);
            const bool inside = y >= 0 && y < (int64_t)w->in[0] && x >= 0 && x < (int64_t)w->in[1];
            seen[t] = im->floats + (inside ? (size_t)y * w->in[1] + (size_t)x : w->n_in) * c;
        }
        int32_t *to = im->sums + (oy * w->out[1] + ox) * c;
        for (size_t first = 0; first < c; first += HN_COUNT(row)) {
            const size_t n = hn_min(HN_COUNT(row), c - first);
            memset(row, 0, n * sizeof *row);
            for (size_t t = 0; t < w->n_kernel; t++) {
                const float *x = seen[t] + first, *by = im->p->taps + t * c + first;
                for (size_t j = 0; j < n; j++)
                    row[j] += x[j] * by[j];
            }
            for (size_t j = 0; j < n; j++)
                to[first + j] = (int32_t)row[j];
        }
    }
}

/* The sums of channels by themselves become bytes in place of floats, or stay. */
static void finish_channels(const struct image *im, const struct hn_byte_conv *conv,
                            const int32_t *bias, uint8_t *bytes)
{
    const size_t n = im->p->out;
    struct hn_byte_finish f = {.scale = conv->scale, .bias = bias, .zero = conv->zero};
    hn_byte_range(conv->type, &f.low, &f.high);
    for (size_t i = 0; bytes && i < im->w->n_out; i++)
        im->kernels->finish_bytes(bytes + i * n, im->sums + i * n, 0, n, &f);
}

/* One image, [channels][points], to y of the same form. */
static enum hn_status run_image(struct hn_op *op, struct image *im, const struct hn_byte_conv *conv,
                                const int32_t *bias, const uint8_t *from, uint8_t *bytes, void *y)
{
    const struct packed *p = im->p;
    const struct hn_window *w = im->w;
    const bool sums = conv->result == HN_BYTE_SUMS;
    const uint8_t flip = op->in[0]->type == HN_EL_I8 ? 0x80 : 0;
    turn_bytes(im->x, from, p->in, w->n_in, flip);
    if (p->taps) {
        const struct hn_byte_scale less = {.scale = 1, .zero = im->padding, .high = 255};
        op->kernels->dequantize(im->floats, im->x, w->n_in * p->in, &less);
        memset(im->floats + w->n_in * p->in, 0, p->in * sizeof(float));
        hn_op_parallel(op, w->out[0], channels_row, im);
        finish_channels(im, conv, bias, sums ? NULL : bytes);
    } else {
        struct hn_byte_product product = {.b = &p->w,
                                          .a = hn_rows_plain(w) ? im->x : NULL,
                                          .gather = gather,
                                          .arg = im,
                                          .rows = w->n_out,
                                          .a_zero = im->padding,
                                          .bias = bias,
                                          .result = conv->result,
                                          .scale = conv->scale,
                                          .zero = conv->zero,
                                          .y = sums ? (void *)im->sums : bytes};
        hn_byte_range(conv->type, &product.low, &product.high);
        HN_TRY(hn_byte_product_run(op, &product));
    }
    if (sums) hn_lane_transpose(HN_LANE_I32, w->n_out, p->out, im->sums, p->out, y);
    else turn_bytes(y, bytes, w->n_out, p->out, 0);
    return HN_OK;
}

enum hn_status hn_byte_conv_run(struct hn_op *op, const struct hn_byte_conv *conv)
{
    const struct packed *p = op->state;
    const struct hn_array *x = op->in[0];
    if (!hn_element_is_byte(x->type)) return hn_op_fail_type(op, 0);
    if (x->n_dims != 4 || x->shape[1] != p->in)
        return hn_op_fail(op, HN_E_ARG, "X is not images of %zu channels", p->in);
    struct hn_window w;
    HN_TRY(hn_window_of(op, 0, p->kernel, &w));
    const size_t shape[] = {x->shape[0], p->out, w.out[0], w.out[1]};
    const size_t each = conv->result == HN_BYTE_SUMS ? sizeof(int32_t) : 1;
    char *y = hn_op_out(op, 0, conv->type, shape, 4);
    if (!y) return hn_op_failed(op);
    if (!op->out[0].n) return HN_OK;
    struct image im = {.p = p, .w = &w, .kernels = op->kernels};
    im.padding = (uint8_t)(conv->x_zero + (x->type == HN_EL_I8 ? 128 : 0));
    int32_t *bias = hn_op_scratch(op, p->out, sizeof *bias);
    uint8_t *bytes = hn_op_scratch(op, w.n_out, p->out);
    im.x = hn_op_scratch(op, w.n_in, p->in);
    if (p->taps) im.floats = hn_op_scratch(op, w.n_in + 1, p->in * sizeof(float));
    if (p->taps || each > 1) im.sums = hn_op_scratch(op, w.n_out, p->out * sizeof(int32_t));
    if (!bias || !bytes || !im.x || (p->taps && !im.floats) || ((p->taps || each > 1) && !im.sums))
        return hn_op_failed(op);
    for (size_t j = 0; j < p->out; j++)
        bias[j] = conv->bias ? conv->bias[j] : 0;
    for (size_t b = 0; b < x->shape[0]; b++)
        HN_TRY(run_image(op, &im, conv, bias, (const uint8_t *)x->data + b * p->in * w.n_in, bytes,
                         y + b * p->out * w.n_out * each));
    return HN_OK;
}
