/* Operators on strings. */
#include "model/graph/op_args.h"
#include "model/graph/op_list.h"
#include "model/graph/op_walk.h"

#include "base/bits.h"
#include "text/template_text.h"
#include "text/utf8.h"

static enum hn_status need_text(struct hn_op *op, size_t i)
{
    return op->in[i]->type == HN_EL_STRING ? HN_OK : hn_op_fail_type(op, i);
}

/* All elements of input i in the shape they broadcast to. */
static enum hn_status spread(struct hn_op *op, size_t i, const size_t *shape, size_t n_dims,
                             size_t n, const struct hn_str **out)
{
    const struct hn_array *x = op->in[i];
    ptrdiff_t steps[HN_ARRAY_DIMS];
    struct hn_walk walk = {.n_dims = n_dims};
    struct hn_str *all = hn_op_scratch(op, n, sizeof *all);
    if (!all) return hn_op_failed(op);
    hn_walk_steps(x->shape, x->n_dims, steps);
    hn_walk_steps(shape, n_dims, walk.to);
    const size_t missing = n_dims - x->n_dims;
    for (size_t d = 0; d < n_dims; d++) {
        walk.shape[d] = shape[d];
        walk.from[d] = d < missing || x->shape[d - missing] == 1 ? 0 : steps[d - missing];
    }
    hn_walk_copy(&walk, sizeof *all, all, x->data);
    *out = all;
    return HN_OK;
}

static char *put(char *to, struct hn_str s)
{
    if (s.n) memcpy(to, s.p, s.n);
    return to + s.n;
}

enum hn_status hn_op_string_concat(struct hn_op *op)
{
    size_t shape[HN_ARRAY_DIMS], n_dims = op->in[0]->n_dims, bytes = 0;
    const struct hn_str *left, *right;
    HN_TRY(need_text(op, 0));
    HN_TRY(need_text(op, 1));
    memcpy(shape, op->in[0]->shape, sizeof shape);
    HN_TRY(hn_op_broadcast(op, shape, &n_dims, op->in[1]));
    struct hn_str *y = hn_op_out(op, 0, HN_EL_STRING, shape, n_dims);
    if (!y) return hn_op_failed(op);
    const size_t n = op->out[0].n;
    HN_TRY(spread(op, 0, shape, n_dims, n, &left));
    HN_TRY(spread(op, 1, shape, n_dims, n, &right));
    for (size_t i = 0; i < n; i++)
        if (!hn_add(bytes, left[i].n, &bytes) || !hn_add(bytes, right[i].n, &bytes))
            return hn_op_fail(op, HN_E_LIMIT, "strings of more bytes than can be counted");
    char *chars = hn_op_chars(op, bytes);
    if (!chars) return hn_op_failed(op);
    for (size_t i = 0; i < n; i++) {
        y[i] = (struct hn_str){chars, left[i].n + right[i].n};
        chars = put(put(chars, left[i]), right[i]);
    }
    return HN_OK;
}

/* How a word is to be changed. */
enum letters { AS_THEY_ARE, LOWER, UPPER };

/* Writes s changed and returns how many bytes that takes; only counts where `out` is NULL. */
static size_t change_case(struct hn_str s, enum letters letters, char *out)
{
    size_t n = 0;
    for (size_t at = 0; at < s.n;) {
        uint32_t cp;
        char text[12] = {s.p[at]};
        const size_t length = hn_utf8_decode(s.p + at, s.n - at, &cp);
        size_t put = 1; /* what is no UTF-8 stays */
        if (length)
            put = letters == UPPER ? hn_text_upper(cp, text) : hn_text_lower(cp, false, text);
        if (out) memcpy(out + n, text, put);
        n += put;
        at += hn_max(length, 1);
    }
    return n;
}

/* Each string changed, in memory of the run. */
static enum hn_status change_all(struct hn_op *op, struct hn_str *strings, size_t n,
                                 enum letters letters)
{
    size_t bytes = 0;
    if (letters == AS_THEY_ARE) return HN_OK;
    for (size_t i = 0; i < n; i++)
        bytes += change_case(strings[i], letters, NULL);
    char *chars = hn_op_chars(op, bytes);
    if (!chars) return hn_op_failed(op);
    for (size_t i = 0; i < n; i++) {
        const size_t length = change_case(strings[i], letters, chars);
        strings[i] = (struct hn_str){chars, length};
        chars += length;
    }
    return HN_OK;
}

static enum hn_status copy_strings(struct hn_op *op, const struct hn_str *from, size_t n,
                                   struct hn_str **out)
{
    *out = hn_op_scratch(op, n, sizeof **out);
    if (!*out) return hn_op_failed(op);
    if (n) memcpy(*out, from, n * sizeof *from);
    return HN_OK;
}

/* Which of the words are no stop words; their number. */
static enum hn_status drop_stopwords(struct hn_op *op, const struct hn_array *x, size_t *kept,
                                     size_t *n_kept)
{
    size_t n_stops;
    const struct hn_str *given = hn_op_texts(op, "stopwords", &n_stops);
    struct hn_str *words, *stops;
    HN_TRY(copy_strings(op, x->data, x->n, &words));
    HN_TRY(copy_strings(op, given, n_stops, &stops));
    if (n_stops && !hn_op_int(op, "is_case_sensitive", 0)) {
        HN_TRY(change_all(op, words, x->n, LOWER));
        HN_TRY(change_all(op, stops, n_stops, LOWER));
    }
    *n_kept = 0;
    for (size_t i = 0; i < x->n; i++) {
        bool stop = false;
        for (size_t k = 0; k < n_stops && !stop; k++)
            stop = hn_str_eq(words[i], stops[k]);
        if (!stop) kept[(*n_kept)++] = i;
    }
    return HN_OK;
}

enum hn_status hn_op_string_normalizer(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    const struct hn_str action = hn_op_text(op, "case_change_action", "NONE");
    const enum letters letters = hn_str_is(action, "LOWER")   ? LOWER
                                 : hn_str_is(action, "UPPER") ? UPPER
                                                              : AS_THEY_ARE;
    HN_TRY(need_text(op, 0));
    if (letters == AS_THEY_ARE && !hn_str_is(action, "NONE"))
        return hn_op_fail(op, HN_E_UNSUPPORTED, "case_change_action '%.*s'", HN_FMT(action));
    if (x->n_dims < 1 || x->n_dims > 2 || (x->n_dims == 2 && x->shape[0] != 1))
        return hn_op_fail(op, HN_E_FORMAT, "a list of strings is expected, [C] or [1, C]");
    size_t n, *kept = hn_op_scratch(op, x->n, sizeof *kept);
    if (!kept) return hn_op_failed(op);
    HN_TRY(drop_stopwords(op, x, kept, &n));
    const size_t shape[2] = {1, hn_max(n, 1)}; /* an empty string where none is left */
    struct hn_str *y = hn_op_out(op, 0, HN_EL_STRING, shape + (x->n_dims == 1), x->n_dims);
    if (!y) return hn_op_failed(op);
    y[0] = HN_STR("");
    for (size_t i = 0; i < n; i++)
        y[i] = ((const struct hn_str *)x->data)[kept[i]];
    return change_all(op, y, n, letters);
}

/* A character of white space at `at`: its length, else 0. */
static size_t space_at(struct hn_str s, size_t at)
{
    uint32_t cp;
    const size_t length = hn_utf8_decode(s.p + at, s.n - at, &cp);
    return length && hn_text_is_space(cp) ? length : 0;
}

static size_t skip_space(struct hn_str s, size_t at)
{
    size_t length;
    while (at < s.n && (length = space_at(s, at)) > 0)
        at += length;
    return at;
}

/* The next part of s from *at on, which moves behind it; false when there is none. The last part that
 * may be cut is what is left. */
static bool next_part(struct hn_str s, struct hn_str delimiter, bool last, size_t *at,
                      struct hn_str *part)
{
    if (delimiter.n == 0) *at = skip_space(s, *at);
    if (*at > s.n || (delimiter.n == 0 && *at == s.n)) return false;
    size_t end = s.n, next = s.n + 1;
    if (!last && delimiter.n) {
        const char *hit = memmem(s.p + *at, s.n - *at, delimiter.p, delimiter.n);
        if (hit) end = (size_t)(hit - s.p), next = end + delimiter.n;
    } else if (!last) {
        for (end = *at; end < s.n && !space_at(s, end);)
            end++;
        next = end;
    }
    *part = (struct hn_str){s.p + *at, end - *at};
    *at = next;
    return true;
}

/* Counts the parts of s, and writes them where `out` is given. */
static size_t split_text(struct hn_str s, struct hn_str delimiter, int64_t max, struct hn_str *out)
{
    const struct hn_str text = {s.p ? s.p : "", s.n};
    struct hn_str part;
    size_t n = 0, at = 0;
    while (next_part(text, delimiter, max >= 0 && n == (uint64_t)max, &at, &part)) {
        if (out) out[n] = part;
        n++;
    }
    return n;
}

enum hn_status hn_op_string_split(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    const struct hn_str delimiter = hn_op_text(op, "delimiter", "");
    const int64_t max = hn_op_int(op, "maxsplit", -1);
    size_t shape[HN_ARRAY_DIMS], most = 0;
    HN_TRY(need_text(op, 0));
    if (x->n_dims == HN_ARRAY_DIMS) return hn_op_fail(op, HN_E_LIMIT, "%zu dimensions", x->n_dims);
    const struct hn_str *strings = x->data;
    int64_t *counts = hn_op_scratch(op, x->n, sizeof *counts);
    if (!counts) return hn_op_failed(op);
    for (size_t i = 0; i < x->n; i++) {
        counts[i] = (int64_t)split_text(strings[i], delimiter, max, NULL);
        most = hn_max(most, (size_t)counts[i]);
    }
    memcpy(shape, x->shape, sizeof shape);
    shape[x->n_dims] = most;
    struct hn_str *y = hn_op_out(op, 0, HN_EL_STRING, shape, x->n_dims + 1);
    if (!y) return hn_op_failed(op);
    for (size_t i = 0; i < x->n; i++, y += most) {
        for (size_t k = (size_t)counts[i]; k < most; k++)
            y[k] = HN_STR("");
        (void)split_text(strings[i], delimiter, max, y);
    }
    if (op->n_out < 2) return HN_OK;
    int64_t *z = hn_op_out(op, 1, HN_EL_I64, x->shape, x->n_dims);
    if (!z) return hn_op_failed(op);
    if (x->n) memcpy(z, counts, x->n * sizeof *z);
    return HN_OK;
}
