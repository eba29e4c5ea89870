/* Expressions. */
#include "base/bits.h"
#include "text/template_loop.h"
#include "text/template_render.h"

static bool eval_name(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node,
                      struct hn_val *out)
{
    *out = *hn_vars_slot(vars, node->var.place);
    return out->type != HN_V_MISSING || hn_val_undefined_name(r, node->var.name, out);
}

static bool eval_items(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node,
                       struct hn_val *out)
{
    struct hn_list *list;
    if (!hn_list_new(r, node->list.n, &list)) return false;
    for (size_t i = 0; i < node->list.n; i++)
        if (!hn_eval(r, vars, node->list.items[i], &list->items[i])) return false;
    list->n = node->list.n;
    *out = hn_val_list(node->kind == HN_N_LIST ? HN_V_LIST : HN_V_TUPLE, list);
    return true;
}

static bool eval_dict(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node,
                      struct hn_val *out)
{
    struct hn_dict *dict;
    if (!hn_dict_new(r, node->list.n / 2, &dict)) return false;
    for (size_t i = 0; i < node->list.n; i += 2) {
        struct hn_val key, value;
        if (!hn_eval(r, vars, node->list.items[i], &key) ||
            !hn_eval(r, vars, node->list.items[i + 1], &value) || !hn_dict_put(r, dict, key, value))
            return false;
    }
    *out = hn_val_dict(dict);
    return true;
}

static bool eval_cond(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node,
                      struct hn_val *out)
{
    struct hn_val test;
    if (!hn_eval(r, vars, node->cond.test, &test)) return false;
    if (hn_val_truth(&test)) return hn_eval(r, vars, node->cond.yes, out);
    if (node->cond.no) return hn_eval(r, vars, node->cond.no, out);
    return hn_val_undefined_hint(r,
                                 HN_STR("the inline if-expression evaluated to false and no else "
                                        "section was defined."),
                                 out);
}

/* `or` and `and` give one of their operands. */
static bool eval_logic(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node,
                       struct hn_val *out)
{
    if (!hn_eval(r, vars, node->pair.a, out)) return false;
    if (hn_val_truth(out) == (node->kind == HN_N_OR)) return true;
    return hn_eval(r, vars, node->pair.b, out);
}

static bool compare(struct hn_render *r, char op, const struct hn_val *a, const struct hn_val *b,
                    bool *out)
{
    bool ok;
    switch (op) {
    case HN_OP_EQ: return hn_val_equal(r, a, b, out);
    case HN_OP_IN: return hn_val_contains(r, a, b, out);
    case HN_OP_NE: ok = hn_val_equal(r, a, b, out); break;
    case HN_OP_NOT_IN: ok = hn_val_contains(r, a, b, out); break;
    default: return hn_val_order(r, a, b, op, out);
    }
    *out = !*out;
    return ok;
}

static bool eval_compare(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node,
                         struct hn_val *out)
{
    struct hn_val left, right;
    bool holds = true;
    if (!hn_eval(r, vars, node->compare.first, &left)) return false;
    for (size_t i = 0; holds && i < node->compare.rest.n; i++, left = right)
        if (!hn_eval(r, vars, node->compare.rest.items[i], &right) ||
            !compare(r, node->compare.ops[i], &left, &right, &holds))
            return false;
    *out = hn_val_bool(holds);
    return true;
}

static bool eval_binary(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node,
                        struct hn_val *out)
{
    struct hn_val a, b;
    return hn_eval(r, vars, node->pair.a, &a) && hn_eval(r, vars, node->pair.b, &b) &&
           hn_val_operate(r, node->op, &a, &b, out);
}

static bool eval_concat(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node,
                        struct hn_val *out)
{
    struct hn_str text = {"", 0};
    for (size_t i = 0; i < node->list.n; i++) {
        struct hn_val v;
        struct hn_str more;
        if (!hn_eval(r, vars, node->list.items[i], &v) || !hn_val_to_str(r, &v, &more) ||
            !hn_render_concat(r, text, more, &text))
            return false;
    }
    *out = hn_val_str(text);
    return true;
}

static bool eval_unary(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node,
                       struct hn_val *out)
{
    struct hn_val v;
    if (!hn_eval(r, vars, node->pair.a, &v)) return false;
    if (node->kind == HN_N_NEGATE) return hn_val_negate(r, &v, out);
    if (node->kind == HN_N_NOT) {
        *out = hn_val_bool(!hn_val_truth(&v));
        return true;
    }
    if (v.type == HN_V_UNDEFINED) return hn_val_fail_undefined(r, &v);
    if (!hn_val_is_number(&v))
        return hn_render_fail(r, "bad operand type for unary +: '%s'", hn_val_type_name(&v));
    *out = hn_val_is_int(&v) ? hn_val_int(hn_val_as_int(&v)) : v;
    return true;
}

static bool eval_item(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node,
                      struct hn_val *out)
{
    struct hn_val obj, key;
    return hn_eval(r, vars, node->pair.a, &obj) && hn_eval(r, vars, node->pair.b, &key) &&
           hn_val_getitem(r, &obj, &key, out);
}

static bool eval_slice(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node,
                       struct hn_val *out)
{
    struct hn_val obj, bounds[3] = {0};
    if (!hn_eval(r, vars, node->slice.of, &obj)) return false;
    for (int i = 0; i < 3; i++)
        if (node->slice.bound[i] && !hn_eval(r, vars, node->slice.bound[i], &bounds[i]))
            return false;
    return hn_val_slice(r, &obj, bounds, out);
}

/* *items and **mapping after the arguments that are written out. */
static bool spread(struct hn_render *r, struct hn_vars *vars, const struct hn_arglist *list,
                   struct hn_list **items, struct hn_dict **keywords)
{
    struct hn_val v;
    *items = NULL;
    *keywords = NULL;
    if (list->star && (!hn_eval(r, vars, list->star, &v) || !hn_val_to_list(r, &v, items)))
        return false;
    if (!list->star_star) return true;
    if (!hn_eval(r, vars, list->star_star, &v)) return false;
    if (v.type != HN_V_DICT)
        return hn_render_fail(r, "argument after ** must be a mapping, not %s",
                              hn_val_type_name(&v));
    *keywords = v.dict;
    for (size_t i = 0; i < v.dict->n; i++) {
        const struct hn_val *key = &v.dict->entries[i].key;
        if (key->type != HN_V_STR) return hn_render_fail(r, "keywords must be strings");
        for (size_t k = 0; k < list->n_names; k++)
            if (hn_str_eq(list->names[k], key->s))
                return hn_render_fail(r, "multiple values for keyword argument '%.*s'",
                                      HN_FMT(key->s));
    }
    return hn_render_step(r, v.dict->n * (1 + list->n_names));
}

static bool eval_args(struct hn_render *r, struct hn_vars *vars, const struct hn_arglist *list,
                      const struct hn_keyword *more, struct hn_args *out)
{
    struct hn_list *items;
    struct hn_dict *keywords;
    *out = (struct hn_args){0};
    if (list->items.n == 0 && !list->star && !list->star_star && !more) return true;
    const size_t n = list->items.n - list->n_names;
    struct hn_val *values = hn_render_alloc(r, list->items.n, sizeof *values);
    if (!values) return false;
    for (size_t i = 0; i < list->items.n; i++)
        if (!hn_eval(r, vars, list->items.items[i], &values[i])) return false;
    if (!spread(r, vars, list, &items, &keywords)) return false;
    const size_t n_more = items ? items->n : 0;
    const size_t n_keywords = list->n_names + (keywords ? keywords->n : 0) + (more != NULL);
    struct hn_val *all = hn_render_alloc(r, n + n_more, sizeof *all);
    struct hn_keyword *named = hn_render_alloc(r, n_keywords, sizeof *named);
    if (!all || !named) return false;
    if (n) memcpy(all, values, n * sizeof *all);
    if (n_more) memcpy(all + n, items->items, n_more * sizeof *all);
    size_t k = 0;
    for (size_t i = 0; i < list->n_names; i++)
        named[k++] = (struct hn_keyword){list->names[i], values[n + i]};
    for (size_t i = 0; keywords && i < keywords->n; i++)
        named[k++] = (struct hn_keyword){keywords->entries[i].key.s, keywords->entries[i].value};
    if (more) named[k++] = *more;
    *out = (struct hn_args){all, n + n_more, named, k};
    return true;
}

bool hn_eval_call(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node,
                  const struct hn_keyword *more, struct hn_val *out)
{
    struct hn_val callee;
    struct hn_args args;
    return hn_eval(r, vars, node->call.of, &callee) &&
           eval_args(r, vars, &node->call.args, more, &args) && hn_val_call(r, &callee, &args, out);
}

bool hn_eval_filter(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node,
                    const struct hn_val *input, struct hn_val *out)
{
    struct hn_val v;
    struct hn_args args;
    const bool filter = node->kind == HN_N_FILTER;
    if (filter && !node->call.of) {
        v = *input;
    } else if (filter && node->call.of->kind == HN_N_FILTER && input) {
        if (!hn_eval_filter(r, vars, node->call.of, input, &v)) return false;
    } else if (!hn_eval(r, vars, node->call.of, &v)) {
        return false;
    }
    if (!eval_args(r, vars, &node->call.args, NULL, &args)) return false;
    if (!node->call.func)
        return hn_render_fail(r, "No %s named '%.*s' found.", filter ? "filter" : "test",
                              HN_FMT(node->call.name));
    return hn_builtin_call(r, node->call.func, &v, &args, out);
}

static bool eval_attr(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node,
                      struct hn_val *out)
{
    struct hn_val obj;
    return hn_eval(r, vars, node->attr.of, &obj) && hn_val_getattr(r, &obj, node->attr.name, out);
}

static bool eval_node(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node,
                      struct hn_val *out)
{
    switch ((enum hn_node_kind)node->kind) {
    case HN_N_CONST: *out = node->value; return true;
    case HN_N_NAME: return eval_name(r, vars, node, out);
    case HN_N_TUPLE:
    case HN_N_LIST: return eval_items(r, vars, node, out);
    case HN_N_DICT: return eval_dict(r, vars, node, out);
    case HN_N_COND: return eval_cond(r, vars, node, out);
    case HN_N_OR:
    case HN_N_AND: return eval_logic(r, vars, node, out);
    case HN_N_COMPARE: return eval_compare(r, vars, node, out);
    case HN_N_BINARY: return eval_binary(r, vars, node, out);
    case HN_N_CONCAT: return eval_concat(r, vars, node, out);
    case HN_N_NOT:
    case HN_N_NEGATE:
    case HN_N_PLUS: return eval_unary(r, vars, node, out);
    case HN_N_GETATTR: return eval_attr(r, vars, node, out);
    case HN_N_GETITEM: return eval_item(r, vars, node, out);
    case HN_N_SLICE: return eval_slice(r, vars, node, out);
    case HN_N_CALL: return hn_eval_call(r, vars, node, NULL, out);
    case HN_N_FILTER:
    case HN_N_TEST: return hn_eval_filter(r, vars, node, NULL, out);
    default: return hn_render_fail_status(r, HN_E_INTERNAL, "a statement among expressions");
    }
}

bool hn_eval(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node,
             struct hn_val *out)
{
    if (hn_render_step(r, 1) && hn_render_enter(r)) {
        const bool ok = eval_node(r, vars, node, out);
        hn_render_leave(r);
        if (ok) return true;
    }
    if (!r->line) r->line = node->line; /* the innermost one */
    return false;
}
