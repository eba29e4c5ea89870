/* Convolutions one after the other, a few rows of the image at a time, so that what lies between them stays
 * in a cache: a dense one or none, one by channels, and one of single points. */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "model/graph/fast_conv.h"
#include "model/graph/graph_impl.h"
#include "model/graph/op_lane.h"

enum {
    BETWEEN = 96 << 10, /* floats between convolutions at a time: most of a second cache */
    POINTS_MIN = 128,   /* of an image, that weights are worth reading for */
};

struct chain {
    struct hn_op_state state;
    struct hn_packed_conv *parts[3]; /* the first may be NULL */
};

static void free_chain(struct hn_op_state *state)
{
    struct chain *chain = (struct chain *)(void *)state;
    for (size_t i = 0; i < 3; i++)
        if (chain->parts[i]) chain->parts[i]->state.free(&chain->parts[i]->state);
    free(chain);
}

/* What part i sees as its operator; `in` is room for five. */
static struct hn_op part_of(const struct hn_op *op, size_t i, const struct hn_array **in)
{
    struct hn_op view = *op;
    const size_t n = op->node->n_before;
    if (i == 2) return view;
    const size_t at = i - (2 - n);
    view.node = &op->node->before[at];
    in[0] = NULL;
    memcpy(in + 1, op->in + 5 + 4 * at, 4 * sizeof *in);
    view.in = in;
    return view;
}

static enum hn_status prepare_chain(struct hn_op *op, struct hn_op_state **out)
{
    struct chain *chain = calloc(1, sizeof *chain);
    if (!chain) return hn_fail_nomem(op->err, "weights", sizeof *chain);
    chain->state = (struct hn_op_state){.free = free_chain, .bytes = sizeof *chain};
    *out = &chain->state;
    for (size_t i = 2 - op->node->n_before; i < 3; i++) {
        const struct hn_array *in[5];
        struct hn_op view = part_of(op, i, in);
        struct hn_op_state *state = NULL;
        const enum hn_status status = hn_fast_conv_prepare(&view, &state);
        chain->parts[i] = (struct hn_packed_conv *)(void *)state;
        if (status < 0) return status;
        chain->state.bytes += state->bytes;
    }
    return HN_OK;
}

/* --- a few rows at a time --- */

struct job {
    const struct hn_kernels *kernels;
    const struct hn_convolution *a, *b, *c; /* a: NULL for none */
    size_t segments, segment, rows;         /* of an image; rows of one, and at a time */
    size_t pitch;                           /* floats of a row that b sees */
    char *scratch;                          /* of a thread: rows for b, for c, for a, pointers */
    size_t scratch_bytes, b_floats, c_floats, a_floats;
};

/* What b sees of one image: rows from `first` on, those before `end` already made. */
struct band {
    float *rows;
    int64_t first, end;
};

/* Rows [from, to) of what b sees, all inside of the image, made by a. */
static void make_rows(const struct job *j, const float *image, size_t from, size_t to, float *y,
                      float *room, void *scratch)
{
    const struct hn_convolution *a = j->a;
    const struct hn_window *w = a->window;
    const size_t rows = to - from, in_row = w->in[1] * a->in;
    struct hn_strip x = {image, in_row};
    if (hn_rows_pad(w)) {
        hn_rows_copy(a, image, hn_window_at(w, 0, from, 0), hn_rows_seen(w, rows), room);
        x = (struct hn_strip){room, hn_rows_points(w) * a->in};
    } else {
        x.at += from * (size_t)w->stride[0] * in_row;
    }
    hn_rows_run(j->kernels, a, x, rows, 0, a->out, y, j->pitch, &a->epilogue, scratch);
}

/* Moves on to rows [first, end). */
static void advance(const struct job *j, const float *image, struct band *band, int64_t first,
                    int64_t end, float *room, void *scratch)
{
    const struct hn_window *w = j->b->window;
    const int64_t kept = band->end > first ? band->end - first : 0;
    if (kept)
        memmove(band->rows, band->rows + (size_t)(first - band->first) * j->pitch,
                (size_t)kept * j->pitch * sizeof *band->rows);
    float *to = band->rows + (size_t)kept * j->pitch;
    for (int64_t at = first + kept; at < end;) {
        size_t n = 1;
        if (!j->a) {
            hn_rows_copy(j->b, image, at, n = (size_t)(end - at), to);
        } else if (at < 0 || at >= (int64_t)w->in[0]) {
            memset(to, 0, j->pitch * sizeof *to);
        } else {
            const size_t last = hn_min((size_t)end, w->in[0]);
            n = last - (size_t)at;
            make_rows(j, image, (size_t)at, last, to + (size_t)w->begin[1] * j->b->in, room,
                      scratch);
        }
        at += (int64_t)n;
        to += n * j->pitch;
    }
    band->first = first;
    band->end = end;
}

static void run_segment(void *arg, size_t task, unsigned worker)
{
    const struct job *j = arg;
    const struct hn_window *w = j->b->window;
    const struct hn_convolution *first = j->a ? j->a : j->b;
    const size_t image = task / j->segments, wide = w->out[1];
    const size_t from = task % j->segments * j->segment, to = hn_min(from + j->segment, w->out[0]);
    const float *x = first->x + image * first->window->n_in * first->in;
    char *scratch = j->scratch + worker * j->scratch_bytes;
    struct band band = {.rows = (float *)(void *)scratch, .end = INT64_MIN};
    float *between = band.rows + j->b_floats, *room = between + j->c_floats;
    void *pointers = room + j->a_floats;
    memset(band.rows, 0, j->b_floats * sizeof(float)); /* zeros beside the image stay */
    for (size_t row = from; row < to; row += j->rows) {
        const size_t rows = hn_min(j->rows, to - row);
        const int64_t seen = hn_window_at(w, 0, row, 0);
        advance(j, x, &band, seen, seen + (int64_t)hn_rows_seen(w, rows), room, pointers);
        hn_rows_run(j->kernels, j->b, (struct hn_strip){band.rows, j->pitch}, rows, 0, j->b->out,
                    between, wide * j->b->out, &j->b->epilogue, pointers);
        struct hn_epilogue epilogue = j->c->epilogue;
        const size_t point = (image * w->out[0] + row) * wide;
        if (epilogue.add) epilogue.add += point * epilogue.ld_add;
        hn_rows_run(j->kernels, j->c, (struct hn_strip){between, wide * j->c->in}, rows, 0,
                    j->c->out, j->c->y + point * j->c->out, wide * j->c->out, &epilogue, pointers);
    }
}

/* Depends on one image alone, since the last may have another form, with other bits: by tiles, which are worth
 * more than what they read from further away where nothing but a convolution by channels comes before. */
static bool together(const struct hn_kernels *kernels, const struct hn_convolution *a,
                     const struct hn_convolution *b, const struct hn_convolution *c)
{
    const bool by_tiles =
        kernels->gemm_many != kernels->gemm && hn_fast_many(c->window->n_out, c->out, c->w->k);
    return hn_rows_plain(c->window) && b->window->n_out >= POINTS_MIN && hn_rows_suit(b) &&
           (a ? !hn_winograd_suits(a) && hn_rows_suit(a) : !by_tiles);
}

static enum hn_status run_together(struct hn_op *op, const struct hn_convolution *a,
                                   const struct hn_convolution *b, const struct hn_convolution *c)
{
    const size_t threads = hn_op_workers(op);
    const struct hn_window *w = b->window;
    struct job j = {.kernels = op->kernels, .a = a, .b = b, .c = c};
    j.segments = b->batch >= 4 * threads ? 1 : hn_min(threads, w->out[0]);
    j.segment = hn_div_up(w->out[0], j.segments);
    j.segments = hn_div_up(w->out[0], j.segment);
    j.pitch =
        b->in * (a ? hn_max(hn_rows_points(w), (size_t)w->begin[1] + w->in[1]) : hn_rows_points(w));
    const size_t row = j.pitch * (size_t)w->stride[0] + w->out[1] * b->out;
    j.rows = hn_max(1, hn_min(BETWEEN / row, j.segment));
    j.b_floats = hn_round_up(hn_rows_seen(w, j.rows) * j.pitch, 16);
    j.c_floats = hn_round_up(j.rows * w->out[1] * b->out, 16);
    size_t pointers = hn_max(hn_rows_scratch(b), hn_rows_scratch(c));
    if (a) {
        const struct hn_window *aw = a->window;
        if (hn_rows_pad(aw))
            j.a_floats = hn_round_up(
                hn_rows_seen(aw, hn_rows_seen(w, j.rows)) * hn_rows_points(aw) * a->in, 16);
        pointers = hn_max(pointers, hn_rows_scratch(a));
    }
    j.scratch_bytes =
        hn_round_up((j.b_floats + j.c_floats + j.a_floats) * sizeof(float) + pointers, 64);
    j.scratch = hn_op_scratch(op, threads, j.scratch_bytes);
    if (!j.scratch) return hn_op_failed(op);
    hn_op_parallel(op, b->batch * j.segments, run_segment, &j);
    return HN_OK;
}

/* --- running --- */

/* One after the other, whole. */
static enum hn_status run_apart(struct hn_op *op, struct hn_convolution *parts, size_t first)
{
    for (size_t i = first; i < 3; i++) {
        struct hn_array y;
        if (i > first) parts[i].x = parts[i - 1].y;
        if (i < 2) {
            HN_TRY(hn_fast_conv_shape(op, &parts[i], &y));
            parts[i].y = hn_op_scratch(op, y.n, sizeof(float));
            if (!parts[i].y) return hn_op_failed(op);
        }
        HN_TRY(hn_convolve(op, &parts[i]));
    }
    return HN_OK;
}

static enum hn_status run_chain(struct hn_op *op)
{
    const struct chain *chain = (const void *)op->state;
    const size_t first = 2 - op->node->n_before;
    struct hn_convolution parts[3];
    struct hn_window windows[3];
    struct hn_array x = *op->in[0], y = {0};
    bool apart, empty = false;
    for (size_t i = first; i < 3; i++) {
        const struct hn_array *in[5];
        struct hn_op view = part_of(op, i, in);
        HN_TRY(hn_fast_conv_of(&view, chain->parts[i], &x, &windows[i], &parts[i]));
        if (i == 2) break;
        HN_TRY(hn_fast_conv_shape(&view, &parts[i], &x));
        empty = empty || x.n == 0;
    }
    HN_TRY(hn_fast_conv_begin(op, &parts[2], &y, &apart));
    if (y.n && !empty) {
        const struct hn_convolution *a = first == 0 ? &parts[0] : NULL;
        if (together(op->kernels, a, &parts[1], &parts[2]))
            HN_TRY(run_together(op, a, &parts[1], &parts[2]));
        else HN_TRY(run_apart(op, parts, first));
    }
    return hn_fast_conv_end(op, chain->parts[2], &y, apart);
}

const struct hn_op_row hn_fast_conv_chain = {.domain = "hence",
                                             .name = "ConvChain",
                                             .fn = run_chain,
                                             .prepare = prepare_chain,
                                             .flags = HN_OP_LOOSE_ALL};
