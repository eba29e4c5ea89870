/* Words already cut into tokens during one call: ordinary text repeats itself. */
#ifndef HN_TEXT_WORDCACHE_H
#define HN_TEXT_WORDCACHE_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { HN_WORDCACHE_BYTES = 30, HN_WORDCACHE_IDS = 8 };

/* One cache line: a word and its tokens. n_bytes is 0 in an empty slot. */
struct hn_wordcache_slot {
    uint8_t n_bytes, n_ids;
    char bytes[HN_WORDCACHE_BYTES];
    int32_t ids[HN_WORDCACHE_IDS];
};

/* Zero-initialised caches nothing. */
struct hn_wordcache {
    struct hn_wordcache_slot *slots;
    size_t mask;
    uint64_t seed;
};

/* Sizes the cache for a text of n bytes; without memory it stays off, which is only slower. */
void hn_wordcache_init(struct hn_wordcache *cache, size_t n, uint64_t seed);
void hn_wordcache_free(struct hn_wordcache *cache);

/* The slot where `word` is or would go; NULL when the word is too long or the cache is off. It holds
 * the word when hn_wordcache_hit says so. */
struct hn_wordcache_slot *hn_wordcache_slot(const struct hn_wordcache *cache, struct hn_str word);
static inline bool hn_wordcache_hit(const struct hn_wordcache_slot *slot, struct hn_str word)
{
    return slot->n_bytes == word.n && memcmp(slot->bytes, word.p, word.n) == 0;
}
/* Keeps the word's ids in its slot (in place of another word's), unless there are too many. */
void hn_wordcache_put(struct hn_wordcache_slot *slot, struct hn_str word, const int32_t *ids,
                      size_t n);

#endif
