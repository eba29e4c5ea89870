#define KERNEL_NAME(name) hn_##name##_avx2
#define ROWS_MAX          6
#define PANELS            1
#define WIDE              4

#include "kernels/x86/v16_avx2.h"
#include "kernels/x86/gemm_body.h"
#include "kernels/x86/channels_body.h"
#include "kernels/x86/winograd_body.h"
