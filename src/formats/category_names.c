#include "formats/category_names.h"

#include <math.h>

/* Larger integers are no longer doubles of their own. */
#define LARGEST 0x1p53

static enum hn_status fail(const char *what, const char *field, const char *why,
                           struct hn_error *err)
{
    return hn_fail(err, HN_E_FORMAT, "%s: %s: %s", what, field, why);
}

static bool is_list(const struct hn_doc *value)
{
    return value && (value->kind == HN_DOC_LIST || value->kind == HN_DOC_NUMBERS);
}

static enum hn_status make_room(struct hn_forest *f, struct hn_forest_names **out,
                                struct hn_error *err)
{
    *out = hn_arena_alloc(&f->arena, f->n_features, sizeof **out);
    if (!*out) return hn_fail_nomem(err, "names of categories", f->n_features * sizeof **out);
    f->category_names = *out;
    return HN_OK;
}

/* --- XGBoost ------------------------------------------------------------------------------------- */

/* "offsets" into "values", the bytes of all names. */
static enum hn_status read_texts(const struct hn_doc *offsets, const struct hn_doc *values,
                                 const char *what, struct hn_arena *arena,
                                 struct hn_forest_names *out, struct hn_error *err)
{
    if (offsets->n < 2) return HN_OK;
    const size_t n = offsets->n - 1;
    char *bytes = hn_arena_alloc(arena, values->n, 1);
    struct hn_str *texts = hn_arena_alloc(arena, n, sizeof *texts);
    if (!bytes || !texts) return hn_fail_nomem(err, "names of categories", values->n);
    double v, from = 0, to;
    for (size_t i = 0; i < values->n; i++) {
        if (!hn_doc_number_at(values, i, &v) || v != floor(v) || v < -128 || v > 255)
            return fail(what, "cats: values", "not a byte", err);
        bytes[i] = (char)(int)v;
    }
    for (size_t i = 0; i <= n; i++, from = to) {
        if (!hn_doc_number_at(offsets, i, &to) || to != floor(to) || to < from ||
            to > (double)values->n)
            return fail(what, "cats: offsets", "not ascending, or out of range", err);
        if (i) texts[i - 1] = (struct hn_str){bytes + (size_t)from, (size_t)(to - from)};
    }
    *out = (struct hn_forest_names){.texts = texts, .n = n};
    return HN_OK;
}

/* UBJSON has no unsigned integers of more than 8 bits: their bits come as those of signed ones. */
static double unfold(double value, double type)
{
    enum { U16 = 12, U32 = 14 };
    if (value >= 0) return value;
    return type == U16 ? value + 0x1p16 : type == U32 ? value + 0x1p32 : value;
}

static enum hn_status read_integers(const struct hn_doc *values, double type, const char *what,
                                    struct hn_arena *arena, struct hn_forest_names *out,
                                    struct hn_error *err)
{
    double *numbers = hn_arena_alloc(arena, values->n, sizeof *numbers);
    if (!numbers) return hn_fail_nomem(err, "categories", values->n * sizeof *numbers);
    for (size_t i = 0; i < values->n; i++) {
        double v;
        if (!hn_doc_number_at(values, i, &v) || v != floor(v) || isinf(v))
            return fail(what, "cats: values", "not an integer", err);
        numbers[i] = unfold(v, type);
        if (fabs(numbers[i]) > LARGEST) return HN_OK;
    }
    *out = (struct hn_forest_names){.numbers = numbers, .n = values->n};
    return HN_OK;
}

enum hn_status hn_category_names_xgb(const struct hn_doc *cats, const char *what,
                                     struct hn_forest *f, struct hn_error *err)
{
    const struct hn_doc *columns = hn_doc_get(cats, "enc");
    struct hn_forest_names *names;
    if (!is_list(columns) || !columns->n) return HN_OK;
    if (columns->kind != HN_DOC_LIST || columns->n != f->n_features)
        return fail(what, "cats: enc", "not an object for each feature", err);
    HN_TRY(make_room(f, &names, err));
    for (size_t i = 0; i < columns->n; i++) {
        const struct hn_doc *offsets = hn_doc_get(&columns->items[i], "offsets");
        const struct hn_doc *values = hn_doc_get(&columns->items[i], "values");
        double type;
        if (!is_list(values)) return fail(what, "cats: values", "a list is missing", err);
        if (is_list(offsets)) HN_TRY(read_texts(offsets, values, what, &f->arena, &names[i], err));
        else if (hn_doc_number(hn_doc_get(&columns->items[i], "type"), &type))
            HN_TRY(read_integers(values, type, what, &f->arena, &names[i], err));
        else return fail(what, "cats: type", "not a number", err);
    }
    return HN_OK;
}

/* --- LightGBM ------------------------------------------------------------------------------------ */

/* The text up to `end`, which is skipped. */
static struct hn_str cut(struct hn_str *rest, char end)
{
    if (!rest->n) return (struct hn_str){0}; /* it may point nowhere */
    const char *p = memchr(rest->p, end, rest->n);
    const struct hn_str part = {rest->p, p ? (size_t)(p - rest->p) : rest->n};
    const size_t skip = part.n + (p != NULL);
    *rest = (struct hn_str){rest->p + skip, rest->n - skip};
    return part;
}

/* What stands behind the last line's beginning; p is NULL where there is no such line. */
static struct hn_str find_line(struct hn_str rest, struct hn_str start)
{
    struct hn_str found = {0};
    while (rest.n) {
        struct hn_str line = cut(&rest, '\n');
        if (line.n && line.p[line.n - 1] == '\r') line.n--;
        if (hn_str_starts(line, start)) found = (struct hn_str){line.p + start.n, line.n - start.n};
    }
    return found;
}

/* Features of a list "0,3]", ascending; 0 where it is none. */
static size_t read_features(struct hn_str text, size_t n_features, size_t *out)
{
    size_t n = 0;
    struct hn_str list = cut(&text, ']');
    for (double v, least = 0; list.n; least = v + 1) {
        if (!hn_doc_real_from(cut(&list, ','), &v)) return 0;
        if (v != floor(v) || v < least || v >= (double)n_features) return 0;
        out[n++] = (size_t)v;
    }
    return n;
}

/* Features whose values were "2:0:1" and neither "[0.5:7]" nor "none". */
static size_t read_infos(struct hn_str infos, size_t n_features, size_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < n_features && infos.n; i++) {
        const struct hn_str info = cut(&infos, ' ');
        if (info.n && info.p[0] != '[' && !hn_str_is(info, "none")) out[n++] = i;
    }
    return n;
}

/* Whether the categories that each feature had in training are among those of its list. */
static bool fit(const struct hn_doc *lists, const size_t *features, struct hn_str infos)
{
    for (size_t i = 0, feature = 0; i < lists->n; feature++) {
        struct hn_str info = cut(&infos, ' ');
        if (feature < features[i]) continue;
        const double n = (double)lists->items[i++].n;
        if (hn_str_starts(info, HN_STR("["))) return false;
        for (double v; info.n;)
            if (hn_doc_real_from(cut(&info, ':'), &v) && v >= n) return false;
    }
    return true;
}

/* Texts, or numbers (false and true are 0 and 1); a list of both names nothing. */
static enum hn_status read_list(const struct hn_doc *list, struct hn_arena *arena,
                                struct hn_forest_names *out, struct hn_error *err)
{
    struct hn_str *texts = hn_arena_alloc(arena, list->n, sizeof *texts);
    double *numbers = hn_arena_alloc(arena, list->n, sizeof *numbers);
    size_t n_texts = 0, n_numbers = 0;
    if (!texts || !numbers) return hn_fail_nomem(err, "categories", list->n * sizeof *texts);
    for (size_t i = 0; i < list->n; i++) {
        if (list->kind == HN_DOC_LIST && list->items[i].kind == HN_DOC_TEXT)
            texts[n_texts++] = list->items[i].text;
        else if (hn_doc_number_at(list, i, &numbers[n_numbers]) &&
                 fabs(numbers[n_numbers]) <= LARGEST)
            n_numbers++;
    }
    if (list->n && n_texts == list->n)
        *out = (struct hn_forest_names){.texts = texts, .n = n_texts};
    if (list->n && n_numbers == list->n)
        *out = (struct hn_forest_names){.numbers = numbers, .n = n_numbers};
    return HN_OK;
}

enum hn_status hn_category_names_lgb(struct hn_str tail, struct hn_str infos, const char *what,
                                     struct hn_forest *f, struct hn_error *err)
{
    static const char field[] = "pandas_categorical";
    const struct hn_str json = find_line(tail, HN_STR("pandas_categorical:"));
    struct hn_doc lists;
    struct hn_forest_names *names;
    if (!json.p) return HN_OK;
    const enum hn_status status = hn_doc_parse_json(json, field, &f->arena, &lists, err);
    if (status < 0) return hn_fail_in(err, status, "%s", what);
    if (lists.kind == HN_DOC_NULL || (is_list(&lists) && !lists.n)) return HN_OK;
    if (lists.kind != HN_DOC_LIST) return fail(what, field, "not a list of lists", err);
    for (size_t i = 0; i < lists.n; i++)
        if (!is_list(&lists.items[i])) return fail(what, field, "not a list of lists", err);
    size_t *features = hn_arena_alloc(&f->arena, f->n_features, sizeof *features);
    if (!features) return hn_fail_nomem(err, "features", f->n_features * sizeof *features);
    const struct hn_str told = find_line(tail, HN_STR("[categorical_feature: "));
    if (read_features(told, f->n_features, features) != lists.n &&
        read_infos(infos, f->n_features, features) != lists.n)
        return HN_OK;
    if (!fit(&lists, features, infos)) return HN_OK;
    HN_TRY(make_room(f, &names, err));
    for (size_t i = 0; i < lists.n; i++)
        HN_TRY(read_list(&lists.items[i], &f->arena, &names[features[i]], err));
    return HN_OK;
}
