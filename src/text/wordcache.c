#include "text/wordcache.h"

#include <stdlib.h>

#include "text/hash.h"

enum { SLOTS_FIRST = 64, SLOTS_LAST = 16384 /* 1 MiB: stays in the second-level cache */ };

void hn_wordcache_init(struct hn_wordcache *cache, size_t n, uint64_t seed)
{
    size_t size = SLOTS_FIRST;
    while (size < SLOTS_LAST && size < n / 16)
        size *= 2;
    *cache = (struct hn_wordcache){.seed = seed, .mask = size - 1};
    cache->slots = aligned_alloc(64, size * sizeof *cache->slots);
    for (size_t i = 0; cache->slots && i < size; i++)
        cache->slots[i].n_bytes = 0;
}

void hn_wordcache_free(struct hn_wordcache *cache)
{
    free(cache->slots);
    *cache = (struct hn_wordcache){0};
}

struct hn_wordcache_slot *hn_wordcache_slot(const struct hn_wordcache *cache, struct hn_str word)
{
    if (!cache->slots || word.n == 0 || word.n > HN_WORDCACHE_BYTES) return NULL;
    return &cache->slots[hn_hash_text(word, cache->seed) & cache->mask];
}

void hn_wordcache_put(struct hn_wordcache_slot *slot, struct hn_str word, const int32_t *ids,
                      size_t n)
{
    if (n > HN_WORDCACHE_IDS) return;
    slot->n_bytes = (uint8_t)word.n;
    slot->n_ids = (uint8_t)n;
    memcpy(slot->bytes, word.p, word.n);
    if (n) memcpy(slot->ids, ids, n * sizeof *ids);
}

_Static_assert(sizeof(struct hn_wordcache_slot) == 64, "a slot is a cache line");
