/* Sorting, as stable as Python's. */
#include "base/bits.h"
#include "text/template_render.h"

struct sorter {
    struct hn_render *r;
    const struct hn_val *keys;
    size_t *from, *to;
    bool reverse;
};

/* Merges from[a..b) and from[b..c) into to[a..c). */
static bool merge(struct sorter *s, size_t a, size_t b, size_t c)
{
    size_t i = a, k = b;
    for (size_t at = a; at < c; at++) {
        bool take_second = i == b;
        if (i < b && k < c) {
            const struct hn_val *x = &s->keys[s->from[i]], *y = &s->keys[s->from[k]];
            const bool ok = s->reverse ? hn_val_order(s->r, x, y, '<', &take_second)
                                       : hn_val_order(s->r, y, x, '<', &take_second);
            if (!ok) return false;
        }
        s->to[at] = s->from[take_second ? k++ : i++];
    }
    return true;
}

bool hn_list_sort(struct hn_render *r, struct hn_list *list, const struct hn_list *keys,
                  bool reverse)
{
    const size_t n = list->n;
    struct sorter s = {.r = r, .keys = keys ? keys->items : list->items, .reverse = reverse};
    s.from = hn_render_alloc(r, n, sizeof *s.from);
    s.to = hn_render_alloc(r, n, sizeof *s.to);
    struct hn_val *sorted = hn_render_alloc(r, n, sizeof *sorted);
    if (!s.from || !s.to || !sorted) return false;
    for (size_t i = 0; i < n; i++)
        s.from[i] = i;
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t a = 0; a < n; a += 2 * width)
            if (!merge(&s, a, hn_min(a + width, n), hn_min(a + 2 * width, n))) return false;
        size_t *swap = s.from;
        s.from = s.to;
        s.to = swap;
    }
    for (size_t i = 0; i < n; i++)
        sorted[i] = list->items[s.from[i]];
    list->items = sorted;
    list->cap = n;
    return true;
}
