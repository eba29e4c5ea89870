#include "engine/recommending.h"

#include <stdlib.h>

#include "base/bits.h"

enum { TOGETHER = 64 /* visitors for whom a block of items is read once (recommend/top.c) */ };

struct model {
    struct hn_oneshot base;
    struct hn_recommender *recommender;
    unsigned n_seats;
    struct hn_recommend_seat *seats[];
};

bool hn_recommending_is(const char *path)
{
    return hn_recommender_is(path);
}

static void run(struct hn_oneshot *base, unsigned worker, bool alone, struct hn_oneshot_job **jobs,
                size_t n)
{
    struct model *m = (struct model *)base;
    struct hn_recommend_request *requests[HN_LANE_MAX_JOBS] = {NULL};
    for (size_t i = 0; i < n; i++)
        requests[i] = &((struct hn_recommend_job *)jobs[i])->request;
    hn_recommend_seat_use(m->seats[worker], alone, hn_lane_cancel(jobs, n));
    hn_recommend(m->seats[worker], requests, n);
    for (size_t i = 0; i < n; i++) {
        jobs[i]->status = requests[i]->status;
        if (requests[i]->status < 0) jobs[i]->error = requests[i]->error;
    }
}

static void close_model(struct hn_oneshot *base)
{
    struct model *m = (struct model *)base;
    for (unsigned i = 0; i < m->n_seats; i++)
        hn_recommend_seat_free(m->seats[i]);
    hn_recommender_close(m->recommender);
    free(m);
}

static const struct hn_oneshot_ops ops = {.run = run, .close = close_model};

enum hn_status hn_recommending_open(const struct hn_instance_options *options, unsigned workers,
                                    struct hn_oneshot **out, struct hn_error *err)
{
    struct hn_recommender_options how = {
        .threads = options->threads, .tidy = true, .progress = options->progress};
    HN_TRY(hn_cpu_choose(options->cpu, &how.level, err));
    if (!how.threads) how.threads = hn_cpu_count();
    struct model *m = calloc(1, sizeof *m + workers * sizeof *m->seats);
    if (!m) return hn_fail_nomem(err, "a model in service", sizeof *m);
    enum hn_status status = hn_recommender_open(options->path, &how, &m->recommender, err);
    m->base.ops = &ops;
    m->base.type = "recommender";
    m->base.max_work = TOGETHER;
    for (; status >= 0 && m->n_seats < workers; m->n_seats += status >= 0)
        status = hn_recommend_seat_new(m->recommender, &m->seats[m->n_seats], err);
    if (status < 0) {
        close_model(&m->base);
        return status;
    }
    m->base.bytes = hn_recommender_bytes(m->recommender);
    m->base.threads = hn_recommender_threads(m->recommender);
    *out = &m->base;
    return HN_OK;
}

struct hn_recommender *hn_recommending_model(const struct hn_oneshot *model)
{
    return model && model->ops == &ops ? ((const struct model *)model)->recommender : NULL;
}
