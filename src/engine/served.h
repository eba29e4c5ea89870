/* A model in service, as the files of the service share it. */
#ifndef HN_ENGINE_SERVED_H
#define HN_ENGINE_SERVED_H

#include <stdatomic.h>

#include "engine/service.h"

struct hn_served {
    char *name;
    enum hn_kind kind;
    struct hn_oneshot
        *oneshot; /* what the lane runs; NULL: a language model, which is the next two */
    struct hn_instance instance;
    struct hn_chat *chat; /* or NULL */
    int64_t loaded;
    double load_s;
    atomic_size_t refs;
    atomic_uint_least64_t used_ns;
    /* Under the service's lock. */
    struct hn_served *next; /* in order of loading */
    bool leaving;           /* not found any more; closed when it has no work */
    size_t waiting;         /* queued for the engine thread, and those in the engine's own queue */
};

/* Opens it, with one reference for the caller; `seats` is hn_lane_seats. */
enum hn_status hn_served_open(const char *name, const struct hn_instance_options *options,
                              const struct hn_kind_row *kinds, unsigned seats,
                              struct hn_served **out, struct hn_error *err);
struct hn_served *hn_served_hold(struct hn_served *served);

#endif
