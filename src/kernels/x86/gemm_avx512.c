#define KERNEL_NAME(name) hn_##name##_avx512
#define ROWS_MAX          14
#define PANELS            2
#define WIDE              8

#include "kernels/x86/v16_avx512.h"
#include "kernels/x86/gemm_body.h"
#include "kernels/x86/channels_body.h"
#include "kernels/x86/winograd_body.h"
