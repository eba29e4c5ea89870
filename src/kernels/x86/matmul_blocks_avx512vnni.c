#define KERNEL_NAME(name) hn_##name##_avx512vnni

#include "kernels/x86/lanes_avx512.h"
#include "kernels/x86/matmul_blocks_body.h"
