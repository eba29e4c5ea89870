#define KERNEL_NAME(name) hn_##name##_avx2

#include "kernels/x86/lanes_avx2.h"
#include "kernels/x86/matmul_blocks_body.h"
