#include "text/template.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "text/template_ast.h"
#include "text/template_render.h"
#include "text/utf8.h"

enum { MAX_STEPS = 20 * 1000 * 1000 };
static const size_t max_compiled = (size_t)512 << 20;
static const size_t max_memory = (size_t)256 << 20;
static const size_t max_output = (size_t)64 << 20;

bool hn_compile_fail(struct hn_compiler *c, int line, const char *fmt, ...)
{
    if (c->status < 0) return false; /* the first one counts */
    char text[sizeof c->err->text];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    c->status = hn_fail(c->err, HN_E_FORMAT, "%s:%d: %s", c->name, line, text);
    return false;
}

void *hn_compile_alloc(struct hn_compiler *c, size_t n, size_t size)
{
    void *p = hn_arena_alloc(c->arena, n, size);
    if (!p && c->status >= 0) c->status = hn_fail_nomem(c->err, "a template", c->arena->used);
    return p;
}

void *hn_compile_grow(struct hn_compiler *c, void *items, size_t n, size_t *cap, size_t least,
                      size_t size)
{
    if (n < *cap) return items;
    const size_t wanted = hn_max(least, *cap * 2);
    void *grown = hn_compile_alloc(c, wanted, size);
    if (!grown) return NULL;
    if (n) memcpy(grown, items, n * size);
    *cap = wanted;
    return grown;
}

/* All names in the source, for hn_template_mentions. */
static bool keep_names(struct hn_compiler *c, struct hn_template *tpl)
{
    tpl->names = hn_compile_alloc(c, c->n_tokens, sizeof *tpl->names);
    if (!tpl->names) return false;
    for (size_t i = 0; i < c->n_tokens; i++)
        if (c->tokens[i].type == HN_TOK_NAME || c->tokens[i].type == HN_TOK_STRING)
            tpl->names[tpl->n_names++] = c->tokens[i].s;
    return true;
}

static enum hn_status compile(struct hn_template *tpl, struct hn_str source, struct hn_error *err)
{
    struct hn_compiler c = {.arena = &tpl->arena, .name = tpl->name, .err = err, .source = source};
    if (hn_template_lex(&c) && hn_template_parse(&c, &tpl->root.body) &&
        hn_template_bind(&c, &tpl->root) && keep_names(&c, tpl))
        return HN_OK;
    return c.status < 0 ? c.status : hn_fail(err, HN_E_INTERNAL, "%s: not compiled", tpl->name);
}

enum hn_status hn_template_compile(struct hn_str source, const char *name, struct hn_template **out,
                                   struct hn_error *err)
{
    if (source.n > HN_TEMPLATE_MAX_BYTES)
        return hn_fail(err, HN_E_LIMIT, "%s: a template of %zu bytes; the limit is %d", name,
                       source.n, HN_TEMPLATE_MAX_BYTES);
    const size_t valid = hn_utf8_valid(source);
    if (valid < source.n) return hn_fail(err, HN_E_FORMAT, "%s: byte %zu is no UTF-8", name, valid);
    struct hn_template *tpl = calloc(1, sizeof *tpl);
    if (!tpl) return hn_fail_nomem(err, "a template", sizeof *tpl);
    tpl->arena.limit = max_compiled;
    const struct hn_str copy = hn_arena_str(&tpl->arena, hn_str_from(name));
    tpl->name = copy.p;
    const enum hn_status status =
        copy.p ? compile(tpl, source, err) : hn_fail_nomem(err, "a template", copy.n);
    if (status < 0) {
        hn_template_destroy(tpl);
        return status;
    }
    *out = tpl;
    return HN_OK;
}

void hn_template_destroy(struct hn_template *tpl)
{
    if (!tpl) return;
    hn_arena_free(&tpl->arena);
    free(tpl);
}

bool hn_template_mentions(const struct hn_template *tpl, const char *name)
{
    for (size_t i = 0; i < tpl->n_names; i++)
        if (hn_str_is(tpl->names[i], name)) return true;
    return false;
}

static bool from_json(struct hn_render *r, const json_t *json, struct hn_val *out);

static bool from_array(struct hn_render *r, const json_t *json, struct hn_val *out)
{
    struct hn_list *list;
    const size_t n = json_array_size(json);
    if (!hn_list_new(r, n, &list)) return false;
    for (size_t i = 0; i < n; i++)
        if (!from_json(r, json_array_get(json, i), &list->items[i])) return false;
    list->n = n;
    *out = hn_val_list(HN_V_LIST, list);
    return true;
}

static bool from_object(struct hn_render *r, const json_t *json, struct hn_val *out)
{
    struct hn_dict *dict;
    const char *key;
    json_t *value;
    if (!hn_dict_new(r, json_object_size(json), &dict)) return false;
    json_object_foreach((json_t *)json, key, value)
    {
        struct hn_val v;
        struct hn_str name;
        if (!from_json(r, value, &v) || !hn_render_copy(r, hn_str_from(key), &name) ||
            !hn_dict_put(r, dict, hn_val_str(name), v))
            return false;
    }
    *out = hn_val_dict(dict);
    return true;
}

static bool from_json(struct hn_render *r, const json_t *json, struct hn_val *out)
{
    if (!hn_render_step(r, 1) || !hn_render_enter(r)) return false;
    bool ok = true;
    switch (json_typeof(json)) {
    case JSON_OBJECT: ok = from_object(r, json, out); break;
    case JSON_ARRAY: ok = from_array(r, json, out); break;
    case JSON_STRING:
        *out = hn_val_str((struct hn_str){json_string_value(json), json_string_length(json)});
        break;
    case JSON_INTEGER: *out = hn_val_int(json_integer_value(json)); break;
    case JSON_REAL: *out = hn_val_float(json_real_value(json)); break;
    case JSON_TRUE: *out = hn_val_bool(true); break;
    case JSON_FALSE: *out = hn_val_bool(false); break;
    default: *out = hn_val_none();
    }
    hn_render_leave(r);
    return ok;
}

static size_t limit(size_t wanted, size_t otherwise)
{
    return wanted ? wanted : otherwise;
}

enum hn_status hn_template_render(const struct hn_template *tpl, const json_t *variables,
                                  const struct hn_template_env *env, struct hn_buf *out,
                                  struct hn_error *err)
{
    static const struct hn_template_env defaults = {0};
    if (!env) env = &defaults;
    if (!json_is_object(variables))
        return hn_fail(err, HN_E_ARG, "%s: the variables must be a JSON object", tpl->name);
    struct hn_buf text = {.limit = limit(env->limits.output, max_output)};
    struct hn_render r = {.arena = {.limit = limit(env->limits.memory, max_memory)},
                          .steps = limit(env->limits.steps, MAX_STEPS),
                          .now = env->now ? env->now : time(NULL),
                          .out = &text};
    struct hn_val vars;
    bool ok = from_json(&r, variables, &vars);
    if (ok) {
        r.vars = vars.dict;
        ok = hn_template_run(&r, tpl);
    }
    if (ok && hn_buf_str(out, hn_buf_view(&text)) < 0) ok = hn_render_fail_buf(&r, out);
    const enum hn_status status =
        ok ? HN_OK : hn_fail(err, r.status, "%s:%d: %s", tpl->name, r.line, r.message);
    hn_buf_free(&text);
    hn_arena_free(&r.arena);
    return status;
}
