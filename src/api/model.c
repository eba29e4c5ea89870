#include "hence/model.h"

#include <stdlib.h>
#include <string.h>

#include "api/handle.h"
#include "base/bits.h"
#include "text/detokenize.h"

void hence_model_params_init(struct hence_model_params *params)
{
    const struct hn_plan_options plan = hn_plan_defaults();
    *params = (struct hence_model_params){
        .struct_size = sizeof *params,
        .sequences = plan.sequences,
        .kv_type = "f16",
    };
}

static enum hn_status read_params(const struct hence_model_params *params,
                                  struct hn_instance_options *out, struct hn_error *err)
{
    if (params->struct_size != sizeof *params)
        return hn_fail(err, HN_E_ARG, "hence_model_params: not set up by hence_model_params_init");
    if (params->threads > HN_POOL_MAX_THREADS)
        return hn_fail(err, HN_E_ARG, "%u threads: give at most %d", params->threads,
                       HN_POOL_MAX_THREADS);
    out->threads = params->threads;
    out->plan.context = params->context;
    out->plan.sequences = params->sequences;
    out->plan.batch = params->batch;
    if (params->kv_type && hn_kv_type_from_name(params->kv_type, &out->plan.kv_type)) return HN_OK;
    return hn_fail(err, HN_E_ARG, "kv_type is \"%.20s\": give f16, bf16, f32 or q8_0",
                   params->kv_type ? params->kv_type : "");
}

int hence_model_open(const char *path, const struct hence_model_params *params,
                     struct hence_model **out, struct hence_error *err)
{
    struct hence_model_params defaults;
    struct hn_instance_options options = {
        .path = path, .plan = hn_plan_defaults(), .cpu = getenv("HENCE_CPU")};
    struct hn_error error = {.text = ""};
    *out = NULL;
    hence_model_params_init(&defaults);
    enum hn_status status = read_params(params ? params : &defaults, &options, &error);
    if (status < 0) return hn_api_fail(&error, status, err);
    struct hence_model *model = calloc(1, sizeof *model);
    status = model ? hn_instance_open(&options, &model->instance, &error)
                   : hn_fail_nomem(&error, "the model", sizeof *model);
    if (status < 0) {
        free(model);
        return hn_api_fail(&error, status, err);
    }
    *out = model;
    return HENCE_OK;
}

void hence_model_close(struct hence_model *model)
{
    if (!model) return;
    hn_instance_close(&model->instance);
    while (model->listeners) {
        struct hn_listener *l = model->listeners;
        model->listeners = l->next;
        free(l);
    }
    free(model);
}

size_t hence_model_context(const struct hence_model *model)
{
    return model->instance.plan.context;
}

size_t hence_model_vocabulary(const struct hence_model *model)
{
    return model->instance.config.n_vocab;
}

int hence_tokenize(const struct hence_model *model, const char *text, size_t n, unsigned flags,
                   int32_t *ids, size_t max, size_t *n_ids, struct hence_error *err)
{
    struct hn_tokens tokens = {0};
    struct hn_error error = {.text = ""};
    const unsigned inner = (flags & HENCE_ADD_SPECIAL ? HN_TOKENIZE_ADD_SPECIAL : 0) |
                           (flags & HENCE_PARSE_SPECIAL ? HN_TOKENIZE_PARSE_SPECIAL : 0);
    enum hn_status status =
        hn_tokenize(model->instance.tokenizer, (struct hn_str){text, n}, inner, &tokens, &error);
    *n_ids = tokens.n;
    if (status >= 0 && tokens.n > max)
        status = hn_fail(&error, HN_E_LIMIT, "the text is %zu tokens, there is room for %zu",
                         tokens.n, max);
    if (status >= 0 && tokens.n) memcpy(ids, tokens.ids, tokens.n * sizeof *ids);
    hn_tokens_free(&tokens);
    return status < 0 ? hn_api_fail(&error, status, err) : HENCE_OK;
}

static enum hn_status all_text(const struct hn_tokenizer *tokenizer, const int32_t *ids, size_t n,
                               unsigned flags, struct hn_buf *out, struct hn_error *err)
{
    struct hn_detokenizer state = {0};
    for (size_t i = 0; i < n; i++) {
        const enum hn_status status = hn_detokenize(tokenizer, &state, ids[i], flags, out);
        if (status == HN_E_ARG)
            return hn_fail(err, status, "token %zu is %d; the model's go from 0 to %zu", i, ids[i],
                           hn_tokenizer_size(tokenizer) - 1);
        if (status < 0) return hn_fail_nomem(err, "text", out->n);
    }
    if (hn_detokenize_finish(&state, out) < 0) return hn_fail_nomem(err, "text", out->n);
    return HN_OK;
}

int hence_detokenize(const struct hence_model *model, const int32_t *ids, size_t n, unsigned flags,
                     char *text, size_t max, size_t *n_text, struct hence_error *err)
{
    struct hn_buf out = {0};
    struct hn_error error = {.text = ""};
    enum hn_status status =
        all_text(model->instance.tokenizer, ids, n,
                 flags & HENCE_SHOW_SPECIAL ? HN_DETOKENIZE_SPECIAL : 0, &out, &error);
    *n_text = out.n;
    if (status >= 0 && out.n > max)
        status =
            hn_fail(&error, HN_E_LIMIT, "the text is %zu bytes, there is room for %zu", out.n, max);
    if (status >= 0 && out.n) memcpy(text, out.p, out.n);
    hn_buf_free(&out);
    return status < 0 ? hn_api_fail(&error, status, err) : HENCE_OK;
}
