/* Convolutions by 3 x 3 taps in squares of 4 x 4 outputs (kernels/gemm.h). */
#include <string.h>

#include "base/bits.h"
#include "model/graph/fast_conv.h"
#include "model/graph/op_lane.h"

enum {
    INPUTS = 9000,     /* channels by tiles of a call: spread, they fit a second cache */
    TILES_MIN = 16,    /* spreading the weights costs as much as 2.5 */
    COLUMNS_MIN = 64,  /* spreading the inputs costs as much as 5 */
    CHANNELS_MIN = 16, /* less would leave vectors empty */
};

static size_t across(const struct hn_window *w, size_t d)
{
    return hn_div_up(w->out[d], HN_WINOGRAD_SIDE);
}

bool hn_winograd_suits(const struct hn_convolution *c)
{
    const struct hn_window *w = c->window;
    for (size_t d = 0; d < 2; d++)
        if (w->kernel[d] != 3 || w->stride[d] != 1 || w->dilation[d] != 1) return false;
    if (c->in < CHANNELS_MIN || c->out < CHANNELS_MIN) return false;
    /* Tiles reach beyond the output: three quarters of the multiplications at most are worth it. */
    return across(w, 0) * across(w, 1) * HN_WINOGRAD_IN * 4 <= w->n_out * 9 * 3;
}

struct job {
    const struct hn_convolution *c;
    const struct hn_kernels *kernels;
    size_t tiles;                /* in all */
    size_t parts, each, columns; /* of a call: tiles at most, columns */
    const float *zeros;          /* [in] */
    float *scratch;              /* of a thread: the kernel's, then pointers and points of tiles */
    size_t scratch_bytes, kernel_bytes;
};

/* Where tile `tile` reads and writes. */
static void place(const struct job *job, size_t tile, const float **x, size_t *points)
{
    const struct hn_convolution *c = job->c;
    const struct hn_window *w = c->window;
    const size_t wide = across(w, 1), of_image = across(w, 0) * wide;
    const size_t image = tile / of_image, row = tile % of_image / wide * HN_WINOGRAD_SIDE;
    const size_t column = tile % wide * HN_WINOGRAD_SIDE;
    const float *from = c->x + image * w->n_in * c->in;
    for (size_t i = 0; i < HN_WINOGRAD_WINDOW; i++)
        for (size_t j = 0; j < HN_WINOGRAD_WINDOW; j++) {
            const int64_t py = (int64_t)(row + i) - w->begin[0];
            const int64_t px = (int64_t)(column + j) - w->begin[1];
            const bool there =
                py >= 0 && px >= 0 && py < (int64_t)w->in[0] && px < (int64_t)w->in[1];
            *x++ = there ? from + ((size_t)py * w->in[1] + (size_t)px) * c->in : job->zeros;
        }
    for (size_t i = row; i < row + HN_WINOGRAD_SIDE; i++)
        for (size_t j = column; j < column + HN_WINOGRAD_SIDE; j++)
            *points++ =
                i < w->out[0] && j < w->out[1] ? image * w->n_out + i * w->out[1] + j : SIZE_MAX;
}

static void run_tiles(void *arg, size_t task, unsigned worker)
{
    const struct job *job = arg;
    const struct hn_convolution *c = job->c;
    const size_t part = task % job->parts, column = task / job->parts * job->columns;
    const size_t first = part * job->tiles / job->parts;
    const size_t tiles = (part + 1) * job->tiles / job->parts - first;
    char *scratch = (char *)job->scratch + worker * job->scratch_bytes;
    const float **x = (const float **)(void *)(scratch + job->kernel_bytes);
    size_t *points = (size_t *)(void *)(x + job->each * HN_WINOGRAD_IN);
    for (size_t t = 0; t < tiles; t++)
        place(job, first + t, x + t * HN_WINOGRAD_IN, points + t * HN_WINOGRAD_OUT);
    struct hn_epilogue epilogue = c->epilogue;
    if (epilogue.bias) epilogue.bias += column;
    if (epilogue.add) epilogue.add += column;
    const struct hn_winograd winograd = {.x = x,
                                         .channels = c->in,
                                         .w = c->w->panels + column * c->w->k,
                                         .n = hn_min(job->columns, c->out - column),
                                         .y = c->y + column,
                                         .ldy = c->out,
                                         .points = points,
                                         .epilogue = &epilogue,
                                         .scratch = (float *)(void *)scratch};
    job->kernels->winograd(&winograd, tiles);
}

enum hn_status hn_winograd_run(struct hn_op *op, const struct hn_convolution *c)
{
    const size_t threads = hn_op_workers(op);
    const size_t most = hn_min(HN_WINOGRAD_TILES, hn_max(TILES_MIN, INPUTS / c->in));
    struct job job = {.c = c, .kernels = op->kernels};
    job.tiles = c->batch * across(c->window, 0) * across(c->window, 1);
    job.parts = hn_div_up(job.tiles, most);
    if (job.parts >= threads) job.parts = hn_min(hn_round_up(job.parts, threads), job.tiles);
    const size_t groups = hn_min(hn_div_up(2 * threads, job.parts), c->out / COLUMNS_MIN);
    job.columns = job.parts >= threads || groups < 2
                      ? c->out
                      : hn_round_up(hn_div_up(c->out, groups), 2 * HN_PANEL);
    job.each = hn_div_up(job.tiles, job.parts);
    job.kernel_bytes = hn_winograd_scratch(c->in, job.each) * sizeof(float);
    job.scratch_bytes =
        hn_round_up(job.kernel_bytes + job.each * (HN_WINOGRAD_IN * sizeof(float *) +
                                                   HN_WINOGRAD_OUT * sizeof(size_t)),
                    64);
    float *zeros = hn_op_scratch(op, c->in, sizeof *zeros);
    job.scratch = hn_op_scratch(op, threads, job.scratch_bytes);
    if (!zeros || !job.scratch) return hn_op_failed(op);
    memset(zeros, 0, c->in * sizeof *zeros);
    job.zeros = zeros;
    hn_op_parallel(op, job.parts * hn_div_up(c->out, job.columns), run_tiles, &job);
    return HN_OK;
}
