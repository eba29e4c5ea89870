#include "server/call.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "server/access.h"
#include "server/anthropic.h"
#include "server/generation.h"
#include "server/open_inference.h"
#include "server/server_impl.h"

/* Whoever comes second of this and hn_generation_start sees what the other did. */
static void on_gone(void *ctx)
{
    struct hn_call *call = ctx;
    atomic_store(&call->gone, true);
    pthread_mutex_lock(&call->server->lock);
    if (call->generation) hn_generation_cancel(call->generation);
    pthread_mutex_unlock(&call->server->lock);
}

struct hn_call *hn_call_open(struct hn_server *server, struct hn_exchange *x)
{
    struct hn_call *call = calloc(1, sizeof *call);
    if (!call) {
        hn_exchange_reply(x, 503, NULL, 0, HN_STR(""));
        return NULL;
    }
    atomic_init(&call->refs, 2);
    call->server = server;
    call->x = x;
    call->serial = atomic_fetch_add(&server->serials, 1) + 1;
    snprintf(call->id, sizeof call->id, "req_%08x%012llx", server->boot,
             (unsigned long long)call->serial);
    call->receipt = hn_receipt_blank();
    call->receipt.id = call->id;
    if (server->access_log)
        (void)hn_traceparent_begin(hn_exchange_header(x, "traceparent"), &call->trace);
    hn_exchange_on_gone(x, on_gone, call);
    return call;
}

/* What is counted and written down of an answer, while the exchange is still there. */
static void note(struct hn_call *call, int status)
{
    struct hn_log_file *log = call->server->access_log;
    hn_metrics_answered(call->server->metrics, status);
    if (!log) return;
    call->receipt.status = status;
    const uint64_t age_ns = hn_clock_ns() - hn_exchange_received_ns(call->x);
    if (isnan(call->receipt.total_s)) call->receipt.total_s = (double)age_ns * 1e-9;
    const struct hn_access_line line = {
        .wall_ms = hn_clock_wall_ms() - (int64_t)(age_ns / 1000000),
        .trace = &call->trace,
        .receipt = &call->receipt,
        .peer = hn_exchange_peer(call->x),
        .method = hn_exchange_method(call->x),
        .path = hn_exchange_path(call->x),
        .request = hn_exchange_body(call->x),
        .answer = hn_buf_view(&call->said),
    };
    hn_access_log(log, &line, call->server->options->log_texts);
}

void hn_call_release(struct hn_call *call)
{
    if (atomic_fetch_sub(&call->refs, 1) > 1) return;
    json_decref(call->body);
    free(call);
}

/* The headers of an answer. */
struct headers {
    struct hn_http_header list[HN_CALL_FIGURES + 6];
    size_t n;
};

static void add(struct headers *h, const char *name, const char *value)
{
    h->list[h->n++] = (struct hn_http_header){name, value};
}

/* Those that every answer has. */
static struct headers headers_of(const struct hn_call *call, const char *type)
{
    struct headers h = {.n = 0};
    add(&h, "Content-Type", type);
    add(&h, "x-request-id", call->id);
    for (size_t i = 0; i < call->n_figures; i++)
        add(&h, call->figures[i].name, call->figures[i].text);
    return h;
}

void hn_call_reply(struct hn_call *call, int status, const char *type, struct hn_str body)
{
    const struct headers h = headers_of(call, type);
    note(call, status);
    hn_exchange_reply(call->x, status, h.list, h.n, body);
    hn_call_release(call);
}

void hn_call_json(struct hn_call *call, int status, struct hn_json_writer *w)
{
    if (w->out.failed) {
        struct hn_refusal why;
        (void)hn_refuse(&why, 503, "out_of_memory", NULL, "There is no memory for the answer.");
        hn_call_refuse(call, &why);
    } else {
        hn_call_reply(call, status, "application/json", hn_buf_view(&w->out));
    }
    hn_buf_free(&w->out);
}

void hn_call_refuse(struct hn_call *call, const struct hn_refusal *why)
{
    char seconds[16];
    struct hn_json_writer w = {0};
    struct headers h = headers_of(call, "application/json");
    if (hn_anthropic_path(hn_exchange_path(call->x))) {
        hn_anthropic_refusal(&w, why, call->id);
        add(&h, "request-id", call->id);
    } else if (hn_open_inference_path(hn_exchange_path(call->x))) {
        hn_open_inference_refusal(&w, why);
    } else {
        hn_refusal_write(&w, why);
    }
    snprintf(seconds, sizeof seconds, "%u", why->retry_after);
    if (why->retry_after) add(&h, "Retry-After", seconds);
    if (why->status == 401) add(&h, "WWW-Authenticate", "Bearer");
    if (*call->allow) add(&h, "Allow", call->allow);
    note(call, why->status);
    hn_exchange_reply(call->x, why->status, h.list, h.n, hn_buf_view(&w.out));
    hn_buf_free(&w.out);
    hn_call_release(call);
}

enum hn_status hn_call_begin(struct hn_call *call)
{
    struct headers h = headers_of(call, "text/event-stream; charset=utf-8");
    add(&h, "Cache-Control", "no-cache");
    add(&h, "X-Accel-Buffering", "no"); /* a proxy must not collect the events */
    return hn_exchange_begin(call->x, 200, h.list, h.n);
}

void hn_call_end(struct hn_call *call)
{
    note(call, 200);
    hn_exchange_end(call->x);
    hn_call_release(call);
}
