#include "engine/payoff.h"

#include <math.h>

#include "base/bits.h"

enum { FORGET_AFTER = 512 }; /* steps: machines and contexts change */

/* One more token must promise so much more to be tried. */
#define GAIN 1.01f

void hn_payoff_note(struct hn_payoff *payoff, size_t rows, double seconds)
{
    payoff->steps++;
    if (rows < 1 || rows > HN_PAYOFF_ROWS) return;
    float *cost = &payoff->cost[rows].seconds;
    /* A step that another program disturbed says little, a fast one much. */
    const float weight = seconds < (double)*cost ? 0.5f : 0.125f;
    *cost = payoff->cost[rows].noted ? *cost + weight * ((float)seconds - *cost) : (float)seconds;
    payoff->cost[rows].noted = payoff->steps;
}

void hn_hits_note(struct hn_hits *hits, size_t right, size_t tried)
{
    hits->right = 0.9f * hits->right + (float)right;
    hits->tried = 0.9f * hits->tried + (float)tried;
}

/* What a step of so many rows will take: no less than one of fewer rows, and that where nothing else is
 * known. */
static float cost_of(const struct hn_payoff *payoff, size_t rows)
{
    float cost = 0;
    for (size_t i = 1; i <= rows; i++)
        if (payoff->cost[i].noted && payoff->steps - payoff->cost[i].noted < FORGET_AFTER)
            cost = fmaxf(cost, payoff->cost[i].seconds);
    return cost;
}

size_t hn_payoff_length(const struct hn_payoff *payoff, size_t rows, const struct hn_hits *hits,
                        float each, size_t max)
{
    const float chance = (hits->right + 1) / (hits->tried + 2);
    float expected = (float)rows, power = 1, best_rate = expected / cost_of(payoff, rows);
    size_t best = 0;
    for (size_t k = 1; k <= max && rows + k <= HN_PAYOFF_ROWS; k++) {
        power *= chance; /* that all of the first k are right */
        expected += power;
        const float rate = expected / (cost_of(payoff, rows + k) + (float)k * each);
        if (rate > GAIN * best_rate) {
            best_rate = rate;
            best = k;
        }
    }
    return best;
}
