/* What this machine can do at most, beside what a step needs: the shares that bench and inspect tell. */
#ifndef HN_CLI_YARDSTICK_H
#define HN_CLI_YARDSTICK_H

#include "backend/cpu/limits.h"
#include "model/cost.h"
#include "text/json_write.h"

struct hn_yardstick {
    struct hn_limits limits;
    const struct hn_kernels *kernels;
};

/* Measures with the pool's threads; takes about half a second. */
enum hn_status hn_yardstick_measure(struct hn_pool *pool, const struct hn_kernels *kernels,
                                    struct hn_yardstick *out, struct hn_error *err);

/* Seconds that the reading takes at the measured bandwidth, and the arithmetic at the measured peaks:
 * that of weights at the peak of the form in which their kernels take activations, attention at that
 * of floats. No step of this cost can be faster than the larger one, unless caches hold the weights. */
double hn_yardstick_read_s(const struct hn_yardstick *y, const struct hn_cost *cost);
double hn_yardstick_multiply_s(const struct hn_yardstick *y, const struct hn_cost *cost);

/* "int8", ... the forms of activations. */
const char *hn_yardstick_form(enum hn_act_kind kind);

/* Adds the limits to an open object, per second: read_bytes, and multiply-adds by form. */
void hn_yardstick_json(struct hn_json_writer *w, const struct hn_yardstick *y);

#endif
