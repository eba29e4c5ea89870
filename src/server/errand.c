#include "server/errand.h"

#include <math.h>

#include "base/clock.h"
#include "server/gate.h"
#include "server/server_impl.h"

static void forget(struct hn_errand *e)
{
    hn_served_release(e->served);
    e->forget(e);
}

static void fill_receipt(struct hn_errand *e)
{
    struct hn_receipt *r = &e->call->receipt;
    r->model = hn_served_name(e->served);
    r->klass = e->klass == HN_CLASS_BATCH ? "batch" : "interactive";
    r->rows = e->rows;
    r->prompt_tokens = e->tokens;
    r->queue_s = r->core_s = r->joules = 0;
    for (size_t i = 0; i < e->n_jobs; i++) {
        r->core_s += e->jobs[i]->core_s;
        r->joules += e->jobs[i]->joules;
        r->queue_s = fmax(r->queue_s, e->jobs[i]->queue_s);
    }
    r->total_s = hn_clock_seconds(hn_exchange_received_ns(e->call->x), hn_clock_ns());
}

/* Whether a job failed, and why. */
static bool failed(const struct hn_errand *e, struct hn_refusal *why)
{
    for (size_t i = 0; i < e->n_jobs; i++) {
        const struct hn_oneshot_job *job = e->jobs[i];
        if (job->status >= 0) continue;
        if (atomic_load(
                &e->call->gone)) /* as web servers write it down; nobody is there to read it */
            (void)hn_refuse(why, 499, "client_gone", NULL, "The client went away.");
        else if (job->status == HN_E_CANCELLED)
            (void)hn_refuse(why, 503, "cancelled", NULL, "The request was not finished: %s.",
                            job->error.text);
        else (void)hn_refuse_by(why, job->status, &job->error);
        return true;
    }
    return false;
}

static void conclude(struct hn_errand *e)
{
    struct hn_refusal why;
    struct hn_call *call = e->call;
    fill_receipt(e);
    const bool bad = failed(e, &why);
    call->receipt.finish = !bad ? "stop" : atomic_load(&call->gone) ? "cancelled" : "error";
    hn_series_count(e->series, &call->receipt);
    hn_gate_settle(call, e->tokens);
    call->n_figures += hn_receipt_headers(&call->receipt, call->figures + call->n_figures);
    if (bad) hn_call_refuse(call, &why);
    else e->answer(e);
    forget(e);
}

static void leave(struct hn_errand *e, size_t n)
{
    if (atomic_fetch_sub(&e->left, n) == n) conclude(e);
}

static void on_done(struct hn_oneshot_job *job)
{
    leave(job->ctx, 1);
}

static void prepare(struct hn_errand *e, struct hn_oneshot_job *job)
{
    struct hn_call *call = e->call;
    job->ctx = e;
    job->done = on_done;
    job->klass = e->klass;
    job->gone = &call->gone;
    if (!call->caller.quota) return;
    job->owner = hn_key_number(&call->caller.key);
    job->weight = call->caller.key.weight;
}

/* Nothing was submitted. */
static enum hn_status undo(struct hn_errand *e, enum hn_status status, const struct hn_error *err,
                           struct hn_refusal *why)
{
    struct hn_call *call = e->call;
    hn_gate_settle(call, 0);
    forget(e);
    if (status != HN_E_NOTFOUND) return hn_refuse_by(why, status, err);
    /* It went out of service since it was found: a worker finds it again, or not. */
    call->again = true;
    (void)hn_refuse(why, 503, "model_unloading", "model", "The model is being unloaded.");
    why->retry_after = 1;
    return status;
}

enum hn_status hn_errand_start(struct hn_errand *e, struct hn_oneshot_job **jobs, size_t n,
                               struct hn_refusal *why)
{
    struct hn_error err;
    struct hn_call *call = e->call;
    enum hn_status status = hn_gate_admit(call, e->tokens, why);
    if (status < 0) {
        forget(e);
        return status;
    }
    e->jobs = jobs;
    e->n_jobs = n;
    e->series =
        hn_metrics_series(call->server->metrics, hn_served_name(e->served), call->receipt.key);
    atomic_init(&e->left, n);
    /* The errand lasts while jobs are left; with the last one that is sent it may be over. */
    for (size_t i = 0; i < n; i++) {
        prepare(e, jobs[i]);
        status = hn_service_run(call->server->service, e->served, jobs[i], &err);
        if (status >= 0) continue;
        if (i == 0) return undo(e, status, &err, why);
        for (size_t j = i; j < n; j++) {
            jobs[j]->status = status;
            jobs[j]->error = err;
        }
        leave(e, n - i);
        break;
    }
    return HN_OK;
}
