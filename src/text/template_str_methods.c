/* The methods of strings, as Python has them. */
#include "base/bits.h"
#include "text/charclass.h"
#include "text/template_case.h"
#include "text/template_number.h"
#include "text/template_render.h"
#include "text/template_text.h"

#define METHOD(name)                                                                               \
    static bool name(struct hn_render *r, const struct hn_val *v, const struct hn_args *args,      \
                     struct hn_val *out)
#define UNUSED (void)args

/* A text of the kind that `like` is: marked as HTML or not. */
static struct hn_val same_kind(const struct hn_val *like, struct hn_str s)
{
    struct hn_val v = hn_val_str(s);
    v.safe = like->safe;
    return v;
}

static bool wants_text(struct hn_render *r, const struct hn_val *v, const char *what)
{
    return v->type == HN_V_STR ||
           hn_render_fail(r, "%s must be str, not %s", what, hn_val_type_name(v));
}

#define CASE_METHOD(name, mode)                                                                    \
    METHOD(name)                                                                                   \
    {                                                                                              \
        UNUSED;                                                                                    \
        *out = *v;                                                                                 \
        return hn_text_case(r, v->s, mode, &out->s);                                               \
    }

CASE_METHOD(upper, HN_CASE_UPPER)
CASE_METHOD(lower, HN_CASE_LOWER)
CASE_METHOD(swapcase, HN_CASE_SWAP)
CASE_METHOD(capitalize, HN_CASE_CAPITAL)
CASE_METHOD(title, HN_CASE_TITLE)

static bool strip_sides(struct hn_render *r, const struct hn_val *v, bool left, bool right,
                        struct hn_val *out)
{
    *out = *v;
    return hn_text_strip(r, v->s, &v[1], left, right, &out->s);
}

METHOD(strip)
{
    UNUSED;
    return strip_sides(r, v, true, true, out);
}

METHOD(lstrip)
{
    UNUSED;
    return strip_sides(r, v, true, false, out);
}

METHOD(rstrip)
{
    UNUSED;
    return strip_sides(r, v, false, true, out);
}

static bool add_part(struct hn_render *r, const struct hn_val *like, struct hn_list *list,
                     struct hn_str part)
{
    return hn_list_add(r, list, same_kind(like, part));
}

/* Where the next run of spaces begins, and the text after it. */
static struct hn_str next_word(struct hn_str *rest)
{
    size_t at = 0, length;
    while (at < rest->n && !hn_text_is_space(hn_text_at(*rest, at, &length)))
        at += length;
    const struct hn_str word = {rest->p, at};
    rest->p += at;
    rest->n -= at;
    return word;
}

static bool split_words(struct hn_render *r, const struct hn_val *v, int64_t max,
                        struct hn_list *list)
{
    struct hn_str rest = hn_text_strip_left(v->s);
    while (rest.n) {
        if (max >= 0 && (int64_t)list->n == max) return add_part(r, v, list, rest);
        if (!add_part(r, v, list, next_word(&rest))) return false;
        rest = hn_text_strip_left(rest);
    }
    return true;
}

static struct hn_str last_word(struct hn_str *rest)
{
    size_t at = rest->n, length;
    while (at > 0) {
        size_t before = at - 1;
        while (before > 0 && ((unsigned char)rest->p[before] & 0xC0) == 0x80)
            before--;
        if (hn_text_is_space(hn_text_at(*rest, before, &length))) break;
        at = before;
    }
    const struct hn_str word = {rest->p + at, rest->n - at};
    rest->n = at;
    return word;
}

static bool rsplit_words(struct hn_render *r, const struct hn_val *v, int64_t max,
                         struct hn_list *list)
{
    struct hn_str rest = hn_text_strip_right(v->s);
    while (rest.n) {
        if (max >= 0 && (int64_t)list->n == max) return add_part(r, v, list, rest);
        if (!add_part(r, v, list, last_word(&rest))) return false;
        rest = hn_text_strip_right(rest);
    }
    return true;
}

static void turn_around(struct hn_list *list)
{
    for (size_t i = 0; i < list->n / 2; i++) {
        const struct hn_val swap = list->items[i];
        list->items[i] = list->items[list->n - 1 - i];
        list->items[list->n - 1 - i] = swap;
    }
}

static bool split_at(struct hn_render *r, const struct hn_val *v, struct hn_str at, int64_t max,
                     bool from_right, struct hn_list *list)
{
    struct hn_str rest = v->s;
    while (max < 0 || (int64_t)list->n < max) {
        size_t found = 0;
        if (!from_right) found = hn_text_find(rest, at);
        else if (!hn_text_rfind(r, rest, at, &found)) return false;
        if (found == SIZE_MAX) break;
        const size_t end = found + at.n;
        const struct hn_str before = {rest.p, found}, after = {rest.p + end, rest.n - end};
        if (!add_part(r, v, list, from_right ? after : before)) return false;
        rest = from_right ? before : after;
    }
    return add_part(r, v, list, rest);
}

static bool split_any(struct hn_render *r, const struct hn_val *v, bool from_right,
                      struct hn_val *out)
{
    struct hn_list *list;
    int64_t max;
    bool ok;
    if (!hn_val_index(r, &v[2], -1, &max) || !hn_render_scan(r, v->s.n) ||
        !hn_list_new(r, 0, &list))
        return false;
    if (hn_val_given(&v[1])) {
        if (!wants_text(r, &v[1], "separator")) return false;
        if (v[1].s.n == 0) return hn_render_fail(r, "empty separator");
        ok = split_at(r, v, v[1].s, max, from_right, list);
    } else {
        ok = (from_right ? rsplit_words : split_words)(r, v, max, list);
    }
    if (from_right) turn_around(list);
    *out = hn_val_list(HN_V_LIST, list);
    return ok;
}

METHOD(split)
{
    UNUSED;
    return split_any(r, v, false, out);
}

METHOD(rsplit)
{
    UNUSED;
    return split_any(r, v, true, out);
}

METHOD(splitlines)
{
    UNUSED;
    struct hn_list *list;
    struct hn_str line;
    size_t at = 0, end;
    if (!hn_list_new(r, 0, &list) || !hn_render_scan(r, v->s.n)) return false;
    while (hn_text_line(v->s, &at, &line, &end)) {
        if (hn_val_truth(&v[1])) line.n += end;
        if (!add_part(r, v, list, line)) return false;
    }
    *out = hn_val_list(HN_V_LIST, list);
    return true;
}

static bool partition_at(struct hn_render *r, const struct hn_val *v, bool from_right,
                         struct hn_val *out)
{
    struct hn_list *list;
    if (!wants_text(r, &v[1], "separator") || !hn_list_new(r, 3, &list)) return false;
    if (v[1].s.n == 0) return hn_render_fail(r, "empty separator");
    size_t at = 0;
    if (!hn_render_scan(r, v->s.n)) return false;
    if (!from_right) at = hn_text_find(v->s, v[1].s);
    else if (!hn_text_rfind(r, v->s, v[1].s, &at)) return false;
    const bool found = at != SIZE_MAX;
    const size_t end = found ? at + v[1].s.n : 0;
    const struct hn_str before = {v->s.p, found ? at : v->s.n}, empty = {"", 0};
    const struct hn_str after = {v->s.p + end, v->s.n - end};
    const struct hn_str parts[3] = {found || !from_right ? before : empty, found ? v[1].s : empty,
                                    found || from_right ? after : empty};
    for (int i = 0; i < 3; i++)
        if (!add_part(r, v, list, parts[i])) return false;
    *out = hn_val_list(HN_V_TUPLE, list);
    return true;
}

METHOD(partition)
{
    UNUSED;
    return partition_at(r, v, false, out);
}

METHOD(rpartition)
{
    UNUSED;
    return partition_at(r, v, true, out);
}

/* The part of a string that start and end (v[2], v[3]) leave, and the characters before it. False in
 * *any when start is past the end, where nothing is found, not even an empty text. */
static bool bound_text(struct hn_render *r, const struct hn_val *v, struct hn_str *s,
                       int64_t *before, bool *any)
{
    const int64_t n = (int64_t)hn_text_length(v->s);
    const struct hn_val none = {0};
    int64_t start, end;
    if (!hn_val_index(r, hn_val_given(&v[2]) ? &v[2] : &none, 0, &start) ||
        !hn_val_index(r, hn_val_given(&v[3]) ? &v[3] : &none, n, &end) ||
        !hn_render_scan(r, v->s.n))
        return false;
    if (start < 0) start = start + n < 0 ? 0 : start + n;
    if (end < 0) end = end + n < 0 ? 0 : end + n;
    if (end > n) end = n;
    *before = start;
    *any = start <= end;
    *s = (struct hn_str){"", 0};
    if (!*any) return true;
    const size_t a = hn_text_offset(v->s, (size_t)start);
    const struct hn_str rest = {v->s.p + a, v->s.n - a};
    *s = (struct hn_str){rest.p, hn_text_offset(rest, (size_t)(end - start))};
    return true;
}

static bool find_text(struct hn_render *r, const struct hn_val *v, bool from_right, bool must,
                      struct hn_val *out)
{
    struct hn_str s;
    int64_t before;
    bool any;
    if (!wants_text(r, &v[1], "substring") || !bound_text(r, v, &s, &before, &any)) return false;
    size_t at = SIZE_MAX;
    if (any && !from_right) at = hn_text_find(s, v[1].s);
    else if (any && !hn_text_rfind(r, s, v[1].s, &at)) return false;
    if (at == SIZE_MAX && must) return hn_render_fail(r, "substring not found");
    *out = hn_val_int(at == SIZE_MAX ? -1
                                     : before + (int64_t)hn_text_length((struct hn_str){s.p, at}));
    return true;
}

METHOD(find)
{
    UNUSED;
    return find_text(r, v, false, false, out);
}

METHOD(rfind)
{
    UNUSED;
    return find_text(r, v, true, false, out);
}

METHOD(index_of)
{
    UNUSED;
    return find_text(r, v, false, true, out);
}

METHOD(rindex_of)
{
    UNUSED;
    return find_text(r, v, true, true, out);
}

METHOD(count)
{
    UNUSED;
    struct hn_str s;
    int64_t before, n = 0;
    bool any;
    if (!wants_text(r, &v[1], "substring") || !bound_text(r, v, &s, &before, &any)) return false;
    const struct hn_str part = v[1].s;
    if (part.n == 0) n = any ? (int64_t)hn_text_length(s) + 1 : 0;
    for (size_t at; part.n && (at = hn_text_find(s, part)) != SIZE_MAX; n++)
        s = (struct hn_str){s.p + at + part.n, s.n - at - part.n};
    *out = hn_val_int(n);
    return true;
}

/* startswith, endswith: one text, or any of a tuple. */
static bool has_affix(struct hn_render *r, const struct hn_val *v, bool at_end, struct hn_val *out)
{
    struct hn_str s;
    int64_t before;
    bool any, has = false;
    if (!bound_text(r, v, &s, &before, &any)) return false;
    const bool tuple = v[1].type == HN_V_TUPLE;
    const size_t n = tuple ? v[1].list->n : 1;
    if (!hn_render_step(r, n)) return false;
    for (size_t i = 0; i < n && !has; i++) {
        const struct hn_val *affix = tuple ? &v[1].list->items[i] : &v[1];
        if (affix->type != HN_V_STR)
            return hn_render_fail(r, "%s first arg must be str or a tuple of str, not %s",
                                  at_end ? "endswith" : "startswith", hn_val_type_name(affix));
        has = any && (at_end ? hn_str_ends : hn_str_starts)(s, affix->s);
    }
    *out = hn_val_bool(has);
    return true;
}

METHOD(startswith)
{
    UNUSED;
    return has_affix(r, v, false, out);
}

METHOD(endswith)
{
    UNUSED;
    return has_affix(r, v, true, out);
}

METHOD(removeprefix)
{
    UNUSED;
    if (!wants_text(r, &v[1], "removeprefix() argument") || !hn_render_step(r, v[1].s.n / 64))
        return false;
    *out = hn_val_str(v->s);
    if (!hn_str_starts(v->s, v[1].s)) return true;
    out->s.p += v[1].s.n;
    out->s.n -= v[1].s.n;
    return true;
}

METHOD(removesuffix)
{
    UNUSED;
    if (!wants_text(r, &v[1], "removesuffix() argument") || !hn_render_step(r, v[1].s.n / 64))
        return false;
    *out = hn_val_str(v->s);
    if (hn_str_ends(v->s, v[1].s)) out->s.n -= v[1].s.n;
    return true;
}

METHOD(replace)
{
    UNUSED;
    int64_t n;
    struct hn_val to = v[2];
    if (!wants_text(r, &v[1], "replace() argument 1") ||
        !wants_text(r, &v[2], "replace() argument 2") || !hn_val_index(r, &v[3], -1, &n))
        return false;
    if (v->safe && !hn_text_escape(r, &v[2], &to)) return false;
    *out = *v;
    return hn_text_replace(r, v->s, v[1].s, to.s, n, &out->s);
}

METHOD(join)
{
    UNUSED;
    struct hn_iter *it;
    struct hn_val item;
    if (!hn_val_iterator(r, &v[1], &it)) return false;
    struct hn_buf buf = hn_render_buf(r);
    bool ok = true;
    for (size_t n = 0; ok; n++) {
        ok = hn_iter_next(r, it, &item);
        if (!ok || item.type == HN_V_MISSING) break;
        if (v->safe) ok = hn_text_escape(r, &item, &item);
        if (!ok) break;
        if (item.type != HN_V_STR)
            ok = hn_render_fail(r, "sequence item %zu: expected str instance, %s found", n,
                                hn_val_type_name(&item));
        if (n) hn_buf_str(&buf, v->s);
        if (ok) hn_buf_str(&buf, item.s);
        ok = ok && hn_render_step(r, (item.s.n + v->s.n) / 64);
    }
    *out = *v;
    return hn_render_take(r, &buf, ok, &out->s);
}

static bool pad(struct hn_render *r, const struct hn_val *v, char align, struct hn_val *out)
{
    int64_t width;
    const struct hn_str fill = v[2].type == HN_V_STR ? v[2].s : HN_STR(" ");
    if (!hn_val_index(r, &v[1], 0, &width)) return false;
    if ((v[2].type != HN_V_MISSING && v[2].type != HN_V_STR) || hn_text_length(fill) != 1)
        return hn_render_fail(r, "The fill character must be exactly one character long");
    *out = *v;
    return hn_text_pad(r, v->s, width, fill, align, &out->s);
}

METHOD(center)
{
    UNUSED;
    return pad(r, v, '^', out);
}

METHOD(ljust)
{
    UNUSED;
    return pad(r, v, '<', out);
}

METHOD(rjust)
{
    UNUSED;
    return pad(r, v, '>', out);
}

METHOD(zfill)
{
    UNUSED;
    int64_t width;
    struct hn_str digits = v->s, zeros;
    const bool sign = v->s.n && (v->s.p[0] == '-' || v->s.p[0] == '+');
    if (!hn_val_index(r, &v[1], 0, &width)) return false;
    if (sign) {
        digits.p++;
        digits.n--;
    }
    *out = *v;
    return hn_text_pad(r, digits, width - sign, HN_STR("0"), '>', &zeros) &&
           hn_render_concat(r, (struct hn_str){v->s.p, sign}, zeros, &out->s);
}

METHOD(expandtabs)
{
    UNUSED;
    int64_t size, column = 0;
    size_t length;
    if (!hn_val_index(r, &v[1], 8, &size)) return false;
    if (size > 1000) return hn_render_fail(r, "tabs of more than 1000 columns");
    struct hn_buf buf = hn_render_buf(r);
    if (!hn_render_scan(r, v->s.n)) return false;
    for (size_t at = 0; at < v->s.n && !buf.failed; at += length) {
        const uint32_t cp = hn_text_at(v->s, at, &length);
        if (cp == '\t') {
            for (int64_t k = size > 0 ? size - column % size : 0; k > 0; k--, column++)
                hn_buf_char(&buf, ' ');
            continue;
        }
        hn_buf_add(&buf, v->s.p + at, length);
        column = cp == '\n' || cp == '\r' ? 0 : column + 1;
    }
    *out = *v;
    return hn_render_take(r, &buf, true, &out->s);
}

METHOD(format)
{
    struct hn_buf buf = hn_render_buf(r);
    *out = *v;
    return hn_render_take(r, &buf, hn_text_format(r, v, args, &buf), &out->s);
}

METHOD(encode)
{
    UNUSED;
    (void)v;
    (void)out;
    return hn_render_fail(r, "str.encode() is not supported: templates have no bytes");
}

METHOD(translate)
{
    UNUSED;
    (void)v;
    (void)out;
    return hn_render_fail(r, "str.translate() is not supported");
}

/* --- What all characters are ------------------------------------------------------------------ */

static bool all(struct hn_str s, bool (*is)(uint32_t cp))
{
    size_t length;
    for (size_t at = 0; at < s.n; at += length)
        if (!is(hn_text_at(s, at, &length))) return false;
    return s.n > 0;
}

static bool is_alpha(uint32_t cp)
{
    return hn_charclass_of(cp) & HN_CHAR_LETTER;
}

static bool is_ascii(uint32_t cp)
{
    return cp < 0x80;
}

static bool is_alnum(uint32_t cp)
{
    return cp != '_' && hn_text_is_word(cp);
}

#define ALL_METHOD(name, expression)                                                               \
    METHOD(name)                                                                                   \
    {                                                                                              \
        UNUSED;                                                                                    \
        if (!hn_render_step(r, v->s.n / 4)) return false;                                          \
        *out = hn_val_bool(expression);                                                            \
        return true;                                                                               \
    }

ALL_METHOD(all_alpha, all(v->s, is_alpha))
ALL_METHOD(all_alnum, all(v->s, is_alnum))
ALL_METHOD(all_space, all(v->s, hn_text_is_space))
ALL_METHOD(all_digit, all(v->s, hn_text_is_digit))
ALL_METHOD(all_decimal, all(v->s, hn_text_is_decimal))
ALL_METHOD(all_numeric, all(v->s, hn_text_is_numeric))
ALL_METHOD(all_ascii, v->s.n == 0 || all(v->s, is_ascii))
ALL_METHOD(all_printable, v->s.n == 0 || all(v->s, hn_text_is_printable))
ALL_METHOD(all_identifier, hn_text_is_identifier(v->s))
ALL_METHOD(all_upper, hn_text_is_case(v->s, true))
ALL_METHOD(all_lower, hn_text_is_case(v->s, false))

METHOD(all_title)
{
    UNUSED;
    struct hn_str title;
    bool cased = false;
    size_t length;
    if (!hn_render_step(r, v->s.n / 4)) return false;
    for (size_t at = 0; at < v->s.n; at += length)
        cased |= hn_text_is_cased(hn_text_at(v->s, at, &length));
    if (!hn_text_case(r, v->s, HN_CASE_TITLE, &title)) return false;
    *out = hn_val_bool(cased && hn_str_eq(title, v->s));
    return true;
}

const struct hn_builtin hn_template_str_methods[] = {
    {"capitalize", "/", capitalize},
    {"casefold", "/", lower},
    {"center", "/!width fillchar", center},
    {"count", "/!sub start end", count},
    {"encode", "encoding errors", encode},
    {"endswith", "/!suffix start end", endswith},
    {"expandtabs", "tabsize", expandtabs},
    {"find", "/!sub start end", find},
    {"format", "*", format},
    {"index", "/!sub start end", index_of},
    {"isalnum", "/", all_alnum},
    {"isalpha", "/", all_alpha},
    {"isascii", "/", all_ascii},
    {"isdecimal", "/", all_decimal},
    {"isdigit", "/", all_digit},
    {"isidentifier", "/", all_identifier},
    {"islower", "/", all_lower},
    {"isnumeric", "/", all_numeric},
    {"isprintable", "/", all_printable},
    {"isspace", "/", all_space},
    {"istitle", "/", all_title},
    {"isupper", "/", all_upper},
    {"join", "/!iterable", join},
    {"ljust", "/!width fillchar", ljust},
    {"lower", "/", lower},
    {"lstrip", "/chars", lstrip},
    {"partition", "/!sep", partition},
    {"removeprefix", "/!prefix", removeprefix},
    {"removesuffix", "/!suffix", removesuffix},
    {"replace", "/!old !new count", replace},
    {"rfind", "/!sub start end", rfind},
    {"rindex", "/!sub start end", rindex_of},
    {"rjust", "/!width fillchar", rjust},
    {"rpartition", "/!sep", rpartition},
    {"rsplit", "sep maxsplit", rsplit},
    {"rstrip", "/chars", rstrip},
    {"split", "sep maxsplit", split},
    {"splitlines", "keepends", splitlines},
    {"startswith", "/!prefix start end", startswith},
    {"strip", "/chars", strip},
    {"swapcase", "/", swapcase},
    {"title", "/", title},
    {"translate", "/!table", translate},
    {"upper", "/", upper},
    {"zfill", "/!width", zfill},
    {NULL, NULL, NULL},
};
