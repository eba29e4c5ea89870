#include "engine/embed.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "model/open.h"

enum {
    MAX_TOKENS = 1024, /* of a batch of several jobs */
    LONG_TOKENS = 256, /* from here on several threads are worth their waiting for each other */
};

/* What the model is run with. */
struct desk {
    struct hn_backend *backend;
    struct hn_encoding *run; /* NULL: it was not used yet */
};

/* What a thread of the lane needs. */
struct seat {
    struct desk desk;             /* for that thread alone */
    struct hn_encode_item *items; /* of a batch */
    size_t room;
};

struct model {
    struct hn_oneshot base;
    struct hn_embedder embedder;
    struct desk wide; /* for long batches, one at a time: half of the threads */
    unsigned wide_threads;
    atomic_flag wide_taken;
    unsigned n_seats;
    struct seat seats[];
};

bool hn_embed_is(const char *path)
{
    return hn_model_is_encoder(path);
}

/* --- running ----------------------------------------------------------------------------------- */

static bool fits(const struct hn_oneshot_job *a, const struct hn_oneshot_job *b)
{
    return ((const struct hn_embed_job *)a)->pooling == ((const struct hn_embed_job *)b)->pooling;
}

static enum hn_status sit_down(const struct model *m, struct desk *desk, unsigned threads,
                               struct hn_error *err)
{
    if (desk->run) return HN_OK;
    if (!desk->backend)
        HN_TRY(hn_cpu_backend_create(threads, m->embedder.level, &desk->backend, err));
    return hn_encoding_begin(m->embedder.encoder, desk->backend, &desk->run, err);
}

/* The texts of all jobs, one behind the other. */
static enum hn_status collect(struct seat *seat, struct hn_oneshot_job **jobs, size_t n,
                              size_t *n_items, struct hn_error *err)
{
    *n_items = 0;
    for (size_t i = 0; i < n; i++)
        *n_items += ((const struct hn_embed_job *)jobs[i])->n;
    if (*n_items > seat->room) {
        struct hn_encode_item *items = realloc(seat->items, *n_items * sizeof *items);
        if (!items) return hn_fail_nomem(err, "a batch", *n_items * sizeof *items);
        seat->items = items;
        seat->room = *n_items;
    }
    struct hn_encode_item *to = seat->items;
    for (size_t i = 0; i < n; i++) {
        const struct hn_embed_job *job = (const struct hn_embed_job *)jobs[i];
        memcpy(to, job->items, job->n * sizeof *to);
        to += job->n;
    }
    return HN_OK;
}

static enum hn_status run_together(struct model *m, struct seat *seat, bool alone,
                                   struct hn_oneshot_job **jobs, size_t n, struct hn_error *err)
{
    size_t n_items, tokens = 0;
    HN_TRY(collect(seat, jobs, n, &n_items, err));
    for (size_t i = 0; i < n; i++)
        tokens += jobs[i]->work;
    const bool wide = !alone && tokens >= LONG_TOKENS && m->wide_threads > 1 &&
                      !atomic_flag_test_and_set(&m->wide_taken);
    const unsigned threads = wide ? m->wide_threads : 1;
    struct desk *desk = wide ? &m->wide : &seat->desk;
    enum hn_status status = sit_down(m, desk, threads, err);
    const uint64_t start = hn_clock_ns();
    if (status >= 0)
        status = hn_encoding_run(desk->run, ((const struct hn_embed_job *)jobs[0])->pooling,
                                 seat->items, n_items, err);
    jobs[0]->core_s += hn_clock_seconds(start, hn_clock_ns()) * (threads - 1);
    if (wide) atomic_flag_clear(&m->wide_taken);
    return status;
}

/* What is wrong with one is not to hurt the others. */
static void run(struct hn_oneshot *base, unsigned at, bool alone, struct hn_oneshot_job **jobs,
                size_t n)
{
    struct model *m = (struct model *)base;
    struct seat *seat = &m->seats[at];
    struct hn_error err;
    if (run_together(m, seat, alone, jobs, n, &err) >= 0) return;
    for (size_t i = 0; i < n; i++)
        jobs[i]->status = run_together(m, seat, alone, jobs + i, 1, &jobs[i]->error);
}

/* --- life -------------------------------------------------------------------------------------- */

static void clear_desk(struct desk *desk)
{
    hn_encoding_end(desk->run);
    hn_backend_destroy(desk->backend);
}

static void close_model(struct hn_oneshot *base)
{
    struct model *m = (struct model *)base;
    for (unsigned i = 0; i < m->n_seats; i++) {
        clear_desk(&m->seats[i].desk);
        free(m->seats[i].items);
    }
    clear_desk(&m->wide);
    hn_embedder_close(&m->embedder);
    free(m);
}

static const struct hn_oneshot_ops ops = {.run = run, .fits = fits, .close = close_model};

enum hn_status hn_embed_open(const struct hn_instance_options *options, unsigned seats,
                             struct hn_oneshot **out, struct hn_error *err)
{
    const unsigned threads = options->threads ? options->threads : hn_cpu_count();
    struct model *m = calloc(1, sizeof *m + seats * sizeof *m->seats);
    if (!m) return hn_fail_nomem(err, "a model in service", sizeof *m);
    const enum hn_status status =
        hn_embedder_open(&(struct hn_embedder_options){.path = options->path,
                                                       .name = options->name,
                                                       .threads = threads,
                                                       .cpu = options->cpu,
                                                       .progress = options->progress},
                         &m->embedder, err);
    if (status < 0) {
        free(m);
        return status;
    }
    m->n_seats = seats;
    m->wide_threads = (threads + 1) / 2;
    atomic_flag_clear(&m->wide_taken);
    m->base.ops = &ops;
    m->base.type = m->embedder.config.pooling == HN_POOLING_RANK ? "rerank" : "embedding";
    m->base.bytes = hn_encoder_bytes(m->embedder.encoder);
    m->base.max_work = MAX_TOKENS;
    *out = &m->base;
    return HN_OK;
}

const struct hn_embedder *hn_embed_model(const struct hn_oneshot *model)
{
    return model && model->ops == &ops ? &((const struct model *)model)->embedder : NULL;
}
