/* The parser, upper half: statements, from jinja2/parser.py. */
#include "base/bits.h"
#include "text/template_ast.h"

enum { MAX_BLOCKS = 60 }; /* inside each other */

/* What ends a list of statements: names of tags, NULL at the end. */
typedef const char *const ends[4];

static bool parse_body(struct hn_compiler *c, ends end, struct hn_nodes *body);

static bool is_end(struct hn_compiler *c, const char *const *end)
{
    for (; end && *end; end++)
        if (hn_parse_is_name(c, *end)) return true;
    return false;
}

/* The statements after a tag's begin, up to a tag of `end`, which becomes the next token. */
static bool parse_statements(struct hn_compiler *c, ends end, struct hn_nodes *body)
{
    hn_parse_skip_op(c, ':'); /* as Python would have it */
    if (hn_parse_peek(c, 0)->type != HN_TOK_BLOCK_END)
        return hn_parse_unexpected(c, "end of statement block");
    c->at++;
    if (!parse_body(c, end, body)) return false;
    if (hn_parse_peek(c, 0)->type != HN_TOK_EOF) return true;
    const struct hn_str tag = c->n_tags ? c->tag[c->n_tags - 1] : (struct hn_str){"", 0};
    return hn_compile_fail(c, hn_parse_peek(c, 0)->line,
                           "Unexpected end of template. Jinja was looking for '%s'. The innermost "
                           "block that needs to be closed is '%.*s'.",
                           end[0], HN_FMT(tag));
}

/* The same, with the end's tag name taken. */
static bool parse_until(struct hn_compiler *c, const char *end, struct hn_nodes *body)
{
    ends list = {end};
    if (!parse_statements(c, list, body)) return false;
    c->at++;
    return true;
}

/* Names and tuples of names can be assigned to. */
static bool check_target(struct hn_compiler *c, const struct hn_node *node)
{
    static const char *const kinds[] = {
        [HN_N_CONST] = "const", [HN_N_LIST] = "list",       [HN_N_DICT] = "dict",
        [HN_N_CALL] = "call",   [HN_N_GETATTR] = "getattr", [HN_N_GETITEM] = "getitem",
    };
    if (node->kind == HN_N_NAME) {
        if (c->loops && hn_str_is(node->var.name, "loop"))
            return hn_compile_fail(c, node->line,
                                   "Can't assign to special loop variable in for-loop target");
        return true;
    }
    if (node->kind == HN_N_TUPLE) {
        for (size_t i = 0; i < node->list.n; i++)
            if (!check_target(c, node->list.items[i])) return false;
        return true;
    }
    const char *kind = node->kind < HN_COUNT(kinds) ? kinds[node->kind] : NULL;
    return hn_compile_fail(c, node->line, "can't assign to '%s'", kind ? kind : "expression");
}

struct hn_node *hn_parse_target(struct hn_compiler *c, bool with_attr, const char *until)
{
    const struct hn_token *dot = hn_parse_peek(c, 1);
    if (with_attr && dot->type == HN_TOK_OP && dot->op == '.') {
        const struct hn_token *name = hn_parse_expect_name(c);
        c->at++;
        const struct hn_token *attr = name ? hn_parse_expect_name(c) : NULL;
        struct hn_node *node = attr ? hn_node_new(c, HN_N_ATTR_TARGET, name->line) : NULL;
        if (!node) return NULL;
        node->var.name = name->s;
        node->var.attr = attr->s;
        return node;
    }
    struct hn_node *node = hn_parse_tuple(c, true, true, until, false);
    return node && check_target(c, node) ? node : NULL;
}

static struct hn_node *parse_name_target(struct hn_compiler *c)
{
    const struct hn_token *token = hn_parse_expect_name(c);
    struct hn_node *node = token ? hn_node_new(c, HN_N_NAME, token->line) : NULL;
    if (!node) return NULL;
    node->var.name = token->s;
    static const char *const constants[] = {"true", "false", "none", "True", "False", "None"};
    for (size_t i = 0; i < HN_COUNT(constants); i++)
        if (hn_str_is(token->s, constants[i])) {
            hn_compile_fail(c, token->line, "can't assign to 'name'");
            return NULL;
        }
    return node;
}

static struct hn_node *parse_set(struct hn_compiler *c, int line)
{
    struct hn_node *target = hn_parse_target(c, true, NULL);
    if (!target) return NULL;
    const bool block = !hn_parse_skip_op(c, '=');
    struct hn_node *node = hn_node_new(c, block ? HN_N_SET_BLOCK : HN_N_SET, line);
    if (!node) return NULL;
    node->set.target = target;
    if (!block) {
        node->set.value = hn_parse_tuple(c, false, true, NULL, false);
        return node->set.value ? node : NULL;
    }
    if (hn_parse_is_op(c, '|') && !(node->set.value = hn_parse_filters(c, NULL, false)))
        return NULL;
    return parse_until(c, "endset", &node->set.body) ? node : NULL;
}

static struct hn_node *parse_for(struct hn_compiler *c, int line)
{
    struct hn_node *node = hn_node_new(c, HN_N_FOR, line);
    if (!node) return NULL;
    c->loops++;
    if (!(node->loop.target = hn_parse_target(c, false, "in"))) return NULL;
    if (!hn_parse_skip_name(c, "in")) {
        hn_parse_unexpected(c, "'in'");
        return NULL;
    }
    if (!(node->loop.over = hn_parse_tuple(c, false, false, "recursive", false))) return NULL;
    if (hn_parse_skip_name(c, "if") && !(node->loop.test = hn_parse_expression(c, true)))
        return NULL;
    node->loop.recursive = hn_parse_skip_name(c, "recursive");
    c->breaks++;
    ends end = {"endfor", "else"};
    if (!parse_statements(c, end, &node->loop.body)) return NULL;
    c->breaks--;
    const bool otherwise = hn_str_is(hn_parse_next(c)->s, "else");
    if (otherwise && !parse_until(c, "endfor", &node->loop.otherwise)) return NULL;
    c->loops--;
    return node;
}

static struct hn_node *parse_if(struct hn_compiler *c, int line)
{
    struct hn_node *node = hn_node_new(c, HN_N_IF, line);
    size_t cap = 0;
    ends end = {"elif", "else", "endif"};
    if (!node) return NULL;
    for (;;) {
        if (!hn_nodes_add(c, &node->branch.tests, hn_parse_tuple(c, false, false, NULL, false)))
            return NULL;
        const size_t n = node->branch.tests.n;
        struct hn_nodes *bodies =
            hn_compile_grow(c, node->branch.bodies, n - 1, &cap, 2, sizeof *bodies);
        if (!bodies) return NULL;
        node->branch.bodies = bodies;
        if (!parse_statements(c, end, &node->branch.bodies[n - 1])) return NULL;
        const struct hn_token *tag = hn_parse_next(c);
        if (hn_str_is(tag->s, "elif")) continue;
        if (hn_str_is(tag->s, "else") && !parse_until(c, "endif", &node->branch.otherwise))
            return NULL;
        return node;
    }
}

static struct hn_func *new_func(struct hn_compiler *c, struct hn_str name)
{
    struct hn_func *func = hn_compile_alloc(c, 1, sizeof *func);
    if (func) func->name = name;
    return func;
}

static bool parse_signature(struct hn_compiler *c, struct hn_func *func)
{
    if (!hn_parse_expect_op(c, '(')) return false;
    while (!hn_parse_is_op(c, ')')) {
        if (func->params.n && !hn_parse_expect_op(c, ',')) return false;
        struct hn_node *param = parse_name_target(c);
        if (!param) return false;
        for (size_t i = 0; i < func->params.n; i++)
            if (hn_str_eq(func->params.items[i]->var.name, param->var.name))
                return hn_compile_fail(c, param->line, "duplicate argument '%.*s'",
                                       HN_FMT(param->var.name));
        if (hn_parse_skip_op(c, '=')) {
            if (!hn_nodes_add(c, &func->defaults, hn_parse_expression(c, true))) return false;
        } else if (func->defaults.n) {
            return hn_compile_fail(c, param->line, "non-default argument follows default argument");
        }
        if (func->params.n == 200)
            return hn_compile_fail(c, param->line, "more than 200 parameters");
        if (!hn_nodes_add(c, &func->params, param)) return false;
    }
    return hn_parse_expect_op(c, ')');
}

/* The body of a function: loops around it are none of its own. */
static bool parse_func_body(struct hn_compiler *c, const char *end, struct hn_func *func)
{
    const int breaks = c->breaks;
    c->breaks = 0;
    const bool ok = parse_until(c, end, &func->body);
    c->breaks = breaks;
    return ok;
}

static struct hn_node *parse_macro(struct hn_compiler *c, int line)
{
    struct hn_node *node = hn_node_new(c, HN_N_MACRO, line);
    struct hn_node *name = node ? parse_name_target(c) : NULL;
    if (!name || !check_target(c, name)) return NULL;
    node->macro.func = new_func(c, name->var.name);
    if (!node->macro.func || !parse_signature(c, node->macro.func)) return NULL;
    return parse_func_body(c, "endmacro", node->macro.func) ? node : NULL;
}

static struct hn_node *parse_call_block(struct hn_compiler *c, int line)
{
    struct hn_node *node = hn_node_new(c, HN_N_CALL_BLOCK, line);
    if (!node || !(node->macro.func = new_func(c, HN_STR("")))) return NULL;
    if (hn_parse_is_op(c, '(') && !parse_signature(c, node->macro.func)) return NULL;
    struct hn_node *call = hn_parse_expression(c, true);
    if (!call) return NULL;
    if (call->kind != HN_N_CALL) {
        hn_compile_fail(c, line, "expected call");
        return NULL;
    }
    node->macro.call = call;
    return parse_func_body(c, "endcall", node->macro.func) ? node : NULL;
}

static struct hn_node *parse_generation(struct hn_compiler *c, int line)
{
    struct hn_node *node = hn_node_new(c, HN_N_GENERATION, line);
    if (!node || !(node->macro.func = new_func(c, HN_STR("")))) return NULL;
    return parse_func_body(c, "endgeneration", node->macro.func) ? node : NULL;
}

static struct hn_node *parse_filter_block(struct hn_compiler *c, int line)
{
    struct hn_node *node = hn_node_new(c, HN_N_FILTER_BLOCK, line);
    if (!node || !(node->block.filter = hn_parse_filters(c, NULL, true))) return NULL;
    return parse_until(c, "endfilter", &node->block.body) ? node : NULL;
}

static struct hn_node *parse_with(struct hn_compiler *c, int line)
{
    struct hn_node *node = hn_node_new(c, HN_N_WITH, line);
    if (!node) return NULL;
    while (hn_parse_peek(c, 0)->type != HN_TOK_BLOCK_END) {
        if (node->block.targets.n && !hn_parse_expect_op(c, ',')) return NULL;
        const int loops = c->loops;
        c->loops = 0; /* `loop` is a name like others here */
        if (!hn_nodes_add(c, &node->block.targets, hn_parse_target(c, false, NULL))) return NULL;
        c->loops = loops;
        if (!hn_parse_expect_op(c, '=')) return NULL;
        if (!hn_nodes_add(c, &node->block.values, hn_parse_expression(c, true))) return NULL;
    }
    return parse_until(c, "endwith", &node->block.body) ? node : NULL;
}

static struct hn_node *parse_block(struct hn_compiler *c, int line)
{
    struct hn_node *node = hn_node_new(c, HN_N_BLOCK, line);
    const struct hn_token *name = node ? hn_parse_expect_name(c) : NULL;
    if (!name || !(node->macro.func = new_func(c, name->s))) return NULL;
    if (hn_parse_is_name(c, "scoped") || hn_parse_is_name(c, "required")) {
        hn_compile_fail(c, line, "scoped and required blocks are not supported");
        return NULL;
    }
    if (!parse_func_body(c, "endblock", node->macro.func)) return NULL;
    const struct hn_token *again = hn_parse_peek(c, 0);
    if (again->type == HN_TOK_NAME && hn_str_eq(again->s, name->s)) c->at++;
    return node;
}

static struct hn_node *parse_print(struct hn_compiler *c, int line)
{
    struct hn_node *node = hn_node_new(c, HN_N_OUTPUT, line);
    if (!node) return NULL;
    while (hn_parse_peek(c, 0)->type != HN_TOK_BLOCK_END) {
        if (node->list.n && !hn_parse_expect_op(c, ',')) return NULL;
        if (!hn_nodes_add(c, &node->list, hn_parse_expression(c, true))) return NULL;
    }
    return node;
}

static struct hn_node *parse_jump(struct hn_compiler *c, int line, enum hn_node_kind kind)
{
    if (c->breaks) return hn_node_new(c, kind, line);
    hn_compile_fail(c, line, "'%s' outside loop", kind == HN_N_BREAK ? "break" : "continue");
    return NULL;
}

static struct hn_node *parse_break(struct hn_compiler *c, int line)
{
    return parse_jump(c, line, HN_N_BREAK);
}

static struct hn_node *parse_continue(struct hn_compiler *c, int line)
{
    return parse_jump(c, line, HN_N_CONTINUE);
}

static struct hn_node *parse_unsupported(struct hn_compiler *c, int line)
{
    const struct hn_str tag = c->tag[c->n_tags - 1];
    hn_compile_fail(c, line, "the tag '%.*s' is not supported: a chat template is one file",
                    HN_FMT(tag));
    return NULL;
}

static const struct {
    const char *tag;
    struct hn_node *(*parse)(struct hn_compiler *c, int line);
} statements[] = {
    {"for", parse_for},
    {"if", parse_if},
    {"set", parse_set},
    {"macro", parse_macro},
    {"call", parse_call_block},
    {"filter", parse_filter_block},
    {"with", parse_with},
    {"block", parse_block},
    {"print", parse_print},
    {"break", parse_break},
    {"continue", parse_continue},
    {"generation", parse_generation},
    {"include", parse_unsupported},
    {"import", parse_unsupported},
    {"from", parse_unsupported},
    {"extends", parse_unsupported},
    {"autoescape", parse_unsupported},
};

static struct hn_node *parse_statement(struct hn_compiler *c)
{
    const struct hn_token *token = hn_parse_peek(c, 0);
    if (token->type != HN_TOK_NAME) {
        hn_compile_fail(c, token->line, "tag name expected");
        return NULL;
    }
    for (size_t i = 0; i < HN_COUNT(statements); i++) {
        if (!hn_str_is(token->s, statements[i].tag)) continue;
        if (c->n_tags == MAX_BLOCKS) {
            hn_compile_fail(c, token->line, "more than %d blocks inside each other", MAX_BLOCKS);
            return NULL;
        }
        c->tag[c->n_tags++] = token->s;
        c->at++;
        struct hn_node *node = statements[i].parse(c, token->line);
        c->n_tags--;
        return node;
    }
    hn_compile_fail(c, token->line, "Encountered unknown tag '%.*s'.", HN_FMT(token->s));
    return NULL;
}

/* Text and print statements up to the next tag are one node. */
static bool parse_output(struct hn_compiler *c, struct hn_nodes *body)
{
    struct hn_node *output = hn_node_new(c, HN_N_OUTPUT, hn_parse_peek(c, 0)->line);
    if (!hn_nodes_add(c, body, output)) return false;
    for (;;) {
        const struct hn_token *token = hn_parse_peek(c, 0);
        struct hn_node *node = NULL;
        if (token->type == HN_TOK_DATA) {
            c->at++;
            node = hn_node_new(c, HN_N_CONST, token->line);
            if (node) node->value = hn_val_str(token->s);
        } else if (token->type == HN_TOK_PRINT_BEGIN) {
            c->at++;
            node = hn_parse_tuple(c, false, true, NULL, false);
            if (!node) return false;
            if (hn_parse_peek(c, 0)->type != HN_TOK_PRINT_END)
                return hn_parse_unexpected(c, "end of print statement");
            c->at++;
        } else {
            return true;
        }
        if (!hn_nodes_add(c, &output->list, node)) return false;
    }
}

static bool parse_body(struct hn_compiler *c, ends end, struct hn_nodes *body)
{
    for (;;) {
        const struct hn_token *token = hn_parse_peek(c, 0);
        if (token->type == HN_TOK_EOF) return true;
        if (token->type != HN_TOK_BLOCK_BEGIN) {
            if (!parse_output(c, body)) return false;
            continue;
        }
        c->at++;
        if (is_end(c, end)) return true;
        if (!hn_nodes_add(c, body, parse_statement(c))) return false;
        if (hn_parse_peek(c, 0)->type != HN_TOK_BLOCK_END)
            return hn_parse_unexpected(c, "end of statement block");
        c->at++;
    }
}

bool hn_template_parse(struct hn_compiler *c, struct hn_nodes *body)
{
    return parse_body(c, NULL, body) && c->status >= 0;
}
