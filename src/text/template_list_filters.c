/* Filters on sequences and mappings, after jinja2/filters.py. Those that are generators there draw their
 * items one by one here, too. */
#include "base/bits.h"
#include "text/template_case.h"
#include "text/template_render.h"
#include "text/template_text.h"

#define FILTER(name)                                                                               \
    static bool name(struct hn_render *r, const struct hn_val *v, const struct hn_args *args,      \
                     struct hn_val *out)
#define UNUSED (void)args

/* --- Attributes by path: "a.b.0" -------------------------------------------------------------- */

static bool is_digits(struct hn_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9') return false;
    return s.n > 0 && s.n < 18;
}

static struct hn_val path_part(struct hn_str part)
{
    if (!is_digits(part)) return hn_val_str(part);
    int64_t i = 0;
    for (size_t k = 0; k < part.n; k++)
        i = i * 10 + (part.p[k] - '0');
    return hn_val_int(i);
}

/* What a path finds in an item; `otherwise` (HN_V_MISSING or none: nothing) for what is undefined. */
static bool follow_text(struct hn_render *r, struct hn_val item, struct hn_str path,
                        const struct hn_val *otherwise, struct hn_val *out)
{
    for (bool last = false; !last;) {
        const char *dot = memchr(path.p, '.', path.n);
        const struct hn_str part = {path.p, dot ? (size_t)(dot - path.p) : path.n};
        const struct hn_val key = path_part(part);
        if (!hn_val_getitem(r, &item, &key, &item)) return false;
        if (item.type == HN_V_UNDEFINED && otherwise && otherwise->type != HN_V_MISSING &&
            otherwise->type != HN_V_NONE)
            item = *otherwise;
        last = !dot;
        path = (struct hn_str){path.p + part.n + !last, path.n - part.n - !last};
    }
    *out = item;
    return true;
}

static bool follow(struct hn_render *r, const struct hn_val *item, const struct hn_val *path,
                   const struct hn_val *otherwise, struct hn_val *out)
{
    *out = *item;
    if (!hn_val_given(path)) return true;
    if (path->type == HN_V_STR) return follow_text(r, *item, path->s, otherwise, out);
    if (!hn_val_getitem(r, item, path, out)) return false;
    if (out->type == HN_V_UNDEFINED && otherwise && otherwise->type != HN_V_MISSING &&
        otherwise->type != HN_V_NONE)
        *out = *otherwise;
    return true;
}

static bool fold_case(struct hn_render *r, bool sensitive, struct hn_val *v)
{
    if (sensitive || v->type != HN_V_STR) return true;
    v->safe = false;
    return hn_text_case(r, v->s, HN_CASE_LOWER, &v->s);
}

/* --- Generators ------------------------------------------------------------------------------- */

struct generator {
    struct hn_val over;
    struct hn_iter *it;
    struct hn_args args;
    struct hn_val v[HN_BUILTIN_MAX_PARAMS + 1];
    const struct hn_builtin *func;
    bool started, negate, by_attribute, done;
    struct hn_val path, otherwise;
    struct hn_dict *seen;
    struct hn_list *list;
    size_t at, offset;
};

static bool generate(struct hn_render *r, const struct hn_val *v, const struct hn_args *args,
                     bool (*next)(struct hn_render *r, struct hn_iter *it, struct hn_val *out),
                     struct generator **state, struct hn_val *out)
{
    struct generator *g = hn_render_alloc(r, 1, sizeof *g);
    struct hn_iter *it;
    if (!g || !hn_iter_new(r, next, g, &it)) return false;
    g->over = v[0];
    if (args) g->args = *args;
    else memcpy(g->v, v, sizeof g->v);
    *state = g;
    *out = (struct hn_val){.type = HN_V_ITER, .iter = it};
    return true;
}

/* Begins to draw, at the first item asked for; ended at once where `over` is false. */
static bool start(struct hn_render *r, struct generator *g)
{
    g->started = true;
    g->done = !hn_val_truth(&g->over);
    return g->done || hn_val_iterator(r, &g->over, &g->it);
}

static bool draw(struct hn_render *r, struct generator *g, struct hn_val *out)
{
    *out = (struct hn_val){0};
    if (g->done) return true;
    if (!hn_iter_next(r, g->it, out)) return false;
    g->done = out->type == HN_V_MISSING;
    return true;
}

static const struct hn_val *keyword(const struct hn_args *args, const char *name)
{
    for (size_t i = 0; i < args->n_keywords; i++)
        if (hn_str_is(args->keywords[i].name, name)) return &args->keywords[i].value;
    return NULL;
}

static bool start_map(struct hn_render *r, struct generator *g)
{
    const struct hn_val *path = keyword(&g->args, "attribute");
    if (!start(r, g) || g->done) return !r->status;
    if (g->args.n == 0 && path) {
        const struct hn_val *otherwise = keyword(&g->args, "default");
        g->by_attribute = true;
        g->path = *path;
        if (otherwise) g->otherwise = *otherwise;
        if (g->args.n_keywords > 1 + (otherwise != NULL))
            return hn_render_fail(r, "Unexpected keyword argument");
        return true;
    }
    if (g->args.n == 0) return hn_render_fail(r, "map requires a filter argument");
    const struct hn_val *name = &g->args.items[0];
    if (name->type == HN_V_STR) g->func = hn_filter_find(name->s);
    if (!g->func)
        return hn_render_fail(r, "No filter named '%.*s'.",
                              HN_FMT(name->type == HN_V_STR ? name->s : HN_STR("?")));
    g->args.items++;
    g->args.n--;
    return true;
}

static bool next_mapped(struct hn_render *r, struct hn_iter *it, struct hn_val *out)
{
    struct generator *g = it->state;
    struct hn_val item;
    if (!g->started && !start_map(r, g)) return false;
    if (!draw(r, g, &item)) return false;
    *out = item;
    if (item.type == HN_V_MISSING) return true;
    if (g->by_attribute) return follow(r, &item, &g->path, &g->otherwise, out);
    return hn_builtin_call(r, g->func, &item, &g->args, out);
}

FILTER(map)
{
    struct generator *g;
    return generate(r, v, args, next_mapped, &g, out);
}

static bool start_select(struct hn_render *r, struct generator *g)
{
    if (!start(r, g) || g->done) return !r->status;
    if (g->by_attribute) {
        if (g->args.n == 0) return hn_render_fail(r, "Missing parameter for attribute name");
        g->path = g->args.items[0];
        g->args.items++;
        g->args.n--;
    }
    if (g->args.n == 0) return true;
    const struct hn_val *name = &g->args.items[0];
    if (name->type == HN_V_STR) g->func = hn_test_find(name->s);
    if (!g->func)
        return hn_render_fail(r, "No test named '%.*s'.",
                              HN_FMT(name->type == HN_V_STR ? name->s : HN_STR("?")));
    g->args.items++;
    g->args.n--;
    return true;
}

static bool next_selected(struct hn_render *r, struct hn_iter *it, struct hn_val *out)
{
    struct generator *g = it->state;
    if (!g->started && !start_select(r, g)) return false;
    for (;;) {
        struct hn_val item, tested, holds;
        if (!draw(r, g, &item)) return false;
        *out = item;
        if (item.type == HN_V_MISSING) return true;
        tested = item;
        if (g->by_attribute && !follow(r, &item, &g->path, NULL, &tested)) return false;
        holds = tested;
        if (g->func && !hn_builtin_call(r, g->func, &tested, &g->args, &holds)) return false;
        if (hn_val_truth(&holds) != g->negate) return true;
    }
}

static bool select_or_reject(struct hn_render *r, const struct hn_val *v,
                             const struct hn_args *args, bool negate, bool by_attribute,
                             struct hn_val *out)
{
    struct generator *g;
    if (!generate(r, v, args, next_selected, &g, out)) return false;
    g->negate = negate;
    g->by_attribute = by_attribute;
    return true;
}

FILTER(select_items)
{
    return select_or_reject(r, v, args, false, false, out);
}

FILTER(reject)
{
    return select_or_reject(r, v, args, true, false, out);
}

FILTER(selectattr)
{
    return select_or_reject(r, v, args, false, true, out);
}

FILTER(rejectattr)
{
    return select_or_reject(r, v, args, true, true, out);
}

/* As start(), but for values that are false, too. */
static bool start_any(struct hn_render *r, struct generator *g)
{
    if (g->started) return true;
    g->started = true;
    return hn_val_iterator(r, &g->over, &g->it);
}

static bool next_unique(struct hn_render *r, struct hn_iter *it, struct hn_val *out)
{
    struct generator *g = it->state;
    if (!start_any(r, g) || (!g->seen && !hn_dict_new(r, 0, &g->seen))) return false;
    for (;;) {
        struct hn_val key, *known;
        if (!draw(r, g, out)) return false;
        if (out->type == HN_V_MISSING) return true;
        if (!follow(r, out, &g->v[2], NULL, &key) || !fold_case(r, hn_val_truth(&g->v[1]), &key) ||
            !hn_dict_get(r, g->seen, &key, &known))
            return false;
        if (known) continue;
        return hn_dict_put(r, g->seen, key, hn_val_none());
    }
}

FILTER(unique)
{
    struct generator *g;
    UNUSED;
    return generate(r, v, NULL, next_unique, &g, out);
}

static bool next_pair(struct hn_render *r, struct hn_iter *it, struct hn_val *out)
{
    struct generator *g = it->state;
    *out = (struct hn_val){0};
    if (g->over.type == HN_V_UNDEFINED) return true;
    if (g->over.type != HN_V_DICT)
        return hn_render_fail(r, "Can only get item pairs from a mapping.");
    if (g->at == g->over.dict->n) return true;
    const struct hn_entry *e = &g->over.dict->entries[g->at++];
    return hn_val_pair(r, e->key, e->value, out);
}

FILTER(items)
{
    struct generator *g;
    UNUSED;
    return generate(r, v, NULL, next_pair, &g, out);
}

static bool next_batch(struct hn_render *r, struct hn_iter *it, struct hn_val *out)
{
    struct generator *g = it->state;
    int64_t size = 0;
    struct hn_list *row;
    struct hn_val item;
    *out = (struct hn_val){0};
    if (!start_any(r, g) || !hn_val_index(r, &g->v[1], 0, &size) || !hn_list_new(r, 0, &row))
        return false;
    if (g->list) { /* drawn when the row before was full */
        if (!hn_list_add(r, row, g->list->items[0])) return false;
        g->list = NULL;
    }
    for (;;) {
        if (!draw(r, g, &item)) return false;
        if (item.type == HN_V_MISSING) break;
        /* A row is done when an item comes that is past it. */
        if ((int64_t)row->n == size) {
            if (!hn_list_new(r, 1, &g->list) || !hn_list_add(r, g->list, item)) return false;
            *out = hn_val_list(HN_V_LIST, row);
            return true;
        }
        if (!hn_list_add(r, row, item)) return false;
    }
    if (row->n == 0) return true;
    while (hn_val_given(&g->v[2]) && (int64_t)row->n < size)
        if (!hn_list_add(r, row, g->v[2])) return false;
    *out = hn_val_list(HN_V_LIST, row);
    return true;
}

FILTER(batch)
{
    struct generator *g;
    UNUSED;
    return generate(r, v, NULL, next_batch, &g, out);
}

static bool next_slice(struct hn_render *r, struct hn_iter *it, struct hn_val *out)
{
    struct generator *g = it->state;
    int64_t slices = 0;
    *out = (struct hn_val){0};
    if (!g->list && !hn_val_to_list(r, &g->over, &g->list)) return false;
    if (!hn_val_index(r, &g->v[1], 0, &slices)) return false;
    if (slices == 0) return hn_render_fail(r, "integer division or modulo by zero");
    if (slices < 0 || g->at == (size_t)slices) return true;
    const size_t n = g->list->n, per = n / (size_t)slices, more = n % (size_t)slices;
    const size_t from = g->offset + g->at * per;
    if (g->at < more) g->offset++;
    const size_t to = g->offset + (g->at + 1) * per;
    struct hn_list *row;
    if (!hn_list_new(r, to - from + 1, &row)) return false;
    for (size_t i = from; i < to; i++)
        if (!hn_list_add(r, row, g->list->items[i])) return false;
    if (hn_val_given(&g->v[2]) && g->at >= more && !hn_list_add(r, row, g->v[2])) return false;
    g->at++;
    *out = hn_val_list(HN_V_LIST, row);
    return true;
}

FILTER(slice)
{
    struct generator *g;
    UNUSED;
    return generate(r, v, NULL, next_slice, &g, out);
}

static bool next_reversed(struct hn_render *r, struct hn_iter *it, struct hn_val *out)
{
    struct generator *g = it->state;
    (void)r;
    *out = g->at ? g->list->items[--g->at] : (struct hn_val){0};
    return true;
}

/* reversed(); *out stays HN_V_MISSING for what has no end to begin at. */
static bool reversed(struct hn_render *r, const struct hn_val *v, struct hn_val *out)
{
    struct generator *g;
    *out = (struct hn_val){0};
    if (v->type == HN_V_ITER || v->type < HN_V_STR ? v->type != HN_V_UNDEFINED
                                                   : v->type > HN_V_VIEW)
        return true;
    const struct hn_val args[HN_BUILTIN_MAX_PARAMS + 1] = {*v};
    if (!generate(r, args, NULL, next_reversed, &g, out) || !hn_val_to_list(r, v, &g->list))
        return false;
    g->at = g->list->n;
    return true;
}

FILTER(reverse)
{
    UNUSED;
    if (v->type == HN_V_STR) {
        const struct hn_val bounds[3] = {{0}, {0}, hn_val_int(-1)};
        return hn_val_slice(r, v, bounds, out);
    }
    if (!reversed(r, v, out)) return false;
    if (out->type != HN_V_MISSING) return true;
    struct hn_list *list;
    struct hn_iter *it;
    if (!hn_val_iterate(r, v, &it)) return false;
    if (!it) return hn_render_fail(r, "argument must be iterable");
    if (!hn_val_to_list(r, v, &list)) return false;
    for (size_t i = 0; i < list->n / 2; i++) {
        const struct hn_val swap = list->items[i];
        list->items[i] = list->items[list->n - 1 - i];
        list->items[list->n - 1 - i] = swap;
    }
    *out = hn_val_list(HN_V_LIST, list);
    return true;
}

/* --- The others ------------------------------------------------------------------------------- */

FILTER(length)
{
    UNUSED;
    bool has;
    size_t n;
    if (!hn_val_length(r, v, &has, &n)) return false;
    if (!has) return hn_render_fail(r, "object of type '%s' has no len()", hn_val_type_name(v));
    *out = hn_val_int((int64_t)n);
    return true;
}

FILTER(first)
{
    UNUSED;
    struct hn_iter *it;
    if (!hn_val_iterator(r, v, &it) || !hn_iter_next(r, it, out)) return false;
    return out->type != HN_V_MISSING ||
           hn_val_undefined_hint(r, HN_STR("No first item, sequence was empty."), out);
}

FILTER(last)
{
    UNUSED;
    struct hn_val back;
    if (!reversed(r, v, &back)) return false;
    if (back.type == HN_V_MISSING)
        return hn_render_fail(r, "'%s' object is not reversible", hn_val_type_name(v));
    if (!hn_iter_next(r, back.iter, out)) return false;
    return out->type != HN_V_MISSING ||
           hn_val_undefined_hint(r, HN_STR("No last item, sequence was empty."), out);
}

FILTER(list)
{
    UNUSED;
    struct hn_list *all;
    if (!hn_val_to_list(r, v, &all)) return false;
    *out = hn_val_list(HN_V_LIST, all);
    return true;
}

static bool join_into(struct hn_render *r, const struct hn_val *v, struct hn_buf *buf)
{
    struct hn_iter *it;
    struct hn_val item;
    struct hn_str separator = {"", 0};
    if (v[1].type != HN_V_MISSING && !hn_val_to_str(r, &v[1], &separator)) return false;
    if (!hn_val_iterator(r, v, &it)) return false;
    for (bool any = false;; any = true) {
        if (!hn_iter_next(r, it, &item)) return false;
        if (item.type == HN_V_MISSING) return true;
        if (any) hn_buf_str(buf, separator);
        if (!follow(r, &item, &v[2], NULL, &item) || !hn_val_print(r, &item, buf)) return false;
    }
}

FILTER(join)
{
    UNUSED;
    struct hn_buf buf = hn_render_buf(r);
    *out = hn_val_str((struct hn_str){0});
    return hn_render_take(r, &buf, join_into(r, v, &buf), &out->s);
}

/* The key to sort by, as Jinja2 has it: a list of what the paths find, which commas part. Lists compare
 * otherwise than their items do: two undefined ones are equal there and cannot be compared here. */
static bool sort_key(struct hn_render *r, const struct hn_val *item, const struct hn_val *path,
                     bool sensitive, struct hn_val *out)
{
    struct hn_list *list;
    struct hn_val one;
    if (path->type != HN_V_STR || !memchr(path->s.p, ',', path->s.n)) {
        if (!follow(r, item, path, NULL, &one) || !fold_case(r, sensitive, &one) ||
            !hn_list_new(r, 1, &list) || !hn_list_add(r, list, one))
            return false;
        *out = hn_val_list(HN_V_LIST, list);
        return true;
    }
    struct hn_str rest = path->s;
    if (!hn_list_new(r, 2, &list)) return false;
    for (bool last = false; !last;) {
        const char *comma = memchr(rest.p, ',', rest.n);
        const struct hn_str part = {rest.p, comma ? (size_t)(comma - rest.p) : rest.n};
        struct hn_val key;
        if (!follow_text(r, *item, part, NULL, &key) || !fold_case(r, sensitive, &key) ||
            !hn_list_add(r, list, key))
            return false;
        last = !comma;
        rest = (struct hn_str){rest.p + part.n + !last, rest.n - part.n - !last};
    }
    *out = hn_val_list(HN_V_LIST, list);
    return true;
}

FILTER(sort)
{
    UNUSED;
    struct hn_list *all, *keys;
    if (!hn_val_to_list(r, v, &all) || !hn_list_new(r, all->n, &keys)) return false;
    for (size_t i = 0; i < all->n; i++) {
        struct hn_val key;
        if (!sort_key(r, &all->items[i], &v[3], hn_val_truth(&v[2]), &key) ||
            !hn_list_add(r, keys, key))
            return false;
    }
    *out = hn_val_list(HN_V_LIST, all);
    return hn_list_sort(r, all, keys, hn_val_truth(&v[1]));
}

FILTER(dictsort)
{
    UNUSED;
    struct hn_list *pairs, *keys;
    const struct hn_val *by = &v[2];
    const bool by_value = by->type == HN_V_STR && hn_str_is(by->s, "value");
    if (by->type != HN_V_MISSING && !by_value && (by->type != HN_V_STR || !hn_str_is(by->s, "key")))
        return hn_render_fail(r, "You can only sort by either \"key\" or \"value\"");
    if (v->type == HN_V_UNDEFINED) return hn_val_fail_undefined(r, v);
    if (v->type != HN_V_DICT)
        return hn_render_fail(r, "'%s' object has no attribute 'items'", hn_val_type_name(v));
    const struct hn_dict *dict = v->dict;
    if (!hn_list_new(r, dict->n, &pairs) || !hn_list_new(r, dict->n, &keys)) return false;
    for (size_t i = 0; i < dict->n; i++) {
        const struct hn_entry *e = &dict->entries[i];
        struct hn_val pair, key = by_value ? e->value : e->key;
        if (!hn_val_pair(r, e->key, e->value, &pair) || !hn_list_add(r, pairs, pair) ||
            !fold_case(r, hn_val_truth(&v[1]), &key) || !hn_list_add(r, keys, key))
            return false;
    }
    *out = hn_val_list(HN_V_LIST, pairs);
    return hn_list_sort(r, pairs, keys, hn_val_truth(&v[3]));
}

static bool extreme(struct hn_render *r, const struct hn_val *v, char op, struct hn_val *out)
{
    struct hn_iter *it;
    struct hn_val item, key, best = {0};
    if (!hn_val_iterator(r, v, &it)) return false;
    for (*out = (struct hn_val){0};;) {
        bool better = out->type == HN_V_MISSING;
        if (!hn_iter_next(r, it, &item)) return false;
        if (item.type == HN_V_MISSING) break;
        if (!follow(r, &item, &v[2], NULL, &key) || !fold_case(r, hn_val_truth(&v[1]), &key) ||
            (!better && !hn_val_order(r, &key, &best, op, &better)))
            return false;
        if (!better) continue;
        best = key;
        *out = item;
    }
    return out->type != HN_V_MISSING ||
           hn_val_undefined_hint(r, HN_STR("No aggregated item, sequence was empty."), out);
}

FILTER(max)
{
    UNUSED;
    return extreme(r, v, '>', out);
}

FILTER(min)
{
    UNUSED;
    return extreme(r, v, '<', out);
}

FILTER(sum)
{
    UNUSED;
    struct hn_iter *it;
    struct hn_val item, total = v[2].type == HN_V_MISSING ? hn_val_int(0) : v[2];
    if (total.type == HN_V_STR)
        return hn_render_fail(r, "sum() can't sum strings [use ''.join(seq) instead]");
    if (!hn_val_iterator(r, v, &it)) return false;
    for (;;) {
        if (!hn_iter_next(r, it, &item)) return false;
        if (item.type == HN_V_MISSING) break;
        if (!follow(r, &item, &v[1], NULL, &item) || !hn_val_operate(r, '+', &total, &item, &total))
            return false;
    }
    *out = total;
    return true;
}

/* A run of items with equal keys, from `at`, becomes a group. */
static bool take_group(struct hn_render *r, const struct hn_list *items, const struct hn_list *keys,
                       const struct hn_val *v, size_t *at, struct hn_val *out)
{
    struct hn_list *members;
    struct hn_val grouper = keys->items[*at];
    bool same = true;
    if (!hn_list_new(r, 0, &members)) return false;
    for (const size_t first = *at; same && *at < items->n;) {
        if (!hn_list_add(r, members, items->items[(*at)++])) return false;
        if (*at < items->n && !hn_val_equal(r, &keys->items[first], &keys->items[*at], &same))
            return false;
    }
    /* The key as the first one has it, not in small letters. */
    if (!hn_val_truth(&v[3]) && !follow(r, &members->items[0], &v[1], &v[2], &grouper))
        return false;
    if (!hn_val_pair(r, grouper, hn_val_list(HN_V_LIST, members), out)) return false;
    out->list->group = true;
    return true;
}

FILTER(groupby)
{
    UNUSED;
    struct hn_list *all, *pairs, *keys, *groups;
    if (!hn_val_to_list(r, v, &all) || !hn_list_new(r, all->n, &keys) ||
        !hn_list_new(r, all->n, &pairs) || !hn_list_new(r, 0, &groups))
        return false;
    for (size_t i = 0; i < all->n; i++) {
        struct hn_val key;
        if (!follow(r, &all->items[i], &v[1], &v[2], &key) ||
            !fold_case(r, hn_val_truth(&v[3]), &key) || !hn_list_add(r, keys, key) ||
            !hn_list_add(r, pairs, key))
            return false;
    }
    if (!hn_list_sort(r, all, keys, false) || !hn_list_sort(r, pairs, keys, false)) return false;
    for (size_t at = 0; at < all->n;) {
        struct hn_val group;
        if (!take_group(r, all, pairs, v, &at, &group) || !hn_list_add(r, groups, group))
            return false;
    }
    *out = hn_val_list(HN_V_LIST, groups);
    return true;
}

const struct hn_builtin hn_template_list_filters[] = {
    {"batch", "!linecount fill_with", batch},
    {"count", "", length},
    {"dictsort", "case_sensitive by reverse", dictsort},
    {"first", "", first},
    {"groupby", "!attribute default case_sensitive", groupby},
    {"items", "", items},
    {"join", "d attribute", join},
    {"last", "", last},
    {"length", "", length},
    {"list", "", list},
    {"map", "*", map},
    {"max", "case_sensitive attribute", max},
    {"min", "case_sensitive attribute", min},
    {"reject", "*", reject},
    {"rejectattr", "*", rejectattr},
    {"reverse", "", reverse},
    {"select", "*", select_items},
    {"selectattr", "*", selectattr},
    {"slice", "!slices fill_with", slice},
    {"sort", "reverse case_sensitive attribute", sort},
    {"sum", "attribute start", sum},
    {"unique", "case_sensitive attribute", unique},
    {NULL, NULL, NULL},
};
