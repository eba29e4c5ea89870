#define KERNEL_NAME(name) hn_##name##_avx512

#include "kernels/x86/v16_avx512.h"
#include "kernels/x86/rows_body.h"
