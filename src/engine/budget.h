/* What steps cost here, learned from the steps themselves, so that a step can be cut to a time.
 *
 * A step takes a fixed time (the weights are read), a time for each row, and one for the keys that its
 * rows see, which grows with their position. Rows of answers and rows of prompts are told apart: the
 * former want logits and read keys from memory, the latter come in blocks that share what they read.
 * These five costs are estimated by a Kalman filter: what is known well from many steps is left alone
 * when a step of another kind brings a surprise. */
#ifndef HN_ENGINE_BUDGET_H
#define HN_ENGINE_BUDGET_H

#include "model/cost.h"

enum hn_part { HN_ANSWERS, HN_PROMPTS, HN_PARTS };

/* What a step, or one sequence of it, puts in. */
struct hn_work {
    double rows[HN_PARTS];
    double keys[HN_PARTS]; /* seen by those rows, as hn_budget_keys counts them */
};

enum { HN_BUDGET_COSTS = 1 + 2 * HN_PARTS };

struct hn_budget {
    double fixed; /* seconds of a step, of a row, of a key */
    double row[HN_PARTS], key[HN_PARTS];
    bool begun;                    /* a step was measured */
    double usual[HN_BUDGET_COSTS]; /* those five as supposed, the filter's units */
    double ratio[HN_BUDGET_COSTS]; /* in which it keeps them ... */
    double variance[HN_BUDGET_COSTS][HN_BUDGET_COSTS]; /* ... and how sure it is of them */
    size_t layers, window_layers, window;
};

/* Supposes a usual machine until steps are noted. */
void hn_budget_init(struct hn_budget *budget, const struct hn_config *config,
                    const struct hn_plan *plan);

/* Learns from a step. */
void hn_budget_note(struct hn_budget *budget, const struct hn_work *work, double seconds);

/* Keys that rows [pos, pos + n) of one sequence see, of all layers. */
double hn_budget_keys(const struct hn_budget *budget, size_t pos, size_t n);

/* Seconds that work adds to a step; the whole step takes budget->fixed more. */
double hn_budget_added(const struct hn_budget *budget, const struct hn_work *work);

/* How many rows of a prompt, from pos on and up to `max`, fit into so many seconds of a step. */
size_t hn_budget_rows(const struct hn_budget *budget, size_t pos, size_t max, double seconds);

#endif
