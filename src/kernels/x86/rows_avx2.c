#define KERNEL_NAME(name) hn_##name##_avx2

#include "kernels/x86/v16_avx2.h"
#include "kernels/x86/rows_body.h"
