/* The lane: one-shot work (predictions, embeddings, recommendations) beside the chats.
 *
 * A lane has threads of its own that take jobs from a queue per model, run those of one model together,
 * and tell each job's owner. A job that finds a thread idle runs at once; while a batch runs, those that
 * come gather for the next one. So batches grow with the load alone, and nobody waits for company. A
 * batch of several jobs is kept as small as takes about two milliseconds; a job that takes longer by
 * itself runs alone, and such jobs never hold all threads. A job that is known to be over sooner than a
 * thread would be awake for it is run by whoever submits it, where none waits for its model.
 *
 * While a language model computes on all cores, a thread of the lane could only take one from it. Then
 * the model's own threads visit the lane and run what is short; its threads keep to what is long. */
#ifndef HN_ENGINE_LANE_H
#define HN_ENGINE_LANE_H

#include "base/cancel.h"
#include "engine/lane_queue.h"

struct hn_lane;

struct hn_lane_options {
    unsigned threads;         /* 0: 2 */
    size_t max_waiting;       /* jobs of one model that may wait; 0: 4096 */
    struct hn_energy *energy; /* the machine's, for joules; NULL: they are not known */
    double batch_s;           /* a batch of several jobs is to take at most so long; 0: 2 ms */
};

enum { HN_LANE_MAX_THREADS = 64, HN_LANE_MAX_JOBS = 256 /* of a batch */ };

/* One request's part. What asks for it embeds it as its first member. */
struct hn_oneshot_job {
    /* The lane's. */
    struct hn_oneshot_job *next;
    struct hn_oneshot *model;
    uint64_t serial, submitted_ns;
    const atomic_bool *ending; /* the lane is stopping: what runs is to stop, too */

    /* Said by who submits it. */
    size_t work;    /* how much of a batch it is, rows or tokens; at least 1 */
    uint64_t owner; /* whose it is: owners share a model fairly, by their weights */
    float weight;   /* of the owner; 0: 1 */
    enum hn_class klass;
    uint64_t deadline_ns;    /* as hn_clock_ns counts: not begun after it; 0: none */
    const atomic_bool *gone; /* once true, it is not begun any more, or stopped; or NULL */
    /* Called exactly once, on a thread of the lane, a visitor's or within hn_lane_submit, with what follows filled in.
     * Must not wait. The lane does not touch the job any more once it is called, nor the model after a
     * batch's last. */
    void (*done)(struct hn_oneshot_job *job);
    void *ctx; /* for `done` */

    enum hn_status status; /* HN_E_CANCELLED: it was not begun, or stopped */
    struct hn_error error; /* where status is negative */
    double core_s;         /* its part of what the batch took, in seconds of a core, */
    double joules;         /* and of the machine; NAN: unknown */
    double queue_s, run_s; /* waiting; and in the batch, whose jobs all end together */
};

/* A model of this kind in service; each kind embeds it as its first member. */
struct hn_oneshot {
    const struct hn_oneshot_ops *ops;
    const char *type;         /* for people, static: "xgboost", "embedding" */
    size_t bytes;             /* of memory that it takes */
    size_t max_work;          /* of a batch of several jobs */
    unsigned threads;         /* cores that a run not alone keeps busy; 0 and 1: its own */
    struct hn_lane_seat seat; /* the lane's; zeroed at first */
};

struct hn_oneshot_ops {
    /* Runs n jobs of the model together on the calling thread and sets each one's status (HN_OK at
     * first), with the error where it is negative. `seat` is below hn_lane_seats and nobody else's
     * meanwhile: memory goes by it. `alone`: no other thread is to be used. A run that uses other threads than the model says adds their
     * core-seconds to a job's core_s, which is 0 at first. */
    void (*run)(struct hn_oneshot *model, unsigned seat, bool alone, struct hn_oneshot_job **jobs,
                size_t n);
    /* Whether a job may be run in one batch with another; NULL: any may. */
    bool (*fits)(const struct hn_oneshot_job *a, const struct hn_oneshot_job *b);
    void (*close)(struct hn_oneshot *model);
};

/* Starts the threads. */
enum hn_status hn_lane_start(const struct hn_lane_options *options, struct hn_lane **out,
                             struct hn_error *err);
/* Ends what waits as cancelled, tells what runs to stop and waits for it, and ends the threads. Nothing
 * may be submitted meanwhile. NULL is fine. */
void hn_lane_stop(struct hn_lane *lane);
/* What ends a run of n jobs: only one alone ends by itself. */
static inline struct hn_cancel hn_lane_cancel(struct hn_oneshot_job *const *jobs, size_t n)
{
    return (struct hn_cancel){.gone = n == 1 ? jobs[0]->gone : NULL, .ending = jobs[0]->ending};
}

/* How many runs there may be at the same time. */
unsigned hn_lane_seats(const struct hn_lane *lane);

/* Hands a job over, from any thread; the model must live until it is done. HN_E_BUSY: too many wait for
 * this model; HN_E_NOMEM. `done` is not called after an error. */
enum hn_status hn_lane_submit(struct hn_lane *lane, struct hn_oneshot *model,
                              struct hn_oneshot_job *job, struct hn_error *err);

/* Whether threads that compute visit the lane now: then those of the lane leave short jobs to them. */
void hn_lane_attend(struct hn_lane *lane, bool attended);
/* Runs short jobs that wait on the calling thread, one batch. False: there were none. */
bool hn_lane_visit(struct hn_lane *lane);

/* What it did. Counters only grow. */
struct hn_lane_stats {
    uint64_t batches, jobs; /* run */
    double core_s;          /* what the jobs' core_s add up to */
};
void hn_lane_stats_read(struct hn_lane *lane, struct hn_lane_stats *out);

/* Jobs of a model that wait, and that run. */
void hn_lane_count(struct hn_lane *lane, const struct hn_oneshot *model, size_t *waiting,
                   size_t *running);

/* Frees what the lane keeps of a model that nothing is submitted to any more. */
void hn_lane_leave(struct hn_oneshot *model);

#endif
