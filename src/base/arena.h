/* Arena: many allocations, one release. Chunks grow; an optional limit bounds the total. */
#ifndef HN_BASE_ARENA_H
#define HN_BASE_ARENA_H

#include <stddef.h>

#include "base/str.h"

struct hn_arena_chunk;

/* Zero-initialised is empty and valid. `limit` (0 = none) bounds the bytes handed out. */
struct hn_arena {
    struct hn_arena_chunk *chunks;
    size_t used;
    size_t limit;
};

/* n * size bytes, zeroed, aligned for any type up to 64 bytes; NULL when memory or the limit is
 * exhausted or the product overflows. n * size == 0 gives a valid pointer. */
void *hn_arena_alloc(struct hn_arena *arena, size_t n, size_t size);

/* NUL-terminated copy of a view; p is NULL when out of memory. */
struct hn_str hn_arena_str(struct hn_arena *arena, struct hn_str s);

/* Releases everything; the arena is empty again, its limit kept. */
void hn_arena_free(struct hn_arena *arena);

#endif
