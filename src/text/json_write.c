#include "text/json_write.h"

#include <math.h>
#include <stdio.h>

#include "base/real.h"
#include "text/utf8.h"

static void put_escaped(struct hn_buf *out, struct hn_str s)
{
    hn_buf_char(out, '"');
    size_t plain = 0; /* where the bytes not yet copied begin */
    for (size_t i = 0; i < s.n;) {
        uint32_t cp;
        const size_t n = hn_utf8_decode(s.p + i, s.n - i, &cp);
        if (n && cp >= 0x20 && cp != '"' && cp != '\\') {
            i += n;
            continue;
        }
        hn_buf_add(out, s.p + plain, i - plain);
        if (n == 0) hn_buf_text(out, HN_UTF8_REPLACEMENT);
        else if (cp == '\n') hn_buf_text(out, "\\n");
        else if (cp == '\t') hn_buf_text(out, "\\t");
        else if (cp < 0x20) hn_buf_printf(out, "\\u%04x", (unsigned)cp);
        else hn_buf_printf(out, "\\%c", (char)cp);
        plain = ++i;
    }
    hn_buf_add(out, s.p + plain, s.n - plain);
    hn_buf_char(out, '"');
}

static void begin(struct hn_json_writer *w, const char *key)
{
    if (w->follows) hn_buf_char(&w->out, ',');
    w->follows = true;
    if (!key) return;
    put_escaped(&w->out, hn_str_from(key));
    hn_buf_char(&w->out, ':');
}

void hn_json_open(struct hn_json_writer *w, const char *key, char bracket)
{
    begin(w, key);
    hn_buf_char(&w->out, bracket);
    w->follows = false;
}

void hn_json_close(struct hn_json_writer *w, char bracket)
{
    hn_buf_char(&w->out, bracket);
    w->follows = true;
}

void hn_json_put_text(struct hn_json_writer *w, const char *key, struct hn_str s)
{
    begin(w, key);
    put_escaped(&w->out, s);
}

void hn_json_put_raw(struct hn_json_writer *w, const char *key, struct hn_str json)
{
    begin(w, key);
    hn_buf_str(&w->out, json);
}

void hn_json_put_int(struct hn_json_writer *w, const char *key, int64_t n)
{
    begin(w, key);
    hn_buf_printf(&w->out, "%lld", (long long)n);
}

void hn_json_put_uint(struct hn_json_writer *w, const char *key, uint64_t n)
{
    begin(w, key);
    hn_buf_printf(&w->out, "%llu", (unsigned long long)n);
}

void hn_json_put_bool(struct hn_json_writer *w, const char *key, bool b)
{
    begin(w, key);
    hn_buf_text(&w->out, b ? "true" : "false");
}

void hn_json_put_null(struct hn_json_writer *w, const char *key)
{
    begin(w, key);
    hn_buf_text(&w->out, "null");
}

void hn_json_put_real(struct hn_json_writer *w, const char *key, double x)
{
    if (!isfinite(x)) {
        hn_json_put_null(w, key);
        return;
    }
    char text[HN_REAL_TEXT];
    const size_t n = hn_real_text(x, fabs(x) <= 3.4e38 && (double)(float)x == x, text);
    begin(w, key);
    hn_buf_add(&w->out, text, n);
}

void hn_json_put_value(struct hn_json_writer *w, const char *key, const json_t *value)
{
    const char *name;
    json_t *member;
    char text[HN_REAL_TEXT];
    size_t n;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        hn_json_open(w, key, '{');
        json_object_foreach((json_t *)value, name, member) hn_json_put_value(w, name, member);
        hn_json_close(w, '}');
        break;
    case JSON_ARRAY:
        hn_json_open(w, key, '[');
        for (size_t i = 0; i < json_array_size(value); i++)
            hn_json_put_value(w, NULL, json_array_get(value, i));
        hn_json_close(w, ']');
        break;
    case JSON_STRING: hn_json_put_text(w, key, hn_json_str(value)); break;
    case JSON_INTEGER: hn_json_put_int(w, key, json_integer_value(value)); break;
    case JSON_REAL:
        n = hn_real_text(json_real_value(value), false, text);
        hn_json_put_raw(w, key, (struct hn_str){text, n});
        break;
    case JSON_TRUE:
    case JSON_FALSE: hn_json_put_bool(w, key, json_is_true(value)); break;
    case JSON_NULL: hn_json_put_null(w, key); break;
    }
}
