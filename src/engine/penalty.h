/* How often each token occurred in a sequence, and the penalties made of it. */
#ifndef HN_ENGINE_PENALTY_H
#define HN_ENGINE_PENALTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

/* One token that occurred. */
struct hn_occurrence {
    int32_t id;
    uint32_t recent;    /* times among the last `window` tokens, prompt and generated */
    uint32_t generated; /* times among the generated ones */
};

/* Counts by id: a list, and an open-addressed table of places in it. All memory comes from the arena
 * at hn_counts_init. */
struct hn_counts {
    struct hn_occurrence *list;
    size_t n, cap;
    uint32_t *table; /* 1 + place in the list; 0 is free */
    uint32_t mask;
    int32_t *ring; /* the last `window` ids; NULL: the window is the whole sequence */
    size_t window;
    size_t seen; /* tokens added so far */
    size_t max_tokens;
};

/* Room for `max_tokens` tokens (of a vocabulary of `vocab`), the last `window` of which are recent;
 * window SIZE_MAX: all. */
enum hn_status hn_counts_init(struct hn_counts *counts, size_t vocab, size_t max_tokens,
                              size_t window, struct hn_arena *arena, struct hn_error *err);

/* HN_E_LIMIT: more than max_tokens tokens. */
enum hn_status hn_counts_add(struct hn_counts *counts, int32_t id, bool generated);

struct hn_penalties {
    float repeat; /* > 0; a logit x of a recent token becomes x / repeat if x > 0, else x * repeat
                      * (Keskar et al., "CTRL", 2019) */
    float frequency; /* then x - frequency * (times generated) ... */
    float presence;  /* ... - presence, if it was generated at all */
};

void hn_counts_penalize(const struct hn_counts *counts, const struct hn_penalties *penalties,
                        float *logits);

#endif
