#include "base/cpu.h"

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "base/bits.h"

static const char *const level_names[HN_CPU_LEVELS] = {"ref",        "avx2",       "avx512",
                                                       "avx512vnni", "avx512bf16", "amx"};

#if defined(__x86_64__)
struct cpuid_regs {
    uint32_t a, b, c, d;
};

static struct cpuid_regs cpuid(uint32_t leaf, uint32_t sub)
{
    struct cpuid_regs r = {0};
    __cpuid_count(leaf, sub, r.a, r.b, r.c, r.d);
    return r;
}

/* The register states the operating system saves (XCR0). */
static uint64_t saved_states(void)
{
    uint32_t lo;
    uint32_t hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return ((uint64_t)hi << 32) | lo;
}

static bool has_all(uint32_t reg, uint32_t mask)
{
    return (reg & mask) == mask;
}

/* Linux gives a process the large state of its tiles when it asks (arch_prctl(2)). */
static bool may_use_tiles(void)
{
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

enum hn_cpu_level hn_cpu_detect(void)
{
    const uint32_t max_leaf = cpuid(0, 0).a;
    if (max_leaf < 7) return HN_CPU_REF;
    const uint32_t fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28, f16c = 1u << 29;
    if (!has_all(cpuid(1, 0).c, fma | osxsave | avx | f16c)) return HN_CPU_REF;
    const uint64_t ymm_state = 0x6, zmm_state = 0xe6;
    const uint64_t states = saved_states();
    const struct cpuid_regs ext = cpuid(7, 0);
    const uint32_t avx2 = 1u << 5, bmi2 = 1u << 8;
    if ((states & ymm_state) != ymm_state || !has_all(ext.b, avx2 | bmi2)) return HN_CPU_REF;
    const uint32_t f = 1u << 16, dq = 1u << 17, bw = 1u << 30, vl = 1u << 31;
    if ((states & zmm_state) != zmm_state || !has_all(ext.b, f | dq | bw | vl)) return HN_CPU_AVX2;
    const uint32_t vbmi = 1u << 1, vnni = 1u << 11;
    if (!has_all(ext.c, vbmi | vnni)) return HN_CPU_AVX512;
    const uint32_t bf16 = 1u << 5;
    if (ext.a < 1 || !has_all(cpuid(7, 1).a, bf16)) return HN_CPU_AVX512VNNI;
    const uint64_t tile_state = 0x60000;
    const uint32_t amx_bf16 = 1u << 22, amx_tile = 1u << 24, amx_int8 = 1u << 25;
    if ((states & tile_state) != tile_state || !has_all(ext.d, amx_bf16 | amx_tile | amx_int8) ||
        !may_use_tiles())
        return HN_CPU_AVX512BF16;
    return HN_CPU_AMX;
}
#else
enum hn_cpu_level hn_cpu_detect(void)
{
    return HN_CPU_REF;
}
#endif

enum hn_status hn_cpu_choose(const char *mask, enum hn_cpu_level *out, struct hn_error *err)
{
    *out = hn_cpu_detect();
    if (!mask || !*mask) return HN_OK;
    for (int i = 0; i < HN_CPU_LEVELS; i++) {
        if (strcmp(mask, level_names[i]) != 0) continue;
        if (i > (int)*out)
            return hn_fail(err, HN_E_UNSUPPORTED, "HENCE_CPU=%s: this processor stops at %s", mask,
                           level_names[*out]);
        *out = (enum hn_cpu_level)i;
        return HN_OK;
    }
    return hn_fail(err, HN_E_ARG,
                   "HENCE_CPU=%s: unknown level; use ref, avx2, avx512, avx512vnni, avx512bf16 or "
                   "amx",
                   mask);
}

const char *hn_cpu_level_name(enum hn_cpu_level level)
{
    return level >= 0 && level < HN_CPU_LEVELS ? level_names[level] : "unknown";
}

unsigned hn_cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) < 0) return 1;
    const int n = CPU_COUNT(&set);
    return n > 0 ? (unsigned)n : 1;
}

void hn_cpu_model(char *out, size_t n)
{
    snprintf(out, n, "unknown");
#if defined(__x86_64__)
    if (cpuid(0x80000000u, 0).a < 0x80000004u) return;
    char name[49] = {0};
    for (uint32_t i = 0; i < 3; i++) {
        const struct cpuid_regs r = cpuid(0x80000002u + i, 0);
        memcpy(name + 16 * i, &r, sizeof r);
    }
    const char *start = name + strspn(name, " ");
    if (*start) snprintf(out, n, "%s", start);
#endif
}
