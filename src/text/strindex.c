#include "text/strindex.h"

#include "text/hash.h"

/* The slot that holds `text`, or the empty one where it belongs. */
static struct hn_strindex_slot *slot_of(const struct hn_strindex *index, struct hn_str text,
                                        uint32_t *tag)
{
    const uint64_t h = hn_hash_text(text, index->seed);
    *tag = (uint32_t)(h >> 32);
    for (size_t i = h & index->mask;; i = (i + 1) & index->mask) {
        struct hn_strindex_slot *slot = &index->slots[i];
        if (slot->id < 0) return slot;
        if (slot->tag == *tag && hn_str_eq(index->texts[slot->id], text)) return slot;
    }
}

enum hn_status hn_strindex_init(struct hn_strindex *index, struct hn_arena *arena,
                                const struct hn_str *texts, size_t n, uint64_t seed,
                                struct hn_error *err)
{
    size_t size = 16;
    while (size / 2 < n && size < SIZE_MAX / 4)
        size *= 2;
    struct hn_strindex_slot *slots = hn_arena_alloc(arena, size, sizeof *slots);
    if (!slots) return hn_fail_nomem(err, "vocabulary index", size * sizeof *slots);
    for (size_t i = 0; i < size; i++)
        slots[i].id = -1;
    *index = (struct hn_strindex){.texts = texts, .slots = slots, .mask = size - 1, .seed = seed};
    return HN_OK;
}

void hn_strindex_add(struct hn_strindex *index, int32_t id)
{
    uint32_t tag;
    struct hn_strindex_slot *slot = slot_of(index, index->texts[id], &tag);
    if (slot->id < 0) *slot = (struct hn_strindex_slot){.tag = tag, .id = id};
}

int32_t hn_strindex_find(const struct hn_strindex *index, struct hn_str text)
{
    uint32_t tag;
    return slot_of(index, text, &tag)->id;
}
