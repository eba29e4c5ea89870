#include "formats/npy.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"

/* A reader of the header's literal. */
struct reader {
    const char *p, *end;
    const char *name;
    struct hn_error *err;
};

static enum hn_status fail(const struct reader *r, const char *why)
{
    return hn_fail(r->err, HN_E_FORMAT, "%s: the header of the array: %s", r->name, why);
}

static void skip_blanks(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\t'))
        r->p++;
}

static bool accept(struct reader *r, char c)
{
    skip_blanks(r);
    if (r->p == r->end || *r->p != c) return false;
    r->p++;
    return true;
}

static enum hn_status read_text(struct reader *r, struct hn_str *out)
{
    skip_blanks(r);
    const char quote = r->p < r->end ? *r->p : 0;
    if (quote != '\'' && quote != '"') return fail(r, "a text in quotes is missing");
    const char *start = ++r->p;
    while (r->p < r->end && *r->p != quote)
        r->p++;
    if (r->p == r->end) return fail(r, "a text does not end");
    *out = (struct hn_str){start, (size_t)(r->p++ - start)};
    return HN_OK;
}

static enum hn_status read_size(struct reader *r, size_t *out)
{
    skip_blanks(r);
    if (r->p == r->end || *r->p < '0' || *r->p > '9') return fail(r, "a size is missing");
    for (*out = 0; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++)
        if (!hn_mul(*out, 10, out) || !hn_add(*out, (size_t)(*r->p - '0'), out))
            return fail(r, "a size is too large");
    accept(r, 'L'); /* files from Python 2 */
    return HN_OK;
}

static enum hn_status read_shape(struct reader *r, struct hn_npy *out)
{
    if (!accept(r, '(')) return fail(r, "the shape is no tuple");
    out->n = 1;
    for (out->n_dims = 0; !accept(r, ')');) {
        if (out->n_dims == HN_NPY_MAX_DIMS) return fail(r, "too many dimensions");
        size_t *size = &out->shape[out->n_dims++];
        HN_TRY(read_size(r, size));
        if (!hn_mul(out->n, *size, &out->n)) return fail(r, "the shape is too large");
        if (!accept(r, ',') && (r->p == r->end || *r->p != ')'))
            return fail(r, "the shape does not end");
    }
    return HN_OK;
}

static enum hn_status fail_type(const struct reader *r, struct hn_str descr)
{
    return hn_fail(r->err, HN_E_UNSUPPORTED,
                   "%s: elements of type '%.*s'; supported are floats, complex numbers, integers, "
                   "bools and texts",
                   r->name, HN_FMT(descr));
}

/* "<f4" and the like; '|' and '=' (this machine's order) are fine where they mean the same. */
static enum hn_status read_descr(struct reader *r, struct hn_npy *out)
{
    struct hn_str descr;
    skip_blanks(r);
    if (r->p < r->end && *r->p == '[')
        return hn_fail(r->err, HN_E_UNSUPPORTED, "%s: a structured array", r->name);
    HN_TRY(read_text(r, &descr));
    static const char known[] = " f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1 c8 c16 ";
    struct reader size = {descr.p + 2, descr.p + descr.n, r->name, r->err};
    if (descr.n < 3 || !memchr("<|=>", descr.p[0], 4) || memchr(descr.p, ' ', descr.n))
        return fail_type(r, descr);
    out->swapped = descr.p[0] == '>';
    out->kind = descr.p[1] == 'a' ? 'S' : descr.p[1];
    HN_TRY(read_size(&size, &out->item_bytes));
    if (size.p < size.end) return fail_type(r, descr);
    if (out->kind == 'S') return HN_OK;
    if (out->kind == 'U' && hn_mul(out->item_bytes, 4, &out->item_bytes)) return HN_OK;
    char word[8];
    const int n = snprintf(word, sizeof word, " %.*s ", (int)hn_min(descr.n - 1, 4), descr.p + 1);
    return descr.n <= 4 && memmem(known, sizeof known - 1, word, (size_t)n) ? HN_OK
                                                                            : fail_type(r, descr);
}

static enum hn_status read_order(struct reader *r, struct hn_npy *out)
{
    skip_blanks(r);
    const struct hn_str rest = {r->p, (size_t)(r->end - r->p)};
    out->fortran = hn_str_starts(rest, HN_STR("True"));
    if (!out->fortran && !hn_str_starts(rest, HN_STR("False")))
        return fail(r, "fortran_order is no bool");
    r->p += out->fortran ? 4 : 5;
    return HN_OK;
}

static enum hn_status read_literal(struct reader *r, struct hn_npy *out)
{
    bool descr = false, order = false, shape = false;
    if (!accept(r, '{')) return fail(r, "is no dictionary");
    while (!accept(r, '}')) {
        struct hn_str key;
        HN_TRY(read_text(r, &key));
        if (!accept(r, ':')) return fail(r, "a colon is missing");
        if (hn_str_is(key, "descr")) {
            HN_TRY(read_descr(r, out));
            descr = true;
        } else if (hn_str_is(key, "fortran_order")) {
            HN_TRY(read_order(r, out));
            order = true;
        } else if (hn_str_is(key, "shape")) {
            HN_TRY(read_shape(r, out));
            shape = true;
        } else {
            return fail(r, "holds an unknown key");
        }
        accept(r, ',');
    }
    return descr && order && shape ? HN_OK : fail(r, "descr, fortran_order or shape is missing");
}

enum hn_status hn_npy_parse_any(struct hn_str bytes, const char *name, struct hn_npy *out,
                                struct hn_error *err)
{
    *out = (struct hn_npy){0};
    if (bytes.n < 12 || memcmp(bytes.p, "\x93NUMPY", 6) != 0)
        return hn_fail(err, HN_E_FORMAT, "%s: not a NumPy array (.npy)", name);
    const unsigned version = (unsigned char)bytes.p[6];
    if (version < 1 || version > 3)
        return hn_fail(err, HN_E_UNSUPPORTED, "%s: version %u of the format", name, version);
    const size_t start = version == 1 ? 10 : 12;
    const size_t header = version == 1 ? hn_load_u16(bytes.p + 8) : hn_load_u32(bytes.p + 8);
    if (header > HN_NPY_MAX_HEADER || header > bytes.n - start)
        return hn_fail(err, HN_E_FORMAT, "%s: a header of %zu bytes in a file of %zu", name, header,
                       bytes.n);
    struct reader r = {bytes.p + start, bytes.p + start + header, name, err};
    HN_TRY(read_literal(&r, out));
    size_t wanted;
    const size_t there = bytes.n - start - header;
    if (!hn_mul(out->n, out->item_bytes, &wanted) || wanted > there)
        return hn_fail(err, HN_E_FORMAT, "%s: %zu elements of %zu bytes, but %zu bytes are there",
                       name, out->n, out->item_bytes, there);
    out->data = bytes.p + start + header;
    return HN_OK;
}

enum hn_status hn_npy_parse(struct hn_str bytes, const char *name, struct hn_npy *out,
                            struct hn_error *err)
{
    HN_TRY(hn_npy_parse_any(bytes, name, out, err));
    if (out->fortran) return hn_fail(err, HN_E_UNSUPPORTED, "%s: an array in Fortran order", name);
    if (out->swapped || !memchr("fiub", out->kind, 4))
        return hn_fail(err, HN_E_UNSUPPORTED,
                       "%s: its elements are no little-endian floats, integers or bools", name);
    return HN_OK;
}

enum hn_status hn_npy_header(struct hn_buf *out, const char *descr, const size_t *shape,
                             size_t n_dims)
{
    const size_t start = out->n;
    HN_TRY(hn_buf_add(out, "\x93NUMPY\x01\x00??", 10));
    HN_TRY(hn_buf_printf(out, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr));
    for (size_t i = 0; i < n_dims; i++)
        HN_TRY(hn_buf_printf(out, n_dims == 1 || i + 1 < n_dims ? "%zu, " : "%zu", shape[i]));
    HN_TRY(hn_buf_text(out, "), }"));
    while ((out->n - start + 1) % 64)
        HN_TRY(hn_buf_char(out, ' '));
    HN_TRY(hn_buf_char(out, '\n'));
    const size_t header = out->n - start - 10;
    out->p[start + 8] = (char)(header & 0xff);
    out->p[start + 9] = (char)(header >> 8);
    return HN_OK;
}
