/* A request and its answer as the handler sees them. Everything an owner on another thread does ends
 * up in two buffers under the loop's lock; the loop takes what is there, however many writes it was. */
#include "server/http_impl.h"

#include <stdlib.h>

struct hn_exchange *hn_exchange_new(struct hn_conn *c)
{
    struct hn_exchange *x = calloc(1, sizeof *x);
    if (!x) return NULL;
    const struct hn_http_options *options = &c->loop->http->options;
    x->loop = c->loop;
    x->conn = c;
    x->peer = c->peer;
    hn_http_request_init(&x->request, options->max_header, options->max_body);
    LIST_INSERT_HEAD(&c->loop->exchanges, x, in_loop);
    return x;
}

void hn_exchange_free(struct hn_exchange *x)
{
    LIST_REMOVE(x, in_loop);
    atomic_fetch_sub(&x->loop->http->bodies, x->counted);
    hn_http_request_free(&x->request);
    hn_buf_free(&x->head);
    hn_buf_free(&x->out);
    free(x);
}

const char *hn_exchange_method(const struct hn_exchange *x)
{
    return http_method_str((enum http_method)x->request.parser.method);
}

struct hn_str hn_exchange_path(const struct hn_exchange *x)
{
    return hn_buf_view(&x->request.path);
}

struct hn_str hn_exchange_query(const struct hn_exchange *x)
{
    return x->request.query;
}

struct hn_str hn_exchange_body(const struct hn_exchange *x)
{
    return hn_buf_view(&x->request.body);
}

struct hn_str hn_exchange_header(const struct hn_exchange *x, const char *name)
{
    return hn_http_request_header(&x->request, name);
}

const char *hn_exchange_peer(const struct hn_exchange *x)
{
    return x->peer.text;
}

uint64_t hn_exchange_received_ns(const struct hn_exchange *x)
{
    return x->received_ns;
}

void hn_exchange_on_gone(struct hn_exchange *x, void (*gone)(void *ctx), void *ctx)
{
    pthread_mutex_lock(&x->loop->lock);
    x->on_gone = gone;
    x->on_gone_ctx = ctx;
    pthread_mutex_unlock(&x->loop->lock);
}

/* Under the lock: the loop is to look at the exchange. True when its thread must be woken for it. */
static bool enqueue(struct hn_exchange *x)
{
    if (x->queued) return false;
    const bool first = STAILQ_EMPTY(&x->loop->queue);
    x->queued = true;
    STAILQ_INSERT_TAIL(&x->loop->queue, x, in_queue);
    return first && !hn_loop_is_mine(x->loop);
}

/* Under the lock: headers of the answer. Out of memory shows in x->head and becomes a 500. */
static void begin(struct hn_exchange *x, int status, const struct hn_http_header *headers, size_t n)
{
    x->status = status;
    for (size_t i = 0; i < n; i++)
        hn_answer_line(&x->head, headers[i].name, headers[i].value);
}

/* Under the lock: gives the exchange back. Waits for an on_gone that is running, since its context
 * may be freed next; not inside that on_gone itself. */
static bool end(struct hn_exchange *x)
{
    while (x->telling && !hn_loop_is_mine(x->loop))
        pthread_cond_wait(&x->loop->told, &x->loop->lock);
    x->ended = true;
    return enqueue(x);
}

void hn_exchange_reply(struct hn_exchange *x, int status, const struct hn_http_header *headers,
                       size_t n_headers, struct hn_str body)
{
    struct hn_loop *loop = x->loop;
    pthread_mutex_lock(&loop->lock);
    begin(x, status, headers, n_headers);
    hn_buf_str(&x->out, body);
    x->whole = true;
    const bool wake = end(x);
    pthread_mutex_unlock(&loop->lock);
    if (wake) hn_loop_wake(loop);
}

static enum hn_status state_of(const struct hn_exchange *x)
{
    if (x->cut) return HN_E_LIMIT;
    return x->gone ? HN_E_CANCELLED : HN_OK;
}

enum hn_status hn_exchange_begin(struct hn_exchange *x, int status,
                                 const struct hn_http_header *headers, size_t n_headers)
{
    struct hn_loop *loop = x->loop;
    pthread_mutex_lock(&loop->lock);
    begin(x, status, headers, n_headers);
    const enum hn_status result = x->head.failed ? x->head.failed : state_of(x);
    const bool wake = enqueue(x);
    pthread_mutex_unlock(&loop->lock);
    if (wake) hn_loop_wake(loop);
    return result;
}

enum hn_status hn_exchange_write(struct hn_exchange *x, struct hn_str bytes)
{
    struct hn_loop *loop = x->loop;
    bool wake = false;
    pthread_mutex_lock(&loop->lock);
    enum hn_status status = state_of(x);
    if (status == HN_OK) {
        if (bytes.n > loop->http->options.max_unsent - x->out.n) {
            x->cut = true;
            status = HN_E_LIMIT;
        } else {
            status = hn_buf_str(&x->out, bytes);
        }
        wake = enqueue(x);
    }
    pthread_mutex_unlock(&loop->lock);
    if (wake) hn_loop_wake(loop);
    return status;
}

void hn_exchange_end(struct hn_exchange *x)
{
    struct hn_loop *loop = x->loop;
    pthread_mutex_lock(&loop->lock);
    const bool wake = end(x);
    pthread_mutex_unlock(&loop->lock);
    if (wake) hn_loop_wake(loop);
}

void hn_exchange_take(struct hn_exchange *x, struct hn_produced *out)
{
    *out = (struct hn_produced){
        .head = x->head,
        .body = x->out,
        .status = x->status,
        .begins = x->status && !x->head_sent,
        .whole = x->whole,
        .ends = x->ended,
        .cut = x->cut,
    };
    x->head = (struct hn_buf){0};
    x->out = (struct hn_buf){0};
    x->queued = false;
}

void hn_exchange_lost(struct hn_exchange *x, bool cut)
{
    struct hn_loop *loop = x->loop;
    void (*gone)(void *ctx) = NULL;
    pthread_mutex_lock(&loop->lock);
    x->conn = NULL;
    if (!x->ended) {
        x->gone = true;
        x->cut |= cut;
        gone = x->on_gone;
        x->telling = gone != NULL;
    }
    pthread_mutex_unlock(&loop->lock);
    if (!gone) return;
    gone(x->on_gone_ctx);
    pthread_mutex_lock(&loop->lock);
    x->telling = false;
    pthread_cond_broadcast(&loop->told);
    pthread_mutex_unlock(&loop->lock);
}
