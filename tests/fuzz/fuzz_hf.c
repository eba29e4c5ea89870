/* A Hugging Face directory: config.json, generation_config.json, tokenizer_config.json,
 * chat_template.jinja, the bytes of one safetensors file, and modules.json,
 * config_sentence_transformers.json, the configuration of pooling, sentence_bert_config.json, and the
 * configuration and the safetensors file of a dense layer. */
#include "fuzz.h"

#include "model/hf_import.h"

void fuzz_one(const uint8_t *data, size_t n)
{
    struct hn_str parts[11];
    struct hn_safetensors *st, *dense = NULL;
    struct hn_gguf *g;
    struct hn_error err;
    fuzz_split((struct hn_str){(const char *)data, n}, parts, 11);
    if (hn_safetensors_parse(parts[4].p, parts[4].n, "input", &st, &err) < 0) return;
    if (parts[10].n && hn_safetensors_parse(parts[10].p, parts[10].n, "dense", &dense, &err) < 0)
        dense = NULL;
    const struct hn_hf_texts texts = {.config = parts[0],
                                      .generation = parts[1],
                                      .tokenizer = parts[2],
                                      .jinja = parts[3],
                                      .modules = parts[5],
                                      .prompts = parts[6],
                                      .pooling = parts[7],
                                      .sentence = parts[8],
                                      .dense = {{.config = parts[9], .st = dense}},
                                      .n_dense = dense != NULL};
    const enum hn_status status = hn_hf_translate(&texts, st, "some/folder", &g, &err);
    hn_safetensors_close(st);
    hn_safetensors_close(dense);
    if (status < 0) return;
    for (size_t i = 0; i < g->meta.n; i++) {
        const struct hn_meta_kv *kv = &g->meta.items[i];
        fuzz_touch(kv->key.p, kv->key.n);
        if (kv->type == HN_META_STR) fuzz_touch(kv->text.p, kv->text.n);
        if (kv->type == HN_META_ARRAY && kv->array.type != HN_META_STR)
            fuzz_touch(kv->array.data, kv->array.n * hn_meta_type_bytes(kv->array.type));
        if (hn_meta_find(&g->meta, kv->key) != kv) __builtin_trap();
    }
    for (size_t i = 0; i < g->weights.n; i++)
        fuzz_touch(g->weights.items[i].data, g->weights.items[i].bytes);
    hn_gguf_close(g);
}
