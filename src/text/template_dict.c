/* Dictionaries in order of insertion. */
#include <math.h>

#include "base/bits.h"
#include "text/template_render.h"

enum { SMALL = 8 }; /* entries that are looked through without a table */

static uint64_t mix(uint64_t h)
{
    h = (h ^ (h >> 31)) * 0x9E3779B97F4A7C15u;
    return h ^ (h >> 29);
}

/* Equal keys have equal hashes: 1, 1.0 and True among them. *can is false for what has none. */
static bool hash(struct hn_render *r, const struct hn_val *v, bool *can, uint64_t *h)
{
    if (!hn_render_step(r, 1)) return false;
    *can = v->type != HN_V_LIST && v->type != HN_V_DICT && v->type != HN_V_MISSING &&
           v->type != HN_V_VIEW;
    *h = v->type;
    if (v->type == HN_V_STR) {
        *h = hn_str_hash(v->s, 0);
    } else if (hn_val_is_int(v)) {
        *h = mix((uint64_t)hn_val_as_int(v));
    } else if (v->type == HN_V_FLOAT) {
        if (v->f >= -0x1p63 && v->f < 0x1p63 && trunc(v->f) == v->f) *h = (uint64_t)(int64_t)v->f;
        else memcpy(h, &v->f, sizeof *h);
        *h = mix(*h);
    } else if (v->type == HN_V_TUPLE) {
        if (!hn_render_enter(r)) return false;
        uint64_t part = 1;
        for (size_t i = 0; *can && i < v->list->n; i++) {
            if (!hash(r, &v->list->items[i], can, &part)) return false;
            *h = mix(*h * 31 + part);
        }
        hn_render_leave(r);
    }
    return true;
}

bool hn_val_hashable(struct hn_render *r, const struct hn_val *v, bool *can)
{
    uint64_t h;
    return hash(r, v, can, &h);
}

static bool hash_key(struct hn_render *r, const struct hn_val *key, uint64_t *h)
{
    bool can;
    if (!hash(r, key, &can, h)) return false;
    return can || hn_render_fail(r, "unhashable type: '%s'", hn_val_type_name(key));
}

bool hn_dict_new(struct hn_render *r, size_t cap, struct hn_dict **out)
{
    struct hn_dict *dict = hn_render_alloc(r, 1, sizeof *dict);
    if (!dict) return false;
    dict->cap = cap;
    dict->entries = hn_render_alloc(r, cap, sizeof *dict->entries);
    *out = dict;
    return dict->entries != NULL;
}

/* The slot of a key, or the empty one where it would stand; probes are charged, since who writes a
 * template may choose keys that collide. */
static bool probe(struct hn_render *r, const struct hn_dict *dict, const struct hn_val *key,
                  uint64_t h, size_t *slot, struct hn_entry **found)
{
    *found = NULL;
    for (size_t i = h & (dict->n_slots - 1);; i = (i + 1) & (dict->n_slots - 1)) {
        const uint32_t number = dict->slots[i];
        *slot = i;
        if (!number) return true;
        struct hn_entry *e = &dict->entries[number - 1];
        bool equal = false;
        if (!hn_render_step(r, 1)) return false;
        if (e->hash == h && !hn_val_equal(r, &e->key, key, &equal)) return false;
        if (!equal) continue;
        *found = e;
        return true;
    }
}

static bool find_entry(struct hn_render *r, const struct hn_dict *dict, const struct hn_val *key,
                       uint64_t h, struct hn_entry **found)
{
    size_t slot;
    *found = NULL;
    if (dict->n_slots) return probe(r, dict, key, h, &slot, found);
    for (size_t i = 0; i < dict->n; i++) {
        bool equal = false;
        struct hn_entry *e = &dict->entries[i];
        if (e->hash == h && !hn_val_equal(r, &e->key, key, &equal)) return false;
        if (!equal) continue;
        *found = e;
        return true;
    }
    return true;
}

bool hn_dict_get(struct hn_render *r, const struct hn_dict *dict, const struct hn_val *key,
                 struct hn_val **out)
{
    struct hn_entry *found = NULL;
    uint64_t h;
    if (!hash_key(r, key, &h)) return false;
    if (dict->n && !find_entry(r, dict, key, h, &found)) return false;
    *out = found ? &found->value : NULL;
    return true;
}

static bool grow_slots(struct hn_render *r, struct hn_dict *dict)
{
    const size_t n = dict->n_slots ? dict->n_slots * 2 : 4 * SMALL;
    uint32_t *slots = hn_render_alloc(r, n, sizeof *slots);
    if (!slots) return false;
    for (size_t k = 0; k < dict->n; k++) {
        size_t i = dict->entries[k].hash & (n - 1);
        for (; slots[i]; i = (i + 1) & (n - 1))
            if (!hn_render_step(r, 1)) return false;
        slots[i] = (uint32_t)(k + 1);
    }
    dict->slots = slots;
    dict->n_slots = n;
    return true;
}

static bool add_entry(struct hn_render *r, struct hn_dict *dict, struct hn_entry entry)
{
    if (dict->n == dict->cap) {
        const size_t cap = hn_max(SMALL, dict->cap * 2);
        struct hn_entry *grown = hn_render_alloc(r, cap, sizeof *grown);
        if (!grown) return false;
        if (dict->n) memcpy(grown, dict->entries, dict->n * sizeof *grown);
        dict->entries = grown;
        dict->cap = cap;
    }
    if (dict->n + 1 > (dict->n_slots ? dict->n_slots / 2 : SMALL) && !grow_slots(r, dict))
        return false;
    if (dict->n_slots) {
        struct hn_entry *found;
        size_t slot;
        if (!probe(r, dict, &entry.key, entry.hash, &slot, &found)) return false;
        dict->slots[slot] = (uint32_t)(dict->n + 1);
    }
    dict->entries[dict->n++] = entry;
    return true;
}

bool hn_dict_put(struct hn_render *r, struct hn_dict *dict, struct hn_val key, struct hn_val value)
{
    struct hn_entry *found;
    uint64_t h;
    if (!hash_key(r, &key, &h) || !find_entry(r, dict, &key, h, &found)) return false;
    if (found) {
        found->value = value;
        return true;
    }
    return add_entry(r, dict, (struct hn_entry){key, value, h});
}
