/* Declarations of every kernel in list.def: hn_<operation>_<type>_<isa>. */
#ifndef HN_KERNELS_LIST_H
#define HN_KERNELS_LIST_H

#include "kernels/kernels.h"

#define MATMUL(pack, type, level, isa, act, tile, bound) hn_matmul_fn hn_matmul_##type##_##isa;
/* The slot's own type declares the function. */
#define KERNEL(slot, op, type, level, isa, bound)                                                  \
    __typeof__(*((struct hn_kernels *)0)->slot) hn_##op##_##type##_##isa;
#include "kernels/list.def"
#undef MATMUL
#undef KERNEL

#endif
