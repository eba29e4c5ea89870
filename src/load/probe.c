#include "load/probe.h"

#include "base/clock.h"
#include "load/reply.h"
#include "load/wire.h"

enum { MAX_ANSWER = 4 << 20, TICK_MS = 100 };

/* A single exchange. */
struct probe {
    struct hn_wire wire;
    struct hn_buf head, body, answer;
    bool over;
    enum hn_wire_end end;
};

static bool on_body(void *ctx, struct hn_str bytes)
{
    struct probe *p = ctx;
    p->answer.limit = MAX_ANSWER;
    return hn_buf_str(&p->answer, bytes) >= 0;
}

static void on_end(void *ctx, enum hn_wire_end end)
{
    struct probe *p = ctx;
    p->over = true;
    p->end = end;
}

/* Ends a turn of the loop, so that it is seen whether to go on. */
static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
}

/* Turns the loop until the answer is there. */
static enum hn_status await(const struct hn_asker *asker, struct probe *p,
                            const struct hn_load_report *report, struct hn_error *err)
{
    const struct hn_load_options *o = asker->options;
    const uint64_t start = hn_clock_ns();
    while (!p->over) {
        event_base_loop(p->wire.base, EVLOOP_ONCE);
        if (o->tick && !o->tick(o->ctx, report)) return hn_fail(err, HN_E_CANCELLED, "stopped");
        if (hn_clock_seconds(start, hn_clock_ns()) > (double)o->timeout_s)
            return hn_fail(err, HN_E_IO, "no answer to a first request within %.0f s",
                           (double)o->timeout_s);
    }
    if (p->end == HN_WIRE_ANSWERED) return HN_OK;
    return hn_fail(err, HN_E_IO, "a first request got no answer: %s",
                   p->end == HN_WIRE_GARBLED ? "what came is not HTTP"
                   : asker->target->tls ? "the connection ended, or its certificate is not trusted"
                                        : "the connection ended");
}

static enum hn_status check(const struct probe *p, struct hn_error *err)
{
    struct hn_reply reply;
    if (p->wire.status == 200) return HN_OK;
    const bool told = hn_reply_read(hn_buf_view(&p->answer), &reply, NULL) >= 0 && reply.failed;
    return hn_fail(err, HN_E_IO, "a first request was refused: %d%s%s", p->wire.status,
                   told ? ": " : "", told ? reply.error : "");
}

static enum hn_status exchange(const struct hn_asker *asker, struct probe *p, bool with_body,
                               const struct hn_load_report *report, struct hn_error *err)
{
    p->over = false;
    hn_buf_clear(&p->answer);
    if (hn_ask_head(asker, with_body ? &p->body : NULL, &p->head) < 0)
        return hn_fail_nomem(err, "a request", p->body.n);
    if (hn_wire_ask(&p->wire, hn_buf_view(&p->head),
                    with_body ? hn_buf_view(&p->body) : (struct hn_str){"", 0}) < 0)
        return hn_fail(err, HN_E_IO, "no connection");
    HN_TRY(await(asker, p, report, err));
    return check(p, err);
}

static enum hn_status find_model(struct hn_asker *asker, struct probe *p, struct hn_buf *name,
                                 const struct hn_load_report *report, struct hn_error *err)
{
    enum hn_status status = HN_OK;
    if (asker->options->model) {
        status = hn_buf_text(name, asker->options->model);
    } else {
        status = exchange(asker, p, false, report, err);
        if (status >= 0) status = hn_reply_model(hn_buf_view(&p->answer), name, err);
    }
    asker->model = hn_buf_view(name);
    return status;
}

static enum hn_status count_tokens(struct hn_asker *asker, struct probe *p, size_t words,
                                   uint64_t *out, const struct hn_load_report *report,
                                   struct hn_error *err)
{
    struct hn_reply reply;
    if (hn_ask_probe(asker, words, &p->body) < 0) return hn_fail_nomem(err, "a request", words);
    HN_TRY(exchange(asker, p, true, report, err));
    HN_TRY(hn_reply_read(hn_buf_view(&p->answer), &reply, err));
    *out = reply.prompt_tokens;
    if (*out) return HN_OK;
    return hn_fail(err, HN_E_UNSUPPORTED, "the server does not tell usage.prompt_tokens");
}

/* Whole lists of words have the same number of tokens each (hn_draw_words), so two points make the line. */
static enum hn_status learn(struct hn_asker *asker, struct probe *p,
                            const struct hn_load_report *report, struct hn_error *err)
{
    uint64_t one, two;
    HN_TRY(count_tokens(asker, p, HN_DRAW_WORDS, &one, report, err));
    HN_TRY(count_tokens(asker, p, 2 * HN_DRAW_WORDS, &two, report, err));
    if (two <= one)
        return hn_fail(err, HN_E_FORMAT,
                       "the server counts no more tokens in a prompt of %d words than in one of "
                       "%d; is its context too short?",
                       2 * HN_DRAW_WORDS, HN_DRAW_WORDS);
    asker->tokens_per_word = (double)(two - one) / HN_DRAW_WORDS;
    asker->tokens_besides = (double)one - (double)(two - one);
    return HN_OK;
}

enum hn_status hn_probe(struct hn_asker *asker, struct event_base *base, struct hn_buf *name,
                        const struct hn_load_report *report, struct hn_error *err)
{
    struct probe p = {
        .wire = {.target = asker->target, .base = base, .on_body = on_body, .on_end = on_end}};
    const struct timeval often = {.tv_usec = TICK_MS * 1000};
    struct event tick;
    p.wire.ctx = &p;
    event_assign(&tick, base, -1, EV_PERSIST, on_tick, NULL);
    if (event_add(&tick, &often) < 0) return hn_fail_nomem(err, "a timer", sizeof tick);
    enum hn_status status = find_model(asker, &p, name, report, err);
    if (status >= 0) status = learn(asker, &p, report, err);
    event_del(&tick);
    hn_wire_close(&p.wire);
    hn_buf_free(&p.head);
    hn_buf_free(&p.body);
    hn_buf_free(&p.answer);
    return status;
}
