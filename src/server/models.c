/* /v1/models, /v1/admin/models, and finding the model that a request names. */
#include "server/models.h"

#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/pool.h"
#include "server/endpoints.h"
#include "server/requests.h"
#include "server/server_impl.h"

const struct hn_fields hn_none_fields = {0};

/* Says where a model of the other kind can be asked. */
static enum hn_status refuse_kind(const struct hn_served *served, struct hn_refusal *why)
{
    static const char *const ways[HN_KINDS] = {
        "/v1/chat/completions and /v1/completions",
        "/v1/predictions and /v2/models/{model}/infer",
        "/v1/embeddings and /v1/rerank",
        "/v1/recommendations",
    };
    return hn_refuse(why, 400, "wrong_model_kind", "model",
                     "The model '%s' is of the kind '%s': it is asked through %s.",
                     hn_served_name(served), hn_served_type(served), ways[hn_served_kind(served)]);
}

enum hn_status hn_find_kind(struct hn_call *call, struct hn_str name, unsigned kinds,
                            struct hn_served **out, struct hn_refusal *why)
{
    struct hn_error err;
    char text[HN_MODEL_NAME + 1] = "";
    if (name.p) snprintf(text, sizeof text, "%.*s", (int)hn_min(name.n, HN_MODEL_NAME), name.p);
    enum hn_status status =
        hn_catalogue_find(call->server->catalogue, text, kinds, call->may_wait, out, &err);
    if (status >= 0 && !(1u << hn_served_kind(*out) & kinds)) {
        status = refuse_kind(*out, why);
        hn_served_release(*out);
        *out = NULL;
        return status;
    }
    if (status >= 0) return HN_OK;
    call->again = status == HN_E_BUSY && !call->may_wait;
    if (status != HN_E_NOTFOUND) return hn_refuse_by(why, status, &err);
    if (!*text)
        return hn_refuse(why, 404, "model_not_found", "model",
                         "No model of this kind is in service.");
    return hn_refuse(why, 404, "model_not_found", "model", "The model '%s' does not exist.", text);
}

enum hn_status hn_find_model(struct hn_call *call, struct hn_str name, struct hn_served **out,
                             struct hn_refusal *why)
{
    return hn_find_kind(call, name, 1u << HN_KIND_LANGUAGE, out, why);
}

static void put_model(void *ctx, const struct hn_known_model *m)
{
    struct hn_json_writer *w = ctx;
    hn_json_open(w, NULL, '{');
    hn_json_put_text(w, "id", hn_str_from(m->name));
    hn_json_put_text(w, "object", HN_STR("model"));
    hn_json_put_int(w, "created", m->served ? hn_served_loaded(m->served) : 0);
    hn_json_put_text(w, "owned_by", HN_STR("hence"));
    hn_json_put_text(w, "kind", hn_str_from(m->type));
    if (m->served && m->kind == HN_KIND_LANGUAGE)
        hn_json_put_uint(w, "max_model_len", hn_served_instance(m->served)->plan.context);
    hn_json_close(w, '}');
}

/* {"object": "list", "data": [...]} of what `tell` says of each model. */
static void answer_list(struct hn_call *call,
                        void (*tell)(void *ctx, const struct hn_known_model *model))
{
    struct hn_json_writer w = {0};
    hn_json_open(&w, NULL, '{');
    hn_json_put_text(&w, "object", HN_STR("list"));
    hn_json_open(&w, "data", '[');
    hn_catalogue_each(call->server->catalogue, tell, &w);
    hn_json_close(&w, ']');
    hn_json_close(&w, '}');
    hn_call_json(call, 200, &w);
}

enum hn_status hn_answer_models(struct hn_call *call, struct hn_refusal *why)
{
    (void)why;
    answer_list(call, put_model);
    return HN_OK;
}

/* One model, picked out of all. */
struct pick {
    struct hn_json_writer w;
    struct hn_str name;
};

static void pick_model(void *ctx, const struct hn_known_model *m)
{
    struct pick *pick = ctx;
    if (hn_str_is(pick->name, m->name)) put_model(&pick->w, m);
}

enum hn_status hn_answer_model(struct hn_call *call, struct hn_refusal *why)
{
    struct pick pick = {.name = call->tail};
    hn_catalogue_each(call->server->catalogue, pick_model, &pick);
    if (!pick.w.out.n)
        return hn_refuse(why, 404, "model_not_found", "model", "The model '%.*s' does not exist.",
                         HN_FMT(call->tail));
    hn_call_json(call, 200, &pick.w);
    return HN_OK;
}

/* --- administration ---------------------------------------------------------------------------- */

struct load_request {
    struct hn_str name, path, draft, kv_type;
    int64_t context, batch, sequences, threads, kv_positions;
};

#define AT(member) offsetof(struct load_request, member)
static const struct hn_field load_items[] = {
    {"name", HN_FIELD_TEXT, AT(name), .required = true, .max = HN_MODEL_NAME,
     .about = "What requests call it."},
    {"path", HN_FIELD_TEXT, AT(path), .required = true, .max = 4095,
     .about = "The model's file or directory, on the server."},
    {"draft", HN_FIELD_TEXT, AT(draft), .max = 4095,
     .about = "A smaller model of the same vocabulary that guesses ahead."},
    {"context", HN_FIELD_INT, AT(context), .min = 1, .max = HN_MAX_CONTEXT,
     .about = "Longest text in tokens; as the server's options say when it is not given, as the "
              "next ones."},
    {"batch", HN_FIELD_INT, AT(batch), .min = 1, .max = 1 << 16,
     .about = "Tokens of prompts read at a time."},
    {"sequences", HN_FIELD_INT, AT(sequences), .min = 1, .max = 4096,
     .about = "Answers that are written at the same time."},
    {"threads", HN_FIELD_INT, AT(threads), .min = 1, .max = HN_POOL_MAX_THREADS,
     .about = "Worker threads."},
    {"kv_positions", HN_FIELD_INT, AT(kv_positions), .min = 1, .max = HN_MAX_CONTEXT,
     .about = "Tokens whose keys and values are kept, of all texts together."},
    {"kv_type", HN_FIELD_TEXT, AT(kv_type), .max = 10,
     .about = "How keys and values are kept: `f16`, `bf16`, `f32` or `q8_0`."},
};
#undef AT
const struct hn_fields hn_load_fields = {"LoadModelRequest", load_items, HN_COUNT(load_items)};

/* The texts are those of JSON values, which end in NUL. */
static enum hn_status read_load(const struct hn_call *call, struct load_request *r,
                                struct hn_instance_options *out, struct hn_refusal *why)
{
    HN_TRY(hn_fields_read(&hn_load_fields, call->body, "", r, why));
    if (strlen(r->name.p) != r->name.n || strlen(r->path.p) != r->path.n)
        return hn_refuse(why, 400, "invalid_value", "path", "Names and paths hold no NUL.");
    *out = call->server->options->model;
    out->path = r->path.p;
    if (r->draft.p) out->draft = r->draft.p;
    if (r->context) out->plan.context = (size_t)r->context;
    if (r->batch) out->plan.batch = (size_t)r->batch;
    if (r->sequences) out->plan.sequences = (size_t)r->sequences;
    if (r->threads) out->threads = (unsigned)r->threads;
    if (r->kv_positions) out->plan.pool = (size_t)r->kv_positions;
    if (r->kv_type.p && !hn_kv_type_from_name(r->kv_type.p, &out->plan.kv_type))
        return hn_refuse(why, 400, "invalid_value", "kv_type",
                         "Invalid value: '%s'. Supported values are: 'f16', 'bf16', 'f32', "
                         "and 'q8_0'.",
                         r->kv_type.p);
    return HN_OK;
}

static void put_state(void *ctx, const struct hn_known_model *m)
{
    struct hn_json_writer *w = ctx;
    const bool language = m->served && m->kind == HN_KIND_LANGUAGE;
    const struct hn_plan *plan = language ? &hn_served_instance(m->served)->plan : NULL;
    hn_json_open(w, NULL, '{');
    hn_json_put_text(w, "id", hn_str_from(m->name));
    hn_json_put_text(w, "path", hn_str_from(m->path));
    hn_json_put_text(w, "kind", hn_str_from(m->type));
    hn_json_put_text(w, "status", m->served ? HN_STR("loaded") : HN_STR("unloaded"));
    if (plan) {
        hn_json_put_uint(w, "context", plan->context);
        hn_json_put_uint(w, "sequences", plan->sequences);
    }
    if (m->served) {
        hn_json_put_uint(w, "memory_bytes",
                         plan ? plan->total_bytes : hn_served_oneshot(m->served)->bytes);
        hn_json_put_real(w, "load_s", hn_served_load_s(m->served));
        hn_json_put_real(w, "idle_s",
                         hn_clock_seconds(hn_served_used_ns(m->served), hn_clock_ns()));
    }
    hn_json_close(w, '}');
}

enum hn_status hn_answer_admin_models(struct hn_call *call, struct hn_refusal *why)
{
    (void)why;
    answer_list(call, put_state);
    return HN_OK;
}

enum hn_status hn_answer_load_model(struct hn_call *call, struct hn_refusal *why)
{
    struct hn_error err;
    struct load_request r = {0};
    struct hn_instance_options options;
    HN_TRY(read_load(call, &r, &options, why));
    if (hn_catalogue_add(call->server->catalogue, r.name.p, &options, &err) < 0)
        return hn_refuse(why, 400, "model_not_loaded", NULL, "%s", err.text);
    answer_list(call, put_state);
    return HN_OK;
}

enum hn_status hn_answer_unload_model(struct hn_call *call, struct hn_refusal *why)
{
    struct hn_error err;
    char name[HN_MODEL_NAME + 1];
    snprintf(name, sizeof name, "%.*s", (int)hn_min(call->tail.n, HN_MODEL_NAME), call->tail.p);
    const enum hn_status status = hn_catalogue_remove(call->server->catalogue, name, &err);
    if (status == HN_E_NOTFOUND)
        return hn_refuse(why, 404, "model_not_found", "model", "%s", err.text);
    answer_list(call, put_state);
    return HN_OK;
}
