#include "formats/npy_array.h"

#include <stdio.h>
#include <stdlib.h>
#include <utf8proc.h>

#include "base/bits.h"
#include "tensor/element.h"

enum { MAX_EMPTY = 1 << 20 /* elements of no bytes */ };

/* --- in ---------------------------------------------------------------------------------------- */

static enum hn_status find_type(const struct hn_npy *npy, const char *name, enum hn_element *out,
                                struct hn_error *err)
{
    char descr[8];
    snprintf(descr, sizeof descr, "%c%u", npy->kind, (unsigned)npy->item_bytes % 100);
    *out = HN_EL_STRING;
    if (npy->kind == 'U' || npy->kind == 'S') return HN_OK;
    for (*out = 0; *out < HN_ELEMENTS; ++*out) {
        const char *own = hn_element_info(*out)->descr;
        if (*own && strcmp(own + 1, descr) == 0) return HN_OK;
    }
    return hn_fail(err, HN_E_UNSUPPORTED, "%s: elements of type %s", name, descr);
}

/* Where element `i` in C order lies in Fortran order. */
static size_t fortran_place(const struct hn_npy *npy, size_t i)
{
    size_t place = 0;
    for (size_t d = npy->n_dims; d-- > 0; i /= npy->shape[d]) {
        size_t stride = 1;
        for (size_t e = 0; e < d; e++)
            stride *= npy->shape[e];
        place += i % npy->shape[d] * stride;
    }
    return place;
}

static const char *item_at(const struct hn_npy *npy, size_t i)
{
    const size_t place = npy->fortran ? fortran_place(npy, i) : i;
    return (const char *)npy->data + place * npy->item_bytes;
}

static void swap_bytes(char *p, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        const char c = p[i];
        p[i] = p[n - 1 - i];
        p[n - 1 - i] = c;
    }
}

static void copy_items(const struct hn_npy *npy, char *to)
{
    const size_t bytes = npy->item_bytes;
    const size_t part = npy->kind == 'c' ? bytes / 2 : bytes; /* complex: two numbers */
    if (!npy->fortran) {
        if (npy->n) memcpy(to, npy->data, npy->n * bytes);
    } else {
        for (size_t i = 0; i < npy->n; i++)
            memcpy(to + i * bytes, item_at(npy, i), bytes);
    }
    for (size_t at = 0; npy->swapped && at < npy->n * bytes; at += part)
        swap_bytes(to + at, part);
}

/* A text as UTF-8 to `to`, where item_bytes are room enough; returns its length, SIZE_MAX where it is none.
 * `length` ends behind the last byte that is not NUL, maybe within its unit. */
static size_t copy_text(const struct hn_npy *npy, const char *from, char *to)
{
    size_t length = npy->item_bytes, n = 0;
    while (length && !from[length - 1])
        length--;
    if (npy->kind == 'S') {
        memcpy(to, from, length);
        return length;
    }
    for (size_t i = 0; i < length; i += 4) {
        char unit[4];
        memcpy(unit, from + i, 4);
        if (npy->swapped) swap_bytes(unit, 4);
        const uint32_t c = hn_load_u32(unit);
        if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return SIZE_MAX;
        n += (size_t)utf8proc_encode_char((utf8proc_int32_t)c, (utf8proc_uint8_t *)to + n);
    }
    return n;
}

static enum hn_status copy_texts(const struct hn_npy *npy, const char *name, struct hn_array *out,
                                 struct hn_error *err)
{
    struct hn_str *texts = out->data;
    char *room = (char *)(texts + npy->n);
    for (size_t i = 0; i < npy->n; i++) {
        const size_t n = copy_text(npy, item_at(npy, i), room);
        if (n == SIZE_MAX) return hn_fail(err, HN_E_FORMAT, "%s: element %zu is no text", name, i);
        texts[i] = (struct hn_str){room, n};
        room += n;
    }
    return HN_OK;
}

enum hn_status hn_npy_array(const struct hn_npy *npy, const char *name, struct hn_array *out,
                            struct hn_error *err)
{
    size_t bytes;
    *out = (struct hn_array){.n_dims = npy->n_dims, .n = npy->n};
    HN_TRY(find_type(npy, name, &out->type, err));
    memcpy(out->shape, npy->shape, sizeof npy->shape);
    if (!npy->item_bytes && npy->n > MAX_EMPTY)
        return hn_fail(err, HN_E_LIMIT, "%s: %zu empty elements", name, npy->n);
    size_t each = npy->item_bytes;
    if (out->type == HN_EL_STRING) each += sizeof(struct hn_str);
    if (!hn_mul(npy->n, each, &bytes) || !hn_add(bytes, 64, &bytes))
        return hn_fail_nomem(err, name, SIZE_MAX);
    bytes = hn_round_up(bytes, 64);
    if (!(out->data = aligned_alloc(64, bytes))) return hn_fail_nomem(err, name, bytes);
    enum hn_status status = HN_OK;
    if (out->type == HN_EL_STRING) status = copy_texts(npy, name, out, err);
    else copy_items(npy, out->data);
    if (status < 0) free(out->data);
    return status;
}

/* --- out --------------------------------------------------------------------------------------- */

/* Code points of a text; bytes that are no UTF-8 count as one each. */
static size_t next_point(struct hn_str text, size_t at, uint32_t *out)
{
    utf8proc_int32_t point;
    const utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text.p + at,
                                                (utf8proc_ssize_t)(text.n - at), &point);
    *out = n > 0 ? (uint32_t)point : 0xfffd;
    return n > 0 ? (size_t)n : 1;
}

static size_t count_points(struct hn_str text)
{
    uint32_t point;
    size_t n = 0;
    for (size_t at = 0; at < text.n; n++)
        at += next_point(text, at, &point);
    return n;
}

static void put_text(struct hn_buf *out, struct hn_str text, size_t longest)
{
    size_t n = 0;
    uint32_t point;
    for (size_t at = 0; at < text.n; n++) {
        at += next_point(text, at, &point);
        hn_buf_add(out, &point, sizeof point);
    }
    for (point = 0; n < longest; n++)
        hn_buf_add(out, &point, sizeof point);
}

static enum hn_status put_texts(struct hn_buf *out, const struct hn_array *a)
{
    const struct hn_str *texts = a->data;
    size_t longest = 1;
    char descr[32];
    for (size_t i = 0; i < a->n; i++)
        longest = hn_max(longest, count_points(texts[i]));
    snprintf(descr, sizeof descr, "<U%zu", longest);
    HN_TRY(hn_npy_header(out, descr, a->shape, a->n_dims));
    for (size_t i = 0; i < a->n && out->failed >= 0; i++)
        put_text(out, texts[i], longest);
    return out->failed;
}

/* The elements, converted in pieces. */
static enum hn_status put_widened(struct hn_buf *out, const struct hn_array *a)
{
    char piece[4096];
    const enum hn_element to = hn_element_is_float(a->type) ? HN_EL_F32 : HN_EL_I8;
    const size_t bytes = hn_element_info(to)->bytes, from = hn_element_info(a->type)->bytes;
    HN_TRY(hn_npy_header(out, hn_element_info(to)->descr, a->shape, a->n_dims));
    for (size_t at = 0, n; at < a->n; at += n) {
        n = hn_min(a->n - at, sizeof piece / bytes);
        (void)hn_element_convert(to, piece, a->type, (const char *)a->data + at * from, n,
                                 (struct hn_convert){0});
        HN_TRY(hn_buf_add(out, piece, n * bytes));
    }
    return HN_OK;
}

static enum hn_status put(struct hn_buf *out, const struct hn_array *a)
{
    const struct hn_element_info *info = hn_element_info(a->type);
    if (a->type == HN_EL_STRING) return put_texts(out, a);
    if (!*info->descr) return put_widened(out, a);
    HN_TRY(hn_npy_header(out, info->descr, a->shape, a->n_dims));
    return hn_buf_add(out, a->data, a->n * info->bytes);
}

enum hn_status hn_npy_put_array(struct hn_buf *out, const struct hn_array *array,
                                struct hn_error *err)
{
    const enum hn_status status = put(out, array);
    return status < 0 ? hn_fail_nomem(err, "an array", array->n) : status;
}
