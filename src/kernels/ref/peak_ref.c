/* Reference of the peak counters: what the compiler makes of plain loops. */
#include "kernels/list.h"

enum { SUMS = 32 };

/* Keeps the compiler from knowing what the numbers at p are. */
#define HIDE(p) __asm__ volatile("" : : "r"(p) : "memory")

double hn_peak_f32_ref(size_t rounds)
{
    float ones[SUMS], sums[SUMS] = {0};
    for (int s = 0; s < SUMS; s++)
        ones[s] = 1;
    for (size_t i = 0; i < rounds; i++) {
        HIDE(ones);
        for (int s = 0; s < SUMS; s++)
            sums[s] += ones[s] * ones[s];
    }
    double total = 0;
    for (int s = 0; s < SUMS; s++)
        total += (double)sums[s];
    return total;
}

/* There is no bf16 arithmetic here: floats do it. */
double hn_peak_bf16_ref(size_t rounds)
{
    return hn_peak_f32_ref(rounds);
}

double hn_peak_split_ref(size_t rounds)
{
    return hn_peak_f32_ref(rounds);
}

double hn_peak_q8_ref(size_t rounds)
{
    int8_t ones[SUMS];
    int32_t sums[SUMS] = {0};
    for (int s = 0; s < SUMS; s++)
        ones[s] = 1;
    for (size_t i = 0; i < rounds; i++) {
        HIDE(ones);
        for (int s = 0; s < SUMS; s++)
            sums[s] += ones[s] * ones[s];
    }
    double total = 0;
    for (int s = 0; s < SUMS; s++)
        total += (double)sums[s];
    return total;
}
