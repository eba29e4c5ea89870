#define KERNEL_NAME(name) hn_##name##_avx512bf16
#define UNIT_ELEMENTS     2
#define UNIT_STEP         add_pairs
#define SUMS_MAX          24

#include "kernels/x86/v16_avx512.h"

/* The pairs in w and x are bf16: sum + w[1] x[1] + w[0] x[0], as the processor rounds it. */
static inline v16 add_pairs(v16 w, v16 x, v16 sum)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)_mm512_castps_si512(w),
                            (__m512bh)_mm512_castps_si512(x));
}

#include "kernels/x86/matmul_floats_body.h"

MATMUL_FLOATS(BF16, bf16, bf16)
