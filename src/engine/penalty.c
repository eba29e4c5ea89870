#include "engine/penalty.h"

#include <float.h>

#include "base/bits.h"

enum hn_status hn_counts_init(struct hn_counts *counts, size_t vocab, size_t max_tokens,
                              size_t window, struct hn_arena *arena, struct hn_error *err)
{
    *counts = (struct hn_counts){.max_tokens = max_tokens, .window = window};
    counts->cap = hn_max(hn_min(vocab, max_tokens), 1);
    if (counts->cap > INT32_MAX / 4)
        return hn_fail(err, HN_E_LIMIT, "penalties over %zu tokens", max_tokens);
    size_t table = 2;
    while (table < 2 * counts->cap)
        table *= 2;
    counts->mask = (uint32_t)(table - 1);
    counts->list = hn_arena_alloc(arena, counts->cap, sizeof *counts->list);
    counts->table = hn_arena_alloc(arena, table, sizeof *counts->table);
    if (!counts->list || !counts->table) return hn_fail_nomem(err, "penalties", table * 4);
    if (window >= max_tokens || window == 0) return HN_OK;
    counts->ring = hn_arena_alloc(arena, window, sizeof *counts->ring);
    return counts->ring ? HN_OK : hn_fail_nomem(err, "penalties", window * sizeof *counts->ring);
}

/* The entry of an id, a new one if need be. The table is never more than half full. */
static struct hn_occurrence *find(struct hn_counts *counts, int32_t id)
{
    uint32_t at = (uint32_t)id * 0x9E3779B1u;
    at = (at ^ at >> 15) & counts->mask;
    while (counts->table[at]) {
        struct hn_occurrence *entry = &counts->list[counts->table[at] - 1];
        if (entry->id == id) return entry;
        at = (at + 1) & counts->mask;
    }
    counts->list[counts->n] = (struct hn_occurrence){.id = id};
    counts->table[at] = (uint32_t)++counts->n;
    return &counts->list[counts->n - 1];
}

enum hn_status hn_counts_add(struct hn_counts *counts, int32_t id, bool generated)
{
    if (counts->seen == counts->max_tokens) return HN_E_LIMIT;
    struct hn_occurrence *entry = find(counts, id);
    if (generated) entry->generated++;
    if (counts->window) entry->recent++;
    if (counts->ring) {
        int32_t *slot = &counts->ring[counts->seen % counts->window];
        if (counts->seen >= counts->window) find(counts, *slot)->recent--;
        *slot = id;
    }
    counts->seen++;
    return HN_OK;
}

void hn_counts_penalize(const struct hn_counts *counts, const struct hn_penalties *penalties,
                        float *logits)
{
    const double repeat = penalties->repeat;
    for (size_t i = 0; i < counts->n; i++) {
        const struct hn_occurrence *entry = &counts->list[i];
        double x = logits[entry->id];
        if (x < -FLT_MAX) continue; /* what is ruled out stays so */
        if (entry->recent) x = x > 0 ? x / repeat : x * repeat;
        if (entry->generated)
            x -= (double)penalties->frequency * entry->generated + (double)penalties->presence;
        logits[entry->id] = (float)(x > FLT_MAX ? FLT_MAX : x < -FLT_MAX ? -FLT_MAX : x);
    }
}
