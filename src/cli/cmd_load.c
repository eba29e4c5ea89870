#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/door.h"
#include "cli/interrupt.h"
#include "cli/load_show.h"
#include "cli/progress.h"

struct options {
    struct hn_load_options load;
    const char *lengths, *bodies, *svg;
    bool json;
};

static enum hn_status take_length(void *field, const char *text, struct hn_error *err)
{
    return hn_length_read(text, field, err);
}

static enum hn_status take_tiers(void *field, const char *text, struct hn_error *err)
{
    return hn_tiers_read(text, field, err);
}

static enum hn_status take_api(void *field, const char *text, struct hn_error *err)
{
    struct hn_load_options *o = field;
    o->completions = strcmp(text, "completions") == 0;
    if (o->completions || strcmp(text, "chat") == 0) return HN_OK;
    return hn_fail(err, HN_E_ARG, "give chat or completions");
}

/* It becomes part of a header. */
static enum hn_status take_key(void *field, const char *text, struct hn_error *err)
{
    for (const char *p = text; *p; p++)
        if (*p <= ' ' || *p > '~') return hn_fail(err, HN_E_ARG, "a key has no such characters");
    *(const char **)field = text;
    return HN_OK;
}

#define AT(field) offsetof(struct options, load.field)
static const struct hn_opt server_items[] = {
    {"url", 'u', "URL", HN_OPT_TEXT, AT(url),
     .help = "the server, http or https, with or without /v1 (default: http://127.0.0.1:8080)"},
    {"model", 'm', "NAME", HN_OPT_TEXT, AT(model),
     .help = "the model's name there (default: the first that the server names)"},
    {"api-key", 0, "KEY", HN_OPT_CALL, AT(key), .take = take_key,
     .help = "the key to show (default: what HENCE_API_KEY holds)"},
    {"api", 0, "NAME", HN_OPT_CALL, 0, .take = take_api,
     .help = "chat (/v1/chat/completions, the default) or completions (/v1/completions)"},
    {"post", 0, "PATH", HN_OPT_TEXT, AT(post),
     .help = "send bodies of one's own to another path: /v1/predictions, /v2/models/NAME/infer, "
             "/v1/recommendations"},
    {"body", 0, "FILE", HN_OPT_TEXT, offsetof(struct options, bodies),
     .help = "these: JSON, or a line of it for each body, from which every request draws one"},
    {"insecure", 0, NULL, HN_OPT_FLAG, AT(insecure), .help = "take any certificate"},
};
static const struct hn_opt load_items[] = {
    {"concurrency", 'c', "C", HN_OPT_SIZE, AT(concurrency), 1, HN_LOAD_MAX_OPEN,
     .help = "requests at once: the next begins when one is answered (default: 1); with --rate, at "
             "most so many, and others wait (default: no bound)"},
    {"spread", 0, NULL, HN_OPT_FLAG, AT(spread),
     .help =
         "use all --concurrency connections in turn, as that many visitors would, rather than as "
         "few as will do"},
    {"rate", 'r', "R", HN_OPT_REAL, AT(rate), 0.001, 1e6,
     .help =
         "requests that arrive each second, at random times (a Poisson process), whether others "
         "are answered or not"},
    {"requests", 'n', "N", HN_OPT_SIZE, AT(requests), 1, 1e9,
     .help = "requests in all (default: 100, or as many as --duration has room for)"},
    {"duration", 'd', "S", HN_OPT_REAL, AT(duration_s), 0.001, 1e6,
     .help = "seconds in which requests begin; what has begun is waited for"},
    {"timeout", 0, "S", HN_OPT_REAL, AT(timeout_s), 0.001, 1e6,
     .help = "seconds after which a request has failed (default: 600)"},
};
static const struct hn_opt request_items[] = {
    {"prompt-tokens", 'p', "P", HN_OPT_CALL, AT(prompt), .take = take_length,
     .help = "length of prompts, or LOW-HIGH: evenly between (default: 200). Words are chosen by "
             "what the server counts for two probes."},
    {"output-tokens", 'o', "O", HN_OPT_CALL, AT(output), .take = take_length,
     .help = "length of answers, or LOW-HIGH (default: 64)"},
    {"lengths", 0, "FILE", HN_OPT_TEXT, offsetof(struct options, lengths),
     .help = "draw both from this file, a prompt's and an answer's tokens on each line"},
    {"shared-prefix", 0, "S", HN_OPT_SIZE, AT(prefix_tokens), 1, HN_LOAD_MAX_TOKENS,
     .help = "tokens before the prompt that are the same in all requests: the system message of a "
             "chat, the begin of a text"},
    {"shared-by", 0, "X", HN_OPT_REAL, AT(prefix_share), 0, 1,
     .help = "share of the requests that have it (default: 1)"},
    {"tiers", 0, "NAME=X,...", HN_OPT_CALL, AT(tiers), .take = take_tiers,
     .help = "mix of service_tier by weight: default=3,flex=1; the report tells them apart"},
    {"temp", 0, "X", HN_OPT_REAL, AT(temperature), 0, 2, .help = "temperature (default: 0)"},
    {"heed-end", 0, NULL, HN_OPT_FLAG, AT(heed_end),
     .help = "let the model end its answers early: leaves out ignore_eos, which not every server "
             "takes"},
    {"no-stream", 0, NULL, HN_OPT_FLAG, AT(whole), .help = "ask for whole answers"},
    {"seed", 's', "S", HN_OPT_SEED, AT(seed),
     .help = "of everything that is left to chance: the same seed makes the same requests, which a "
             "server's prefix cache may know by then (default: another one each time)"},
};
static const struct hn_opt report_items[] = {
    {"slo-ttft", 0, "MS", HN_OPT_REAL, AT(good_ttft_ms), 0.001, 1e9,
     .help = "goodput counts answers whose first token came within this time"},
    {"slo-itl", 0, "MS", HN_OPT_REAL, AT(good_itl_ms), 0.001, 1e9,
     .help = "and whose tokens took this long at most, on average of the answer"},
    {"json", 0, NULL, HN_OPT_FLAG, offsetof(struct options, json),
     .help = "the report as JSON, at the end"},
    {"svg", 0, "FILE", HN_OPT_TEXT, offsetof(struct options, svg),
     .help = "a picture: which share of answers took how long"},
};
static const struct hn_opt_group groups[] = {
    {"Server", server_items, HN_COUNT(server_items), 0},
    {"Load", load_items, HN_COUNT(load_items), 0},
    {"Requests", request_items, HN_COUNT(request_items), 0},
    {"Report", report_items, HN_COUNT(report_items), 0},
};
#undef AT
static const struct hn_cli_spec spec = {
    .name = "load",
    .operands = "",
    .about = "Puts a load on any server that speaks OpenAI's API and reports how long its answers\n"
             "took: first token, between tokens, whole answer, tokens a second, what failed. Ends\n"
             "with 1 when a request failed.",
    .groups = groups,
    .n_groups = HN_COUNT(groups),
    .more =
        "  hence load --url http://127.0.0.1:8080 --concurrency 16 --requests 64 --json\n"
        "  hence load --rate 2 --duration 60 --slo-ttft 500 --slo-itl 50 --svg load.svg\n"
        "  hence load -c 32 -n 200 --shared-prefix 1000 --tiers default=3,flex=1\n"
        "  hence load --post /v1/predictions --body rows.jsonl -r 2000 -c 2000 --spread -d 20\n"
        "\n"
        "Times count from when a request was due, also where it had to wait for others. A\n"
        "connection is kept for the next request. In the table, \"between tokens\" is from one\n"
        "piece of text to the next, \"longest gap\" the greatest of an answer, \"per token\" the\n"
        "mean of an answer. Ctrl-C ends the load and reports what there is.",
};

/* --- while it runs ----------------------------------------------------------------------------- */

struct watch {
    const struct hn_load_options *options;
    struct hn_bar bar;
};

static bool watch(void *ctx, const struct hn_load_report *r)
{
    struct watch *w = ctx;
    char detail[120];
    const uint64_t done = r->groups[0].answered + r->failed;
    const int n = snprintf(detail, sizeof detail, "%zu open, %.0f tokens/s, %" PRIu64 " failed",
                           r->open, r->seconds > 0 ? (double)r->events / r->seconds : 0, r->failed);
    const size_t at = w->options->requests ? (size_t)done : (size_t)(r->seconds * 1e3);
    hn_bar_step(&w->bar, at, (struct hn_str){detail, (size_t)n});
    return !hn_interrupted();
}

/* --- afterwards -------------------------------------------------------------------------------- */

static void put_length(struct hn_json_writer *w, const char *key, const struct hn_length *length)
{
    hn_json_open(w, key, '[');
    hn_json_put_uint(w, NULL, length->low);
    hn_json_put_uint(w, NULL, length->high);
    hn_json_close(w, ']');
}

static enum hn_status print_json(const struct options *o, const struct hn_load_report *report,
                                 struct hn_error *err)
{
    struct hn_json_writer w = {0};
    const struct hn_load_options *load = &o->load;
    hn_json_open(&w, NULL, '{');
    hn_json_put_text(&w, "url", hn_str_from(load->url));
    hn_json_put_text(&w, "api",
                     load->post          ? hn_str_from(load->post)
                     : load->completions ? HN_STR("completions")
                                         : HN_STR("chat"));
    hn_json_put_bool(&w, "stream", !load->whole);
    hn_json_put_uint(&w, "concurrency", load->concurrency);
    hn_json_put_real(&w, "rate", (double)load->rate);
    hn_json_put_uint(&w, "requests", load->requests);
    if (!load->pairs.n && !load->post) {
        put_length(&w, "prompt_length", &load->prompt);
        put_length(&w, "output_length", &load->output);
    }
    hn_json_put_uint(&w, "shared_prefix", load->prefix_tokens);
    hn_json_put_uint(&w, "seed", load->seed);
    hn_load_report_json(&w, report);
    hn_json_close(&w, '}');
    return hn_door_print(&w, err);
}

static enum hn_status write_svg(const struct options *o, const struct hn_load_report *report,
                                struct hn_error *err)
{
    char line[HN_LOAD_LINE];
    struct hn_buf svg = {0};
    enum hn_status status = hn_load_svg(report, hn_load_line(line, &o->load), &svg);
    if (status < 0) hn_fail_nomem(err, "a picture", svg.n);
    else status = hn_file_write(o->svg, svg.p, svg.n, err);
    hn_buf_free(&svg);
    return status;
}

static enum hn_status tell(const struct options *o, const struct hn_load_report *report,
                           struct hn_error *err)
{
    if (o->json) HN_TRY(print_json(o, report, err));
    else hn_load_show(&o->load, report);
    if (o->svg) HN_TRY(write_svg(o, report, err));
    if (report->early) return hn_fail(err, HN_E_CANCELLED, "stopped");
    if (!report->failed) return HN_OK;
    return hn_fail(err, HN_E_IO, "%" PRIu64 " of %" PRIu64 " requests failed", report->failed,
                   report->started);
}

static enum hn_status load(struct options *o, struct hn_error *err)
{
    struct hn_load_options *options = &o->load;
    if (o->lengths) HN_TRY(hn_length_pairs_read(o->lengths, &options->pairs, err));
    if (o->bodies) HN_TRY(hn_bodies_read(o->bodies, &options->bodies, err));
    struct hn_load_report *report = malloc(sizeof *report);
    enum hn_status status = HN_OK;
    if (!report) status = hn_fail_nomem(err, "a report", sizeof *report);
    struct watch w = {options, hn_bar_start("load", options->requests
                                                        ? options->requests
                                                        : (size_t)(options->duration_s * 1e3f))};
    options->tick = watch;
    options->ctx = &w;
    signal(SIGPIPE, SIG_IGN);
    hn_interrupt_catch();
    if (status >= 0) status = hn_load_run(options, report, err);
    hn_bar_end(&w.bar);
    if (status >= 0) status = tell(o, report, err);
    free(report);
    free(options->pairs.items);
    hn_bodies_free(&options->bodies);
    return status;
}

int hn_cmd_load(int argc, char **argv)
{
    struct options o = {
        .load = {.url = "http://127.0.0.1:8080",
                 .key = getenv("HENCE_API_KEY"),
                 .timeout_s = 600,
                 .prompt = {200, 200},
                 .output = {64, 64},
                 .prefix_share = 1,
                 /* Few digits: people copy it from one command to the next. */
                 .seed = (uint64_t)hn_clock_wall_ms() % 1000000},
    };
    struct hn_operands operands;
    struct hn_error err;
    int status;
    if (!hn_cli_parse(&spec, argc, argv, &o, &operands, &status)) return status;
    if (o.load.requests && o.load.duration_s > 0)
        return hn_cli_wrong(&spec, "--requests and --duration are two ends; give one");
    if (!o.load.post != !o.bodies) return hn_cli_wrong(&spec, "--post and --body go together");
    if (o.load.post && *o.load.post != '/')
        return hn_cli_wrong(&spec, "--post: a path begins with /");
    if (o.load.spread && !o.load.concurrency)
        return hn_cli_wrong(&spec, "--spread needs --concurrency");
    if (o.load.post) o.load.whole = true;
    if (!o.load.requests && !(o.load.duration_s > 0)) o.load.requests = 100;
    if (!o.load.concurrency && !(o.load.rate > 0)) o.load.concurrency = 1;
    return hn_cli_end(&spec, load(&o, &err), &err);
}
