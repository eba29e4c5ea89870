/* /v1/models, and finding the model that a request names. */
#include "server/models.h"

#include <stdio.h>

#include "server/endpoints.h"
#include "server/requests.h"
#include "server/server_impl.h"

enum { MAX_NAME = 1000 };

const struct hn_fields hn_none_fields = {0};

enum hn_status hn_find_model(struct hn_server *server, struct hn_str name, struct hn_served **out,
                             struct hn_refusal *why)
{
    struct hn_error err;
    char text[MAX_NAME + 1] = "";
    if (name.p) snprintf(text, sizeof text, "%.*s", (int)name.n, name.p);
    const enum hn_status status = hn_service_find(server->service, text, out, &err);
    if (status != HN_E_NOTFOUND) return status < 0 ? hn_refuse_by(why, status, &err) : status;
    return hn_refuse(why, 404, "model_not_found", "model", "The model '%.200s' does not exist.",
                     text);
}

static void put_model(struct hn_json_writer *w, const struct hn_served *served)
{
    const struct hn_instance *in = hn_served_instance(served);
    hn_json_open(w, NULL, '{');
    hn_json_put_text(w, "id", hn_str_from(hn_served_name(served)));
    hn_json_put_text(w, "object", HN_STR("model"));
    hn_json_put_int(w, "created", hn_served_loaded(served));
    hn_json_put_text(w, "owned_by", HN_STR("hence"));
    hn_json_put_uint(w, "max_model_len", in->plan.context);
    hn_json_close(w, '}');
}

enum hn_status hn_answer_models(struct hn_call *call, struct hn_refusal *why)
{
    struct hn_served *models[HN_MAX_MODELS];
    struct hn_json_writer w = {0};
    (void)why;
    const size_t n = hn_service_list(call->server->service, models, HN_MAX_MODELS);
    hn_json_open(&w, NULL, '{');
    hn_json_put_text(&w, "object", HN_STR("list"));
    hn_json_open(&w, "data", '[');
    for (size_t i = 0; i < n; i++) {
        put_model(&w, models[i]);
        hn_served_release(models[i]);
    }
    hn_json_close(&w, ']');
    hn_json_close(&w, '}');
    hn_call_json(call, 200, &w);
    return HN_OK;
}

enum hn_status hn_answer_model(struct hn_call *call, struct hn_refusal *why)
{
    struct hn_served *served;
    struct hn_json_writer w = {0};
    HN_TRY(hn_find_model(call->server, call->tail, &served, why));
    put_model(&w, served);
    hn_served_release(served);
    hn_call_json(call, 200, &w);
    return HN_OK;
}
