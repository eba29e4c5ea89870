#include "engine/embed.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "model/open.h"

enum { MAX_TOKENS = 1024 }; /* of a batch of several jobs */

/* What a thread of the lane needs to run the model. */
struct seat {
    struct hn_backend *backend;
    struct hn_encoding *run;      /* NULL: it has not run it yet */
    struct hn_encode_item *items; /* of a batch */
    size_t room;
};

struct model {
    struct hn_oneshot base;
    struct hn_embedder embedder;
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

static enum hn_status sit_down(struct model *m, struct seat *seat, struct hn_error *err)
{
    if (!seat->backend)
        HN_TRY(hn_cpu_backend_create(m->base.threads, m->embedder.level, &seat->backend, err));
    return seat->run ? HN_OK
                     : hn_encoding_begin(m->embedder.encoder, seat->backend, &seat->run, err);
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

static enum hn_status run_together(struct model *m, struct seat *seat, struct hn_oneshot_job **jobs,
                                   size_t n, struct hn_error *err)
{
    size_t n_items;
    HN_TRY(sit_down(m, seat, err));
    HN_TRY(collect(seat, jobs, n, &n_items, err));
    return hn_encoding_run(seat->run, ((const struct hn_embed_job *)jobs[0])->pooling, seat->items,
                           n_items, err);
}

/* What is wrong with one is not to hurt the others. */
static void run(struct hn_oneshot *base, unsigned worker, struct hn_oneshot_job **jobs, size_t n)
{
    struct model *m = (struct model *)base;
    struct seat *seat = &m->seats[worker];
    struct hn_error err;
    if (run_together(m, seat, jobs, n, &err) >= 0) return;
    for (size_t i = 0; i < n; i++)
        jobs[i]->status = run_together(m, seat, jobs + i, 1, &jobs[i]->error);
}

/* --- life -------------------------------------------------------------------------------------- */

static void close_model(struct hn_oneshot *base)
{
    struct model *m = (struct model *)base;
    for (unsigned i = 0; i < m->n_seats; i++) {
        hn_encoding_end(m->seats[i].run);
        hn_backend_destroy(m->seats[i].backend);
        free(m->seats[i].items);
    }
    hn_embedder_close(&m->embedder);
    free(m);
}

static const struct hn_oneshot_ops ops = {.run = run, .fits = fits, .close = close_model};

enum hn_status hn_embed_open(const struct hn_instance_options *options, unsigned workers,
                             struct hn_oneshot **out, struct hn_error *err)
{
    const unsigned threads = options->threads ? options->threads : hn_cpu_count();
    struct model *m = calloc(1, sizeof *m + workers * sizeof *m->seats);
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
    m->n_seats = workers;
    m->base.ops = &ops;
    m->base.type = m->embedder.config.pooling == HN_POOLING_RANK ? "rerank" : "embedding";
    m->base.bytes = hn_encoder_bytes(m->embedder.encoder);
    m->base.max_work = MAX_TOKENS;
    m->base.threads = (unsigned)hn_max(1, threads / workers);
    *out = &m->base;
    return HN_OK;
}

const struct hn_embedder *hn_embed_model(const struct hn_oneshot *model)
{
    return model && model->ops == &ops ? &((const struct model *)model)->embedder : NULL;
}
