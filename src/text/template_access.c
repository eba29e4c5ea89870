/* Attributes, items, slices and calls, by the rules of jinja2/sandbox.py. */
#include "base/bits.h"
#include "text/template_loop.h"
#include "text/template_render.h"
#include "text/template_text.h"

static bool bind_method(struct hn_render *r, const struct hn_builtin *func,
                        const struct hn_val *self, struct hn_val *out)
{
    struct hn_method *method = hn_render_alloc(r, 1, sizeof *method);
    if (!method) return false;
    *method = (struct hn_method){func, *self};
    *out = (struct hn_val){.type = HN_V_METHOD, .method = method};
    return true;
}

/* What the sandbox lets nobody have: undefined, and its use says why. */
static bool unsafe(struct hn_render *r, const struct hn_val *obj, struct hn_str name,
                   struct hn_val *out)
{
    struct hn_buf buf = hn_render_buf(r);
    struct hn_str hint;
    hn_buf_printf(&buf, "access to attribute '%.*s' of '%s' object is unsafe.", HN_FMT(name),
                  hn_val_type_name(obj));
    return hn_render_take(r, &buf, true, &hint) && hn_val_undefined_hint(r, hint, out);
}

static bool is_mutating(const struct hn_val *obj, struct hn_str name)
{
    static const char *const of_list[] = {"append", "reverse", "insert",
                                          "sort",   "extend",  "remove"};
    static const char *const of_dict[] = {"clear", "pop", "popitem", "setdefault", "update"};
    const bool list = obj->type == HN_V_LIST;
    if (!list && obj->type != HN_V_DICT) return false;
    const char *const *names = list ? of_list : of_dict;
    for (size_t i = 0; i < (list ? HN_COUNT(of_list) : HN_COUNT(of_dict)); i++)
        if (hn_str_is(name, names[i])) return true;
    return false;
}

static const struct hn_builtin *methods_of(const struct hn_val *obj)
{
    switch ((enum hn_val_type)obj->type) {
    case HN_V_STR: return hn_template_str_methods;
    case HN_V_LIST: return hn_template_list_methods;
    case HN_V_TUPLE:
    case HN_V_RANGE: return hn_template_tuple_methods;
    case HN_V_DICT: return hn_template_dict_methods;
    case HN_V_LOOP: return hn_template_loop_methods;
    case HN_V_CYCLER: return hn_template_cycler_methods;
    default: return NULL;
    }
}

static void macro_attr(const struct hn_macro *macro, struct hn_str name, bool *found,
                       struct hn_val *out)
{
    const struct hn_func *f = macro->func;
    *found = true;
    if (hn_str_is(name, "name")) *out = f->name.n ? hn_val_str(f->name) : hn_val_none();
    else if (hn_str_is(name, "catch_kwargs")) *out = hn_val_bool(f->uses_kwargs);
    else if (hn_str_is(name, "catch_varargs")) *out = hn_val_bool(f->uses_varargs);
    else if (hn_str_is(name, "caller")) *out = hn_val_bool(f->uses_caller);
    else *found = false;
}

static void range_attr(const struct hn_range *range, struct hn_str name, bool *found,
                       struct hn_val *out)
{
    *found = true;
    if (hn_str_is(name, "start")) *out = hn_val_int(range->start);
    else if (hn_str_is(name, "stop")) *out = hn_val_int(range->stop);
    else if (hn_str_is(name, "step")) *out = hn_val_int(range->step);
    else *found = false;
}

static void cycler_attr(const struct hn_cycler *cycler, struct hn_str name, bool *found,
                        struct hn_val *out)
{
    *found = true;
    if (hn_str_is(name, "current")) *out = cycler->items->items[cycler->at];
    else if (hn_str_is(name, "pos")) *out = hn_val_int((int64_t)cycler->at);
    else if (hn_str_is(name, "items")) *out = hn_val_list(HN_V_TUPLE, cycler->items);
    else *found = false;
}

static void number_attr(const struct hn_val *obj, struct hn_str name, bool *found,
                        struct hn_val *out)
{
    const bool integer = hn_val_is_int(obj);
    *found = true;
    if (hn_str_is(name, "real")) *out = integer ? hn_val_int(hn_val_as_int(obj)) : *obj;
    else if (hn_str_is(name, "imag")) *out = integer ? hn_val_int(0) : hn_val_float(0);
    else if (integer && hn_str_is(name, "numerator")) *out = hn_val_int(hn_val_as_int(obj));
    else if (integer && hn_str_is(name, "denominator")) *out = hn_val_int(1);
    else *found = false;
}

/* Python's getattr(); *found false: AttributeError. */
static bool attribute(struct hn_render *r, const struct hn_val *obj, struct hn_str name,
                      bool *found, struct hn_val *out)
{
    const struct hn_builtin *methods = methods_of(obj);
    const struct hn_builtin *method = methods ? hn_builtin_find(methods, name) : NULL;
    *found = true;
    if (is_mutating(obj, name)) return unsafe(r, obj, name, out);
    if (method) return bind_method(r, method, obj, out);
    switch ((enum hn_val_type)obj->type) {
    case HN_V_NAMESPACE: {
        const struct hn_val key = hn_val_str(name);
        struct hn_val *value;
        if (!hn_dict_get(r, obj->ns->attrs, &key, &value)) return false;
        *found = value != NULL;
        if (value) *out = *value;
        break;
    }
    case HN_V_LOOP: return hn_loop_attr(r, obj->loop, name, found, out);
    case HN_V_MACRO: macro_attr(obj->macro, name, found, out); break;
    case HN_V_RANGE: range_attr(obj->range, name, found, out); break;
    case HN_V_CYCLER: cycler_attr(obj->cycler, name, found, out); break;
    case HN_V_BOOL:
    case HN_V_INT:
    case HN_V_FLOAT: number_attr(obj, name, found, out); break;
    case HN_V_TUPLE:
        *found = obj->list->group && (hn_str_is(name, "grouper") || hn_str_is(name, "list"));
        if (*found) *out = obj->list->items[hn_str_is(name, "list")];
        break;
    default: *found = false;
    }
    if (*found && name.n && name.p[0] == '_') return unsafe(r, obj, name, out);
    return true;
}

/* __class__ and its like, which all values have. */
static bool is_internal(struct hn_str name)
{
    return name.n > 4 && hn_str_starts(name, HN_STR("__")) && hn_str_ends(name, HN_STR("__"));
}

/* obj[key] where that exists. */
static bool item(struct hn_render *r, const struct hn_val *obj, const struct hn_val *key,
                 bool *found, struct hn_val *out)
{
    size_t n = 0;
    bool has;
    *found = false;
    if (obj->type == HN_V_DICT) {
        struct hn_val *value = NULL;
        bool can;
        if (!hn_val_hashable(r, key, &can)) return false;
        if (can && !hn_dict_get(r, obj->dict, key, &value)) return false;
        if ((*found = value != NULL)) *out = *value;
        return true;
    }
    if (!hn_val_is_list(obj) && obj->type != HN_V_STR && obj->type != HN_V_RANGE) return true;
    if (!hn_val_is_int(key)) return true;
    if (!hn_val_length(r, obj, &has, &n)) return false;
    int64_t i = hn_val_as_int(key);
    if (i < 0) i += (int64_t)n;
    if (i < 0 || i >= (int64_t)n) return true;
    *found = true;
    if (obj->type == HN_V_RANGE) {
        *out = hn_val_int(obj->range->start + i * obj->range->step);
    } else if (obj->type == HN_V_STR) {
        const size_t at = hn_text_offset(obj->s, (size_t)i);
        *out =
            hn_val_str((struct hn_str){obj->s.p + at, hn_utf8_length((unsigned char)obj->s.p[at])});
        out->safe = obj->safe;
    } else {
        *out = obj->list->items[i];
    }
    return true;
}

bool hn_val_getattr(struct hn_render *r, const struct hn_val *obj, struct hn_str name,
                    struct hn_val *out)
{
    bool found;
    const struct hn_val key = hn_val_str(name);
    if (obj->type == HN_V_UNDEFINED) return hn_val_fail_undefined(r, obj);
    if (!attribute(r, obj, name, &found, out)) return false;
    if (found) return true;
    if (is_internal(name)) return unsafe(r, obj, name, out);
    if (!item(r, obj, &key, &found, out)) return false;
    return found || hn_val_undefined_item(r, obj, &key, out);
}

bool hn_val_getitem(struct hn_render *r, const struct hn_val *obj, const struct hn_val *key,
                    struct hn_val *out)
{
    bool found;
    if (obj->type == HN_V_UNDEFINED) return hn_val_fail_undefined(r, obj);
    if (!item(r, obj, key, &found, out)) return false;
    if (!found && key->type == HN_V_STR) {
        if (!attribute(r, obj, key->s, &found, out)) return false;
        if (!found && is_internal(key->s)) return unsafe(r, obj, key->s, out);
    }
    return found || hn_val_undefined_item(r, obj, key, out);
}

/* --- Slices ----------------------------------------------------------------------------------- */

/* A bound as Python clamps it, for a sequence of n items. */
static int64_t clamp(int64_t at, int64_t n, bool backwards)
{
    if (at < 0) {
        at += n;
        if (at < 0) return backwards ? -1 : 0;
    }
    if (at >= n) return backwards ? n - 1 : n;
    return at;
}

struct span {
    int64_t start, stop, step;
    size_t n;
};

static bool find_span(struct hn_render *r, const struct hn_val bounds[3], size_t length,
                      struct span *out)
{
    const int64_t n = (int64_t)length;
    int64_t v[3] = {0};
    bool given[3];
    for (int i = 0; i < 3; i++) {
        given[i] = hn_val_given(&bounds[i]);
        if (given[i] && !hn_val_is_int(&bounds[i]))
            return hn_render_fail(r, "slice indices must be integers or None or have an "
                                     "__index__ method");
        if (given[i]) v[i] = hn_val_as_int(&bounds[i]);
    }
    const int64_t step = given[2] ? v[2] : 1;
    if (step == 0) return hn_render_fail(r, "slice step cannot be zero");
    const bool back = step < 0;
    const int64_t start = given[0] ? clamp(v[0], n, back) : back ? n - 1 : 0;
    const int64_t stop = given[1] ? clamp(v[1], n, back) : back ? -1 : n;
    const uint64_t distance = (uint64_t)(back ? start - stop : stop - start);
    const uint64_t stride = back ? 0 - (uint64_t)step : (uint64_t)step;
    const bool empty = back ? start <= stop : stop <= start;
    *out = (struct span){start, stop, step, empty ? 0 : (size_t)((distance - 1) / stride + 1)};
    return true;
}

static bool slice_text(struct hn_render *r, const struct hn_val *obj, const struct span *span,
                       struct hn_val *out)
{
    *out = hn_val_str(HN_STR(""));
    out->safe = obj->safe;
    if (span->n == 0) return true;
    if (span->step == 1) {
        const size_t a = hn_text_offset(obj->s, (size_t)span->start);
        const struct hn_str rest = {obj->s.p + a, obj->s.n - a};
        out->s = (struct hn_str){rest.p, hn_text_offset(rest, span->n)};
        return true;
    }
    /* Characters are of several lengths: where each begins. */
    size_t *starts = hn_render_alloc(r, obj->s.n + 1, sizeof *starts), n = 0;
    char *text = starts ? hn_render_text(r, obj->s.n) : NULL;
    if (!text || !hn_render_step(r, obj->s.n)) return false;
    for (size_t at = 0; at < obj->s.n; at += hn_utf8_length((unsigned char)obj->s.p[at]))
        starts[n++] = at;
    out->s = (struct hn_str){text, 0};
    int64_t i = span->start;
    for (size_t k = 0; k < span->n; k++, i += span->step) {
        const size_t length = hn_utf8_length((unsigned char)obj->s.p[starts[i]]);
        memcpy(text + out->s.n, obj->s.p + starts[i], length);
        out->s.n += length;
        if (k + 1 == span->n) break; /* the next step may be past 64 bits */
    }
    return true;
}

static bool slice_list(struct hn_render *r, const struct hn_val *obj, const struct span *span,
                       struct hn_val *out)
{
    struct hn_list *list;
    if (!hn_list_new(r, span->n, &list)) return false;
    int64_t i = span->start;
    for (size_t k = 0; k < span->n; k++) {
        if (!hn_list_add(r, list, obj->list->items[i])) return false;
        if (k + 1 < span->n) i += span->step;
    }
    *out = hn_val_list((enum hn_val_type)obj->type, list);
    return true;
}

bool hn_val_slice(struct hn_render *r, const struct hn_val *obj, const struct hn_val bounds[3],
                  struct hn_val *out)
{
    struct span span = {0};
    bool has;
    size_t n = 0;
    if (obj->type == HN_V_UNDEFINED) return hn_val_fail_undefined(r, obj);
    if (obj->type == HN_V_DICT) return hn_render_fail(r, "unhashable type: 'slice'");
    if (!hn_val_is_list(obj) && obj->type != HN_V_STR && obj->type != HN_V_RANGE)
        return hn_render_fail(r, "'%s' object is not subscriptable", hn_val_type_name(obj));
    if (!hn_val_length(r, obj, &has, &n) || !find_span(r, bounds, n, &span)) return false;
    if (obj->type == HN_V_STR) return slice_text(r, obj, &span, out);
    if (obj->type != HN_V_RANGE) return slice_list(r, obj, &span, out);
    struct hn_range *range = hn_render_alloc(r, 1, sizeof *range);
    if (!range) return false;
    const struct hn_range *from = obj->range;
    range->n = span.n;
    range->start = from->start + span.start * from->step;
    if (__builtin_mul_overflow(from->step, span.step, &range->step) ||
        __builtin_mul_overflow(from->step, span.stop, &range->stop) ||
        __builtin_add_overflow(range->stop, from->start, &range->stop))
        return hn_render_fail(r, "a range past 64 bits");
    *out = (struct hn_val){.type = HN_V_RANGE, .range = range};
    return true;
}

bool hn_val_call(struct hn_render *r, const struct hn_val *callee, const struct hn_args *args,
                 struct hn_val *out)
{
    switch ((enum hn_val_type)callee->type) {
    case HN_V_UNDEFINED: return hn_val_fail_undefined(r, callee);
    case HN_V_MACRO: return hn_macro_call(r, callee->macro, args, out);
    case HN_V_LOOP: return hn_loop_call(r, callee->loop, args, out);
    case HN_V_FUNC: return hn_builtin_call(r, callee->func, NULL, args, out);
    case HN_V_METHOD:
        return hn_builtin_call(r, callee->method->func, &callee->method->self, args, out);
    case HN_V_JOINER:
        *out = callee->joiner->used ? callee->joiner->separator : hn_val_str(HN_STR(""));
        callee->joiner->used = true;
        if (args->n || args->n_keywords)
            return hn_render_fail(r, "Joiner.__call__() takes 1 positional argument");
        return true;
    default: return hn_render_fail(r, "'%s' object is not callable", hn_val_type_name(callee));
    }
}
