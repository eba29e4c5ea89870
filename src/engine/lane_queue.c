#include "engine/lane_queue.h"

#include <math.h>
#include <stdlib.h>

#include "engine/lane.h"

/* Where the owner furthest behind stands, of those that have jobs; infinite when none has. */
static double least_time(const struct hn_lane_seat *seat, int klass)
{
    double least = INFINITY;
    for (const struct hn_lane_owner *o = seat->owners; o; o = o->next)
        if (o->lines[klass].first) least = fmin(least, o->lines[klass].time);
    return least;
}

/* Whether an owner has nothing here and would begin no further on than anybody new. */
static bool is_idle(const struct hn_lane_owner *o, const double least[HN_CLASSES])
{
    for (int k = 0; k < HN_CLASSES; k++)
        if (o->lines[k].first || o->lines[k].time > least[k]) return false;
    return true;
}

static void forget_idle(struct hn_lane_seat *seat, const double least[HN_CLASSES])
{
    for (struct hn_lane_owner **at = &seat->owners; *at;) {
        struct hn_lane_owner *o = *at;
        if (is_idle(o, least)) {
            *at = o->next;
            free(o);
        } else {
            at = &o->next;
        }
    }
}

static struct hn_lane_owner *owner_of(struct hn_lane_seat *seat, uint64_t id)
{
    struct hn_lane_owner *o = seat->owners;
    while (o && o->id != id)
        o = o->next;
    if (o || !(o = calloc(1, sizeof *o))) return o;
    o->id = id;
    o->next = seat->owners;
    seat->owners = o;
    return o;
}

enum hn_status hn_lane_push(struct hn_lane_seat *seat, struct hn_oneshot_job *job)
{
    double least[HN_CLASSES];
    for (int k = 0; k < HN_CLASSES; k++)
        least[k] = least_time(seat, k);
    forget_idle(seat, least);
    struct hn_lane_owner *o = owner_of(seat, job->owner);
    if (!o) return HN_E_NOMEM;
    struct hn_lane_line *line = &o->lines[job->klass];
    o->weight = job->weight > 0 ? (double)job->weight : 1;
    if (!line->first) {
        if (least[job->klass] < INFINITY) line->time = fmax(line->time, least[job->klass]);
        line->last = &line->first;
    }
    job->next = NULL;
    *line->last = job;
    line->last = &job->next;
    seat->n[job->klass]++;
    return HN_OK;
}

/* Of two owners with jobs in a class, whether it is a's turn before b's. */
static bool before(const struct hn_lane_line *a, const struct hn_lane_line *b)
{
    if (a->time < b->time || b->time < a->time) return a->time < b->time;
    return a->first->serial < b->first->serial;
}

static struct hn_lane_owner *next_owner(const struct hn_lane_seat *seat, int klass)
{
    struct hn_lane_owner *next = NULL;
    for (struct hn_lane_owner *o = seat->owners; o; o = o->next)
        if (o->lines[klass].first && (!next || before(&o->lines[klass], &next->lines[klass])))
            next = o;
    return next;
}

struct hn_oneshot_job *hn_lane_next(const struct hn_lane_seat *seat)
{
    for (int k = 0; k < HN_CLASSES; k++)
        if (seat->n[k]) return next_owner(seat, k)->lines[k].first;
    return NULL;
}

void hn_lane_pop(struct hn_lane_seat *seat, struct hn_oneshot_job *job)
{
    struct hn_lane_owner *o = seat->owners;
    while (o->lines[job->klass].first != job)
        o = o->next;
    struct hn_lane_line *line = &o->lines[job->klass];
    line->first = job->next;
    if (!line->first) line->last = &line->first;
    line->time += (double)job->work / o->weight;
    seat->n[job->klass]--;
}

size_t hn_lane_waiting(const struct hn_lane_seat *seat)
{
    size_t n = 0;
    for (int k = 0; k < HN_CLASSES; k++)
        n += seat->n[k];
    return n;
}

void hn_lane_forget(struct hn_lane_seat *seat)
{
    for (struct hn_lane_owner *next; seat->owners; seat->owners = next) {
        next = seat->owners->next;
        free(seat->owners);
    }
}
