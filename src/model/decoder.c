#include "model/decoder.h"

#include <stdlib.h>

#include "base/bits.h"
#include "model/decoder_impl.h"
#include "model/rope.h"

/* The angles' scale and frequencies, once for all steps. */
static void set_angles(struct hn_decoder *d)
{
    const struct hn_config *c = &d->config;
    const bool exact = c->family->flags & HN_FAMILY_YARN_EXACT;
    const bool apart = c->family->flags & HN_FAMILY_LOCAL_ROPE;
    struct hn_angles *all = &d->scratch.angles, *local = &d->scratch.angles_local;
    all->scale = hn_rope_freqs(&c->rope, c->dim_rope, exact, d->weights.rope_factors, all->freqs);
    local->scale = hn_rope_freqs(&c->rope_local, c->dim_rope, exact,
                                 apart ? NULL : d->weights.rope_factors, local->freqs);
}

static enum hn_status allocate(struct hn_decoder *d, struct hn_error *err)
{
    const struct hn_backend_ops *ops = d->backend->ops;
    const struct hn_plan *plan = &d->plan;
    struct hn_scratch *scratch = &d->scratch;
    if (!hn_decoder_kv_layout(&d->config, plan->kv_type, &d->kv))
        return hn_fail(err, HN_E_LIMIT, "the model's sizes cannot be counted");
    d->scratch_bytes = hn_scratch_lay_out(&d->config, ops, plan->batch, NULL, scratch);
    d->weight_memory = ops->alloc(d->backend, plan->weight_bytes);
    if (!d->weight_memory) return hn_fail_nomem(err, "packed weights", plan->weight_bytes);
    d->kv.base = ops->alloc(d->backend, plan->kv_bytes);
    if (!d->kv.base) return hn_fail_nomem(err, "KV pages", plan->kv_bytes);
    d->scratch_memory = ops->alloc(d->backend, d->scratch_bytes);
    if (!d->scratch_memory) return hn_fail_nomem(err, "activations", d->scratch_bytes);
    hn_scratch_lay_out(&d->config, ops, plan->batch, d->scratch_memory, scratch);
    return HN_OK;
}

enum hn_status hn_decoder_load(const struct hn_gguf *file, const struct hn_config *config,
                               const struct hn_plan *plan, struct hn_backend *backend,
                               const struct hn_load_progress *progress, struct hn_decoder **out,
                               struct hn_error *err)
{
    *out = NULL;
    struct hn_decoder *d = calloc(1, sizeof *d);
    if (!d) return hn_fail_nomem(err, "the decoder", sizeof *d);
    d->config = *config;
    d->plan = *plan;
    d->backend = backend;
    const struct hn_weights_size size = {.bytes = plan->weight_bytes};
    enum hn_status status = allocate(d, err);
    if (status == HN_OK)
        status = hn_decoder_weights_load(file, config, backend, plan->context, &size,
                                         d->weight_memory, &d->arena, progress, &d->weights, err);
    if (status < 0) {
        hn_decoder_destroy(d);
        return status;
    }
    set_angles(d);
    *out = d;
    return HN_OK;
}

void hn_decoder_destroy(struct hn_decoder *d)
{
    if (!d) return;
    const struct hn_backend_ops *ops = d->backend->ops;
    ops->release(d->backend, d->weight_memory, d->plan.weight_bytes);
    ops->release(d->backend, d->kv.base, d->plan.kv_bytes);
    ops->release(d->backend, d->scratch_memory, d->scratch_bytes);
    hn_arena_free(&d->arena);
    free(d);
}

const struct hn_config *hn_decoder_config(const struct hn_decoder *decoder)
{
    return &decoder->config;
}

const struct hn_plan *hn_decoder_plan(const struct hn_decoder *decoder)
{
    return &decoder->plan;
}

struct hn_backend *hn_decoder_backend(const struct hn_decoder *decoder)
{
    return decoder->backend;
}

size_t hn_decoder_pages(const struct hn_decoder *decoder)
{
    return decoder->plan.kv_bytes / decoder->kv.page_bytes;
}

void hn_decoder_tap(struct hn_decoder *decoder, hn_tap_fn *fn, void *ctx)
{
    decoder->tap = fn;
    decoder->tap_ctx = ctx;
}

void hn_decoder_trace(struct hn_decoder *decoder, const struct hn_trace *trace)
{
    decoder->trace = trace;
}
