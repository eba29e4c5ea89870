/* Statements: text, branches, loops, assignments, macros. */
#include "base/bits.h"
#include "text/template_loop.h"
#include "text/template_render.h"

enum flow { FLOW_FAIL, FLOW_NEXT, FLOW_BREAK, FLOW_CONTINUE };

static enum flow exec_body(struct hn_render *r, struct hn_vars *vars, const struct hn_nodes *body);

static struct hn_vars *new_vars(struct hn_render *r, struct hn_vars *outer, uint32_t n_slots)
{
    struct hn_vars *vars = hn_render_alloc(r, 1, sizeof *vars + n_slots * sizeof(struct hn_val));
    if (vars) vars->outer = outer;
    return vars;
}

/* What the caller gave under a name, or a global function. */
static bool resolve(struct hn_render *r, struct hn_str name, struct hn_val *out)
{
    struct hn_val *given;
    const struct hn_val key = hn_val_str(name);
    if (!hn_dict_get(r, r->vars, &key, &given)) return false;
    *out = (struct hn_val){0};
    if (given) {
        *out = *given;
        return true;
    }
    const struct hn_builtin *func = hn_builtin_find(hn_template_globals, name);
    if (func) *out = (struct hn_val){.type = HN_V_FUNC, .func = func};
    return true;
}

static bool enter_scope(struct hn_render *r, struct hn_vars *vars, const struct hn_scope *scope)
{
    if (!hn_render_step(r, scope->n)) return false;
    for (size_t i = 0; i < scope->n; i++) {
        const struct hn_load *load = &scope->loads[i];
        struct hn_val *slot = &vars->slots[load->slot];
        if (load->action == HN_LOAD_MISSING) *slot = (struct hn_val){0};
        else if (load->action == HN_LOAD_ALIAS) *slot = *hn_vars_slot(vars, load->from);
        else if (load->action == HN_LOAD_CONTEXT && !resolve(r, load->name, slot)) return false;
    }
    return true;
}

static void leave_scope(struct hn_vars *vars, const struct hn_scope *scope)
{
    for (size_t i = 0; i < scope->n; i++)
        vars->slots[scope->loads[i].slot] = (struct hn_val){0};
}

/* --- Assignment ------------------------------------------------------------------------------- */

static bool is_namespace(struct hn_render *r, struct hn_vars *vars, const struct hn_node *target)
{
    return hn_vars_slot(vars, target->var.place)->type == HN_V_NAMESPACE ||
           hn_render_fail(r, "cannot assign attribute on non-namespace object");
}

static bool assign(struct hn_render *r, struct hn_vars *vars, const struct hn_node *target,
                   const struct hn_val *value)
{
    if (target->kind == HN_N_NAME) {
        *hn_vars_slot(vars, target->var.place) = *value;
        return true;
    }
    if (target->kind == HN_N_ATTR_TARGET)
        return is_namespace(r, vars, target) &&
               hn_dict_put(r, hn_vars_slot(vars, target->var.place)->ns->attrs,
                           hn_val_str(target->var.attr), *value);
    struct hn_iter *it;
    struct hn_val item;
    if (!hn_val_iterate(r, value, &it)) return false;
    if (!it)
        return hn_render_fail(r, "cannot unpack non-iterable %s object", hn_val_type_name(value));
    const size_t n = target->list.n;
    for (size_t i = 0; i < n; i++) {
        if (!hn_iter_next(r, it, &item)) return false;
        if (item.type == HN_V_MISSING)
            return hn_render_fail(r, "not enough values to unpack (expected %zu, got %zu)", n, i);
        if (!assign(r, vars, target->list.items[i], &item)) return false;
    }
    if (!hn_iter_next(r, it, &item)) return false;
    return item.type == HN_V_MISSING ||
           hn_render_fail(r, "too many values to unpack (expected %zu)", n);
}

static bool exec_set(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node)
{
    struct hn_val value;
    if (node->set.target->kind == HN_N_ATTR_TARGET && !is_namespace(r, vars, node->set.target))
        return false;
    return hn_eval(r, vars, node->set.value, &value) && assign(r, vars, node->set.target, &value);
}

/* --- Captured text ---------------------------------------------------------------------------- */

/* What was printed since `start`, taken off the output. */
static bool capture(struct hn_render *r, size_t start, struct hn_val *out)
{
    const struct hn_str text = {r->out->p ? r->out->p + start : "", r->out->n - start};
    *out = hn_val_str(HN_STR(""));
    if (text.n && !hn_render_copy(r, text, &out->s)) return false;
    r->out->n = start;
    return true;
}

/* Runs a body and takes its text; a break or continue inside leaves it behind. */
static enum flow capture_body(struct hn_render *r, struct hn_vars *vars,
                              const struct hn_scope *scope, const struct hn_nodes *body,
                              struct hn_val *out)
{
    const size_t start = r->out->n;
    if (!enter_scope(r, vars, scope)) return FLOW_FAIL;
    const enum flow flow = exec_body(r, vars, body);
    if (flow == FLOW_FAIL || !capture(r, start, out)) return FLOW_FAIL;
    return flow;
}

static enum flow exec_set_block(struct hn_render *r, struct hn_vars *vars,
                                const struct hn_node *node)
{
    struct hn_val text, value;
    const enum flow flow = capture_body(r, vars, &node->set.scope, &node->set.body, &text);
    if (flow != FLOW_NEXT) return flow;
    value = text;
    if (node->set.value && !hn_eval_filter(r, vars, node->set.value, &text, &value))
        return FLOW_FAIL;
    if (!assign(r, vars, node->set.target, &value)) return FLOW_FAIL;
    leave_scope(vars, &node->set.scope);
    return FLOW_NEXT;
}

/* Prints what a filter or call made of a block: it must be text. */
static bool print_text(struct hn_render *r, const struct hn_val *v)
{
    if (v->type == HN_V_STR) return hn_val_print(r, v, r->out);
    return hn_render_fail(r, "the block becomes %s, not text", hn_val_type_name(v));
}

static enum flow exec_filter_block(struct hn_render *r, struct hn_vars *vars,
                                   const struct hn_node *node)
{
    struct hn_val text, value;
    const enum flow flow = capture_body(r, vars, &node->block.scope, &node->block.body, &text);
    if (flow != FLOW_NEXT) return flow;
    if (!hn_eval_filter(r, vars, node->block.filter, &text, &value)) return FLOW_FAIL;
    leave_scope(vars, &node->block.scope);
    return print_text(r, &value) ? FLOW_NEXT : FLOW_FAIL;
}

/* --- Macros ----------------------------------------------------------------------------------- */

static bool take_keyword(struct hn_keyword *keywords, size_t *n, struct hn_str name,
                         struct hn_val *out)
{
    for (size_t i = 0; i < *n; i++) {
        if (!hn_str_eq(keywords[i].name, name)) continue;
        *out = keywords[i].value;
        memmove(&keywords[i], &keywords[i + 1], (*n - i - 1) * sizeof *keywords);
        --*n;
        return true;
    }
    return false;
}

static bool rest_as_dict(struct hn_render *r, const struct hn_keyword *keywords, size_t n,
                         struct hn_val *out)
{
    struct hn_dict *dict;
    if (!hn_dict_new(r, n, &dict)) return false;
    for (size_t i = 0; i < n; i++)
        if (!hn_dict_put(r, dict, hn_val_str(keywords[i].name), keywords[i].value)) return false;
    *out = hn_val_dict(dict);
    return true;
}

static bool rest_as_tuple(struct hn_render *r, const struct hn_args *args, size_t from,
                          struct hn_val *out)
{
    struct hn_list *list;
    if (!hn_list_new(r, 0, &list)) return false;
    for (size_t i = from; i < args->n; i++)
        if (!hn_list_add(r, list, args->items[i])) return false;
    *out = hn_val_list(HN_V_TUPLE, list);
    return true;
}

/* Arguments to slots, in the order of jinja2/runtime.py's Macro. */
static bool bind_args(struct hn_render *r, const struct hn_func *f, struct hn_vars *vars,
                      const struct hn_args *args)
{
    size_t n = args->n_keywords;
    struct hn_keyword *keywords = hn_render_alloc(r, n, sizeof *keywords);
    if (!keywords || !hn_render_step(r, n * (1 + f->params.n / 8))) return false;
    if (n) memcpy(keywords, args->keywords, n * sizeof *keywords);
    const size_t n_params = f->params.n;
    for (size_t i = 0; i < n_params; i++) {
        struct hn_val *slot = &vars->slots[f->param_slots[i]];
        if (i < args->n) *slot = args->items[i];
        else take_keyword(keywords, &n, f->params.items[i]->var.name, slot);
    }
    if (f->uses_caller) {
        struct hn_val *slot = &vars->slots[f->caller_slot];
        if (!take_keyword(keywords, &n, HN_STR("caller"), slot) || slot->type == HN_V_NONE)
            if (!hn_val_undefined_hint(r, HN_STR("No caller defined"), slot)) return false;
    }
    if (f->uses_kwargs) {
        if (!rest_as_dict(r, keywords, n, &vars->slots[f->kwargs_slot])) return false;
    } else if (n) {
        return hn_render_fail(r, "macro '%.*s' takes no keyword argument '%.*s'", HN_FMT(f->name),
                              HN_FMT(keywords[0].name));
    }
    if (f->uses_varargs)
        return rest_as_tuple(r, args, hn_min(n_params, args->n), &vars->slots[f->varargs_slot]);
    return args->n <= n_params ||
           hn_render_fail(r, "macro '%.*s' takes not more than %zu argument(s)", HN_FMT(f->name),
                          n_params);
}

static bool set_defaults(struct hn_render *r, const struct hn_func *f, struct hn_vars *vars)
{
    const size_t n = f->params.n, first = n - f->defaults.n;
    for (size_t i = 0; i < n; i++) {
        struct hn_val *slot = &vars->slots[f->param_slots[i]];
        if (slot->type != HN_V_MISSING) continue;
        if (i >= first) {
            if (!hn_eval(r, vars, f->defaults.items[i - first], slot)) return false;
            continue;
        }
        struct hn_buf buf = hn_render_buf(r);
        struct hn_str hint;
        hn_buf_printf(&buf, "parameter '%.*s' was not provided",
                      HN_FMT(f->params.items[i]->var.name));
        if (!hn_render_take(r, &buf, true, &hint) || !hn_val_undefined_hint(r, hint, slot))
            return false;
    }
    return true;
}

/* The body of a function as text. */
static bool run_func(struct hn_render *r, const struct hn_func *f, struct hn_vars *vars,
                     struct hn_val *out)
{
    const size_t start = r->out->n;
    return enter_scope(r, vars, &f->scope) && set_defaults(r, f, vars) &&
           exec_body(r, vars, &f->body) == FLOW_NEXT && capture(r, start, out);
}

bool hn_macro_call(struct hn_render *r, struct hn_macro *macro, const struct hn_args *args,
                   struct hn_val *out)
{
    const struct hn_func *f = macro->func;
    if (!hn_render_enter(r)) return false;
    struct hn_vars *vars = new_vars(r, macro->outer, f->n_slots);
    const bool ok = vars && bind_args(r, f, vars, args) && run_func(r, f, vars, out);
    hn_render_leave(r);
    return ok;
}

static bool new_macro(struct hn_render *r, const struct hn_func *func, struct hn_vars *outer,
                      struct hn_val *out)
{
    struct hn_macro *macro = hn_render_alloc(r, 1, sizeof *macro);
    if (!macro) return false;
    *macro = (struct hn_macro){func, outer};
    *out = (struct hn_val){.type = HN_V_MACRO, .macro = macro};
    return true;
}

static bool exec_call_block(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node)
{
    struct hn_keyword caller = {.name = HN_STR("caller")};
    struct hn_val value;
    return new_macro(r, node->macro.func, vars, &caller.value) &&
           hn_eval_call(r, vars, node->macro.call, &caller, &value) && print_text(r, &value);
}

/* A function without arguments whose text goes where it stands. */
static bool exec_inline_func(struct hn_render *r, struct hn_vars *outer, const struct hn_func *f)
{
    struct hn_vars *vars = new_vars(r, outer, f->n_slots);
    return vars && enter_scope(r, vars, &f->scope) && exec_body(r, vars, &f->body) == FLOW_NEXT;
}

static bool exec_block(struct hn_render *r, struct hn_vars *vars, const struct hn_func *f)
{
    while (vars->outer)
        vars = vars->outer;
    return exec_inline_func(r, vars, f);
}

/* --- Loops ------------------------------------------------------------------------------------ */

struct filtered {
    struct hn_iter *from;
    const struct hn_node *node;
    struct hn_vars *vars; /* of the test */
    bool entered;
};

/* A target's value, as the generator of a filtered loop yields it. */
static bool target_value(struct hn_render *r, struct hn_vars *vars, const struct hn_node *target,
                         struct hn_val *out)
{
    if (target->kind == HN_N_NAME) {
        *out = *hn_vars_slot(vars, target->var.place);
        return true;
    }
    struct hn_list *list;
    if (!hn_list_new(r, target->list.n, &list)) return false;
    for (size_t i = 0; i < target->list.n; i++)
        if (!target_value(r, vars, target->list.items[i], &list->items[i])) return false;
    list->n = target->list.n;
    *out = hn_val_list(HN_V_TUPLE, list);
    return true;
}

static bool next_filtered(struct hn_render *r, struct hn_iter *it, struct hn_val *out)
{
    struct filtered *s = it->state;
    struct hn_val item, holds;
    if (!s->entered && !enter_scope(r, s->vars, &s->node->loop.test_func->scope)) return false;
    s->entered = true;
    for (;;) {
        if (!hn_iter_next(r, s->from, &item)) return false;
        *out = item;
        if (item.type == HN_V_MISSING) return true;
        if (!assign(r, s->vars, s->node->loop.test_target, &item) ||
            !hn_eval(r, s->vars, s->node->loop.test, &holds))
            return false;
        if (hn_val_truth(&holds)) return target_value(r, s->vars, s->node->loop.test_target, out);
    }
}

static bool filter_loop(struct hn_render *r, struct hn_vars *outer, const struct hn_node *node,
                        struct hn_val *over)
{
    struct filtered *s = hn_render_alloc(r, 1, sizeof *s);
    struct hn_iter *it;
    if (!s || !hn_val_iterator(r, over, &s->from)) return false;
    s->node = node;
    s->vars = new_vars(r, outer, node->loop.test_func->n_slots);
    if (!s->vars || !hn_iter_new(r, next_filtered, s, &it)) return false;
    *over = (struct hn_val){.type = HN_V_ITER, .iter = it};
    return true;
}

/* The items of a loop, with the variables `vars` of its function. */
static enum flow run_loop(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node,
                          struct hn_loop *loop)
{
    bool empty = true;
    enum flow flow = FLOW_NEXT;
    const struct hn_val self = {.type = HN_V_LOOP, .loop = loop};
    while (flow == FLOW_NEXT || flow == FLOW_CONTINUE) {
        struct hn_val item;
        if (!hn_loop_next(r, loop, &item)) return FLOW_FAIL;
        if (item.type == HN_V_MISSING) break;
        vars->slots[node->loop.loop_slot] = self;
        if (!assign(r, vars, node->loop.target, &item) || !enter_scope(r, vars, &node->loop.scope))
            return FLOW_FAIL;
        flow = exec_body(r, vars, &node->loop.body);
        if (flow == FLOW_NEXT) empty = false; /* as Jinja2 has it: not after break or continue */
    }
    if (flow == FLOW_FAIL) return FLOW_FAIL;
    leave_scope(vars, &node->loop.scope);
    if (!empty || !node->loop.otherwise.n) return FLOW_NEXT;
    if (!enter_scope(r, vars, &node->loop.else_scope)) return FLOW_FAIL;
    flow = exec_body(r, vars, &node->loop.otherwise);
    if (flow != FLOW_FAIL) leave_scope(vars, &node->loop.else_scope);
    return flow;
}

static bool new_loop(struct hn_render *r, struct hn_vars *outer, const struct hn_node *node,
                     const struct hn_val *over, struct hn_loop **out)
{
    struct hn_loop *loop = hn_render_alloc(r, 1, sizeof *loop);
    if (!loop) return false;
    loop->over = *over;
    loop->index0 = -1;
    loop->outer = outer;
    loop->node = node->loop.recursive ? node : NULL;
    if (node->loop.test && !filter_loop(r, outer, node, &loop->over)) return false;
    *out = loop;
    return hn_val_iterator(r, &loop->over, &loop->iter);
}

/* A level of a recursive loop, as text. */
static bool run_level(struct hn_render *r, struct hn_vars *outer, const struct hn_node *node,
                      const struct hn_val *over, int64_t depth, struct hn_val *out)
{
    struct hn_loop *loop;
    const size_t start = r->out->n;
    struct hn_vars *vars = new_vars(r, outer, node->loop.body_func->n_slots);
    if (!vars || !new_loop(r, outer, node, over, &loop)) return false;
    loop->depth0 = depth;
    return run_loop(r, vars, node, loop) != FLOW_FAIL && capture(r, start, out);
}

bool hn_loop_call(struct hn_render *r, struct hn_loop *loop, const struct hn_args *args,
                  struct hn_val *out)
{
    if (!loop->node)
        return hn_render_fail(
            r, "The loop must have the 'recursive' marker to be called recursively.");
    if (args->n != 1 || args->n_keywords)
        return hn_render_fail(r, "loop() takes what it loops over, and nothing else");
    if (!hn_render_enter(r)) return false;
    const bool ok = run_level(r, loop->outer, loop->node, &args->items[0], loop->depth0 + 1, out);
    hn_render_leave(r);
    return ok;
}

static enum flow exec_for(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node)
{
    struct hn_val over, text;
    struct hn_loop *loop;
    if (!hn_eval(r, vars, node->loop.over, &over)) return FLOW_FAIL;
    if (node->loop.recursive)
        return run_level(r, vars, node, &over, 0, &text) && hn_val_print(r, &text, r->out)
                   ? FLOW_NEXT
                   : FLOW_FAIL;
    return new_loop(r, vars, node, &over, &loop) ? run_loop(r, vars, node, loop) : FLOW_FAIL;
}

/* --- All of them ------------------------------------------------------------------------------ */

static bool exec_output(struct hn_render *r, struct hn_vars *vars, const struct hn_nodes *items)
{
    for (size_t i = 0; i < items->n; i++) {
        struct hn_val v;
        if (!hn_eval(r, vars, items->items[i], &v)) return false;
        if (hn_val_print(r, &v, r->out)) continue;
        if (!r->line) r->line = items->items[i]->line;
        return false;
    }
    return true;
}

static enum flow exec_if(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node)
{
    for (size_t i = 0; i < node->branch.tests.n; i++) {
        struct hn_val test;
        if (!hn_eval(r, vars, node->branch.tests.items[i], &test)) return FLOW_FAIL;
        if (hn_val_truth(&test)) return exec_body(r, vars, &node->branch.bodies[i]);
    }
    return exec_body(r, vars, &node->branch.otherwise);
}

static enum flow exec_with(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node)
{
    if (!enter_scope(r, vars, &node->block.scope)) return FLOW_FAIL;
    for (size_t i = 0; i < node->block.targets.n; i++) {
        struct hn_val value;
        if (!hn_eval(r, vars, node->block.values.items[i], &value) ||
            !assign(r, vars, node->block.targets.items[i], &value))
            return FLOW_FAIL;
    }
    const enum flow flow = exec_body(r, vars, &node->block.body);
    if (flow != FLOW_FAIL) leave_scope(vars, &node->block.scope);
    return flow;
}

static enum flow exec_node(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node)
{
    bool ok;
    switch ((enum hn_node_kind)node->kind) {
    case HN_N_IF: return exec_if(r, vars, node);
    case HN_N_FOR: return exec_for(r, vars, node);
    case HN_N_WITH: return exec_with(r, vars, node);
    case HN_N_SET_BLOCK: return exec_set_block(r, vars, node);
    case HN_N_FILTER_BLOCK: return exec_filter_block(r, vars, node);
    case HN_N_BREAK: return FLOW_BREAK;
    case HN_N_CONTINUE: return FLOW_CONTINUE;
    case HN_N_OUTPUT: ok = exec_output(r, vars, &node->list); break;
    case HN_N_SET: ok = exec_set(r, vars, node); break;
    case HN_N_MACRO:
        ok = new_macro(r, node->macro.func, vars, hn_vars_slot(vars, node->macro.place));
        break;
    case HN_N_CALL_BLOCK: ok = exec_call_block(r, vars, node); break;
    case HN_N_GENERATION: ok = exec_inline_func(r, vars, node->macro.func); break;
    case HN_N_BLOCK: ok = exec_block(r, vars, node->macro.func); break;
    default: ok = hn_render_fail_status(r, HN_E_INTERNAL, "an expression among statements");
    }
    return ok ? FLOW_NEXT : FLOW_FAIL;
}

static enum flow exec_body(struct hn_render *r, struct hn_vars *vars, const struct hn_nodes *body)
{
    enum flow flow = FLOW_NEXT;
    if (!hn_render_enter(r)) return FLOW_FAIL;
    for (size_t i = 0; flow == FLOW_NEXT && i < body->n; i++) {
        flow = hn_render_step(r, 1) ? exec_node(r, vars, body->items[i]) : FLOW_FAIL;
        if (flow == FLOW_FAIL && !r->line) r->line = body->items[i]->line;
    }
    hn_render_leave(r);
    return flow;
}

bool hn_template_run(struct hn_render *r, const struct hn_template *tpl)
{
    return exec_inline_func(r, NULL, &tpl->root);
}
