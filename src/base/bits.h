/* Small integer helpers: overflow-checked products, rounding, little-endian loads. */
#ifndef HN_BASE_BITS_H
#define HN_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HN_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* *out = a * b; false (and *out unspecified) when it does not fit. */
static inline bool hn_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

/* *out = a + b; false when it does not fit. */
static inline bool hn_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

static inline size_t hn_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t hn_max(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Smallest multiple of `align` (a power of two) not below `n`; the caller has bounded n. */
static inline size_t hn_round_up(size_t n, size_t align)
{
    return (n + align - 1) & ~(align - 1);
}

static inline size_t hn_div_up(size_t n, size_t by)
{
    return n / by + (n % by != 0);
}

static inline bool hn_is_pow2(uint64_t n)
{
    return n && !(n & (n - 1));
}

/* Unaligned little-endian loads; the supported machines are little-endian. */
#define HN_LOAD(name, type)                                                                        \
    static inline type hn_load_##name(const void *p)                                               \
    {                                                                                              \
        type v;                                                                                    \
        memcpy(&v, p, sizeof v);                                                                   \
        return v;                                                                                  \
    }
HN_LOAD(u16, uint16_t)
HN_LOAD(u32, uint32_t)
HN_LOAD(u64, uint64_t)
HN_LOAD(f32, float)
HN_LOAD(f64, double)
#undef HN_LOAD

#endif
