/* What steps must read and compute at least: the yardstick for the time they take. */
#ifndef HN_MODEL_COST_H
#define HN_MODEL_COST_H

#include "model/config.h"
#include "model/plan.h"

struct hn_cost {
    double weight_bytes;    /* of packed weights. With experts: those of one token */
    double kv_bytes;        /* of keys and values that are read */
    double macs[HN_DTYPES]; /* multiply-adds with weights, by the type they are stored in */
    double attention_macs;  /* multiply-adds of queries with keys, and with values */
};

/* Keys that the queries at positions [pos, pos + n) see together, each at most `window` (0: all). */
double hn_cost_keys(size_t pos, size_t n, size_t window);

/* Adds what one sequence's n tokens, the first at position pos, cost in one step when `n_logits` of
 * them get logits; all but the weights, which a step reads once for all its sequences. Keys and values
 * count once per step. */
void hn_cost_add(struct hn_cost *cost, const struct hn_config *config, const struct hn_plan *plan,
                 size_t pos, size_t n, size_t n_logits);

/* The weights of one step. */
static inline void hn_cost_add_step(struct hn_cost *cost, const struct hn_plan *plan)
{
    cost->weight_bytes += (double)plan->read_bytes;
}

#endif
