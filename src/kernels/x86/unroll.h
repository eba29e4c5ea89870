/* Before a loop of constant length: its arrays then become registers. */
#ifndef HN_KERNELS_X86_UNROLL_H
#define HN_KERNELS_X86_UNROLL_H

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#endif
