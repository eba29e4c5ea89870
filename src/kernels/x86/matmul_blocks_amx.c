#define KERNEL_NAME(name) hn_##name##_amx
#define HAVE_AMX

#include "kernels/x86/lanes_avx512.h"
#include "kernels/x86/matmul_blocks_body.h"
