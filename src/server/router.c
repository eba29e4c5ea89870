#include "server/router.h"

#include <stdio.h>
#include <strings.h>

#include "server/endpoints.h"
#include "server/gate.h"
#include "server/generation.h"
#include "server/open_inference.h"
#include "server/server_impl.h"
#include "server/workers.h"

enum { LARGE_BODY = 8 << 10 }; /* bytes; what takes longer than this is not for a loop thread */

static enum hn_status find(struct hn_call *call, struct hn_refusal *why)
{
    char allow[40];
    const struct hn_str path = hn_exchange_path(call->x);
    const char *method = hn_exchange_method(call->x);
    call->endpoint = hn_endpoint_find(path, method, &call->tail, allow, sizeof allow);
    if (call->endpoint) return HN_OK;
    if (*allow) {
        snprintf(call->allow, sizeof call->allow, "%s", allow);
        return hn_refuse(why, 405, "method_not_allowed", NULL,
                         "Not allowed to %s on %.*s (allowed: %s).", method, HN_FMT(path), allow);
    }
    return hn_refuse(why, 404, "unknown_url", NULL, "Unknown request URL: %s %.*s.", method,
                     HN_FMT(path));
}

/* What asks for work is not begun before there is a model, nor when the server is about to end. */
static enum hn_status check_state(const struct hn_call *call, struct hn_refusal *why)
{
    const int state = atomic_load(&call->server->state);
    if (state == HN_SERVER_READY || call->endpoint->who == HN_FOR_ANYONE) return HN_OK;
    (void)(state == HN_SERVER_LOADING
               ? hn_refuse(why, 503, "model_loading", NULL, "The model is being loaded.")
               : hn_refuse(why, 503, "shutting_down", NULL, "The server is shutting down."));
    why->retry_after = 1;
    return HN_E_BUSY;
}

/* Bodies are taken as they are. */
static enum hn_status check_coding(const struct hn_call *call, struct hn_refusal *why)
{
    const struct hn_str coding = hn_exchange_header(call->x, "content-encoding");
    if (!coding.n || strcasecmp(coding.p, "identity") == 0) return HN_OK;
    return hn_refuse(why, 415, "unsupported_content_encoding", NULL,
                     "The body of your request has the content encoding '%.40s'; none is "
                     "understood here.",
                     coding.p);
}

static enum hn_status parse_body(struct hn_call *call, struct hn_refusal *why)
{
    struct hn_error err;
    if (!call->endpoint->body->name || call->endpoint->body->raw) return HN_OK;
    if (hn_json_parse(hn_exchange_body(call->x), "body", &call->body, &err) < 0)
        return hn_refuse(why, 400, "invalid_json", NULL,
                         "We could not parse the JSON body of your request: %s.", err.text);
    if (json_is_object(call->body)) return HN_OK;
    return hn_refuse(why, 400, "invalid_json", NULL,
                     "The JSON body of your request is not an object.");
}

static void handle_by_worker(struct hn_call *call);

/* The part that may take long. */
static void handle(struct hn_call *call)
{
    struct hn_refusal why;
    enum hn_status status = call->body ? HN_OK : parse_body(call, &why);
    if (status >= 0) status = call->endpoint->handle(call, &why);
    if (status < 0 && call->again && !call->may_wait) {
        hn_workers_do(call->server->workers, handle_by_worker, call);
        return;
    }
    if (status < 0) hn_call_refuse(call, &why);
    if (call->begun) hn_generation_let_go(call->begun);
    hn_call_release(call);
}

static void handle_by_worker(struct hn_call *call)
{
    struct hn_server *server = call->server;
    call->may_wait = true;
    handle(call);
    atomic_store(&server->untidy, true);
}

static void route(struct hn_call *call)
{
    struct hn_refusal why;
    enum hn_status status = find(call, &why);
    if (status >= 0) status = hn_gate_enter(call, &why);
    if (status >= 0) status = check_state(call, &why);
    if (status >= 0) status = check_coding(call, &why);
    if (status < 0) {
        hn_call_refuse(call, &why);
        hn_call_release(call);
    } else if (hn_exchange_body(call->x).n <= LARGE_BODY && !call->endpoint->slow) {
        handle(call);
    } else {
        hn_workers_do(call->server->workers, handle_by_worker, call);
    }
}

void hn_router_handle(void *ctx, struct hn_exchange *x)
{
    struct hn_server *server = ctx;
    struct hn_call *call = hn_call_open(server, x);
    if (!call) return;
    /* Whoever stops the server waits for those who may have found it ready. */
    atomic_fetch_add(&server->routing, 1);
    route(call);
    atomic_fetch_sub(&server->routing, 1);
}

void hn_router_error_body(void *ctx, struct hn_str path, int status, const char *text,
                          struct hn_buf *body)
{
    struct hn_refusal why;
    struct hn_json_writer w = {.out = *body};
    (void)ctx;
    (void)hn_refuse(&why, status, "bad_request", NULL, "%s", text);
    if (hn_open_inference_path(path)) hn_open_inference_refusal(&w, &why);
    else hn_refusal_write(&w, &why);
    *body = w.out;
}
