/* Whether guessing pays: what steps cost here, and how often guesses are right. */
#ifndef HN_ENGINE_PAYOFF_H
#define HN_ENGINE_PAYOFF_H

#include <stddef.h>
#include <stdint.h>

enum { HN_PAYOFF_ROWS = 64 }; /* steps of more rows are not looked at */

/* What steps of so many rows took, lately. Zero-initialised knows nothing. */
struct hn_payoff {
    struct {
        float seconds;
        uint32_t noted; /* when, in steps; 0: never */
    } cost[HN_PAYOFF_ROWS + 1];
    uint32_t steps;
};

void hn_payoff_note(struct hn_payoff *payoff, size_t rows, double seconds);

/* How often a sequence's guesses were right. Zero-initialised knows nothing. */
struct hn_hits {
    float right, tried; /* older ones count less */
};

void hn_hits_note(struct hn_hits *hits, size_t right, size_t tried);

/* How many tokens to guess for one of `rows` sequences that put a token each into the next step, 0 to
 * `max`: so many as promise most tokens per second, where each guess takes `each` seconds. What is not
 * known is tried. */
size_t hn_payoff_length(const struct hn_payoff *payoff, size_t rows, const struct hn_hits *hits,
                        float each, size_t max);

#endif
