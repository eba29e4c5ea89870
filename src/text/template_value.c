/* Values: making them, and what Python's built-in functions say of them. */
#include "text/template_value.h"

#include <math.h>

#include "base/bits.h"
#include "text/template_loop.h"
#include "text/template_render.h"
#include "text/template_text.h"

const char *hn_val_type_name(const struct hn_val *v)
{
    static const char *const names[] = {
        [HN_V_MISSING] = "missing",
        [HN_V_UNDEFINED] = "Undefined",
        [HN_V_NONE] = "NoneType",
        [HN_V_BOOL] = "bool",
        [HN_V_INT] = "int",
        [HN_V_FLOAT] = "float",
        [HN_V_STR] = "str",
        [HN_V_LIST] = "list",
        [HN_V_TUPLE] = "tuple",
        [HN_V_DICT] = "dict",
        [HN_V_RANGE] = "range",
        [HN_V_VIEW] = "dict_keys",
        [HN_V_ITER] = "generator",
        [HN_V_NAMESPACE] = "Namespace",
        [HN_V_MACRO] = "Macro",
        [HN_V_FUNC] = "function",
        [HN_V_METHOD] = "builtin_function_or_method",
        [HN_V_LOOP] = "LoopContext",
        [HN_V_CYCLER] = "Cycler",
        [HN_V_JOINER] = "Joiner",
    };
    if (v->type == HN_V_VIEW && v->view->kind != 'k')
        return v->view->kind == 'v' ? "dict_values" : "dict_items";
    if (v->type == HN_V_STR && v->safe) return "Markup";
    return names[v->type];
}

static bool new_undefined(struct hn_render *r, struct hn_undef undef, struct hn_val *out)
{
    struct hn_undef *p = hn_render_alloc(r, 1, sizeof *p);
    if (!p) return false;
    *p = undef;
    *out = (struct hn_val){.type = HN_V_UNDEFINED, .undef = p};
    return true;
}

bool hn_val_undefined_name(struct hn_render *r, struct hn_str name, struct hn_val *out)
{
    return new_undefined(r, (struct hn_undef){.name = hn_val_str(name)}, out);
}

bool hn_val_undefined_item(struct hn_render *r, const struct hn_val *owner,
                           const struct hn_val *name, struct hn_val *out)
{
    return new_undefined(r, (struct hn_undef){.owner = *owner, .name = *name}, out);
}

bool hn_val_undefined_hint(struct hn_render *r, struct hn_str hint, struct hn_val *out)
{
    return new_undefined(r, (struct hn_undef){.hint = hint}, out);
}

bool hn_val_fail_undefined(struct hn_render *r, const struct hn_val *v)
{
    const struct hn_undef *u = v->undef;
    if (u->hint.p) return hn_render_fail(r, "%.*s", HN_FMT(u->hint));
    if (u->owner.type == HN_V_MISSING)
        return hn_render_fail(r, "'%.*s' is undefined", HN_FMT(u->name.s));
    const char *type = u->owner.type == HN_V_NONE        ? "None"
                       : u->owner.type == HN_V_NAMESPACE ? "jinja2.utils.Namespace object"
                                                         : hn_val_type_name(&u->owner);
    const char *more =
        u->owner.type == HN_V_NONE || u->owner.type == HN_V_NAMESPACE ? "" : " object";
    if (u->name.type == HN_V_STR)
        return hn_render_fail(r, "'%s%s' has no attribute '%.*s'", type, more, HN_FMT(u->name.s));
    struct hn_buf name = {.limit = 200};
    struct hn_str text = HN_STR("...");
    if (hn_val_repr(r, &u->name, &name)) text = hn_buf_view(&name);
    hn_render_fail(r, "%s%s has no element %.*s", type, more, HN_FMT(text));
    hn_buf_free(&name);
    return false;
}

bool hn_list_new(struct hn_render *r, size_t cap, struct hn_list **out)
{
    struct hn_list *list = hn_render_alloc(r, 1, sizeof *list);
    if (!list) return false;
    list->cap = cap;
    list->items = hn_render_alloc(r, cap, sizeof *list->items);
    *out = list;
    return list->items != NULL;
}

bool hn_list_add(struct hn_render *r, struct hn_list *list, struct hn_val v)
{
    if (!hn_render_step(r, 1)) return false;
    if (list->n == list->cap) {
        const size_t cap = hn_max(8, list->cap * 2);
        struct hn_val *grown = hn_render_alloc(r, cap, sizeof *grown);
        if (!grown) return false;
        if (list->n) memcpy(grown, list->items, list->n * sizeof *grown);
        list->items = grown;
        list->cap = cap;
    }
    list->items[list->n++] = v;
    return true;
}

bool hn_val_index(struct hn_render *r, const struct hn_val *v, int64_t otherwise, int64_t *out)
{
    *out = otherwise;
    if (v->type == HN_V_MISSING) return true;
    if (!hn_val_is_int(v))
        return hn_render_fail(r, "'%s' object cannot be interpreted as an integer",
                              hn_val_type_name(v));
    *out = hn_val_as_int(v);
    return true;
}

bool hn_val_pair(struct hn_render *r, struct hn_val a, struct hn_val b, struct hn_val *out)
{
    struct hn_list *list;
    if (!hn_list_new(r, 2, &list)) return false;
    list->items[0] = a;
    list->items[1] = b;
    list->n = 2;
    *out = hn_val_list(HN_V_TUPLE, list);
    return true;
}

bool hn_val_truth(const struct hn_val *v)
{
    switch ((enum hn_val_type)v->type) {
    case HN_V_MISSING:
    case HN_V_UNDEFINED:
    case HN_V_NONE: return false;
    case HN_V_BOOL: return v->b;
    case HN_V_INT: return v->i != 0;
    case HN_V_FLOAT: return v->f != 0;
    case HN_V_STR: return v->s.n > 0;
    case HN_V_LIST:
    case HN_V_TUPLE: return v->list->n > 0;
    case HN_V_DICT: return v->dict->n > 0;
    case HN_V_RANGE: return v->range->n > 0;
    case HN_V_VIEW: return v->view->dict->n > 0;
    default: return true;
    }
}

bool hn_val_length(struct hn_render *r, const struct hn_val *v, bool *has, size_t *out)
{
    *has = true;
    *out = 0;
    switch ((enum hn_val_type)v->type) {
    case HN_V_UNDEFINED: return true;
    case HN_V_STR: *out = hn_text_length(v->s); return hn_render_step(r, v->s.n / 64);
    case HN_V_LIST:
    case HN_V_TUPLE: *out = v->list->n; return true;
    case HN_V_DICT: *out = v->dict->n; return true;
    case HN_V_RANGE: *out = v->range->n; return true;
    case HN_V_VIEW: *out = v->view->dict->n; return true;
    case HN_V_LOOP: return hn_loop_length(r, v->loop, out);
    default: *has = false; return true;
    }
}

static bool next_item(struct hn_render *r, struct hn_iter *it, struct hn_val *out)
{
    const struct hn_val *over = &it->over;
    *out = (struct hn_val){0};
    const size_t at = it->at;
    switch ((enum hn_val_type)over->type) {
    case HN_V_LIST:
    case HN_V_TUPLE:
        if (at >= over->list->n) return true;
        *out = over->list->items[at];
        break;
    case HN_V_STR:
        if (at >= over->s.n) return true;
        *out = hn_val_str(
            (struct hn_str){over->s.p + at, hn_utf8_length((unsigned char)over->s.p[at])});
        it->at += out->s.n;
        return true;
    case HN_V_DICT:
        if (at >= over->dict->n) return true;
        *out = over->dict->entries[at].key;
        break;
    case HN_V_RANGE:
        if (at >= over->range->n) return true;
        *out = hn_val_int(over->range->start + (int64_t)at * over->range->step);
        break;
    case HN_V_VIEW: {
        const struct hn_dict *dict = over->view->dict;
        if (at >= dict->n) return true;
        const struct hn_entry *e = &dict->entries[at];
        if (over->view->kind == 'i') {
            if (!hn_val_pair(r, e->key, e->value, out)) return false;
        } else {
            *out = over->view->kind == 'k' ? e->key : e->value;
        }
        break;
    }
    default: return true; /* undefined has no items */
    }
    it->at++;
    return true;
}

bool hn_iter_new(struct hn_render *r,
                 bool (*next)(struct hn_render *r, struct hn_iter *it, struct hn_val *out),
                 void *state, struct hn_iter **out)
{
    struct hn_iter *it = hn_render_alloc(r, 1, sizeof *it);
    if (!it) return false;
    it->next = next;
    it->state = state;
    *out = it;
    return true;
}

bool hn_iter_next(struct hn_render *r, struct hn_iter *it, struct hn_val *out)
{
    if (!hn_render_step(r, 1) || !hn_render_enter(r)) return false;
    const bool ok = it->next(r, it, out);
    hn_render_leave(r);
    return ok;
}

bool hn_val_iterate(struct hn_render *r, const struct hn_val *v, struct hn_iter **out)
{
    *out = NULL;
    switch ((enum hn_val_type)v->type) {
    case HN_V_ITER: *out = v->iter; return true;
    case HN_V_LOOP: return hn_loop_iterate(r, v->loop, out);
    case HN_V_UNDEFINED:
    case HN_V_STR:
    case HN_V_LIST:
    case HN_V_TUPLE:
    case HN_V_DICT:
    case HN_V_RANGE:
    case HN_V_VIEW:
        if (!hn_iter_new(r, next_item, NULL, out)) return false;
        (*out)->over = *v;
        return true;
    default: return true;
    }
}

bool hn_val_iterator(struct hn_render *r, const struct hn_val *v, struct hn_iter **out)
{
    if (!hn_val_iterate(r, v, out)) return false;
    if (*out) return true;
    return hn_render_fail(r, "'%s' object is not iterable", hn_val_type_name(v));
}

bool hn_val_to_list(struct hn_render *r, const struct hn_val *v, struct hn_list **out)
{
    struct hn_iter *it;
    struct hn_val item;
    if (!hn_val_iterator(r, v, &it) || !hn_list_new(r, hn_val_is_list(v) ? v->list->n : 0, out))
        return false;
    for (;;) {
        if (!hn_iter_next(r, it, &item)) return false;
        if (item.type == HN_V_MISSING) return true;
        if (!hn_list_add(r, *out, item)) return false;
    }
}

/* Two numbers; integers and floats compare as the numbers they are. -2: not comparable (NaN). */
static int compare_numbers(const struct hn_val *a, const struct hn_val *b)
{
    if (hn_val_is_int(a) && hn_val_is_int(b)) {
        const int64_t x = hn_val_as_int(a), y = hn_val_as_int(b);
        return (x > y) - (x < y);
    }
    if (a->type == HN_V_FLOAT && b->type == HN_V_FLOAT) {
        if (isnan(a->f) || isnan(b->f)) return -2;
        return (a->f > b->f) - (a->f < b->f);
    }
    const bool swap = b->type == HN_V_FLOAT;
    const double f = swap ? b->f : a->f;
    const int64_t i = hn_val_as_int(swap ? a : b);
    if (isnan(f)) return -2;
    int order; /* of the float to the integer */
    if (f >= 0x1p63) {
        order = 1;
    } else if (f < -0x1p63) {
        order = -1;
    } else {
        const double whole = trunc(f);
        const int64_t t = (int64_t)whole;
        order = t != i ? (t > i) - (t < i) : (f > whole) - (f < whole);
    }
    return swap ? -order : order;
}

static bool equal_lists(struct hn_render *r, const struct hn_list *a, const struct hn_list *b,
                        bool *out)
{
    *out = a->n == b->n;
    for (size_t i = 0; *out && i < a->n && i < b->n; i++)
        if (!hn_val_equal(r, &a->items[i], &b->items[i], out)) return false;
    return true;
}

static bool equal_dicts(struct hn_render *r, const struct hn_dict *a, const struct hn_dict *b,
                        bool *out)
{
    *out = a->n == b->n;
    for (size_t i = 0; *out && i < a->n; i++) {
        struct hn_val *other;
        if (!hn_dict_get(r, b, &a->entries[i].key, &other)) return false;
        *out = other != NULL;
        if (other && !hn_val_equal(r, &a->entries[i].value, other, out)) return false;
    }
    return true;
}

static bool equal_inside(struct hn_render *r, const struct hn_val *a, const struct hn_val *b,
                         bool *out)
{
    if (!hn_render_enter(r)) return false;
    bool ok = true;
    if (a->type == HN_V_DICT) ok = a->dict == b->dict || equal_dicts(r, a->dict, b->dict, out);
    else ok = a->list == b->list || equal_lists(r, a->list, b->list, out);
    hn_render_leave(r);
    return ok;
}

bool hn_val_equal(struct hn_render *r, const struct hn_val *a, const struct hn_val *b, bool *out)
{
    if (!hn_render_step(r, 1)) return false;
    if (hn_val_is_number(a) && hn_val_is_number(b)) {
        *out = compare_numbers(a, b) == 0;
        return true;
    }
    *out = a->type == b->type;
    if (!*out) return true;
    switch ((enum hn_val_type)a->type) {
    case HN_V_STR: *out = hn_str_eq(a->s, b->s); return hn_render_step(r, a->s.n / 64);
    case HN_V_LIST:
    case HN_V_TUPLE:
    case HN_V_DICT: return equal_inside(r, a, b, out);
    case HN_V_RANGE:
        *out = a->range->n == b->range->n &&
               (a->range->n == 0 || (a->range->start == b->range->start &&
                                     (a->range->n == 1 || a->range->step == b->range->step)));
        return true;
    case HN_V_METHOD: *out = a->method == b->method; return true;
    case HN_V_UNDEFINED:
    case HN_V_NONE:
    case HN_V_MISSING: return true;
    default: *out = a->dict == b->dict; return true; /* the same object */
    }
}

static bool decide(char op, int order)
{
    switch (op) {
    case '<': return order == -1;
    case 'l': return order == -1 || order == 0;
    case '>': return order == 1;
    default: return order == 1 || order == 0;
    }
}

static bool order_lists(struct hn_render *r, const struct hn_list *a, const struct hn_list *b,
                        char op, bool *out)
{
    const size_t n = hn_min(a->n, b->n);
    for (size_t i = 0; i < n; i++) {
        bool equal;
        if (!hn_val_equal(r, &a->items[i], &b->items[i], &equal)) return false;
        if (!equal) return hn_val_order(r, &a->items[i], &b->items[i], op, out);
    }
    *out = decide(op, (a->n > b->n) - (a->n < b->n));
    return true;
}

bool hn_val_order(struct hn_render *r, const struct hn_val *a, const struct hn_val *b, char op,
                  bool *out)
{
    if (!hn_render_step(r, 1)) return false;
    if (hn_val_is_number(a) && hn_val_is_number(b)) {
        *out = decide(op, compare_numbers(a, b));
        return true;
    }
    if (a->type == HN_V_UNDEFINED) return hn_val_fail_undefined(r, a);
    if (b->type == HN_V_UNDEFINED) return hn_val_fail_undefined(r, b);
    if (a->type == HN_V_STR && b->type == HN_V_STR) {
        const int order = memcmp(a->s.p, b->s.p, hn_min(a->s.n, b->s.n));
        const int rest = (a->s.n > b->s.n) - (a->s.n < b->s.n);
        *out = decide(op, order ? (order > 0) - (order < 0) : rest);
        return hn_render_step(r, hn_min(a->s.n, b->s.n) / 64);
    }
    if (a->type == b->type && hn_val_is_list(a)) {
        if (!hn_render_enter(r)) return false;
        const bool ok = order_lists(r, a->list, b->list, op, out);
        hn_render_leave(r);
        return ok;
    }
    const char *sign = op == 'l' ? "<=" : op == 'g' ? ">=" : op == '<' ? "<" : ">";
    return hn_render_fail(r, "'%s' not supported between instances of '%s' and '%s'", sign,
                          hn_val_type_name(a), hn_val_type_name(b));
}

static bool contains_by_walk(struct hn_render *r, const struct hn_val *item,
                             const struct hn_val *in, bool *out)
{
    struct hn_iter *it;
    struct hn_val v;
    if (!hn_val_iterate(r, in, &it)) return false;
    if (!it)
        return hn_render_fail(r, "argument of type '%s' is not iterable", hn_val_type_name(in));
    for (*out = false; !*out;) {
        if (!hn_iter_next(r, it, &v)) return false;
        if (v.type == HN_V_MISSING) return true;
        if (!hn_val_equal(r, &v, item, out)) return false;
    }
    return true;
}

bool hn_val_contains(struct hn_render *r, const struct hn_val *item, const struct hn_val *in,
                     bool *out)
{
    struct hn_val *found;
    switch ((enum hn_val_type)in->type) {
    case HN_V_STR:
        if (item->type != HN_V_STR)
            return hn_render_fail(r, "'in <string>' requires string as left operand, not %s",
                                  hn_val_type_name(item));
        if (!hn_render_scan(r, in->s.n)) return false;
        *out = hn_text_find(in->s, item->s) != SIZE_MAX;
        return true;
    case HN_V_DICT:
        if (!hn_dict_get(r, in->dict, item, &found)) return false;
        *out = found != NULL;
        return true;
    default: return contains_by_walk(r, item, in, out);
    }
}
