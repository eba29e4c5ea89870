/* The other door: a Hugging Face directory, translated in memory to the conventions of a GGUF file,
 * so that everything above reads one form. */
#ifndef HN_MODEL_HF_IMPORT_H
#define HN_MODEL_HF_IMPORT_H

#include "base/status.h"
#include "formats/gguf.h"
#include "formats/safetensors.h"

enum {
    HN_HF_MAX_CONFIG_BYTES = 1 << 22,
    HN_HF_MAX_TOKENIZER_CONFIG_BYTES = 1 << 25, /* lists every added token */
    HN_HF_MAX_TEMPLATE_BYTES = 1 << 20,
};

/* Opens config.json, model*.safetensors, and the chat template (chat_template.jinja, or that of
 * tokenizer_config.json). Weights are views of the files where GGUF has the same form, else copies
 * in the arena. The vocabulary is not read: out->folder says where tokenizer.json lies. Besides
 * GGUF's keys there may be tokenizer.ggml.eos_token_ids, when a generation ends at any of several. */
enum hn_status hn_hf_open(const char *folder, struct hn_gguf **out, struct hn_error *err);

/* Whether the directory's config.json is of an encoder; false too when it cannot be read. */
bool hn_hf_is_encoder(const char *folder);

enum { HN_HF_MAX_DENSE = 4 };

/* A linear layer behind an encoder's pooling, in a folder of its own. */
struct hn_hf_dense {
    struct hn_str config;      /* config.json */
    struct hn_safetensors *st; /* model.safetensors */
};

/* What the directory's files say; empty where there is none. */
struct hn_hf_texts {
    struct hn_str config;     /* config.json */
    struct hn_str generation; /* generation_config.json */
    struct hn_str tokenizer;  /* tokenizer_config.json */
    struct hn_str jinja;      /* chat_template.jinja */
    /* Of sentence-transformers: */
    struct hn_str modules;  /* modules.json */
    struct hn_str prompts;  /* config_sentence_transformers.json */
    struct hn_str pooling;  /* config.json in the folder that modules.json names */
    struct hn_str sentence; /* sentence_bert_config.json */
    struct hn_hf_dense dense[HN_HF_MAX_DENSE];
    size_t n_dense;
};

/* The translation alone. Takes over the mappings of st and of dense layers; their data must outlive the result, the texts need
 * not. `name` is the directory's. */
enum hn_status hn_hf_translate(const struct hn_hf_texts *texts, struct hn_safetensors *st,
                               const char *name, struct hn_gguf **out, struct hn_error *err);

#endif
