#include "model/quantize.h"

#include <math.h>
#include <stdlib.h>

#include "base/bits.h"
#include "formats/gguf_write.h"
#include "tensor/codec.h"

/* Rows in flight hold about this many floats: enough to keep a pool busy, little beside any model.
 */
enum { CHUNK_FLOATS = 4 << 20, QUANTIZATION_VERSION = 2 };

static bool is_float(enum hn_dtype type)
{
    return hn_dtype_group(type) == 0;
}

static enum hn_status plan_tensor(struct hn_quantize_plan *plan, const struct hn_mix_model *model,
                                  size_t i, bool requantize, struct hn_error *err)
{
    const struct hn_tensor *from = &plan->in->weights.items[i];
    struct hn_tensor *to = &plan->out[i];
    bool fallback;
    *to = *from;
    to->data = NULL;
    to->type = hn_mix_type(plan->mix, model, from, &fallback);
    if (to->type != from->type && !is_float(from->type) && !requantize)
        return hn_fail(
            err, HN_E_ARG,
            "tensor %.*s is already quantised (%s); doing it again costs accuracy: start "
            "from the F16, BF16 or F32 file, or allow it with --requantize",
            HN_FMT(from->name), hn_dtype_info(from->type)->name);
    const size_t elements = hn_tensor_elements(from);
    if (!hn_dtype_bytes(to->type, elements, &to->bytes) ||
        !hn_add(plan->bytes_out, to->bytes, &plan->bytes_out))
        return hn_fail(err, HN_E_LIMIT, "tensor %.*s: too large", HN_FMT(from->name));
    plan->elements += elements;
    plan->bytes_in += from->bytes;
    plan->fallbacks += fallback;
    return HN_OK;
}

/* The metadata of the result: everything but the keys that tell of the old file's types and parts.
 */
static enum hn_status plan_meta(struct hn_quantize_plan *plan, struct hn_arena *arena,
                                struct hn_error *err)
{
    const struct hn_str file_type = HN_STR("general.file_type");
    const struct hn_str version = HN_STR("general.quantization_version");
    for (size_t i = 0; i < plan->in->meta.n; i++) {
        const struct hn_meta_kv *kv = &plan->in->meta.items[i];
        if (hn_str_eq(kv->key, file_type) || hn_str_eq(kv->key, version) ||
            hn_str_starts(kv->key, HN_STR("split.")))
            continue;
        HN_TRY(hn_meta_add(&plan->meta, arena, kv, err));
    }
    if (hn_meta_add_u32(&plan->meta, arena, file_type, plan->mix->file_type) < 0 ||
        hn_meta_add_u32(&plan->meta, arena, version, QUANTIZATION_VERSION) < 0)
        return hn_fail_nomem(err, "the metadata", 2 * sizeof(struct hn_meta_kv));
    return hn_meta_index(&plan->meta, arena, err);
}

enum hn_status hn_quantize_plan(const struct hn_gguf *in, const struct hn_mix *mix, bool requantize,
                                struct hn_arena *arena, struct hn_quantize_plan *out,
                                struct hn_error *err)
{
    const size_t n = in->weights.n;
    *out = (struct hn_quantize_plan){.mix = mix, .in = in};
    out->out = hn_arena_alloc(arena, n, sizeof *out->out);
    if (!out->out) return hn_fail_nomem(err, "the tensor table", n * sizeof *out->out);
    struct hn_mix_model model;
    hn_mix_model_read(&model, &in->meta, &in->weights);
    for (size_t i = 0; i < n; i++)
        HN_TRY(plan_tensor(out, &model, i, requantize, err));
    return plan_meta(out, arena, err);
}

/* Some rows of one tensor on their way through floats into the new type. */
struct chunk {
    const struct hn_tensor *from;
    enum hn_dtype to;
    size_t first_row, row_floats;
    size_t from_bytes, to_bytes; /* of a row */
    float *floats;               /* [rows][row_floats] */
    unsigned char *encoded;      /* [rows][to_bytes] */
    unsigned char *bad;          /* [rows]: the row holds a NaN or an infinity */
};

static void encode_row(void *arg, size_t row, unsigned worker)
{
    (void)worker;
    const struct chunk *c = arg;
    float *floats = c->floats + row * c->row_floats;
    const char *src = (const char *)c->from->data + (c->first_row + row) * c->from_bytes;
    hn_decode(c->from->type, src, floats, c->row_floats);
    bool bad = false;
    for (size_t i = 0; i < c->row_floats; i++)
        bad |= !isfinite(floats[i]);
    c->bad[row] = bad;
    if (!bad) hn_encode(c->to, floats, c->encoded + row * c->to_bytes, c->row_floats, NULL);
}

static enum hn_status check_rows(const struct chunk *c, size_t rows, struct hn_error *err)
{
    for (size_t row = 0; row < rows; row++) {
        if (!c->bad[row]) continue;
        const float *floats = c->floats + row * c->row_floats;
        size_t column = 0;
        while (isfinite(floats[column]))
            column++;
        return hn_fail(err, HN_E_FORMAT,
                       "tensor %.*s: row %zu, column %zu is %s; the model is damaged",
                       HN_FMT(c->from->name), c->first_row + row, column,
                       isnan(floats[column]) ? "not a number" : "infinite");
    }
    return HN_OK;
}

static enum hn_status convert_tensor(const struct hn_tensor *from, const struct hn_tensor *to,
                                     struct hn_pool *pool, struct hn_gguf_writer *writer,
                                     struct hn_error *err)
{
    const size_t rows = hn_tensor_rows(from);
    struct chunk c = {.from = from, .to = to->type, .row_floats = from->ne[0]};
    if (!hn_dtype_bytes(from->type, c.row_floats, &c.from_bytes) ||
        !hn_dtype_bytes(to->type, c.row_floats, &c.to_bytes) || !c.row_floats)
        return hn_fail(err, HN_E_INTERNAL, "tensor %.*s: rows of %zu do not fit %s",
                       HN_FMT(from->name), c.row_floats, hn_dtype_info(to->type)->name);
    const size_t at_once = hn_min(rows, hn_max(1, CHUNK_FLOATS / c.row_floats));
    c.floats = calloc(at_once * c.row_floats, sizeof *c.floats);
    c.encoded = calloc(at_once, c.to_bytes);
    c.bad = calloc(at_once, 1);
    enum hn_status status = HN_OK;
    if (!c.floats || !c.encoded || !c.bad)
        status = hn_fail_nomem(err, "rows", at_once * c.row_floats * sizeof *c.floats);
    for (; status == HN_OK && c.first_row < rows; c.first_row += at_once) {
        const size_t n = hn_min(at_once, rows - c.first_row);
        hn_pool_run(pool, n, encode_row, &c);
        status = check_rows(&c, n, err);
        if (status == HN_OK) status = hn_gguf_write_data(writer, c.encoded, n * c.to_bytes, err);
    }
    free(c.floats);
    free(c.encoded);
    free(c.bad);
    return status;
}

static enum hn_status write_tensors(const struct hn_quantize_plan *plan, struct hn_pool *pool,
                                    const struct hn_quantize_progress *progress,
                                    struct hn_gguf_writer *writer, struct hn_error *err)
{
    size_t done = 0;
    for (size_t i = 0; i < plan->in->weights.n; i++) {
        const struct hn_tensor *from = &plan->in->weights.items[i], *to = &plan->out[i];
        if (progress && !progress->step(progress->ctx, from, done))
            return hn_fail(err, HN_E_CANCELLED, "cancelled");
        if (to->type == from->type)
            HN_TRY(hn_gguf_write_data(writer, from->data, from->bytes, err));
        else HN_TRY(convert_tensor(from, to, pool, writer, err));
        done += from->bytes;
    }
    if (progress) (void)progress->step(progress->ctx, NULL, done);
    return HN_OK;
}

enum hn_status hn_quantize_write(const struct hn_quantize_plan *plan, const char *path,
                                 struct hn_pool *pool, const struct hn_quantize_progress *progress,
                                 struct hn_error *err)
{
    struct hn_gguf_writer *writer;
    HN_TRY(hn_gguf_write_begin(path, &plan->meta, plan->out, plan->in->weights.n, &writer, err));
    const enum hn_status status = write_tensors(plan, pool, progress, writer, err);
    if (status == HN_OK) return hn_gguf_write_end(writer, err);
    hn_gguf_write_abandon(writer);
    return status;
}
