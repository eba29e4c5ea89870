/* What becomes of an encoder's results, and what its configuration refuses. */
#include <math.h>
#include <stdio.h>

#include "base/json.h"
#include "model/encoder.h"
#include "model/hf_encoder.h"
#include "model/hf_import.h"
#include "unit.h"

START_TEST(vectors_are_cut_and_made_one_long)
{
    float v[4] = {3, 4, 12, 84};
    hn_embedding_finish(v, 3, true);
    ck_assert_float_eq_tol(v[0], 3.0f / 13, 1e-7f);
    ck_assert_float_eq_tol(v[2], 12.0f / 13, 1e-7f);
    ck_assert_float_eq(v[3], 84);
    float as_it_is[2] = {3, 4}, zeros[2] = {0, 0};
    hn_embedding_finish(as_it_is, 2, false);
    ck_assert_float_eq(as_it_is[1], 4);
    hn_embedding_finish(zeros, 2, true);
    ck_assert_float_eq(zeros[0], 0);
}
END_TEST

START_TEST(labels_become_scores)
{
    const float one[] = {0}, sure[] = {50}, two[] = {1, 3};
    ck_assert_float_eq(hn_rerank_score(one, 1), 0.5f);
    ck_assert_float_eq(hn_rerank_score(sure, 1), 1);
    ck_assert_float_eq_tol(hn_rerank_score(two, 2), 1 / (1 + expf(-2)), 1e-6f);
}
END_TEST

START_TEST(results_have_their_size)
{
    const struct hn_encoder_config c = {.n_embd = 8, .n_labels = 3};
    ck_assert_uint_eq(hn_encode_floats(&c, HN_POOLING_MEAN, 5), 8);
    ck_assert_uint_eq(hn_encode_floats(&c, HN_POOLING_NONE, 5), 40);
    ck_assert_uint_eq(hn_encode_floats(&c, HN_POOLING_RANK, 5), 3);
    const struct hn_encoder_config own = {.n_embd = 8, .pooling = HN_POOLING_SEVERAL, .n_out = 30};
    ck_assert_uint_eq(hn_encode_floats(&own, HN_POOLING_SEVERAL, 5), 30);
    ck_assert_uint_eq(hn_encode_floats(&own, HN_POOLING_CLS, 5), 8);
}
END_TEST

/* A file of these keys, one more text, and no tensors. */
static enum hn_status read_config(const char *arch, bool causal, uint32_t heads, const char *more,
                                  const char *text, struct hn_error *err)
{
    struct hn_gguf g = {0};
    struct hn_encoder_config config;
    char key[80];
    if (more) hn_meta_add_text(&g.meta, &g.arena, hn_str_from(more), hn_str_from(text));
    const struct {
        const char *name;
        uint32_t value;
    } counts[] = {{"block_count", 2},
                  {"embedding_length", 12},
                  {"context_length", 16},
                  {"feed_forward_length", 24},
                  {"attention.head_count", heads}};
    hn_meta_add_text(&g.meta, &g.arena, HN_STR("general.architecture"), hn_str_from(arch));
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        snprintf(key, sizeof key, "%s.%s", arch, counts[i].name);
        hn_meta_add_u32(&g.meta, &g.arena, hn_arena_str(&g.arena, hn_str_from(key)),
                        counts[i].value);
    }
    snprintf(key, sizeof key, "%s.attention.layer_norm_epsilon", arch);
    hn_meta_add_f32(&g.meta, &g.arena, hn_arena_str(&g.arena, hn_str_from(key)), 1e-5f);
    snprintf(key, sizeof key, "%s.attention.causal", arch);
    hn_meta_add_bool(&g.meta, &g.arena, hn_arena_str(&g.arena, hn_str_from(key)), causal);
    ck_assert_int_eq(hn_meta_index(&g.meta, &g.arena, err), HN_OK);
    ck_assert_int_eq(hn_weights_index(&g.weights, &g.arena, err), HN_OK);
    const enum hn_status status = hn_encoder_config_read(&g, &config, err);
    hn_arena_free(&g.arena);
    return status;
}

START_TEST(configurations_are_checked)
{
    static const struct {
        const char *arch;
        bool causal;
        uint32_t heads;
        enum hn_status status;
        const char *text;
    } cases[] = {
        {"llama", false, 2, HN_E_UNSUPPORTED, "llama is no encoder"},
        {"qwen3", false, 2, HN_E_UNSUPPORTED, "qwen3.pooling_type is missing"},
        {"bert", true, 2, HN_E_UNSUPPORTED, "attention.causal"},
        {"bert", false, 5, HN_E_FORMAT, "5 heads"},
        {"bert", false, 12, HN_E_FORMAT, "even size"},
        {"bert", false, 2, HN_E_NOTFOUND, "token_embd.weight"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hn_error err = {0};
        const enum hn_status status =
            read_config(cases[i].arch, cases[i].causal, cases[i].heads, NULL, NULL, &err);
        ck_assert_msg(status == cases[i].status, "case %zu: %d, %s", i, status, err.text);
        ck_assert_msg(strstr(err.text, cases[i].text), "case %zu: %s", i, err.text);
    }
}
END_TEST

START_TEST(what_is_not_known_is_named)
{
    static const struct {
        const char *key, *value, *text;
    } cases[] = {
        {"bert.hidden_activation", "mish", "hidden_activation: mish is not supported"},
        {"bert.classifier.activation", "elu", "classifier.activation: elu"},
        {"bert.classifier.pooling", "last", "classifier.pooling: last"},
        {"embedding.pooling", "cls+first", "embedding.pooling: first"},
        {"embedding.pooling", "cls+rank", "embedding.pooling: rank"},
        {"embedding.pooling", "+", "embedding.pooling: "},
        {"embedding.pooling", "cls+cls+cls+cls+cls+cls+cls", "embedding.pooling: cls"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hn_error err = {0};
        ck_assert_int_eq(read_config("bert", false, 2, cases[i].key, cases[i].value, &err),
                         HN_E_UNSUPPORTED);
        ck_assert_msg(strstr(err.text, cases[i].text), "case %zu: %s", i, err.text);
    }
}
END_TEST

/* A directory of these files and no tensors; 0 is fine, else the error is in *err. */
static enum hn_status open_texts(const char *config, struct hn_hf_texts texts, struct hn_gguf **g,
                                 struct hn_error *err)
{
    static const char header[] = "\2\0\0\0\0\0\0\0{}";
    struct hn_safetensors *st;
    texts.config = hn_str_from(config);
    ck_assert_int_eq(hn_safetensors_parse(header, sizeof header - 1, "st", &st, err), HN_OK);
    const enum hn_status status = hn_hf_translate(&texts, st, "folder", g, err);
    hn_safetensors_close(st);
    return status;
}

START_TEST(steps_behind_the_encoder_are_checked)
{
    static const struct {
        const char *modules, *pooling, *text;
    } cases[] = {
        {"[{\"type\": \"a.Transformer\"}, {\"type\": \"a.Pooling\"}, {\"type\": \"a.Normalize\"}]",
         "{\"pooling_mode_cls_token\": true}", NULL},
        {"[{\"type\": \"a.Transformer\"}, {\"type\": \"a.WeightedLayerPooling\"}]", "",
         "a.WeightedLayerPooling is not supported"},
        {"[{\"type\": \"a.Transformer\"}, {\"type\": \"a.Normalize\"}, {\"type\": \"a.Dense\"}]",
         "", "a.Dense is not supported there"},
        {"", "{\"pooling_mode\": \"luck\"}", "no kind of pooling"},
        {"", "{\"pooling_mode\": \"mean\", \"include_prompt\": false}", "include_prompt"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hn_error err = {0};
        struct hn_gguf *g = NULL;
        const struct hn_hf_texts texts = {.modules = hn_str_from(cases[i].modules),
                                          .pooling = hn_str_from(cases[i].pooling)};
        const enum hn_status status = open_texts("{\"model_type\": \"bert\"}", texts, &g, &err);
        ck_assert_msg((status < 0) == (cases[i].text != NULL), "case %zu: %s", i, err.text);
        if (cases[i].text) ck_assert_msg(strstr(err.text, cases[i].text), "%s", err.text);
        hn_gguf_close(g);
    }
}
END_TEST

START_TEST(texts_are_as_long_as_their_model_says)
{
    static const struct {
        const char *sentence;
        uint32_t context;
    } cases[] = {{"", 512},
                 {"{\"max_seq_length\": 128, \"do_lower_case\": true}", 128},
                 {"{\"max_seq_length\": 9000}", 512},
                 {"{\"max_seq_length\": null}", 512},
                 {"{\"max_seq_length\": -5}", 512}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hn_error err;
        struct hn_gguf *g;
        uint32_t context = 0;
        bool lower = false;
        const struct hn_hf_texts texts = {.sentence = hn_str_from(cases[i].sentence)};
        ck_assert_int_eq(open_texts("{\"model_type\": \"bert\"}", texts, &g, &err), HN_OK);
        ck_assert_int_eq(hn_meta_u32(&g->meta, HN_STR("bert.context_length"), &context, &err),
                         HN_OK);
        ck_assert_uint_eq(context, cases[i].context);
        hn_meta_bool(&g->meta, HN_STR("embedding.lowercase"), &lower, &err);
        ck_assert(lower == (i == 1));
        hn_gguf_close(g);
    }
}
END_TEST

START_TEST(pooling_lies_in_a_folder_beside)
{
    static const struct {
        const char *modules, *folder;
    } cases[] = {
        {"[{\"type\": \"a.Transformer\", \"path\": \"\"}, {\"type\": \"a.Pooling\", \"path\": "
         "\"1_Pooling\"}]",
         "1_Pooling"},
        {"[{\"type\": \"a.Pooling\", \"path\": \"../x\"}]", ""},
        {"[{\"type\": \"a.Pooling\", \"path\": \"x/y\"}]", ""},
        {"[{\"type\": \"a.SpladePooling\", \"path\": \"1_Pooling\"}]", ""},
        {"{}", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *modules;
        struct hn_error err;
        ck_assert_int_eq(hn_json_parse(hn_str_from(cases[i].modules), "m", &modules, &err), HN_OK);
        ck_assert(hn_str_is(hn_hf_module_folder(modules, HN_STR(".Pooling"), 0), cases[i].folder));
        json_decref(modules);
    }
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("encoder");
    tcase_add_test(tc, vectors_are_cut_and_made_one_long);
    tcase_add_test(tc, labels_become_scores);
    tcase_add_test(tc, results_have_their_size);
    tcase_add_test(tc, configurations_are_checked);
    tcase_add_test(tc, what_is_not_known_is_named);
    tcase_add_test(tc, steps_behind_the_encoder_are_checked);
    tcase_add_test(tc, texts_are_as_long_as_their_model_says);
    tcase_add_test(tc, pooling_lies_in_a_folder_beside);
    return run_unit("encoder", tc);
}
