#include "naming.h"

#include <stdlib.h>

#include "fuzz.h"
#include "model/categories.h"

/* Of several of one name the first is found. */
static void find_all(const struct hn_categories *c)
{
    struct hn_buf name = {0};
    double code = -1;
    for (size_t i = 0; i < c->names.n; i++) {
        hn_buf_clear(&name);
        hn_categories_put(c, i, &name);
        if (name.failed) break;
        if (!hn_categories_find(c, hn_buf_view(&name), &code) || code > (double)i) abort();
    }
    (void)hn_categories_find(c, HN_STR("none"), &code);
    fuzz_touch(name.p, name.n);
    hn_buf_free(&name);
}

void fuzz_categories(const struct hn_forest *f)
{
    struct hn_arena arena = {0};
    const struct hn_categories *all = NULL;
    if (hn_categories_copy(f, &arena, &all, NULL) == HN_OK)
        for (size_t i = 0; all && i < f->n_features; i++)
            if (all[i].names.n) find_all(&all[i]);
    hn_arena_free(&arena);
}
