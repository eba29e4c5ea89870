#include "server/generation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/bits.h"
#include "base/clock.h"
#include "server/gate.h"
#include "server/server_impl.h"

/* --- life -------------------------------------------------------------------------------------- */

static void free_choice(struct hn_choice *c)
{
    hn_answer_destroy(c->answer);
    for (size_t i = 0; i < HN_CHOICE_NOTES; i++)
        hn_buf_free(&c->notes[i].out);
    for (size_t i = 0; i < c->n_calls && c->calls; i++) {
        hn_buf_free(&c->calls[i].name);
        hn_buf_free(&c->calls[i].arguments);
    }
    free(c->calls);
    hn_buf_free(&c->content);
    hn_buf_free(&c->reasoning);
}

static void destroy(struct hn_generation *g)
{
    for (size_t i = 0; i < g->n_choices; i++)
        free_choice(&g->choices[i]);
    hn_buf_free(&g->out.out);
    hn_served_release(g->served);
    if (g->voice->forget) g->voice->forget(g->mind);
    free(g);
}

static void enlist(struct hn_generation *g)
{
    struct hn_server *server = g->call->server;
    pthread_mutex_lock(&server->lock);
    g->next = server->answering;
    g->place = &server->answering;
    if (g->next) g->next->place = &g->next;
    server->answering = g;
    g->call->generation = g;
    pthread_mutex_unlock(&server->lock);
}

static void delist(struct hn_generation *g)
{
    struct hn_server *server = g->call->server;
    pthread_mutex_lock(&server->lock);
    *g->place = g->next;
    if (g->next) g->next->place = g->place;
    g->call->generation = NULL;
    pthread_mutex_unlock(&server->lock);
}

void hn_generation_cancel(struct hn_generation *g)
{
    for (size_t i = 0; i < g->n_choices; i++) {
        const uint64_t id = atomic_load(&g->choices[i].id);
        if (id) (void)hn_service_cancel(g->call->server->service, g->served, id);
    }
}

/* --- sending ----------------------------------------------------------------------------------- */

void hn_sse_open(struct hn_json_writer *w)
{
    hn_buf_str(&w->out, HN_STR("data: "));
    w->follows = false;
}

void hn_sse_close(struct hn_json_writer *w)
{
    hn_buf_str(&w->out, HN_STR("\n\n"));
}

/* Sends what was said. A client that is gone or does not read ends the generation. */
static enum hn_status send_out(struct hn_generation *g)
{
    enum hn_status status = g->out.out.failed;
    if (status >= 0 && !g->out.out.n) return HN_OK;
    if (status >= 0 && !g->sent) status = hn_call_begin(g->call);
    if (status >= 0) {
        g->sent = true;
        status = hn_exchange_write(g->call->x, hn_buf_view(&g->out.out));
    }
    hn_buf_clear(&g->out.out);
    if (status < 0) hn_generation_cancel(g);
    return status;
}

/* Why the whole of it is no answer; false where it is one. */
static bool refused(struct hn_generation *g)
{
    /* As web servers write it down; nobody is there to read it. */
    if (atomic_load(&g->call->gone))
        (void)hn_refuse(&g->why, 499, "client_gone", NULL, "The client went away.");
    for (size_t i = 0; i < g->n_choices && !g->why.status; i++) {
        const struct hn_choice *c = &g->choices[i];
        if (c->status < 0) (void)hn_refuse_by(&g->why, c->status, &c->error);
        else if (c->finish == HN_FINISH_CANCELLED)
            (void)hn_refuse(&g->why, 503, "cancelled", NULL, "The server ended the request.");
    }
    return g->why.status != 0;
}

/* What all of it took: prompts once, the longest of the times. */
static void fill_receipt(struct hn_generation *g)
{
    struct hn_receipt *r = &g->call->receipt;
    const uint64_t received = hn_exchange_received_ns(g->call->x);
    r->model = hn_served_name(g->served);
    r->klass = g->klass == HN_CLASS_BATCH ? "batch" : "interactive";
    r->finish = hn_finish_text(g->choices[0].finish);
    r->total_s = hn_clock_seconds(received, hn_clock_ns());
    if (g->first_ns) r->ttft_s = hn_clock_seconds(received, g->first_ns);
    for (size_t i = 0; i < g->n_choices; i++) {
        const struct hn_choice *c = &g->choices[i];
        if (i == 0 || c->prompt != c[-1].prompt) {
            r->prompt_tokens += c->usage.prompt_tokens;
            r->cached_tokens += c->usage.cached_tokens;
        }
        r->completion_tokens += c->usage.completion_tokens;
        r->preemptions += c->usage.preemptions;
        r->core_s = i ? r->core_s + c->usage.core_s : c->usage.core_s;
        r->joules = i ? r->joules + c->usage.joules : c->usage.joules;
        r->reasoning_tokens += c->n_reasoning;
        r->queue_s = fmax(r->queue_s, c->usage.queue_s);
        r->prefill_s = fmax(r->prefill_s, c->usage.prefill_s);
        r->decode_s = fmax(r->decode_s, c->usage.decode_s);
    }
}

/* All choices have ended: the last word, from whichever thread brought it. */
static void conclude(struct hn_generation *g)
{
    struct hn_call *call = g->call;
    const bool bad = refused(g);
    const struct hn_receipt *took = &call->receipt;
    delist(g);
    fill_receipt(g);
    hn_series_count(g->series, took);
    hn_gate_settle(call, took->prompt_tokens + took->completion_tokens);
    if (bad && !g->sent) {
        hn_call_refuse(call, &g->why);
    } else if (g->stream) {
        if (bad) g->voice->fail(g, &g->why, &g->out);
        else g->voice->end(g, &g->out);
        (void)send_out(g);
        hn_call_end(call);
    } else {
        struct hn_json_writer w = {0};
        call->n_figures += hn_receipt_headers(took, call->figures + call->n_figures);
        g->voice->whole(g, &w);
        hn_call_json(call, 200, &w);
    }
    destroy(g);
}

static void leave(struct hn_generation *g)
{
    if (atomic_fetch_sub(&g->left, 1) == 1) conclude(g);
}

/* --- what the engine says ---------------------------------------------------------------------- */

static struct hn_tool_call *add_call(struct hn_choice *c, const struct hn_answer_event *event)
{
    struct hn_tool_call *grown = reallocarray(c->calls, c->n_calls + 1, sizeof *grown);
    if (!grown) return NULL;
    c->calls = grown;
    struct hn_tool_call *call = &grown[c->n_calls++];
    *call = (struct hn_tool_call){0};
    snprintf(call->id, sizeof call->id, "%s", event->id);
    return hn_buf_text(&call->name, event->name) < 0 ? NULL : call;
}

/* Keeps an event of an answer that is given as a whole. */
static bool keep(struct hn_choice *c, const struct hn_answer_event *event)
{
    switch (event->kind) {
    case HN_ANSWER_CONTENT: return hn_buf_str(&c->content, event->text) >= 0;
    case HN_ANSWER_REASONING: return hn_buf_str(&c->reasoning, event->text) >= 0;
    case HN_ANSWER_CALL: return add_call(c, event) != NULL;
    case HN_ANSWER_ARGUMENTS:
        return hn_buf_str(&c->calls[event->index].arguments, event->text) >= 0;
    case HN_ANSWER_CALL_END: break;
    }
    return true;
}

static void on_event(void *ctx, const struct hn_answer_event *event)
{
    struct hn_choice *c = ctx;
    struct hn_generation *g = c->of;
    if (c->satisfied) return;
    c->satisfied = g->one_call && event->kind == HN_ANSWER_CALL_END;
    if (g->stream) {
        if (event->kind == HN_ANSWER_CALL) c->n_calls++;
        g->voice->event(c, event, &g->out);
    } else if (!(g->voice->keep ? g->voice->keep : keep)(c, event)) {
        c->status = hn_fail_nomem(&c->error, "the answer", event->text.n);
    }
}

static void take_text(struct hn_choice *c, struct hn_str text)
{
    struct hn_call *call = c->of->call;
    if (!text.n) return;
    if (c->index == 0 && call->server->options->log_texts) (void)hn_buf_str(&call->said, text);
    if (!c->answer) on_event(c, &(struct hn_answer_event){.kind = HN_ANSWER_CONTENT, .text = text});
    else if (hn_answer_push(c->answer, text) < 0)
        c->status = hn_fail_nomem(&c->error, "the answer", text.n);
}

static bool on_token(void *ctx, const struct hn_token_event *token)
{
    struct hn_choice *c = ctx;
    struct hn_generation *g = c->of;
    if (atomic_load(&g->call->gone)) return false;
    const uint64_t now = hn_clock_ns();
    if (!g->first_ns) g->first_ns = now;
    if (c->last_ns) hn_series_observe(g->series, HN_METRIC_ITL, hn_clock_seconds(c->last_ns, now));
    c->last_ns = now;
    atomic_fetch_add_explicit(&c->n_tokens, 1, memory_order_relaxed);
    if (token->pick && g->voice->token) g->voice->token(c, token);
    c->n_reasoning += c->answer && hn_answer_in_reasoning(c->answer);
    take_text(c, token->text);
    return c->status >= 0 && send_out(g) >= 0 && !c->satisfied;
}

static void on_prompt_logits(void *ctx, size_t position, const float *logits, size_t n)
{
    struct hn_choice *c = ctx;
    c->of->voice->prompt_logits(c, position, logits, n);
}

static void on_done(void *ctx, enum hn_finish finish, struct hn_str text,
                    const struct hn_usage *usage, const struct hn_error *err)
{
    struct hn_choice *c = ctx;
    struct hn_generation *g = c->of;
    take_text(c, text);
    if (c->answer && c->status >= 0 && hn_answer_finish(c->answer) < 0)
        c->status = hn_fail_nomem(&c->error, "the answer", text.n);
    c->finish = c->satisfied ? HN_FINISH_EOG : finish;
    c->usage = *usage;
    if (finish == HN_FINISH_ERROR && c->status >= 0) {
        c->status = err->status;
        c->error = *err;
    }
    if (g->stream && c->status >= 0 && c->finish != HN_FINISH_CANCELLED)
        g->voice->finish(c, &g->out);
    (void)send_out(g);
    leave(g);
}

/* --- start ------------------------------------------------------------------------------------- */

static struct hn_generation *create(struct hn_call *call, const struct hn_ask *ask)
{
    const size_t n = ask->n_prompts * ask->n_each;
    struct hn_generation *g = calloc(1, sizeof *g + n * sizeof *g->choices);
    if (!g) return NULL;
    g->call = call;
    g->served = ask->served;
    g->voice = ask->voice;
    g->mind = ask->mind;
    g->stream = ask->stream;
    g->one_call = ask->one_call;
    g->klass = ask->request.klass;
    g->created = time(NULL);
    g->series =
        hn_metrics_series(call->server->metrics, hn_served_name(g->served), call->receipt.key);
    g->n_prompts = ask->n_prompts;
    g->n_choices = n;
    for (size_t i = 0; i < n; i++) {
        g->choices[i].of = g;
        g->choices[i].index = i;
        g->choices[i].prompt = i / ask->n_each;
    }
    atomic_init(&g->left, n + 1);
    return g;
}

static enum hn_status make_answers(struct hn_generation *g, const struct hn_ask *ask,
                                   struct hn_error *err)
{
    for (size_t i = 0; ask->answer && i < g->n_choices; i++) {
        struct hn_answer_params params = *ask->answer;
        params.seed = ask->request.sample.seed + i;
        params.event = on_event;
        params.ctx = &g->choices[i];
        HN_TRY(hn_answer_create(&params, &g->choices[i].answer, err));
    }
    return HN_OK;
}

/* Submits choice i. Its sink may be at work before this returns. */
static enum hn_status submit(struct hn_generation *g, const struct hn_ask *ask, size_t i,
                             struct hn_error *err)
{
    struct hn_choice *c = &g->choices[i];
    struct hn_request request = ask->request;
    uint64_t id;
    request.tokens = ask->prompts[c->prompt].ids;
    request.n_tokens = ask->prompts[c->prompt].n;
    request.sample.seed += i % ask->n_each;
    if (g->call->caller.quota) {
        request.owner = hn_key_number(&g->call->caller.key);
        request.weight = g->call->caller.key.weight;
    }
    request.sink = (struct hn_sink){.ctx = c,
                                    .token = on_token,
                                    .done = on_done,
                                    .prompt_logits = ask->prompt_logits ? on_prompt_logits : NULL};
    HN_TRY(hn_service_submit(g->call->server->service, g->served, &request, &id, err));
    atomic_store(&c->id, id);
    return HN_OK;
}

/* About how many tokens it will take: prompts once, answers as long as they may get. */
static uint64_t estimate(const struct hn_ask *ask)
{
    const size_t context = hn_served_instance(ask->served)->plan.context;
    uint64_t sum = 0;
    for (size_t i = 0; i < ask->n_prompts; i++) {
        const size_t n = hn_min(ask->prompts[i].n, context);
        sum += n + hn_min(ask->request.max_tokens, context - n) * ask->n_each;
    }
    return sum;
}

/* Submits as many as can be. HN_OK: all of them, or enough that the failure is told at their end. */
static enum hn_status submit_all(struct hn_generation *g, const struct hn_ask *ask,
                                 struct hn_error *err)
{
    size_t i = 0;
    enum hn_status status = make_answers(g, ask, err);
    while (status >= 0 && i < g->n_choices)
        if ((status = submit(g, ask, i, err)) >= 0) i++;
    if (status >= 0 || i == 0) return status;
    (void)hn_refuse_by(&g->why, status, err);
    atomic_fetch_sub(&g->left, g->n_choices - i);
    hn_generation_cancel(g);
    return HN_OK;
}

enum hn_status hn_generation_start(struct hn_call *call, const struct hn_ask *ask,
                                   struct hn_refusal *why)
{
    struct hn_error err;
    struct hn_generation *g = create(call, ask);
    if (!g) {
        hn_served_release(ask->served);
        if (ask->voice->forget) ask->voice->forget(ask->mind);
        return hn_refuse_by(why, hn_fail_nomem(&err, "the request", sizeof *g), &err);
    }
    enum hn_status status = hn_gate_admit(call, estimate(ask), why);
    if (status < 0) {
        destroy(g);
        return status;
    }
    enlist(g);
    status = submit_all(g, ask, &err);
    if (status < 0) {
        delist(g);
        destroy(g);
        hn_gate_settle(call, 0);
        if (status != HN_E_NOTFOUND) return hn_refuse_by(why, status, &err);
        /* It went out of service since it was found: a worker finds it again, or not. */
        call->again = true;
        (void)hn_refuse(why, 503, "model_unloading", "model", "The model is being unloaded.");
        why->retry_after = 1;
        return status;
    }
    if (atomic_load(&call->gone)) hn_generation_cancel(g);
    call->begun = g;
    return HN_OK;
}

void hn_generation_let_go(struct hn_generation *g)
{
    leave(g);
}
