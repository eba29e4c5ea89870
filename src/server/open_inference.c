/* The Open Inference Protocol, version 2, over REST: /v2. */
#include "server/open_inference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "hence/version.h"
#include "server/endpoints.h"
#include "server/infer_request.h"
#include "server/models.h"
#include "server/requests.h"
#include "server/server_impl.h"
#include "server/tensors.h"

/* Every model has this version alone. */
static const char VERSION[] = "1";

enum { ANY_KIND = (1u << HN_KINDS) - 1 };

bool hn_open_inference_path(struct hn_str path)
{
    return hn_str_is(path, "/v2") || hn_str_starts(path, HN_STR("/v2/"));
}

void hn_open_inference_refusal(struct hn_json_writer *w, const struct hn_refusal *why)
{
    hn_json_open(w, NULL, '{');
    hn_json_put_text(w, "error", hn_str_from(why->message));
    hn_json_close(w, '}');
}

/* --- the server -------------------------------------------------------------------------------- */

static void answer_truth(struct hn_call *call, const char *key, bool truth)
{
    struct hn_json_writer w = {0};
    hn_json_open(&w, NULL, '{');
    hn_json_put_bool(&w, key, truth);
    hn_json_close(&w, '}');
    hn_call_json(call, truth ? 200 : 503, &w);
}

enum hn_status hn_answer_oip_live(struct hn_call *call, struct hn_refusal *why)
{
    (void)why;
    answer_truth(call, "live", true);
    return HN_OK;
}

enum hn_status hn_answer_oip_ready(struct hn_call *call, struct hn_refusal *why)
{
    (void)why;
    answer_truth(call, "ready", atomic_load(&call->server->state) == HN_SERVER_READY);
    return HN_OK;
}

enum hn_status hn_answer_oip_server(struct hn_call *call, struct hn_refusal *why)
{
    struct hn_json_writer w = {0};
    (void)why;
    hn_json_open(&w, NULL, '{');
    hn_json_put_text(&w, "name", HN_STR("hence"));
    hn_json_put_text(&w, "version", hn_str_from(hence_version()));
    hn_json_open(&w, "extensions", '[');
    hn_json_put_text(&w, NULL, HN_STR("binary_tensor_data"));
    hn_json_close(&w, ']');
    hn_json_close(&w, '}');
    hn_call_json(call, 200, &w);
    return HN_OK;
}

/* --- a model ----------------------------------------------------------------------------------- */

/* The model that a path names: "NAME" or "NAME/versions/1". */
static enum hn_status find(struct hn_call *call, unsigned kinds, struct hn_served **out,
                           struct hn_refusal *why)
{
    static const struct hn_str mark = HN_STR("/versions/");
    struct hn_str name = call->tail;
    const char *at = memmem(name.p, name.n, mark.p, mark.n);
    if (at) {
        const char *version = at + mark.n;
        const struct hn_str own = {version, (size_t)(name.p + name.n - version)};
        if (!hn_str_is(own, VERSION))
            return hn_refuse(why, 404, "model_not_found", "version",
                             "The model has no version '%.*s', only '%s'.", HN_FMT(own), VERSION);
        name.n = (size_t)(at - name.p);
    }
    if (!name.n) return hn_refuse(why, 404, "model_not_found", "model", "The path names no model.");
    return hn_find_kind(call, name, kinds, out, why);
}

static void put_parameters(struct hn_json_writer *w, const struct hn_port *port)
{
    hn_json_open(w, "parameters", '{');
    if (port->optional) hn_json_put_bool(w, "optional", true);
    if (port->on_request) hn_json_put_bool(w, "on_request", true);
    if (port->labels) hn_json_open(w, "labels", '[');
    for (size_t i = 0; i < port->n_labels; i++)
        hn_json_put_text(w, NULL, hn_str_from(port->labels[i]));
    if (port->labels) hn_json_close(w, ']');
    hn_json_close(w, '}');
}

/* The protocol has a name for one of our kinds. */
static void put_platform(struct hn_json_writer *w, const char *kind)
{
    hn_json_put_text(w, "platform", hn_str_from(strcmp(kind, "onnx") ? kind : "onnx_onnxv1"));
}

static void put_port(struct hn_json_writer *w, const struct hn_port *port)
{
    const char *datatype = hn_datatype_name(port->type);
    hn_json_open(w, NULL, '{');
    hn_json_put_text(w, "name", hn_str_from(port->name));
    hn_json_put_text(w, "datatype", hn_str_from(datatype ? datatype : "UNKNOWN"));
    hn_json_open(w, "shape", '[');
    for (size_t i = 0; port->known_rank && i < port->n_dims; i++)
        hn_json_put_int(w, NULL, port->shape[i]);
    if (!port->known_rank) hn_json_put_int(w, NULL, -1);
    hn_json_close(w, ']');
    if (port->optional || port->on_request || port->labels) put_parameters(w, port);
    hn_json_close(w, '}');
}

static void put_ports(struct hn_json_writer *w, const char *key, const struct hn_port *ports,
                      size_t n)
{
    hn_json_open(w, key, '[');
    for (size_t i = 0; i < n; i++)
        put_port(w, &ports[i]);
    hn_json_close(w, ']');
}

enum hn_status hn_answer_oip_model(struct hn_call *call, struct hn_refusal *why)
{
    struct hn_served *served;
    struct hn_json_writer w = {0};
    HN_TRY(find(call, ANY_KIND, &served, why));
    const struct hn_predictor_about *about = hn_predict_about(hn_served_oneshot(served));
    hn_json_open(&w, NULL, '{');
    hn_json_put_text(&w, "name", hn_str_from(hn_served_name(served)));
    hn_json_open(&w, "versions", '[');
    hn_json_put_text(&w, NULL, hn_str_from(VERSION));
    hn_json_close(&w, ']');
    put_platform(&w, hn_served_type(served));
    put_ports(&w, "inputs", about ? about->inputs : NULL, about ? about->n_inputs : 0);
    put_ports(&w, "outputs", about ? about->outputs : NULL, about ? about->n_outputs : 0);
    hn_json_close(&w, '}');
    hn_call_json(call, 200, &w);
    hn_served_release(served);
    return HN_OK;
}

enum hn_status hn_answer_oip_model_ready(struct hn_call *call, struct hn_refusal *why)
{
    struct hn_served *served;
    struct hn_json_writer w = {0};
    HN_TRY(find(call, ANY_KIND, &served, why));
    hn_json_open(&w, NULL, '{');
    hn_json_put_text(&w, "name", hn_str_from(hn_served_name(served)));
    hn_json_put_bool(&w, "ready", true);
    hn_json_close(&w, '}');
    hn_call_json(call, 200, &w);
    hn_served_release(served);
    return HN_OK;
}

/* --- inference --------------------------------------------------------------------------------- */

/* One output as JSON; its raw elements, where they were asked for, go to `raw`. */
static void put_output(struct hn_json_writer *w, const struct hn_port *port,
                       const struct hn_array *a, bool binary, struct hn_buf *raw)
{
    hn_json_open(w, NULL, '{');
    hn_json_put_text(w, "name", hn_str_from(port->name));
    hn_json_put_text(w, "datatype", hn_str_from(hn_datatype_name(a->type)));
    hn_json_open(w, "shape", '[');
    for (size_t i = 0; i < a->n_dims; i++)
        hn_json_put_uint(w, NULL, a->shape[i]);
    hn_json_close(w, ']');
    if (binary) {
        hn_json_open(w, "parameters", '{');
        hn_json_put_uint(w, "binary_data_size", hn_tensor_put_raw(raw, a));
        hn_json_close(w, '}');
    } else {
        hn_tensor_put(w, "data", a);
    }
    hn_json_close(w, '}');
}

/* JSON, and the raw tensors behind it. */
static void answer_raw(struct hn_call *call, struct hn_json_writer *w, const struct hn_buf *raw)
{
    struct hn_figure *figure = &call->figures[call->n_figures];
    figure->name = "Inference-Header-Content-Length";
    snprintf(figure->text, sizeof figure->text, "%zu", w->out.n);
    hn_buf_str(&w->out, hn_buf_view(raw));
    if (w->out.failed || raw->failed) {
        w->out.failed = HN_E_NOMEM;
        hn_call_json(call, 200, w);
        return;
    }
    call->n_figures++;
    hn_call_reply(call, 200, "application/octet-stream", hn_buf_view(&w->out));
    hn_buf_free(&w->out);
}

static enum hn_status answer(struct hn_inference *f, struct hn_refusal *why)
{
    const struct hn_infer_request *r = f->mind;
    struct hn_json_writer w = {0};
    struct hn_buf raw = {0};
    bool any_raw = false;
    for (size_t i = 0; i < r->n_outputs; i++)
        if (!hn_datatype_name(f->out[r->outputs[i].index].type))
            return hn_refuse(why, 400, "unsupported_value", "outputs",
                             "The protocol has no datatype for the output '%s'.",
                             f->about->outputs[r->outputs[i].index].name);
    hn_json_open(&w, NULL, '{');
    if (r->id.p) hn_json_put_raw(&w, "id", r->id);
    hn_json_put_text(&w, "model_name", hn_str_from(hn_served_name(f->errand.served)));
    hn_json_put_text(&w, "model_version", hn_str_from(VERSION));
    hn_json_open(&w, "outputs", '[');
    for (size_t i = 0; i < r->n_outputs; i++) {
        const size_t index = r->outputs[i].index;
        put_output(&w, &f->about->outputs[index], &f->out[index], r->outputs[i].binary, &raw);
        any_raw |= r->outputs[i].binary;
    }
    hn_json_close(&w, ']');
    hn_json_close(&w, '}');
    if (any_raw) answer_raw(f->errand.call, &w, &raw);
    else hn_call_json(f->errand.call, 200, &w);
    hn_buf_free(&raw);
    return HN_OK;
}

/* How long the JSON part of the body is. */
static bool json_length(const struct hn_call *call, size_t *out)
{
    const struct hn_str text = hn_exchange_header(call->x, "inference-header-content-length");
    *out = hn_exchange_body(call->x).n;
    if (!text.p) return true;
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < '0' || text.p[i] > '9' || !hn_mul(n, 10, &n) ||
            !hn_add(n, (size_t)(text.p[i] - '0'), &n))
            return false;
    const bool fits = text.n && n <= *out;
    *out = n;
    return fits;
}

enum hn_status hn_answer_infer(struct hn_call *call, struct hn_refusal *why)
{
    struct hn_error err;
    struct hn_served *served;
    struct hn_inference *f;
    size_t json;
    if (!json_length(call, &json))
        return hn_refuse(why, 400, "invalid_value", NULL,
                         "Inference-Header-Content-Length is no length of this body's beginning.");
    HN_TRY(find(call, 1u << HN_KIND_PREDICTOR, &served, why));
    HN_TRY(hn_inference_create(call, served, &f, why));
    struct hn_infer_request *r = f->mind = hn_arena_alloc(&f->arena, 1, sizeof *r);
    enum hn_status status = r ? HN_OK : hn_fail_nomem(&err, "the request", sizeof *r);
    if (status >= 0) status = hn_infer_request_read(hn_exchange_body(call->x), json, f, r, &err);
    if (status < 0) {
        hn_inference_destroy(f);
        return hn_refuse_by(why, status, &err);
    }
    return hn_inference_start(f, answer, why);
}

static const struct hn_field infer_items[] = {
    {"id", HN_FIELD_TEXT, 0, .about = "Comes back in the answer."},
    {"inputs", HN_FIELD_ARRAY, 0, .required = true,
     .schema = "{\"type\": \"array\", \"items\": {\"type\": \"object\", \"required\": [\"name\", "
               "\"shape\", \"datatype\"], \"properties\": {\"name\": {\"type\": \"string\"}, "
               "\"shape\": {\"type\": \"array\", \"items\": {\"type\": \"integer\"}}, "
               "\"datatype\": {\"type\": \"string\"}, \"parameters\": {\"type\": \"object\"}, "
               "\"data\": {\"type\": \"array\"}}}}",
     .about = "Tensors: `data` flat or nested in row-major order, or raw behind the JSON, with "
              "`binary_data_size` among the parameters. Datatypes are BOOL, UINT8 to UINT64, INT8 "
              "to INT64, FP16, FP32, FP64, BF16 and BYTES."},
    {"outputs", HN_FIELD_ARRAY, 0,
     .schema = "{\"type\": \"array\", \"items\": {\"type\": \"object\", \"required\": [\"name\"], "
               "\"properties\": {\"name\": {\"type\": \"string\"}, \"parameters\": {\"type\": "
               "\"object\"}}}}",
     .about = "Which outputs are wanted, with `binary_data` among the parameters for raw ones; all "
              "but those on request when it is not given."},
    {"parameters", HN_FIELD_OBJECT, 0, .about = "`binary_data_output`: outputs are to come raw."},
};
const struct hn_fields hn_infer_fields = {
    .name = "InferRequest", .items = infer_items, .n = HN_COUNT(infer_items), .raw = true};
