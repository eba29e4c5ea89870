#include "engine/select.h"

#include <string.h>

enum { DIGIT = 10, BUCKETS = 1 << DIGIT, FEW = 24 };

/* Insertion sort, then a walk. */
static uint64_t select_few(uint64_t *keys, uint64_t *weights, size_t n, uint64_t needed)
{
    for (size_t i = 1; i < n; i++) {
        const uint64_t key = keys[i], weight = weights ? weights[i] : 1;
        size_t j = i;
        for (; j && keys[j - 1] > key; j--) {
            keys[j] = keys[j - 1];
            if (weights) weights[j] = weights[j - 1];
        }
        keys[j] = key;
        if (weights) weights[j] = weight;
    }
    size_t i = 0;
    for (; i + 1 < n; i++) {
        const uint64_t weight = weights ? weights[i] : 1;
        if (weight >= needed) break;
        needed -= weight;
    }
    return keys[i];
}

/* Radix selection from the highest bit in which the keys differ: each round finds the bucket in which
 * the sum is reached and goes on with that bucket alone. */
uint64_t hn_select(uint64_t *keys, uint64_t *weights, size_t n, uint64_t needed)
{
    while (n > FEW) {
        uint64_t low = keys[0], high = keys[0];
        for (size_t i = 1; i < n; i++) {
            low = keys[i] < low ? keys[i] : low;
            high = keys[i] > high ? keys[i] : high;
        }
        const int bits = 64 - __builtin_clzll(low ^ high);
        const int shift = bits > DIGIT ? bits - DIGIT : 0;
        const uint64_t base = low >> shift;
        uint64_t mass[BUCKETS];
        memset(mass, 0, sizeof mass);
        if (weights)
            for (size_t i = 0; i < n; i++)
                mass[(keys[i] >> shift) - base] += weights[i];
        else
            for (size_t i = 0; i < n; i++)
                mass[(keys[i] >> shift) - base]++;
        uint64_t bucket = 0;
        const uint64_t last = (high >> shift) - base;
        for (; bucket < last && mass[bucket] < needed; bucket++)
            needed -= mass[bucket];
        size_t kept = 0;
        for (size_t i = 0; i < n; i++)
            if ((keys[i] >> shift) - base == bucket) {
                keys[kept] = keys[i];
                if (weights) weights[kept] = weights[i];
                kept++;
            }
        n = kept;
    }
    return select_few(keys, weights, n, needed);
}
