#define KERNEL_NAME(name) hn_##name##_avx512
#define UNIT_ELEMENTS     1
#define UNIT_STEP         v_fma
#define SUMS_MAX          24

#include "kernels/x86/v16_avx512.h"
#include "kernels/x86/matmul_floats_body.h"

MATMUL_FLOATS(F32, f32, f32)
MATMUL_FLOATS(F16, f16, f32)
MATMUL_FLOATS(BF16, bf16, f32)
