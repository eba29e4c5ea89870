#include "model/binder.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/bits.h"
#include "tensor/codec.h"

const struct hn_tensor *hn_bind_find(struct hn_binder *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(b->name, sizeof b->name, fmt, args);
    va_end(args);
    return hn_weights_find(&b->file->weights, hn_str_from(b->name));
}

static const struct hn_tensor *find_in(struct hn_binder *b, size_t layer, const char *stem,
                                       const char *suffix)
{
    if (layer == HN_BIND_TOP) return hn_bind_find(b, "%s%s", stem, suffix);
    return hn_bind_find(b, "blk.%zu.%s%s", layer, stem, suffix);
}

enum hn_status hn_bind_missing(struct hn_binder *b)
{
    return hn_fail(b->err, HN_E_NOTFOUND, "tensor %s is missing", b->name);
}

enum hn_status hn_bind_check(struct hn_binder *b, const struct hn_tensor *t, size_t cols,
                             size_t rows, size_t depth)
{
    if (t->ne[0] == cols && t->ne[1] == rows && t->ne[2] == depth && t->ne[3] == 1) return HN_OK;
    return hn_fail(b->err, HN_E_FORMAT,
                   "tensor %.*s is %zu x %zu x %zu, the configuration wants %zu x %zu x %zu",
                   HN_FMT(t->name), t->ne[0], t->ne[1], t->ne[2], cols, rows, depth);
}

enum hn_status hn_bind_room(struct hn_binder *b, size_t bytes, void **out)
{
    *out = b->backend ? b->memory + b->size.bytes : NULL;
    if (bytes > SIZE_MAX / 4 || !hn_add(b->size.bytes, hn_round_up(bytes, 64), &b->size.bytes))
        return hn_fail(b->err, HN_E_LIMIT, "tensor %s: too large", b->name);
    return HN_OK;
}

/* --- vectors ----------------------------------------------------------------------------------- */

void hn_bind_decode(const struct hn_tensor *t, float *dst)
{
    if (dst) hn_decode(t->type, t->data, dst, hn_tensor_elements(t));
}

enum hn_status hn_bind_vector(struct hn_binder *b, size_t layer, const char *stem, size_t n,
                              bool optional, const float **out)
{
    void *memory;
    const struct hn_tensor *t = find_in(b, layer, stem, "");
    if (!t) return optional ? HN_OK : hn_bind_missing(b);
    if (hn_tensor_elements(t) != n) return hn_bind_check(b, t, n, 1, 1);
    HN_TRY(hn_bind_room(b, n * sizeof(float), &memory));
    hn_bind_decode(t, memory);
    *out = memory;
    return HN_OK;
}

enum hn_status hn_bind_biases(struct hn_binder *b, size_t layer, const char *const *stems,
                              const size_t *rows, size_t n_parts, const float **out)
{
    void *memory;
    size_t all = 0, found = 0;
    for (size_t i = 0; i < n_parts; i++) {
        const struct hn_tensor *t = find_in(b, layer, stems[i], ".bias");
        all += rows[i];
        if (!t) continue;
        HN_TRY(hn_bind_check(b, t, rows[i], 1, 1));
        found++;
    }
    if (!found) return HN_OK;
    HN_TRY(hn_bind_room(b, all * sizeof(float), &memory));
    *out = memory;
    float *dst = memory;
    for (size_t i = 0; i < n_parts && dst; dst += rows[i++]) {
        const struct hn_tensor *t = find_in(b, layer, stems[i], ".bias");
        if (t) hn_bind_decode(t, dst);
    }
    return HN_OK;
}

/* --- matrices ---------------------------------------------------------------------------------- */

static enum hn_status report(struct hn_binder *b)
{
    if (!b->backend || !b->progress) return HN_OK;
    if (b->progress->step(b->progress->ctx, b->size.bytes, b->expected)) return HN_OK;
    return hn_fail(b->err, HN_E_CANCELLED, "loading was stopped");
}

enum hn_status hn_bind_parts(struct hn_binder *b, const struct hn_tensor *const *parts,
                             size_t n_parts, size_t used, size_t all, struct hn_matrix *out)
{
    void *memory;
    size_t bytes = 0;
    for (size_t i = 0; i < n_parts; i++) {
        const size_t part = b->ops->matrix_bytes(parts[i]->type, parts[i]->ne[1], parts[i]->ne[0]);
        if (part > SIZE_MAX / 8 || !hn_add(bytes, part, &bytes))
            return hn_fail(b->err, HN_E_LIMIT, "tensor %.*s: too large", HN_FMT(parts[i]->name));
        b->size.macs[parts[i]->type] +=
            (double)parts[i]->ne[0] * (double)parts[i]->ne[1] * (double)used / (double)all;
    }
    HN_TRY(hn_bind_room(b, bytes, &memory));
    b->size.read_bytes += bytes / all * used;
    if (!b->backend) return HN_OK;
    HN_TRY(b->ops->matrix_pack(b->backend, out, parts, n_parts, memory, b->err));
    return report(b);
}

enum hn_status hn_bind_matrix(struct hn_binder *b, size_t layer, const char *const *stems,
                              const size_t *rows, size_t n_parts, size_t cols,
                              struct hn_matrix *out)
{
    const struct hn_tensor *parts[HN_MATRIX_PARTS];
    for (size_t i = 0; i < n_parts; i++) {
        parts[i] = find_in(b, layer, stems[i], ".weight");
        if (!parts[i]) return hn_bind_missing(b);
        HN_TRY(hn_bind_check(b, parts[i], cols, rows[i], 1));
    }
    return hn_bind_parts(b, parts, n_parts, 1, 1, out);
}

enum hn_status hn_bind_one(struct hn_binder *b, size_t layer, const char *stem, size_t rows,
                           size_t cols, struct hn_matrix *out)
{
    return hn_bind_matrix(b, layer, &stem, &rows, 1, cols, out);
}
