#include "base/arena.h"

#include <stdlib.h>

#include "base/bits.h"

enum { ARENA_ALIGN = 64, ARENA_CHUNK = 64 * 1024 };

struct hn_arena_chunk {
    struct hn_arena_chunk *next;
    size_t size; /* of the data behind the header */
    size_t used;
};

static char *chunk_data(struct hn_arena_chunk *chunk)
{
    return (char *)chunk + ARENA_ALIGN;
}

_Static_assert(sizeof(struct hn_arena_chunk) <= ARENA_ALIGN, "the header fits before the data");

/* Small requests pack at 16 bytes, larger ones at a cache line, so that kernels may use aligned
 * loads on arrays. */
static size_t align_of_request(size_t bytes)
{
    return bytes >= ARENA_ALIGN ? ARENA_ALIGN : 16;
}

static struct hn_arena_chunk *add_chunk(struct hn_arena *arena, size_t bytes)
{
    /* Doubling keeps the number of chunks logarithmic for long-lived arenas. */
    size_t size = hn_max(ARENA_CHUNK, hn_min(arena->used, (size_t)1 << 26));
    size = hn_max(size, bytes);
    size_t total;
    if (!hn_add(size, 2 * ARENA_ALIGN, &total)) return NULL;
    total = hn_round_up(total, ARENA_ALIGN);
    struct hn_arena_chunk *chunk = aligned_alloc(ARENA_ALIGN, total);
    if (!chunk) return NULL;
    *chunk = (struct hn_arena_chunk){.next = arena->chunks, .size = total - ARENA_ALIGN};
    arena->chunks = chunk;
    return chunk;
}

void *hn_arena_alloc(struct hn_arena *arena, size_t n, size_t size)
{
    size_t bytes;
    size_t used;
    if (!hn_mul(n, size, &bytes) || !hn_add(arena->used, bytes, &used)) return NULL;
    if (arena->limit && used > arena->limit) return NULL;
    struct hn_arena_chunk *chunk = arena->chunks;
    const size_t align = align_of_request(bytes);
    size_t start = chunk ? hn_round_up(chunk->used, align) : 0;
    if (!chunk || start > chunk->size || bytes > chunk->size - start) {
        chunk = add_chunk(arena, bytes);
        if (!chunk) return NULL;
        start = 0;
    }
    char *p = chunk_data(chunk) + start;
    chunk->used = start + bytes;
    arena->used = used;
    memset(p, 0, bytes);
    return p;
}

struct hn_str hn_arena_str(struct hn_arena *arena, struct hn_str s)
{
    if (s.n == SIZE_MAX) return (struct hn_str){NULL, 0};
    char *p = hn_arena_alloc(arena, s.n + 1, 1);
    if (!p) return (struct hn_str){NULL, 0};
    if (s.n) memcpy(p, s.p, s.n);
    return (struct hn_str){p, s.n};
}

void hn_arena_free(struct hn_arena *arena)
{
    struct hn_arena_chunk *chunk = arena->chunks;
    while (chunk) {
        struct hn_arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    arena->chunks = NULL;
    arena->used = 0;
}
