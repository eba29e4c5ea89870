#include "engine/rhythm.h"

#include <math.h>

#define SHORTEST 1e-4 /* seconds: the upper end of the first bin. The last one begins at 75 */
enum { PER_DOUBLING = 4, FORGET_AT = 4096 };

void hn_rhythm_note(struct hn_rhythm *rhythm, double seconds)
{
    const double bin = ceil(PER_DOUBLING * log2(fmax(seconds, SHORTEST) / SHORTEST));
    rhythm->bins[(size_t)fmin(bin, HN_RHYTHM_BINS - 1)]++;
    if (++rhythm->n < FORGET_AT) return;
    rhythm->n = 0;
    for (size_t i = 0; i < HN_RHYTHM_BINS; i++)
        rhythm->n += rhythm->bins[i] /= 2;
}

double hn_rhythm_usual(const struct hn_rhythm *rhythm)
{
    if (rhythm->n < HN_RHYTHM_YOUNG) return 0;
    size_t bin = 0;
    for (size_t below = rhythm->bins[0]; below <= rhythm->n / 2; below += rhythm->bins[bin])
        bin++;
    return SHORTEST * exp2((double)bin / PER_DOUBLING - 1.0 / PER_DOUBLING);
}
