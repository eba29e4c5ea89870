/* Names to slots, by the rules of jinja2/idtracking.py: what a block assigns is its own; on entry a
 * name starts as the value it has further out, or that the caller gave, or none. */
#include "base/bits.h"
#include "text/template_ast.h"
#include "text/template_render.h"

/* All names of a template times its branches; bounds the copies that branches cost. */
enum { MAX_WORK = 20 * 1000 * 1000, MAX_NAMES = 4000 };

struct symbol {
    struct hn_str name;
    uint32_t slot; /* in the function of its frame */
    uint8_t action;
    bool stored;
    uint32_t hops; /* of an alias: functions outwards to `from` */
    uint32_t from;
};

struct symbols {
    struct symbol *items;
    size_t n, cap;
};

/* A function being compiled: which (level, name) has which slot. */
struct slot_table {
    struct slot_table *outer;
    struct hn_func *func;
    struct {
        struct hn_str name;
        int level;
    } * slots;
    size_t n, cap;
};

struct frame {
    struct frame *outer;
    struct slot_table *table;
    struct symbols symbols;
    int level;
    bool soft; /* within an if: unknown filters fail when they are used, not before */
};

struct binder {
    struct hn_compiler *c;
    struct frame *root;
    struct frame *frame; /* that symbols are collected for */
    struct hn_str *blocks;
    size_t n_blocks, cap_blocks;
};

static bool work(struct binder *b, size_t n)
{
    b->c->work += n;
    return b->c->work <= MAX_WORK ||
           hn_compile_fail(b->c, 1, "too many names in too many branches");
}

static struct symbol *find_here(const struct frame *f, struct hn_str name)
{
    for (size_t i = 0; i < f->symbols.n; i++)
        if (hn_str_eq(f->symbols.items[i].name, name)) return &f->symbols.items[i];
    return NULL;
}

/* The symbol of a name in the frame or one further out; *hops counts the functions left. */
static struct symbol *find(struct binder *b, const struct frame *f, struct hn_str name,
                           uint32_t *hops)
{
    *hops = 0;
    for (; f; f = f->outer) {
        struct symbol *symbol = find_here(f, name);
        work(b, f->symbols.n);
        if (symbol) return symbol;
        if (f->outer && f->outer->table != f->table) ++*hops;
    }
    return NULL;
}

static bool slot_of(struct binder *b, struct frame *f, struct hn_str name, uint32_t *out)
{
    struct slot_table *t = f->table;
    if (!work(b, t->n)) return false;
    for (size_t i = 0; i < t->n; i++)
        if (t->slots[i].level == f->level && hn_str_eq(t->slots[i].name, name)) {
            *out = (uint32_t)i;
            return true;
        }
    if (t->n == MAX_NAMES) return hn_compile_fail(b->c, 1, "more than %d variables", MAX_NAMES);
    void *slots = hn_compile_grow(b->c, t->slots, t->n, &t->cap, 16, sizeof *t->slots);
    if (!slots) return false;
    t->slots = slots;
    t->slots[t->n].name = name;
    t->slots[t->n].level = f->level;
    *out = (uint32_t)t->n++;
    t->func->n_slots = (uint32_t)t->n;
    return true;
}

/* The symbol of a name in this very frame, made when it is not there. NULL and failed. */
static struct symbol *define(struct binder *b, struct frame *f, struct hn_str name)
{
    struct symbol *symbol = find_here(f, name);
    if (symbol) return symbol;
    struct symbols *s = &f->symbols;
    struct symbol *items = hn_compile_grow(b->c, s->items, s->n, &s->cap, 8, sizeof *items);
    if (!items) return NULL;
    s->items = items;
    uint32_t slot = 0;
    if (!slot_of(b, f, name, &slot)) return NULL;
    s->items[s->n] = (struct symbol){.name = name, .slot = slot};
    return &s->items[s->n++];
}

static bool declare(struct binder *b, struct frame *f, struct hn_str name)
{
    struct symbol *symbol = work(b, f->symbols.n) ? define(b, f, name) : NULL;
    if (!symbol) return false;
    symbol->action = HN_LOAD_PARAM;
    symbol->stored = true;
    return true;
}

/* An alias of the variable further out, if there is one, or else `otherwise`. */
static void load_from_outside(struct binder *b, struct frame *f, struct symbol *symbol,
                              enum hn_load_action otherwise)
{
    uint32_t hops = 0;
    const struct symbol *outer = f->outer ? find(b, f->outer, symbol->name, &hops) : NULL;
    if (f->outer && f->outer->table != f->table) hops++;
    symbol->action = (uint8_t)(outer ? HN_LOAD_ALIAS : otherwise);
    symbol->hops = hops;
    symbol->from = outer ? outer->slot : 0;
}

static bool store(struct binder *b, struct frame *f, struct hn_str name)
{
    struct symbol *symbol = find_here(f, name);
    const bool known = symbol != NULL;
    if (!work(b, f->symbols.n)) return false;
    if (!known && !(symbol = define(b, f, name))) return false;
    if (!known) load_from_outside(b, f, symbol, HN_LOAD_MISSING);
    symbol->stored = true;
    return true;
}

static bool load(struct binder *b, struct frame *f, struct hn_str name)
{
    uint32_t hops;
    if (find(b, f, name, &hops)) return true;
    struct symbol *symbol = define(b, f, name);
    if (!symbol) return false;
    symbol->action = HN_LOAD_CONTEXT;
    return true;
}

/* --- Collecting the symbols of a frame -------------------------------------------------------- */

static bool collect(void *ctx, struct hn_node *node);

static bool collect_all(struct binder *b, const struct hn_nodes *nodes)
{
    for (size_t i = 0; i < nodes->n; i++)
        if (!collect(b, nodes->items[i])) return false;
    return true;
}

static bool collect_target(struct binder *b, const struct hn_node *target, bool param)
{
    if (target->kind == HN_N_ATTR_TARGET) return load(b, b->frame, target->var.name);
    if (target->kind == HN_N_NAME) return (param ? declare : store)(b, b->frame, target->var.name);
    for (size_t i = 0; i < target->list.n; i++)
        if (!collect_target(b, target->list.items[i], param)) return false;
    return true;
}

static bool collect_elifs(struct binder *b, const struct hn_node *node);

/* The symbols after one branch of an if: a copy of those before it, and its own. */
static bool collect_branch(struct binder *b, const struct hn_nodes *body,
                           const struct hn_node *elifs, struct symbols *out)
{
    struct frame *f = b->frame;
    const struct symbols before = f->symbols;
    if (!work(b, before.n + 1)) return false;
    struct symbols copy = {.n = before.n, .cap = before.n + 8};
    copy.items = hn_compile_alloc(b->c, copy.cap, sizeof *copy.items);
    if (!copy.items) return false;
    if (before.n) memcpy(copy.items, before.items, before.n * sizeof *copy.items);
    f->symbols = copy;
    const bool ok = elifs ? collect_elifs(b, elifs) : collect_all(b, body);
    *out = f->symbols;
    f->symbols = before;
    return ok;
}

static bool stored_in(const struct symbols *s, struct hn_str name)
{
    for (size_t i = 0; i < s->n; i++)
        if (hn_str_eq(s->items[i].name, name)) return s->items[i].stored;
    return false;
}

/* Joins three branches into the frame, which is as it was before them. */
static bool join_branches(struct binder *b, const struct symbols branch[3])
{
    struct frame *f = b->frame;
    struct symbols before = f->symbols; /* a copy, since the array changes */
    if (!work(b, before.n + 1)) return false;
    before.items = hn_compile_alloc(b->c, before.n + 1, sizeof *before.items);
    if (!before.items) return false;
    if (before.n) memcpy(before.items, f->symbols.items, before.n * sizeof *before.items);
    for (int i = 0; i < 3; i++) {
        for (size_t k = 0; k < branch[i].n; k++) {
            const struct symbol from = branch[i].items[k];
            if (!work(b, f->symbols.n)) return false;
            struct symbol *to = define(b, f, from.name);
            if (!to) return false;
            const bool stored = to->stored || from.stored;
            *to = from;
            to->stored = stored;
        }
    }
    /* A name that not all of them assign has its value from before where they do not. */
    for (size_t i = 0; i < f->symbols.n; i++) {
        struct symbol *symbol = &f->symbols.items[i];
        if (!work(b, before.n + branch[0].n + branch[1].n + branch[2].n)) return false;
        if (!symbol->stored || stored_in(&before, symbol->name)) continue;
        if (!stored_in(&branch[0], symbol->name) || !stored_in(&branch[1], symbol->name) ||
            !stored_in(&branch[2], symbol->name))
            load_from_outside(b, f, symbol, HN_LOAD_CONTEXT);
    }
    return true;
}

/* The elifs are one branch, in which each is an if without others. */
static bool collect_elifs(struct binder *b, const struct hn_node *node)
{
    for (size_t i = 1; i < node->branch.tests.n; i++) {
        struct symbols branch[3];
        static const struct hn_nodes nothing = {0};
        if (!collect(b, node->branch.tests.items[i]) ||
            !collect_branch(b, &node->branch.bodies[i], NULL, &branch[0]) ||
            !collect_branch(b, &nothing, NULL, &branch[1]))
            return false;
        branch[2] = branch[1];
        if (!join_branches(b, branch)) return false;
    }
    return true;
}

static bool collect_if(struct binder *b, const struct hn_node *node)
{
    struct symbols branch[3];
    return collect(b, node->branch.tests.items[0]) &&
           collect_branch(b, &node->branch.bodies[0], NULL, &branch[0]) &&
           collect_branch(b, NULL, node, &branch[1]) &&
           collect_branch(b, &node->branch.otherwise, NULL, &branch[2]) && join_branches(b, branch);
}

static bool collect(void *ctx, struct hn_node *node)
{
    struct binder *b = ctx;
    if (!work(b, 1)) return false;
    switch ((enum hn_node_kind)node->kind) {
    case HN_N_NAME: return load(b, b->frame, node->var.name);
    case HN_N_IF: return collect_if(b, node);
    case HN_N_FOR: return collect(b, node->loop.over);
    case HN_N_SET: return collect(b, node->set.value) && collect_target(b, node->set.target, false);
    case HN_N_SET_BLOCK: return collect_target(b, node->set.target, false);
    case HN_N_MACRO: return store(b, b->frame, node->macro.func->name);
    case HN_N_CALL_BLOCK: return collect(b, node->macro.call);
    case HN_N_FILTER_BLOCK: return collect(b, node->block.filter);
    case HN_N_WITH: return collect_all(b, &node->block.values);
    case HN_N_BLOCK:
    case HN_N_GENERATION: return true;
    default: return hn_node_children(node, collect, b);
    }
}

/* --- Visiting with the symbols known ---------------------------------------------------------- */

static bool bind_expr(struct binder *b, struct frame *f, struct hn_node *node);
static bool bind_body(struct binder *b, struct frame *f, const struct hn_nodes *body);

static bool place_of(struct binder *b, struct frame *f, struct hn_str name, struct hn_place *out)
{
    struct symbol *symbol = find(b, f, name, &out->hops);
    if (!symbol) {
        /* The filter of a block assignment, which nobody collects from: it belongs to the block. */
        if (!load(b, f, name)) return false;
        symbol = find(b, f, name, &out->hops);
    }
    out->slot = symbol->slot;
    return b->c->status >= 0;
}

/* What has to be done on entry, from the symbols as they are now. */
static bool make_scope(struct binder *b, const struct frame *f, struct hn_scope *out)
{
    out->n = 0;
    out->loads = hn_compile_alloc(b->c, f->symbols.n + 1, sizeof *out->loads);
    if (!out->loads) return false;
    for (size_t i = 0; i < f->symbols.n; i++) {
        const struct symbol *s = &f->symbols.items[i];
        out->loads[out->n++] = (struct hn_load){
            .action = s->action, .slot = s->slot, .from = {s->hops, s->from}, .name = s->name};
    }
    return true;
}

static struct frame inner(struct frame *outer)
{
    return (struct frame){.outer = outer, .table = outer->table, .level = outer->level + 1};
}

/* Collects the symbols of a frame: its targets as parameters, then its body. */
static bool collect_frame(struct binder *b, struct frame *f, const struct hn_nodes *params,
                          const struct hn_nodes *body)
{
    struct frame *saved = b->frame;
    b->frame = f;
    bool ok = true;
    for (size_t i = 0; ok && params && i < params->n; i++)
        ok = collect_target(b, params->items[i], true);
    if (ok && body) ok = collect_all(b, body);
    b->frame = saved;
    return ok;
}

static bool bind_target(struct binder *b, struct frame *f, struct hn_node *target)
{
    if (target->kind == HN_N_NAME || target->kind == HN_N_ATTR_TARGET)
        return place_of(b, f, target->var.name, &target->var.place);
    for (size_t i = 0; i < target->list.n; i++)
        if (!bind_target(b, f, target->list.items[i])) return false;
    return true;
}

struct expr_ctx {
    struct binder *b;
    struct frame *f;
};

static bool bind_child(void *ctx, struct hn_node *child)
{
    const struct expr_ctx *e = ctx;
    return bind_expr(e->b, e->f, child);
}

static bool bind_expr(struct binder *b, struct frame *f, struct hn_node *node)
{
    if (node->kind == HN_N_NAME) return place_of(b, f, node->var.name, &node->var.place);
    if (node->kind == HN_N_FILTER || node->kind == HN_N_TEST) {
        const bool filter = node->kind == HN_N_FILTER;
        node->call.func = (filter ? hn_filter_find : hn_test_find)(node->call.name);
        if (!node->call.func && !f->soft)
            return hn_compile_fail(b->c, node->line, "No %s named '%.*s'.",
                                   filter ? "filter" : "test", HN_FMT(node->call.name));
    }
    const bool soft = f->soft;
    if (node->kind == HN_N_COND) f->soft = true;
    const bool ok = hn_node_children(node, bind_child, &(struct expr_ctx){b, f});
    f->soft = soft;
    return ok;
}

/* Whether a name is read before it is assigned, as find_undeclared of jinja2/compiler.py sees it. */
struct reads {
    const char *name;
    bool found, assigned;
};

static bool reads_name(void *ctx, struct hn_node *node);

static bool reads_in(struct reads *r, const struct hn_nodes *nodes)
{
    for (size_t i = 0; i < nodes->n; i++)
        if (!reads_name(r, nodes->items[i])) return false;
    return true;
}

static void assigns(struct reads *r, const struct hn_node *target)
{
    if (target->kind == HN_N_NAME) r->assigned |= hn_str_is(target->var.name, r->name);
    else if (target->kind == HN_N_TUPLE)
        for (size_t i = 0; i < target->list.n; i++)
            assigns(r, target->list.items[i]);
}

static bool reads_statement(struct reads *r, struct hn_node *node)
{
    switch ((enum hn_node_kind)node->kind) {
    case HN_N_FOR:
        assigns(r, node->loop.target);
        return reads_name(r, node->loop.over) && reads_in(r, &node->loop.body) &&
               reads_in(r, &node->loop.otherwise) &&
               (!node->loop.test || reads_name(r, node->loop.test));
    case HN_N_IF:
        for (size_t i = 0; i < node->branch.tests.n; i++)
            if (!reads_name(r, node->branch.tests.items[i]) ||
                !reads_in(r, &node->branch.bodies[i]))
                return false;
        return reads_in(r, &node->branch.otherwise);
    case HN_N_SET:
    case HN_N_SET_BLOCK:
        assigns(r, node->set.target);
        return (!node->set.value || reads_name(r, node->set.value)) && reads_in(r, &node->set.body);
    case HN_N_MACRO:
    case HN_N_CALL_BLOCK:
    case HN_N_GENERATION:
        if (node->macro.call && !reads_name(r, node->macro.call)) return false;
        for (size_t i = 0; i < node->macro.func->params.n; i++)
            assigns(r, node->macro.func->params.items[i]);
        return reads_in(r, &node->macro.func->defaults) && reads_in(r, &node->macro.func->body);
    case HN_N_WITH:
        for (size_t i = 0; i < node->block.targets.n; i++)
            assigns(r, node->block.targets.items[i]);
        return reads_in(r, &node->block.values) && reads_in(r, &node->block.body);
    case HN_N_FILTER_BLOCK:
        return reads_in(r, &node->block.body) && reads_name(r, node->block.filter);
    default: return hn_node_children(node, reads_name, r);
    }
}

/* False ends the walk. */
static bool reads_name(void *ctx, struct hn_node *node)
{
    struct reads *r = ctx;
    if (node->kind == HN_N_BLOCK) return true;
    if (node->kind == HN_N_NAME) {
        r->found |= !r->assigned && hn_str_is(node->var.name, r->name);
        return !r->found && !r->assigned;
    }
    return reads_statement(r, node) && !r->assigned;
}

static bool is_read(const struct hn_func *func, const char *name)
{
    struct reads r = {.name = name};
    reads_in(&r, &func->body);
    return r.found;
}

static struct hn_node *param_named(const struct hn_func *func, const char *name)
{
    for (size_t i = 0; i < func->params.n; i++)
        if (hn_str_is(func->params.items[i]->var.name, name)) return func->params.items[i];
    return NULL;
}

/* caller, kwargs, varargs: parameters of what uses them. */
static bool declare_special(struct binder *b, struct frame *f, const char *name, bool *uses,
                            uint32_t *slot)
{
    if (!work(b, 1000)) return false;
    *uses = is_read(f->table->func, name) && !param_named(f->table->func, name);
    if (!*uses) return true;
    if (!declare(b, f, hn_str_from(name))) return false;
    *slot = find_here(f, hn_str_from(name))->slot;
    return true;
}

static bool check_caller(struct binder *b, struct hn_func *func, int line)
{
    struct hn_node *param = param_named(func, "caller");
    func->explicit_caller = param != NULL;
    if (!param || !is_read(func, "caller")) return true;
    for (size_t i = 0; i + func->defaults.n < func->params.n; i++)
        if (func->params.items[i] == param)
            return hn_compile_fail(b->c, line,
                                   "When defining macros or call blocks the special \"caller\" "
                                   "argument must be omitted or be given a default.");
    return true;
}

/* A macro, or the body of a call block. */
static bool bind_func(struct binder *b, struct frame *outer, struct hn_func *func, int line)
{
    struct slot_table table = {.outer = outer->table, .func = func};
    struct frame f = inner(outer);
    f.table = &table;
    if (!check_caller(b, func, line)) return false;
    if (!collect_frame(b, &f, &func->params, NULL) ||
        !declare_special(b, &f, "caller", &func->uses_caller, &func->caller_slot) ||
        !declare_special(b, &f, "kwargs", &func->uses_kwargs, &func->kwargs_slot) ||
        !declare_special(b, &f, "varargs", &func->uses_varargs, &func->varargs_slot) ||
        !collect_frame(b, &f, NULL, &func->defaults) || !collect_frame(b, &f, NULL, &func->body))
        return false;
    func->param_slots = hn_compile_alloc(b->c, func->params.n + 1, sizeof *func->param_slots);
    if (!func->param_slots) return false;
    for (size_t i = 0; i < func->params.n; i++)
        func->param_slots[i] = find_here(&f, func->params.items[i]->var.name)->slot;
    if (!make_scope(b, &f, &func->scope)) return false;
    for (size_t i = 0; i < func->defaults.n; i++)
        if (!bind_expr(b, &f, func->defaults.items[i])) return false;
    return bind_body(b, &f, &func->body);
}

static struct hn_node *copy_target(struct hn_compiler *c, const struct hn_node *target)
{
    struct hn_node *copy = hn_node_new(c, (enum hn_node_kind)target->kind, target->line);
    if (!copy) return NULL;
    if (target->kind == HN_N_NAME) {
        copy->var.name = target->var.name;
        return copy;
    }
    for (size_t i = 0; i < target->list.n; i++)
        if (!hn_nodes_add(c, &copy->list, copy_target(c, target->list.items[i]))) return NULL;
    return copy;
}

/* The `if` of a loop is a function of its own: what it reads is what was before the loop. */
static bool bind_loop_test(struct binder *b, struct frame *outer, struct hn_node *node)
{
    struct hn_func *func = hn_compile_alloc(b->c, 1, sizeof *func);
    struct hn_node *target = copy_target(b->c, node->loop.target);
    if (!func || !target) return false;
    struct slot_table table = {.outer = outer->table, .func = func};
    struct frame f = inner(outer);
    f.table = &table;
    const struct hn_nodes targets = {.items = &target, .n = 1},
                          test = {.items = &node->loop.test, .n = 1};
    if (!collect_frame(b, &f, &targets, &test) || !make_scope(b, &f, &func->scope)) return false;
    node->loop.test_func = func;
    node->loop.test_target = target;
    return bind_target(b, &f, target) && bind_expr(b, &f, node->loop.test);
}

static bool bind_loop_bodies(struct binder *b, struct frame *outer, struct frame *f,
                             struct hn_node *node)
{
    const struct hn_nodes targets = {.items = &node->loop.target, .n = 1};
    if (!declare(b, f, HN_STR("loop")) || !collect_frame(b, f, &targets, &node->loop.body) ||
        !make_scope(b, f, &node->loop.scope))
        return false;
    node->loop.loop_slot = find_here(f, HN_STR("loop"))->slot;
    if (!bind_target(b, f, node->loop.target) || !bind_body(b, f, &node->loop.body)) return false;
    struct frame otherwise = inner(outer);
    otherwise.table = f->table;
    return collect_frame(b, &otherwise, NULL, &node->loop.otherwise) &&
           make_scope(b, &otherwise, &node->loop.else_scope) &&
           bind_body(b, &otherwise, &node->loop.otherwise);
}

static bool bind_for(struct binder *b, struct frame *outer, struct hn_node *node)
{
    struct frame f = inner(outer);
    struct slot_table table = {.outer = outer->table};
    if (node->loop.recursive) {
        if (!(table.func = hn_compile_alloc(b->c, 1, sizeof *table.func))) return false;
        node->loop.body_func = table.func;
        f.table = &table;
    }
    if (node->loop.test && !bind_loop_test(b, outer, node)) return false;
    return bind_expr(b, outer, node->loop.over) && bind_loop_bodies(b, outer, &f, node);
}

static bool bind_if(struct binder *b, struct frame *f, struct hn_node *node)
{
    const bool soft = f->soft;
    f->soft = true;
    bool ok = true;
    for (size_t i = 0; ok && i < node->branch.tests.n; i++)
        ok = bind_expr(b, f, node->branch.tests.items[i]) &&
             bind_body(b, f, &node->branch.bodies[i]);
    if (ok) ok = bind_body(b, f, &node->branch.otherwise);
    f->soft = soft;
    return ok;
}

static bool bind_set_block(struct binder *b, struct frame *outer, struct hn_node *node)
{
    struct frame f = inner(outer);
    if (!collect_frame(b, &f, NULL, &node->set.body)) return false;
    if (node->set.value && !bind_expr(b, &f, node->set.value)) return false;
    return make_scope(b, &f, &node->set.scope) && bind_body(b, &f, &node->set.body) &&
           bind_target(b, outer, node->set.target);
}

static bool bind_filter_block(struct binder *b, struct frame *outer, struct hn_node *node)
{
    struct frame f = inner(outer);
    const struct hn_nodes filter = {.items = &node->block.filter, .n = 1};
    return collect_frame(b, &f, NULL, &node->block.body) && collect_frame(b, &f, NULL, &filter) &&
           make_scope(b, &f, &node->block.scope) && bind_body(b, &f, &node->block.body) &&
           bind_expr(b, &f, node->block.filter);
}

static bool bind_with(struct binder *b, struct frame *outer, struct hn_node *node)
{
    struct frame f = inner(outer);
    if (!collect_frame(b, &f, &node->block.targets, &node->block.body) ||
        !make_scope(b, &f, &node->block.scope))
        return false;
    for (size_t i = 0; i < node->block.targets.n; i++)
        if (!bind_expr(b, outer, node->block.values.items[i]) ||
            !bind_target(b, &f, node->block.targets.items[i]))
            return false;
    return bind_body(b, &f, &node->block.body);
}

/* A block sees the template's variables, not those around it. */
static bool bind_block(struct binder *b, struct hn_node *node)
{
    struct hn_func *func = node->macro.func;
    if (!work(b, b->n_blocks)) return false;
    for (size_t i = 0; i < b->n_blocks; i++)
        if (hn_str_eq(b->blocks[i], func->name))
            return hn_compile_fail(b->c, node->line, "block '%.*s' defined twice",
                                   HN_FMT(func->name));
    struct hn_str *blocks =
        hn_compile_grow(b->c, b->blocks, b->n_blocks, &b->cap_blocks, 8, sizeof *blocks);
    if (!blocks) return false;
    b->blocks = blocks;
    b->blocks[b->n_blocks++] = func->name;
    struct slot_table table = {.outer = b->root->table, .func = func};
    struct frame f = inner(b->root);
    f.table = &table;
    return collect_frame(b, &f, NULL, &func->body) && make_scope(b, &f, &func->scope) &&
           bind_body(b, &f, &func->body);
}

static bool bind_statement(struct binder *b, struct frame *f, struct hn_node *node)
{
    switch ((enum hn_node_kind)node->kind) {
    case HN_N_IF: return bind_if(b, f, node);
    case HN_N_FOR: return bind_for(b, f, node);
    case HN_N_SET: return bind_expr(b, f, node->set.value) && bind_target(b, f, node->set.target);
    case HN_N_SET_BLOCK: return bind_set_block(b, f, node);
    case HN_N_MACRO:
        return bind_func(b, f, node->macro.func, node->line) &&
               place_of(b, f, node->macro.func->name, &node->macro.place);
    case HN_N_CALL_BLOCK:
        return bind_func(b, f, node->macro.func, node->line) && bind_expr(b, f, node->macro.call);
    case HN_N_GENERATION: return bind_func(b, f, node->macro.func, node->line);
    case HN_N_FILTER_BLOCK: return bind_filter_block(b, f, node);
    case HN_N_WITH: return bind_with(b, f, node);
    case HN_N_BLOCK: return bind_block(b, node);
    case HN_N_BREAK:
    case HN_N_CONTINUE: return true;
    default: return bind_expr(b, f, node);
    }
}

static bool bind_body(struct binder *b, struct frame *f, const struct hn_nodes *body)
{
    for (size_t i = 0; i < body->n; i++)
        if (!bind_statement(b, f, body->items[i])) return false;
    return true;
}

bool hn_template_bind(struct hn_compiler *c, struct hn_func *root)
{
    struct binder b = {.c = c};
    struct slot_table table = {.func = root};
    struct frame f = {.table = &table};
    b.root = &f;
    return collect_frame(&b, &f, NULL, &root->body) && make_scope(&b, &f, &root->scope) &&
           bind_body(&b, &f, &root->body) && c->status >= 0;
}
