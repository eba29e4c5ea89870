#define KERNEL_NAME(name) hn_##name##_avx512bf16

#include "kernels/x86/lanes_avx512.h"
#include "kernels/x86/peak_body.h"

double hn_peak_bf16_avx512bf16(size_t rounds)
{
    vi one = i_set1(0x3f803f80);
    vf sums[PEAK_SUMS];
    UNROLL for (int s = 0; s < PEAK_SUMS; s++) sums[s] = f_zero();
    PEAK_LOOP(rounds, _mm512_dpbf16_ps(sums[s], (__m512bh)one, (__m512bh)one))
    return f_total(sums);
}
