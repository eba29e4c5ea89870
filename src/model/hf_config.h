/* config.json of a Hugging Face directory, and its translation to GGUF's metadata. */
#ifndef HN_MODEL_HF_CONFIG_H
#define HN_MODEL_HF_CONFIG_H

#include <stdint.h>

#include "base/json.h"
#include "base/status.h"
#include "formats/gguf.h"
#include "model/hf_family.h"

enum { HN_HF_MAX_HEADS = 1 << 16, HN_HF_MAX_EXPERTS = 1 << 12, HN_HF_MAX_LAYERS = 1 << 12 };

struct hn_hf_config {
    const struct hn_hf_family *family;
    const char *name; /* of the file, for errors */
    json_t *root;
    json_t *text;     /* borrowed: what describes the language model, root or its text_config */
    json_t *defaults; /* the family's */
    uint32_t n_layers, n_heads, n_kv_heads, n_experts; /* bounded; n_experts is 0 without experts */
    uint32_t head_dim;
};

/* Reads and checks the text of a config.json. `name` must outlive the config. */
enum hn_status hn_hf_config_read(struct hn_str text, const char *name, struct hn_hf_config *out,
                                 struct hn_error *err);
void hn_hf_config_free(struct hn_hf_config *config);

/* Adds general.architecture and the keys of the architecture to g->meta, and the tensors of rope
 * factors, which GGUF keeps among the weights. */
enum hn_status hn_hf_translate_config(const struct hn_hf_config *config, struct hn_gguf *g,
                                      struct hn_error *err);

#endif
