#include "tensor/weights.h"

#include "base/bits.h"

enum hn_status hn_weights_add(struct hn_weights *w, struct hn_arena *arena,
                              const struct hn_tensor *t, struct hn_error *err)
{
    if (w->n == w->cap) {
        const size_t cap = w->cap ? w->cap * 2 : 64;
        struct hn_tensor *items = hn_arena_alloc(arena, cap, sizeof *items);
        if (!items) return hn_fail_nomem(err, "the weight table", cap * sizeof *items);
        if (w->n) memcpy(items, w->items, w->n * sizeof *items);
        w->items = items;
        w->cap = cap;
    }
    w->items[w->n++] = *t;
    return HN_OK;
}

/* The slot that holds the name, or the empty one where it would go. */
static uint32_t *find_slot(const struct hn_weights *w, struct hn_str name)
{
    size_t at = hn_str_hash(name, 0) & (w->n_slots - 1);
    while (w->slots[at] && !hn_str_eq(w->items[w->slots[at] - 1].name, name))
        at = (at + 1) & (w->n_slots - 1);
    return &w->slots[at];
}

enum hn_status hn_weights_index(struct hn_weights *w, struct hn_arena *arena, struct hn_error *err)
{
    size_t n_slots = 16;
    while (n_slots < 2 * w->n)
        n_slots *= 2;
    w->slots = hn_arena_alloc(arena, n_slots, sizeof *w->slots);
    if (!w->slots) return hn_fail_nomem(err, "the weight index", n_slots * sizeof *w->slots);
    w->n_slots = n_slots;
    for (size_t i = 0; i < w->n; i++) {
        uint32_t *slot = find_slot(w, w->items[i].name);
        if (*slot)
            return hn_fail(err, HN_E_FORMAT, "tensor %.*s appears twice", HN_FMT(w->items[i].name));
        *slot = (uint32_t)(i + 1);
    }
    return HN_OK;
}

const struct hn_tensor *hn_weights_find(const struct hn_weights *w, struct hn_str name)
{
    if (!w->n_slots) return NULL;
    const uint32_t at = *find_slot(w, name);
    return at ? &w->items[at - 1] : NULL;
}
