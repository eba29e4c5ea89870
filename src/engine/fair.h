/* Whose turn it is: weighted fair queueing over the owners of requests, counted in tokens of work.
 *
 * Each owner has a clock in each class that runs with the tokens computed and generated for it, divided
 * by its weight; the owner whose clock is furthest behind comes next. One that was away does not save
 * up turns: it begins where the one furthest behind stands. Of one owner's requests the oldest comes
 * first. Interactive requests come before those of a batch, whoever owns them. */
#ifndef HN_ENGINE_FAIR_H
#define HN_ENGINE_FAIR_H

#include "engine/engine.h"

struct hn_sequence;

struct hn_owner {
    struct hn_owner *next;
    uint64_t id;
    double weight;
    size_t n[HN_CLASSES]; /* requests in the engine */
    size_t running[HN_CLASSES];
    size_t promised[HN_CLASSES]; /* tokens of those that run, not computed yet */
    double time[HN_CLASSES];
};

struct hn_fair {
    struct hn_owner *owners;
};

/* What a request says of its owner. Free it, or give it to hn_fair_join. */
enum hn_status hn_owner_create(const struct hn_request *request, struct hn_owner **out,
                               struct hn_error *err);

/* A request comes in: returns the owner of that id that was there before, with the weight that is said
 * now, or takes the new one. */
struct hn_owner *hn_fair_join(struct hn_fair *fair, struct hn_owner *owner, enum hn_class klass);
/* It is gone. */
void hn_fair_leave(struct hn_owner *owner, enum hn_class klass);
/* Forgets everybody. */
void hn_fair_free(struct hn_fair *fair);

/* s runs: what it is about to read counts already when others are let in. And it runs no longer. */
void hn_fair_begin(struct hn_sequence *s);
void hn_fair_end(struct hn_sequence *s);

/* Puts s's tokens up to the first n down to its owner, each once; or lets it have them for nothing. */
void hn_fair_pay(struct hn_sequence *s, size_t n);
void hn_fair_skip(struct hn_sequence *s, size_t n);

/* Of sequences that run, whether it is a's turn before b's. */
bool hn_fair_before(const struct hn_sequence *a, const struct hn_sequence *b);

/* Whether `other`, which runs, has to make room for s, which waits: it is of a lower class, or one of
 * several of its owner's while s's owner has none. */
bool hn_fair_yields(const struct hn_sequence *other, const struct hn_sequence *s);
/* Of two that run, whether a sooner makes room than b: the class is lower, its owner has more that run
 * for its weight, it is newer. */
bool hn_fair_yields_first(const struct hn_sequence *a, const struct hn_sequence *b);

/* Of sequences that wait, the one to be let in next: where the link to it is; NULL when none waits. */
struct hn_sequence **hn_fair_next(struct hn_sequence **waiting);

#endif
