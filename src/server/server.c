#include "server/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/memory.h"
#include "hence/version.h"
#include "server/generation.h"
#include "server/models.h"
#include "server/router.h"
#include "server/server_impl.h"
#include "server/systemd.h"
#include "server/workers.h"

enum { WORKERS = 4 };

/* Only a socket's file, a loopback address or a name for one keeps others out. */
static bool is_private(const struct hn_http_options *http)
{
    const char *host = http->host;
    return !host || strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "::1") == 0;
}

static void make_names(struct hn_server *server)
{
    enum hn_cpu_level level = hn_cpu_detect();
    (void)hn_cpu_choose(getenv("HENCE_CPU"), &level, NULL);
    (void)!getrandom(&server->boot, sizeof server->boot, 0);
    snprintf(server->fingerprint, sizeof server->fingerprint, "hence-%s-%s", hence_version(),
             hn_cpu_level_name(level));
}

/* The compute threads come by, and stay away. HTTP is there before the first model. */
static void visit(void *ctx)
{
    hn_http_visit(((struct hn_server *)ctx)->http);
}

static void leave(void *ctx)
{
    hn_http_leave(((struct hn_server *)ctx)->http);
}

static void deserted(void *ctx)
{
    struct hn_server *server = ctx;
    pthread_mutex_lock(&server->lock);
    if (!server->stopping) hn_service_deserted(server->service);
    pthread_mutex_unlock(&server->lock);
}

static enum hn_status start_parts(struct hn_server *server, struct hn_error *err)
{
    struct hn_http_options http = server->options->http;
    const struct hn_service_options service = {
        .max_waiting = server->options->max_waiting,
        .lane = {.threads = server->options->lane_threads},
        .guest = {.visit = visit, .leave = leave, .ctx = server},
        .energy = {.idle_w = server->options->idle_w, .core_w = server->options->core_w},
    };
    http.handle = hn_router_handle;
    http.error_body = hn_router_error_body;
    http.deserted = deserted;
    http.ctx = server;
    const struct hn_server_options *o = server->options;
    http.complain = o->complain;
    http.complain_ctx = o->ctx;
    if (o->keys) HN_TRY(hn_keys_open(o->keys, o->complain, o->ctx, &server->keys, err));
    const struct hn_log_file_options log = {
        .path = o->access_log, .complain = o->complain, .ctx = o->ctx};
    const struct hn_metrics_options metrics = {.per_key = o->metrics_per_key, .aliases = true};
    HN_TRY(hn_forms_create(&server->forms, err));
    HN_TRY(hn_metrics_create(&metrics, &server->metrics, err));
    if (o->access_log) HN_TRY(hn_log_file_open(&log, &server->access_log, err));
    HN_TRY(hn_service_start(&service, &server->service, err));
    HN_TRY(hn_catalogue_create(server->service, &server->catalogue, err));
    HN_TRY(hn_workers_start(WORKERS, &server->workers, err));
    return hn_http_start(&http, &server->http, err);
}

enum hn_status hn_server_start(const struct hn_server_options *options, struct hn_server **out,
                               struct hn_error *err)
{
    *out = NULL;
    if (!is_private(&options->http) && !options->keys && !options->insecure)
        return hn_fail(
            err, HN_E_ARG,
            "%s can be reached from other machines: give a file of keys (--api-keys), or "
            "let everybody in (--insecure)",
            options->http.host);
    struct hn_server *server = calloc(1, sizeof *server);
    if (!server) return hn_fail_nomem(err, "the server", sizeof *server);
    server->options = options;
    pthread_mutex_init(&server->lock, NULL);
    make_names(server);
    const enum hn_status status = start_parts(server, err);
    if (status < 0) hn_server_stop(server);
    else *out = server;
    return status;
}

enum hn_status hn_server_load(struct hn_server *server, const char *name,
                              const struct hn_instance_options *options, struct hn_error *err)
{
    return hn_catalogue_add(server->catalogue, name, options, err);
}

/* Whether a request is being answered by a model. */
static bool in_use(struct hn_server *server, const struct hn_served *served)
{
    pthread_mutex_lock(&server->lock);
    const struct hn_generation *g = server->answering;
    while (g && g->served != served)
        g = g->next;
    pthread_mutex_unlock(&server->lock);
    return g != NULL;
}

void hn_server_tick(struct hn_server *server)
{
    struct hn_served *models[HN_MAX_MODELS];
    /* A large body is many small values: the allocator keeps all of them, once for each thread. */
    if (atomic_exchange(&server->untidy, false)) hn_memory_trim();
    if (!server->options->idle_s) return;
    const size_t n = hn_service_list(server->service, models, HN_MAX_MODELS);
    for (size_t i = 0; i < n; i++) {
        const double idle_s = hn_clock_seconds(hn_served_used_ns(models[i]), hn_clock_ns());
        if (idle_s >= (double)server->options->idle_s && !in_use(server, models[i]))
            (void)hn_catalogue_sleep(server->catalogue, hn_served_name(models[i]), NULL);
        hn_served_release(models[i]);
    }
}

void hn_server_ready(struct hn_server *server)
{
    atomic_store(&server->state, HN_SERVER_READY);
    hn_systemd_notify("READY=1");
}

const char *hn_server_url(const struct hn_server *server)
{
    return hn_http_url(server->http);
}

enum hn_status hn_server_reload(struct hn_server *server, struct hn_error *err)
{
    if (server->access_log) hn_log_file_reopen(server->access_log);
    return server->keys ? hn_keys_reload(server->keys, err) : HN_OK;
}

void hn_server_drain(struct hn_server *server)
{
    atomic_store(&server->state, HN_SERVER_DRAINING);
    hn_systemd_notify("STOPPING=1");
    hn_http_drain(server->http);
}

size_t hn_server_open(const struct hn_server *server)
{
    return hn_http_open(server->http);
}

void hn_server_stop(struct hn_server *server)
{
    if (!server) return;
    atomic_store(&server->state, HN_SERVER_DRAINING);
    while (atomic_load(&server->routing) > 0)
        usleep(1000);
    /* Nothing new is begun now. Whoever uses an exchange ends before HTTP does. */
    hn_workers_stop(server->workers);
    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    pthread_mutex_unlock(&server->lock);
    hn_service_stop(server->service);
    hn_http_stop(server->http);
    hn_catalogue_destroy(server->catalogue);
    hn_forms_destroy(server->forms);
    hn_keys_close(server->keys);
    hn_log_file_close(server->access_log);
    hn_metrics_destroy(server->metrics);
    pthread_mutex_destroy(&server->lock);
    free(server);
}
