#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/file.h"
#include "base/rng.h"
#include "formats/gguf_write.h"
#include "model/quantize.h"
#include "tensor/codec.h"

enum { LAYERS = 16 };

/* A model that exists only as tables. */
struct model {
    struct hn_arena arena;
    struct hn_gguf gguf;
    uint64_t drawn;
};

static void add_key(struct model *m, const char *key, uint32_t value)
{
    ck_assert_int_eq(hn_meta_add_u32(&m->gguf.meta, &m->arena, hn_str_from(key), value), HN_OK);
}

static void add_tensor(struct model *m, const char *name, enum hn_dtype type, size_t cols,
                       size_t rows, size_t experts)
{
    struct hn_tensor t = {.type = type,
                          .n_dims = experts > 1 ? 3
                                    : rows > 1  ? 2
                                                : 1,
                          .ne = {cols, rows, experts, 1}};
    t.name = hn_arena_str(&m->arena, hn_str_from(name));
    const size_t n = hn_tensor_elements(&t);
    float *values = hn_arena_alloc(&m->arena, n, sizeof *values);
    ck_assert(hn_dtype_bytes(type, n, &t.bytes));
    void *data = hn_arena_alloc(&m->arena, t.bytes, 1);
    for (size_t i = 0; i < n; i++) {
        uint32_t draw[4];
        hn_philox(5, m->drawn++, 0, draw);
        values[i] = (float)hn_uniform(draw[0], draw[1]) - 0.5f;
    }
    hn_encode(type, values, data, n, NULL);
    t.data = data;
    ck_assert_int_eq(hn_weights_add(&m->gguf.weights, &m->arena, &t, NULL), HN_OK);
}

static void add_layer(struct model *m, int layer, size_t experts, size_t dim)
{
    static const char *const square[] = {"attn_q", "attn_k", "attn_v", "attn_output"};
    static const char *const ffn[] = {"ffn_gate", "ffn_up", "ffn_down"};
    char name[64];
    snprintf(name, sizeof name, "blk.%d.attn_norm.weight", layer);
    add_tensor(m, name, HN_BF16, dim, 1, 1);
    for (size_t i = 0; i < HN_COUNT(square); i++) {
        snprintf(name, sizeof name, "blk.%d.%s.weight", layer, square[i]);
        add_tensor(m, name, HN_BF16, dim, 2, 1);
    }
    for (size_t i = 0; i < HN_COUNT(ffn); i++) {
        snprintf(name, sizeof name, "blk.%d.%s%s.weight", layer, ffn[i],
                 experts > 1 ? "_exps" : "");
        add_tensor(m, name, HN_BF16, dim, 2, experts);
    }
    snprintf(name, sizeof name, "blk.%d.ffn_gate_inp.weight", layer);
    if (experts > 1) add_tensor(m, name, HN_F32, dim, experts, 1);
}

static void make_model(struct model *m, size_t experts, uint32_t kv_heads, size_t dim)
{
    *m = (struct model){0};
    hn_meta_add_text(&m->gguf.meta, &m->arena, HN_STR("general.architecture"), HN_STR("llama"));
    add_key(m, "general.file_type", 32);
    add_key(m, "llama.block_count", LAYERS);
    add_key(m, "llama.attention.head_count", 8);
    add_key(m, "llama.attention.head_count_kv", kv_heads);
    add_key(m, "split.count", 1);
    if (experts > 1) add_key(m, "llama.expert_count", (uint32_t)experts);
    add_tensor(m, "token_embd.weight", HN_BF16, dim, 4, 1);
    add_tensor(m, "output.weight", HN_BF16, dim, 4, 1);
    for (int i = 0; i < LAYERS; i++)
        add_layer(m, i, experts, dim);
    ck_assert_int_eq(hn_meta_index(&m->gguf.meta, &m->arena, NULL), HN_OK);
    ck_assert_int_eq(hn_weights_index(&m->gguf.weights, &m->arena, NULL), HN_OK);
}

static void plan_as(struct model *m, const char *mix, struct hn_quantize_plan *plan)
{
    ck_assert_ptr_nonnull(hn_mix_find(mix));
    ck_assert_int_eq(hn_quantize_plan(&m->gguf, hn_mix_find(mix), false, &m->arena, plan, NULL),
                     HN_OK);
}

static const char *type_of(const struct hn_quantize_plan *plan, const char *name)
{
    const struct hn_tensor *t = hn_weights_find(&plan->in->weights, hn_str_from(name));
    ck_assert_ptr_nonnull(t);
    return hn_dtype_info(plan->out[t - plan->in->weights.items].type)->name;
}

/* One letter per layer for a tensor of all layers: the digit of the type's name. */
static const char *types_of(const struct hn_quantize_plan *plan, const char *tensor)
{
    static char digits[LAYERS + 1];
    for (int i = 0; i < LAYERS; i++) {
        char name[64];
        snprintf(name, sizeof name, "blk.%d.%s.weight", i, tensor);
        digits[i] = type_of(plan, name)[1];
    }
    return digits;
}

START_TEST(mixes_follow_the_usual_rules)
{
    struct model m;
    struct hn_quantize_plan plan;
    make_model(&m, 1, 8, 256);
    plan_as(&m, "Q4_K_M", &plan);
    ck_assert_str_eq(types_of(&plan, "attn_v"), "6644644644644666");
    ck_assert_str_eq(types_of(&plan, "ffn_down"), "6644644644644666");
    ck_assert_str_eq(types_of(&plan, "attn_q"), "4444444444444444");
    ck_assert_str_eq(type_of(&plan, "output.weight"), "Q6_K");
    ck_assert_str_eq(type_of(&plan, "token_embd.weight"), "Q4_K");
    ck_assert_str_eq(type_of(&plan, "blk.3.attn_norm.weight"), "F32");
    plan_as(&m, "q4_k_s", &plan);
    ck_assert_str_eq(types_of(&plan, "attn_v"), "5555444444444444");
    ck_assert_str_eq(types_of(&plan, "ffn_down"), "5544444444444444");
    plan_as(&m, "Q3_K", &plan);
    ck_assert_str_eq(types_of(&plan, "attn_v"), "5544444444444444");
    ck_assert_str_eq(types_of(&plan, "ffn_down"), "5444444444444444");
    ck_assert_str_eq(types_of(&plan, "attn_output"), "4444444444444444");
    plan_as(&m, "Q2_K", &plan);
    ck_assert_str_eq(types_of(&plan, "attn_v"), "3333333333333333");
    ck_assert_str_eq(types_of(&plan, "ffn_up"), "2222222222222222");
    plan_as(&m, "Q8_0", &plan);
    ck_assert_str_eq(type_of(&plan, "output.weight"), "Q8_0");
    plan_as(&m, "F16", &plan);
    ck_assert_str_eq(type_of(&plan, "blk.0.attn_q.weight"), "F16");
    ck_assert_str_eq(type_of(&plan, "blk.0.attn_norm.weight"), "F32");
    hn_arena_free(&m.arena);
}
END_TEST

START_TEST(shared_heads_and_experts_get_more_bits)
{
    struct model m;
    struct hn_quantize_plan plan;
    make_model(&m, 1, 2, 256);
    plan_as(&m, "Q2_K", &plan);
    ck_assert_str_eq(type_of(&plan, "blk.9.attn_v.weight"), "Q4_K");
    hn_arena_free(&m.arena);

    make_model(&m, 8, 8, 256);
    plan_as(&m, "Q4_K_M", &plan);
    ck_assert_str_eq(type_of(&plan, "blk.2.attn_v.weight"), "Q8_0");
    ck_assert_str_eq(type_of(&plan, "blk.2.attn_k.weight"), "Q8_0");
    ck_assert_str_eq(type_of(&plan, "blk.2.attn_output.weight"), "Q5_K");
    ck_assert_str_eq(type_of(&plan, "blk.2.ffn_gate_inp.weight"), "F32");
    ck_assert_str_eq(types_of(&plan, "ffn_down_exps"), "6644644644644666");
    hn_arena_free(&m.arena);
}
END_TEST

START_TEST(odd_rows_fall_back)
{
    struct model m;
    struct hn_quantize_plan plan;
    make_model(&m, 1, 8, 96);
    plan_as(&m, "Q4_K_M", &plan);
    ck_assert_str_eq(type_of(&plan, "blk.2.attn_v.weight"), "Q5_0");
    ck_assert_str_eq(type_of(&plan, "blk.4.attn_v.weight"), "Q8_0");
    ck_assert_str_eq(type_of(&plan, "output.weight"), "Q8_0");
    ck_assert_uint_eq(plan.fallbacks, 2 + LAYERS * 7);
    plan_as(&m, "Q5_K_S", &plan);
    ck_assert_str_eq(type_of(&plan, "blk.2.ffn_up.weight"), "Q5_1");
    plan_as(&m, "Q3_K_S", &plan);
    ck_assert_str_eq(type_of(&plan, "blk.2.ffn_up.weight"), "IQ4_NL");
    hn_arena_free(&m.arena);

    make_model(&m, 1, 8, 40);
    plan_as(&m, "Q4_0", &plan);
    ck_assert_str_eq(type_of(&plan, "blk.2.ffn_up.weight"), "F16");
    hn_arena_free(&m.arena);
}
END_TEST

static char folder[] = "/tmp/hence-quantize-XXXXXX";
static char path[80];

static void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/m.gguf", folder);
}

static void remove_folder(void)
{
    unlink(path);
    ck_assert_int_eq(rmdir(folder), 0); /* fails when a temporary file was left */
}

static enum hn_status write_model(struct model *m, const char *mix, unsigned threads,
                                  const struct hn_quantize_progress *progress, struct hn_error *err)
{
    struct hn_quantize_plan plan;
    struct hn_pool *pool;
    plan_as(m, mix, &plan);
    ck_assert_int_eq(hn_pool_create(threads, &pool, NULL), HN_OK);
    const enum hn_status status = hn_quantize_write(&plan, path, pool, progress, err);
    hn_pool_destroy(pool);
    return status;
}

START_TEST(written_models_open_and_hold_what_was_planned)
{
    struct model m;
    struct hn_gguf *read;
    struct hn_quantize_plan plan;
    uint32_t value;
    make_model(&m, 1, 8, 256);
    plan_as(&m, "Q5_K_M", &plan);
    ck_assert_int_eq(write_model(&m, "Q5_K_M", 2, NULL, NULL), HN_OK);
    ck_assert_int_eq(hn_gguf_open(path, &read, NULL), HN_OK);
    ck_assert_int_eq(hn_meta_u32(&read->meta, HN_STR("general.file_type"), &value, NULL), HN_OK);
    ck_assert_uint_eq(value, 17);
    ck_assert_int_eq(hn_meta_u32(&read->meta, HN_STR("general.quantization_version"), &value, NULL),
                     HN_OK);
    ck_assert_uint_eq(value, 2);
    ck_assert_ptr_null(hn_meta_find(&read->meta, HN_STR("split.count")));
    ck_assert_uint_eq(read->weights.n, m.gguf.weights.n);
    for (size_t i = 0; i < read->weights.n; i++) {
        const struct hn_tensor *from = &m.gguf.weights.items[i], *to = &read->weights.items[i];
        static float x[4 * 256], y[4 * 256];
        const size_t n = hn_tensor_elements(from);
        ck_assert(hn_str_eq(to->name, from->name) && to->type == plan.out[i].type);
        hn_decode(from->type, from->data, x, n);
        hn_decode(to->type, to->data, y, n);
        for (size_t k = 0; k < n; k++)
            ck_assert_float_eq_tol(x[k], y[k], 0.04f);
    }
    hn_gguf_close(read);
    hn_arena_free(&m.arena);
}
END_TEST

START_TEST(the_thread_count_changes_no_byte)
{
    struct model m;
    struct hn_buf one = {0}, four = {0};
    make_model(&m, 4, 8, 256);
    ck_assert_int_eq(write_model(&m, "Q4_K_M", 1, NULL, NULL), HN_OK);
    ck_assert_int_eq(hn_file_read(path, 1 << 28, &one, NULL), HN_OK);
    ck_assert_int_eq(write_model(&m, "Q4_K_M", 4, NULL, NULL), HN_OK);
    ck_assert_int_eq(hn_file_read(path, 1 << 28, &four, NULL), HN_OK);
    ck_assert_uint_eq(one.n, four.n);
    ck_assert_mem_eq(one.p, four.p, one.n);
    hn_buf_free(&one);
    hn_buf_free(&four);
    hn_arena_free(&m.arena);
}
END_TEST

static bool stop_at_third(void *ctx, const struct hn_tensor *t, size_t done)
{
    (void)t;
    (void)done;
    return ++*(int *)ctx < 3;
}

START_TEST(refusals_name_the_tensor_and_leave_no_file)
{
    struct model m;
    struct hn_error err;
    struct hn_quantize_plan plan;
    struct stat st;
    unlink(path);
    make_model(&m, 1, 8, 256);
    const struct hn_tensor *t = hn_weights_find(&m.gguf.weights, HN_STR("blk.7.ffn_up.weight"));
    const uint16_t nan = 0x7fc0;
    memcpy((char *)(uintptr_t)t->data + 2 * (256 + 3), &nan, sizeof nan);
    ck_assert_int_eq(write_model(&m, "Q6_K", 2, NULL, &err), HN_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "blk.7.ffn_up.weight: row 1, column 3 is not a number"));
    ck_assert_int_ne(stat(path, &st), 0);

    int calls = 0;
    const struct hn_quantize_progress progress = {stop_at_third, &calls};
    ck_assert_int_eq(write_model(&m, "Q6_K", 2, &progress, &err), HN_E_CANCELLED);
    ck_assert_int_ne(stat(path, &st), 0);

    add_tensor(&m, "blk.0.extra.weight", HN_Q4_0, 256, 2, 1);
    ck_assert_int_eq(hn_quantize_plan(&m.gguf, hn_mix_find("Q6_K"), false, &m.arena, &plan, &err),
                     HN_E_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "blk.0.extra.weight is already quantised (Q4_0)"));
    ck_assert_int_eq(hn_quantize_plan(&m.gguf, hn_mix_find("Q6_K"), true, &m.arena, &plan, &err),
                     HN_OK);
    ck_assert_int_eq(hn_quantize_plan(&m.gguf, hn_mix_find("Q4_0"), false, &m.arena, &plan, &err),
                     HN_OK);
    ck_assert_ptr_null(hn_mix_find("Q4_K_XXXXXXXXXXXXXXX"));
    ck_assert_ptr_null(hn_mix_find("Q7_K"));
    hn_arena_free(&m.arena);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("quantize");
    tcase_add_unchecked_fixture(tc, make_folder, remove_folder);
    tcase_add_test(tc, mixes_follow_the_usual_rules);
    tcase_add_test(tc, shared_heads_and_experts_get_more_bits);
    tcase_add_test(tc, odd_rows_fall_back);
    tcase_add_test(tc, written_models_open_and_hold_what_was_planned);
    tcase_add_test(tc, the_thread_count_changes_no_byte);
    tcase_add_test(tc, refusals_name_the_tensor_and_leave_no_file);
    return run_unit("quantize", tc);
}
