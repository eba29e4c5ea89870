#include "formats/gguf_write.h"

#include <stdlib.h>

#include "base/bits.h"
#include "base/file.h"
#include "formats/gguf.h"

struct hn_gguf_writer {
    struct hn_out out;
    size_t alignment;
    size_t *bytes; /* per tensor */
    size_t n;
    size_t at;   /* the tensor whose data comes next */
    size_t left; /* of its bytes */
};

/* Appends to a buffer remember their failure; the caller looks once, at the end. */
static void put_u32(struct hn_buf *b, uint32_t v)
{
    hn_buf_add(b, &v, sizeof v);
}

static void put_u64(struct hn_buf *b, uint64_t v)
{
    hn_buf_add(b, &v, sizeof v);
}

static void put_str(struct hn_buf *b, struct hn_str s)
{
    put_u64(b, s.n);
    hn_buf_str(b, s);
}

static void put_padding(struct hn_buf *b, size_t n)
{
    while (n--)
        hn_buf_char(b, 0);
}

static void put_array(struct hn_buf *b, const struct hn_meta_array *array)
{
    put_u32(b, array->type);
    put_u64(b, array->n);
    if (array->type == HN_META_STR)
        for (size_t i = 0; i < array->n; i++)
            put_str(b, array->texts[i]);
    else hn_buf_add(b, array->data, array->n * hn_meta_type_bytes(array->type));
}

static void put_value(struct hn_buf *b, const struct hn_meta_kv *kv)
{
    switch (kv->type) {
    case HN_META_STR: put_str(b, kv->text); break;
    case HN_META_ARRAY: put_array(b, &kv->array); break;
    case HN_META_F32: hn_buf_add(b, &(float){(float)kv->f}, sizeof(float)); break;
    default: /* little-endian: the low bytes of an integer come first; F64 fills all 8 */
        hn_buf_add(b, &kv->u, hn_meta_type_bytes(kv->type));
    }
}

/* What the reader would refuse is not written. */
static enum hn_status check_limits(const char *path, const struct hn_meta *meta, size_t n_tensors,
                                   struct hn_error *err)
{
    if (meta->n > HN_GGUF_MAX_KEYS || n_tensors > HN_GGUF_MAX_TENSORS)
        return hn_fail(err, HN_E_LIMIT, "%s: %zu keys and %zu tensors, the limits are %d and %d",
                       path, meta->n, n_tensors, HN_GGUF_MAX_KEYS, HN_GGUF_MAX_TENSORS);
    for (size_t i = 0; i < meta->n; i++) {
        const struct hn_meta_kv *kv = &meta->items[i];
        if (kv->key.n > HN_GGUF_MAX_KEY_BYTES ||
            (kv->type == HN_META_STR && kv->text.n > HN_GGUF_MAX_STRING_BYTES) ||
            (kv->type == HN_META_ARRAY && kv->array.n > HN_GGUF_MAX_ARRAY))
            return hn_fail(err, HN_E_LIMIT, "%s: key %.*s is too long", path, HN_FMT(kv->key));
    }
    return HN_OK;
}

static enum hn_status read_alignment(const struct hn_meta *meta, size_t *out, struct hn_error *err)
{
    uint32_t alignment = HN_GGUF_ALIGNMENT;
    const enum hn_status status = hn_meta_u32(meta, HN_STR("general.alignment"), &alignment, err);
    if (status < 0 && status != HN_E_NOTFOUND) return status;
    if (!hn_is_pow2(alignment) || alignment < 8 || alignment > HN_GGUF_MAX_ALIGNMENT)
        return hn_fail(err, HN_E_ARG,
                       "key general.alignment: %u is not a power of two from 8 to %d", alignment,
                       HN_GGUF_MAX_ALIGNMENT);
    *out = alignment;
    return HN_OK;
}

/* The tensor table; fills the writer's sizes and checks that they can be counted. */
static enum hn_status put_tensors(struct hn_gguf_writer *w, struct hn_buf *b,
                                  const struct hn_tensor *tensors, struct hn_error *err)
{
    size_t offset = 0;
    for (size_t i = 0; i < w->n; i++) {
        const struct hn_tensor *t = &tensors[i];
        const uint32_t block = hn_dtype_info(t->type)->block;
        size_t next;
        if (t->name.n > HN_GGUF_MAX_NAME_BYTES || t->n_dims < 1 || t->n_dims > HN_MAX_DIMS ||
            t->ne[0] % block || !hn_dtype_bytes(t->type, hn_tensor_elements(t), &w->bytes[i]) ||
            w->bytes[i] == 0 || !hn_add(offset, w->bytes[i], &next) || next > INT64_MAX / 2)
            return hn_fail(err, HN_E_ARG, "tensor %.*s: its name, shape or size cannot be written",
                           HN_FMT(t->name));
        put_str(b, t->name);
        put_u32(b, (uint32_t)t->n_dims);
        for (int d = 0; d < t->n_dims; d++)
            put_u64(b, t->ne[d]);
        put_u32(b, hn_dtype_info(t->type)->gguf_id);
        put_u64(b, offset);
        offset = hn_round_up(next, w->alignment);
    }
    return HN_OK;
}

static enum hn_status write_head(struct hn_gguf_writer *w, const struct hn_meta *meta,
                                 const struct hn_tensor *tensors, struct hn_error *err)
{
    struct hn_buf b = {0};
    hn_buf_text(&b, "GGUF");
    put_u32(&b, 3);
    put_u64(&b, w->n);
    put_u64(&b, meta->n);
    for (size_t i = 0; i < meta->n; i++) {
        put_str(&b, meta->items[i].key);
        put_u32(&b, meta->items[i].type);
        put_value(&b, &meta->items[i]);
    }
    enum hn_status status = put_tensors(w, &b, tensors, err);
    put_padding(&b, hn_round_up(b.n, w->alignment) - b.n);
    if (status == HN_OK && b.failed) status = hn_fail_nomem(err, w->out.path, b.n);
    if (status == HN_OK) status = hn_out_write(&w->out, b.p, b.n, err);
    hn_buf_free(&b);
    return status;
}

enum hn_status hn_gguf_write_begin(const char *path, const struct hn_meta *meta,
                                   const struct hn_tensor *tensors, size_t n,
                                   struct hn_gguf_writer **out, struct hn_error *err)
{
    *out = NULL;
    HN_TRY(check_limits(path, meta, n, err));
    struct hn_gguf_writer *w = calloc(1, sizeof *w);
    if (!w) return hn_fail_nomem(err, path, sizeof *w);
    w->n = n;
    w->bytes = calloc(n ? n : 1, sizeof *w->bytes);
    enum hn_status status = w->bytes ? HN_OK : hn_fail_nomem(err, path, n * sizeof *w->bytes);
    if (status == HN_OK) status = read_alignment(meta, &w->alignment, err);
    if (status == HN_OK) status = hn_out_open(path, &w->out, err);
    if (status == HN_OK) status = write_head(w, meta, tensors, err);
    if (status < 0) {
        hn_gguf_write_abandon(w);
        return status;
    }
    w->left = n ? w->bytes[0] : 0;
    *out = w;
    return HN_OK;
}

/* Ends a tensor: pads its data, so that the next one starts aligned. */
static enum hn_status next_tensor(struct hn_gguf_writer *w, struct hn_error *err)
{
    struct hn_buf padding = {0};
    const size_t bytes = w->bytes[w->at];
    put_padding(&padding, hn_round_up(bytes, w->alignment) - bytes);
    enum hn_status status = padding.failed;
    if (status < 0) hn_fail_nomem(err, w->out.path, w->alignment);
    else status = hn_out_write(&w->out, padding.p, padding.n, err);
    hn_buf_free(&padding);
    w->at++;
    w->left = w->at < w->n ? w->bytes[w->at] : 0;
    return status;
}

enum hn_status hn_gguf_write_data(struct hn_gguf_writer *w, const void *bytes, size_t n,
                                  struct hn_error *err)
{
    const char *p = bytes;
    while (n) {
        if (w->at == w->n)
            return hn_fail(err, HN_E_ARG, "%s: %zu bytes more than the tensors hold", w->out.path,
                           n);
        const size_t part = hn_min(n, w->left);
        HN_TRY(hn_out_write(&w->out, p, part, err));
        p += part;
        n -= part;
        w->left -= part;
        if (w->left == 0) HN_TRY(next_tensor(w, err));
    }
    return HN_OK;
}

static void free_writer(struct hn_gguf_writer *w)
{
    free(w->bytes);
    free(w);
}

enum hn_status hn_gguf_write_end(struct hn_gguf_writer *w, struct hn_error *err)
{
    if (w->at < w->n) {
        hn_fail(err, HN_E_ARG, "%s: the data of %zu tensors is missing", w->out.path, w->n - w->at);
        hn_gguf_write_abandon(w);
        return HN_E_ARG;
    }
    const enum hn_status status = hn_out_commit(&w->out, err);
    free_writer(w);
    return status;
}

void hn_gguf_write_abandon(struct hn_gguf_writer *w)
{
    if (!w) return;
    hn_out_abandon(&w->out);
    free_writer(w);
}

enum hn_status hn_gguf_write(const char *path, const struct hn_meta *meta,
                             const struct hn_tensor *tensors, size_t n, struct hn_error *err)
{
    struct hn_gguf_writer *w;
    HN_TRY(hn_gguf_write_begin(path, meta, tensors, n, &w, err));
    for (size_t i = 0; i < n; i++) {
        const enum hn_status status = hn_gguf_write_data(w, tensors[i].data, w->bytes[i], err);
        if (status == HN_OK) continue;
        hn_gguf_write_abandon(w);
        return status;
    }
    return hn_gguf_write_end(w, err);
}
