/* What llama.cpp's server answers beside the OpenAI API, for programs that look for it. */
#include "base/bits.h"
#include "base/clock.h"
#include "model/open.h"
#include "server/chat_request.h"
#include "server/endpoints.h"
#include "server/requests.h"
#include "server/server_impl.h"
#include "text/detokenize.h"

static enum hn_status no_memory(struct hn_refusal *why)
{
    return hn_refuse(why, 503, "out_of_memory", NULL, "There is no memory for the answer.");
}

/* --- /tokenize --------------------------------------------------------------------------------- */

struct tokenize_request {
    struct hn_str model, content;
    bool add_special, parse_special, with_pieces;
};

#define AT(member) offsetof(struct tokenize_request, member)
static const struct hn_field tokenize_items[] = {
    {"content", HN_FIELD_TEXT, AT(content), .required = true, .about = "The text."},
    {"model", HN_FIELD_TEXT, AT(model), .max = 1000, .about = "The model's name."},
    {"add_special", HN_FIELD_BOOL, AT(add_special), .fallback = "false",
     .about = "Put the tokens around it that the model wants there."},
    {"parse_special", HN_FIELD_BOOL, AT(parse_special), .fallback = "true",
     .about = "The text of a control token becomes that token."},
    {"with_pieces", HN_FIELD_BOOL, AT(with_pieces), .fallback = "false",
     .about = "Give each token's text, too."},
};
#undef AT
const struct hn_fields hn_tokenize_fields = {"TokenizeRequest", tokenize_items,
                                             HN_COUNT(tokenize_items)};

static void put_ids(struct hn_json_writer *w, const struct hn_tokens *ids,
                    const struct hn_tokenizer *tokenizer, bool pieces)
{
    hn_json_open(w, "tokens", '[');
    for (size_t i = 0; i < ids->n; i++) {
        if (!pieces) {
            hn_json_put_int(w, NULL, ids->ids[i]);
            continue;
        }
        hn_json_open(w, NULL, '{');
        hn_json_put_int(w, "id", ids->ids[i]);
        hn_json_put_text(w, "piece", hn_tokenizer_piece(tokenizer, ids->ids[i]));
        hn_json_close(w, '}');
    }
    hn_json_close(w, ']');
}

enum hn_status hn_answer_tokenize(struct hn_call *call, struct hn_refusal *why)
{
    struct hn_error err;
    struct hn_served *served;
    struct hn_tokens ids = {0};
    struct hn_json_writer w = {0};
    struct tokenize_request r = {.parse_special = true};
    HN_TRY(hn_fields_read(&hn_tokenize_fields, call->body, "", &r, why));
    HN_TRY(hn_find_model(call, r.model, &served, why));
    const struct hn_tokenizer *tokenizer = hn_served_instance(served)->tokenizer;
    const unsigned flags = (r.add_special ? HN_TOKENIZE_ADD_SPECIAL : 0u) |
                           (r.parse_special ? HN_TOKENIZE_PARSE_SPECIAL : 0u);
    enum hn_status status = hn_tokenize(tokenizer, r.content, flags, &ids, &err);
    if (status >= 0) {
        hn_json_open(&w, NULL, '{');
        put_ids(&w, &ids, tokenizer, r.with_pieces);
        hn_json_close(&w, '}');
        hn_call_json(call, 200, &w);
    } else {
        (void)hn_refuse_by(why, status, &err);
    }
    hn_tokens_free(&ids);
    hn_served_release(served);
    return status;
}

/* --- /detokenize ------------------------------------------------------------------------------- */

struct detokenize_request {
    struct hn_str model;
    const json_t *tokens;
};

#define AT(member) offsetof(struct detokenize_request, member)
static const struct hn_field detokenize_items[] = {
    {"tokens", HN_FIELD_ARRAY, AT(tokens), .required = true,
     .schema = "{\"type\": \"array\", \"items\": {\"type\": \"integer\"}}", .about = "The ids."},
    {"model", HN_FIELD_TEXT, AT(model), .max = 1000, .about = "The model's name."},
};
#undef AT
const struct hn_fields hn_detokenize_fields = {"DetokenizeRequest", detokenize_items,
                                               HN_COUNT(detokenize_items)};

static enum hn_status detokenize(const struct hn_tokenizer *tokenizer, const json_t *ids,
                                 struct hn_buf *out, struct hn_refusal *why)
{
    struct hn_detokenizer state = {0};
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *id = json_array_get(ids, i);
        const json_int_t value = json_integer_value(id);
        if (!json_is_integer(id) || value < 0 || (size_t)value >= hn_tokenizer_size(tokenizer))
            return hn_refuse(why, 400, "invalid_value", "tokens",
                             "Invalid 'tokens[%zu]': expected a token id from 0 to %zu.", i,
                             hn_tokenizer_size(tokenizer) - 1);
        if (hn_detokenize(tokenizer, &state, (int32_t)value, HN_DETOKENIZE_SPECIAL, out) < 0)
            return no_memory(why);
    }
    return hn_detokenize_finish(&state, out) < 0 ? no_memory(why) : HN_OK;
}

/* {"KEY": "text"} as the answer. */
static void answer_text(struct hn_call *call, const char *key, const struct hn_buf *text)
{
    struct hn_json_writer w = {0};
    hn_json_open(&w, NULL, '{');
    hn_json_put_text(&w, key, hn_buf_view(text));
    hn_json_close(&w, '}');
    hn_call_json(call, 200, &w);
}

enum hn_status hn_answer_detokenize(struct hn_call *call, struct hn_refusal *why)
{
    struct hn_buf text = {0};
    struct hn_served *served;
    struct detokenize_request r = {0};
    HN_TRY(hn_fields_read(&hn_detokenize_fields, call->body, "", &r, why));
    HN_TRY(hn_find_model(call, r.model, &served, why));
    const enum hn_status status =
        detokenize(hn_served_instance(served)->tokenizer, r.tokens, &text, why);
    if (status >= 0) answer_text(call, "content", &text);
    hn_buf_free(&text);
    hn_served_release(served);
    return status;
}

/* --- /apply-template --------------------------------------------------------------------------- */

enum hn_status hn_answer_apply_template(struct hn_call *call, struct hn_refusal *why)
{
    struct hn_buf text = {0};
    struct hn_served *served = NULL;
    struct hn_chat_request r;
    enum hn_status status = hn_chat_request_read(call->body, &r, why);
    if (status >= 0) status = hn_find_model(call, r.common.model, &served, why);
    if (status >= 0) status = hn_chat_request_render(&r, served, &text, why);
    if (status >= 0) answer_text(call, "prompt", &text);
    hn_buf_free(&text);
    hn_served_release(served);
    hn_chat_request_free(&r);
    return status;
}

/* --- /props, /slots ---------------------------------------------------------------------------- */

enum hn_status hn_answer_props(struct hn_call *call, struct hn_refusal *why)
{
    struct hn_str source = {"", 0};
    struct hn_served *served;
    struct hn_json_writer w = {0};
    HN_TRY(hn_find_model(call, (struct hn_str){0}, &served, why));
    const struct hn_instance *in = hn_served_instance(served);
    (void)hn_model_template(in->file, NULL, &source, NULL);
    hn_json_open(&w, NULL, '{');
    hn_json_open(&w, "default_generation_settings", '{');
    hn_json_put_uint(&w, "n_ctx", in->plan.context);
    hn_json_close(&w, '}');
    hn_json_put_uint(&w, "total_slots", in->plan.sequences);
    hn_json_put_text(&w, "model_alias", hn_str_from(hn_served_name(served)));
    hn_json_put_text(&w, "chat_template", source);
    hn_json_put_text(&w, "build_info", hn_str_from(call->server->fingerprint));
    hn_json_close(&w, '}');
    hn_call_json(call, 200, &w);
    hn_served_release(served);
    return HN_OK;
}

/* Where a text stands. */
static void put_slot(struct hn_json_writer *w, const struct hn_generation *g,
                     const struct hn_choice *c)
{
    const size_t n = atomic_load_explicit(&c->n_tokens, memory_order_relaxed);
    hn_json_open(w, NULL, '{');
    hn_json_put_uint(w, "id", atomic_load(&c->id));
    hn_json_put_text(w, "request", hn_str_from(g->call->id));
    hn_json_put_text(w, "model", hn_str_from(hn_served_name(g->served)));
    hn_json_put_bool(w, "is_processing", true);
    hn_json_put_bool(w, "stream", g->stream);
    hn_json_put_uint(w, "n_decoded", n);
    hn_json_put_real(w, "age_s",
                     hn_clock_seconds(hn_exchange_received_ns(g->call->x), hn_clock_ns()));
    hn_json_close(w, '}');
}

enum hn_status hn_answer_slots(struct hn_call *call, struct hn_refusal *why)
{
    struct hn_server *server = call->server;
    struct hn_json_writer w = {0};
    (void)why;
    hn_json_open(&w, NULL, '[');
    pthread_mutex_lock(&server->lock);
    for (const struct hn_generation *g = server->answering; g; g = g->next)
        for (size_t i = 0; i < g->n_choices; i++)
            put_slot(&w, g, &g->choices[i]);
    pthread_mutex_unlock(&server->lock);
    hn_json_close(&w, ']');
    hn_call_json(call, 200, &w);
    return HN_OK;
}
