/* What ends long work before it is done. */
#ifndef HN_BASE_CANCEL_H
#define HN_BASE_CANCEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* Flags of others, which outlive the work; NULL: none. Zeroed, nothing ends it. */
struct hn_cancel {
    const atomic_bool *gone;   /* nobody wants it any more */
    const atomic_bool *ending; /* the whole ends */
};

static inline bool hn_cancelled(const struct hn_cancel *c)
{
    return (c->gone && atomic_load_explicit(c->gone, memory_order_relaxed)) ||
           (c->ending && atomic_load_explicit(c->ending, memory_order_relaxed));
}

#endif
