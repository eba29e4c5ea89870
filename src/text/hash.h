/* A fast seeded hash of short byte strings: two multiplications for up to 16 bytes. Not for storage:
 * the values may change between versions. */
#ifndef HN_TEXT_HASH_H
#define HN_TEXT_HASH_H

#include "base/bits.h"
#include "base/str.h"

/* The halves of the 128-bit product folded together: every input bit reaches every output bit. */
static inline uint64_t hn_hash_mix(uint64_t a, uint64_t b)
{
    const unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hn_hash_text(struct hn_str s, uint64_t seed)
{
    const uint64_t k0 = 0x9E3779B97F4A7C15u, k1 = 0xD6E8FEB86659FD93u;
    const char *p = s.p;
    size_t n = s.n;
    uint64_t h = seed ^ k0;
    for (; n > 16; p += 16, n -= 16)
        h = hn_hash_mix(hn_load_u64(p) ^ h, hn_load_u64(p + 8) ^ k1);
    uint64_t a = 0, b = 0;
    if (n >= 8) {
        a = hn_load_u64(p);
        b = hn_load_u64(p + n - 8);
    } else if (n >= 4) {
        a = hn_load_u32(p);
        b = hn_load_u32(p + n - 4);
    } else if (n > 0) {
        a = (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[n / 2] << 8 |
            (unsigned char)p[n - 1];
    }
    return hn_hash_mix(hn_hash_mix(a ^ h, b ^ k1) ^ s.n, k0);
}

static inline uint64_t hn_hash_pair(uint64_t pair, uint64_t seed)
{
    return hn_hash_mix(pair ^ seed, 0x9E3779B97F4A7C15u);
}

#endif
