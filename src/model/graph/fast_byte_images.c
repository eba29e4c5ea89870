/* Convolutions of bytes, channels last, a few rows of the image at a time: with what stands for 0 around them,
 * they are read where they lie as the left side of a product. */
#include <string.h>

#include "base/bits.h"
#include "model/graph/fast_byte_conv.h"
#include "model/graph/op_lane.h"

enum {
    STRIP_BYTES = 256 << 10,  /* of input at a time */
    WEIGHT_BYTES = 768 << 10, /* at a time: those of a few columns serve all images first */
    COLUMNS_MIN = 64,
    TASKS_PER_THREAD = 2,
    SLACK = 64, /* that kernels read or that copies write beyond the end */
};

struct job {
    const struct hn_packed_byte_conv *conv;
    const struct hn_window *w;
    const uint8_t *x;
    struct hn_byte_work work;
    size_t rows, strips, columns, groups; /* of a task; in an image */
    size_t batch, pitch;                  /* pitch: bytes of a row of a strip */
    uint8_t padding;                      /* what stands for 0 */
    char *scratch;                        /* of a thread: a strip, rows gathered, sums */
    size_t strip_bytes, room_bytes, scratch_bytes;
};

/* Rows from `first` on, which may lie beyond the image, with padding around them. */
static void copy_rows(const struct job *j, const uint8_t *image, int64_t first, size_t rows,
                      uint8_t *to)
{
    const struct hn_window *w = j->w;
    const size_t c = j->conv->in, row_bytes = w->in[1] * c;
    const size_t before = hn_min((size_t)w->begin[1] * c, j->pitch);
    const size_t there = hn_min(row_bytes, j->pitch - before), after = j->pitch - before - there;
    for (size_t i = 0; i < rows; i++, to += j->pitch) {
        const int64_t row = first + (int64_t)i;
        if (row < 0 || row >= (int64_t)w->in[0]) {
            memset(to, j->padding, j->pitch);
            continue;
        }
        memset(to, j->padding, before);
        hn_bytes_as_unsigned(to + before, image + (size_t)row * row_bytes,
                             j->work.product->a_signed, there);
        memset(to + before + there, j->padding, after);
    }
    memset(to, 0, SLACK);
}

/* --- products --- */

/* Every window's rows follow those of the window before: all points, and those between that are none. */
static bool in_line(const struct job *j)
{
    const struct hn_window *w = j->w;
    return w->stride[0] == 1 && w->stride[1] == 1 && w->dilation[1] == 1 &&
           j->conv->w.piece * w->kernel[0] == j->conv->w.pitch;
}

static void run_in_line(const struct job *j, const uint8_t *strip, size_t rows, size_t row,
                        size_t column, size_t end, int32_t *sums)
{
    const struct hn_window *w = j->w;
    const size_t c = j->conv->in, wide = j->pitch / c, n = (rows - 1) * wide + w->out[1];
    struct hn_byte_rows part = {.lda = c,
                                .apart = (size_t)w->dilation[0] * j->pitch,
                                .wide = wide,
                                .points = w->out[1],
                                .row = row};
    for (; part.first < n; part.first += HN_BYTE_ROWS) {
        part.a = strip + part.first * c;
        part.m = hn_min(HN_BYTE_ROWS, n - part.first);
        hn_byte_rows_run(&j->work, &part, column, end, sums);
    }
}

/* Short runs are copied with what follows them, which is overwritten. */
static inline void copy_run(uint8_t *to, const uint8_t *from, size_t n)
{
    if (n <= 32) memcpy(to, from, 32);
    else memcpy(to, from, n);
}

/* What point (y, x) of a strip's output sees. */
static void gather_point(const struct job *j, const uint8_t *strip, size_t y, size_t x, uint8_t *to)
{
    const struct hn_window *w = j->w;
    const size_t c = j->conv->in, row = w->kernel[1] * c;
    const size_t step = j->conv->w.piece < j->conv->w.pitch ? j->conv->w.piece : row;
    const uint8_t *from =
        strip + y * (size_t)w->stride[0] * j->pitch + x * (size_t)w->stride[1] * c;
    for (size_t i = 0; i < w->kernel[0]; i++, from += (size_t)w->dilation[0] * j->pitch) {
        if (w->dilation[1] == 1) copy_run(to + i * step, from, row);
        else
            for (size_t k = 0; k < w->kernel[1]; k++)
                copy_run(to + i * step + k * c, from + k * (size_t)w->dilation[1] * c, c);
    }
}

static void run_gathered(const struct job *j, const uint8_t *strip, size_t rows, size_t row,
                         size_t column, size_t end, uint8_t *room, int32_t *sums)
{
    const struct hn_byte_matrix *b = &j->conv->w;
    const size_t wide = j->w->out[1], n = rows * wide;
    struct hn_byte_rows part = {
        .a = room, .lda = b->pitch, .apart = b->piece, .wide = n, .points = n, .row = row};
    if (b->k < b->pitch) memset(room, 0, HN_BYTE_ROWS * b->pitch); /* what no weight sees */
    for (; part.first < n; part.first += HN_BYTE_ROWS) {
        part.m = hn_min(HN_BYTE_ROWS, n - part.first);
        for (size_t i = 0; i < part.m; i++)
            gather_point(j, strip, (part.first + i) / wide, (part.first + i) % wide,
                         room + i * b->pitch);
        hn_byte_rows_run(&j->work, &part, column, end, sums);
    }
}

/* --- channels by themselves --- */

static void run_channels(const struct job *j, const uint8_t *strip, size_t rows, size_t row,
                         int32_t *sums)
{
    const struct hn_window *w = j->w;
    const size_t c = j->conv->out, lots = hn_round_up(c, HN_BYTE_CHANNELS);
    struct hn_byte_depthwise d = {.x_row = j->pitch,
                                  .kernel = {w->kernel[0], w->kernel[1]},
                                  .stride = (size_t)w->stride[1],
                                  .dilation = {(size_t)w->dilation[0], (size_t)w->dilation[1]},
                                  .w = j->conv->taps,
                                  .channels = c,
                                  .y = sums};
    for (size_t y = 0; y < rows; y++)
        for (size_t x = 0; x < w->out[1]; x += HN_BYTE_ROWS) {
            d.x = strip + y * (size_t)w->stride[0] * j->pitch + x * d.stride * c;
            d.points = hn_min(HN_BYTE_ROWS, w->out[1] - x);
            j->work.kernels->byte_depthwise(&d);
            hn_byte_finish(&j->work, sums, lots, NULL, d.points, row + y * w->out[1] + x, 0, c);
        }
}

/* --- all of it --- */

static void run_task(void *arg, size_t task, unsigned worker)
{
    const struct job *j = arg;
    const struct hn_window *w = j->w;
    const size_t strip = task % j->strips, image = task / j->strips % j->batch;
    const size_t column = task / j->strips / j->batch * j->columns,
                 end = hn_min(column + j->columns, j->conv->out);
    const size_t first = strip * j->rows, rows = hn_min(j->rows, w->out[0] - first);
    uint8_t *seen = (uint8_t *)j->scratch + worker * j->scratch_bytes,
            *room = seen + j->strip_bytes;
    int32_t *sums = (int32_t *)(void *)(room + j->room_bytes);
    copy_rows(j, j->x + image * w->n_in * j->conv->in, hn_window_at(w, 0, first, 0),
              hn_rows_seen(w, rows), seen);
    const size_t row = image * w->n_out + first * w->out[1];
    if (j->conv->taps) run_channels(j, seen, rows, row, sums);
    else if (in_line(j)) run_in_line(j, seen, rows, row, column, end, sums);
    else run_gathered(j, seen, rows, row, column, end, room, sums);
}

/* Strips that fit a cache, and enough tasks for all threads: rows are cut where there is more of them than of
 * weights, which every strip reads. */
static void choose_tasks(struct job *j, size_t threads)
{
    const struct hn_packed_byte_conv *c = j->conv;
    const struct hn_window *w = j->w;
    const size_t row = j->pitch * (size_t)w->stride[0], k = c->taps ? 0 : c->w.pitch;
    const bool alone =
        (double)j->batch * (double)w->n_out * (double)c->w.k * (double)c->out < HN_FAST_ALONE;
    j->rows = hn_max(1, hn_min(STRIP_BYTES / hn_max(row, 1), w->out[0]));
    j->columns = c->out;
    if (k * c->out > WEIGHT_BYTES)
        j->columns = hn_max(COLUMNS_MIN, WEIGHT_BYTES / k / (2 * HN_PANEL) * (2 * HN_PANEL));
    for (;;) {
        j->strips = hn_div_up(w->out[0], j->rows);
        j->groups = hn_div_up(c->out, j->columns);
        if (threads < 2 || alone || j->batch * j->strips * j->groups >= threads * TASKS_PER_THREAD)
            return;
        const bool heavy = k * j->columns > row * j->rows;
        if (heavy && j->columns > COLUMNS_MIN)
            j->columns = hn_max(COLUMNS_MIN, hn_round_up(j->columns / 2, 2 * HN_PANEL));
        else if (j->rows > 1) j->rows = hn_div_up(j->rows, 2);
        else return;
    }
}

enum hn_status hn_byte_images_run(struct hn_op *op, const struct hn_packed_byte_conv *conv,
                                  const struct hn_window *w, const uint8_t *x, size_t batch,
                                  struct hn_byte_product *product)
{
    if (!conv->taps && hn_rows_plain(w)) {
        product->a = x;
        return hn_byte_product_run(op, product);
    }
    const size_t threads = hn_op_workers(op);
    struct job j = {.conv = conv, .w = w, .x = x, .batch = batch};
    if ((double)hn_rows_points(w) * (double)conv->in * (double)hn_rows_seen(w, 1) > 0x1p40)
        return hn_op_fail(op, HN_E_LIMIT, "the windows are too large");
    j.padding = (uint8_t)(product->a_zero + (product->a_signed ? 128 : 0));
    j.pitch = hn_rows_points(w) * conv->in;
    HN_TRY(hn_byte_work_begin(op, product, &j.work));
    choose_tasks(&j, threads);
    j.strip_bytes = hn_round_up(hn_rows_seen(w, j.rows) * j.pitch + SLACK, 64);
    size_t sums = HN_BYTE_ROWS * HN_BYTE_COLUMNS;
    if (conv->taps) sums = HN_BYTE_ROWS * hn_round_up(conv->out, HN_BYTE_CHANNELS);
    else if (!in_line(&j)) j.room_bytes = HN_BYTE_ROWS * conv->w.pitch + SLACK;
    j.scratch_bytes = j.strip_bytes + j.room_bytes + sums * sizeof(int32_t);
    j.scratch = hn_op_scratch(op, threads, j.scratch_bytes);
    if (!j.scratch) return hn_op_failed(op);
    hn_op_parallel(op, batch * j.strips * j.groups, run_task, &j);
    return HN_OK;
}
