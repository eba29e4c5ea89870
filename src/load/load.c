#include "load/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <event2/event.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/thread.h"
#include "load/probe.h"
#include "load/stream.h"

enum { TICK_MS = 100, FILES_BESIDES = 64 };

struct run {
    const struct hn_load_options *options;
    struct hn_load_report *report;
    struct hn_target target;
    struct hn_asker asker;
    struct hn_buf name, head, body;
    struct event_base *base;
    struct event pump, tick; /* pump: requests may have to be started */
    struct hn_stream **streams;
    size_t n_streams, max_streams;
    struct hn_stream *free, *again; /* lists: to be used, to be sent once more */
    struct hn_stream **last_free;   /* its end */
    uint64_t next;                  /* number of the next request, */
    uint64_t next_due;              /* and when it is due, with a rate */
    uint64_t start, cpu_start;
    bool over;
    enum hn_status status; /* why the run itself failed */
};

static uint64_t cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000u +
           (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void measure(struct run *run)
{
    run->report->seconds = hn_clock_seconds(run->start, hn_clock_ns());
    run->report->cpu_seconds = (double)(cpu_us() - run->cpu_start) * 1e-6;
}

/* --- requests ---------------------------------------------------------------------------------- */

static void end_loop(struct run *run, enum hn_status status)
{
    if (status < 0) run->status = status;
    run->over = true;
    event_base_loopbreak(run->base);
}

/* Connections in turn come from the front and go to the end; else the last one used is the next. */
static void give_back(struct run *run, struct hn_stream *s)
{
    if (!run->options->spread || !run->free) {
        s->next = run->free;
        run->free = s;
        if (!s->next) run->last_free = &s->next;
    } else {
        s->next = NULL;
        *run->last_free = s;
        run->last_free = &s->next;
    }
}

static void on_over(struct hn_stream *s, bool again)
{
    struct run *run = s->ctx;
    if (again) {
        s->next = run->again;
        run->again = s;
    } else {
        give_back(run, s);
        run->report->open--;
    }
    event_active(&run->pump, EV_TIMEOUT, 0);
}

static struct hn_stream *new_stream(struct run *run)
{
    struct hn_stream *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->wire.target = &run->target;
    s->wire.base = run->base;
    s->options = run->options;
    s->report = run->report;
    s->on_over = on_over;
    s->ctx = run;
    run->streams[run->n_streams++] = s;
    return s;
}

static enum hn_status send_request(struct run *run, struct hn_stream *s)
{
    HN_TRY(hn_ask_body(&run->asker, s->request, &s->ask, &run->body));
    HN_TRY(hn_ask_head(&run->asker, &run->body, &run->head));
    const enum hn_status status =
        hn_stream_start(s, hn_buf_view(&run->head), hn_buf_view(&run->body));
    if (status >= 0) return HN_OK;
    on_over(s, false);
    return status == HN_E_NOMEM ? status : HN_OK;
}

static struct hn_stream *take_free(struct run *run)
{
    struct hn_stream *s = run->free;
    run->free = s->next;
    if (!run->free) run->last_free = &run->free;
    return s;
}

static enum hn_status start_next(struct run *run, uint64_t due)
{
    const bool fresh = run->options->spread && run->n_streams < run->max_streams;
    struct hn_stream *s = fresh || !run->free ? new_stream(run) : take_free(run);
    if (!s) return HN_E_NOMEM;
    s->request = run->next++;
    s->ask = hn_ask_draw(run->options, s->request);
    s->due = due;
    run->report->started++;
    run->report->open++;
    run->report->most_open = hn_max(run->report->most_open, run->report->open);
    return send_request(run, s);
}

/* --- when -------------------------------------------------------------------------------------- */

static bool more_to_come(const struct run *run, uint64_t due)
{
    const struct hn_load_options *o = run->options;
    if (o->requests) return run->next < o->requests;
    return hn_clock_seconds(run->start, due) < (double)o->duration_s;
}

static void plan_next(struct run *run)
{
    const struct hn_load_options *o = run->options;
    const double gap = hn_draw_gap((double)o->rate, hn_draw(o->seed, run->next, HN_DRAW_ARRIVAL));
    run->next_due += (uint64_t)(gap * 1e9);
}

static void wait_for(struct run *run, uint64_t due, uint64_t now)
{
    const uint64_t us = (due - now) / 1000;
    const struct timeval tv = {.tv_sec = (time_t)(us / 1000000), .tv_usec = (long)(us % 1000000)};
    if (event_add(&run->pump, &tv) < 0) end_loop(run, HN_E_NOMEM);
}

/* Starts what is due and has room. A request that had to wait for room counts from when it was due. */
static enum hn_status start_due(struct run *run)
{
    while (run->again) {
        struct hn_stream *s = run->again;
        run->again = s->next;
        HN_TRY(send_request(run, s));
    }
    for (;;) {
        const uint64_t now = hn_clock_ns();
        const uint64_t due = run->options->rate > 0 ? run->next_due : now;
        if (!more_to_come(run, due)) {
            if (!run->report->open) end_loop(run, HN_OK);
            return HN_OK;
        }
        if (due > now) {
            wait_for(run, due, now);
            return HN_OK;
        }
        if (run->report->open == run->max_streams) return HN_OK;
        HN_TRY(start_next(run, due));
        if (run->options->rate > 0) plan_next(run);
    }
}

static void on_pump(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct run *run = arg;
    if (run->over) return;
    const enum hn_status status = start_due(run);
    if (status < 0) end_loop(run, status);
}

static void end_late_ones(struct run *run)
{
    const uint64_t now = hn_clock_ns();
    for (size_t i = 0; i < run->n_streams; i++) {
        struct hn_stream *s = run->streams[i];
        if (!s->busy || now < s->due ||
            hn_clock_seconds(s->due, now) < (double)run->options->timeout_s)
            continue;
        hn_stream_fail(s, "timeout", "the answer took too long");
        on_over(s, false);
    }
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct run *run = arg;
    const struct hn_load_options *o = run->options;
    if (run->over) return;
    end_late_ones(run);
    measure(run);
    if (!o->tick || o->tick(o->ctx, run->report)) return;
    run->report->early = true;
    run->report->abandoned = run->report->open;
    end_loop(run, HN_OK);
}

/* --- the run ----------------------------------------------------------------------------------- */

/* Each connection is a file. */
static enum hn_status allow_files(size_t n, struct hn_error *err)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return HN_OK;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= n + FILES_BESIDES) return HN_OK;
    return hn_fail(err, HN_E_LIMIT, "the system allows this program %zu open files: ulimit -n",
                   (size_t)limit.rlim_cur);
}

/* As exact as the system's timers, for arrivals. */
static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    if (!config) return NULL;
    event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

static enum hn_status prepare(struct run *run, struct hn_error *err)
{
    const struct hn_load_options *o = run->options;
    struct hn_load_report *r = run->report;
    run->max_streams = o->concurrency ? o->concurrency : HN_LOAD_MAX_OPEN;
    if (o->requests) run->max_streams = hn_min(run->max_streams, o->requests);
    HN_TRY(allow_files(o->concurrency ? run->max_streams : 0, err));
    run->streams = calloc(run->max_streams, sizeof(struct hn_stream *));
    run->base = new_base();
    if (!run->streams || !run->base) return hn_fail_nomem(err, "connections", run->max_streams);
    event_assign(&run->pump, run->base, -1, 0, on_pump, run);
    event_assign(&run->tick, run->base, -1, EV_PERSIST, on_tick, run);
    HN_TRY(hn_target_open(o->url, o->insecure, &run->target, err));
    run->asker = (struct hn_asker){.options = o, .target = &run->target};
    if (o->post) {
        snprintf(r->model, sizeof r->model, "%s", o->post);
        return HN_OK;
    }
    HN_TRY(hn_probe(&run->asker, run->base, &run->name, r, err));
    r->tokens_per_word = run->asker.tokens_per_word;
    r->tokens_besides = run->asker.tokens_besides;
    memcpy(r->model, run->name.p, hn_min(run->name.n, sizeof r->model - 1));
    if (hn_ask_prefix(&run->asker) < 0) return hn_fail_nomem(err, "words", o->prefix_tokens);
    return HN_OK;
}

static enum hn_status go(struct run *run, struct hn_error *err)
{
    const struct timeval often = {.tv_usec = TICK_MS * 1000};
    if (event_add(&run->tick, &often) < 0) return hn_fail_nomem(err, "a timer", sizeof often);
    run->start = run->next_due = hn_clock_ns();
    run->cpu_start = cpu_us();
    hn_thread_prompt(); /* what is measured is the server's waiting, not this thread's */
    event_active(&run->pump, EV_TIMEOUT, 0);
    event_base_dispatch(run->base);
    measure(run);
    if (run->status < 0) return hn_fail_nomem(err, "a request", run->body.n);
    return HN_OK;
}

static void clean_up(struct run *run)
{
    for (size_t i = 0; i < run->n_streams; i++) {
        hn_stream_free(run->streams[i]);
        free(run->streams[i]);
    }
    free(run->streams);
    if (run->base) event_base_free(run->base);
    hn_target_close(&run->target);
    hn_buf_free(&run->name);
    hn_buf_free(&run->head);
    hn_buf_free(&run->body);
    hn_buf_free(&run->asker.prefix);
}

enum hn_status hn_load_run(const struct hn_load_options *options, struct hn_load_report *out,
                           struct hn_error *err)
{
    struct run run = {.options = options, .report = out};
    memset(out, 0, sizeof *out); /* too large for a literal on the stack */
    out->planned = options->requests;
    out->n_groups = 1 + options->tiers.n;
    for (size_t i = 0; i < options->tiers.n; i++)
        memcpy(out->groups[1 + i].name, options->tiers.items[i].name, sizeof out->groups[0].name);
    enum hn_status status = prepare(&run, err);
    if (status >= 0) status = go(&run, err);
    clean_up(&run);
    return status;
}
