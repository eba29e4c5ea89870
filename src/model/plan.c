#include "model/plan.h"

#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/memory.h"
#include "model/decoder_impl.h"

enum {
    DEFAULT_BATCH = 512,
    LEAST_CONTEXT = 512,
    LOGIT_BYTES = 64 << 20, /* for the logits of a prompt's positions */
    MAX_BATCH = 1 << 16,
    MAX_SEQUENCES = 1 << 12,
};

/* So many pages can be numbered. */
#define MAX_POOL ((size_t)1 << 36)

static const char *const kv_names[HN_KV_TYPES] = {
    [HN_KV_F32] = "f32", [HN_KV_F16] = "f16", [HN_KV_BF16] = "bf16", [HN_KV_Q8_0] = "q8_0"};

const char *hn_kv_type_name(enum hn_kv_type type)
{
    return kv_names[type];
}

bool hn_kv_type_from_name(const char *name, enum hn_kv_type *out)
{
    for (int i = 0; i < HN_KV_TYPES; i++)
        if (strcmp(kv_names[i], name) == 0) {
            *out = (enum hn_kv_type)i;
            return true;
        }
    return false;
}

struct hn_plan_options hn_plan_defaults(void)
{
    return (struct hn_plan_options){.sequences = 1, .kv_type = HN_KV_F16};
}

static enum hn_status check_options(const struct hn_config *config, const struct hn_plan_options *o,
                                    struct hn_error *err)
{
    if (o->sequences < 1 || o->sequences > MAX_SEQUENCES)
        return hn_fail(err, HN_E_ARG, "%zu sequences: give a number from 1 to %d", o->sequences,
                       MAX_SEQUENCES);
    if (o->pool > MAX_POOL && o->pool != HN_POOL_FULL)
        return hn_fail(err, HN_E_ARG, "KV of %zu positions: give at most %zu", o->pool, MAX_POOL);
    if (o->batch > MAX_BATCH)
        return hn_fail(err, HN_E_ARG, "a batch of %zu tokens: give at most %d", o->batch,
                       MAX_BATCH);
    if (o->context > config->n_context)
        return hn_fail(err, HN_E_CONTEXT,
                       "a context of %zu: the model was made for %zu positions and gives nonsense "
                       "past them",
                       o->context, config->n_context);
    if (o->kv_type == HN_KV_Q8_0 && (config->dim_k % 32 || config->dim_v % 32))
        return hn_fail(err, HN_E_UNSUPPORTED,
                       "KV in q8_0 needs heads of a multiple of 32, this model's have %zu and %zu: "
                       "take f16",
                       config->dim_k, config->dim_v);
    return HN_OK;
}

/* "3.4 GB", in buffers of the caller. */
static const char *size_text(char text[32], size_t bytes)
{
    if (bytes >= 1000000000u) snprintf(text, 32, "%.1f GB", (double)bytes * 1e-9);
    else snprintf(text, 32, "%.1f MB", (double)bytes * 1e-6);
    return text;
}

/* Positions whose KV takes half of what weights leave. */
static size_t fitting_positions(const struct hn_plan *plan, size_t page_bytes)
{
    const size_t fixed = plan->weight_bytes + plan->scratch_bytes;
    const size_t left = plan->machine_bytes > fixed ? (plan->machine_bytes - fixed) / 2 : 0;
    return hn_min(left / hn_max(page_bytes, 1), SIZE_MAX / HN_KV_PAGE) * HN_KV_PAGE;
}

/* The context, and the pool of pages that the sequences share. */
static void plan_positions(const struct hn_config *config, const struct hn_plan_options *options,
                           size_t page_bytes, struct hn_plan *plan)
{
    const size_t fitting = fitting_positions(plan, page_bytes);
    const size_t each = options->pool == HN_POOL_FULL ? fitting / plan->sequences : fitting;
    plan->context = options->context ? options->context
                                     : hn_min(config->n_context, hn_max(LEAST_CONTEXT, each));
    const size_t one = hn_round_up(plan->context, HN_KV_PAGE);
    if (options->pool == HN_POOL_FULL) plan->pool = one * plan->sequences;
    else if (options->pool) plan->pool = hn_round_up(options->pool, HN_KV_PAGE);
    else plan->pool = hn_max(one, hn_min(fitting, one * plan->sequences));
    plan->context = hn_min(plan->context, plan->pool); /* no text is longer than all that is kept */
    if (!hn_mul(plan->pool / HN_KV_PAGE, page_bytes, &plan->kv_bytes)) plan->kv_bytes = SIZE_MAX;
}

static enum hn_status does_not_fit(const struct hn_plan *plan, struct hn_error *err)
{
    char all[32], weights[32], kv[32], scratch[32], machine[32], advice[200];
    const size_t fixed = plan->weight_bytes + plan->scratch_bytes;
    const size_t contexts = hn_max(1, plan->pool / hn_round_up(plan->context, HN_KV_PAGE));
    if (fixed >= plan->machine_bytes)
        snprintf(advice, sizeof advice, "quantise the model to fewer bits, or free memory");
    else
        snprintf(advice, sizeof advice, "a context of %zu would fit, or KV in q8_0",
                 (plan->machine_bytes - fixed) / hn_max(1, plan->kv_token_bytes * contexts) /
                     HN_KV_PAGE * HN_KV_PAGE);
    return hn_fail(err, HN_E_LIMIT,
                   "needs %s (weights %s, KV of %zu positions %s, scratch %s) and "
                   "there are %s: %s",
                   size_text(all, plan->total_bytes), size_text(weights, plan->weight_bytes),
                   plan->pool, size_text(kv, plan->kv_bytes),
                   size_text(scratch, plan->scratch_bytes), size_text(machine, plan->machine_bytes),
                   advice);
}

static size_t file_size(const struct hn_gguf *file)
{
    size_t bytes = 0;
    for (size_t i = 0; i < file->n_maps; i++)
        bytes += file->maps[i].size;
    return bytes;
}

enum hn_status hn_plan_make(const struct hn_config *config, const struct hn_gguf *file,
                            const struct hn_backend_ops *ops, const struct hn_plan_options *options,
                            struct hn_plan *out, struct hn_error *err)
{
    struct hn_weights_size size;
    struct hn_kv_layout kv;
    struct hn_scratch scratch;
    if (!ops) ops = &hn_cpu_backend_ops;
    *out = (struct hn_plan){0};
    HN_TRY(check_options(config, options, err));
    HN_TRY(hn_decoder_weights_measure(file, config, ops, &size, err));
    out->sequences = options->sequences;
    out->batch = options->batch ? options->batch : hn_max(DEFAULT_BATCH, options->sequences);
    out->kv_type = options->kv_type;
    out->file_bytes = file_size(file);
    out->weight_bytes = size.bytes;
    out->read_bytes = size.read_bytes;
    memcpy(out->macs, size.macs, sizeof out->macs);
    out->head_type = size.head_type;
    out->machine_bytes = hn_memory_available();

    const size_t row = config->n_vocab * sizeof(float);
    out->logit_rows = hn_min(out->batch, hn_max(1, LOGIT_BYTES / row));
    const size_t activations = hn_scratch_lay_out(config, ops, out->batch, NULL, &scratch);
    if (!hn_decoder_kv_layout(config, options->kv_type, &kv) ||
        !hn_add(activations, out->logit_rows * row, &out->scratch_bytes))
        return hn_fail(err, HN_E_LIMIT, "the model's sizes cannot be counted");
    out->kv_token_bytes = hn_div_up(kv.page_bytes, HN_KV_PAGE);
    plan_positions(config, options, kv.page_bytes, out);
    size_t total;
    if (!hn_add(out->weight_bytes, out->kv_bytes, &total) ||
        !hn_add(total, out->scratch_bytes, &total))
        total = SIZE_MAX;
    out->total_bytes = total;
    return total > out->machine_bytes ? does_not_fit(out, err) : HN_OK;
}
