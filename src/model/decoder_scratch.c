#include "model/decoder_impl.h"

#include "base/bits.h"
#include "model/pieces.h"

static struct hn_angles take_angles(struct hn_pieces *l, size_t batch, size_t half)
{
    return (struct hn_angles){
        .cosines = hn_pieces_take(l, batch, half * sizeof(float)),
        .sines = hn_pieces_take(l, batch, half * sizeof(float)),
        .freqs = hn_pieces_take(l, 1, half * sizeof(double)),
    };
}

size_t hn_scratch_lay_out(const struct hn_config *config, const struct hn_backend_ops *ops,
                          size_t batch, void *memory, struct hn_scratch *out)
{
    const struct hn_config *c = config;
    const size_t q = c->n_heads * c->dim_k;
    const size_t kv = c->n_kv_heads * (c->dim_k + c->dim_v);
    const size_t widest =
        hn_max(hn_max(c->n_embd, c->n_heads * c->dim_v), hn_max(c->n_ff, c->n_ff_shared));
    const struct hn_experts experts = {.n_experts = c->n_experts,
                                       .n_used = c->n_experts_used,
                                       .n_ff = c->n_ff_expert,
                                       .n_embd = c->n_embd};
    struct hn_pieces l = {.base = (uintptr_t)memory};
    out->x = hn_pieces_rows(&l, batch, c->n_embd);
    out->h = hn_pieces_rows(&l, batch, c->n_embd);
    out->t = hn_pieces_rows(&l, batch, c->n_embd);
    out->qkv = hn_pieces_rows(&l, batch, q + kv);
    out->attn = hn_pieces_rows(&l, batch, c->n_heads * c->dim_v);
    out->hidden = hn_pieces_rows(&l, batch, 2 * hn_max(c->n_ff, c->n_ff_shared));
    out->router = hn_pieces_rows(&l, batch, c->n_experts);
    out->gate = hn_pieces_rows(&l, batch, 1);
    out->angles = take_angles(&l, batch, c->dim_rope / 2);
    out->angles_local = take_angles(&l, batch, c->dim_rope / 2);
    const size_t linear = ops->linear_scratch(widest, batch);
    const size_t chosen = c->n_experts ? ops->experts_scratch(&experts, batch) : 0;
    out->work = hn_pieces_take(&l, 1, hn_max(linear, chosen));
    return l.bytes;
}

bool hn_decoder_kv_layout(const struct hn_config *config, enum hn_kv_type type,
                          struct hn_kv_layout *out)
{
    *out = (struct hn_kv_layout){
        .type = type,
        .n_layers = config->n_layers,
        .n_heads = config->n_kv_heads,
        .dim_k = config->dim_k,
        .dim_v = config->dim_v,
    };
    return hn_kv_layout_init(out);
}
