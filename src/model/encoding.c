/* Running an encoder: texts packed into steps, and the memory of a step. */
#include <stdlib.h>

#include "base/bits.h"
#include "model/encoder_impl.h"
#include "model/pieces.h"

enum {
    STEP_ROWS = 1024, /* tokens of a step, unless a text is longer */
    SPARE_PAGES = 48, /* for texts that leave their last page part empty */
};

/* Lays the memory of a step out from `memory` (NULL to measure) on. */
static size_t lay_out(struct hn_encoding *run, size_t capacity, void *memory)
{
    const struct hn_encoder_config *c = &run->encoder->config;
    struct hn_pieces p = {.base = (uintptr_t)memory};
    run->n_pages = capacity / HN_KV_PAGE + SPARE_PAGES;
    run->tokens = hn_pieces_take(&p, capacity, sizeof *run->tokens);
    run->types = hn_pieces_take(&p, capacity, sizeof *run->types);
    run->positions = hn_pieces_take(&p, capacity, sizeof *run->positions);
    run->firsts = hn_pieces_take(&p, run->n_pages, sizeof *run->firsts);
    run->pages = hn_pieces_take(&p, run->n_pages, sizeof *run->pages);
    run->spans = hn_pieces_take(&p, run->n_pages, sizeof *run->spans);
    const size_t width = hn_max(c->n_embd, c->n_table);
    run->x = hn_pieces_rows(&p, capacity, width);
    const size_t heads = c->n_heads * c->dim;
    run->t = hn_pieces_rows(&p, capacity, hn_max(width, heads));
    run->attn = hn_pieces_rows(&p, capacity, width);
    run->qkv = hn_pieces_rows(&p, capacity, heads + 2 * c->n_kv_heads * c->dim);
    run->hidden = hn_pieces_rows(&p, capacity, 2 * c->n_ff);
    const size_t pooled = hn_max(c->n_pools, 1) * c->n_embd;
    size_t dense = 0;
    for (size_t i = 0; i < c->n_dense; i++)
        dense = hn_max(dense, c->dense[i].rows);
    run->pooled = hn_pieces_rows(&p, run->n_pages, pooled);
    for (size_t i = 0; i < HN_COUNT(run->dense); i++)
        run->dense[i] = hn_pieces_rows(&p, run->n_pages, dense);
    run->labels = hn_pieces_rows(&p, run->n_pages, c->n_labels);
    run->cosines = hn_pieces_take(&p, capacity, c->dim / 2 * sizeof(float));
    run->sines = hn_pieces_take(&p, capacity, c->dim / 2 * sizeof(float));
    const size_t local = c->window ? capacity : 0;
    run->cosines_local = hn_pieces_take(&p, local, c->dim / 2 * sizeof(float));
    run->sines_local = hn_pieces_take(&p, local, c->dim / 2 * sizeof(float));
    const size_t widest = hn_max(hn_max(hn_max(width, heads), c->n_ff), hn_max(pooled, dense));
    run->router = hn_pieces_rows(&p, capacity, c->n_experts);
    run->zeros = hn_pieces_take(&p, c->n_experts ? capacity : 0, sizeof *run->zeros);
    const struct hn_experts experts = {.n_experts = c->n_experts,
                                       .n_used = c->n_experts_used,
                                       .n_ff = c->n_ff,
                                       .n_embd = c->n_embd};
    size_t work = run->backend->ops->linear_scratch(widest, capacity);
    if (c->n_experts) work = hn_max(work, run->backend->ops->experts_scratch(&experts, capacity));
    run->work = hn_pieces_take(&p, 1, work);
    run->kv = (struct hn_kv_layout){.type = HN_KV_F32,
                                    .n_layers = 1,
                                    .n_heads = c->n_kv_heads,
                                    .dim_k = c->dim,
                                    .dim_v = c->dim};
    if (!hn_kv_layout_init(&run->kv)) return SIZE_MAX;
    run->kv.base = hn_pieces_take(&p, run->n_pages, run->kv.page_bytes);
    return p.bytes;
}

/* Memory for steps of so many rows. */
static enum hn_status reserve(struct hn_encoding *run, size_t rows, struct hn_error *err)
{
    const struct hn_backend_ops *ops = run->backend->ops;
    if (rows <= run->capacity) return HN_OK;
    ops->release(run->backend, run->memory, run->bytes);
    run->memory = NULL;
    run->capacity = 0;
    run->bytes = lay_out(run, rows, NULL);
    if (run->bytes == SIZE_MAX)
        return hn_fail(err, HN_E_LIMIT, "a step of %zu tokens is too large", rows);
    run->memory = ops->alloc(run->backend, run->bytes);
    if (!run->memory) return hn_fail_nomem(err, "activations", run->bytes);
    lay_out(run, rows, run->memory);
    for (size_t i = 0; i < run->n_pages; i++)
        run->pages[i] = (int32_t)i;
    run->capacity = rows;
    return HN_OK;
}

enum hn_status hn_encoding_begin(const struct hn_encoder *encoder, struct hn_backend *backend,
                                 struct hn_encoding **out, struct hn_error *err)
{
    *out = NULL;
    struct hn_encoding *run = calloc(1, sizeof *run);
    if (!run) return hn_fail_nomem(err, "an encoding", sizeof *run);
    run->encoder = encoder;
    run->backend = backend;
    const enum hn_status status = reserve(run, hn_min(STEP_ROWS, encoder->config.n_context), err);
    if (status < 0) hn_encoding_end(run);
    else *out = run;
    return status;
}

void hn_encoding_end(struct hn_encoding *run)
{
    if (!run) return;
    run->backend->ops->release(run->backend, run->memory, run->bytes);
    free(run);
}

const struct hn_encoder *hn_encoding_encoder(const struct hn_encoding *run)
{
    return run->encoder;
}

static enum hn_status check(const struct hn_encoder_config *c, const struct hn_encode_item *item,
                            size_t i, struct hn_error *err)
{
    if (!item->n) return hn_fail(err, HN_E_ARG, "text %zu has no tokens", i);
    if (item->n > c->n_context)
        return hn_fail(err, HN_E_CONTEXT, "text %zu has %zu tokens, and the model takes %zu", i,
                       item->n, c->n_context);
    for (size_t t = 0; t < item->n; t++)
        if (item->tokens[t] < 0 || (size_t)item->tokens[t] >= c->n_vocab)
            return hn_fail(err, HN_E_ARG, "text %zu: token %d is not among the model's %zu", i,
                           item->tokens[t], c->n_vocab);
    return HN_OK;
}

/* As many of n items as fit into a step, at least one; sets what the step reads. */
static size_t pack(struct hn_encoding *run, const struct hn_encode_item *items, size_t n)
{
    const bool types = run->encoder->config.n_types > 1;
    size_t rows = 0, pages = 0, i = 0;
    for (; i < n; i++) {
        const struct hn_encode_item *item = &items[i];
        const size_t more = hn_div_up(item->n, HN_KV_PAGE);
        if (rows + item->n > run->capacity || pages + more > run->n_pages) break;
        run->spans[i] = (struct hn_span){.row = rows, .n = item->n, .pages = run->pages + pages};
        memcpy(run->tokens + rows, item->tokens, item->n * sizeof *item->tokens);
        for (size_t t = 0; t < item->n; t++) {
            run->types[rows + t] = types && t >= item->n_first;
            run->positions[rows + t] = (int32_t)t;
        }
        rows += item->n;
        pages += more;
    }
    return i;
}

static void deliver(const struct hn_encoding *run, enum hn_pooling pooling,
                    const struct hn_encode_item *items, size_t n)
{
    const struct hn_encoder_config *c = &run->encoder->config;
    for (size_t i = 0; i < n; i++) {
        const size_t row = pooling == HN_POOLING_NONE ? run->spans[i].row : i;
        const float *from = run->result.x + row * run->result.ld;
        memcpy(items[i].out, from, hn_encode_floats(c, pooling, items[i].n) * sizeof *from);
    }
}

enum hn_status hn_encoding_run(struct hn_encoding *run, enum hn_pooling pooling,
                               const struct hn_encode_item *items, size_t n, struct hn_error *err)
{
    const struct hn_encoder_config *c = &run->encoder->config;
    size_t longest = 0;
    if (pooling == HN_POOLING_RANK && !c->n_labels)
        return hn_fail(err, HN_E_ARG, "the model has no head that ranks");
    for (size_t i = 0; i < n; i++) {
        HN_TRY(check(c, &items[i], i, err));
        longest = hn_max(longest, items[i].n);
    }
    HN_TRY(reserve(run, longest, err));
    for (size_t first = 0, step; first < n; first += step) {
        step = pack(run, items + first, n - first);
        hn_encoder_forward(run, pooling, step);
        deliver(run, pooling, items + first, step);
    }
    return HN_OK;
}
