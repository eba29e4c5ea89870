#include "model/hf_config.h"

#include <math.h>
#include <stdio.h>

#include "base/bits.h"

/* --- looking up -------------------------------------------------------------------------------- */

/* A value of the file, NULL when absent or null; `said` tells the two apart. */
static json_t *get_said(const struct hn_hf_config *c, const char *key, bool *said)
{
    json_t *value = json_object_get(c->text, key);
    if (!value) value = json_object_get(c->root, key);
    *said = value != NULL;
    return json_is_null(value) ? NULL : value;
}

/* A value, the family's default where the file does not say; NULL when there is none. */
static json_t *get(const struct hn_hf_config *c, const char *key)
{
    bool said;
    json_t *value = get_said(c, key, &said);
    return said ? value : json_object_get(c->defaults, key);
}

static enum hn_status fail_key(const struct hn_hf_config *c, const char *key, const char *why,
                               struct hn_error *err)
{
    return hn_fail(err, HN_E_FORMAT, "%s: %s: %s", c->name, key, why);
}

/* HN_E_NOTFOUND when absent, *out and err untouched then. */
static enum hn_status to_real(const struct hn_hf_config *c, const char *key, const json_t *value,
                              double *out, struct hn_error *err)
{
    if (!value) return HN_E_NOTFOUND;
    if (!json_is_number(value)) return fail_key(c, key, "is not a number", err);
    *out = json_number_value(value);
    return HN_OK;
}

static enum hn_status to_count(const struct hn_hf_config *c, const char *key, const json_t *value,
                               uint32_t *out, struct hn_error *err)
{
    double real = 0;
    HN_TRY(to_real(c, key, value, &real, err));
    if (!(real >= 0 && real < INT32_MAX) || real != floor(real))
        return fail_key(c, key, "is not a number from 0 to 2^31 - 2", err);
    *out = (uint32_t)real;
    return HN_OK;
}

static enum hn_status or_default(enum hn_status status)
{
    return status == HN_E_NOTFOUND ? HN_OK : status;
}

/* A count in 1..limit; `fallback` when absent, an error when that is 0. */
static enum hn_status get_bounded(const struct hn_hf_config *c, const char *key, uint32_t fallback,
                                  uint32_t limit, uint32_t *out, struct hn_error *err)
{
    *out = fallback;
    HN_TRY(or_default(to_count(c, key, get(c, key), out, err)));
    if (*out == 0) return fail_key(c, key, "is missing or zero", err);
    if (*out > limit)
        return hn_fail(err, HN_E_LIMIT, "%s: %s: %u, the limit is %u", c->name, key, *out, limit);
    return HN_OK;
}

/* --- reading ----------------------------------------------------------------------------------- */

static bool same_value(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b)) return json_number_value(a) == json_number_value(b);
    return json_equal(a, b) == 1;
}

/* What GGUF has no key for must be as the architecture implies. */
static enum hn_status check_fixed(const struct hn_hf_config *c, struct hn_error *err)
{
    json_t *fixed;
    bool said;
    const char *key;
    json_t *want;
    HN_TRY(hn_json_parse(hn_str_from(c->family->fixed), "fixed values", &fixed, err));
    enum hn_status status = HN_OK;
    json_object_foreach(fixed, key, want)
    {
        const json_t *value = get_said(c, key, &said);
        if (!value || same_value(value, want)) continue;
        status = hn_fail(err, HN_E_UNSUPPORTED, "%s: %s: this value is not supported for %s models",
                         c->name, key, c->family->model_type);
        break;
    }
    json_decref(fixed);
    return status;
}

static enum hn_status check_quantization(const struct hn_hf_config *c, struct hn_error *err)
{
    bool said;
    const json_t *q = get_said(c, "quantization_config", &said);
    if (!q) return HN_OK;
    const json_t *method = json_object_get(q, "quant_method");
    if (json_is_string(method) && hn_str_is(hn_json_str(method), "mxfp4")) return HN_OK;
    return hn_fail(err, HN_E_UNSUPPORTED,
                   "%s: quantization_config: weights quantised by %s are not supported; use the "
                   "original model, or a GGUF file",
                   c->name, json_is_string(method) ? json_string_value(method) : "this method");
}

static enum hn_status find_family(struct hn_hf_config *c, struct hn_error *err)
{
    const json_t *type = json_object_get(c->text, "model_type");
    if (!json_is_string(type)) type = json_object_get(c->root, "model_type");
    if (!json_is_string(type)) return fail_key(c, "model_type", "is missing", err);
    c->family = hn_hf_find_family(hn_json_str(type));
    if (c->family) return HN_OK;
    return hn_fail(err, HN_E_UNSUPPORTED, "%s: model_type: %.*s is not supported", c->name,
                   HN_FMT(hn_json_str(type)));
}

static enum hn_status read_sizes(struct hn_hf_config *c, struct hn_error *err)
{
    uint32_t hidden;
    HN_TRY(get_bounded(c, "num_hidden_layers", 0, HN_HF_MAX_LAYERS, &c->n_layers, err));
    HN_TRY(get_bounded(c, "num_attention_heads", 0, HN_HF_MAX_HEADS, &c->n_heads, err));
    HN_TRY(get_bounded(c, "num_key_value_heads", c->n_heads, HN_HF_MAX_HEADS, &c->n_kv_heads, err));
    HN_TRY(get_bounded(c, "hidden_size", 0, INT32_MAX, &hidden, err));
    HN_TRY(get_bounded(c, "head_dim", hidden / c->n_heads, INT32_MAX, &c->head_dim, err));
    c->n_experts = 0;
    const char *const key = get(c, "num_local_experts") ? "num_local_experts" : "num_experts";
    if (!get(c, key)) return HN_OK;
    return get_bounded(c, key, 0, HN_HF_MAX_EXPERTS, &c->n_experts, err);
}

enum hn_status hn_hf_config_read(struct hn_str text, const char *name, struct hn_hf_config *out,
                                 struct hn_error *err)
{
    *out = (struct hn_hf_config){.name = name};
    HN_TRY(hn_json_parse(text, name, &out->root, err));
    out->text = json_object_get(out->root, "text_config");
    if (!json_is_object(out->text)) out->text = out->root;
    enum hn_status status = HN_OK;
    if (!json_is_object(out->root))
        status = hn_fail(err, HN_E_FORMAT, "%s: is not an object", name);
    if (status == HN_OK) status = find_family(out, err);
    if (status == HN_OK)
        status = hn_json_parse(hn_str_from(out->family->defaults), name, &out->defaults, err);
    if (status == HN_OK) status = check_quantization(out, err);
    if (status == HN_OK) status = check_fixed(out, err);
    if (status == HN_OK) status = read_sizes(out, err);
    if (status < 0) hn_hf_config_free(out);
    return status;
}

void hn_hf_config_free(struct hn_hf_config *config)
{
    json_decref(config->root);
    json_decref(config->defaults);
    *config = (struct hn_hf_config){0};
}

/* --- writing keys ------------------------------------------------------------------------------ */

/* Where keys go. */
struct sink {
    struct hn_gguf *g;
    const struct hn_hf_config *c;
    struct hn_error *err;
};

static enum hn_status arch_key(const struct sink *s, const char *key, struct hn_str *out)
{
    char text[128];
    const int n = snprintf(text, sizeof text, "%s.%s", s->c->family->arch, key);
    *out = hn_arena_str(&s->g->arena, (struct hn_str){text, (size_t)n});
    return out->p ? HN_OK : hn_fail_nomem(s->err, key, (size_t)n);
}

static enum hn_status add(const struct sink *s, const char *key, struct hn_meta_kv kv)
{
    HN_TRY(arch_key(s, key, &kv.key));
    return hn_meta_add(&s->g->meta, &s->g->arena, &kv, s->err);
}

static enum hn_status add_count(const struct sink *s, const char *key, uint32_t value)
{
    return add(s, key, (struct hn_meta_kv){.type = HN_META_U32, .u = value});
}

static enum hn_status add_real(const struct sink *s, const char *key, double value)
{
    return add(s, key, (struct hn_meta_kv){.type = HN_META_F32, .f = (double)(float)value});
}

static enum hn_status add_text(const struct sink *s, const char *key, const char *value)
{
    return add(s, key, (struct hn_meta_kv){.type = HN_META_STR, .text = hn_str_from(value)});
}

static enum hn_status add_row(const struct sink *s, const struct hn_hf_key *row)
{
    const json_t *value = get(s->c, row->hf);
    if (!value && row->other) value = get(s->c, row->other);
    if (!value && !row->required) return HN_OK;
    if (!value) return fail_key(s->c, row->hf, "is missing", s->err);
    uint32_t count = 0;
    double real = 0;
    if (row->real) {
        HN_TRY(to_real(s->c, row->hf, value, &real, s->err));
        return add_real(s, row->gguf, real);
    }
    HN_TRY(to_count(s->c, row->hf, value, &count, s->err));
    return add_count(s, row->gguf, count);
}

/* --- windows ----------------------------------------------------------------------------------- */

/* GGUF says which layers have windows by the architecture alone: a list must agree with that. A
 * list of full layers only, where the family has no pattern, takes the window away. */
static enum hn_status check_layer_types(const struct hn_hf_config *c, uint32_t *window,
                                        struct hn_error *err)
{
    const json_t *types = get(c, "layer_types");
    const size_t n = json_array_size(types);
    size_t n_full = 0;
    if (!n) return HN_OK;
    for (size_t i = 0; i < n; i++) {
        const json_t *type = json_array_get(types, i);
        const bool full = json_is_string(type) && hn_str_is(hn_json_str(type), "full_attention");
        n_full += full;
        const int period = c->family->window_period;
        if (period && full != ((i + 1) % (size_t)period == 0))
            return hn_fail(err, HN_E_UNSUPPORTED,
                           "%s: layer_types: layer %zu differs from the pattern of %s models",
                           c->name, i, c->family->model_type);
    }
    if (c->family->window_period) return HN_OK;
    if (n_full == n) *window = 0;
    else if (n_full)
        return hn_fail(err, HN_E_UNSUPPORTED,
                       "%s: layer_types: mixed layers are not supported here", c->name);
    return HN_OK;
}

static enum hn_status add_window(const struct sink *s)
{
    const struct hn_hf_config *c = s->c;
    uint32_t window = 0;
    HN_TRY(or_default(to_count(c, "sliding_window", get(c, "sliding_window"), &window, s->err)));
    if (json_is_false(get(c, "use_sliding_window"))) window = 0;
    HN_TRY(check_layer_types(c, &window, s->err));
    if (!window && !(c->family->flags & HN_HF_LONGROPE)) return HN_OK;
    return add_count(s, "attention.sliding_window", window);
}

/* smollm3: its layers without rope are every fourth, as its architecture implies in GGUF. */
static enum hn_status check_no_rope(const struct hn_hf_config *c, struct hn_error *err)
{
    const json_t *layers = get(c, "no_rope_layers");
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const bool rope = json_integer_value(json_array_get(layers, i)) != 0;
        if (rope != ((i + 1) % 4 != 0))
            return hn_fail(err, HN_E_UNSUPPORTED,
                           "%s: no_rope_layers: layer %zu differs from every fourth", c->name, i);
    }
    return HN_OK;
}

/* --- rope -------------------------------------------------------------------------------------- */

/* The scaling in whichever form the file has it. */
struct rope {
    const json_t *scaling; /* NULL: none */
    const json_t *local;   /* newer files: of the layers with a window */
    struct hn_str kind;    /* empty: none */
    double base;
    double factor;
    uint32_t original; /* context length before scaling, 0 when not said */
};

/* A number of the scaling's object; *out is kept when it is absent. */
static enum hn_status rope_real(const struct sink *s, const struct rope *r, const char *key,
                                double *out)
{
    const json_t *value = json_object_get(r->scaling, key);
    if (!value || json_is_null(value)) return HN_OK;
    return to_real(s->c, key, value, out, s->err);
}

static enum hn_status read_rope(const struct sink *s, struct rope *r)
{
    const struct hn_hf_config *c = s->c;
    bool said;
    *r = (struct rope){.base = 10000, .factor = 1};
    r->scaling = get(c, "rope_scaling");
    if (!r->scaling) r->scaling = get(c, "rope_parameters");
    r->local = json_object_get(r->scaling, "sliding_attention");
    if (json_is_object(json_object_get(r->scaling, "full_attention")))
        r->scaling = json_object_get(r->scaling, "full_attention");
    const json_t *kind = json_object_get(r->scaling, "rope_type");
    if (!kind) kind = json_object_get(r->scaling, "type");
    if (json_is_string(kind)) r->kind = hn_json_str(kind);
    HN_TRY(or_default(to_real(c, "rope_theta", get(c, "rope_theta"), &r->base, s->err)));
    get_said(c, "rope_theta", &said);
    if (!said) HN_TRY(rope_real(s, r, "rope_theta", &r->base));
    HN_TRY(rope_real(s, r, "factor", &r->factor));
    const json_t *original = json_object_get(r->scaling, "original_max_position_embeddings");
    const char *const key = "original_max_position_embeddings";
    if (!original || json_is_null(original)) original = get(c, key);
    HN_TRY(or_default(to_count(c, key, original, &r->original, s->err)));
    if (r->base > 0 && r->factor > 0 && isfinite(r->base) && isfinite(r->factor)) return HN_OK;
    return fail_key(c, "rope_scaling", "its base and factor must be positive", s->err);
}

/* A vector that GGUF keeps as a tensor. */
static enum hn_status add_factors(const struct sink *s, struct hn_str name, const float *values,
                                  size_t n)
{
    const struct hn_tensor t = {name, HN_F32, 1, {n, 1, 1, 1}, values, n * sizeof *values};
    return hn_weights_add(&s->g->weights, &s->g->arena, &t, s->err);
}

/* Llama 3.1's scaling, as divisors of the frequencies: 1 for short waves, `factor` for those longer
 * than the original context, smooth between. */
static enum hn_status add_llama3(const struct sink *s, const struct rope *r)
{
    double low = 1;
    double high = 4;
    HN_TRY(rope_real(s, r, "low_freq_factor", &low));
    HN_TRY(rope_real(s, r, "high_freq_factor", &high));
    const double original = r->original ? r->original : 8192;
    if (!(low > 0 && high > low))
        return fail_key(s->c, "rope_scaling", "high_freq_factor must exceed low_freq_factor",
                        s->err);
    const size_t n = s->c->head_dim / 2;
    float *factors = hn_arena_alloc(&s->g->arena, n, sizeof *factors);
    if (!factors) return hn_fail_nomem(s->err, "rope factors", n * sizeof *factors);
    for (size_t i = 0; i < n; i++) {
        const double wave = 2 * M_PI * pow(r->base, (double)(2 * i) / s->c->head_dim);
        const double smooth = (original / wave - low) / (high - low);
        double factor = 1 / ((1 - smooth) / r->factor + smooth);
        if (wave < original / high) factor = 1;
        else if (wave > original / low) factor = r->factor;
        factors[i] = (float)factor;
    }
    return add_factors(s, HN_STR("rope_freqs.weight"), factors, n);
}

static enum hn_status add_factor_list(const struct sink *s, const struct rope *r, const char *key,
                                      struct hn_str name)
{
    const json_t *list = json_object_get(r->scaling, key);
    const size_t n = json_array_size(list);
    if (n == 0 || n > s->c->head_dim / 2)
        return fail_key(s->c, key, "has not one factor for each pair of a head", s->err);
    float *factors = hn_arena_alloc(&s->g->arena, n, sizeof *factors);
    if (!factors) return hn_fail_nomem(s->err, key, n * sizeof *factors);
    for (size_t i = 0; i < n; i++) {
        double value = 0;
        HN_TRY(to_real(s->c, key, json_array_get(list, i), &value, s->err));
        factors[i] = (float)value;
    }
    return add_factors(s, name, factors, n);
}

static enum hn_status add_longrope(const struct sink *s, const struct rope *r)
{
    uint32_t length;
    HN_TRY(get_bounded(s->c, "max_position_embeddings", 0, INT32_MAX, &length, s->err));
    if (r->original < 2)
        return fail_key(s->c, "original_max_position_embeddings", "is missing", s->err);
    const double ratio = (double)length / r->original;
    double scale = ratio > 1 ? sqrt(1 + log(ratio) / log(r->original)) : 1;
    HN_TRY(rope_real(s, r, "attention_factor", &scale));
    HN_TRY(add_real(s, "rope.scaling.attn_factor", scale));
    if (!(s->c->family->flags & HN_HF_LONGROPE))
        HN_TRY(add_count(s, "rope.scaling.original_context_length", r->original));
    HN_TRY(add_factor_list(s, r, "long_factor", HN_STR("rope_factors_long.weight")));
    return add_factor_list(s, r, "short_factor", HN_STR("rope_factors_short.weight"));
}

static enum hn_status add_yarn(const struct sink *s, const struct rope *r)
{
    static const char *const keys[] = {"beta_fast", "beta_slow"};
    static const char *const ours[] = {"rope.scaling.yarn_beta_fast",
                                       "rope.scaling.yarn_beta_slow"};
    uint32_t original = r->original;
    const json_t *truncate = json_object_get(r->scaling, "truncate");
    if (json_is_false(truncate) != ((s->c->family->flags & HN_HF_YARN_EXACT) != 0))
        return hn_fail(s->err, HN_E_UNSUPPORTED,
                       "%s: rope_scaling: this value of truncate is not supported for %s models",
                       s->c->name, s->c->family->model_type);
    HN_TRY(add_text(s, "rope.scaling.type", "yarn"));
    HN_TRY(add_real(s, "rope.scaling.factor", r->factor));
    if (!original)
        HN_TRY(get_bounded(s->c, "max_position_embeddings", 0, INT32_MAX, &original, s->err));
    HN_TRY(add_count(s, "rope.scaling.original_context_length", original));
    for (size_t i = 0; i < HN_COUNT(keys); i++) {
        double beta = 0;
        HN_TRY(rope_real(s, r, keys[i], &beta));
        if (beta > 0) HN_TRY(add_real(s, ours[i], beta));
    }
    /* Given here it is the whole scale; readers of GGUF multiply theirs with it. */
    double whole = 0;
    HN_TRY(rope_real(s, r, "attention_factor", &whole));
    if (!(whole > 0)) return HN_OK;
    const double implied = r->factor > 1 ? 0.1 * log(r->factor) + 1 : 1;
    return add_real(s, "rope.scaling.attn_factor", whole / implied);
}

static enum hn_status add_scaling(const struct sink *s, const struct rope *r)
{
    /* "dynamic" changes nothing within the trained context, and nothing runs beyond it. */
    static const char *const plain[] = {"", "default", "ntk", "dynamic"};
    for (size_t i = 0; i < HN_COUNT(plain); i++)
        if (hn_str_is(r->kind, plain[i])) return HN_OK;
    if (hn_str_is(r->kind, "linear")) {
        HN_TRY(add_text(s, "rope.scaling.type", "linear"));
        return add_real(s, "rope.scaling.factor", r->factor);
    }
    if (hn_str_is(r->kind, "yarn")) return add_yarn(s, r);
    if (hn_str_is(r->kind, "llama3")) return add_llama3(s, r);
    if (hn_str_is(r->kind, "longrope") || hn_str_is(r->kind, "su")) return add_longrope(s, r);
    return hn_fail(s->err, HN_E_UNSUPPORTED, "%s: rope_scaling: type %.*s is not supported",
                   s->c->name, HN_FMT(r->kind));
}

/* The base of layers with a window, where they have one of their own. */
static enum hn_status add_local_base(const struct sink *s, const struct rope *r)
{
    const char *const key = "rope_local_base_freq";
    bool said;
    const json_t *base = get_said(s->c, key, &said);
    if (!base) base = json_object_get(r->local, "rope_theta");
    if (!base) base = json_object_get(s->c->defaults, key);
    if (!base) return HN_OK;
    double value = 0;
    HN_TRY(to_real(s->c, key, base, &value, s->err));
    return add_real(s, "rope.freq_base_swa", value);
}

static enum hn_status add_rope(const struct sink *s)
{
    const struct hn_hf_config *c = s->c;
    const double head = c->head_dim;
    struct rope r;
    double part = 1;
    HN_TRY(read_rope(s, &r));
    HN_TRY(rope_real(s, &r, "partial_rotary_factor", &part));
    HN_TRY(or_default(
        to_real(c, "partial_rotary_factor", get(c, "partial_rotary_factor"), &part, s->err)));
    if (!(part > 0 && part <= 1))
        return fail_key(c, "partial_rotary_factor", "is not a part of one", s->err);
    /* NTK has no key of its own: the file carries the base it makes. */
    if (hn_str_is(r.kind, "ntk") && c->head_dim > 2) r.base *= pow(r.factor, head / (head - 2));
    HN_TRY(add_real(s, "rope.freq_base", r.base));
    HN_TRY(add_local_base(s, &r));
    if (part < 1 || c->family->flags & (HN_HF_PAIRS | HN_HF_LONGROPE))
        HN_TRY(add_count(s, "rope.dimension_count", (uint32_t)(head * part)));
    if (c->family->flags & HN_HF_LONGROPE && r.original)
        HN_TRY(add_count(s, "rope.scaling.original_context_length", r.original));
    return add_scaling(s, &r);
}

/* --- all of it --------------------------------------------------------------------------------- */

/* gemma: the scale of attention, where it is not the one that the size of a head implies. */
static enum hn_status add_query_scale(const struct sink *s)
{
    double scalar = s->c->head_dim;
    const char *const key = "query_pre_attn_scalar";
    HN_TRY(or_default(to_real(s->c, key, get(s->c, key), &scalar, s->err)));
    if (scalar == s->c->head_dim) return HN_OK;
    if (!(scalar > 0)) return fail_key(s->c, key, "is not positive", s->err);
    return add_real(s, "attention.scale", 1 / sqrt(scalar));
}

enum hn_status hn_hf_translate_config(const struct hn_hf_config *c, struct hn_gguf *g,
                                      struct hn_error *err)
{
    const struct sink s = {g, c, err};
    const struct hn_meta_kv arch = {.key = HN_STR("general.architecture"),
                                    .type = HN_META_STR,
                                    .text = hn_str_from(c->family->arch)};
    HN_TRY(hn_meta_add(&g->meta, &g->arena, &arch, err));
    for (int i = 0; i < hn_hf_n_keys; i++)
        if ((hn_hf_keys[i].flags & ~c->family->flags) == 0) HN_TRY(add_row(&s, &hn_hf_keys[i]));
    HN_TRY(add_rope(&s));
    HN_TRY(add_window(&s));
    HN_TRY(check_no_rope(c, err));
    return add_query_scale(&s);
}
