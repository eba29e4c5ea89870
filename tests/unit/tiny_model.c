#include "tiny_model.h"

#include <check.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "formats/gguf_write.h"
#include "model/vocab_load.h"
#include "tensor/codec.h"

struct tiny_spec tiny_llama(enum hn_dtype type)
{
    return (struct tiny_spec){
        .arch = "llama",
        .type = type,
        .n_layers = 2,
        .n_embd = 64,
        .n_heads = 4,
        .n_kv_heads = 2,
        .dim = 32,
        .n_ff = 96,
        .n_vocab = 259,
        .n_context = 1024,
    };
}

static void *need(void *p)
{
    if (!p) abort();
    return p;
}

__attribute__((format(printf, 2, 3))) static struct hn_str name(struct hn_gguf *file,
                                                                const char *fmt, ...)
{
    char *text = need(hn_arena_alloc(&file->arena, 1, 80));
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, 80, fmt, args);
    va_end(args);
    return hn_str_from(text);
}

/* Even in [-1, 1) times scale, the same for the same tensor. */
static void fill(float *x, size_t n, float scale, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t draw[4];
        hn_philox(seed, i, 0, draw);
        x[i] = scale * (float)(2 * hn_uniform(draw[0], draw[1]) - 1);
    }
}

/* Adds a tensor of depth matrices; norms are near 1. */
static void add(struct hn_gguf *file, struct hn_str title, enum hn_dtype type, size_t cols,
                size_t rows, size_t depth)
{
    const bool is_norm = rows == 1;
    const size_t n = cols * rows * depth;
    struct hn_tensor t = {
        .name = title,
        .type = is_norm ? HN_F32 : type,
        .n_dims = is_norm     ? 1
                  : depth > 1 ? 3
                              : 2,
        .ne = {cols, rows, depth, 1},
    };
    ck_assert(hn_dtype_bytes(t.type, n, &t.bytes));
    float *x = need(malloc(n * sizeof *x));
    void *data = need(hn_arena_alloc(&file->arena, t.bytes, 1));
    fill(x, n, is_norm ? 0.5f : sqrtf(3 / (float)cols), hn_str_hash(title, 0));
    for (size_t i = 0; is_norm && i < n; i++)
        x[i] += 1;
    hn_encode(t.type, x, data, n, NULL);
    free(x);
    t.data = data;
    ck_assert_int_eq(hn_weights_add(&file->weights, &file->arena, &t, NULL), HN_OK);
}

static void add_layer(struct hn_gguf *file, const struct tiny_spec *s, size_t i)
{
    const struct {
        const char *stem;
        size_t cols, rows;
    } attention[] = {
        {"attn_norm", s->n_embd, 1},
        {"attn_q", s->n_embd, s->n_heads * s->dim},
        {"attn_k", s->n_embd, s->n_kv_heads * s->dim},
        {"attn_v", s->n_embd, s->n_kv_heads * s->dim},
        {"attn_output", s->n_heads * s->dim, s->n_embd},
        {"ffn_norm", s->n_embd, 1},
    };
    for (size_t k = 0; k < sizeof attention / sizeof *attention; k++)
        add(file, name(file, "blk.%zu.%s.weight", i, attention[k].stem), s->type, attention[k].cols,
            attention[k].rows, 1);
    const size_t n = s->n_experts ? s->n_experts : 1;
    const char *experts = s->n_experts ? "_exps" : "";
    if (s->n_experts)
        add(file, name(file, "blk.%zu.ffn_gate_inp.weight", i), HN_F32, s->n_embd, n, 1);
    add(file, name(file, "blk.%zu.ffn_gate%s.weight", i, experts), s->type, s->n_embd, s->n_ff, n);
    add(file, name(file, "blk.%zu.ffn_up%s.weight", i, experts), s->type, s->n_embd, s->n_ff, n);
    add(file, name(file, "blk.%zu.ffn_down%s.weight", i, experts), s->type, s->n_ff, s->n_embd, n);
}

static void add_keys(struct hn_gguf *file, const struct tiny_spec *s)
{
    struct hn_meta *meta = &file->meta;
    const struct {
        const char *key;
        uint32_t value;
    } keys[] = {
        {"block_count", s->n_layers},
        {"embedding_length", s->n_embd},
        {"context_length", s->n_context},
        {"attention.head_count", s->n_heads},
        {"attention.head_count_kv", s->n_kv_heads},
        {"attention.key_length", s->dim},
        {"attention.value_length", s->dim},
        {"attention.sliding_window", s->window},
        {"feed_forward_length", s->n_ff},
        {"expert_count", s->n_experts},
        {"expert_used_count", s->n_experts ? 2 : 0},
        {"expert_feed_forward_length", s->n_ff},
    };
    ck_assert_int_eq(
        hn_meta_add_text(meta, &file->arena, HN_STR("general.architecture"), hn_str_from(s->arch)),
        HN_OK);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i].value)
            ck_assert_int_eq(hn_meta_add_u32(meta, &file->arena,
                                             name(file, "%s.%s", s->arch, keys[i].key),
                                             keys[i].value),
                             HN_OK);
    ck_assert_int_eq(hn_meta_add_f32(meta, &file->arena,
                                     name(file, "%s.attention.layer_norm_rms_epsilon", s->arch),
                                     1e-5f),
                     HN_OK);
}

/* <unk>, <s>, </s>, every byte, and fillers up to the size of the vocabulary. */
static void add_vocabulary(struct hn_gguf *file, size_t n)
{
    static const char *const special[] = {"<unk>", "<s>", "</s>"};
    struct hn_str *texts = need(hn_arena_alloc(&file->arena, n, sizeof *texts));
    int32_t *types = need(hn_arena_alloc(&file->arena, n, sizeof *types));
    for (size_t i = 0; i < n; i++) {
        types[i] = i == 0 ? HN_TOKEN_UNKNOWN : i < 3 ? HN_TOKEN_CONTROL : HN_TOKEN_BYTE;
        if (i >= TINY_BYTE + 256) types[i] = HN_TOKEN_UNUSED;
        if (i < TINY_BYTE) texts[i] = hn_str_from(special[i]);
        else if (i < TINY_BYTE + 256) texts[i] = name(file, "<0x%02zX>", i - TINY_BYTE);
        else texts[i] = name(file, "<filler %zu>", i);
    }
    struct hn_meta *meta = &file->meta;
    struct hn_arena *arena = &file->arena;
    const struct hn_meta_array all = {.type = HN_META_STR, .n = n, .texts = texts};
    const struct hn_meta_array kinds = {.type = HN_META_I32, .n = n, .data = types};
    ck_assert_int_eq(hn_meta_add_text(meta, arena, HN_STR("tokenizer.ggml.model"), HN_STR("llama")),
                     HN_OK);
    ck_assert_int_eq(hn_meta_add_array(meta, arena, HN_STR("tokenizer.ggml.tokens"), all), HN_OK);
    ck_assert_int_eq(hn_meta_add_array(meta, arena, HN_STR("tokenizer.ggml.token_type"), kinds),
                     HN_OK);
    ck_assert_int_eq(hn_meta_add_u32(meta, arena, HN_STR("tokenizer.ggml.bos_token_id"), 1), HN_OK);
    ck_assert_int_eq(hn_meta_add_u32(meta, arena, HN_STR("tokenizer.ggml.eos_token_id"), 2), HN_OK);
    ck_assert_int_eq(
        hn_meta_add_bool(meta, arena, HN_STR("tokenizer.ggml.add_space_prefix"), false), HN_OK);
}

struct hn_gguf *tiny_file(const struct tiny_spec *spec)
{
    struct hn_gguf *file = need(calloc(1, sizeof *file));
    add_keys(file, spec);
    add_vocabulary(file, spec->n_vocab);
    add(file, HN_STR("token_embd.weight"), spec->type, spec->n_embd, spec->n_vocab, 1);
    add(file, HN_STR("output_norm.weight"), spec->type, spec->n_embd, 1, 1);
    add(file, HN_STR("output.weight"), spec->type, spec->n_embd, spec->n_vocab, 1);
    for (size_t i = 0; i < spec->n_layers; i++)
        add_layer(file, spec, i);
    ck_assert_int_eq(hn_meta_index(&file->meta, &file->arena, NULL), HN_OK);
    ck_assert_int_eq(hn_weights_index(&file->weights, &file->arena, NULL), HN_OK);
    return file;
}

void tiny_load(struct tiny_model *model, const struct tiny_spec *spec,
               const struct hn_plan_options *options, unsigned threads)
{
    struct hn_plan plan;
    struct hn_error err = {.text = ""};
    enum hn_cpu_level level;
    *model = (struct tiny_model){.file = tiny_file(spec)};
    ck_assert_msg(hn_config_read(model->file, &model->config, &err) == HN_OK, "%s", err.text);
    ck_assert_msg(hn_plan_make(&model->config, model->file, NULL, options, &plan, &err) == HN_OK,
                  "%s", err.text);
    ck_assert_msg(hn_cpu_choose(getenv("HENCE_CPU"), &level, &err) == HN_OK, "%s", err.text);
    ck_assert_int_eq(hn_cpu_backend_create(threads, level, &model->backend, &err), HN_OK);
    ck_assert_msg(hn_decoder_load(model->file, &model->config, &plan, model->backend, NULL,
                                  &model->decoder, &err) == HN_OK,
                  "%s", err.text);
}

void tiny_unload(struct tiny_model *model)
{
    hn_decoder_destroy(model->decoder);
    hn_backend_destroy(model->backend);
    hn_gguf_close(model->file);
}

struct hn_tokenizer *tiny_tokenizer(void)
{
    const struct tiny_spec spec = tiny_llama(HN_Q8_0);
    struct hn_gguf *file = tiny_file(&spec);
    struct hn_tokenizer *tokenizer;
    ck_assert_int_eq(hn_tokenizer_load(&file->meta, (struct hn_str){0}, &tokenizer, NULL), HN_OK);
    hn_gguf_close(file);
    return tokenizer;
}

void tiny_write(const struct tiny_spec *spec, const char *path)
{
    struct hn_error err = {.text = ""};
    struct hn_gguf *file = tiny_file(spec);
    ck_assert_msg(hn_gguf_write(path, &file->meta, file->weights.items, file->weights.n, &err) ==
                      HN_OK,
                  "%s", err.text);
    hn_gguf_close(file);
}
