/* How the server is: /health for whoever sends requests, /metrics for whoever looks after it. */
#include <math.h>

#include "base/bits.h"
#include "server/endpoints.h"
#include "server/models.h"
#include "server/server_impl.h"

enum hn_status hn_answer_health(struct hn_call *call, struct hn_refusal *why)
{
    static const char *const texts[] = {"loading model", "ok", "shutting down"};
    const int state = atomic_load(&call->server->state);
    struct hn_json_writer w = {0};
    (void)why;
    hn_json_open(&w, NULL, '{');
    hn_json_put_text(&w, "status", hn_str_from(texts[state]));
    hn_json_close(&w, '}');
    hn_call_json(call, state == HN_SERVER_READY ? 200 : 503, &w);
    return HN_OK;
}

/* A look at an engine, between two of its steps. */
static void look(void *ctx, struct hn_engine *engine)
{
    hn_engine_stats_read(engine, ctx);
}

static void look_at(struct hn_server *server, struct hn_served *served,
                    struct hn_engine_stats *stats)
{
    const struct hn_oneshot *oneshot = hn_served_oneshot(served);
    if (oneshot)
        hn_lane_count(hn_service_lane(server->service), oneshot, &stats->waiting, &stats->running);
    else hn_service_call(server->service, served, look, stats);
}

/* Returns the idle joules of the machine, which every engine knows. */
static double set_gauges(struct hn_server *server)
{
    struct hn_served *models[HN_MAX_MODELS];
    struct hn_engine_stats stats = {.idle_joules = NAN};
    const size_t n = hn_service_list(server->service, models, HN_MAX_MODELS);
    for (size_t i = 0; i < n; i++) {
        stats = (struct hn_engine_stats){.idle_joules = stats.idle_joules};
        look_at(server, models[i], &stats);
        struct hn_series *series =
            hn_metrics_series(server->metrics, hn_served_name(models[i]), NULL);
        hn_series_set(series, HN_METRIC_RUNNING, (double)stats.running);
        hn_series_set(series, HN_METRIC_WAITING, (double)stats.waiting);
        hn_series_set(series, HN_METRIC_KV_USED,
                      (double)stats.pages_used / (double)hn_max(stats.pages_all, 1));
        hn_served_release(models[i]);
    }
    return stats.idle_joules;
}

enum hn_status hn_answer_metrics(struct hn_call *call, struct hn_refusal *why)
{
    struct hn_server *server = call->server;
    struct hn_buf text = {0};
    const bool open = hn_metrics_wants_open(hn_exchange_header(call->x, "accept"));
    const struct hn_metrics_now now = {
        .open_connections = hn_http_connections(server->http),
        .log_lines_dropped = server->access_log ? hn_log_file_dropped(server->access_log) : 0,
        .idle_joules = set_gauges(server),
    };
    if (hn_metrics_write(server->metrics, &now, open, &text) >= 0)
        hn_call_reply(call, 200, hn_metrics_type(open), hn_buf_view(&text));
    else (void)hn_refuse(why, 503, "out_of_memory", NULL, "There is no memory for the answer.");
    const enum hn_status status = text.failed;
    hn_buf_free(&text);
    return status;
}
