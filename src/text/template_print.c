/* Values as text: str(), repr(), and JSON. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "text/template_loop.h"
#include "text/template_render.h"
#include "text/template_text.h"

void hn_float_repr(double f, char out[32])
{
    char digits[40];
    if (isnan(f) || isinf(f)) {
        snprintf(out, 32, "%s", isnan(f) ? "nan" : f < 0 ? "-inf" : "inf");
        return;
    }
    int precision = 0;
    do {
        snprintf(digits, sizeof digits, "%.*e", precision, f);
    } while (strtod(digits, NULL) != f && ++precision < 17);
    const char *e = strchr(digits, 'e');
    const int exponent = atoi(e + 1);
    if (exponent >= -4 && exponent < 16) {
        const int decimals = precision > exponent ? precision - exponent : 0;
        snprintf(out, 32, "%.*f", decimals ? decimals : 1, f);
        return;
    }
    snprintf(out, 32, "%.*se%c%02d", (int)(e - digits), digits, exponent < 0 ? '-' : '+',
             abs(exponent));
}

/* A backslash, `kind` and that many hexadecimal digits. */
static void put_hex(struct hn_buf *out, char kind, uint32_t value, size_t digits)
{
    char text[10] = {'\\', kind};
    for (size_t i = 0; i < digits; i++)
        text[2 + i] = "0123456789abcdef"[value >> (4 * (digits - 1 - i)) & 15];
    hn_buf_add(out, text, 2 + digits);
}

static void put_escape(struct hn_buf *out, uint32_t cp)
{
    if (cp < 0x100) put_hex(out, 'x', cp, 2);
    else if (cp < 0x10000) put_hex(out, 'u', cp, 4);
    else put_hex(out, 'U', cp, 8);
}

static void put_quoted(struct hn_str s, struct hn_buf *out)
{
    const bool single = s.n && memchr(s.p, '\'', s.n), both = single && memchr(s.p, '"', s.n);
    const char quote = single && !both ? '"' : '\'';
    size_t length;
    hn_buf_char(out, quote);
    for (size_t at = 0; at < s.n; at += length) {
        const uint32_t cp = hn_text_at(s, at, &length);
        if (cp == '\\' || cp == (uint32_t)quote) {
            hn_buf_char(out, '\\');
            hn_buf_char(out, (char)cp);
        } else if (cp == '\n' || cp == '\r' || cp == '\t') {
            hn_buf_text(out, cp == '\n' ? "\\n" : cp == '\r' ? "\\r" : "\\t");
        } else if (hn_text_is_printable(cp)) {
            hn_buf_add(out, s.p + at, length);
        } else {
            put_escape(out, cp);
        }
    }
    hn_buf_char(out, quote);
}

static bool repr_items(struct hn_render *r, const struct hn_list *list, char open, char close,
                       struct hn_buf *out)
{
    hn_buf_char(out, open);
    for (size_t i = 0; i < list->n; i++) {
        if (i) hn_buf_text(out, ", ");
        if (!hn_val_repr(r, &list->items[i], out)) return false;
    }
    if (close == ')' && list->n == 1) hn_buf_char(out, ',');
    hn_buf_char(out, close);
    return true;
}

static bool repr_dict(struct hn_render *r, const struct hn_dict *dict, struct hn_buf *out)
{
    hn_buf_char(out, '{');
    for (size_t i = 0; i < dict->n; i++) {
        if (i) hn_buf_text(out, ", ");
        if (!hn_val_repr(r, &dict->entries[i].key, out)) return false;
        hn_buf_text(out, ": ");
        if (!hn_val_repr(r, &dict->entries[i].value, out)) return false;
    }
    hn_buf_char(out, '}');
    return true;
}

static bool repr_view(struct hn_render *r, const struct hn_val *v, struct hn_buf *out)
{
    struct hn_list *list;
    if (!hn_val_to_list(r, v, &list)) return false;
    hn_buf_printf(out, "%s(", hn_val_type_name(v));
    const bool ok = repr_items(r, list, '[', ']', out);
    hn_buf_char(out, ')');
    return ok;
}

static bool repr_loop(struct hn_render *r, struct hn_loop *loop, struct hn_buf *out)
{
    size_t length;
    if (!hn_loop_length(r, loop, &length)) return false;
    hn_buf_printf(out, "<LoopContext %lld/%zu>", (long long)loop->index0 + 1, length);
    return true;
}

static void repr_range(const struct hn_range *range, struct hn_buf *out)
{
    hn_buf_printf(out, "range(%lld, %lld", (long long)range->start, (long long)range->stop);
    if (range->step != 1) hn_buf_printf(out, ", %lld", (long long)range->step);
    hn_buf_char(out, ')');
}

static bool repr_inside(struct hn_render *r, const struct hn_val *v, struct hn_buf *out)
{
    switch ((enum hn_val_type)v->type) {
    case HN_V_UNDEFINED: hn_buf_text(out, "Undefined"); return true;
    case HN_V_NONE: hn_buf_text(out, "None"); return true;
    case HN_V_BOOL: hn_buf_text(out, v->b ? "True" : "False"); return true;
    case HN_V_INT: hn_buf_printf(out, "%lld", (long long)v->i); return true;
    case HN_V_FLOAT: {
        char text[32];
        hn_float_repr(v->f, text);
        hn_buf_text(out, text);
        return hn_render_number(r);
    }
    case HN_V_STR:
        if (!hn_render_step(r, v->s.n / 4)) return false;
        if (v->safe) hn_buf_text(out, "Markup(");
        put_quoted(v->s, out);
        if (v->safe) hn_buf_char(out, ')');
        return true;
    case HN_V_LIST: return repr_items(r, v->list, '[', ']', out);
    case HN_V_TUPLE: return repr_items(r, v->list, '(', ')', out);
    case HN_V_DICT: return repr_dict(r, v->dict, out);
    case HN_V_RANGE: repr_range(v->range, out); return true;
    case HN_V_VIEW: return repr_view(r, v, out);
    case HN_V_LOOP: return repr_loop(r, v->loop, out);
    case HN_V_NAMESPACE:
        hn_buf_text(out, "<Namespace ");
        if (!repr_dict(r, v->ns->attrs, out)) return false;
        hn_buf_char(out, '>');
        return true;
    case HN_V_MACRO:
        hn_buf_text(out, "<Macro ");
        if (v->macro->func->name.n) put_quoted(v->macro->func->name, out);
        else hn_buf_text(out, "anonymous");
        hn_buf_char(out, '>');
        return true;
    case HN_V_METHOD:
        hn_buf_printf(out, "<built-in method %s>", v->method->func->name);
        return true;
    case HN_V_FUNC: hn_buf_printf(out, "<function %s>", v->func->name); return true;
    default: hn_buf_printf(out, "<%s object>", hn_val_type_name(v)); return true;
    }
}

bool hn_val_repr(struct hn_render *r, const struct hn_val *v, struct hn_buf *out)
{
    if (!hn_render_step(r, 1) || !hn_render_enter(r)) return false;
    const bool ok = repr_inside(r, v, out);
    hn_render_leave(r);
    return ok && (!out->failed || hn_render_fail_buf(r, out));
}

bool hn_val_print(struct hn_render *r, const struct hn_val *v, struct hn_buf *out)
{
    if (v->type == HN_V_UNDEFINED) return true;
    if (v->type != HN_V_STR) return hn_val_repr(r, v, out);
    if (!hn_render_step(r, v->s.n / 64)) return false;
    return hn_buf_str(out, v->s) >= 0 || hn_render_fail_buf(r, out);
}

bool hn_val_to_str(struct hn_render *r, const struct hn_val *v, struct hn_str *out)
{
    if (v->type == HN_V_STR) {
        *out = v->s;
        return true;
    }
    struct hn_buf buf = hn_render_buf(r);
    return hn_render_take(r, &buf, hn_val_print(r, v, &buf), out);
}

/* --- JSON, as json.dumps writes it ------------------------------------------------------------ */

struct dump {
    struct hn_buf *out;
    bool ascii, sorted;
    bool indented;
    struct hn_str indent, item_separator, key_separator;
    size_t depth;
};

static void dump_string(const struct dump *d, struct hn_str s)
{
    static const char from[] = "\"\\\n\r\t\f\b", to[] = "\"\\nrtfb";
    size_t length;
    hn_buf_char(d->out, '"');
    for (size_t at = 0; at < s.n && !d->out->failed; at += length) {
        const uint32_t cp = hn_text_at(s, at, &length);
        const char *simple = cp && cp < 0x80 ? strchr(from, (int)cp) : NULL;
        if (simple) {
            hn_buf_char(d->out, '\\');
            hn_buf_char(d->out, to[simple - from]);
        } else if (cp >= 0x20 && (cp < 0x7F || !d->ascii)) {
            hn_buf_add(d->out, s.p + at, length);
        } else if (cp < 0x10000) {
            put_hex(d->out, 'u', cp, 4);
        } else {
            const uint32_t rest = cp - 0x10000;
            put_hex(d->out, 'u', 0xD800 + (rest >> 10), 4);
            put_hex(d->out, 'u', 0xDC00 + (rest & 0x3FF), 4);
        }
    }
    hn_buf_char(d->out, '"');
}

static void dump_break(const struct dump *d)
{
    if (!d->indented) return;
    hn_buf_char(d->out, '\n');
    for (size_t i = 0; i < d->depth; i++)
        hn_buf_str(d->out, d->indent);
}

static void dump_float(const struct dump *d, double f)
{
    char text[32];
    hn_float_repr(f, text);
    if (isnan(f)) hn_buf_text(d->out, "NaN");
    else if (isinf(f)) hn_buf_text(d->out, f < 0 ? "-Infinity" : "Infinity");
    else hn_buf_text(d->out, text);
}

static bool dump_value(struct hn_render *r, struct dump *d, const struct hn_val *v);

static bool dump_list(struct hn_render *r, struct dump *d, const struct hn_list *list)
{
    hn_buf_char(d->out, '[');
    d->depth++;
    for (size_t i = 0; i < list->n; i++) {
        if (i) hn_buf_str(d->out, d->item_separator);
        dump_break(d);
        if (!dump_value(r, d, &list->items[i])) return false;
    }
    d->depth--;
    if (list->n) dump_break(d);
    hn_buf_char(d->out, ']');
    return true;
}

/* Keys of other types turn into text. */
static bool dump_key(struct hn_render *r, const struct dump *d, const struct hn_val *key)
{
    struct hn_buf text = hn_render_buf(r);
    const struct dump plain = {.out = &text};
    switch ((enum hn_val_type)key->type) {
    case HN_V_STR:
        if (!hn_render_scan(r, key->s.n)) return false;
        dump_string(d, key->s);
        return true;
    case HN_V_BOOL: hn_buf_text(&text, key->b ? "true" : "false"); break;
    case HN_V_NONE: hn_buf_text(&text, "null"); break;
    case HN_V_INT: hn_buf_printf(&text, "%lld", (long long)key->i); break;
    case HN_V_FLOAT:
        if (!hn_render_number(r)) return false;
        dump_float(&plain, key->f);
        break;
    default:
        return hn_render_fail(r, "keys must be str, int, float, bool or None, not %s",
                              hn_val_type_name(key));
    }
    const bool ok = !text.failed || hn_render_fail_buf(r, &text);
    if (ok) dump_string(d, hn_buf_view(&text));
    hn_buf_free(&text);
    return ok;
}

/* The entries in the order they are written in. */
static bool dump_order(struct hn_render *r, const struct dump *d, const struct hn_dict *dict,
                       struct hn_list **out)
{
    if (!hn_list_new(r, dict->n, out)) return false;
    for (size_t i = 0; i < dict->n; i++) {
        struct hn_val pair;
        if (!hn_val_pair(r, dict->entries[i].key, dict->entries[i].value, &pair) ||
            !hn_list_add(r, *out, pair))
            return false;
    }
    return !d->sorted || hn_list_sort(r, *out, NULL, false);
}

static bool dump_dict(struct hn_render *r, struct dump *d, const struct hn_dict *dict)
{
    struct hn_list *pairs;
    if (!dump_order(r, d, dict, &pairs)) return false;
    hn_buf_char(d->out, '{');
    d->depth++;
    for (size_t i = 0; i < pairs->n; i++) {
        const struct hn_val *pair = pairs->items[i].list->items;
        if (i) hn_buf_str(d->out, d->item_separator);
        dump_break(d);
        if (!dump_key(r, d, &pair[0])) return false;
        hn_buf_str(d->out, d->key_separator);
        if (!dump_value(r, d, &pair[1])) return false;
    }
    d->depth--;
    if (pairs->n) dump_break(d);
    hn_buf_char(d->out, '}');
    return true;
}

static bool dump_inside(struct hn_render *r, struct dump *d, const struct hn_val *v)
{
    switch ((enum hn_val_type)v->type) {
    case HN_V_NONE: hn_buf_text(d->out, "null"); return true;
    case HN_V_BOOL: hn_buf_text(d->out, v->b ? "true" : "false"); return true;
    case HN_V_INT: hn_buf_printf(d->out, "%lld", (long long)v->i); return true;
    case HN_V_FLOAT: dump_float(d, v->f); return hn_render_number(r);
    case HN_V_STR:
        if (!hn_render_scan(r, v->s.n)) return false;
        dump_string(d, v->s);
        return true;
    case HN_V_LIST:
    case HN_V_TUPLE: return dump_list(r, d, v->list);
    case HN_V_DICT: return dump_dict(r, d, v->dict);
    default:
        return hn_render_fail(r, "Object of type %s is not JSON serializable", hn_val_type_name(v));
    }
}

static bool dump_value(struct hn_render *r, struct dump *d, const struct hn_val *v)
{
    if (!hn_render_step(r, 1) || !hn_render_enter(r)) return false;
    const bool ok = dump_inside(r, d, v);
    hn_render_leave(r);
    return ok && (!d->out->failed || hn_render_fail_buf(r, d->out));
}

static bool dump_options(struct hn_render *r, const struct hn_val *v, struct dump *d)
{
    const struct hn_val *indent = &v[2], *separators = &v[3];
    d->ascii = hn_val_truth(&v[1]);
    d->sorted = hn_val_truth(&v[4]);
    d->indented = hn_val_given(indent);
    d->item_separator = d->indented ? HN_STR(",") : HN_STR(", ");
    d->key_separator = HN_STR(": ");
    if (d->indented && indent->type == HN_V_STR) {
        d->indent = indent->s;
    } else if (d->indented) {
        if (!hn_val_is_int(indent)) return hn_render_fail(r, "indent must be an int or a str");
        const int64_t n = hn_val_as_int(indent);
        if (n > 1000) return hn_render_fail(r, "an indent of more than 1000");
        char *spaces = hn_render_text(r, n > 0 ? (size_t)n : 0);
        if (!spaces) return false;
        if (n > 0) memset(spaces, ' ', (size_t)n);
        d->indent = (struct hn_str){spaces, n > 0 ? (size_t)n : 0};
    }
    if (!hn_val_given(separators)) return true;
    if (!hn_val_is_list(separators) || separators->list->n != 2 ||
        separators->list->items[0].type != HN_V_STR || separators->list->items[1].type != HN_V_STR)
        return hn_render_fail(r, "separators must be two strings");
    d->item_separator = separators->list->items[0].s;
    d->key_separator = separators->list->items[1].s;
    return true;
}

bool hn_text_tojson(struct hn_render *r, const struct hn_val *v, const struct hn_args *args,
                    struct hn_val *out)
{
    (void)args;
    struct hn_buf buf = hn_render_buf(r);
    struct dump d = {.out = &buf};
    *out = hn_val_str((struct hn_str){0});
    return hn_render_take(r, &buf, dump_options(r, v, &d) && dump_value(r, &d, v), &out->s);
}
