/* What the machine can do at most, measured: the yardstick for what operations reach. */
#ifndef HN_BACKEND_CPU_LIMITS_H
#define HN_BACKEND_CPU_LIMITS_H

#include "base/pool.h"
#include "kernels/kernels.h"

/* Of all threads of the pool together. */
struct hn_limits {
    unsigned threads;
    double read_bytes;        /* bytes per second of plain reading from memory, past the caches */
    double dot[HN_ACT_KINDS]; /* multiply-adds per second in registers, per form of activations */
};

/* Takes about half a second and, while it lasts, 256 MiB or more of memory. HN_E_NOMEM. */
enum hn_status hn_limits_measure(struct hn_pool *pool, const struct hn_kernels *kernels,
                                 struct hn_limits *out, struct hn_error *err);

#endif
