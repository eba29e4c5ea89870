/* The forward: the same bits however a text is cut into steps, whoever shares them, whatever the
 * number of threads. That the values are right, tests/golden shows. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "tiny_model.h"
#include "unit.h"

enum { LENGTH = 150, SEQUENCES = 8, MAX_PAGES = 16 };

static struct hn_plan_options options(enum hn_kv_type kv_type)
{
    return (struct hn_plan_options){
        .context = 1024, .sequences = SEQUENCES, .batch = 600, .kv_type = kv_type};
}

/* A text of its own for each seed. */
static void make_text(int32_t *tokens, size_t n, size_t vocab, unsigned seed)
{
    for (size_t i = 0; i < n; i++)
        tokens[i] = (int32_t)((i * i * 7 + i * (seed * 12 + 5) + seed) % vocab);
}

/* Sequence s has pages of its own, not in order. */
static void own_pages(int32_t pages[MAX_PAGES], size_t s)
{
    for (size_t i = 0; i < MAX_PAGES; i++)
        pages[i] = (int32_t)((MAX_PAGES - 1 - i) * SEQUENCES + s);
}

/* The logits of the text's last position, read in steps of `chunk` tokens. */
static void last_logits(struct tiny_model *model, size_t n, size_t chunk, float *logits)
{
    int32_t tokens[LENGTH], pages[MAX_PAGES];
    make_text(tokens, n, model->config.n_vocab, 1);
    own_pages(pages, 3);
    for (size_t at = 0; at < n; at += chunk) {
        const size_t now = hn_min(chunk, n - at);
        const int32_t last = (int32_t)now - 1;
        const struct hn_span span = {.n = now, .pos = at, .pages = pages};
        hn_decoder_forward(model->decoder, &(struct hn_batch){
                                               .tokens = tokens + at,
                                               .n = now,
                                               .spans = &span,
                                               .n_spans = 1,
                                               .wanted = &last,
                                               .n_wanted = at + now == n,
                                               .logits = logits,
                                           });
    }
}

static void expect_same_bits(const float *a, const float *b, size_t n, const char *what, size_t k)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(memcmp(a + i, b + i, sizeof *a) == 0, "%s %zu: logit %zu is %a, not %a", what,
                      k, i, (double)b[i], (double)a[i]);
}

/* Shapes and types of every path: a packed type of each kind, experts, windows. */
static const struct {
    enum hn_dtype type;
    uint32_t window, n_experts;
    enum hn_kv_type kv_type;
} cases[] = {
    {HN_F32, 0, 0, HN_KV_F32},  {HN_F16, 0, 0, HN_KV_F16},     {HN_BF16, 40, 0, HN_KV_BF16},
    {HN_Q8_0, 0, 0, HN_KV_F16}, {HN_Q4_0, 100, 0, HN_KV_Q8_0}, {HN_Q4_0, 0, 4, HN_KV_F16},
    {HN_Q4_K, 0, 0, HN_KV_F16}, {HN_Q6_K, 0, 0, HN_KV_F16},
};

static struct tiny_spec spec_of(int i)
{
    struct tiny_spec spec = tiny_llama(cases[i].type);
    spec.window = cases[i].window;
    spec.n_experts = cases[i].n_experts;
    if (hn_dtype_info(spec.type)->block == 256) spec.n_embd = spec.n_ff = 256;
    if (hn_dtype_info(spec.type)->block == 256) spec.n_heads = 8;
    return spec;
}

START_TEST(same_bits_however_cut_and_threaded)
{
    static const size_t chunks[] = {1, 7, 64, LENGTH};
    const struct tiny_spec spec = spec_of(_i);
    const struct hn_plan_options o = options(cases[_i].kv_type);
    float first[259], logits[259];
    for (unsigned threads = 1; threads <= 4; threads *= 2) {
        struct tiny_model model;
        tiny_load(&model, &spec, &o, threads);
        for (size_t i = 0; i < HN_COUNT(chunks); i++) {
            float *out = threads == 1 && i == 0 ? first : logits;
            last_logits(&model, LENGTH, chunks[i], out);
            if (out == logits) expect_same_bits(first, logits, 259, "chunks of", chunks[i]);
        }
        tiny_unload(&model);
    }
    for (size_t i = 0; i < 259; i++)
        ck_assert_msg(isfinite(first[i]), "logit %zu is %g", i, (double)first[i]);
}
END_TEST

/* Eight texts at different depths share steps; each gets what it gets alone. */
START_TEST(same_bits_in_company)
{
    const struct tiny_spec spec = spec_of(_i);
    const struct hn_plan_options o = options(cases[_i].kv_type);
    struct tiny_model model;
    float alone[259], *together = calloc(SEQUENCES, sizeof alone);
    int32_t tokens[SEQUENCES * 70], wanted[SEQUENCES], pages[SEQUENCES][MAX_PAGES];
    struct hn_span spans[SEQUENCES];
    ck_assert_ptr_nonnull(together);
    tiny_load(&model, &spec, &o, 2);
    for (int32_t step = 0, row; step < 2; step++) {
        row = 0;
        for (size_t s = 0; s < SEQUENCES; s++) {
            int32_t text[LENGTH];
            const size_t first = 70 - 9 * s, at = step ? first : 0;
            const size_t n = step ? LENGTH - first > 70 ? 70 : LENGTH - first : first;
            make_text(text, LENGTH, 259, s == 5 ? 1 : (unsigned)s + 10);
            own_pages(pages[s], s);
            spans[s] = (struct hn_span){(size_t)row, n, at, pages[s]};
            memcpy(tokens + row, text + at, n * sizeof *text);
            row += (int32_t)n;
            wanted[s] = row - 1;
        }
        hn_decoder_forward(model.decoder, &(struct hn_batch){tokens, (size_t)row, spans, SEQUENCES,
                                                             wanted, SEQUENCES, together});
    }
    last_logits(&model, spans[5].pos + spans[5].n, 33, alone);
    expect_same_bits(alone, together + 5 * 259, 259, "sequence", 5);
    free(together);
    tiny_unload(&model);
}
END_TEST

/* What lies before the window cannot matter; what lies in it must. Two layers see twice as far. */
START_TEST(window_bounds_what_is_seen)
{
    struct tiny_spec spec = tiny_llama(HN_F32);
    spec.n_layers = 1;
    spec.window = 40;
    const struct hn_plan_options o = options(HN_KV_F32);
    struct tiny_model model;
    float logits[3][259];
    int32_t tokens[LENGTH], pages[MAX_PAGES];
    const int32_t last = LENGTH - 1;
    const size_t changed[] = {LENGTH, LENGTH - 1 - 40, LENGTH - 40};
    tiny_load(&model, &spec, &o, 1);
    own_pages(pages, 0);
    for (size_t k = 0; k < 3; k++) {
        make_text(tokens, LENGTH, 259, 1);
        if (changed[k] < LENGTH) tokens[changed[k]] ^= 1;
        const struct hn_span span = {.n = LENGTH, .pages = pages};
        hn_decoder_forward(model.decoder,
                           &(struct hn_batch){tokens, LENGTH, &span, 1, &last, 1, logits[k]});
    }
    expect_same_bits(logits[0], logits[1], 259, "token before the window", 0);
    ck_assert_int_ne(memcmp(logits[0], logits[2], sizeof logits[0]), 0);
    tiny_unload(&model);
}
END_TEST

/* Halves and 8-bit blocks in the cache change logits by no more than their rounding explains. */
START_TEST(kv_types_agree)
{
    static const float bounds[HN_KV_TYPES] = {
        [HN_KV_F16] = 2e-3f, [HN_KV_BF16] = 2e-2f, [HN_KV_Q8_0] = 2e-2f};
    const struct tiny_spec spec = tiny_llama(HN_F32);
    float exact[259], logits[259];
    for (enum hn_kv_type type = HN_KV_F32; type < HN_KV_TYPES; type++) {
        const struct hn_plan_options o = options(type);
        struct tiny_model model;
        tiny_load(&model, &spec, &o, 2);
        last_logits(&model, LENGTH, LENGTH, type == HN_KV_F32 ? exact : logits);
        tiny_unload(&model);
        double error = 0, size = 0;
        for (size_t i = 0; type != HN_KV_F32 && i < 259; i++) {
            error += pow((double)logits[i] - (double)exact[i], 2);
            size += pow((double)exact[i], 2);
        }
        if (type == HN_KV_F32) continue;
        ck_assert_double_gt(error, 0);
        ck_assert_double_lt(sqrt(error / size), (double)bounds[type]);
    }
}
END_TEST

static void forget(struct hn_gguf *file, const char *name)
{
    struct hn_tensor *t =
        (struct hn_tensor *)(uintptr_t)hn_weights_find(&file->weights, hn_str_from(name));
    ck_assert_ptr_nonnull(t);
    t->name = HN_STR("something.else");
}

static enum hn_status plan(const struct hn_gguf *file, const struct hn_plan_options *o,
                           struct hn_plan *out, struct hn_error *err)
{
    struct hn_config config;
    HN_TRY(hn_config_read(file, &config, err));
    return hn_plan_make(&config, file, NULL, o, out, err);
}

START_TEST(missing_tensors_are_named)
{
    static const char *const names[] = {"output_norm.weight", "blk.1.attn_k.weight",
                                        "blk.0.ffn_down.weight", "token_embd.weight"};
    for (size_t i = 0; i < HN_COUNT(names); i++) {
        const struct tiny_spec spec = tiny_llama(HN_Q8_0);
        const struct hn_plan_options o = options(HN_KV_F16);
        struct hn_gguf *file = tiny_file(&spec);
        struct hn_plan out;
        struct hn_error err = {.text = ""};
        forget(file, names[i]);
        ck_assert_int_eq(plan(file, &o, &out, &err), HN_E_NOTFOUND);
        ck_assert_msg(strstr(err.text, names[i]), "%s", err.text);
        hn_gguf_close(file);
    }
}
END_TEST

START_TEST(wrong_shapes_are_named)
{
    const struct tiny_spec spec = tiny_llama(HN_Q8_0);
    const struct hn_plan_options o = options(HN_KV_F16);
    struct hn_gguf *file = tiny_file(&spec);
    struct hn_plan out;
    struct hn_error err = {.text = ""};
    struct hn_tensor *t = (struct hn_tensor *)(uintptr_t)hn_weights_find(
        &file->weights, HN_STR("blk.1.attn_q.weight"));
    t->ne[1] /= 2;
    ck_assert_int_eq(plan(file, &o, &out, &err), HN_E_FORMAT);
    ck_assert_msg(strstr(err.text, "blk.1.attn_q.weight is 64 x 64") &&
                      strstr(err.text, "wants 64 x 128"),
                  "%s", err.text);
    hn_gguf_close(file);
}
END_TEST

START_TEST(a_plan_counts_what_is_allocated)
{
    const struct tiny_spec spec = tiny_llama(HN_Q8_0);
    struct hn_plan_options o = options(HN_KV_F16);
    struct hn_gguf *file = tiny_file(&spec);
    struct hn_plan one, two;
    struct hn_error err = {.text = ""};
    ck_assert_int_eq(plan(file, &o, &one, &err), HN_OK);
    /* 2 layers x 2 heads x (32 + 32) halves for each position. */
    ck_assert_uint_eq(one.kv_token_bytes, 2 * 2 * 64 * 2);
    ck_assert_uint_eq(one.kv_bytes, SEQUENCES * 1024 * one.kv_token_bytes);
    ck_assert_uint_eq(one.total_bytes, one.weight_bytes + one.kv_bytes + one.scratch_bytes);
    o.kv_type = HN_KV_F32;
    ck_assert_int_eq(plan(file, &o, &two, &err), HN_OK);
    ck_assert_uint_eq(two.kv_bytes, 2 * one.kv_bytes);
    ck_assert_uint_eq(two.weight_bytes, one.weight_bytes);
    o = hn_plan_defaults();
    ck_assert_int_eq(plan(file, &o, &two, &err), HN_OK);
    ck_assert_uint_eq(two.context, 1024);
    o = options(HN_KV_F16);
    o.pool = 1000; /* whole pages */
    ck_assert_int_eq(plan(file, &o, &two, &err), HN_OK);
    ck_assert_uint_eq(two.pool, 1024);
    ck_assert_uint_eq(two.kv_bytes, 1024 * one.kv_token_bytes);
    ck_assert_uint_eq(two.context, 1024);
    hn_gguf_close(file);
}
END_TEST

START_TEST(plans_that_cannot_be_are_refused)
{
    static const struct {
        struct hn_plan_options o;
        enum hn_status status;
        const char *text;
    } refused[] = {
        {{.context = 1025, .sequences = 1}, HN_E_CONTEXT, "1024 positions"},
        {{.sequences = 0}, HN_E_ARG, "sequences"},
        {{.sequences = 5000}, HN_E_ARG, "sequences"},
        {{.sequences = 1, .batch = 1 << 20}, HN_E_ARG, "batch"},
        {{.sequences = 1, .pool = SIZE_MAX / 2}, HN_E_ARG, "positions"},
        {{.sequences = 4096, .context = 1024, .batch = 1 << 16, .pool = (size_t)1 << 36},
         HN_E_LIMIT,
         "KV of"},
    };
    const struct tiny_spec spec = tiny_llama(HN_Q8_0);
    struct hn_gguf *file = tiny_file(&spec);
    for (size_t i = 0; i < HN_COUNT(refused); i++) {
        struct hn_plan out;
        struct hn_error err = {.text = ""};
        ck_assert_int_eq(plan(file, &refused[i].o, &out, &err), refused[i].status);
        ck_assert_msg(strstr(err.text, refused[i].text), "%s", err.text);
    }
    hn_gguf_close(file);
}
END_TEST

/* 4096 sequences of the longest context there may be are far more than any machine has. */
START_TEST(a_plan_that_does_not_fit_says_what_would)
{
    struct tiny_spec spec = tiny_llama(HN_Q8_0);
    spec.n_context = HN_MAX_CONTEXT;
    const struct hn_plan_options o = {
        .context = HN_MAX_CONTEXT, .sequences = 4096, .pool = HN_POOL_FULL};
    struct hn_gguf *file = tiny_file(&spec);
    struct hn_plan out;
    struct hn_error err = {.text = ""};
    ck_assert_int_eq(plan(file, &o, &out, &err), HN_E_LIMIT);
    ck_assert_msg(strstr(err.text, "would fit") && strstr(err.text, "KV of"), "%s", err.text);
    hn_gguf_close(file);
}
END_TEST

static bool stop_loading(void *ctx, size_t done, size_t all)
{
    ck_assert_uint_le(done, all);
    return ++*(int *)ctx < 3;
}

START_TEST(loading_can_be_stopped)
{
    const struct tiny_spec spec = tiny_llama(HN_Q8_0);
    const struct hn_plan_options o = options(HN_KV_F16);
    struct hn_gguf *file = tiny_file(&spec);
    struct hn_config config;
    struct hn_plan out;
    struct hn_backend *backend;
    struct hn_decoder *decoder;
    struct hn_error err = {.text = ""};
    int calls = 0;
    const struct hn_load_progress progress = {stop_loading, &calls};
    ck_assert_int_eq(hn_config_read(file, &config, &err), HN_OK);
    ck_assert_int_eq(hn_plan_make(&config, file, NULL, &o, &out, &err), HN_OK);
    ck_assert_int_eq(hn_cpu_backend_create(1, HN_CPU_REF, &backend, &err), HN_OK);
    ck_assert_int_eq(hn_decoder_load(file, &config, &out, backend, &progress, &decoder, &err),
                     HN_E_CANCELLED);
    ck_assert_int_eq(calls, 3);
    ck_assert_ptr_null(decoder);
    hn_backend_destroy(backend);
    hn_gguf_close(file);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("decoder");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, same_bits_however_cut_and_threaded, 0, (int)HN_COUNT(cases));
    tcase_add_loop_test(tcase, same_bits_in_company, 0, (int)HN_COUNT(cases));
    tcase_add_test(tcase, window_bounds_what_is_seen);
    tcase_add_test(tcase, kv_types_agree);
    tcase_add_test(tcase, missing_tensors_are_named);
    tcase_add_test(tcase, wrong_shapes_are_named);
    tcase_add_test(tcase, a_plan_counts_what_is_allocated);
    tcase_add_test(tcase, plans_that_cannot_be_are_refused);
    tcase_add_test(tcase, a_plan_that_does_not_fit_says_what_would);
    tcase_add_test(tcase, loading_can_be_stopped);
    return run_unit("decoder", tcase);
}
