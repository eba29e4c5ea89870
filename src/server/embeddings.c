/* /v1/embeddings: texts, or their tokens, to vectors. */
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "server/encode.h"
#include "server/endpoints.h"
#include "server/requests.h"

enum { MAX_INPUTS = 2048, MAX_PROMPT = 1 << 16 };

enum { FORMAT_FLOAT, FORMAT_BASE64 };
enum { TIER_FLEX = 2 };

struct request {
    struct hn_str model, prompt, prompt_name, input_type;
    const json_t *input;
    int64_t dimensions; /* 0: all */
    int format, tier;
    bool truncate, normalize;
};

#define AT(member) offsetof(struct request, member)
static const struct hn_field items[] = {
    {"model", HN_FIELD_TEXT, AT(model), .max = 1000,
     .about = "The model's name; the first encoder in service when it is not given."},
    {"input", HN_FIELD_ANY, AT(input), .required = true,
     .schema = "{\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"array\", \"items\": {\"type\": "
               "\"string\"}, \"maxItems\": 2048}, {\"type\": \"array\", \"items\": {\"type\": "
               "\"integer\"}}, {\"type\": \"array\", \"items\": {\"type\": \"array\", \"items\": "
               "{\"type\": \"integer\"}}, \"maxItems\": 2048}]}",
     .about = "A text, or its tokens, which are taken as they are; or up to 2048 of either."},
    {"encoding_format", HN_FIELD_CHOICE, AT(format), .words = "float|base64",
     .fallback = "\"float\"",
     .about = "`base64`: the numbers as 32-bit floats, the lowest byte first."},
    {"dimensions", HN_FIELD_INT, AT(dimensions), .min = 1, .max = 1 << 16,
     .about = "Keep the first so many numbers of each vector: for models that were trained so."},
    {"normalize", HN_FIELD_BOOL, AT(normalize), .fallback = "true",
     .about = "Give vectors of length 1. An extension."},
    {"truncate", HN_FIELD_BOOL, AT(truncate), .fallback = "false",
     .about =
         "Cut texts that are too long for the model at their end; otherwise they are an error. "
         "An extension."},
    {"prompt_name", HN_FIELD_TEXT, AT(prompt_name), .max = 100,
     .about = "Put the model's prompt of this name (`query`, `document`) in front of each text. An "
              "extension."},
    {"prompt", HN_FIELD_TEXT, AT(prompt), .max = MAX_PROMPT,
     .about = "Put this in front of each text: `search_query: `, for one. An extension."},
    {"input_type", HN_FIELD_TEXT, AT(input_type), .max = 100,
     .about = "What the texts are meant for (`query`, `document`, `search_query`, ...): the "
              "model's prompt for "
              "that, where it has one, is put in front. An extension."},
    {"service_tier", HN_FIELD_CHOICE, AT(tier), .words = "auto|default|flex",
     .fallback = "\"auto\"", .about = "`flex` takes what other requests leave. An extension."},
    {"user", HN_FIELD_IGNORED, .schema = "{\"type\": \"string\"}",
     .about = "Who asks, in the client's words. Taken without effect."},
};
#undef AT
const struct hn_fields hn_embedding_fields = {"EmbeddingRequest", items, HN_COUNT(items)};

/* A call that is being computed. */
struct own {
    struct hn_encode base;
    size_t width; /* of what is given of a vector */
    bool base64, normalize;
};

/* --- the answer -------------------------------------------------------------------------------- */

/* The bytes of floats in base64, as a JSON text. */
static void put_base64(struct hn_json_writer *w, const char *key, const float *v, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *bytes = (const unsigned char *)v;
    struct hn_buf text = {0};
    hn_buf_char(&text, '"');
    for (size_t i = 0; i < n * sizeof *v; i += 3) {
        const size_t left = hn_min(n * sizeof *v - i, 3);
        const unsigned three = (unsigned)(bytes[i] << 16 | (left > 1 ? bytes[i + 1] << 8 : 0) |
                                          (left > 2 ? bytes[i + 2] : 0));
        const char four[] = {digits[three >> 18], digits[three >> 12 & 63],
                             left > 1 ? digits[three >> 6 & 63] : '=',
                             left > 2 ? digits[three & 63] : '='};
        hn_buf_add(&text, four, sizeof four);
    }
    hn_buf_char(&text, '"');
    if (text.failed) w->out.failed = text.failed;
    hn_json_put_raw(w, key, hn_buf_view(&text));
    hn_buf_free(&text);
}

static void put_vector(struct hn_json_writer *w, const struct own *own, const float *v)
{
    if (own->base64) {
        put_base64(w, "embedding", v, own->width);
        return;
    }
    hn_json_open(w, "embedding", '[');
    for (size_t i = 0; i < own->width; i++)
        hn_json_put_real(w, NULL, (double)v[i]);
    hn_json_close(w, ']');
}

static void answer(struct hn_errand *errand)
{
    struct hn_json_writer w = {0};
    struct own *own = (struct own *)errand;
    struct hn_encode *e = &own->base;
    hn_json_open(&w, NULL, '{');
    hn_json_put_text(&w, "object", HN_STR("list"));
    hn_json_open(&w, "data", '[');
    for (size_t i = 0; i < e->n; i++) {
        hn_embedding_finish(e->items[i].out, own->width, own->normalize);
        hn_json_open(&w, NULL, '{');
        hn_json_put_text(&w, "object", HN_STR("embedding"));
        hn_json_put_uint(&w, "index", i);
        put_vector(&w, own, e->items[i].out);
        hn_json_close(&w, '}');
    }
    hn_json_close(&w, ']');
    hn_json_put_text(&w, "model", hn_str_from(hn_served_name(errand->served)));
    hn_encode_usage(&w, e);
    hn_json_close(&w, '}');
    hn_call_json(errand->call, 200, &w);
}

/* --- the request ------------------------------------------------------------------------------- */

static enum hn_status add_ids(struct hn_encode *e, const json_t *ids, const char *param,
                              struct hn_refusal *why)
{
    const size_t n = json_array_size(ids), limit = e->model->config.n_context;
    if (!n) return hn_refuse(why, 400, "invalid_value", param, "Invalid '%s': it is empty.", param);
    if (n > limit)
        return hn_refuse(why, 400, "context_length_exceeded", param,
                         "Invalid '%s': it has %zu tokens, and the model takes %zu.", param, n,
                         limit);
    for (size_t i = 0; i < n; i++) {
        const json_t *id = json_array_get(ids, i);
        const json_int_t value = json_integer_value(id);
        if (!json_is_integer(id) || value < 0 || (size_t)value >= e->model->config.n_vocab)
            return hn_refuse(why, 400, "invalid_value", param,
                             "Invalid '%s[%zu]': expected a token id from 0 to %zu.", param, i,
                             e->model->config.n_vocab - 1);
        if (hn_tokens_add(&e->ids, (int32_t)value) < 0)
            return hn_refuse(why, 503, "out_of_memory", NULL, "There is no memory.");
    }
    return HN_OK;
}

static enum hn_status add_input(struct hn_encode *e, const struct request *r, struct hn_str prefix,
                                const json_t *input, const char *param, struct hn_refusal *why)
{
    struct hn_error err;
    if (json_is_array(input)) {
        HN_TRY(add_ids(e, input, param, why));
    } else if (json_is_string(input)) {
        const struct hn_str text = hn_json_str(input);
        if (!text.n)
            return hn_refuse(why, 400, "invalid_value", param,
                             "Invalid '%s': it is an empty string.", param);
        const enum hn_status status =
            hn_embedder_tokens(e->model, prefix, text, r->truncate, &e->ids, &err);
        if (status < 0) return hn_refuse_text(why, status, param, &err);
    } else {
        return hn_refuse_type(why, param, "a string or an array", input);
    }
    hn_encode_add(e, SIZE_MAX);
    return HN_OK;
}

/* Whether the input is several ones. */
static bool is_list(const json_t *input)
{
    return json_is_array(input) && !json_is_integer(json_array_get(input, 0));
}

static enum hn_status count_inputs(const json_t *input, size_t *n, struct hn_refusal *why)
{
    *n = 1;
    if (!json_is_string(input) && !json_is_array(input))
        return hn_refuse_type(why, "input", "a string or an array", input);
    if (is_list(input)) *n = json_array_size(input);
    if (!*n)
        return hn_refuse(why, 400, "empty_array", "input",
                         "Invalid 'input': empty array. Expected an array with minimum length 1.");
    if (*n > MAX_INPUTS)
        return hn_refuse(why, 400, "array_above_max_length", "input",
                         "Invalid 'input': array too long. Expected an array with maximum length "
                         "%d, but got one with length %zu instead.",
                         MAX_INPUTS, *n);
    return HN_OK;
}

static enum hn_status find_prompt(const struct hn_encode *e, const struct request *r,
                                  struct hn_str *out, struct hn_refusal *why)
{
    struct hn_error err;
    *out = r->prompt;
    if ((r->prompt.p != NULL) + (r->prompt_name.p != NULL) + (r->input_type.p != NULL) > 1)
        return hn_refuse(why, 400, "invalid_value", r->prompt_name.p ? "prompt_name" : "input_type",
                         "Give one of 'prompt', 'prompt_name' and 'input_type'.");
    if (r->prompt.p) return HN_OK;
    if (r->input_type.p) {
        const enum hn_status status = hn_embedder_hint(e->model, r->input_type, out, &err);
        return status < 0 ? hn_refuse_by(why, status, &err) : HN_OK;
    }
    /* The texts are those of JSON values, which end in NUL. */
    const enum hn_status status = hn_embedder_prompt(e->model, r->prompt_name.p, out, &err);
    if (status == HN_E_NOTFOUND)
        return hn_refuse(why, 400, "invalid_value", "prompt_name", "Invalid 'prompt_name': %s.",
                         err.text);
    return status < 0 ? hn_refuse_by(why, status, &err) : HN_OK;
}

static enum hn_status fill(struct own *own, const struct request *r, struct hn_refusal *why)
{
    struct hn_encode *e = &own->base;
    struct hn_str prefix;
    if (e->pooling == HN_POOLING_RANK)
        return hn_refuse(why, 400, "wrong_model_kind", "model",
                         "The model '%s' ranks texts and embeds none: it is asked through "
                         "/v1/rerank.",
                         hn_served_name(e->errand.served));
    if (e->pooling == HN_POOLING_NONE) e->pooling = HN_POOLING_MEAN;
    const size_t all = hn_encode_floats(&e->model->config, e->pooling, 1);
    if ((size_t)r->dimensions > all)
        return hn_refuse(why, 400, "invalid_value", "dimensions",
                         "Invalid 'dimensions': the model's vectors have %zu.", all);
    own->width = r->dimensions ? (size_t)r->dimensions : all;
    own->base64 = r->format == FORMAT_BASE64;
    own->normalize = r->normalize;
    e->errand.klass = r->tier == TIER_FLEX ? HN_CLASS_BATCH : HN_CLASS_INTERACTIVE;
    HN_TRY(find_prompt(e, r, &prefix, why));
    if (!is_list(r->input)) return add_input(e, r, prefix, r->input, "input", why);
    for (size_t i = 0; i < json_array_size(r->input); i++) {
        char param[40];
        snprintf(param, sizeof param, "input[%zu]", i);
        HN_TRY(add_input(e, r, prefix, json_array_get(r->input, i), param, why));
    }
    return HN_OK;
}

enum hn_status hn_answer_embeddings(struct hn_call *call, struct hn_refusal *why)
{
    struct request r = {.normalize = true};
    struct hn_encode *e;
    size_t n;
    HN_TRY(hn_fields_read(&hn_embedding_fields, call->body, "", &r, why));
    HN_TRY(count_inputs(r.input, &n, why));
    HN_TRY(hn_encode_create(call, r.model, sizeof(struct own), n, &e, why));
    const enum hn_status status = fill((struct own *)e, &r, why);
    if (status >= 0) return hn_encode_start(e, answer, why);
    hn_encode_destroy(e);
    return status;
}
