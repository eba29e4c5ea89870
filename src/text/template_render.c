#include "text/template_render.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/bits.h"

static bool fail(struct hn_render *r, enum hn_status status, const char *fmt, va_list args)
{
    if (r->status < 0) return false; /* the first one counts */
    r->status = status;
    vsnprintf(r->message, sizeof r->message, fmt, args);
    return false;
}

bool hn_render_fail(struct hn_render *r, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fail(r, HN_E_FORMAT, fmt, args);
    va_end(args);
    return false;
}

bool hn_render_fail_status(struct hn_render *r, enum hn_status status, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fail(r, status, fmt, args);
    va_end(args);
    return false;
}

bool hn_render_fail_memory(struct hn_render *r)
{
    return hn_render_fail_status(r, HN_E_NOMEM, "out of memory");
}

bool hn_render_fail_steps(struct hn_render *r)
{
    r->steps = 0;
    return hn_render_fail_status(r, HN_E_LIMIT, "the rendering takes too many steps");
}

bool hn_render_fail_buf(struct hn_render *r, const struct hn_buf *buf)
{
    if (buf->failed == HN_E_LIMIT)
        return hn_render_fail_status(r, HN_E_LIMIT, "the text grows past %zu bytes", buf->limit);
    return hn_render_fail_memory(r);
}

bool hn_render_enter(struct hn_render *r)
{
    if (r->depth >= HN_RENDER_MAX_DEPTH)
        return hn_render_fail_status(r, HN_E_LIMIT, "maximum recursion depth exceeded");
    r->depth++;
    return true;
}

void *hn_render_alloc(struct hn_render *r, size_t n, size_t size)
{
    void *p = hn_arena_alloc(&r->arena, n, size);
    if (p) return p;
    size_t bytes, used;
    const bool fits =
        hn_mul(n, size, &bytes) && hn_add(r->arena.used, bytes, &used) && used <= r->arena.limit;
    if (fits) hn_render_fail_memory(r);
    else
        hn_render_fail_status(r, HN_E_LIMIT, "the rendering needs more than %zu bytes of memory",
                              r->arena.limit);
    return NULL;
}

char *hn_render_text(struct hn_render *r, size_t n)
{
    enum { PIECE = 16384 };
    struct hn_render_strings *s = &r->strings;
    if (!hn_render_step(r, n / 64)) return NULL;
    if (s->cap - s->n < n) {
        size_t want;
        if (!hn_add(n, hn_max(PIECE, n / 2), &want)) {
            hn_render_fail_memory(r);
            return NULL;
        }
        /* Growth ahead of need must not be what fails. */
        const size_t left = r->arena.limit - r->arena.used;
        if (want > left && n <= left) want = n;
        char *p = hn_render_alloc(r, want, 1);
        if (!p) return NULL;
        *s = (struct hn_render_strings){p, 0, want};
    }
    char *p = s->p + s->n;
    s->n += n;
    return p;
}

bool hn_render_copy(struct hn_render *r, struct hn_str s, struct hn_str *out)
{
    char *p = hn_render_text(r, s.n);
    if (!p) return false;
    if (s.n) memcpy(p, s.p, s.n);
    *out = (struct hn_str){p, s.n};
    return true;
}

bool hn_render_concat(struct hn_render *r, struct hn_str a, struct hn_str b, struct hn_str *out)
{
    struct hn_render_strings *s = &r->strings;
    size_t n;
    if (b.n == 0 || a.n == 0) {
        *out = a.n ? a : b;
        return true;
    }
    if (!hn_add(a.n, b.n, &n)) return hn_render_fail_memory(r);
    const bool at_tip = s->p && a.p >= s->p && a.p + a.n == s->p + s->n;
    if (at_tip && s->cap - s->n >= b.n) {
        if (!hn_render_step(r, b.n / 64)) return false;
        memcpy(s->p + s->n, b.p, b.n);
        s->n += b.n;
        *out = (struct hn_str){a.p, n};
        return true;
    }
    char *p = hn_render_text(r, n);
    if (!p) return false;
    memcpy(p, a.p, a.n);
    memcpy(p + a.n, b.p, b.n);
    *out = (struct hn_str){p, n};
    return true;
}

bool hn_render_take(struct hn_render *r, struct hn_buf *buf, bool ok, struct hn_str *out)
{
    if (ok && buf->failed) ok = hn_render_fail_buf(r, buf);
    if (ok) ok = hn_render_copy(r, hn_buf_view(buf), out);
    hn_buf_free(buf);
    return ok;
}

const struct hn_builtin *hn_builtin_find(const struct hn_builtin *rows, struct hn_str name)
{
    for (; rows->name; rows++)
        if (hn_str_is(name, rows->name)) return rows;
    return NULL;
}

/* The parameters of a row: its words, the mark of those that must be given taken off. */
struct param {
    struct hn_str name;
    bool required;
};

static size_t list_params(const char *text, struct param out[HN_BUILTIN_MAX_PARAMS])
{
    size_t n = 0;
    while (*text) {
        const size_t length = strcspn(text, " ");
        const bool required = *text == '!';
        out[n++] = (struct param){{text + required, length - required}, required};
        text += length + (text[length] == ' ');
    }
    return n;
}

static bool bind_keywords(struct hn_render *r, const struct hn_builtin *func,
                          const struct hn_args *args, const struct param *params, size_t n,
                          struct hn_val *v)
{
    for (size_t k = 0; k < args->n_keywords; k++) {
        const struct hn_str name = args->keywords[k].name;
        size_t i = 0;
        while (i < n && !hn_str_eq(params[i].name, name))
            i++;
        if (i == n)
            return hn_render_fail(r, "%s() got an unexpected keyword argument '%.*s'", func->name,
                                  HN_FMT(name));
        if (v[i].type != HN_V_MISSING)
            return hn_render_fail(r, "%s() got multiple values for argument '%.*s'", func->name,
                                  HN_FMT(name));
        v[i] = args->keywords[k].value;
    }
    return true;
}

bool hn_builtin_call(struct hn_render *r, const struct hn_builtin *func, const struct hn_val *self,
                     const struct hn_args *args, struct hn_val *out)
{
    struct hn_val v[HN_BUILTIN_MAX_PARAMS + 1] = {0};
    struct param params[HN_BUILTIN_MAX_PARAMS];
    if (self) v[0] = *self;
    if (strcmp(func->params, "*") == 0) return func->call(r, v, args, out);
    const bool positional = func->params[0] == '/';
    const size_t n = list_params(func->params + positional, params);
    if (args->n > n)
        return hn_render_fail(r, "%s() takes at most %zu arguments (%zu given)", func->name, n,
                              args->n);
    if (positional && args->n_keywords)
        return hn_render_fail(r, "%s() takes no keyword arguments", func->name);
    for (size_t i = 0; i < args->n; i++)
        v[i + 1] = args->items[i];
    if (!bind_keywords(r, func, args, params, n, v + 1)) return false;
    for (size_t i = 0; i < n; i++)
        if (params[i].required && v[i + 1].type == HN_V_MISSING)
            return hn_render_fail(r, "%s() missing a required argument: '%.*s'", func->name,
                                  HN_FMT(params[i].name));
    return func->call(r, v, args, out);
}

const struct hn_builtin *hn_filter_find(struct hn_str name)
{
    const struct hn_builtin *row = hn_builtin_find(hn_template_filters, name);
    return row ? row : hn_builtin_find(hn_template_list_filters, name);
}

const struct hn_builtin *hn_test_find(struct hn_str name)
{
    return hn_builtin_find(hn_template_tests, name);
}
