/* Filters on texts and numbers, after jinja2/filters.py. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "text/template_case.h"
#include "text/template_number.h"
#include "text/template_render.h"
#include "text/template_text.h"

#define FILTER(name)                                                                               \
    static bool name(struct hn_render *r, const struct hn_val *v, const struct hn_args *args,      \
                     struct hn_val *out)
#define UNUSED (void)args

/* A text that keeps the mark of HTML. */
static bool soft_text(struct hn_render *r, const struct hn_val *v, struct hn_val *out)
{
    struct hn_str s;
    if (!hn_val_to_str(r, v, &s)) return false;
    *out = hn_val_str(s);
    out->safe = v->type == HN_V_STR && v->safe;
    return true;
}

static bool change_case(struct hn_render *r, const struct hn_val *v, enum hn_case_mode mode,
                        struct hn_val *out)
{
    struct hn_val text;
    if (!soft_text(r, v, &text)) return false;
    *out = text;
    return hn_text_case(r, text.s, mode, &out->s);
}

FILTER(upper)
{
    UNUSED;
    return change_case(r, v, HN_CASE_UPPER, out);
}

FILTER(lower)
{
    UNUSED;
    return change_case(r, v, HN_CASE_LOWER, out);
}

FILTER(capitalize)
{
    UNUSED;
    return change_case(r, v, HN_CASE_CAPITAL, out);
}

FILTER(title)
{
    UNUSED;
    if (!change_case(r, v, HN_CASE_WORDS, out)) return false;
    out->safe = false;
    return true;
}

FILTER(to_default)
{
    UNUSED;
    (void)r;
    const bool replace = v->type == HN_V_UNDEFINED || (hn_val_truth(&v[2]) && !hn_val_truth(v));
    *out = !replace ? v[0] : v[1].type == HN_V_MISSING ? hn_val_str(HN_STR("")) : v[1];
    return true;
}

FILTER(escape)
{
    UNUSED;
    return hn_text_escape(r, v, out);
}

FILTER(force_escape)
{
    UNUSED;
    struct hn_val plain;
    if (!soft_text(r, v, &plain)) return false;
    plain.safe = false;
    return hn_text_escape(r, &plain, out);
}

FILTER(safe)
{
    UNUSED;
    if (!soft_text(r, v, out)) return false;
    out->safe = true;
    return true;
}

FILTER(string)
{
    UNUSED;
    return soft_text(r, v, out);
}

FILTER(trim)
{
    UNUSED;
    struct hn_val text;
    if (!soft_text(r, v, &text)) return false;
    *out = text;
    return hn_text_strip(r, text.s, &v[1], true, true, &out->s);
}

FILTER(replace)
{
    UNUSED;
    struct hn_str s, from, to;
    int64_t count;
    const struct hn_val none = {0};
    if (!hn_val_to_str(r, &v[0], &s) || !hn_val_to_str(r, &v[1], &from) ||
        !hn_val_to_str(r, &v[2], &to) ||
        !hn_val_index(r, v[3].type == HN_V_NONE ? &none : &v[3], -1, &count))
        return false;
    *out = hn_val_str(s);
    return hn_text_replace(r, s, from, to, count, &out->s);
}

FILTER(center)
{
    UNUSED;
    struct hn_val text;
    int64_t width;
    if (!soft_text(r, v, &text) || !hn_val_index(r, &v[1], 80, &width)) return false;
    *out = text;
    return hn_text_pad(r, text.s, width, HN_STR(" "), '^', &out->s);
}

static bool spaces(struct hn_render *r, int64_t n, struct hn_str *out)
{
    return hn_text_pad(r, HN_STR(""), n, HN_STR(" "), '<', out);
}

FILTER(indent)
{
    UNUSED;
    struct hn_str by, line;
    int64_t width;
    if (v->type == HN_V_UNDEFINED) return hn_val_fail_undefined(r, v);
    if (v->type != HN_V_STR)
        return hn_render_fail(r, "unsupported operand type(s) for +=: '%s' and 'str'",
                              hn_val_type_name(v));
    if (v[1].type == HN_V_STR) by = v[1].s;
    else if (!hn_val_index(r, &v[1], 4, &width) || !spaces(r, width, &by)) return false;
    const bool first = hn_val_truth(&v[2]), blank = hn_val_truth(&v[3]);
    struct hn_buf buf = hn_render_buf(r);
    size_t at = 0, end;
    bool any = false;
    if (!hn_render_scan(r, v->s.n)) return false;
    if (first) hn_buf_str(&buf, by);
    while (hn_text_line(v->s, &at, &line, &end)) {
        if (any) hn_buf_char(&buf, '\n');
        if (any && (blank || line.n)) hn_buf_str(&buf, by);
        hn_buf_str(&buf, line);
        any = true;
        /* With the newline that the filter adds, a last line break begins an empty line; but "\r" and
         * that newline are one break. */
        if (at == v->s.n && end && v->s.p[at - 1] != '\r') {
            hn_buf_char(&buf, '\n');
            if (blank) hn_buf_str(&buf, by);
        }
    }
    *out = hn_val_str((struct hn_str){0});
    out->safe = v->safe;
    return hn_render_take(r, &buf, true, &out->s);
}

FILTER(truncate)
{
    UNUSED;
    int64_t length, leeway;
    const struct hn_str end = v[3].type == HN_V_STR ? v[3].s : HN_STR("...");
    const struct hn_val none = {0};
    if (!hn_val_index(r, &v[1], 255, &length) ||
        !hn_val_index(r, hn_val_given(&v[4]) ? &v[4] : &none, 5, &leeway))
        return false;
    const int64_t end_length = (int64_t)hn_text_length(end);
    if (length < end_length)
        return hn_render_fail(r, "expected length >= %lld, got %lld", (long long)end_length,
                              (long long)length);
    if (leeway < 0) return hn_render_fail(r, "expected leeway >= 0, got %lld", (long long)leeway);
    *out = v[0];
    if (v->type == HN_V_UNDEFINED) return true;
    if (v->type != HN_V_STR)
        return hn_render_fail(r, "object of type '%s' has no len()", hn_val_type_name(v));
    const int64_t n = (int64_t)hn_text_length(v->s);
    if (n <= length || n - length <= leeway) return hn_render_step(r, v->s.n / 64);
    struct hn_str cut = {v->s.p, hn_text_offset(v->s, (size_t)(length - end_length))};
    if (!hn_val_truth(&v[2])) {
        size_t space;
        if (!hn_text_rfind(r, cut, HN_STR(" "), &space)) return false;
        if (space != SIZE_MAX) cut.n = space;
    }
    return hn_render_concat(r, cut, end, &out->s);
}

FILTER(wordcount)
{
    UNUSED;
    struct hn_str s;
    size_t length;
    int64_t n = 0;
    bool inside = false;
    if (!hn_val_to_str(r, v, &s) || !hn_render_scan(r, s.n)) return false;
    for (size_t at = 0; at < s.n; at += length) {
        const bool word = hn_text_is_word(hn_text_at(s, at, &length));
        n += word && !inside;
        inside = word;
    }
    *out = hn_val_int(n);
    return true;
}

FILTER(to_int)
{
    UNUSED;
    int64_t base, i;
    double f;
    bool ok = false;
    if (v->type == HN_V_UNDEFINED) return hn_val_fail_undefined(r, v);
    if (!hn_val_index(r, &v[2], 10, &base)) return false;
    *out = v[1].type == HN_V_MISSING ? hn_val_int(0) : v[1];
    if (hn_val_is_int(v)) {
        *out = hn_val_int(hn_val_as_int(v));
        return true;
    }
    if (v->type == HN_V_STR) {
        if (!hn_render_number(r) || !hn_render_scan(r, v->s.n)) return false;
        if (!hn_text_to_int(r, v->s, base, &ok, &i)) return false;
        if (ok) {
            *out = hn_val_int(i);
            return true;
        }
        hn_text_to_float(v->s, &ok, &f);
    } else if (v->type == HN_V_FLOAT) {
        f = v->f;
        ok = true;
    }
    if (!ok || isnan(f)) return true;
    if (isinf(f)) return hn_render_fail(r, "cannot convert float infinity to integer");
    if (f >= 0x1p63 || f < -0x1p63)
        return hn_render_fail_status(r, HN_E_LIMIT, "an integer past 64 bits");
    *out = hn_val_int((int64_t)f);
    return true;
}

FILTER(to_float)
{
    UNUSED;
    bool ok = false;
    double f = 0;
    if (v->type == HN_V_UNDEFINED) return hn_val_fail_undefined(r, v);
    if (hn_val_is_number(v)) {
        *out = hn_val_float(hn_val_as_float(v));
        return true;
    }
    if (!hn_render_number(r)) return false;
    if (v->type == HN_V_STR) hn_text_to_float(v->s, &ok, &f);
    *out = ok ? hn_val_float(f) : v[1].type == HN_V_MISSING ? hn_val_float(0) : v[1];
    return true;
}

FILTER(to_abs)
{
    UNUSED;
    if (v->type == HN_V_FLOAT) *out = hn_val_float(fabs(v->f));
    else if (!hn_val_is_int(v))
        return hn_render_fail(r, "bad operand type for abs(): '%s'", hn_val_type_name(v));
    else if (hn_val_as_int(v) < 0) return hn_val_negate(r, v, out);
    else *out = hn_val_int(hn_val_as_int(v));
    return true;
}

static bool round_common(struct hn_render *r, const struct hn_val *v, int64_t digits,
                         struct hn_val *out)
{
    if (hn_val_is_int(v)) {
        const int64_t i = hn_val_as_int(v);
        *out = hn_val_int(digits >= 0 ? i : hn_round_int(i, digits));
        return true;
    }
    if (v->type != HN_V_FLOAT)
        return hn_render_fail(r, "type %s doesn't define __round__ method", hn_val_type_name(v));
    *out = hn_val_float(hn_round_float(v->f, digits));
    return hn_render_number(r);
}

FILTER(to_round)
{
    UNUSED;
    int64_t digits;
    struct hn_val ten, scaled;
    const struct hn_str method = v[2].type == HN_V_STR ? v[2].s : HN_STR("common");
    const bool up = hn_str_is(method, "ceil");
    if (v[2].type != HN_V_MISSING && v[2].type != HN_V_STR)
        return hn_render_fail(r, "method must be common, ceil or floor");
    if (!up && !hn_str_is(method, "floor") && !hn_str_is(method, "common"))
        return hn_render_fail(r, "method must be common, ceil or floor");
    if (v->type == HN_V_UNDEFINED) return hn_val_fail_undefined(r, v);
    if (!hn_val_index(r, &v[1], 0, &digits)) return false;
    if (hn_str_is(method, "common")) return round_common(r, v, digits, out);
    const struct hn_val base = hn_val_int(10), exponent = hn_val_int(digits);
    if (!hn_val_operate(r, 'p', &base, &exponent, &ten) ||
        !hn_val_operate(r, '*', v, &ten, &scaled))
        return false;
    if (!hn_val_is_number(&scaled)) return hn_render_fail(r, "must be real number");
    const double f = hn_val_as_float(&scaled);
    if (!isfinite(f)) return hn_render_fail(r, "cannot convert float to integer");
    /* An integer in between, which has no -0. */
    *out = hn_val_float(((up ? ceil(f) : floor(f)) + 0.0) / hn_val_as_float(&ten));
    return true;
}

FILTER(format)
{
    struct hn_val text, arg;
    struct hn_list *list;
    struct hn_dict *dict;
    if (!soft_text(r, v, &text)) return false;
    if (args->n && args->n_keywords)
        return hn_render_fail(r, "can't handle positional and keyword arguments at the same time");
    if (args->n_keywords) {
        if (!hn_dict_new(r, args->n_keywords, &dict)) return false;
        for (size_t i = 0; i < args->n_keywords; i++)
            if (!hn_dict_put(r, dict, hn_val_str(args->keywords[i].name), args->keywords[i].value))
                return false;
        arg = hn_val_dict(dict);
    } else {
        if (!hn_list_new(r, args->n, &list)) return false;
        for (size_t i = 0; i < args->n; i++)
            if (!hn_list_add(r, list, args->items[i])) return false;
        arg = hn_val_list(HN_V_TUPLE, list);
    }
    return hn_text_percent(r, text.s, &arg, text.safe, out);
}

FILTER(file_size)
{
    static const char prefixes[] = "kMGTPEZY";
    UNUSED;
    struct hn_val number = hn_val_float(0);
    struct hn_args none = {0};
    const struct hn_val given_value[2] = {v[0], {0}};
    char text[64];
    if (!to_float(r, given_value, &none, &number)) return false;
    if (!hn_val_is_number(v) && v->type != HN_V_STR)
        return hn_render_fail(r, "float() argument must be a string or a real number, not '%s'",
                              hn_val_type_name(v));
    const double bytes = number.f;
    const bool binary = hn_val_truth(&v[1]);
    const double base = binary ? 1024 : 1000;
    if (bytes == 1) {
        snprintf(text, sizeof text, "1 Byte");
    } else if (bytes < base) {
        snprintf(text, sizeof text, "%.0f Bytes", trunc(bytes));
    } else {
        double unit = base * base;
        size_t i = 0;
        while (i + 1 < sizeof prefixes - 1 && bytes >= unit) {
            unit *= base;
            i++;
        }
        char prefix = prefixes[i];
        if (binary && prefix == 'k') prefix = 'K';
        snprintf(text, sizeof text, "%.1f %c%sB", base * bytes / unit, prefix, binary ? "i" : "");
    }
    *out = hn_val_str((struct hn_str){0});
    return hn_render_copy(r, hn_str_from(text), &out->s);
}

FILTER(attr)
{
    UNUSED;
    struct hn_val key;
    if (v[1].type != HN_V_STR) return hn_render_fail(r, "attribute name must be string");
    /* Attributes alone; what has items only as such has none of this name. */
    if (v->type == HN_V_DICT && !hn_builtin_find(hn_template_dict_methods, v[1].s)) {
        key = v[1];
        return hn_val_undefined_item(r, v, &key, out);
    }
    return hn_val_getattr(r, v, v[1].s, out);
}

static void quote_url(struct hn_str s, bool query, struct hn_buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        const unsigned char c = (unsigned char)s.p[i];
        const bool plain = hn_text_digit((char)c) < 36 || strchr("_.-~", c) || (c == '/' && !query);
        if (c && plain) hn_buf_char(out, (char)c);
        else if (c == ' ' && query) hn_buf_char(out, '+');
        else hn_buf_printf(out, "%%%02X", c);
    }
}

static bool quote_value(struct hn_render *r, const struct hn_val *v, struct hn_buf *out)
{
    struct hn_str s;
    if (!hn_val_to_str(r, v, &s) || !hn_render_scan(r, s.n)) return false;
    quote_url(s, true, out);
    return true;
}

static bool quote_pairs(struct hn_render *r, const struct hn_val *v, struct hn_buf *out)
{
    struct hn_iter *it;
    struct hn_val pair;
    struct hn_view view = {v->dict, 'i'};
    const struct hn_val items = {.type = HN_V_VIEW, .view = &view};
    if (!hn_val_iterator(r, v->type == HN_V_DICT ? &items : v, &it)) return false;
    for (bool first = true;; first = false) {
        if (!hn_iter_next(r, it, &pair)) return false;
        if (pair.type == HN_V_MISSING) return true;
        if (!hn_val_is_list(&pair) || pair.list->n != 2)
            return hn_render_fail(r, "urlencode wants pairs");
        if (!first) hn_buf_char(out, '&');
        if (!quote_value(r, &pair.list->items[0], out)) return false;
        hn_buf_char(out, '=');
        if (!quote_value(r, &pair.list->items[1], out)) return false;
    }
}

FILTER(urlencode)
{
    UNUSED;
    struct hn_buf buf = hn_render_buf(r);
    struct hn_iter *it = NULL;
    struct hn_str s;
    bool ok = v->type == HN_V_STR || hn_val_iterate(r, v, &it);
    if (ok && it) {
        ok = quote_pairs(r, v, &buf);
    } else if (ok) {
        ok = hn_val_to_str(r, v, &s) && hn_render_scan(r, s.n);
        if (ok) quote_url(s, false, &buf);
    }
    *out = hn_val_str((struct hn_str){0});
    return hn_render_take(r, &buf, ok, &out->s);
}

FILTER(xmlattr)
{
    UNUSED;
    if (v->type == HN_V_UNDEFINED) return hn_val_fail_undefined(r, v);
    if (v->type != HN_V_DICT)
        return hn_render_fail(r, "'%s' object has no attribute 'items'", hn_val_type_name(v));
    struct hn_buf buf = hn_render_buf(r);
    bool ok = true;
    const bool space = v[1].type == HN_V_MISSING || hn_val_truth(&v[1]);
    for (size_t i = 0; ok && i < v->dict->n; i++) {
        const struct hn_entry *e = &v->dict->entries[i];
        struct hn_val key, value;
        if (e->value.type == HN_V_NONE || e->value.type == HN_V_UNDEFINED) continue;
        for (size_t k = 0; ok && e->key.type == HN_V_STR && k < e->key.s.n; k++)
            if (strchr(" \t\n\r\f\v/>=", e->key.s.p[k]))
                ok = hn_render_fail(r, "Invalid character in attribute name: '%.*s'",
                                    HN_FMT(e->key.s));
        if (e->key.type != HN_V_STR) ok = hn_render_fail(r, "expected string or bytes-like object");
        ok = ok && hn_text_escape(r, &e->key, &key) && hn_text_escape(r, &e->value, &value);
        if (!ok) break;
        if (buf.n || space) hn_buf_char(&buf, ' ');
        hn_buf_str(&buf, key.s);
        hn_buf_text(&buf, "=\"");
        hn_buf_str(&buf, value.s);
        hn_buf_char(&buf, '"');
    }
    *out = hn_val_str((struct hn_str){0});
    return hn_render_take(r, &buf, ok, &out->s);
}

const struct hn_builtin hn_template_filters[] = {
    {"abs", "", to_abs},
    {"attr", "!name", attr},
    {"capitalize", "", capitalize},
    {"center", "width", center},
    {"d", "default_value boolean", to_default},
    {"default", "default_value boolean", to_default},
    {"e", "", escape},
    {"escape", "", escape},
    {"filesizeformat", "binary", file_size},
    {"float", "default", to_float},
    {"forceescape", "", force_escape},
    {"format", "*", format},
    {"indent", "width first blank", indent},
    {"int", "default base", to_int},
    {"lower", "", lower},
    {"replace", "!old !new count", replace},
    {"round", "precision method", to_round},
    {"safe", "", safe},
    {"string", "", string},
    {"title", "", title},
    {"tojson", "ensure_ascii indent separators sort_keys", hn_text_tojson},
    {"trim", "chars", trim},
    {"truncate", "length killwords end leeway", truncate},
    {"upper", "", upper},
    {"urlencode", "", urlencode},
    {"wordcount", "", wordcount},
    {"xmlattr", "autospace", xmlattr},
    {NULL, NULL, NULL},
};
