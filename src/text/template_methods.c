/* The methods of lists, tuples, ranges and dictionaries, and the global functions. The sandbox keeps
 * away those that change their object, but for list.pop and list.clear, which it forgets. */
#include <stdio.h>

#include "base/bits.h"
#include "text/template_render.h"

#define METHOD(name)                                                                               \
    static bool name(struct hn_render *r, const struct hn_val *v, const struct hn_args *args,      \
                     struct hn_val *out)
#define UNUSED (void)args

METHOD(copy_list)
{
    UNUSED;
    struct hn_list *list;
    if (!hn_val_to_list(r, v, &list)) return false;
    *out = hn_val_list(HN_V_LIST, list);
    return true;
}

METHOD(count)
{
    UNUSED;
    struct hn_iter *it;
    struct hn_val item;
    int64_t n = 0;
    bool equal;
    if (!hn_val_iterator(r, v, &it)) return false;
    for (;; n += equal) {
        if (!hn_iter_next(r, it, &item)) return false;
        if (item.type == HN_V_MISSING) break;
        if (!hn_val_equal(r, &item, &v[1], &equal)) return false;
    }
    *out = hn_val_int(n);
    return true;
}

METHOD(index_of)
{
    UNUSED;
    struct hn_list *list;
    int64_t start, stop;
    if (!hn_val_to_list(r, v, &list)) return false;
    const int64_t n = (int64_t)list->n;
    if (!hn_val_index(r, &v[2], 0, &start) || !hn_val_index(r, &v[3], n, &stop)) return false;
    if (start < 0) start = start + n < 0 ? 0 : start + n;
    if (stop < 0) stop += n;
    for (int64_t i = start; i < stop && i < n; i++) {
        bool equal;
        if (!hn_val_equal(r, &list->items[i], &v[1], &equal)) return false;
        *out = hn_val_int(i);
        if (equal) return true;
    }
    return hn_render_fail(r, "the value is not in the %s", hn_val_type_name(v));
}

METHOD(pop)
{
    UNUSED;
    struct hn_list *list = v->list;
    int64_t at;
    if (!hn_val_index(r, &v[1], -1, &at)) return false;
    if (list->n == 0) return hn_render_fail(r, "pop from empty list");
    if (at < 0) at += (int64_t)list->n;
    if (at < 0 || at >= (int64_t)list->n) return hn_render_fail(r, "pop index out of range");
    *out = list->items[at];
    memmove(&list->items[at], &list->items[at + 1],
            (list->n - (size_t)at - 1) * sizeof *list->items);
    list->n--;
    return hn_render_step(r, list->n / 4);
}

METHOD(clear)
{
    UNUSED;
    (void)r;
    v->list->n = 0;
    *out = hn_val_none();
    return true;
}

static bool new_view(struct hn_render *r, const struct hn_val *v, char kind, struct hn_val *out)
{
    struct hn_view *view = hn_render_alloc(r, 1, sizeof *view);
    if (!view) return false;
    *view = (struct hn_view){v->dict, kind};
    *out = (struct hn_val){.type = HN_V_VIEW, .view = view};
    return true;
}

METHOD(keys)
{
    UNUSED;
    return new_view(r, v, 'k', out);
}

METHOD(values)
{
    UNUSED;
    return new_view(r, v, 'v', out);
}

METHOD(items)
{
    UNUSED;
    return new_view(r, v, 'i', out);
}

METHOD(get)
{
    UNUSED;
    struct hn_val *found;
    if (!hn_dict_get(r, v->dict, &v[1], &found)) return false;
    *out = found ? *found : v[2].type == HN_V_MISSING ? hn_val_none() : v[2];
    return true;
}

static bool put_all(struct hn_render *r, struct hn_dict *dict, const struct hn_dict *from)
{
    for (size_t i = 0; i < from->n; i++)
        if (!hn_dict_put(r, dict, from->entries[i].key, from->entries[i].value)) return false;
    return true;
}

METHOD(copy_dict)
{
    UNUSED;
    struct hn_dict *dict;
    if (!hn_dict_new(r, v->dict->n, &dict) || !put_all(r, dict, v->dict)) return false;
    *out = hn_val_dict(dict);
    return true;
}

METHOD(fromkeys)
{
    UNUSED;
    struct hn_dict *dict;
    struct hn_iter *it;
    struct hn_val key;
    const struct hn_val value = v[2].type == HN_V_MISSING ? hn_val_none() : v[2];
    if (!hn_dict_new(r, 0, &dict) || !hn_val_iterator(r, &v[1], &it)) return false;
    for (;;) {
        if (!hn_iter_next(r, it, &key)) return false;
        if (key.type == HN_V_MISSING) break;
        if (!hn_dict_put(r, dict, key, value)) return false;
    }
    *out = hn_val_dict(dict);
    return true;
}

/* --- Global functions ------------------------------------------------------------------------- */

/* A pair out of what dict() is given a list of. */
static bool put_pair(struct hn_render *r, struct hn_dict *dict, const struct hn_val *pair)
{
    struct hn_list *parts;
    if (!hn_val_to_list(r, pair, &parts)) return false;
    if (parts->n != 2)
        return hn_render_fail(r, "dictionary update sequence element has length %zu; 2 is required",
                              parts->n);
    return hn_dict_put(r, dict, parts->items[0], parts->items[1]);
}

/* dict(mapping or pairs, **more) */
static bool build_dict(struct hn_render *r, const struct hn_args *args, struct hn_dict **out)
{
    struct hn_iter *it;
    struct hn_val pair;
    if (args->n > 1) return hn_render_fail(r, "dict expected at most 1 argument, got %zu", args->n);
    if (!hn_dict_new(r, 0, out)) return false;
    const struct hn_val *from = args->n ? &args->items[0] : NULL;
    if (from && from->type == HN_V_DICT) {
        if (!put_all(r, *out, from->dict)) return false;
    } else if (from) {
        if (!hn_val_iterator(r, from, &it)) return false;
        for (;;) {
            if (!hn_iter_next(r, it, &pair)) return false;
            if (pair.type == HN_V_MISSING) break;
            if (!put_pair(r, *out, &pair)) return false;
        }
    }
    for (size_t i = 0; i < args->n_keywords; i++)
        if (!hn_dict_put(r, *out, hn_val_str(args->keywords[i].name), args->keywords[i].value))
            return false;
    return true;
}

METHOD(dict)
{
    struct hn_dict *built;
    (void)v;
    if (!build_dict(r, args, &built)) return false;
    *out = hn_val_dict(built);
    return true;
}

METHOD(namespace)
{
    struct hn_namespace *ns = hn_render_alloc(r, 1, sizeof *ns);
    (void)v;
    if (!ns || !build_dict(r, args, &ns->attrs)) return false;
    *out = (struct hn_val){.type = HN_V_NAMESPACE, .ns = ns};
    return true;
}

METHOD(range)
{
    int64_t a = 0, b, step = 1;
    (void)v;
    if (args->n_keywords) return hn_render_fail(r, "range() takes no keyword arguments");
    if (args->n < 1 || args->n > 3)
        return hn_render_fail(r, "range expected 1 to 3 arguments, got %zu", args->n);
    if (!hn_val_index(r, &args->items[args->n > 1], 0, &b) ||
        (args->n > 1 && !hn_val_index(r, &args->items[0], 0, &a)) ||
        (args->n > 2 && !hn_val_index(r, &args->items[2], 1, &step)))
        return false;
    if (step == 0) return hn_render_fail(r, "range() arg 3 must not be zero");
    const bool empty = step > 0 ? a >= b : a <= b;
    const uint64_t distance = step > 0 ? (uint64_t)b - (uint64_t)a : (uint64_t)a - (uint64_t)b;
    const uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    const uint64_t n = empty ? 0 : (distance - 1) / stride + 1;
    if (n > HN_RENDER_MAX_RANGE)
        return hn_render_fail_status(r, HN_E_LIMIT,
                                     "Range too big. The sandbox blocks ranges larger than "
                                     "MAX_RANGE (%d).",
                                     HN_RENDER_MAX_RANGE);
    struct hn_range *range = hn_render_alloc(r, 1, sizeof *range);
    if (!range) return false;
    *range = (struct hn_range){a, b, step, (size_t)n};
    *out = (struct hn_val){.type = HN_V_RANGE, .range = range};
    return true;
}

METHOD(cycler)
{
    struct hn_cycler *made = hn_render_alloc(r, 1, sizeof *made);
    (void)v;
    if (args->n_keywords) return hn_render_fail(r, "cycler() takes no keyword arguments");
    if (args->n == 0) return hn_render_fail(r, "at least one item has to be provided");
    if (!made || !hn_list_new(r, args->n, &made->items)) return false;
    for (size_t i = 0; i < args->n; i++)
        if (!hn_list_add(r, made->items, args->items[i])) return false;
    *out = (struct hn_val){.type = HN_V_CYCLER, .cycler = made};
    return true;
}

METHOD(cycler_next)
{
    UNUSED;
    (void)r;
    struct hn_cycler *c = v->cycler;
    *out = c->items->items[c->at];
    c->at = (c->at + 1) % c->items->n;
    return true;
}

METHOD(cycler_reset)
{
    UNUSED;
    (void)r;
    v->cycler->at = 0;
    *out = hn_val_none();
    return true;
}

METHOD(joiner)
{
    UNUSED;
    struct hn_joiner *made = hn_render_alloc(r, 1, sizeof *made);
    if (!made) return false;
    made->separator = v[1].type == HN_V_MISSING ? hn_val_str(HN_STR(", ")) : v[1];
    *out = (struct hn_val){.type = HN_V_JOINER, .joiner = made};
    return true;
}

METHOD(raise_exception)
{
    UNUSED;
    struct hn_str message;
    (void)out;
    if (!hn_val_to_str(r, &v[1], &message)) return false;
    return hn_render_fail_status(r, HN_E_ARG, "%.*s", (int)hn_min(message.n, 400), message.p);
}

METHOD(strftime_now)
{
    UNUSED;
    struct tm now;
    char text[1024], format[256];
    if (v[1].type != HN_V_STR)
        return hn_render_fail(r, "strftime() argument 1 must be str, not %s",
                              hn_val_type_name(&v[1]));
    if (v[1].s.n >= sizeof format - 1 || memchr(v[1].s.p, '\0', v[1].s.n))
        return hn_render_fail(r, "a format of times is longer than %zu bytes or holds a NUL",
                              sizeof format - 2);
    /* A space more tells an empty result from one that does not fit. */
    snprintf(format, sizeof format, "%.*s ", (int)v[1].s.n, v[1].s.p);
    if (!localtime_r(&r->now, &now)) return hn_render_fail(r, "there is no local time");
    if (!hn_render_number(r)) return false;
    const size_t n = strftime(text, sizeof text, format, &now);
    if (n == 0) return hn_render_fail(r, "a time is longer than %zu bytes", sizeof text);
    *out = hn_val_str((struct hn_str){0});
    return hn_render_copy(r, (struct hn_str){text, n - 1}, &out->s);
}

const struct hn_builtin hn_template_list_methods[] = {
    {"copy", "/", copy_list},
    {"count", "/!value", count},
    {"index", "/!value start stop", index_of},
    {"pop", "/index", pop},
    {"clear", "/", clear},
    {NULL, NULL, NULL},
};

const struct hn_builtin hn_template_tuple_methods[] = {
    {"count", "/!value", count},
    {"index", "/!value start stop", index_of},
    {NULL, NULL, NULL},
};

const struct hn_builtin hn_template_dict_methods[] = {
    {"copy", "/", copy_dict},
    {"fromkeys", "/!iterable value", fromkeys},
    {"get", "/!key default", get},
    {"items", "/", items},
    {"keys", "/", keys},
    {"values", "/", values},
    {NULL, NULL, NULL},
};

const struct hn_builtin hn_template_cycler_methods[] = {
    {"next", "", cycler_next},
    {"reset", "", cycler_reset},
    {NULL, NULL, NULL},
};

const struct hn_builtin hn_template_globals[] = {
    {"range", "*", range},
    {"dict", "*", dict},
    {"namespace", "*", namespace},
    {"cycler", "*", cycler},
    {"joiner", "sep", joiner},
    {"raise_exception", "!message", raise_exception},
    {"strftime_now", "!format", strftime_now},
    {NULL, NULL, NULL},
};
