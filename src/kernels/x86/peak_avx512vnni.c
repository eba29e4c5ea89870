#define KERNEL_NAME(name) hn_##name##_avx512vnni

#include "kernels/x86/lanes_avx512.h"
#include "kernels/x86/peak_body.h"

PEAK_Q8
