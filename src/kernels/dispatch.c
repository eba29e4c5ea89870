#include "kernels/kernels.h"

#include "kernels/list.h"

/* A table is the list's rows up to its level; a later initialiser of a slot replaces an earlier one,
 * which is what the list means. */
#if defined(__clang__)
#pragma clang diagnostic ignored "-Winitializer-overrides"
#else
#pragma GCC diagnostic ignored "-Woverride-init"
#endif

#define MATMUL(pack, type, level, isa, act, tile, bound)                                           \
    FROM_##level(.matmul[HN_PACK_##pack] = {hn_matmul_##type##_##isa, HN_ACT_##act, tile,          \
                                            "matmul_" #type "_" #isa}, )
#define KERNEL(slot, op, type, level, isa, bound) FROM_##level(.slot = hn_##op##_##type##_##isa, )

#define TAKE(...) __VA_ARGS__
#define SKIP(...)

static const struct hn_kernels tables[HN_CPU_LEVELS] = {
#define FROM_REF        TAKE
#define FROM_AVX2       SKIP
#define FROM_AVX512     SKIP
#define FROM_AVX512VNNI SKIP
#define FROM_AVX512BF16 SKIP
#define FROM_AMX        SKIP
    [HN_CPU_REF] =
        {
            .level = HN_CPU_REF,
#include "kernels/list.def"
        },
#undef FROM_AVX2
#define FROM_AVX2 TAKE
    [HN_CPU_AVX2] =
        {
            .level = HN_CPU_AVX2,
#include "kernels/list.def"
        },
#undef FROM_AVX512
#define FROM_AVX512 TAKE
    [HN_CPU_AVX512] =
        {
            .level = HN_CPU_AVX512,
#include "kernels/list.def"
        },
#undef FROM_AVX512VNNI
#define FROM_AVX512VNNI TAKE
    [HN_CPU_AVX512VNNI] =
        {
            .level = HN_CPU_AVX512VNNI,
#include "kernels/list.def"
        },
#undef FROM_AVX512BF16
#define FROM_AVX512BF16 TAKE
    [HN_CPU_AVX512BF16] =
        {
            .level = HN_CPU_AVX512BF16,
#include "kernels/list.def"
        },
#undef FROM_AMX
#define FROM_AMX TAKE
    [HN_CPU_AMX] =
        {
            .level = HN_CPU_AMX,
            .lots = true,
#include "kernels/list.def"
        },
};

const struct hn_kernels *hn_kernels_for(enum hn_cpu_level level)
{
    return &tables[level];
}
