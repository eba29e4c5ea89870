/* The tensors of encoders' directories under GGUF's names. */
#include <stdio.h>

#include "base/bits.h"
#include "model/config.h"
#include "model/hf_encoder_impl.h"
#include "model/hf_tensors.h"

/* The first half of it is ffn_up, the second ffn_gate. */
#define UP_AND_GATE "blk.%.ffn_up_gate"
/* One below the other; the second lie with their rows and columns exchanged. */
#define UP_EXPERTS   "blk.%.ffn_up_exps.weight"
#define DOWN_EXPERTS "blk.%.ffn_down_exps.weight"
/* The first layer of a classifier's head, for families that have it there. */
#define POOLER "pooler"

/* Stems, without .weight or .bias, '%' for a layer's number; NULL: of no use here. */
static const struct {
    const char *hf, *gguf;
} stems[] = {
    {"embeddings.word_embeddings", "token_embd"},
    {"embeddings.position_embeddings", "position_embd"},
    {"embeddings.token_type_embeddings", "token_types"},
    {"embeddings.LayerNorm", "token_embd_norm"},
    {"emb_ln", "token_embd_norm"},
    {"embeddings.tok_embeddings", "token_embd"},
    {"embeddings.norm", "token_embd_norm"},
    {"embeddings_project", "token_embd_proj"},
    {"encoder.relative_attention_bias", "attn_rel_b"},
    {"encoder.layer.%.attention.self.query", "blk.%.attn_q"},
    {"encoder.layer.%.attention.self.key", "blk.%.attn_k"},
    {"encoder.layer.%.attention.self.value", "blk.%.attn_v"},
    {"encoder.layer.%.attention.self.layer_norm_q", "blk.%.attn_q_norm"},
    {"encoder.layer.%.attention.self.layer_norm_k", "blk.%.attn_k_norm"},
    {"encoder.layer.%.attention.attn.q", "blk.%.attn_q"},
    {"encoder.layer.%.attention.attn.k", "blk.%.attn_k"},
    {"encoder.layer.%.attention.attn.v", "blk.%.attn_v"},
    {"encoder.layer.%.attention.attn.o", "blk.%.attn_output"},
    {"encoder.layer.%.attention.LayerNorm", "blk.%.attn_output_norm"},
    {"encoder.layer.%.attention.qkv_proj", "blk.%.attn_qkv"},
    {"encoder.layer.%.attention.q_proj", "blk.%.attn_q"},
    {"encoder.layer.%.attention.k_proj", "blk.%.attn_k"},
    {"encoder.layer.%.attention.v_proj", "blk.%.attn_v"},
    {"encoder.layer.%.attention.o_proj", "blk.%.attn_output"},
    {"encoder.layer.%.attn_ln", "blk.%.attn_output_norm"},
    {"encoder.layer.%.mlp_ln", "blk.%.layer_output_norm"},
    {"encoder.layer.%.mlp.up_gate_proj", UP_AND_GATE},
    {"encoder.layer.%.mlp.down_proj", "blk.%.ffn_down"},
    {"encoder.layer.%.attention.output.dense", "blk.%.attn_output"},
    {"encoder.layer.%.attention.output.LayerNorm", "blk.%.attn_output_norm"},
    {"encoder.layer.%.intermediate.dense", "blk.%.ffn_up"},
    {"encoder.layer.%.output.dense", "blk.%.ffn_down"},
    {"encoder.layer.%.output.LayerNorm", "blk.%.layer_output_norm"},
    {"encoder.layer.%.mlp.gated_layers", "blk.%.ffn_up"},
    {"encoder.layer.%.mlp.wo", "blk.%.ffn_down"},
    {"encoder.layer.%.mlp.layernorm", "blk.%.layer_output_norm"},
    {"encoder.layers.%.attn.Wqkv", "blk.%.attn_qkv"},
    {"encoder.layers.%.attn.out_proj", "blk.%.attn_output"},
    {"encoder.layers.%.norm1", "blk.%.attn_output_norm"},
    {"encoder.layers.%.mlp.fc1", "blk.%.ffn_up"},
    {"encoder.layers.%.mlp.fc11", "blk.%.ffn_up"},
    {"encoder.layers.%.mlp.fc12", "blk.%.ffn_gate"},
    {"encoder.layers.%.mlp.fc2", "blk.%.ffn_down"},
    {"encoder.layers.%.mlp.router.layer", "blk.%.ffn_gate_inp"},
    {"encoder.layers.%.mlp.experts.mlp.w1", UP_EXPERTS},
    {"encoder.layers.%.mlp.experts.mlp.w2", DOWN_EXPERTS},
    {"encoder.layers.%.mlp.experts", "blk.%.ffn_exps"},
    {"encoder.layers.%.norm2", "blk.%.layer_output_norm"},
    {"transformer.layer.%.attention.q_lin", "blk.%.attn_q"},
    {"transformer.layer.%.attention.k_lin", "blk.%.attn_k"},
    {"transformer.layer.%.attention.v_lin", "blk.%.attn_v"},
    {"transformer.layer.%.attention.out_lin", "blk.%.attn_output"},
    {"transformer.layer.%.sa_layer_norm", "blk.%.attn_output_norm"},
    {"transformer.layer.%.ffn.lin1", "blk.%.ffn_up"},
    {"transformer.layer.%.ffn.lin2", "blk.%.ffn_down"},
    {"transformer.layer.%.output_layer_norm", "blk.%.layer_output_norm"},
    {"layers.%.attn.Wqkv", "blk.%.attn_qkv"},
    {"layers.%.attn.Wo", "blk.%.attn_output"},
    {"layers.%.attn_norm", "blk.%.attn_norm"},
    {"layers.%.mlp_norm", "blk.%.ffn_norm"},
    {"layers.%.mlp.Wi", "blk.%.ffn_up"},
    {"layers.%.mlp.Wo", "blk.%.ffn_down"},
    {"final_norm", "output_norm"},
    {"head.dense", "cls"},
    {"head.norm", "cls.norm"},
    {"pooler.dense", POOLER},
    {"pre_classifier", "cls"},
    {"classifier.dense", "cls"},
    {"classifier", "cls.output"},
    {"classifier.out_proj", "cls.output"},
    {"embeddings.position_ids", NULL},
    {"embeddings.token_type_ids", NULL},
};

/* Parts that predict masked words, and the like. */
static bool is_foreign(struct hn_str name)
{
    static const struct hn_str parts[] = {
        HN_STR("cls."),
        HN_STR("lm_head."),
        HN_STR("vocab_transform."),
        HN_STR("vocab_layer_norm."),
        HN_STR("vocab_projector."),
        HN_STR("decoder."),
        HN_STR("discriminator_predictions."),
        HN_STR("encoder.rotary_emb."),
    };
    for (size_t i = 0; i < HN_COUNT(parts); i++)
        if (hn_str_starts(name, parts[i])) return true;
    return hn_str_ends(name, HN_STR("rotary_emb.inv_freq"));
}

/* Whether `name` is `pattern`; the number that stands for '%' goes to *layer. */
static bool matches(struct hn_str name, const char *pattern, uint32_t *layer)
{
    for (; *pattern; pattern++) {
        if (*pattern != '%') {
            if (!name.n || *name.p != *pattern) return false;
            name = (struct hn_str){name.p + 1, name.n - 1};
            continue;
        }
        size_t digits = 0;
        for (*layer = 0; digits < name.n && name.p[digits] >= '0' && name.p[digits] <= '9';
             digits++)
            *layer =
                (uint32_t)hn_min(*layer * 10 + (uint32_t)(name.p[digits] - '0'), HN_MAX_LAYERS);
        if (!digits) return false;
        name = (struct hn_str){name.p + digits, name.n - digits};
    }
    return !name.n;
}

/* The name behind what wraps the model. */
static struct hn_str bare_name(struct hn_str name)
{
    static const struct hn_str wraps[] = {
        HN_STR("bert."),  HN_STR("roberta."), HN_STR("distilbert."), HN_STR("electra."),
        HN_STR("mpnet."), HN_STR("new."),     HN_STR("gte."),        HN_STR("model."),
    };
    for (size_t i = 0; i < HN_COUNT(wraps); i++)
        if (hn_str_starts(name, wraps[i]))
            return (struct hn_str){name.p + wraps[i].n, name.n - wraps[i].n};
    return name;
}

/* Splits "STEM.weight" or "STEM.bias"; files of TensorFlow's time say gamma and beta. */
static struct hn_str split(struct hn_str name, const char **suffix)
{
    static const struct {
        struct hn_str hf;
        const char *gguf;
    } rows[] = {{HN_STR(".weight"), ".weight"},
                {HN_STR(".bias"), ".bias"},
                {HN_STR(".gamma"), ".weight"},
                {HN_STR(".beta"), ".bias"}};
    *suffix = "";
    for (size_t i = 0; i < HN_COUNT(rows); i++) {
        if (!hn_str_ends(name, rows[i].hf)) continue;
        *suffix = rows[i].gguf;
        return (struct hn_str){name.p, name.n - rows[i].hf.n};
    }
    return name;
}

static enum hn_status gguf_name(const struct hn_hf_encoder *e, const char *pattern, uint32_t layer,
                                const char *suffix, struct hn_str *out)
{
    char text[128];
    const char *mark = strchr(pattern, '%');
    const int n = mark ? snprintf(text, sizeof text, "%.*s%u%s%s", (int)(mark - pattern), pattern,
                                  layer, mark + 1, suffix)
                       : snprintf(text, sizeof text, "%s%s", pattern, suffix);
    *out = hn_arena_str(&e->g->arena, (struct hn_str){text, (size_t)n});
    return out->p ? HN_OK : hn_fail_nomem(e->err, pattern, (size_t)n);
}

/* Positions begin behind those that stand for no token. */
static enum hn_status skip_positions(const struct hn_hf_encoder *e, struct hn_tensor *t)
{
    const size_t skip = e->first_position, row = t->bytes / hn_tensor_rows(t);
    if (!skip) return HN_OK;
    if (t->n_dims != 2 || t->ne[1] <= skip)
        return hn_fail(e->err, HN_E_FORMAT, "%s: tensor %.*s: too few positions", e->name,
                       HN_FMT(t->name));
    t->data = (const char *)t->data + skip * row;
    t->bytes -= skip * row;
    t->ne[1] -= skip;
    return HN_OK;
}

static void keep_one_type(const struct hn_hf_encoder *e, struct hn_tensor *t)
{
    if (!(e->family->flags & HN_HF_ONE_TYPE) || t->n_dims != 2) return;
    t->bytes /= t->ne[1];
    t->ne[1] = 1;
}

/* Half of a matrix' rows under a name of its own. */
static enum hn_status add_half(const struct hn_hf_encoder *e, struct hn_tensor t, const char *gguf,
                               uint32_t layer, const char *suffix, bool second)
{
    t.bytes /= 2;
    t.ne[t.n_dims - 1] /= 2;
    if (second) t.data = (const char *)t.data + t.bytes;
    HN_TRY(gguf_name(e, gguf, layer, suffix, &t.name));
    return hn_weights_add(&e->g->weights, &e->g->arena, &t, e->err);
}

static enum hn_status add_up_and_gate(const struct hn_hf_encoder *e, const struct hn_tensor *t,
                                      uint32_t layer, const char *suffix)
{
    if (t->ne[t->n_dims - 1] % 2)
        return hn_fail(e->err, HN_E_FORMAT, "%s: tensor %.*s: has no halves", e->name,
                       HN_FMT(t->name));
    HN_TRY(add_half(e, *t, "blk.%.ffn_up", layer, suffix, false));
    return add_half(e, *t, "blk.%.ffn_gate", layer, suffix, true);
}

/* A copy of a stack of matrices, each with its rows and columns exchanged. */
static enum hn_status exchange(const struct hn_hf_encoder *e, struct hn_tensor *t)
{
    const size_t cols = t->ne[0], rows = t->ne[1], size = t->bytes / hn_tensor_elements(t);
    unsigned char *to = hn_arena_alloc(&e->g->arena, t->bytes, 1);
    if (!to) return hn_fail_nomem(e->err, "experts", t->bytes);
    const unsigned char *from = t->data;
    for (size_t i = 0; i < t->ne[2] * rows; i++)
        for (size_t k = 0; k < cols; k++, from += size)
            memcpy(to + (i / rows * rows * cols + k * rows + i % rows) * size, from, size);
    t->ne[0] = rows;
    t->ne[1] = cols;
    t->data = to;
    return HN_OK;
}

static enum hn_status add_experts(const struct hn_hf_encoder *e, struct hn_tensor *t, bool down)
{
    if (t->n_dims != 2 || !e->n_experts || t->ne[1] % e->n_experts)
        return hn_fail(e->err, HN_E_FORMAT, "%s: tensor %.*s: is not of %u experts", e->name,
                       HN_FMT(t->name), e->n_experts);
    t->n_dims = 3;
    t->ne[2] = e->n_experts;
    t->ne[1] /= e->n_experts;
    if (down) HN_TRY(exchange(e, t));
    return hn_weights_add(&e->g->weights, &e->g->arena, t, e->err);
}

/* What GGUF calls a tensor of this row; NULL: it is of no use here. */
static const char *wanted_name(const struct hn_hf_encoder *e, size_t row)
{
    const char *gguf = stems[row].gguf;
    if (!gguf) return NULL;
    if (!strcmp(gguf, POOLER)) gguf = e->family->flags & HN_HF_POOLER ? "cls" : NULL;
    const bool head = gguf && hn_str_starts(hn_str_from(gguf), HN_STR("cls"));
    return head && !e->classifies ? NULL : gguf;
}

static enum hn_status add_tensor(const struct hn_hf_encoder *e, const struct hn_st_tensor *in)
{
    const char *suffix;
    uint32_t layer = 0;
    size_t row = 0;
    const struct hn_str name = bare_name(in->name);
    const struct hn_str stem = split(name, &suffix);
    if (is_foreign(name)) return HN_OK;
    while (row < HN_COUNT(stems) && !matches(stem, stems[row].hf, &layer))
        row++;
    if (row == HN_COUNT(stems))
        return hn_fail(e->err, HN_E_UNSUPPORTED, "%s: tensor %.*s: nothing is known about it",
                       e->name, HN_FMT(in->name));
    const char *const gguf = wanted_name(e, row);
    if (!gguf) return HN_OK;
    if (layer >= e->n_layers)
        return hn_fail(e->err, HN_E_FORMAT,
                       "%s: tensor %.*s: is of a layer that config.json does not have", e->name,
                       HN_FMT(in->name));
    struct hn_tensor t = {0};
    HN_TRY(hn_hf_view(in, e->name, &t, e->err));
    HN_TRY(gguf_name(e, gguf, layer, suffix, &t.name));
    if (t.n_dims == 1) HN_TRY(hn_hf_widen(in, e->name, 0, e->g, &t, e->err));
    if (!strcmp(gguf, UP_AND_GATE)) return add_up_and_gate(e, &t, layer, suffix);
    const bool down = !strcmp(gguf, DOWN_EXPERTS);
    if (down || !strcmp(gguf, UP_EXPERTS)) return add_experts(e, &t, down);
    if (hn_str_is(t.name, "position_embd.weight")) HN_TRY(skip_positions(e, &t));
    if (hn_str_is(t.name, "token_types.weight")) keep_one_type(e, &t);
    return hn_weights_add(&e->g->weights, &e->g->arena, &t, e->err);
}

enum hn_status hn_hf_encoder_tensors(const struct hn_hf_encoder *e)
{
    for (size_t i = 0; i < e->st->n; i++)
        HN_TRY(add_tensor(e, &e->st->items[i]));
    return HN_OK;
}
