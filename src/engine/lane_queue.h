/* Jobs of one model that wait for the lane, and whose turn it is: classes first, then weighted fair
 * queueing over owners, counted in work. As engine/fair.h, for jobs that run once and as a whole. */
#ifndef HN_ENGINE_LANE_QUEUE_H
#define HN_ENGINE_LANE_QUEUE_H

#include "engine/engine.h"

struct hn_oneshot;
struct hn_oneshot_job;

struct hn_lane_line { /* one owner's jobs of one class, the oldest first */
    struct hn_oneshot_job *first, **last;
    double time; /* work that was done for it, divided by its weight */
};

struct hn_lane_owner {
    struct hn_lane_owner *next;
    uint64_t id;
    double weight;
    struct hn_lane_line lines[HN_CLASSES];
};

/* What the lane keeps of a model; zeroed is a new one. */
struct hn_lane_seat {
    struct hn_oneshot *next; /* of those with jobs that wait */
    struct hn_lane_owner *owners;
    size_t n[HN_CLASSES]; /* waiting */
    size_t running;
    double time;       /* core-seconds it was given, from where the others stood when it came */
    double per_work_s; /* what a unit of work takes, learned; 0: not known */
};

/* Puts a job at the end of its owner's line. HN_E_NOMEM: the owner is new and there is no memory. */
enum hn_status hn_lane_push(struct hn_lane_seat *seat, struct hn_oneshot_job *job);
/* The job whose turn it is; NULL when none waits. */
struct hn_oneshot_job *hn_lane_next(const struct hn_lane_seat *seat);
/* Takes that job out and puts its work down to its owner. */
void hn_lane_pop(struct hn_lane_seat *seat, struct hn_oneshot_job *job);
size_t hn_lane_waiting(const struct hn_lane_seat *seat);
void hn_lane_forget(struct hn_lane_seat *seat);

#endif
