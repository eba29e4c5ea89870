#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/door.h"
#include "cli/progress.h"
#include "cli/serve_config.h"
#include "cli/serve_options.h"
#include "server/openapi.h"

#define AT(field) offsetof(struct hn_serve_options, field)
static const struct hn_opt other_items[] = {
    {"config", 0, "FILE.yaml", HN_OPT_TEXT, AT(config),
     .help =
         "read options from a file first: a key for each long one above, and the list `models`"},
    {"openapi", 0, NULL, HN_OPT_FLAG, AT(openapi),
     .help = "print what can be asked, as an OpenAPI document, and end"},
};
#undef AT
static const struct hn_opt_group groups[] = {
    {"Model", hn_serve_items, HN_SERVE_MODELS, 0},
    {"Network", hn_serve_items + HN_SERVE_MODELS, HN_SERVE_NETWORK, 0},
    {"Access", hn_serve_items + HN_SERVE_MODELS + HN_SERVE_NETWORK, HN_SERVE_ACCESS, 0},
    {"Limits", hn_serve_items + HN_SERVE_ITEMS - HN_SERVE_LIMITS, HN_SERVE_LIMITS, 0},
    {"Other", other_items, HN_COUNT(other_items), 0},
};
static const struct hn_cli_spec spec = {
    .name = "serve",
    .operands = "",
    .about =
        "Answers through HTTP, as the OpenAI API and llama.cpp's server do. Says `listening on\n"
        "URL` on standard error when it is ready.",
    .groups = groups,
    .n_groups = HN_COUNT(groups),
    .more = "  hence serve -m model.gguf\n"
            "  hence serve -m small=a.gguf -m large=b.gguf --port 9000\n"
            "  hence serve --config hence.yaml\n"
            "  curl http://127.0.0.1:8080/v1/chat/completions -d '{\"messages\": [{\"role\":\n"
            "    \"user\", \"content\": \"Why is the sky blue?\"}]}'\n"
            "\n"
            "SIGTERM and Ctrl-C let what was begun be finished; a second one does not.",
};

/* --- signals ----------------------------------------------------------------------------------- */

/* Those that this command waits for; blocked in every thread, so that they come to sigtimedwait. */
static sigset_t signals_of_interest(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

/* Waits so long for a signal; 0: none came. */
static int next_signal(unsigned ms)
{
    const sigset_t set = signals_of_interest();
    const struct timespec wait = {ms / 1000, (long)(ms % 1000) * 1000000};
    const int got = sigtimedwait(&set, NULL, &wait);
    return got > 0 ? got : 0;
}

static bool is_end(int signal_number)
{
    return signal_number == SIGTERM || signal_number == SIGINT;
}

/* --- models ------------------------------------------------------------------------------------ */

static bool show_loading(void *ctx, size_t done, size_t all)
{
    struct hn_bar *bar = ctx;
    if (!bar->what) *bar = hn_bar_start("loading", all);
    hn_bar_step(bar, done, (struct hn_str){0});
    return !is_end(next_signal(0));
}

static enum hn_status load(struct hn_serve_options *o, size_t i, struct hn_server *server,
                           struct hn_error *err)
{
    const char *name;
    struct hn_buf starter = {0};
    struct hn_bar bar = {0};
    struct hn_instance_options instance;
    const struct hn_load_progress progress = {show_loading, &bar};
    enum hn_status status = hn_serve_instance(o, i, &starter, &name, &instance, err);
    if (status >= 0) {
        instance.progress = &progress;
        status = hn_server_load(server, name, &instance, err);
    }
    hn_bar_end(&bar);
    hn_buf_free(&starter);
    return status;
}

static enum hn_status load_all(struct hn_serve_options *o, struct hn_server *server,
                               struct hn_error *err)
{
    for (size_t i = 0; i < hn_max(o->n_models, 1); i++)
        HN_TRY(load(o, i, server, err));
    return HN_OK;
}

/* --- the run ----------------------------------------------------------------------------------- */

static void reload(struct hn_server *server)
{
    struct hn_error err;
    if (hn_server_reload(server, &err) < 0) fprintf(stderr, "hence serve: %s\n", err.text);
}

static void wait_for_end(struct hn_server *server)
{
    for (int got = 0; !is_end(got); got = next_signal(1000)) {
        if (got == SIGHUP) reload(server);
        hn_server_tick(server);
    }
}

/* Until what was begun is done, the time is over, or a second signal comes. */
static void drain(const struct hn_serve_options *o, struct hn_server *server)
{
    const uint64_t start = hn_clock_ns();
    hn_server_drain(server);
    while (hn_server_open(server) > 0 &&
           hn_clock_seconds(start, hn_clock_ns()) < (double)o->drain_s)
        if (is_end(next_signal(20))) break;
}

static void complain(void *ctx, const char *text)
{
    (void)ctx;
    fprintf(stderr, "hence serve: %s\n", text);
}

static enum hn_status print_openapi(struct hn_error *err)
{
    struct hn_json_writer w = {0};
    hn_openapi_write(&w);
    return hn_door_print(&w, err);
}

static enum hn_status serve(struct hn_serve_options *o, struct hn_error *err)
{
    struct hn_server *server;
    struct hn_server_options options = hn_serve_server(o);
    options.complain = complain;
    const sigset_t set = signals_of_interest();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    hn_memory_keep_little();
    HN_TRY(hn_server_start(&options, &server, err));
    const enum hn_status status = load_all(o, server, err);
    if (status >= 0) {
        hn_server_ready(server);
        fprintf(stderr, "listening on %s\n", hn_server_url(server));
        wait_for_end(server);
        drain(o, server);
    }
    hn_server_stop(server);
    return status;
}

int hn_cmd_serve(int argc, char **argv)
{
    struct hn_serve_options o;
    struct hn_operands operands;
    struct hn_error err;
    int status;
    hn_serve_defaults(&o);
    if (!hn_cli_parse(&spec, argc, argv, &o, &operands, &status)) return status;
    enum hn_status result = HN_OK;
    if (o.config) {
        /* The words count over the file: they are read once more. */
        const char *config = o.config;
        hn_serve_defaults(&o);
        result = hn_serve_config(config, &o, &err);
        if (result >= 0 && !hn_cli_parse(&spec, argc, argv, &o, &operands, &status)) return status;
    }
    if (result >= 0) result = o.openapi ? print_openapi(&err) : serve(&o, &err);
    hn_arena_free(&o.texts);
    return hn_cli_end(&spec, result, &err);
}
