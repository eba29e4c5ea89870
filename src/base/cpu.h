/* What this processor can do, as ordered levels, and how many cores this process may use. */
#ifndef HN_BASE_CPU_H
#define HN_BASE_CPU_H

#include "base/status.h"

/* Each level includes the ones before it. A kernel table is chosen for one level. */
enum hn_cpu_level {
    HN_CPU_REF,        /* portable C, the reference */
    HN_CPU_AVX2,       /* AVX2, FMA, F16C */
    HN_CPU_AVX512,     /* AVX-512 F, BW, VL, DQ */
    HN_CPU_AVX512VNNI, /* + VNNI, VBMI */
    HN_CPU_AVX512BF16, /* + BF16 */
    HN_CPU_AMX,        /* + AMX: tiles of 8-bit integers and of BF16 */
    HN_CPU_LEVELS
};

/* The best level of this machine (processor and operating system). Where it is AMX, the operating
 * system was asked for this process's use of it, which holds for threads that start later. */
enum hn_cpu_level hn_cpu_detect(void);

/* The detected level, lowered to `mask` when that is not NULL: "ref", "avx2", "avx512",
 * "avx512vnni", "avx512bf16" or "amx". HN_E_ARG for an unknown name, HN_E_UNSUPPORTED for a level this
 * machine lacks. Callers pass getenv("HENCE_CPU"). */
enum hn_status hn_cpu_choose(const char *mask, enum hn_cpu_level *out, struct hn_error *err);

const char *hn_cpu_level_name(enum hn_cpu_level level);

/* Processors this process may run on (its affinity mask), at least 1. */
unsigned hn_cpu_count(void);

/* The processor's own name, "unknown" where it tells none. Writes at most n bytes with the NUL. */
void hn_cpu_model(char *out, size_t n);

#endif
