/* Convolutions row by row of the image: a window's rows lie side by side where channels are last, so that a
 * product of matrices reads them where they are. */
#include <string.h>

#include "base/bits.h"
#include "model/graph/fast_conv.h"
#include "model/graph/op_lane.h"

enum {
    STRIP_BYTES = 256 << 10, /* of input at a time, and of weights: both fit a second cache */
    COPY_BYTES = 4 << 20,    /* for one row of output, at most, where there is another way */
    COLUMNS_MIN = 64,
    TASKS_PER_THREAD = 2,
};

/* --- geometry --- */

static size_t span(const struct hn_window *w, size_t d, size_t out)
{
    return (out - 1) * (size_t)w->stride[d] + (w->kernel[d] - 1) * (size_t)w->dilation[d] + 1;
}

bool hn_rows_pad(const struct hn_window *w)
{
    for (size_t d = 0; d < 2; d++)
        if (w->begin[d] != 0 || span(w, d, w->out[d]) > w->in[d]) return true;
    return false;
}

bool hn_rows_plain(const struct hn_window *w)
{
    return w->n_kernel == 1 && w->stride[0] == 1 && w->stride[1] == 1 && w->n_in == w->n_out &&
           !hn_rows_pad(w);
}

size_t hn_rows_seen(const struct hn_window *w, size_t rows)
{
    return span(w, 0, rows);
}

size_t hn_rows_points(const struct hn_window *w)
{
    return span(w, 1, w->out[1]);
}

/* Bytes of what a row of output sees. */
static double row_bytes(const struct hn_convolution *c)
{
    return (double)span(c->window, 0, 1) * (double)span(c->window, 1, c->window->out[1]) *
           (double)c->in * sizeof(float);
}

bool hn_rows_suit(const struct hn_convolution *c)
{
    return !hn_rows_pad(c->window) || row_bytes(c) <= COPY_BYTES;
}

/* Pieces of a window that lie side by side each. */
static size_t pieces_of(const struct hn_window *w)
{
    return w->dilation[1] == 1 ? w->kernel[0] : w->n_kernel;
}

/* --- one strip --- */

void hn_rows_copy(const struct hn_convolution *c, const float *image, int64_t first, size_t rows,
                  float *to)
{
    const struct hn_window *w = c->window;
    const size_t points = hn_rows_points(w), n = points * c->in;
    const size_t before = hn_min((size_t)w->begin[1], points);
    const size_t there = hn_min(w->in[1], points - before), after = points - before - there;
    for (size_t i = 0; i < rows; i++, to += n) {
        const int64_t row = first + (int64_t)i;
        if (row < 0 || row >= (int64_t)w->in[0]) {
            memset(to, 0, n * sizeof *to);
            continue;
        }
        memset(to, 0, before * c->in * sizeof *to);
        memcpy(to + before * c->in, image + (size_t)row * w->in[1] * c->in,
               there * c->in * sizeof *to);
        memset(to + (before + there) * c->in, 0, after * c->in * sizeof *to);
    }
}

static void run_depthwise(const struct hn_kernels *kernels, const struct hn_convolution *c,
                          struct hn_strip x, size_t rows, float *y, size_t pitch,
                          const struct hn_epilogue *epilogue)
{
    const struct hn_window *w = c->window;
    const struct hn_depthwise d = {
        .x = x.at,
        .x_row = x.pitch,
        .kernel = {w->kernel[0], w->kernel[1]},
        .stride = {(size_t)w->stride[0], (size_t)w->stride[1]},
        .dilation = {(size_t)w->dilation[0], (size_t)w->dilation[1]},
        .w = c->taps,
        .channels = c->out,
        .y = y,
        .y_row = pitch,
        .points = w->out[1],
        .epilogue = epilogue,
        .add_row = w->out[1] * epilogue->ld_add,
    };
    kernels->depthwise(&d, rows);
}

/* m points that lie `lda` apart, to y. */
static void run_points(const struct hn_kernels *kernels, const struct hn_convolution *c,
                       struct hn_strip x, size_t m, size_t column, size_t n, float *y,
                       const struct hn_epilogue *epilogue, const float **pieces)
{
    const struct hn_window *w = c->window;
    const size_t n_pieces = pieces_of(w), in_row = n_pieces / w->kernel[0];
    for (size_t s = 0; s < n_pieces; s++)
        pieces[s] = x.at + s / in_row * (size_t)w->dilation[0] * x.pitch +
                    s % in_row * (size_t)w->dilation[1] * c->in;
    struct hn_epilogue shifted = *epilogue;
    if (shifted.bias) shifted.bias += column;
    if (shifted.add) shifted.add += column;
    const struct hn_direct d = {.a = pieces,
                                .lda = (size_t)w->stride[1] * c->in,
                                .pieces = n_pieces,
                                .piece = w->n_kernel / n_pieces * c->in,
                                .b = c->w->panels + column * c->w->k,
                                .n = n,
                                .y = y + column,
                                .ldy = c->out,
                                .epilogue = &shifted};
    kernels->direct(&d, m);
}

size_t hn_rows_scratch(const struct hn_convolution *c)
{
    return c->taps ? 0 : pieces_of(c->window) * sizeof(float *);
}

void hn_rows_run(const struct hn_kernels *kernels, const struct hn_convolution *c,
                 struct hn_strip x, size_t rows, size_t column, size_t n, float *y, size_t pitch,
                 const struct hn_epilogue *epilogue, void *scratch)
{
    const struct hn_window *w = c->window;
    if (c->taps) {
        run_depthwise(kernels, c, x, rows, y, pitch, epilogue);
        return;
    }
    /* Rows that follow each other without a gap are one. */
    size_t points = w->out[1];
    if (w->n_kernel == 1 && w->stride[0] == 1 && x.pitch == points * (size_t)w->stride[1] * c->in &&
        pitch == points * c->out) {
        points *= rows;
        rows = 1;
    }
    const size_t room = STRIP_BYTES / sizeof(float) / c->w->k;
    const size_t block = hn_max(2 * HN_PANEL, room / (2 * HN_PANEL) * (2 * HN_PANEL));
    for (size_t at = 0; at < n; at += block)
        for (size_t row = 0; row < rows; row++) {
            struct hn_epilogue e = *epilogue;
            if (e.add) e.add += row * points * e.ld_add;
            const struct hn_strip seen = {x.at + row * (size_t)w->stride[0] * x.pitch, x.pitch};
            run_points(kernels, c, seen, points, column + at, hn_min(block, n - at),
                       y + row * pitch, &e, scratch);
        }
}

/* --- all of them --- */

struct job {
    const struct hn_convolution *c;
    const struct hn_kernels *kernels;
    size_t rows, strips, columns, groups; /* of a task, at most; in an image */
    bool pads;
    char *scratch; /* of a thread: the padded strip, then hn_rows_run's */
    size_t strip_bytes, scratch_bytes;
};

static void run_task(void *arg, size_t task, unsigned worker)
{
    const struct job *j = arg;
    const struct hn_convolution *c = j->c;
    const struct hn_window *w = c->window;
    const size_t strip = task % j->strips, column = task / j->strips % j->groups * j->columns;
    const size_t image = task / j->strips / j->groups;
    const size_t first = strip * w->out[0] / j->strips;
    const size_t rows = (strip + 1) * w->out[0] / j->strips - first;
    const float *from = c->x + image * w->n_in * c->in;
    char *scratch = j->scratch + worker * j->scratch_bytes;
    struct hn_strip x = {.pitch = w->in[1] * c->in};
    if (j->pads) {
        float *padded = (float *)(void *)scratch;
        hn_rows_copy(c, from, hn_window_at(w, 0, first, 0), hn_rows_seen(w, rows), padded);
        x = (struct hn_strip){padded, hn_rows_points(w) * c->in};
    } else {
        x.at = from + first * (size_t)w->stride[0] * x.pitch;
    }
    const size_t point = image * w->n_out + first * w->out[1];
    struct hn_epilogue epilogue = c->epilogue;
    if (epilogue.add) epilogue.add += point * epilogue.ld_add;
    hn_rows_run(j->kernels, c, x, rows, column, hn_min(j->columns, c->out - column),
                c->y + point * c->out, w->out[1] * c->out, &epilogue, scratch + j->strip_bytes);
}

/* Strips whose input fits a cache, and enough tasks for all threads: rows are cut where there is more of
 * them than of weights, which every strip reads. */
static void choose_tasks(struct job *j, size_t threads)
{
    const struct hn_convolution *c = j->c;
    const struct hn_window *w = c->window;
    const size_t row = hn_rows_points(w) * c->in * (size_t)w->stride[0] * sizeof(float);
    const bool alone =
        c->batch * w->n_out * w->n_kernel * (c->taps ? 1 : c->in) * c->out < HN_FAST_ALONE;
    j->rows = hn_max(1, hn_min(STRIP_BYTES / hn_max(row, 1), w->out[0]));
    j->columns = c->out;
    for (;;) {
        j->strips = hn_div_up(w->out[0], j->rows);
        j->groups = hn_div_up(c->out, j->columns);
        if (threads < 2 || alone) return;
        if (c->batch * j->strips * j->groups >= threads * TASKS_PER_THREAD) break;
        const bool heavy = !c->taps && c->w->k * j->columns > row / sizeof(float) * j->rows;
        if (heavy && j->columns > COLUMNS_MIN)
            j->columns = hn_max(COLUMNS_MIN, hn_round_up(j->columns / 2, 2 * HN_PANEL));
        else if (j->rows > 1) j->rows = hn_div_up(j->rows, 2);
        else break;
    }
    /* As many for each thread. */
    if (c->batch * j->groups % threads)
        j->strips = hn_min(hn_round_up(j->strips, threads), w->out[0]);
    j->rows = hn_div_up(w->out[0], j->strips);
}

enum hn_status hn_rows_run_all(struct hn_op *op, const struct hn_convolution *c)
{
    const size_t threads = hn_op_workers(op);
    const struct hn_window *w = c->window;
    struct job j = {.c = c, .kernels = op->kernels, .pads = hn_rows_pad(w)};
    if (row_bytes(c) > 0x1p40) return hn_op_fail(op, HN_E_LIMIT, "the windows are too large");
    choose_tasks(&j, threads);
    if (j.pads)
        j.strip_bytes =
            hn_round_up(hn_rows_seen(w, j.rows) * hn_rows_points(w) * c->in * sizeof(float), 64);
    j.scratch_bytes = hn_round_up(j.strip_bytes + hn_rows_scratch(c), 64);
    j.scratch = hn_op_scratch(op, threads, j.scratch_bytes);
    if (!j.scratch) return hn_op_failed(op);
    hn_op_parallel(op, c->batch * j.strips * j.groups, run_task, &j);
    return HN_OK;
}
