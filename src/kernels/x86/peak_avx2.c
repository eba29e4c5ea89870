#define KERNEL_NAME(name) hn_##name##_avx2

#include "kernels/x86/lanes_avx2.h"
#include "kernels/x86/peak_body.h"

PEAK_F32
PEAK_Q8
