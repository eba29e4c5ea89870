/* The parser, lower half: expressions, from jinja2/parser.py. */
#include "base/bits.h"
#include "text/template_ast.h"

/* Of one tree: its evaluation nests as deep. */
enum { MAX_TREE = 250, MAX_PARSE = 250 };

struct hn_node *hn_node_new(struct hn_compiler *c, enum hn_node_kind kind, int line)
{
    struct hn_node *node = hn_compile_alloc(c, 1, sizeof *node);
    if (!node) return NULL;
    node->kind = (uint8_t)kind;
    node->line = line;
    return node;
}

bool hn_nodes_add(struct hn_compiler *c, struct hn_nodes *list, struct hn_node *node)
{
    if (!node) return false;
    struct hn_node **items =
        hn_compile_grow(c, list->items, list->n, &list->cap, 4, sizeof(struct hn_node *));
    if (!items) return false;
    list->items = items;
    list->items[list->n++] = node;
    return true;
}

struct hn_token *hn_parse_peek(struct hn_compiler *c, size_t far)
{
    return &c->tokens[hn_min(c->at + far, c->n_tokens - 1)];
}

struct hn_token *hn_parse_next(struct hn_compiler *c)
{
    struct hn_token *token = hn_parse_peek(c, 0);
    if (c->at < c->n_tokens - 1) c->at++;
    return token;
}

static bool is_name(const struct hn_token *token, const char *name)
{
    return token->type == HN_TOK_NAME && hn_str_is(token->s, name);
}

static bool is_op(const struct hn_token *token, char op)
{
    return token->type == HN_TOK_OP && token->op == op;
}

bool hn_parse_is_op(struct hn_compiler *c, char op)
{
    return is_op(hn_parse_peek(c, 0), op);
}

bool hn_parse_is_name(struct hn_compiler *c, const char *name)
{
    return is_name(hn_parse_peek(c, 0), name);
}

bool hn_parse_skip_op(struct hn_compiler *c, char op)
{
    if (!hn_parse_is_op(c, op)) return false;
    c->at++;
    return true;
}

bool hn_parse_skip_name(struct hn_compiler *c, const char *name)
{
    if (!hn_parse_is_name(c, name)) return false;
    c->at++;
    return true;
}

bool hn_parse_unexpected(struct hn_compiler *c, const char *wanted)
{
    static const char *const kinds[] = {
        [HN_TOK_EOF] = "end of template",
        [HN_TOK_DATA] = "template data / text",
        [HN_TOK_PRINT_BEGIN] = "begin of print statement",
        [HN_TOK_PRINT_END] = "end of print statement",
        [HN_TOK_BLOCK_BEGIN] = "begin of statement block",
        [HN_TOK_BLOCK_END] = "end of statement block",
        [HN_TOK_STRING] = "string",
        [HN_TOK_OP] = NULL, /* as it stands */
    };
    const struct hn_token *token = hn_parse_peek(c, 0);
    const struct hn_str got = kinds[token->type] ? hn_str_from(kinds[token->type]) : token->s;
    if (!wanted) return hn_compile_fail(c, token->line, "unexpected '%.*s'", HN_FMT(got));
    return hn_compile_fail(c, token->line, "expected %s, got '%.*s'", wanted, HN_FMT(got));
}

bool hn_parse_expect_op(struct hn_compiler *c, char op)
{
    if (hn_parse_skip_op(c, op)) return true;
    const char wanted[] = {'\'', op, '\'', '\0'};
    return hn_parse_unexpected(c, wanted);
}

struct hn_token *hn_parse_expect_name(struct hn_compiler *c)
{
    if (hn_parse_peek(c, 0)->type == HN_TOK_NAME) return hn_parse_next(c);
    hn_parse_unexpected(c, "a name");
    return NULL;
}

static struct hn_node *too_deep(struct hn_compiler *c, int line)
{
    hn_compile_fail(c, line, "an expression nests more than %d levels", MAX_TREE);
    return NULL;
}

static struct hn_node *deepen(struct hn_compiler *c, struct hn_node *node, const struct hn_node *a,
                              const struct hn_node *b)
{
    const int below = (int)hn_max(a ? a->depth : 0, b ? b->depth : 0);
    if (below >= MAX_TREE) return too_deep(c, node->line);
    node->depth = (uint16_t)(below + 1);
    return node;
}

static struct hn_node *deepen_list(struct hn_compiler *c, struct hn_node *node,
                                   const struct hn_nodes *list)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i]->depth >= node->depth && !deepen(c, node, list->items[i], NULL))
            return NULL;
    return node;
}

static struct hn_node *new_pair(struct hn_compiler *c, enum hn_node_kind kind, int line,
                                struct hn_node *a, struct hn_node *b)
{
    struct hn_node *node = hn_node_new(c, kind, line);
    if (!node) return NULL;
    node->pair.a = a;
    node->pair.b = b;
    return deepen(c, node, a, b);
}

static struct hn_node *new_const(struct hn_compiler *c, int line, struct hn_val value)
{
    struct hn_node *node = hn_node_new(c, HN_N_CONST, line);
    if (node) node->value = value;
    return node;
}

static struct hn_node *parse_word(struct hn_compiler *c)
{
    const struct hn_token *token = hn_parse_next(c);
    if (is_name(token, "true") || is_name(token, "True"))
        return new_const(c, token->line, hn_val_bool(true));
    if (is_name(token, "false") || is_name(token, "False"))
        return new_const(c, token->line, hn_val_bool(false));
    if (is_name(token, "none") || is_name(token, "None"))
        return new_const(c, token->line, hn_val_none());
    struct hn_node *node = hn_node_new(c, HN_N_NAME, token->line);
    if (node) node->var.name = token->s;
    return node;
}

/* Adjacent literals are one string. */
static struct hn_node *parse_string(struct hn_compiler *c)
{
    const struct hn_token *first = hn_parse_peek(c, 0);
    size_t n = 0;
    for (const struct hn_token *t = first; t->type == HN_TOK_STRING; t++)
        n += t->s.n;
    char *text = hn_compile_alloc(c, n + 1, 1);
    if (!text) return NULL;
    n = 0;
    while (hn_parse_peek(c, 0)->type == HN_TOK_STRING) {
        const struct hn_str s = hn_parse_next(c)->s;
        if (s.n) memcpy(text + n, s.p, s.n);
        n += s.n;
    }
    return new_const(c, first->line, hn_val_str((struct hn_str){text, n}));
}

static struct hn_node *parse_items(struct hn_compiler *c, char close)
{
    const struct hn_token *token = hn_parse_next(c);
    const bool dict = close == '}';
    struct hn_node *node = hn_node_new(c, dict ? HN_N_DICT : HN_N_LIST, token->line);
    if (!node) return NULL;
    while (!hn_parse_is_op(c, close)) {
        if (node->list.n && !hn_parse_expect_op(c, ',')) return NULL;
        if (hn_parse_is_op(c, close)) break;
        if (!hn_nodes_add(c, &node->list, hn_parse_expression(c, true))) return NULL;
        if (!dict) continue;
        if (!hn_parse_expect_op(c, ':')) return NULL;
        if (!hn_nodes_add(c, &node->list, hn_parse_expression(c, true))) return NULL;
    }
    if (!hn_parse_expect_op(c, close)) return NULL;
    return deepen_list(c, node, &node->list);
}

static struct hn_node *parse_primary(struct hn_compiler *c)
{
    const struct hn_token *token = hn_parse_peek(c, 0);
    switch (token->type) {
    case HN_TOK_NAME: return parse_word(c);
    case HN_TOK_STRING: return parse_string(c);
    case HN_TOK_INT:
    case HN_TOK_FLOAT: return new_const(c, token->line, hn_parse_next(c)->value);
    default: break;
    }
    if (is_op(token, '[')) return parse_items(c, ']');
    if (is_op(token, '{')) return parse_items(c, '}');
    if (!is_op(token, '(')) {
        hn_parse_unexpected(c, NULL);
        return NULL;
    }
    c->at++;
    struct hn_node *node = hn_parse_tuple(c, false, true, NULL, true);
    return node && hn_parse_expect_op(c, ')') ? node : NULL;
}

static bool parse_argument(struct hn_compiler *c, struct hn_arglist *args, int line)
{
    if (hn_parse_skip_op(c, '*')) {
        if (args->star || args->star_star) goto invalid;
        return (args->star = hn_parse_expression(c, true)) != NULL;
    }
    if (hn_parse_skip_op(c, HN_OP_POW)) {
        if (args->star_star) goto invalid;
        return (args->star_star = hn_parse_expression(c, true)) != NULL;
    }
    const struct hn_token *token = hn_parse_peek(c, 0);
    if (token->type == HN_TOK_NAME && is_op(hn_parse_peek(c, 1), '=')) {
        if (args->star_star) goto invalid;
        for (size_t i = 0; i < args->n_names; i++)
            if (hn_str_eq(args->names[i], token->s))
                return hn_compile_fail(c, token->line, "keyword argument repeated: %.*s",
                                       HN_FMT(token->s));
        if (args->n_names == 64) return hn_compile_fail(c, line, "more than 64 keyword arguments");
        if (!args->names && !(args->names = hn_compile_alloc(c, 64, sizeof *args->names)))
            return false;
        args->names[args->n_names++] = token->s;
        c->at += 2;
    } else if (args->star || args->star_star || args->n_names) {
        goto invalid;
    }
    return hn_nodes_add(c, &args->items, hn_parse_expression(c, true));
invalid:
    return hn_compile_fail(c, line, "invalid syntax for function call expression");
}

static bool parse_arguments(struct hn_compiler *c, struct hn_arglist *args)
{
    const int line = hn_parse_peek(c, 0)->line;
    if (!hn_parse_expect_op(c, '(')) return false;
    for (bool first = true; !hn_parse_is_op(c, ')'); first = false) {
        if (!first && !hn_parse_expect_op(c, ',')) return false;
        if (!first && hn_parse_is_op(c, ')')) break;
        if (!parse_argument(c, args, line)) return false;
    }
    return hn_parse_expect_op(c, ')');
}

static struct hn_node *deepen_call(struct hn_compiler *c, struct hn_node *node)
{
    if (!deepen(c, node, node->call.of, node->call.args.star) ||
        !deepen_list(c, node, &node->call.args.items))
        return NULL;
    const struct hn_node *more = node->call.args.star_star;
    return more && more->depth >= node->depth ? deepen(c, node, more, NULL) : node;
}

static struct hn_node *parse_call(struct hn_compiler *c, struct hn_node *callee)
{
    struct hn_node *node = hn_node_new(c, HN_N_CALL, hn_parse_peek(c, 0)->line);
    if (!node) return NULL;
    node->call.of = callee;
    return parse_arguments(c, &node->call.args) ? deepen_call(c, node) : NULL;
}

/* What stands between brackets: an index, or bounds around colons. */
static struct hn_node *parse_subscribed(struct hn_compiler *c, struct hn_node *of, int line)
{
    struct hn_node *node = NULL;
    if (!hn_parse_is_op(c, ':')) {
        struct hn_node *first = hn_parse_expression(c, true);
        if (!first) return NULL;
        if (!hn_parse_is_op(c, ':')) return new_pair(c, HN_N_GETITEM, line, of, first);
        node = hn_node_new(c, HN_N_SLICE, line);
        if (!node) return NULL;
        node->slice.bound[0] = first;
    } else if (!(node = hn_node_new(c, HN_N_SLICE, line))) {
        return NULL;
    }
    node->slice.of = of;
    if (!deepen(c, node, of, node->slice.bound[0])) return NULL;
    for (int i = 1; i < 3 && hn_parse_skip_op(c, ':'); i++) {
        if (hn_parse_is_op(c, ':') || hn_parse_is_op(c, ']')) continue;
        struct hn_node *bound = hn_parse_expression(c, true);
        if (!bound) return NULL;
        node->slice.bound[i] = bound;
        if (bound->depth >= node->depth && !deepen(c, node, bound, NULL)) return NULL;
    }
    return node;
}

/* a[b, c] looks up a tuple. */
static struct hn_node *parse_tuple_index(struct hn_compiler *c, struct hn_node *item)
{
    struct hn_node *tuple = hn_node_new(c, HN_N_TUPLE, item->line);
    if (!tuple || !hn_nodes_add(c, &tuple->list, item->pair.b)) return NULL;
    while (hn_parse_skip_op(c, ',') && !hn_parse_is_op(c, ']'))
        if (!hn_nodes_add(c, &tuple->list, hn_parse_expression(c, true))) return NULL;
    if (!deepen_list(c, tuple, &tuple->list)) return NULL;
    item->pair.b = tuple;
    return deepen(c, item, item->pair.a, tuple);
}

static struct hn_node *parse_subscript(struct hn_compiler *c, struct hn_node *of)
{
    const struct hn_token *token = hn_parse_next(c);
    if (token->op == '.') {
        const struct hn_token *attr = hn_parse_next(c);
        if (attr->type == HN_TOK_INT)
            return new_pair(c, HN_N_GETITEM, token->line, of,
                            new_const(c, attr->line, attr->value));
        if (attr->type != HN_TOK_NAME) {
            hn_compile_fail(c, attr->line, "expected name or number");
            return NULL;
        }
        struct hn_node *node = hn_node_new(c, HN_N_GETATTR, token->line);
        if (!node) return NULL;
        node->attr.of = of;
        node->attr.name = attr->s;
        return deepen(c, node, of, NULL);
    }
    struct hn_node *node = NULL;
    if (hn_parse_is_op(c, ']')) {
        struct hn_node *empty = hn_node_new(c, HN_N_TUPLE, token->line);
        node = empty ? new_pair(c, HN_N_GETITEM, token->line, of, empty) : NULL;
    } else {
        node = parse_subscribed(c, of, token->line);
        if (node && node->kind == HN_N_GETITEM && hn_parse_is_op(c, ','))
            node = parse_tuple_index(c, node);
    }
    return node && hn_parse_expect_op(c, ']') ? node : NULL;
}

static struct hn_node *parse_postfix(struct hn_compiler *c, struct hn_node *node)
{
    while (node) {
        if (hn_parse_is_op(c, '.') || hn_parse_is_op(c, '[')) node = parse_subscript(c, node);
        else if (hn_parse_is_op(c, '(')) node = parse_call(c, node);
        else break;
    }
    return node;
}

/* Names of filters and tests may have dots. */
static bool parse_dotted(struct hn_compiler *c, struct hn_str *name)
{
    const struct hn_token *token = hn_parse_expect_name(c);
    if (!token) return false;
    *name = token->s;
    while (hn_parse_skip_op(c, '.')) {
        const struct hn_token *more = hn_parse_expect_name(c);
        if (!more) return false;
        char *text = hn_compile_alloc(c, name->n + more->s.n + 2, 1);
        if (!text) return false;
        memcpy(text, name->p, name->n);
        text[name->n] = '.';
        memcpy(text + name->n + 1, more->s.p, more->s.n);
        *name = (struct hn_str){text, name->n + 1 + more->s.n};
    }
    return true;
}

struct hn_node *hn_parse_filters(struct hn_compiler *c, struct hn_node *of, bool inline_first)
{
    while (inline_first || hn_parse_skip_op(c, '|')) {
        inline_first = false;
        struct hn_node *node = hn_node_new(c, HN_N_FILTER, hn_parse_peek(c, 0)->line);
        if (!node || !parse_dotted(c, &node->call.name)) return NULL;
        node->call.of = of;
        if (hn_parse_is_op(c, '(') && !parse_arguments(c, &node->call.args)) return NULL;
        if (!(of = deepen_call(c, node))) return NULL;
    }
    return of;
}

/* A test's argument may stand without parentheses. */
static bool parse_test_argument(struct hn_compiler *c, struct hn_node *node)
{
    const struct hn_token *token = hn_parse_peek(c, 0);
    if (is_op(token, '(')) return parse_arguments(c, &node->call.args);
    const bool begins = token->type == HN_TOK_NAME || token->type == HN_TOK_STRING ||
                        token->type == HN_TOK_INT || token->type == HN_TOK_FLOAT ||
                        is_op(token, '[') || is_op(token, '{');
    if (!begins || is_name(token, "else") || is_name(token, "or") || is_name(token, "and"))
        return true;
    if (is_name(token, "is"))
        return hn_compile_fail(c, token->line, "You cannot chain multiple tests with is");
    return hn_nodes_add(c, &node->call.args.items, parse_postfix(c, parse_primary(c)));
}

static struct hn_node *parse_test(struct hn_compiler *c, struct hn_node *of)
{
    const int line = hn_parse_next(c)->line;
    const bool negated = hn_parse_skip_name(c, "not");
    struct hn_node *node = hn_node_new(c, HN_N_TEST, line);
    if (!node || !parse_dotted(c, &node->call.name)) return NULL;
    node->call.of = of;
    if (!parse_test_argument(c, node) || !deepen_call(c, node)) return NULL;
    return negated ? new_pair(c, HN_N_NOT, line, node, NULL) : node;
}

static struct hn_node *parse_filter_expr(struct hn_compiler *c, struct hn_node *node)
{
    while (node) {
        if (hn_parse_is_op(c, '|')) node = hn_parse_filters(c, node, false);
        else if (hn_parse_is_name(c, "is")) node = parse_test(c, node);
        else if (hn_parse_is_op(c, '(')) node = parse_call(c, node);
        else break;
    }
    return node;
}

static struct hn_node *parse_unary(struct hn_compiler *c, bool with_filter)
{
    const int line = hn_parse_peek(c, 0)->line;
    struct hn_node *node;
    if (++c->depth > MAX_PARSE) return too_deep(c, line);
    const bool minus = hn_parse_is_op(c, '-');
    if (minus || hn_parse_is_op(c, '+')) {
        c->at++;
        node = parse_unary(c, false);
        if (node) node = new_pair(c, minus ? HN_N_NEGATE : HN_N_PLUS, line, node, NULL);
    } else {
        node = parse_primary(c);
    }
    node = parse_postfix(c, node);
    if (with_filter) node = parse_filter_expr(c, node);
    c->depth--;
    return node;
}

static struct hn_node *new_binary(struct hn_compiler *c, char op, int line, struct hn_node *a,
                                  struct hn_node *b)
{
    struct hn_node *node = a && b ? new_pair(c, HN_N_BINARY, line, a, b) : NULL;
    if (node) node->op = op;
    return node;
}

static struct hn_node *parse_pow(struct hn_compiler *c)
{
    struct hn_node *left = parse_unary(c, true);
    while (left && hn_parse_is_op(c, HN_OP_POW)) {
        /* From left to right, and the minus of -2 ** 2 binds first: unlike in Python. */
        const int line = hn_parse_next(c)->line;
        left = new_binary(c, HN_OP_POW, line, left, parse_unary(c, true));
    }
    return left;
}

static struct hn_node *parse_product(struct hn_compiler *c)
{
    struct hn_node *left = parse_pow(c);
    while (left && (hn_parse_is_op(c, '*') || hn_parse_is_op(c, '/') || hn_parse_is_op(c, '%') ||
                    hn_parse_is_op(c, HN_OP_FLOORDIV))) {
        const struct hn_token *token = hn_parse_next(c);
        left = new_binary(c, token->op, token->line, left, parse_pow(c));
    }
    return left;
}

static struct hn_node *parse_concat(struct hn_compiler *c)
{
    struct hn_node *first = parse_product(c);
    if (!first || !hn_parse_is_op(c, '~')) return first;
    struct hn_node *node = hn_node_new(c, HN_N_CONCAT, first->line);
    if (!node || !hn_nodes_add(c, &node->list, first)) return NULL;
    while (hn_parse_skip_op(c, '~'))
        if (!hn_nodes_add(c, &node->list, parse_product(c))) return NULL;
    return deepen_list(c, node, &node->list);
}

static struct hn_node *parse_sum(struct hn_compiler *c)
{
    struct hn_node *left = parse_concat(c);
    while (left && (hn_parse_is_op(c, '+') || hn_parse_is_op(c, '-'))) {
        const struct hn_token *token = hn_parse_next(c);
        left = new_binary(c, token->op, token->line, left, parse_concat(c));
    }
    return left;
}

/* The comparison that comes next, its tokens skipped; 0 when none does. */
static char next_comparison(struct hn_compiler *c)
{
    const struct hn_token *token = hn_parse_peek(c, 0);
    if (token->type == HN_TOK_OP && token->op && strchr("en<>lg", token->op)) {
        c->at++;
        return token->op;
    }
    if (hn_parse_skip_name(c, "in")) return HN_OP_IN;
    if (!is_name(token, "not") || !is_name(hn_parse_peek(c, 1), "in")) return 0;
    c->at += 2;
    return HN_OP_NOT_IN;
}

static struct hn_node *parse_compare(struct hn_compiler *c)
{
    struct hn_node *first = parse_sum(c);
    char op = first ? next_comparison(c) : 0;
    if (!op) return first;
    struct hn_node *node = hn_node_new(c, HN_N_COMPARE, first->line);
    char *ops = hn_compile_alloc(c, 8, 1);
    if (!node || !ops) return NULL;
    node->compare.first = first;
    for (size_t n = 0; op; op = next_comparison(c), n++) {
        if (n && n % 8 == 0) {
            char *grown = hn_compile_alloc(c, n + 8, 1);
            if (!grown) return NULL;
            ops = memcpy(grown, ops, n);
        }
        ops[n] = op;
        if (!hn_nodes_add(c, &node->compare.rest, parse_sum(c))) return NULL;
    }
    node->compare.ops = ops;
    return deepen(c, node, first, NULL) ? deepen_list(c, node, &node->compare.rest) : NULL;
}

static struct hn_node *parse_not(struct hn_compiler *c)
{
    const int line = hn_parse_peek(c, 0)->line;
    if (!hn_parse_is_name(c, "not")) return parse_compare(c);
    if (++c->depth > MAX_PARSE) return too_deep(c, line);
    c->at++;
    struct hn_node *node = parse_not(c);
    c->depth--;
    return node ? new_pair(c, HN_N_NOT, line, node, NULL) : NULL;
}

static struct hn_node *parse_and(struct hn_compiler *c)
{
    struct hn_node *left = parse_not(c);
    while (left && hn_parse_skip_name(c, "and")) {
        struct hn_node *right = parse_not(c);
        left = right ? new_pair(c, HN_N_AND, left->line, left, right) : NULL;
    }
    return left;
}

static struct hn_node *parse_or(struct hn_compiler *c)
{
    struct hn_node *left = parse_and(c);
    while (left && hn_parse_skip_name(c, "or")) {
        struct hn_node *right = parse_and(c);
        left = right ? new_pair(c, HN_N_OR, left->line, left, right) : NULL;
    }
    return left;
}

static struct hn_node *parse_cond(struct hn_compiler *c)
{
    struct hn_node *yes = parse_or(c);
    while (yes && hn_parse_skip_name(c, "if")) {
        struct hn_node *node = hn_node_new(c, HN_N_COND, yes->line);
        if (!node || !(node->cond.test = parse_or(c))) return NULL;
        node->cond.yes = yes;
        if (hn_parse_skip_name(c, "else") && !(node->cond.no = hn_parse_expression(c, true)))
            return NULL;
        if (!deepen(c, node, yes, node->cond.test)) return NULL;
        if (node->cond.no && node->cond.no->depth >= node->depth &&
            !deepen(c, node, node->cond.no, NULL))
            return NULL;
        yes = node;
    }
    return yes;
}

struct hn_node *hn_parse_expression(struct hn_compiler *c, bool with_cond)
{
    if (++c->depth > MAX_PARSE) return too_deep(c, hn_parse_peek(c, 0)->line);
    struct hn_node *node = with_cond ? parse_cond(c) : parse_or(c);
    c->depth--;
    return node;
}

static bool ends_tuple(struct hn_compiler *c, const char *until)
{
    const struct hn_token *token = hn_parse_peek(c, 0);
    return token->type == HN_TOK_PRINT_END || token->type == HN_TOK_BLOCK_END ||
           is_op(token, ')') || (until && is_name(token, until));
}

struct hn_node *hn_parse_tuple(struct hn_compiler *c, bool simple, bool with_cond,
                               const char *until, bool parentheses)
{
    struct hn_nodes items = {0};
    bool is_tuple = false;
    const int line = hn_parse_peek(c, 0)->line;
    for (;;) {
        if (items.n && !hn_parse_expect_op(c, ',')) return NULL;
        if (ends_tuple(c, until)) break;
        struct hn_node *item = simple ? parse_primary(c) : hn_parse_expression(c, with_cond);
        if (!hn_nodes_add(c, &items, item)) return NULL;
        if (!hn_parse_is_op(c, ',')) break;
        is_tuple = true;
    }
    if (!is_tuple && items.n) return items.items[0];
    if (!is_tuple && !parentheses) {
        hn_parse_unexpected(c, "an expression");
        return NULL;
    }
    struct hn_node *node = hn_node_new(c, HN_N_TUPLE, line);
    if (!node) return NULL;
    node->list = items;
    return deepen_list(c, node, &items);
}

bool hn_node_children(struct hn_node *node, bool (*visit)(void *ctx, struct hn_node *child),
                      void *ctx)
{
#define VISIT(child)                                                                               \
    if ((child) && !visit(ctx, (child))) return false
#define VISIT_ALL(nodes)                                                                           \
    for (size_t i_ = 0; i_ < (nodes).n; i_++)                                                      \
    VISIT((nodes).items[i_])
    switch ((enum hn_node_kind)node->kind) {
    case HN_N_TUPLE:
    case HN_N_LIST:
    case HN_N_DICT:
    case HN_N_CONCAT:
    case HN_N_OUTPUT: VISIT_ALL(node->list); break;
    case HN_N_COND:
        VISIT(node->cond.test);
        VISIT(node->cond.yes);
        VISIT(node->cond.no);
        break;
    case HN_N_OR:
    case HN_N_AND:
    case HN_N_NOT:
    case HN_N_BINARY:
    case HN_N_NEGATE:
    case HN_N_PLUS:
    case HN_N_GETITEM:
        VISIT(node->pair.a);
        VISIT(node->pair.b);
        break;
    case HN_N_COMPARE:
        VISIT(node->compare.first);
        VISIT_ALL(node->compare.rest);
        break;
    case HN_N_GETATTR: VISIT(node->attr.of); break;
    case HN_N_SLICE:
        VISIT(node->slice.of);
        VISIT(node->slice.bound[0]);
        VISIT(node->slice.bound[1]);
        VISIT(node->slice.bound[2]);
        break;
    case HN_N_CALL:
    case HN_N_FILTER:
    case HN_N_TEST:
        VISIT(node->call.of);
        VISIT_ALL(node->call.args.items);
        VISIT(node->call.args.star);
        VISIT(node->call.args.star_star);
        break;
    default: break;
    }
#undef VISIT_ALL
#undef VISIT
    return true;
}
