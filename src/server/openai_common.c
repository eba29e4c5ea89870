#include "server/openai_common.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/bits.h"
#include "hence/version.h"
#include "server/access.h"
#include "server/server_impl.h"

void hn_openai_defaults(struct hn_openai_common *c)
{
    const struct hn_sample_params sample = hn_sample_defaults();
    *c = (struct hn_openai_common){
        .n = 1,
        .seed = HN_NOT_GIVEN,
        .max_tokens = HN_NOT_GIVEN,
        .top_k = sample.top_k,
        .repeat_last_n = sample.repeat_last_n,
        .temperature = sample.temperature,
        .top_p = sample.top_p,
        .min_p = sample.min_p,
        .typical_p = sample.typical_p,
        .repeat_penalty = sample.repeat_penalty,
        .frequency_penalty = sample.frequency_penalty,
        .presence_penalty = sample.presence_penalty,
    };
}

/* --- what no table of fields can say ----------------------------------------------------------- */

static enum hn_status take_stop(const json_t *value, const char *param, struct hn_openai_ask *out,
                                struct hn_refusal *why)
{
    if (!json_is_string(value)) return hn_refuse_type(why, param, "a string", value);
    const struct hn_str text = hn_json_str(value);
    if (!text.n || text.n > HN_STOPS_MAX_BYTES)
        return hn_refuse(why, 400, "invalid_value", param,
                         "Invalid '%s': expected a text of 1 to %d bytes, but got %zu bytes "
                         "instead.",
                         param, HN_STOPS_MAX_BYTES, text.n);
    out->stops[out->ask.request.n_stops++] = text;
    return HN_OK;
}

static enum hn_status take_stops(const json_t *stop, struct hn_openai_ask *out,
                                 struct hn_refusal *why)
{
    if (!stop) return HN_OK;
    if (!json_is_array(stop)) return take_stop(stop, "stop", out, why);
    const size_t n = json_array_size(stop);
    if (n > HN_STOPS_MAX)
        return hn_refuse(why, 400, "array_above_max_length", "stop",
                         "Invalid 'stop': array too long. Expected an array with maximum length "
                         "%d, but got one with length %zu instead.",
                         HN_STOPS_MAX, n);
    for (size_t i = 0; i < n; i++) {
        char param[40];
        snprintf(param, sizeof param, "stop[%zu]", i);
        HN_TRY(take_stop(json_array_get(stop, i), param, out, why));
    }
    return HN_OK;
}

static enum hn_status take_bias(const json_t *biases, struct hn_openai_ask *out,
                                struct hn_refusal *why)
{
    const size_t n = json_object_size(biases);
    if (!n) return HN_OK;
    if (n > HN_SAMPLE_MAX_BIAS)
        return hn_refuse(why, 400, "invalid_value", "logit_bias",
                         "Invalid 'logit_bias': expected at most %d tokens, but got %zu instead.",
                         HN_SAMPLE_MAX_BIAS, n);
    out->bias = calloc(n, sizeof *out->bias);
    if (!out->bias) return hn_refuse(why, 503, "out_of_memory", NULL, "There is no memory.");
    const char *key;
    json_t *value;
    size_t i = 0;
    json_object_foreach((json_t *)biases, key, value)
    {
        char *end;
        const long id = strtol(key, &end, 10); /* which takes a sign and blanks before it */
        const double bias = json_number_value(value);
        if (*key < '0' || *key > '9' || *end || id > INT32_MAX)
            return hn_refuse(why, 400, "invalid_value", "logit_bias",
                             "Invalid 'logit_bias': '%.40s' is no token id.", key);
        if (!json_is_number(value) || !(bias >= -100 && bias <= 100))
            return hn_refuse(why, 400, "invalid_value", "logit_bias",
                             "Invalid 'logit_bias.%ld': expected a number from -100 to 100.", id);
        out->bias[i++] = (struct hn_logit_bias){(int32_t)id, (float)bias};
    }
    out->ask.request.sample.bias = out->bias;
    out->ask.request.sample.n_bias = n;
    return HN_OK;
}

/* The vocabulary is that of the model, which is known last. */
static enum hn_status check_bias(const struct hn_openai_ask *ask, struct hn_refusal *why)
{
    const struct hn_sample_params *sample = &ask->ask.request.sample;
    const size_t n = hn_tokenizer_size(hn_served_instance(ask->ask.served)->tokenizer);
    for (size_t i = 0; i < sample->n_bias; i++)
        if ((size_t)sample->bias[i].id >= n)
            return hn_refuse(why, 400, "invalid_value", "logit_bias",
                             "Invalid 'logit_bias.%d': expected a token id from 0 to %zu.",
                             sample->bias[i].id, n - 1);
    return HN_OK;
}

static enum hn_status take_stream_options(struct hn_openai_common *c, struct hn_refusal *why)
{
    static const struct hn_field items[] = {
        {"include_usage", HN_FIELD_BOOL, offsetof(struct hn_openai_common, include_usage)},
        {"include_obfuscation", HN_FIELD_IGNORED},
    };
    static const struct hn_fields fields = {.items = items, .n = HN_COUNT(items)};
    if (!c->stream_options) return HN_OK;
    if (!c->stream)
        return hn_refuse(why, 400, "invalid_value", "stream_options",
                         "The 'stream_options' parameter is only allowed when 'stream' is "
                         "enabled.");
    return hn_fields_read(&fields, c->stream_options, "stream_options.", c, why);
}

/* --- the ask ----------------------------------------------------------------------------------- */

static uint64_t random_seed(void)
{
    uint64_t seed = 0;
    (void)!getrandom(&seed, sizeof seed, 0);
    return seed;
}

enum hn_status hn_openai_ask(struct hn_call *call, struct hn_openai_common *c,
                             struct hn_openai_ask *out, struct hn_refusal *why)
{
    *out = (struct hn_openai_ask){0};
    struct hn_ask *ask = &out->ask;
    HN_TRY(take_stream_options(c, why));
    HN_TRY(take_stops(c->stop, out, why));
    HN_TRY(take_bias(c->logit_bias, out, why));
    ask->stream = c->stream;
    ask->n_each = (size_t)c->n;
    ask->request.stops = out->stops;
    ask->request.ignore_eog = c->ignore_eos;
    ask->request.klass = c->service_tier == HN_TIER_FLEX ? HN_CLASS_BATCH : HN_CLASS_INTERACTIVE;
    if (c->timeout_s > 0)
        ask->request.deadline_ns =
            hn_exchange_received_ns(call->x) + (uint64_t)(c->timeout_s * 1e9);
    ask->request.max_draft = call->server->options->max_draft;
    ask->request.max_tokens = c->max_tokens == HN_NOT_GIVEN ? SIZE_MAX : (size_t)c->max_tokens;
    struct hn_sample_params *s = &ask->request.sample;
    s->temperature = (float)c->temperature;
    s->top_k = (int32_t)c->top_k;
    s->top_p = (float)c->top_p;
    s->min_p = (float)c->min_p;
    s->typical_p = (float)c->typical_p;
    s->repeat_penalty = (float)c->repeat_penalty;
    s->repeat_last_n = (int32_t)c->repeat_last_n;
    s->frequency_penalty = (float)c->frequency_penalty;
    s->presence_penalty = (float)c->presence_penalty;
    s->seed = c->seed == HN_NOT_GIVEN ? random_seed() : (uint64_t)c->seed;
    s->top_logprobs = -1;
    HN_TRY(hn_find_model(call, c->model, &ask->served, why));
    return check_bias(out, why);
}

enum hn_status hn_openai_prompts(struct hn_openai_ask *ask, size_t n, struct hn_refusal *why)
{
    ask->prompts = calloc(n, sizeof *ask->prompts);
    if (!ask->prompts) return hn_refuse(why, 503, "out_of_memory", NULL, "There is no memory.");
    ask->ask.prompts = ask->prompts;
    ask->ask.n_prompts = n;
    return HN_OK;
}

enum hn_status hn_openai_form(const struct hn_openai_common *c, struct hn_form *out,
                              struct hn_refusal *why)
{
    const struct hn_form gbnf = {.kind = HN_FORM_GBNF, .text = c->grammar, .param = "grammar"};
    const struct hn_form regex = {.kind = HN_FORM_REGEX, .text = c->regex, .param = "regex"};
    *out = (struct hn_form){.kind = HN_FORM_NONE};
    if (c->grammar.p) HN_TRY(hn_form_set(out, gbnf, why));
    return c->regex.p ? hn_form_set(out, regex, why) : HN_OK;
}

enum hn_status hn_openai_hold(struct hn_call *call, struct hn_openai_ask *ask,
                              const struct hn_form *form, struct hn_refusal *why)
{
    const enum hn_status status =
        hn_forms_get(call->server->forms, form, call->may_wait, &ask->ask.request.grammar, why);
    call->again = status == HN_E_BUSY;
    return status;
}

void hn_openai_ask_free(struct hn_openai_ask *ask)
{
    hn_grammar_release(ask->ask.request.grammar);
    for (size_t i = 0; i < ask->ask.n_prompts; i++)
        hn_tokens_free(&ask->prompts[i]);
    free(ask->prompts);
    free(ask->bias);
    hn_served_release(ask->ask.served);
}

/* --- what all answers say ---------------------------------------------------------------------- */

void hn_openai_tier(struct hn_json_writer *w, const struct hn_generation *g)
{
    const bool flex = g->klass == HN_CLASS_BATCH;
    hn_json_put_text(w, "service_tier", flex ? HN_STR("flex") : HN_STR("default"));
}

void hn_openai_head(struct hn_json_writer *w, const struct hn_generation *g, const char *prefix,
                    const char *object)
{
    char id[60];
    snprintf(id, sizeof id, "%s%s", prefix, g->call->id + 4 /* behind "req_" */);
    hn_json_put_text(w, "id", hn_str_from(id));
    hn_json_put_text(w, "object", hn_str_from(object));
    hn_json_put_int(w, "created", g->created);
    hn_json_put_text(w, "model", hn_str_from(hn_served_name(g->served)));
    hn_json_put_text(w, "system_fingerprint", hn_str_from(g->call->server->fingerprint));
    hn_openai_tier(w, g);
}

void hn_openai_usage(struct hn_json_writer *w, const struct hn_generation *g)
{
    const struct hn_receipt *r = &g->call->receipt;
    hn_json_open(w, "usage", '{');
    hn_json_put_uint(w, "prompt_tokens", r->prompt_tokens);
    hn_json_put_uint(w, "completion_tokens", r->completion_tokens);
    hn_json_put_uint(w, "total_tokens", r->prompt_tokens + r->completion_tokens);
    hn_json_open(w, "prompt_tokens_details", '{');
    hn_json_put_uint(w, "cached_tokens", r->cached_tokens);
    hn_json_close(w, '}');
    hn_json_open(w, "completion_tokens_details", '{');
    hn_json_put_uint(w, "reasoning_tokens", r->reasoning_tokens);
    hn_json_close(w, '}');
    hn_json_close(w, '}');
    hn_receipt_put(w, "hence", r);
}

const char *hn_openai_finish(const struct hn_choice *choice)
{
    if (choice->finish == HN_FINISH_DEADLINE) return "length";
    const char *text = hn_finish_text(choice->finish);
    return choice->n_calls && strcmp(text, "stop") == 0 ? "tool_calls" : text;
}

void hn_openai_end(struct hn_json_writer *w, const struct hn_generation *g, const char *prefix,
                   const char *object, bool include_usage)
{
    if (include_usage) {
        hn_sse_open(w);
        hn_json_open(w, NULL, '{');
        hn_openai_head(w, g, prefix, object);
        hn_json_open(w, "choices", '[');
        hn_json_close(w, ']');
        hn_openai_usage(w, g);
        hn_json_close(w, '}');
        hn_sse_close(w);
    }
    hn_buf_text(&w->out, "data: [DONE]\n\n");
}

void hn_openai_fail(struct hn_generation *g, const struct hn_refusal *why, struct hn_json_writer *w)
{
    (void)g;
    hn_sse_open(w);
    hn_refusal_write(w, why);
    hn_sse_close(w);
}
