#include "model/trees_columns.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

static uint64_t hash_of(const struct hn_trees_column *c)
{
    const uint64_t parts[] = {c->feature,
                              (uint64_t)c->test | (uint64_t)c->missing << 8 |
                                  (uint64_t)c->missing_left << 16 | (uint64_t)c->always << 24,
                              c->first, c->count};
    return hn_str_hash((struct hn_str){(const char *)parts, sizeof parts}, 0);
}

static bool same(const struct hn_trees_column *a, const struct hn_trees_column *b)
{
    return a->feature == b->feature && a->test == b->test && a->missing == b->missing &&
           a->missing_left == b->missing_left && a->always == b->always && a->first == b->first &&
           a->count == b->count && a->value == b->value;
}

static uint32_t *slot_of(const struct hn_trees_columns *c, const struct hn_trees_column *like)
{
    size_t at = hash_of(like) & c->mask;
    while (c->table[at] && !same(&c->items[c->table[at] - 1], like))
        at = (at + 1) & c->mask;
    return &c->table[at];
}

static bool grow(struct hn_trees_columns *c)
{
    const size_t cap = c->cap ? 2 * c->cap : 64;
    if (cap > UINT32_MAX / 2) return false;
    struct hn_trees_column *items = reallocarray(c->items, cap, sizeof *items);
    if (!items) return false;
    c->items = items;
    uint32_t *table = calloc(2 * cap, sizeof *table);
    if (!table) return false;
    free(c->table);
    c->table = table;
    c->cap = cap;
    c->mask = 2 * cap - 1;
    for (size_t i = 0; i < c->n; i++)
        *slot_of(c, &c->items[i]) = (uint32_t)i + 1;
    return true;
}

uint32_t hn_trees_column_of(struct hn_trees_columns *c, const struct hn_trees_column *like)
{
    if (c->n == c->cap && !grow(c)) return HN_TREES_NONE;
    uint32_t *slot = slot_of(c, like);
    if (!*slot) {
        c->items[c->n++] = *like;
        *slot = (uint32_t)c->n;
    }
    return *slot - 1;
}

void hn_trees_columns_free(struct hn_trees_columns *c)
{
    free(c->items);
    free(c->table);
    *c = (struct hn_trees_columns){0};
}
