/* A server for the tests of HTTP: http_tool [NAME=VALUE...] prints its address on standard output, then
 * takes lines on standard input: "drain", "fail N" (the N-th allocation from now fails), "open" (does
 * nothing), each answered with the exchanges at hand and the clients that went away, and "stop". With
 * visitors=N so many threads visit (hn_http_visit), until "rest", when they say nothing of it, or "leave".
 *
 * Routes: /ok, /echo, /info; /who says whether a visitor answers; /late?MS and /stream?N,MS answer from a thread of their own; /hold begins an
 * answer and never goes on; /flood writes until it may not. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../fuzz/faults.h"
#include "server/http.h"
#include "server/systemd.h"

static atomic_int gone_count, complaints, workers;
static atomic_bool stopping, resting;
static unsigned n_visitors;
static pthread_t visitors[8];
static struct hn_http *http;
static _Thread_local bool is_visitor;

struct job {
    struct hn_exchange *x;
    atomic_bool gone;
    int n, ms; /* pieces, and the pause before each */
    enum { LATE, STREAM, HOLD, FLOOD } what;
};

static void on_gone(void *ctx)
{
    struct job *job = ctx;
    atomic_store(&job->gone, true);
    atomic_fetch_add(&gone_count, 1);
}

static bool wait_ms(const struct job *job, int ms)
{
    for (int t = 0; t < ms && !atomic_load(&job->gone) && !atomic_load(&stopping); t++)
        usleep(1000);
    return !atomic_load(&job->gone) && !atomic_load(&stopping);
}

static const struct hn_http_header text_plain[] = {{"Content-Type", "text/plain"}};

static void flood(struct job *job)
{
    static char block[64 << 10];
    enum hn_status status;
    do {
        status = hn_exchange_write(job->x, (struct hn_str){block, sizeof block});
        usleep(100);
    } while (status == HN_OK);
    fprintf(stderr, "flood ended: %s\n", hn_status_text(status));
}

static void *work(void *arg)
{
    struct job *job = arg;
    if (job->what == LATE) {
        wait_ms(job, job->ms);
        hn_exchange_reply(job->x, 200, text_plain, 1, HN_STR("late"));
    } else {
        hn_exchange_begin(job->x, 200, text_plain, 1);
        if (job->what == FLOOD) flood(job);
        if (job->what == HOLD) wait_ms(job, 1 << 30);
        for (int i = 0; job->what == STREAM && i < job->n && (!job->ms || wait_ms(job, job->ms));
             i++) {
            char piece[32];
            const int n = snprintf(piece, sizeof piece, "piece %d\n", i);
            hn_exchange_write(job->x, (struct hn_str){piece, (size_t)n});
        }
        hn_exchange_end(job->x);
    }
    free(job);
    atomic_fetch_sub(&workers, 1);
    return NULL;
}

static void start_job(struct hn_exchange *x, struct job job)
{
    pthread_t thread;
    struct job *own = malloc(sizeof *own);
    if (!own) abort();
    *own = job;
    own->x = x;
    hn_exchange_on_gone(x, on_gone, own);
    atomic_fetch_add(&workers, 1);
    if (pthread_create(&thread, NULL, work, own)) abort();
    pthread_detach(thread);
}

static void info(struct hn_exchange *x)
{
    struct hn_buf out = {0};
    const struct hn_str path = hn_exchange_path(x), query = hn_exchange_query(x);
    const struct hn_str header = hn_exchange_header(x, "x-test");
    hn_buf_printf(&out, "%s|%.*s|%.*s|%.*s|%s", hn_exchange_method(x), HN_FMT(path), HN_FMT(query),
                  HN_FMT(header), hn_exchange_peer(x));
    hn_exchange_reply(x, 200, text_plain, 1, hn_buf_view(&out));
    hn_buf_free(&out);
}

static void *visit(void *arg)
{
    is_visitor = true;
    while (!atomic_load(&stopping)) {
        if (!atomic_load(&resting)) hn_http_visit(http);
        usleep(100);
    }
    return arg;
}

static void handle(void *ctx, struct hn_exchange *x)
{
    (void)ctx;
    const struct hn_str path = hn_exchange_path(x);
    int a = 0, b = 0;
    sscanf(hn_exchange_query(x).p, "%d,%d", &a, &b);
    if (hn_str_is(path, "/ok")) hn_exchange_reply(x, 200, text_plain, 1, HN_STR("ok"));
    else if (hn_str_is(path, "/who"))
        hn_exchange_reply(x, 200, text_plain, 1, hn_str_from(is_visitor ? "visitor" : "loop"));
    else if (hn_str_is(path, "/echo"))
        hn_exchange_reply(x, 200, text_plain, 1, hn_exchange_body(x));
    else if (hn_str_is(path, "/late")) start_job(x, (struct job){.what = LATE, .ms = a});
    else if (hn_str_is(path, "/stream"))
        start_job(x, (struct job){.what = STREAM, .n = a, .ms = b});
    else if (hn_str_is(path, "/hold")) start_job(x, (struct job){.what = HOLD});
    else if (hn_str_is(path, "/flood")) start_job(x, (struct job){.what = FLOOD});
    else if (hn_str_is(path, "/none")) hn_exchange_end(x);
    else info(x);
}

static void error_body(void *ctx, struct hn_str path, int status, const char *text,
                       struct hn_buf *body)
{
    (void)path;
    (void)ctx;
    hn_buf_printf(body, "{\"error\": %d, \"message\": \"%s\"}", status, text);
}

static void complain(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
    atomic_fetch_add(&complaints, 1);
}

static void set_option(struct hn_http_options *o, char *arg)
{
    char *value = strchr(arg, '=');
    if (!value) exit(2);
    *value++ = 0;
    const unsigned number = (unsigned)strtoul(value, NULL, 10);
    if (!strcmp(arg, "host")) o->host = value;
    if (!strcmp(arg, "port")) o->port = (uint16_t)number;
    if (!strcmp(arg, "unix")) o->unix_path = value;
    if (!strcmp(arg, "inherited")) o->inherited = number;
    if (!strcmp(arg, "cert")) o->tls_cert = value;
    if (!strcmp(arg, "key")) o->tls_key = value;
    if (!strcmp(arg, "max_header")) o->max_header = number;
    if (!strcmp(arg, "max_body")) o->max_body = number;
    if (!strcmp(arg, "max_bodies")) o->max_bodies = number;
    if (!strcmp(arg, "request_s")) o->request_s = number;
    if (!strcmp(arg, "idle_s")) o->idle_s = number;
    if (!strcmp(arg, "max_connections")) o->max_connections = number;
    if (!strcmp(arg, "max_per_address")) o->max_per_address = number;
    if (!strcmp(arg, "max_unsent")) o->max_unsent = number;
    if (!strcmp(arg, "cors")) o->cors_origin = value;
    if (!strcmp(arg, "threads")) o->threads = number;
    if (!strcmp(arg, "visitors")) n_visitors = number;
}

int main(int argc, char **argv)
{
    struct hn_http_options options = {
        .handle = handle, .error_body = error_body, .complain = complain};
    struct hn_error err;
    char line[64];
    for (int i = 1; i < argc; i++)
        set_option(&options, argv[i]);
    if (hn_http_start(&options, &http, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    for (unsigned i = 0; i < n_visitors; i++)
        if (pthread_create(&visitors[i], NULL, visit, NULL)) abort();
    printf("%s\n", hn_http_url(http));
    fflush(stdout);
    hn_systemd_notify("READY=1");
    while (fgets(line, sizeof line, stdin) && strcmp(line, "stop\n") != 0) {
        if (!strcmp(line, "drain\n")) hn_http_drain(http);
        if (!strcmp(line, "rest\n") || !strcmp(line, "leave\n")) atomic_store(&resting, true);
        if (!strcmp(line, "leave\n")) hn_http_leave(http);
#ifdef HAVE_FAULTS
        if (!strncmp(line, "fail ", 5)) faults_start(strtoul(line + 5, NULL, 10));
#endif
        printf("%zu %d %d\n", hn_http_open(http), atomic_load(&gone_count),
               atomic_load(&complaints));
        fflush(stdout);
    }
    atomic_store(&stopping, true);
    while (atomic_load(&workers))
        usleep(1000);
    for (unsigned i = 0; i < n_visitors; i++)
        pthread_join(visitors[i], NULL);
    hn_http_stop(http);
    return 0;
}
