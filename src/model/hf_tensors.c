#include "model/hf_tensors.h"

#include <stdio.h>

#include "base/bits.h"
#include "tensor/codec.h"

enum { NAME_BYTES = 512 };

/* One tensor on its way. */
struct job {
    const struct hn_hf_config *c;
    const struct hn_safetensors *st;
    struct hn_gguf *g;
    const char *name; /* of the directory */
    struct hn_error *err;
    const struct hn_st_tensor *in;
    uint32_t layer;
    struct hn_str suffix; /* "weight", "bias" */
    const struct hn_hf_tensor_row *row;
};

static enum hn_status fail(const struct job *j, enum hn_status status, const char *why)
{
    return hn_fail(j->err, status, "%s: tensor %.*s: %s", j->name, HN_FMT(j->in->name), why);
}

static enum hn_status add(const struct job *j, const struct hn_tensor *t)
{
    return hn_weights_add(&j->g->weights, &j->g->arena, t, j->err);
}

/* "blk.LAYER.OURS.SUFFIX", without a suffix where `ours` has one. */
static enum hn_status layer_name(const struct job *j, const char *ours, struct hn_str *out)
{
    char text[NAME_BYTES];
    const int n = strchr(ours, '.') ? snprintf(text, sizeof text, "blk.%u.%s", j->layer, ours)
                                    : snprintf(text, sizeof text, "blk.%u.%s.%.*s", j->layer, ours,
                                               HN_FMT(j->suffix));
    *out = hn_arena_str(&j->g->arena, (struct hn_str){text, (size_t)n});
    return out->p ? HN_OK : hn_fail_nomem(j->err, ours, (size_t)n);
}

static bool float_type(enum hn_st_dtype dtype, enum hn_dtype *out)
{
    switch (dtype) {
    case HN_ST_F32: *out = HN_F32; return true;
    case HN_ST_F16: *out = HN_F16; return true;
    case HN_ST_BF16: *out = HN_BF16; return true;
    default: return false;
    }
}

static enum hn_status fail_view(const struct hn_st_tensor *in, const char *name,
                                enum hn_status status, const char *why, struct hn_error *err)
{
    return hn_fail(err, status, "%s: tensor %.*s: %s", name, HN_FMT(in->name), why);
}

/* Dimensions of one in front are dropped, as converters do. */
enum hn_status hn_hf_view(const struct hn_st_tensor *in, const char *name, struct hn_tensor *out,
                          struct hn_error *err)
{
    int first = 0;
    while (first + 1 < in->n_dims && in->shape[first] == 1)
        first++;
    const int n = in->n_dims - first;
    if (!float_type(in->dtype, &out->type))
        return hn_fail(err, HN_E_UNSUPPORTED, "%s: tensor %.*s: dtype %s is not supported", name,
                       HN_FMT(in->name), hn_st_dtype_name(in->dtype));
    if (n > HN_MAX_DIMS)
        return fail_view(in, name, HN_E_UNSUPPORTED, "has more than 4 dimensions", err);
    if (in->bytes == 0) return fail_view(in, name, HN_E_FORMAT, "is empty", err);
    out->n_dims = n ? n : 1;
    for (int i = 0; i < HN_MAX_DIMS; i++)
        out->ne[i] = i < n ? in->shape[in->n_dims - 1 - i] : 1;
    out->data = in->data;
    out->bytes = in->bytes;
    return HN_OK;
}

static enum hn_status view_of(const struct job *j, struct hn_tensor *out)
{
    return hn_hf_view(j->in, j->name, out, j->err);
}

/* Memory of the result for the tensor's elements. */
static void *claim(const struct job *j, size_t n, size_t size)
{
    void *p = hn_arena_alloc(&j->g->arena, n, size);
    if (!p)
        hn_fail(j->err, HN_E_NOMEM, "%s: out of memory for tensor %.*s", j->name,
                HN_FMT(j->in->name));
    return p;
}

enum hn_status hn_hf_widen(const struct hn_st_tensor *in, const char *name, float plus,
                           struct hn_gguf *g, struct hn_tensor *t, struct hn_error *err)
{
    if (t->type == HN_F32 && plus == 0) return HN_OK;
    const size_t n = hn_tensor_elements(t);
    float *values = hn_arena_alloc(&g->arena, n, sizeof *values);
    if (!values) return fail_view(in, name, HN_E_NOMEM, "out of memory", err);
    hn_decode(t->type, t->data, values, n);
    for (size_t i = 0; i < n && plus != 0; i++)
        values[i] += plus;
    t->type = HN_F32;
    t->data = values;
    t->bytes = n * sizeof *values; /* no overflow: allocated */
    return HN_OK;
}

static enum hn_status widen(const struct job *j, struct hn_tensor *t, float plus)
{
    return hn_hf_widen(j->in, j->name, plus, j->g, t, j->err);
}

/* Rows of each head from halves (0, half, 1, half + 1, ...) to neighbours. */
static enum hn_status pair_rows(const struct job *j, struct hn_tensor *t, uint32_t n_heads)
{
    const bool vector = t->n_dims == 1;
    const size_t rows = vector ? t->ne[0] : t->ne[1];
    const size_t bytes = t->bytes / rows;
    const size_t head = rows / n_heads;
    if (t->n_dims > 2 || rows % n_heads || head % 2)
        return fail(j, HN_E_FORMAT, "its rows are not those of the heads in config.json");
    unsigned char *out = claim(j, rows, bytes);
    if (!out) return HN_E_NOMEM;
    for (size_t i = 0; i < rows; i++) {
        const size_t in_head = i % head;
        const size_t from = i - in_head + in_head / 2 + in_head % 2 * (head / 2);
        memcpy(out + i * bytes, (const unsigned char *)t->data + from * bytes, bytes);
    }
    t->data = out;
    return HN_OK;
}

static enum hn_status add_plain(const struct job *j)
{
    const unsigned flags = j->c->family->flags;
    struct hn_tensor t = {0};
    HN_TRY(view_of(j, &t));
    HN_TRY(layer_name(j, j->row->gguf, &t.name));
    const enum hn_hf_op op = j->row->op;
    if (flags & HN_HF_PAIRS && op == HN_HF_Q_ROWS) HN_TRY(pair_rows(j, &t, j->c->n_heads));
    if (flags & HN_HF_PAIRS && op == HN_HF_KV_ROWS) HN_TRY(pair_rows(j, &t, j->c->n_kv_heads));
    const bool norm = op == HN_HF_NORM;
    /* Files keep whatever is small or read with care in F32. */
    if (norm || op == HN_HF_F32 || t.n_dims == 1 || !hn_str_is(j->suffix, "weight"))
        HN_TRY(widen(j, &t, norm && flags & HN_HF_NORM_PLUS_ONE ? 1.0f : 0.0f));
    return add(j, &t);
}

/* --- experts ----------------------------------------------------------------------------------- */

/* Expert `e`'s tensor, whose name differs from expert 0's, j->in, in its number only. */
static const struct hn_st_tensor *find_expert(const struct job *j, uint32_t e)
{
    char text[NAME_BYTES];
    static const struct hn_str mark = HN_STR(".experts.0.");
    const struct hn_str name = j->in->name;
    const char *at = memmem(name.p, name.n, mark.p, mark.n);
    if (!at) return NULL;
    const size_t before = (size_t)(at - name.p);
    const struct hn_str after = {at + mark.n, name.n - before - mark.n};
    const int n = snprintf(text, sizeof text, "%.*s.experts.%u.%.*s", (int)before, name.p, e,
                           (int)after.n, after.p);
    if (n < 0 || (size_t)n >= sizeof text) return NULL;
    return hn_safetensors_find(j->st, (struct hn_str){text, (size_t)n});
}

/* Called for expert 0; the others are found by name. */
static enum hn_status add_stack(const struct job *j)
{
    const uint32_t n = j->c->n_experts;
    struct hn_tensor t = {0};
    HN_TRY(view_of(j, &t));
    if (n == 0 || t.n_dims != 2)
        return fail(j, HN_E_FORMAT, "an expert of a model without experts in config.json");
    unsigned char *out = claim(j, n, t.bytes);
    if (!out) return HN_E_NOMEM;
    for (uint32_t e = 0; e < n; e++) {
        const struct hn_st_tensor *one = find_expert(j, e);
        if (!one || one->dtype != j->in->dtype || one->n_dims != j->in->n_dims ||
            memcmp(one->shape, j->in->shape, sizeof one->shape) != 0)
            return hn_fail(j->err, HN_E_FORMAT, "%s: tensor %.*s: expert %u is %s", j->name,
                           HN_FMT(j->in->name), e, one ? "of another form" : "missing");
        memcpy(out + e * t.bytes, one->data, t.bytes);
    }
    t.n_dims = 3;
    t.ne[2] = n;
    t.bytes *= n; /* no overflow: claimed */
    t.data = out;
    HN_TRY(layer_name(j, j->row->gguf, &t.name));
    return add(j, &t);
}

/* Adds `data` of shape ne (fastest first) under a name of the layer. */
static enum hn_status add_made(const struct job *j, const char *ours, enum hn_dtype type,
                               int n_dims, const size_t ne[3], const void *data)
{
    struct hn_tensor t = {
        .type = type, .n_dims = n_dims, .ne = {ne[0], ne[1], ne[2], 1}, .data = data};
    if (!hn_dtype_bytes(type, hn_tensor_elements(&t), &t.bytes))
        return fail(j, HN_E_FORMAT, "not a whole number of blocks");
    HN_TRY(layer_name(j, ours, &t.name));
    return add(j, &t);
}

/* (expert, in, out) to (expert, out, in): output `first`, then every `step`-th. */
static void turn(const struct hn_st_tensor *in, size_t size, size_t first, size_t step,
                 unsigned char *out)
{
    const size_t n_in = in->shape[1];
    const size_t n_out = in->shape[2];
    for (size_t e = 0; e < in->shape[0]; e++)
        for (size_t o = first; o < n_out; o += step)
            for (size_t i = 0; i < n_in; i++, out += size)
                memcpy(out, in->data + ((e * n_in + i) * n_out + o) * size, size);
}

static enum hn_status add_in_out(const struct job *j, size_t n_parts)
{
    const char *const names[] = {j->row->gguf, j->row->second};
    const struct hn_st_tensor *in = j->in;
    enum hn_dtype type;
    if (!float_type(in->dtype, &type) || in->n_dims != 3 || in->bytes == 0 ||
        in->shape[2] % n_parts)
        return fail(j, HN_E_FORMAT, "is not (experts, in, out) of floats");
    const size_t ne[] = {in->shape[1], in->shape[2] / n_parts, in->shape[0]};
    for (size_t part = 0; part < n_parts; part++) {
        unsigned char *out = claim(j, in->bytes / n_parts, 1);
        if (!out) return HN_E_NOMEM;
        turn(in, hn_dtype_info(type)->bytes, part, n_parts, out);
        HN_TRY(add_made(j, names[part], type, 3, ne, out));
    }
    return HN_OK;
}

/* (expert, gate and up in turn) to two F32 matrices. */
static enum hn_status add_rows_two(const struct job *j)
{
    struct hn_tensor t = {0};
    HN_TRY(view_of(j, &t));
    if (t.n_dims != 2 || t.ne[0] % 2) return fail(j, HN_E_FORMAT, "is not (experts, 2 x size)");
    HN_TRY(widen(j, &t, 0));
    const unsigned char *from = t.data; /* perhaps unaligned */
    const size_t ne[] = {t.ne[0] / 2, t.ne[1], 1};
    const size_t n = ne[0] * ne[1];
    for (size_t part = 0; part < 2; part++) {
        float *out = claim(j, n, sizeof *out);
        if (!out) return HN_E_NOMEM;
        for (size_t i = 0; i < n; i++)
            memcpy(&out[i], from + (2 * i + part) * sizeof *out, sizeof *out);
        HN_TRY(add_made(j, part ? j->row->second : j->row->gguf, HN_F32, 2, ne, out));
    }
    return HN_OK;
}

/* One MXFP4 block: neighbours share a byte there; here element i and i + 16 do. */
static void repack_block(const unsigned char *in, unsigned char scale, unsigned char *out)
{
    out[0] = scale;
    for (int i = 0; i < 8; i++) {
        out[1 + 2 * i] = (unsigned char)((in[i] & 15) | (in[i + 8] & 15) << 4);
        out[2 + 2 * i] = (unsigned char)(in[i] >> 4 | (in[i + 8] & 0xf0));
    }
}

/* The tensor of scales beside one of blocks; NULL when it is missing or of another form. */
static const struct hn_st_tensor *find_scales(const struct job *j)
{
    char text[NAME_BYTES];
    const struct hn_st_tensor *in = j->in;
    const size_t stem = in->name.n - strlen("blocks");
    const int n = snprintf(text, sizeof text, "%.*sscales", (int)stem, in->name.p);
    if (n < 0 || (size_t)n >= sizeof text) return NULL;
    const struct hn_st_tensor *s = hn_safetensors_find(j->st, (struct hn_str){text, (size_t)n});
    if (!s || s->dtype != HN_ST_U8 || s->n_dims != 3) return NULL;
    return memcmp(s->shape, in->shape, 3 * sizeof *s->shape) == 0 ? s : NULL;
}

/* Blocks (experts, rows, blocks of a row, 16), to as many tensors as there are parts. */
static enum hn_status add_blocks(const struct job *j, size_t n_parts)
{
    enum { IN_BYTES = 16, OUT_BYTES = 17 };
    const char *const names[] = {j->row->gguf, j->row->second};
    const struct hn_st_tensor *in = j->in;
    const struct hn_st_tensor *scales = find_scales(j);
    if (in->dtype != HN_ST_U8 || in->n_dims != 4 || in->shape[3] != IN_BYTES || in->bytes == 0 ||
        in->shape[1] % n_parts || !scales)
        return fail(j, HN_E_FORMAT, "is not (experts, rows, blocks, 16) with scales beside it");
    const size_t n_blocks = in->shape[2];
    const size_t ne[] = {n_blocks * 32, in->shape[1] / n_parts, in->shape[0]};
    for (size_t part = 0; part < n_parts; part++) {
        const size_t n_rows = ne[1] * ne[2];
        unsigned char *const data = claim(j, n_rows * n_blocks, OUT_BYTES);
        if (!data) return HN_E_NOMEM;
        unsigned char *out = data;
        for (size_t row = 0; row < n_rows; row++)
            for (size_t b = 0; b < n_blocks; b++, out += OUT_BYTES) {
                const size_t from = (row * n_parts + part) * n_blocks + b;
                repack_block(in->data + from * IN_BYTES, scales->data[from], out);
            }
        HN_TRY(add_made(j, names[part], HN_MXFP4, 3, ne, data));
    }
    return HN_OK;
}

/* --- names ------------------------------------------------------------------------------------- */

/* Removes a prefix; false when it is not there. */
static bool strip(struct hn_str *s, struct hn_str prefix)
{
    if (!hn_str_starts(*s, prefix)) return false;
    s->p += prefix.n;
    s->n -= prefix.n;
    return true;
}

/* Digits at the front, at most `limit`; false when there are none. */
static bool strip_number(struct hn_str *s, uint32_t limit, uint32_t *out)
{
    uint32_t value = 0;
    size_t n = 0;
    for (; n < s->n && s->p[n] >= '0' && s->p[n] <= '9'; n++) {
        value = value * 10 + (uint32_t)(s->p[n] - '0');
        if (value > limit) return false;
    }
    *s = (struct hn_str){s->p + n, s->n - n};
    *out = value;
    return n > 0;
}

/* Parts of a model with other senses, and what is computed and not learnt. */
static bool is_foreign(struct hn_str name)
{
    static const struct hn_str parts[] = {
        HN_STR("vision_tower."), HN_STR("multi_modal_projector."), HN_STR("vision_model."),
        HN_STR("visual."),       HN_STR("audio_tower."),           HN_STR("rotary_emb."),
    };
    for (size_t i = 0; i < HN_COUNT(parts); i++)
        if (hn_str_starts(name, parts[i])) return true;
    return false;
}

/* Splits the rest of a layer's name: the stem with the expert's number as '%', and the suffix. */
static bool split_name(struct hn_str rest, char stem[NAME_BYTES], struct hn_str *suffix,
                       uint32_t *expert)
{
    static const struct hn_str mark = HN_STR(".experts.");
    *suffix = HN_STR("weight");
    if (hn_str_ends(rest, HN_STR(".weight"))) rest.n -= strlen(".weight");
    if (hn_str_ends(rest, HN_STR(".bias"))) {
        *suffix = HN_STR("bias");
        rest.n -= strlen(".bias");
    }
    *expert = 0;
    const char *at = memmem(rest.p, rest.n, mark.p, mark.n);
    struct hn_str after = {0};
    size_t before = rest.n;
    if (at) {
        const size_t to_number = (size_t)(at - rest.p) + mark.n;
        after = (struct hn_str){rest.p + to_number, rest.n - to_number};
        if (strip_number(&after, HN_HF_MAX_EXPERTS, expert)) before = to_number;
    }
    const int n = before == rest.n ? snprintf(stem, NAME_BYTES, "%.*s", (int)rest.n, rest.p)
                                   : snprintf(stem, NAME_BYTES, "%.*s%%%.*s", (int)before, rest.p,
                                              (int)after.n, after.p);
    return n >= 0 && n < NAME_BYTES;
}

static enum hn_status add_layer_tensor(struct job *j, struct hn_str rest)
{
    char stem[NAME_BYTES];
    uint32_t expert;
    if (!strip_number(&rest, j->c->n_layers - 1, &j->layer) || !strip(&rest, HN_STR(".")))
        return fail(j, HN_E_FORMAT, "is of a layer that config.json does not have");
    if (split_name(rest, stem, &j->suffix, &expert))
        j->row = hn_hf_find_tensor(hn_str_from(stem), j->c->family->flags);
    if (!j->row) return fail(j, HN_E_UNSUPPORTED, "nothing is known about it");
    switch (j->row->op) {
    case HN_HF_COPY:
    case HN_HF_F32:
    case HN_HF_NORM:
    case HN_HF_Q_ROWS:
    case HN_HF_KV_ROWS: return add_plain(j);
    case HN_HF_STACK:
        if (expert >= j->c->n_experts)
            return fail(j, HN_E_FORMAT, "is of an expert that config.json does not have");
        return expert ? HN_OK : add_stack(j);
    case HN_HF_IN_OUT: return add_in_out(j, 1);
    case HN_HF_IN_OUT_TWO: return add_in_out(j, 2);
    case HN_HF_ROWS_TWO: return add_rows_two(j);
    case HN_HF_BLOCKS: return add_blocks(j, 1);
    case HN_HF_BLOCKS_TWO: return add_blocks(j, 2);
    case HN_HF_SKIP: return HN_OK;
    }
    return HN_OK;
}

static enum hn_status add_top_tensor(struct job *j, struct hn_str rest)
{
    struct hn_tensor t = {0};
    const bool norm = hn_str_is(rest, "norm.weight");
    if (norm) t.name = HN_STR("output_norm.weight");
    else if (hn_str_is(rest, "embed_tokens.weight")) t.name = HN_STR("token_embd.weight");
    else if (hn_str_is(rest, "lm_head.weight")) t.name = HN_STR("output.weight");
    else return fail(j, HN_E_UNSUPPORTED, "nothing is known about it");
    HN_TRY(view_of(j, &t));
    if (norm) HN_TRY(widen(j, &t, j->c->family->flags & HN_HF_NORM_PLUS_ONE ? 1.0f : 0.0f));
    return add(j, &t);
}

enum hn_status hn_hf_translate_tensors(const struct hn_hf_config *config,
                                       const struct hn_safetensors *st, const char *name,
                                       struct hn_gguf *g, struct hn_error *err)
{
    for (size_t i = 0; i < st->n; i++) {
        struct job j = {
            .c = config, .st = st, .g = g, .name = name, .err = err, .in = &st->items[i]};
        struct hn_str rest = j.in->name;
        /* "model.layers", and with other senses "language_model.model.layers" or the reverse. */
        while (strip(&rest, HN_STR("model.")) || strip(&rest, HN_STR("language_model.")))
            continue;
        if (is_foreign(rest)) continue;
        const bool layer = strip(&rest, HN_STR("layers."));
        HN_TRY(layer ? add_layer_tensor(&j, rest) : add_top_tensor(&j, rest));
    }
    return HN_OK;
}
