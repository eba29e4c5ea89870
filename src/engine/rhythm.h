/* How long an answer's tokens usually keep its reader waiting: the median of the times between them. */
#ifndef HN_ENGINE_RHYTHM_H
#define HN_ENGINE_RHYTHM_H

#include <stddef.h>
#include <stdint.h>

enum { HN_RHYTHM_BINS = 80, HN_RHYTHM_YOUNG = 8 };

/* Zero-initialised knows nothing. */
struct hn_rhythm {
    uint16_t bins[HN_RHYTHM_BINS]; /* times counted by their size, four bins for each doubling */
    uint16_t n;
};

void hn_rhythm_note(struct hn_rhythm *rhythm, double seconds);

/* Seconds, a little less than the median rather than more; 0 while fewer than HN_RHYTHM_YOUNG were noted. */
double hn_rhythm_usual(const struct hn_rhythm *rhythm);

#endif
