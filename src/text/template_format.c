/* Formatted text: the operator %, str.format, format specifications, and HTML entities. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "text/template_format.h"
#include "text/template_number.h"
#include "text/template_render.h"
#include "text/template_text.h"

enum { MAX_WIDTH = 1000000, MAX_PRECISION = 300 };

bool hn_text_escape(struct hn_render *r, const struct hn_val *v, struct hn_val *out)
{
    static const char from[] = "&<>\"'";
    static const char *const to[] = {"&amp;", "&lt;", "&gt;", "&#34;", "&#39;"};
    struct hn_str s;
    *out = *v;
    if (v->type == HN_V_STR && v->safe) return true;
    if (!hn_val_to_str(r, v, &s) || !hn_render_scan(r, s.n)) return false;
    struct hn_buf buf = hn_render_buf(r);
    for (size_t i = 0; i < s.n; i++) {
        const char *p = s.p[i] ? strchr(from, s.p[i]) : NULL;
        if (p) hn_buf_text(&buf, to[p - from]);
        else hn_buf_char(&buf, s.p[i]);
    }
    *out = hn_val_str((struct hn_str){0});
    out->safe = true;
    return hn_render_take(r, &buf, true, &out->s);
}

/* --- Numbers ---------------------------------------------------------------------------------- */

/* Digits with a separator every `every` of them, from the right; zeros in front up to `width`. */
static void put_grouped(struct hn_buf *out, struct hn_str digits, char separator, size_t every,
                        size_t width)
{
    if (!separator) {
        for (size_t i = digits.n; i < width; i++)
            hn_buf_char(out, '0');
        hn_buf_str(out, digits);
        return;
    }
    size_t n = digits.n;
    while (n + (n - 1) / every < width)
        n++;
    for (size_t i = 0; i < n; i++) {
        if (i && (n - i) % every == 0) hn_buf_char(out, separator);
        hn_buf_char(out, i < n - digits.n ? '0' : digits.p[i - (n - digits.n)]);
    }
}

/* Sign, prefix ("0x"), whole digits and what follows them, in a field. */
static void put_number(struct hn_buf *out, const struct hn_format *f, const char *sign,
                       const char *prefix, struct hn_str digits, struct hn_str rest)
{
    const size_t fixed = strlen(sign) + strlen(prefix) + rest.n;
    const size_t every = f->type == 'b' || f->type == 'o' || (f->type | 0x20) == 'x' ? 4 : 3;
    const bool zeros = f->align == '=' && hn_str_is(f->fill, "0");
    const size_t width = zeros && f->width > fixed ? f->width - fixed : 0;
    struct hn_buf body = {0};
    put_grouped(&body, digits, f->grouping, every, width);
    const size_t n = fixed + body.n, pad = f->width > n ? f->width - n : 0;
    const char align = f->align ? f->align : '>';
    const size_t left = align == '>' ? pad : align == '^' ? pad / 2 : 0;
    for (size_t i = 0; i < left; i++)
        hn_buf_str(out, f->fill);
    hn_buf_text(out, sign);
    hn_buf_text(out, prefix);
    for (size_t i = 0; align == '=' && i < pad; i++)
        hn_buf_str(out, f->fill);
    hn_buf_str(out, hn_buf_view(&body));
    hn_buf_str(out, rest);
    for (size_t i = left; align != '=' && i < pad; i++)
        hn_buf_str(out, f->fill);
    if (body.failed) out->failed = body.failed;
    hn_buf_free(&body);
}

static const char *sign_of(const struct hn_format *f, bool negative)
{
    return negative ? "-" : f->sign == '+' ? "+" : f->sign == ' ' ? " " : "";
}

static bool put_integer(struct hn_buf *out, const struct hn_format *f, int64_t i)
{
    char digits[70];
    size_t n = sizeof digits;
    const unsigned base = f->type == 'b'            ? 2
                          : f->type == 'o'          ? 8
                          : (f->type | 0x20) == 'x' ? 16
                                                    : 10;
    uint64_t left = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    do {
        digits[--n] = (f->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef")[left % base];
        left /= base;
    } while (left);
    const char prefix[3] = {'0', f->type, '\0'};
    put_number(out, f, sign_of(f, i < 0), f->alternate && base != 10 ? prefix : "",
               (struct hn_str){digits + n, sizeof digits - n}, (struct hn_str){"", 0});
    return true;
}

/* The digits of a float without its sign: as %e, %f, %g have them, or as repr() would. */
static void float_digits(const struct hn_format *f, double x, char *out, size_t size)
{
    const int precision = f->precision < 0 ? 6 : (int)hn_min((size_t)f->precision, MAX_PRECISION);
    char pattern[16];
    if (f->type == 0 && f->precision < 0) {
        char text[32];
        hn_float_repr(x, text);
        snprintf(out, size, "%s", text);
        return;
    }
    const char conversion = f->type == 0 || f->type == 'n' ? 'g' : f->type == '%' ? 'f' : f->type;
    snprintf(pattern, sizeof pattern, "%%%s.*%c", f->alternate ? "#" : "", conversion);
    snprintf(out, size, pattern, f->type == 0 && precision == 0 ? 1 : precision, x);
    /* Without a type a float shows that it is one. */
    if (f->type == 0 && !strpbrk(out, ".en")) {
        /* and turns to an exponent one digit earlier than %g */
        const size_t n = strlen(out);
        const int digits = precision == 0 ? 1 : precision;
        if ((int)n >= digits) snprintf(out, size, "%.*e", digits - 1, x);
        else if (n + 3 <= size) memcpy(out + n, ".0", 3);
        char *e = strchr(out, 'e');
        if (e) { /* %g drops zeros at the end */
            char *end = e;
            while (strchr(out, '.') && end[-1] == '0')
                end--;
            if (end[-1] == '.') end--;
            memmove(end, e, strlen(e) + 1);
        }
    }
}

static bool put_float(struct hn_buf *out, const struct hn_format *f, double x)
{
    char text[800];
    const double magnitude = fabs(f->type == '%' ? x * 100 : x);
    if (!isfinite(x)) {
        const bool upper = f->type && isupper((unsigned char)f->type);
        snprintf(text, sizeof text, "%s", isnan(x) ? upper ? "NAN" : "nan" : upper ? "INF" : "inf");
    } else {
        float_digits(f, magnitude, text, sizeof text - 2);
    }
    size_t whole = 0;
    while (isdigit((unsigned char)text[whole]))
        whole++;
    if (f->type == '%') strcat(text, "%");
    const struct hn_str all = hn_str_from(text);
    put_number(out, f, sign_of(f, signbit(x) && !isnan(x)), "", (struct hn_str){text, whole},
               (struct hn_str){text + whole, all.n - whole});
    return true;
}

/* --- Specifications --------------------------------------------------------------------------- */

static bool is_align(char c)
{
    return c == '<' || c == '>' || c == '^' || c == '=';
}

static bool parse_count(struct hn_render *r, struct hn_str s, size_t *at, size_t max, size_t *out)
{
    *out = 0;
    for (; *at < s.n && isdigit((unsigned char)s.p[*at]); ++*at) {
        *out = *out * 10 + (size_t)(s.p[*at] - '0');
        if (*out > max) return hn_render_fail(r, "a width or precision past %zu", max);
    }
    return true;
}

static bool parse_spec(struct hn_render *r, struct hn_str s, struct hn_format *f)
{
    size_t at = 0, length = 0, precision;
    *f = (struct hn_format){.fill = HN_STR(" "), .precision = -1};
    if (s.n) hn_text_at(s, 0, &length);
    if (s.n > length && is_align(s.p[length])) {
        f->fill = (struct hn_str){s.p, length};
        f->align = s.p[length];
        f->filled = true;
        at = length + 1;
    } else if (s.n && is_align(s.p[0])) {
        f->align = s.p[at++];
    }
    if (at < s.n && strchr("+- ", s.p[at])) f->sign = s.p[at++];
    if (at < s.n && s.p[at] == 'z') at++;
    if (at < s.n && s.p[at] == '#') {
        f->alternate = true;
        at++;
    }
    if (at < s.n && s.p[at] == '0') {
        if (!f->filled) f->fill = HN_STR("0");
        f->zero = !f->align;
        at++;
    }
    if (!parse_count(r, s, &at, MAX_WIDTH, &f->width)) return false;
    if (at < s.n && (s.p[at] == ',' || s.p[at] == '_')) f->grouping = s.p[at++];
    if (at < s.n && s.p[at] == '.') {
        const size_t start = ++at;
        if (!parse_count(r, s, &at, MAX_WIDTH, &precision)) return false;
        if (at == start) return hn_render_fail(r, "Format specifier missing precision");
        f->precision = (int)precision;
    }
    if (at < s.n) f->type = s.p[at++];
    return at == s.n || hn_render_fail(r, "Invalid format specifier");
}

static bool put_text_field(struct hn_render *r, struct hn_str s, const struct hn_format *f,
                           struct hn_buf *out)
{
    if (f->type && f->type != 's')
        return hn_render_fail(r, "Unknown format code '%c' for object of type 'str'", f->type);
    if (f->sign || f->alternate || f->grouping || f->align == '=')
        return hn_render_fail(r, "a format specifier for numbers on a string");
    if (f->precision >= 0) s.n = hn_text_offset(s, (size_t)f->precision);
    const size_t n = hn_text_length(s), pad = f->width > n ? f->width - n : 0;
    const size_t left = f->align == '>' ? pad : f->align == '^' ? pad / 2 : 0;
    if (!hn_render_scan(r, s.n + pad)) return false;
    for (size_t i = 0; i < left; i++)
        hn_buf_str(out, f->fill);
    hn_buf_str(out, s);
    for (size_t i = left; i < pad; i++)
        hn_buf_str(out, f->fill);
    return true;
}

bool hn_text_number(struct hn_render *r, const struct hn_val *v, struct hn_str spec,
                    struct hn_buf *out)
{
    struct hn_format f;
    if (spec.n == 0) return hn_val_print(r, v, out);
    if (!parse_spec(r, spec, &f) || !hn_render_scan(r, f.width)) return false;
    if (v->type == HN_V_STR) return put_text_field(r, v->s, &f, out);
    if (!hn_val_is_number(v))
        return hn_render_fail(r, "unsupported format string passed to %s.__format__",
                              hn_val_type_name(v));
    if (!hn_render_number(r)) return false;
    if (f.zero) f.align = '=';
    const char kinds[] = "bcdoxXneEfFgG%";
    const bool integer = hn_val_is_int(v) && (!f.type || memchr(kinds, f.type, 7));
    if (f.type && (!strchr(kinds, f.type) || (!integer && strchr("bcdoxX", f.type))))
        return hn_render_fail(r, "Unknown format code '%c' for object of type '%s'", f.type,
                              hn_val_type_name(v));
    if (integer && f.precision >= 0)
        return hn_render_fail(r, "Precision not allowed in integer format specifier");
    if (f.grouping == ',' && f.type && strchr("bcoxXn", f.type))
        return hn_render_fail(r, "Cannot specify ',' with '%c'.", f.type);
    if (integer && f.type == 'c') {
        char text[4];
        const int64_t i = hn_val_as_int(v);
        if (i < 0 || i > 0x10FFFF || (i >= 0xD800 && i < 0xE000))
            return hn_render_fail(r, "%%c arg not in range(0x110000)");
        f.type = 0;
        if (f.align == '=' || !f.align) f.align = '<';
        return put_text_field(r, (struct hn_str){text, hn_utf8_encode((uint32_t)i, text)}, &f, out);
    }
    const bool ok =
        integer ? put_integer(out, &f, hn_val_as_int(v)) : put_float(out, &f, hn_val_as_float(v));
    return ok && (!out->failed || hn_render_fail_buf(r, out));
}

/* --- % ---------------------------------------------------------------------------------------- */

struct percent {
    struct hn_str s;
    size_t at;
    const struct hn_val *arg;
    size_t next;
    bool consumed, safe;
};

static bool next_arg(struct hn_render *r, struct percent *p, struct hn_val *out)
{
    if (p->arg->type == HN_V_TUPLE) {
        if (p->next == p->arg->list->n)
            return hn_render_fail(r, "not enough arguments for format string");
        *out = p->arg->list->items[p->next++];
        return true;
    }
    if (p->consumed) return hn_render_fail(r, "not enough arguments for format string");
    p->consumed = true;
    *out = *p->arg;
    return true;
}

/* (key) of a mapping. */
static bool percent_key(struct hn_render *r, struct percent *p, struct hn_val *out)
{
    size_t depth = 1, end = p->at + 1;
    for (; end < p->s.n; end++) {
        if (p->s.p[end] == '(') depth++;
        if (p->s.p[end] == ')' && --depth == 0) break;
    }
    if (depth) return hn_render_fail(r, "incomplete format key");
    const struct hn_val key = hn_val_str((struct hn_str){p->s.p + p->at + 1, end - p->at - 1});
    struct hn_val *found;
    if (p->arg->type != HN_V_DICT) return hn_render_fail(r, "format requires a mapping");
    if (!hn_dict_get(r, p->arg->dict, &key, &found)) return false;
    if (!found) return hn_render_fail(r, "'%.*s'", HN_FMT(key.s));
    *out = *found;
    p->at = end + 1;
    p->consumed = true;
    return true;
}

/* A width or precision: digits, or * for an argument. */
static bool percent_count(struct hn_render *r, struct percent *p, int64_t *out)
{
    struct hn_val v = {0};
    size_t count;
    if (p->at < p->s.n && p->s.p[p->at] == '*') {
        p->at++;
        if (!next_arg(r, p, &v)) return false;
        if (!hn_val_is_int(&v)) return hn_render_fail(r, "* wants int");
        *out = hn_val_as_int(&v);
        return (*out <= MAX_WIDTH && *out >= -MAX_WIDTH) || hn_render_fail(r, "width too big");
    }
    if (!parse_count(r, p->s, &p->at, MAX_WIDTH, &count)) return false;
    *out = (int64_t)count;
    return true;
}

static bool percent_flags(struct hn_render *r, struct percent *p, struct hn_format *f)
{
    int64_t n;
    for (; p->at < p->s.n && strchr("-+ #0", p->s.p[p->at]) && p->s.p[p->at]; p->at++) {
        const char c = p->s.p[p->at];
        if (c == '-') f->align = '<';
        else if (c == '#') f->alternate = true;
        else if (c == '0') f->zero = true;
        else if (f->sign != '+') f->sign = c;
    }
    if (!percent_count(r, p, &n)) return false;
    if (n < 0) f->align = '<';
    f->width = (size_t)(n < 0 ? -n : n);
    if (p->at < p->s.n && p->s.p[p->at] == '.') {
        p->at++;
        if (!percent_count(r, p, &n)) return false;
        f->precision = n < 0 ? 0 : (int)n;
    }
    while (p->at < p->s.n && p->s.p[p->at] && strchr("hlL", p->s.p[p->at]))
        p->at++;
    return true;
}

static bool percent_text(struct hn_render *r, const struct percent *p, struct hn_format *f,
                         const struct hn_val *v, struct hn_buf *out)
{
    struct hn_val text = *v;
    struct hn_buf repr = hn_render_buf(r);
    if (f->type == 'r' || f->type == 'a') {
        if (!hn_render_take(r, &repr, hn_val_repr(r, v, &repr), &text.s)) return false;
        text = hn_val_str(text.s);
    } else if (!hn_val_to_str(r, v, &text.s)) {
        return false;
    } else if (text.type != HN_V_STR) {
        text = hn_val_str(text.s);
    }
    if (p->safe && !hn_text_escape(r, &text, &text)) return false;
    *f = (struct hn_format){.fill = HN_STR(" "),
                            .align = f->align ? f->align : '>',
                            .width = f->width,
                            .precision = f->precision};
    return put_text_field(r, text.s, f, out);
}

static bool percent_char(struct hn_render *r, struct hn_format *f, const struct hn_val *v,
                         struct hn_buf *out)
{
    char text[4];
    struct hn_str s = v->s;
    if (hn_val_is_int(v)) {
        const int64_t i = hn_val_as_int(v);
        if (i < 0 || i > 0x10FFFF || (i >= 0xD800 && i < 0xE000))
            return hn_render_fail(r, "%%c arg not in range(0x110000)");
        s = (struct hn_str){text, hn_utf8_encode((uint32_t)i, text)};
    } else if (v->type != HN_V_STR || hn_text_length(v->s) != 1) {
        return hn_render_fail(r, "%%c requires int or char");
    }
    *f = (struct hn_format){.fill = HN_STR(" "),
                            .align = f->align ? f->align : '>',
                            .width = f->width,
                            .precision = -1};
    return put_text_field(r, s, f, out);
}

static bool percent_number(struct hn_render *r, struct hn_format *f, const struct hn_val *v,
                           struct hn_buf *out)
{
    const char type = f->type;
    if (!hn_val_is_number(v) || (strchr("xXo", type) && v->type == HN_V_FLOAT))
        return hn_render_fail(r, "%%%c format: %s is required, not %s", type,
                              strchr("xXo", type) ? "an integer" : "a real number",
                              hn_val_type_name(v));
    if (f->zero && f->align != '<') {
        f->align = '=';
        f->fill = HN_STR("0");
    }
    if (strchr("eEfFgG", type)) return put_float(out, f, hn_val_as_float(v));
    int64_t i = v->type == HN_V_FLOAT ? 0 : hn_val_as_int(v);
    if (v->type == HN_V_FLOAT) {
        if (!(v->f < 0x1p63 && v->f >= -0x1p63))
            return hn_render_fail(r, "cannot convert float to an integer of 64 bits");
        i = (int64_t)v->f;
    }
    if (strchr("diu", type)) f->type = 'd';
    if (f->precision < 0) return put_integer(out, f, i);
    /* A precision is a least number of digits. */
    struct hn_format digits = {.fill = HN_STR("0"),
                               .align = '=',
                               .type = f->type,
                               .precision = -1,
                               .sign = f->sign,
                               .alternate = f->alternate};
    digits.width =
        (size_t)f->precision + (i < 0 || f->sign) + (f->alternate && f->type != 'd' ? 2 : 0);
    struct hn_buf text = {0};
    put_integer(&text, &digits, i);
    *f = (struct hn_format){.fill = HN_STR(" "),
                            .width = f->width,
                            .precision = -1,
                            .align = f->align == '<' ? '<' : '>'};
    const bool ok = put_text_field(r, hn_buf_view(&text), f, out);
    if (text.failed) out->failed = text.failed;
    hn_buf_free(&text);
    return ok;
}

static bool percent_field(struct hn_render *r, struct percent *p, struct hn_buf *out)
{
    struct hn_format f = {.fill = HN_STR(" "), .precision = -1};
    struct hn_val v = {0};
    const bool keyed = p->at < p->s.n && p->s.p[p->at] == '(';
    if ((keyed && !percent_key(r, p, &v)) || !percent_flags(r, p, &f)) return false;
    if (p->at >= p->s.n) return hn_render_fail(r, "incomplete format");
    f.type = p->s.p[p->at++];
    if (f.type == '%') return hn_buf_char(out, '%') >= 0 || hn_render_fail_buf(r, out);
    if (!f.type || !strchr("srdiuoxXeEfFgGca", f.type))
        return hn_render_fail(r, "unsupported format character '%c'", f.type);
    if (!keyed && !next_arg(r, p, &v)) return false;
    if (!hn_render_scan(r, f.width) || !hn_render_number(r)) return false;
    if (strchr("sra", f.type)) return percent_text(r, p, &f, &v, out);
    return f.type == 'c' ? percent_char(r, &f, &v, out) : percent_number(r, &f, &v, out);
}

static bool percent_all(struct hn_render *r, struct percent *p, struct hn_buf *out)
{
    while (p->at < p->s.n) {
        const char *next = memchr(p->s.p + p->at, '%', p->s.n - p->at);
        const size_t end = next ? (size_t)(next - p->s.p) : p->s.n;
        hn_buf_add(out, p->s.p + p->at, end - p->at);
        p->at = end + 1;
        if (next && !percent_field(r, p, out)) return false;
        if (out->failed) return hn_render_fail_buf(r, out);
    }
    const enum hn_val_type type = (enum hn_val_type)p->arg->type;
    const bool mapping =
        type == HN_V_DICT || type == HN_V_LIST || type == HN_V_UNDEFINED || type == HN_V_RANGE;
    const bool left = type == HN_V_TUPLE ? p->next < p->arg->list->n : !p->consumed && !mapping;
    return !left || hn_render_fail(r, "not all arguments converted during string formatting");
}

bool hn_text_percent(struct hn_render *r, struct hn_str format, const struct hn_val *arg, bool safe,
                     struct hn_val *out)
{
    struct percent p = {.s = format, .arg = arg, .safe = safe};
    struct hn_buf buf = hn_render_buf(r);
    *out = hn_val_str((struct hn_str){0});
    out->safe = safe;
    return hn_render_take(r, &buf, percent_all(r, &p, &buf), &out->s);
}

/* --- str.format ------------------------------------------------------------------------------- */

struct fields {
    const struct hn_args *args;
    size_t next;
    bool numbered, automatic, safe;
};

/* The argument that a field's first word names. */
static bool field_arg(struct hn_render *r, struct fields *f, struct hn_str name, struct hn_val *out)
{
    size_t index = 0, at = 0;
    const bool automatic = name.n == 0;
    if (!automatic && !parse_count(r, name, &at, 1000000, &index)) return false;
    if (automatic || at == name.n) {
        f->automatic |= automatic;
        f->numbered |= !automatic;
        if (f->automatic && f->numbered)
            return hn_render_fail(r, "cannot switch from manual field specification to automatic "
                                     "field numbering");
        if (automatic) index = f->next++;
        if (index >= f->args->n)
            return hn_render_fail(r, "Replacement index %zu out of range for positional args tuple",
                                  index);
        *out = f->args->items[index];
        return true;
    }
    if (!hn_render_step(r, f->args->n_keywords / 8)) return false;
    for (size_t i = 0; i < f->args->n_keywords; i++) {
        if (!hn_str_eq(f->args->keywords[i].name, name)) continue;
        *out = f->args->keywords[i].value;
        return true;
    }
    return hn_render_fail(r, "'%.*s'", HN_FMT(name));
}

/* name.attr[key]... */
static bool field_value(struct hn_render *r, struct fields *f, struct hn_str path,
                        struct hn_val *out)
{
    size_t end = 0;
    while (end < path.n && path.p[end] != '.' && path.p[end] != '[')
        end++;
    if (!field_arg(r, f, (struct hn_str){path.p, end}, out)) return false;
    while (end < path.n) {
        const bool index = path.p[end] == '[';
        const size_t start = ++end;
        while (end < path.n &&
               (index ? path.p[end] != ']' : path.p[end] != '.' && path.p[end] != '['))
            end++;
        const struct hn_str part = {path.p + start, end - start};
        if (part.n == 0) return hn_render_fail(r, "Empty attribute in format string");
        size_t at = 0, number = 0;
        if (index && end++ == path.n) return hn_render_fail(r, "Missing ']' in format string");
        if (index && !parse_count(r, part, &at, 1000000000, &number)) return false;
        struct hn_val owner = *out, key = hn_val_str(part);
        if (index && at == part.n) key = hn_val_int((int64_t)number);
        if (index && end < path.n && path.p[end] != '.' && path.p[end] != '[')
            return hn_render_fail(r, "Only '.' or '[' may follow ']' in format field specifier");
        if (index ? !hn_val_getitem(r, &owner, &key, out) : !hn_val_getattr(r, &owner, part, out))
            return false;
    }
    return true;
}

static bool put_fields(struct hn_render *r, struct fields *f, struct hn_str s, int depth,
                       struct hn_buf *out);

/* One field, what stands between its braces. */
static bool put_field(struct hn_render *r, struct fields *f, struct hn_str field, int depth,
                      struct hn_buf *out)
{
    size_t end = 0;
    bool brackets = false;
    struct hn_val v;
    while (end < field.n && (brackets || (field.p[end] != ':' && field.p[end] != '!'))) {
        brackets = field.p[end] == '[' || (brackets && field.p[end] != ']');
        end++;
    }
    if (!field_value(r, f, (struct hn_str){field.p, end}, &v)) return false;
    if (end < field.n && field.p[end] == '!') {
        const char kind = end + 1 < field.n ? field.p[end + 1] : '\0';
        struct hn_buf text = hn_render_buf(r);
        struct hn_str s;
        if (!kind || !strchr("rsa", kind)) return hn_render_fail(r, "Unknown conversion specifier");
        const bool ok = kind == 's' ? hn_val_print(r, &v, &text) : hn_val_repr(r, &v, &text);
        if (!hn_render_take(r, &text, ok, &s)) return false;
        v = hn_val_str(s);
        end += 2;
        if (end < field.n && field.p[end] != ':')
            return hn_render_fail(r, "expected ':' after conversion specifier");
    }
    struct hn_str spec = {"", 0};
    if (end < field.n) {
        struct hn_buf text = hn_render_buf(r);
        const struct hn_str rest = {field.p + end + 1, field.n - end - 1};
        if (!hn_render_take(r, &text, put_fields(r, f, rest, depth + 1, &text), &spec))
            return false;
    }
    if (!f->safe) return hn_text_number(r, &v, spec, out);
    struct hn_buf text = hn_render_buf(r);
    struct hn_val escaped = hn_val_str((struct hn_str){0});
    escaped.safe = v.type == HN_V_STR && v.safe;
    return hn_render_take(r, &text, hn_text_number(r, &v, spec, &text), &escaped.s) &&
           hn_text_escape(r, &escaped, &escaped) && hn_val_print(r, &escaped, out);
}

static bool put_fields(struct hn_render *r, struct fields *f, struct hn_str s, int depth,
                       struct hn_buf *out)
{
    if (depth > 2) return hn_render_fail(r, "Max string recursion exceeded");
    if (!hn_render_scan(r, s.n)) return false;
    for (size_t at = 0; at < s.n; at++) {
        const char c = s.p[at];
        const bool twice = at + 1 < s.n && s.p[at + 1] == c;
        if ((c == '{' || c == '}') && twice) {
            hn_buf_char(out, s.p[++at - 1]);
            continue;
        }
        if (c == '}') return hn_render_fail(r, "Single '}' encountered in format string");
        if (c != '{') {
            hn_buf_char(out, c);
            continue;
        }
        const size_t start = ++at;
        size_t open = 1;
        for (; at < s.n; at++) {
            open += (s.p[at] == '{') - (s.p[at] == '}');
            if (!open) break;
        }
        if (open) return hn_render_fail(r, "expected '}' before end of string");
        if (!hn_render_step(r, 1) ||
            !put_field(r, f, (struct hn_str){s.p + start, at - start}, depth, out))
            return false;
    }
    return !out->failed || hn_render_fail_buf(r, out);
}

bool hn_text_format(struct hn_render *r, const struct hn_val *format, const struct hn_args *args,
                    struct hn_buf *out)
{
    struct fields f = {.args = args, .safe = format->safe};
    return put_fields(r, &f, format->s, 1, out);
}
