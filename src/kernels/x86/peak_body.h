/* The peak counters for any vocabulary of lanes_*.h: included by peak_<isa>.c. More sums than the
 * processor's latency times its units, in registers, and nothing else. */
#include "kernels/list.h"
#include "kernels/x86/unroll.h"

enum { PEAK_SUMS = 12 };

/* Keeps the compiler from knowing what a value is, and so from adding twelve equal sums once. */
#define HIDE(x) __asm__ volatile("" : "+v"(x))

/* One more step of every sum; `step` reads `one` and sums[s]. */
#define PEAK_LOOP(rounds, step)                                                                    \
    for (size_t i = 0; i < (rounds); i++)                                                          \
        UNROLL for (int s = 0; s < PEAK_SUMS; s++)                                                 \
        {                                                                                          \
            HIDE(one);                                                                             \
            sums[s] = step;                                                                        \
        }

#define PEAK_F32                                                                                   \
    double KERNEL_NAME(peak_f32)(size_t rounds)                                                    \
    {                                                                                              \
        vf one = f_set1(1), sums[PEAK_SUMS];                                                       \
        UNROLL for (int s = 0; s < PEAK_SUMS; s++) sums[s] = f_zero();                             \
        PEAK_LOOP(rounds, f_fma(one, one, sums[s]))                                                \
        return f_total(sums);                                                                      \
    }

#define PEAK_Q8                                                                                    \
    double KERNEL_NAME(peak_q8)(size_t rounds)                                                     \
    {                                                                                              \
        vi one = i_set1(0x01010101), sums[PEAK_SUMS];                                              \
        UNROLL for (int s = 0; s < PEAK_SUMS; s++) sums[s] = i_set1(0);                            \
        PEAK_LOOP(rounds, dot_add(6, sums[s], one, one, one, one))                                 \
        vf floats[PEAK_SUMS];                                                                      \
        UNROLL for (int s = 0; s < PEAK_SUMS; s++) floats[s] = f_from_ints(sums[s]);               \
        return f_total(floats);                                                                    \
    }

/* Sum over all lanes of all sums. */
static inline double f_total(const vf sums[PEAK_SUMS])
{
    double total = 0;
    for (int s = 0; s < PEAK_SUMS; s++) {
        float lanes[LANES];
        f_store(lanes, sums[s]);
        for (int i = 0; i < LANES; i++)
            total += (double)lanes[i];
    }
    return total;
}
