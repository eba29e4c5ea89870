#include "engine/fair.h"

#include <math.h>
#include <stdlib.h>

#include "base/bits.h"
#include "engine/engine_impl.h"

/* Where the owner furthest behind stands, of those that have requests; infinite when none has. */
static double least_time(const struct hn_fair *fair, enum hn_class klass)
{
    double least = INFINITY;
    for (const struct hn_owner *o = fair->owners; o; o = o->next)
        if (o->n[klass]) least = fmin(least, o->time[klass]);
    return least;
}

/* Forgets owners that have nothing here and would begin no further on than anybody new. */
static void forget(struct hn_fair *fair, const double least[HN_CLASSES])
{
    struct hn_owner **at = &fair->owners;
    while (*at) {
        struct hn_owner *o = *at;
        bool idle = true;
        for (int k = 0; k < HN_CLASSES; k++)
            idle = idle && !o->n[k] && o->time[k] <= least[k];
        if (!idle) {
            at = &o->next;
            continue;
        }
        *at = o->next;
        free(o);
    }
}

enum hn_status hn_owner_create(const struct hn_request *request, struct hn_owner **out,
                               struct hn_error *err)
{
    struct hn_owner *o = *out = calloc(1, sizeof *o);
    if (!o) return hn_fail_nomem(err, "an owner of requests", sizeof *o);
    o->id = request->owner;
    o->weight = request->weight > 0 ? (double)request->weight : 1;
    return HN_OK;
}

static struct hn_owner *find(const struct hn_fair *fair, uint64_t id)
{
    struct hn_owner *o = fair->owners;
    while (o && o->id != id)
        o = o->next;
    return o;
}

struct hn_owner *hn_fair_join(struct hn_fair *fair, struct hn_owner *owner, enum hn_class klass)
{
    double least[HN_CLASSES];
    for (int k = 0; k < HN_CLASSES; k++)
        least[k] = least_time(fair, (enum hn_class)k);
    forget(fair, least);
    struct hn_owner *o = find(fair, owner->id);
    if (o) {
        o->weight = owner->weight;
        free(owner);
    } else {
        o = owner;
        o->next = fair->owners;
        fair->owners = o;
    }
    if (!o->n[klass]++ && least[klass] < INFINITY)
        o->time[klass] = fmax(o->time[klass], least[klass]);
    return o;
}

void hn_fair_leave(struct hn_owner *owner, enum hn_class klass)
{
    owner->n[klass]--;
}

void hn_fair_free(struct hn_fair *fair)
{
    while (fair->owners) {
        struct hn_owner *o = fair->owners;
        fair->owners = o->next;
        free(o);
    }
}

void hn_fair_begin(struct hn_sequence *s)
{
    s->owner->running[s->klass]++;
    s->promised = s->n_tokens > s->n_paid ? s->n_tokens - s->n_paid : 0;
    s->owner->promised[s->klass] += s->promised;
}

void hn_fair_end(struct hn_sequence *s)
{
    s->owner->running[s->klass]--;
    s->owner->promised[s->klass] -= s->promised;
    s->promised = 0;
}

/* Returns how many tokens are new among the first n. */
static size_t fulfil(struct hn_sequence *s, size_t n)
{
    const size_t tokens = n > s->n_paid ? n - s->n_paid : 0, kept = hn_min(tokens, s->promised);
    s->n_paid += tokens;
    s->promised -= kept;
    s->owner->promised[s->klass] -= kept;
    return tokens;
}

void hn_fair_pay(struct hn_sequence *s, size_t n)
{
    s->owner->time[s->klass] += (double)fulfil(s, n) / s->owner->weight;
}

void hn_fair_skip(struct hn_sequence *s, size_t n)
{
    fulfil(s, n);
}

static bool before(const struct hn_sequence *a, const struct hn_sequence *b, double time_a,
                   double time_b)
{
    if (a->klass != b->klass) return a->klass < b->klass;
    if (a->owner != b->owner && (time_a < time_b || time_b < time_a)) return time_a < time_b;
    return a->id < b->id;
}

bool hn_fair_before(const struct hn_sequence *a, const struct hn_sequence *b)
{
    return before(a, b, a->owner->time[a->klass], b->owner->time[b->klass]);
}

bool hn_fair_yields(const struct hn_sequence *other, const struct hn_sequence *s)
{
    if (other->klass != s->klass) return other->klass > s->klass;
    return !s->owner->running[s->klass] && other->owner->running[s->klass] > 1;
}

bool hn_fair_yields_first(const struct hn_sequence *a, const struct hn_sequence *b)
{
    if (a->klass != b->klass) return a->klass > b->klass;
    const double share_a = (double)a->owner->running[a->klass] / a->owner->weight;
    const double share_b = (double)b->owner->running[b->klass] / b->owner->weight;
    if (share_a < share_b || share_b < share_a) return share_a > share_b;
    return a->id > b->id;
}

/* Where the clock of s's owner will stand; what runs is good for a token at least. */
static double time_ahead(const struct hn_sequence *s)
{
    const struct hn_owner *o = s->owner;
    return o->time[s->klass] + (double)(o->promised[s->klass] + o->running[s->klass]) / o->weight;
}

struct hn_sequence **hn_fair_next(struct hn_sequence **waiting)
{
    if (!*waiting) return NULL;
    struct hn_sequence **first = waiting;
    for (struct hn_sequence **at = &(*waiting)->next; *at; at = &(*at)->next)
        if (before(*at, *first, time_ahead(*at), time_ahead(*first))) first = at;
    return first;
}
