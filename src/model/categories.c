#include "model/categories.h"

#include <math.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/real.h"
#include "formats/document.h"

static int compare_texts(struct hn_str a, struct hn_str b)
{
    const size_t n = hn_min(a.n, b.n);
    const int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

/* Of several of one name the first comes first. */
static int by_name(const void *p, const void *q, void *context)
{
    const struct hn_forest_names *names = context;
    const uint32_t a = *(const uint32_t *)p, b = *(const uint32_t *)q;
    const int order = names->texts ? compare_texts(names->texts[a], names->texts[b])
                                   : (names->numbers[a] > names->numbers[b]) -
                                         (names->numbers[a] < names->numbers[b]);
    return order ? order : (a > b) - (a < b);
}

static bool copy_texts(struct hn_arena *arena, const struct hn_forest_names *from,
                       struct hn_categories *to)
{
    double number;
    struct hn_str *texts = hn_arena_alloc(arena, from->n, sizeof *texts);
    for (size_t i = 0; texts && i < from->n; i++) {
        texts[i] = hn_arena_str(arena, from->texts[i]);
        if (!texts[i].p) return false;
        to->like_numbers |= hn_doc_real_from(texts[i], &number) && isfinite(number);
    }
    to->names.texts = texts;
    return texts;
}

static bool copy(struct hn_arena *arena, const struct hn_forest_names *from,
                 struct hn_categories *to)
{
    uint32_t *order = hn_arena_alloc(arena, from->n, sizeof *order);
    to->names.n = from->n;
    if (!order) return false;
    if (from->texts) {
        if (!copy_texts(arena, from, to)) return false;
    } else {
        double *numbers = hn_arena_alloc(arena, from->n, sizeof *numbers);
        if (!numbers) return false;
        memcpy(numbers, from->numbers, from->n * sizeof *numbers);
        to->names.numbers = numbers;
    }
    for (size_t i = 0; i < from->n; i++)
        order[i] = (uint32_t)i;
    qsort_r(order, from->n, sizeof *order, by_name, &to->names);
    to->order = order;
    return true;
}

enum hn_status hn_categories_copy(const struct hn_forest *f, struct hn_arena *arena,
                                  const struct hn_categories **out, struct hn_error *err)
{
    if (!f->category_names) return HN_OK;
    struct hn_categories *all = hn_arena_alloc(arena, f->n_features, sizeof *all);
    bool good = all;
    for (size_t i = 0; good && i < f->n_features; i++)
        good = !f->category_names[i].n || copy(arena, &f->category_names[i], &all[i]);
    *out = all;
    return good ? HN_OK : hn_fail_nomem(err, "names of categories", arena->used);
}

/* The first place in their order whose name is none before the one that is sought. */
static size_t lowest(const struct hn_categories *c, struct hn_str text, double number)
{
    size_t low = 0;
    for (size_t high = c->names.n; low < high;) {
        const size_t middle = low + (high - low) / 2;
        const uint32_t code = c->order[middle];
        const bool before = c->names.texts ? compare_texts(c->names.texts[code], text) < 0
                                           : c->names.numbers[code] < number;
        if (before) low = middle + 1;
        else high = middle;
    }
    return low;
}

bool hn_categories_find_number(const struct hn_categories *c, double number, double *code)
{
    const size_t at = lowest(c, (struct hn_str){0}, number);
    if (at == c->names.n || c->names.numbers[c->order[at]] != number) return false;
    *code = c->order[at];
    return true;
}

bool hn_categories_find(const struct hn_categories *c, struct hn_str name, double *code)
{
    double number;
    if (!c->names.texts)
        return hn_doc_real_from(name, &number) && hn_categories_find_number(c, number, code);
    const size_t at = lowest(c, name, 0);
    if (at == c->names.n || !hn_str_eq(c->names.texts[c->order[at]], name)) return false;
    *code = c->order[at];
    return true;
}

void hn_categories_put(const struct hn_categories *c, size_t code, struct hn_buf *out)
{
    char text[HN_REAL_TEXT];
    if (c->names.texts) hn_buf_str(out, c->names.texts[code]);
    else hn_buf_add(out, text, hn_real_text(c->names.numbers[code], false, text));
}
