/* The variable `loop`, after jinja2/runtime.py's LoopContext. */
#include "text/template_loop.h"

#include "base/bits.h"
#include "text/template_render.h"

bool hn_loop_next(struct hn_render *r, struct hn_loop *loop, struct hn_val *out)
{
    if (loop->peeked && loop->after.type != HN_V_MISSING) *out = loop->after;
    else if (!hn_iter_next(r, loop->iter, out)) return false;
    loop->peeked = false;
    loop->after = (struct hn_val){0};
    if (out->type == HN_V_MISSING) return true;
    loop->index0++;
    loop->before = loop->current;
    loop->current = *out;
    return true;
}

static bool peek(struct hn_render *r, struct hn_loop *loop, struct hn_val *out)
{
    if (!loop->peeked || loop->after.type == HN_V_MISSING) {
        if (!hn_iter_next(r, loop->iter, &loop->after)) return false;
        loop->peeked = true;
    }
    *out = loop->after;
    return true;
}

/* What has no length of its own is read to its end. */
bool hn_loop_length(struct hn_render *r, struct hn_loop *loop, size_t *out)
{
    bool has = true;
    if (!loop->length_known) {
        if (!hn_val_length(r, &loop->over, &has, &loop->length)) return false;
        if (!has) {
            struct hn_list *rest;
            const struct hn_val iter = {.type = HN_V_ITER, .iter = loop->iter};
            if (!hn_val_to_list(r, &iter, &rest)) return false;
            const struct hn_val list = hn_val_list(HN_V_LIST, rest);
            if (!hn_val_iterate(r, &list, &loop->iter)) return false;
            loop->length = rest->n + (size_t)(loop->index0 + 1) +
                           (loop->peeked && loop->after.type != HN_V_MISSING);
        }
        loop->length_known = true;
    }
    *out = loop->length;
    return true;
}

static bool next_pair(struct hn_render *r, struct hn_iter *it, struct hn_val *out)
{
    const struct hn_val self = {.type = HN_V_LOOP, .loop = it->state};
    if (!hn_loop_next(r, it->state, out)) return false;
    return out->type == HN_V_MISSING || hn_val_pair(r, *out, self, out);
}

bool hn_loop_iterate(struct hn_render *r, struct hn_loop *loop, struct hn_iter **out)
{
    return hn_iter_new(r, next_pair, loop, out);
}

static bool neighbour(struct hn_render *r, struct hn_loop *loop, bool next, struct hn_val *out)
{
    *out = loop->before;
    if (next && !peek(r, loop, out)) return false;
    if (next ? out->type != HN_V_MISSING : loop->index0 != 0) return true;
    return hn_val_undefined_hint(
        r, next ? HN_STR("there is no next item") : HN_STR("there is no previous item"), out);
}

bool hn_loop_attr(struct hn_render *r, struct hn_loop *loop, struct hn_str name, bool *found,
                  struct hn_val *out)
{
    size_t length = 0;
    *found = true;
    if (hn_str_is(name, "index0")) *out = hn_val_int(loop->index0);
    else if (hn_str_is(name, "index")) *out = hn_val_int(loop->index0 + 1);
    else if (hn_str_is(name, "first")) *out = hn_val_bool(loop->index0 == 0);
    else if (hn_str_is(name, "depth")) *out = hn_val_int(loop->depth0 + 1);
    else if (hn_str_is(name, "depth0")) *out = hn_val_int(loop->depth0);
    else if (hn_str_is(name, "previtem")) return neighbour(r, loop, false, out);
    else if (hn_str_is(name, "nextitem")) return neighbour(r, loop, true, out);
    else if (hn_str_is(name, "last")) {
        struct hn_val after;
        if (!peek(r, loop, &after)) return false;
        *out = hn_val_bool(after.type == HN_V_MISSING);
    } else if (hn_str_is(name, "length") || hn_str_is(name, "revindex") ||
               hn_str_is(name, "revindex0")) {
        if (!hn_loop_length(r, loop, &length)) return false;
        const int64_t n = (int64_t)length;
        *out = hn_val_int(hn_str_is(name, "length")     ? n
                          : hn_str_is(name, "revindex") ? n - loop->index0
                                                        : n - loop->index0 - 1);
    } else {
        *found = false;
    }
    return true;
}

static bool cycle(struct hn_render *r, const struct hn_val *v, const struct hn_args *args,
                  struct hn_val *out)
{
    if (args->n_keywords) return hn_render_fail(r, "cycle() takes no keyword arguments");
    if (args->n == 0) return hn_render_fail(r, "no items for cycling given");
    *out = args->items[(size_t)v[0].loop->index0 % args->n];
    return true;
}

static bool changed(struct hn_render *r, const struct hn_val *v, const struct hn_args *args,
                    struct hn_val *out)
{
    struct hn_loop *loop = v[0].loop;
    struct hn_list *list;
    bool same = false;
    if (args->n_keywords) return hn_render_fail(r, "changed() takes no keyword arguments");
    if (!hn_list_new(r, args->n, &list)) return false;
    for (size_t i = 0; i < args->n; i++)
        if (!hn_list_add(r, list, args->items[i])) return false;
    const struct hn_val now = hn_val_list(HN_V_TUPLE, list);
    if (loop->changed.type != HN_V_MISSING && !hn_val_equal(r, &loop->changed, &now, &same))
        return false;
    loop->changed = now;
    *out = hn_val_bool(!same);
    return true;
}

const struct hn_builtin hn_template_loop_methods[] = {
    {"cycle", "*", cycle},
    {"changed", "*", changed},
    {NULL, NULL, NULL},
};
