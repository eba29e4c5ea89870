#include "engine/budget.h"

#include <math.h>

/* A usual machine: bytes of weights and multiply-adds in a second. Only their proportions matter, until
 * the first step sets the scale. */
#define USUAL_BYTES    1e10
#define USUAL_MACS     1e11
#define USUAL_KEY_MACS 3e10 /* of queries with keys and values */

enum { COSTS = HN_BUDGET_COSTS };

#define DOUBT 1.0   /* of a cost that was never measured, times itself: the most there is */
#define DRIFT 0.005 /* that is added with every step: machines and what else runs on them change */
#define NOISE 0.1   /* of a step's time, times itself */
#define LEAST 1e-3  /* times what is supposed, a cost is at least */

void hn_budget_init(struct hn_budget *budget, const struct hn_config *config,
                    const struct hn_plan *plan)
{
    double macs = 0;
    for (int type = 0; type < HN_DTYPES; type++)
        macs += plan->macs[type];
    const double key = (double)config->n_heads * (double)(config->dim_k + config->dim_v);
    *budget = (struct hn_budget){
        .fixed = (double)plan->read_bytes / USUAL_BYTES,
        .row = {macs / USUAL_MACS, macs / USUAL_MACS},
        .key = {key / USUAL_KEY_MACS, key / USUAL_KEY_MACS},
        .window = config->window,
    };
    for (size_t i = 0; i < config->n_layers; i++)
        if (hn_config_has_window(config, i)) budget->window_layers++;
        else budget->layers++;
}

double hn_budget_keys(const struct hn_budget *budget, size_t pos, size_t n)
{
    return (double)budget->layers * hn_cost_keys(pos, n, 0) +
           (double)budget->window_layers * hn_cost_keys(pos, n, budget->window);
}

double hn_budget_added(const struct hn_budget *budget, const struct hn_work *work)
{
    double seconds = 0;
    for (int p = 0; p < HN_PARTS; p++)
        seconds += budget->row[p] * work->rows[p] + budget->key[p] * work->keys[p];
    return seconds;
}

/* The filter's costs in seconds. */
static void tell(struct hn_budget *budget)
{
    const double *usual = budget->usual, *ratio = budget->ratio;
    budget->fixed = usual[0] * ratio[0];
    for (int p = 0; p < HN_PARTS; p++) {
        budget->row[p] = usual[1 + p] * ratio[1 + p];
        budget->key[p] = usual[1 + HN_PARTS + p] * ratio[1 + HN_PARTS + p];
    }
}

/* The first step sets the scale of what is supposed. */
static void begin(struct hn_budget *budget, const struct hn_work *work, double seconds)
{
    const double by = seconds / (budget->fixed + hn_budget_added(budget, work));
    budget->usual[0] = by * budget->fixed;
    for (int p = 0; p < HN_PARTS; p++) {
        budget->usual[1 + p] = by * budget->row[p];
        budget->usual[1 + HN_PARTS + p] = by * budget->key[p];
    }
    for (int i = 0; i < COSTS; i++) {
        budget->ratio[i] = 1;
        budget->variance[i][i] = DOUBT * DOUBT;
    }
    budget->begun = true;
}

/* A cost that no step tells of is forgotten, but not beyond having never been measured. */
static void drift(struct hn_budget *budget)
{
    for (int i = 0; i < COSTS; i++) {
        double *own = &budget->variance[i][i];
        const double most = DOUBT * DOUBT * fmax(1, budget->ratio[i] * budget->ratio[i]);
        *own += DRIFT * DRIFT * budget->ratio[i] * budget->ratio[i];
        if (*own <= most) continue;
        const double by = sqrt(most / *own);
        for (int k = 0; k < COSTS; k++) {
            budget->variance[i][k] *= by;
            budget->variance[k][i] *= by;
        }
    }
}

/* R. E. Kalman, 1960, with one measurement: x is what the step took of each cost, in the filter's units.
 * What is further off than it should ever be is taken for an accident and believed in part. */
static void learn(struct hn_budget *budget, const double x[COSTS], double seconds)
{
    double gain[COSTS] = {0}, expected = 0, spread = NOISE * seconds * NOISE * seconds;
    for (int i = 0; i < COSTS; i++) {
        for (int k = 0; k < COSTS; k++)
            gain[i] += budget->variance[i][k] * x[k];
        spread += x[i] * gain[i];
        expected += x[i] * budget->ratio[i];
    }
    const double most = 3 * sqrt(spread);
    const double surprise = fmin(fmax(seconds - expected, -most), most) / spread;
    for (int i = 0; i < COSTS; i++) {
        budget->ratio[i] = fmax(budget->ratio[i] + gain[i] * surprise, LEAST);
        for (int k = 0; k < COSTS; k++)
            budget->variance[i][k] -= gain[i] * gain[k] / spread;
    }
}

void hn_budget_note(struct hn_budget *budget, const struct hn_work *work, double seconds)
{
    if (seconds <= 0) return;
    if (!budget->begun) begin(budget, work, seconds);
    double x[COSTS] = {budget->usual[0]};
    for (int p = 0; p < HN_PARTS; p++) {
        x[1 + p] = work->rows[p] * budget->usual[1 + p];
        x[1 + HN_PARTS + p] = work->keys[p] * budget->usual[1 + HN_PARTS + p];
    }
    drift(budget);
    learn(budget, x, seconds);
    tell(budget);
}

size_t hn_budget_rows(const struct hn_budget *budget, size_t pos, size_t max, double seconds)
{
    size_t low = 0, high = max;
    while (low < high) {
        const size_t n = high - (high - low) / 2;
        const double cost = budget->row[HN_PROMPTS] * (double)n +
                            budget->key[HN_PROMPTS] * hn_budget_keys(budget, pos, n);
        if (cost <= seconds) low = n;
        else high = n - 1;
    }
    return low;
}
