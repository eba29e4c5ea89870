#include "engine/lane.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/thread.h"

static const double BATCH_S = 0.002; /* what others may have to wait for */
static const double HERE_S = 0.0001; /* what whoever submits it may do itself */

enum {
    DEFAULT_THREADS = 2,
    DEFAULT_MAX_WAITING = 4096,
    GUESTS = 4, /* threads that may run their own jobs at the same time */
};

struct worker {
    pthread_t thread;
    struct hn_lane *lane;
    unsigned index;
};

struct hn_lane {
    size_t max_waiting;
    double batch_s;
    struct hn_energy *energy; /* or NULL */
    pthread_mutex_t lock;     /* guards what follows, and every model's seat */
    pthread_cond_t wake;
    struct hn_oneshot *models; /* those with jobs that wait, through their seats */
    struct hn_lane_stats stats;
    uint64_t serials;
    unsigned idle;       /* threads that wait */
    bool guests[GUESTS]; /* at work */
    unsigned n_long;     /* threads with a long job */
    atomic_bool stopping;
    bool attended;    /* threads that compute come by */
    unsigned threads; /* that run */
    struct worker workers[HN_LANE_MAX_THREADS];
};

/* Jobs that were taken out together. */
struct batch {
    struct hn_oneshot *model;
    struct hn_oneshot_job *jobs[HN_LANE_MAX_JOBS];
    size_t n, work;
    bool alone; /* on the thread that runs it */
    bool is_long;
    uint64_t begun_ns;
};

/* --- choosing; with the lock ------------------------------------------------------------------- */

/* What a unit of a model's work takes on all threads that it uses, or on one. */
static double per_work_s(const struct hn_oneshot *model, bool alone)
{
    return model->seat.per_work_s * (alone ? (double)hn_max(model->threads, 1) : 1);
}

static double expected_s(const struct hn_oneshot *model, bool alone)
{
    return per_work_s(model, alone) * (double)hn_lane_next(&model->seat)->work;
}

/* Whether a may have a thread before b: by class, then by what they were given already. */
static bool before(const struct hn_oneshot *a, const struct hn_oneshot *b)
{
    const bool waits_a = a->seat.n[HN_CLASS_INTERACTIVE], waits_b = b->seat.n[HN_CLASS_INTERACTIVE];
    if (waits_a != waits_b) return waits_a;
    return a->seat.time < b->seat.time;
}

/* Whether a model's next job is known to take a moment of one thread. */
static bool is_short(const struct hn_lane *lane, const struct hn_oneshot *model)
{
    return model->seat.per_work_s > 0 && expected_s(model, true) <= lane->batch_s;
}

/* Whether a visitor may run a model's next job, or else a thread of the lane. Visitors do what is short,
 * while they come; of what is long a thread is left to the others, where there are several. */
static bool may_take(const struct hn_lane *lane, const struct hn_oneshot *model, bool visitor)
{
    const bool is_for_visitors = lane->attended && is_short(lane, model);
    const bool no_long = lane->threads > 1 && lane->n_long + 1 >= lane->threads && !lane->stopping;
    if (visitor || is_for_visitors) return visitor && is_for_visitors;
    return !no_long || expected_s(model, false) <= lane->batch_s;
}

/* The model whose turn it is. */
static struct hn_oneshot *choose(const struct hn_lane *lane, bool visitor)
{
    struct hn_oneshot *chosen = NULL;
    for (struct hn_oneshot *m = lane->models; m; m = m->seat.next)
        if (may_take(lane, m, visitor) && (!chosen || before(m, chosen))) chosen = m;
    return chosen;
}

/* How much work may be run together, beyond the first job. */
static size_t work_limit(const struct hn_lane *lane, const struct hn_oneshot *model, bool alone)
{
    const double fit =
        lane->batch_s / per_work_s(model, alone); /* infinite where it is not known */
    return fit < (double)model->max_work ? (size_t)fit : model->max_work;
}

static void unlist(struct hn_lane *lane, struct hn_oneshot *model)
{
    struct hn_oneshot **at = &lane->models;
    while (*at != model)
        at = &(*at)->seat.next;
    *at = model->seat.next;
}

/* Whether a job may join a batch that has begun. */
static bool may_join(const struct batch *batch, const struct hn_oneshot_job *job, size_t limit)
{
    const struct hn_oneshot_ops *ops = batch->model->ops;
    if (batch->n == HN_LANE_MAX_JOBS || job->work > limit || batch->work > limit - job->work)
        return false;
    return !ops->fits || ops->fits(batch->jobs[0], job);
}

/* Takes jobs of a model out, in order, as many as may run together. */
static void gather(struct hn_lane *lane, struct hn_oneshot *model, bool alone, struct batch *batch)
{
    const size_t limit = work_limit(lane, model, alone);
    *batch = (struct batch){
        .model = model, .alone = alone, .is_long = expected_s(model, alone) > lane->batch_s};
    for (struct hn_oneshot_job *job; (job = hn_lane_next(&model->seat));) {
        if (batch->n && !may_join(batch, job, limit)) break;
        hn_lane_pop(&model->seat, job);
        batch->jobs[batch->n++] = job;
        batch->work += job->work;
    }
    model->seat.running += batch->n;
    lane->n_long += batch->is_long;
    if (!hn_lane_waiting(&model->seat)) unlist(lane, model);
}

/* --- running; without the lock ----------------------------------------------------------------- */

/* Why a job is not to be begun any more, or NULL. */
static const char *past(const struct hn_oneshot_job *job, uint64_t now, bool stopping)
{
    if (stopping) return "the server ends";
    if (job->gone && atomic_load(job->gone)) return "whoever asked is gone";
    if (job->deadline_ns && now > job->deadline_ns) return "it waited past its deadline";
    return NULL;
}

/* Sorts those that are not to be begun behind the others; returns how many are left. */
static size_t sift(struct batch *batch, bool stopping)
{
    size_t keep = 0;
    batch->begun_ns = hn_clock_ns();
    for (size_t i = 0; i < batch->n; i++) {
        struct hn_oneshot_job *job = batch->jobs[i];
        const char *why = past(job, batch->begun_ns, stopping);
        job->status = why ? hn_fail(&job->error, HN_E_CANCELLED, "%s", why) : HN_OK;
        job->queue_s = hn_clock_seconds(job->submitted_ns, batch->begun_ns);
        job->core_s = job->joules = job->run_s = 0;
        if (why) continue;
        batch->jobs[i] = batch->jobs[keep];
        batch->jobs[keep++] = job;
    }
    return keep;
}

/* Puts the time down to the jobs, by their work. The last has what is left, so that nothing is lost. */
static void split(const struct batch *batch, size_t n, double core_s, double joules, double run_s)
{
    double left = core_s;
    size_t work = 0;
    for (size_t i = 0; i < n; i++)
        work += batch->jobs[i]->work;
    for (size_t i = 0; i < n; i++) {
        struct hn_oneshot_job *job = batch->jobs[i];
        job->run_s = run_s;
        job->core_s = i + 1 < n ? core_s * ((double)job->work / (double)work) : left;
        job->joules = joules * ((double)job->work / (double)work);
        left -= job->core_s;
    }
}

/* Runs the batch; returns the core-seconds that it took. */
static double run(struct hn_lane *lane, unsigned seat, struct batch *batch, size_t n)
{
    struct hn_oneshot *model = batch->model;
    const uint64_t cpu = hn_clock_thread_ns();
    model->ops->run(model, seat, batch->alone, batch->jobs, n);
    const double own_s = hn_clock_seconds(cpu, hn_clock_thread_ns());
    const uint64_t now = hn_clock_ns();
    const double run_s = hn_clock_seconds(batch->begun_ns, now);
    double core_s = model->threads > 1 && !batch->alone ? run_s * model->threads : own_s;
    for (size_t i = 0; i < n; i++)
        core_s += batch->jobs[i]->core_s; /* of other threads */
    split(batch, n, core_s, lane->energy ? hn_energy_claim(lane->energy, now, core_s) : NAN, run_s);
    return core_s;
}

/* What was learned from a batch; with the lock. */
static void note(struct hn_lane *lane, const struct batch *batch, size_t n, double core_s)
{
    struct hn_lane_seat *seat = &batch->model->seat;
    size_t work = 0;
    for (size_t i = 0; i < n; i++)
        work += batch->jobs[i]->work;
    seat->running -= batch->n;
    lane->n_long -= batch->is_long;
    if (!n) return;
    const double each = core_s / (double)(hn_max(batch->model->threads, 1) * work);
    seat->per_work_s =
        seat->per_work_s > 0 ? seat->per_work_s + (each - seat->per_work_s) / 8 : each;
    seat->time += core_s;
    lane->stats.batches++;
    lane->stats.jobs += n;
    lane->stats.core_s += core_s;
}

/* Runs what was taken out; with the lock, which it gives back meanwhile. */
static void serve(struct hn_lane *lane, unsigned seat, struct batch *batch)
{
    const bool stopping = lane->stopping;
    pthread_mutex_unlock(&lane->lock);
    const size_t n = sift(batch, stopping);
    const double core_s = n ? run(lane, seat, batch, n) : 0;
    pthread_mutex_lock(&lane->lock);
    note(lane, batch, n, core_s);
    pthread_mutex_unlock(&lane->lock);
    /* The model may be gone with the last of them. */
    for (size_t i = 0; i < batch->n; i++)
        batch->jobs[i]->done(batch->jobs[i]);
    pthread_mutex_lock(&lane->lock);
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct hn_lane *lane = worker->lane;
    struct batch batch;
    hn_thread_prompt();
    pthread_mutex_lock(&lane->lock);
    for (;;) {
        struct hn_oneshot *model = choose(lane, false);
        if (model) {
            gather(lane, model, false, &batch);
            serve(lane, worker->index, &batch);
        } else if (lane->stopping) {
            break;
        } else {
            lane->idle++;
            pthread_cond_wait(&lane->wake, &lane->lock);
            lane->idle--;
        }
    }
    pthread_mutex_unlock(&lane->lock);
    return NULL;
}

/* --- life -------------------------------------------------------------------------------------- */

enum hn_status hn_lane_start(const struct hn_lane_options *options, struct hn_lane **out,
                             struct hn_error *err)
{
    *out = NULL;
    const unsigned threads = options->threads ? options->threads : DEFAULT_THREADS;
    if (threads > HN_LANE_MAX_THREADS)
        return hn_fail(err, HN_E_ARG, "the lane: %u threads are more than %d", threads,
                       HN_LANE_MAX_THREADS);
    struct hn_lane *lane = calloc(1, sizeof *lane);
    if (!lane) return hn_fail_nomem(err, "the lane", sizeof *lane);
    lane->max_waiting = options->max_waiting ? options->max_waiting : DEFAULT_MAX_WAITING;
    lane->energy = options->energy;
    lane->batch_s = options->batch_s > 0 ? options->batch_s : BATCH_S;
    pthread_mutex_init(&lane->lock, NULL);
    pthread_cond_init(&lane->wake, NULL);
    for (unsigned i = 0; i < threads; i++) {
        struct worker *worker = &lane->workers[i];
        *worker = (struct worker){.lane = lane, .index = i};
        const int code = pthread_create(&worker->thread, NULL, work, worker);
        if (code) {
            hn_lane_stop(lane);
            return hn_fail(err, HN_E_LIMIT, "a thread of the lane does not start: %s",
                           strerror(code));
        }
        pthread_mutex_lock(&lane->lock);
        lane->threads++;
        pthread_mutex_unlock(&lane->lock);
    }
    *out = lane;
    return HN_OK;
}

void hn_lane_stop(struct hn_lane *lane)
{
    if (!lane) return;
    pthread_mutex_lock(&lane->lock);
    lane->stopping = true;
    lane->attended = false;
    pthread_cond_broadcast(&lane->wake);
    pthread_mutex_unlock(&lane->lock);
    for (unsigned i = 0; i < lane->threads; i++)
        pthread_join(lane->workers[i].thread, NULL);
    pthread_cond_destroy(&lane->wake);
    pthread_mutex_destroy(&lane->lock);
    free(lane);
}

unsigned hn_lane_seats(const struct hn_lane *lane)
{
    return lane->threads + GUESTS;
}

/* Puts a model among those that have jobs. It saved up no time while it had none. */
static void enlist(struct hn_lane *lane, struct hn_oneshot *model)
{
    double least = INFINITY;
    for (const struct hn_oneshot *m = lane->models; m; m = m->seat.next)
        least = fmin(least, m->seat.time);
    if (least < INFINITY) model->seat.time = fmax(model->seat.time, least);
    model->seat.next = lane->models;
    lane->models = model;
}

static bool take_seat(struct hn_lane *lane, unsigned *guest)
{
    for (*guest = 0; *guest < GUESTS; ++*guest)
        if (!lane->guests[*guest]) return lane->guests[*guest] = true;
    return false;
}

/* Whether a job is over sooner than a thread would be awake for it, and is nobody's turn before its own.
 * With the lock; takes a guest's seat. */
static bool may_run_here(struct hn_lane *lane, const struct hn_oneshot *model,
                         const struct hn_oneshot_job *job, unsigned *guest)
{
    const double each = model->seat.per_work_s;
    if (!(each > 0) || each * (double)job->work > HERE_S || model->threads > 1) return false;
    if (lane->stopping || hn_lane_waiting(&model->seat)) return false;
    return take_seat(lane, guest);
}

/* With the lock, which it gives back meanwhile. */
static void serve_as_guest(struct hn_lane *lane, unsigned guest, struct batch *batch)
{
    serve(lane, lane->threads + guest, batch);
    /* Not before: what was computed lies in the seat's memory. */
    lane->guests[guest] = false;
}

bool hn_lane_visit(struct hn_lane *lane)
{
    unsigned guest;
    struct batch batch;
    pthread_mutex_lock(&lane->lock);
    struct hn_oneshot *model = choose(lane, true);
    if (model && !take_seat(lane, &guest)) model = NULL;
    if (model) {
        gather(lane, model, true, &batch);
        serve_as_guest(lane, guest, &batch);
    }
    pthread_mutex_unlock(&lane->lock);
    return model != NULL;
}

void hn_lane_attend(struct hn_lane *lane, bool attended)
{
    pthread_mutex_lock(&lane->lock);
    lane->attended = attended;
    if (!attended && lane->models && lane->idle) pthread_cond_signal(&lane->wake);
    pthread_mutex_unlock(&lane->lock);
}

static enum hn_status push(struct hn_lane *lane, struct hn_oneshot *model,
                           struct hn_oneshot_job *job, struct hn_error *err)
{
    const size_t waiting = hn_lane_waiting(&model->seat);
    if (waiting >= lane->max_waiting)
        return hn_fail(err, HN_E_BUSY, "%zu requests wait already", waiting);
    job->serial = ++lane->serials;
    if (hn_lane_push(&model->seat, job) < 0)
        return hn_fail_nomem(err, "a request", sizeof(struct hn_lane_owner));
    if (!waiting) enlist(lane, model);
    return HN_OK;
}

enum hn_status hn_lane_submit(struct hn_lane *lane, struct hn_oneshot *model,
                              struct hn_oneshot_job *job, struct hn_error *err)
{
    unsigned guest;
    enum hn_status status = HN_OK;
    bool wake = false;
    job->submitted_ns = hn_clock_ns();
    job->model = model;
    job->ending = &lane->stopping;
    pthread_mutex_lock(&lane->lock);
    if (may_run_here(lane, model, job, &guest)) {
        struct batch batch = {
            .model = model, .alone = true, .jobs = {job}, .n = 1, .work = job->work};
        model->seat.running++;
        serve_as_guest(lane, guest, &batch);
    } else {
        status = push(lane, model, job, err);
        wake = status >= 0 && lane->idle && !(lane->attended && is_short(lane, model));
    }
    pthread_mutex_unlock(&lane->lock);
    if (wake) pthread_cond_signal(&lane->wake);
    return status;
}

void hn_lane_stats_read(struct hn_lane *lane, struct hn_lane_stats *out)
{
    pthread_mutex_lock(&lane->lock);
    *out = lane->stats;
    pthread_mutex_unlock(&lane->lock);
}

void hn_lane_count(struct hn_lane *lane, const struct hn_oneshot *model, size_t *waiting,
                   size_t *running)
{
    pthread_mutex_lock(&lane->lock);
    *waiting = hn_lane_waiting(&model->seat);
    *running = model->seat.running;
    pthread_mutex_unlock(&lane->lock);
}

void hn_lane_leave(struct hn_oneshot *model)
{
    hn_lane_forget(&model->seat);
}
