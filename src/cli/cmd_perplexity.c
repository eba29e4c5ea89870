#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/door.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/prompt.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "engine/perplexity.h"

enum { WINDOW = 512 };

struct options {
    struct hn_session_options session;
    struct hn_prompt_source text;
    size_t windows;
    bool json;
};

#define AT(field) offsetof(struct options, field)
static const struct hn_opt items[] = {
    HN_OPT_MODEL(struct options, session.model),
    {"file", 'f', "TEXT", HN_OPT_TEXT, AT(text.file),
     .help = "the text to read (default: standard input)"},
    {"context", 'c', "N", HN_OPT_SIZE, AT(session.context), 4, HN_MAX_CONTEXT,
     .help = "tokens of a window (default: 512, the usual one, or the model's context where that "
             "is shorter)"},
    {"windows", 0, "N", HN_OPT_SIZE, AT(windows), 1, INT32_MAX,
     .help = "only the first N windows (default: all)"},
    {"threads", 't', "N", HN_OPT_SIZE, AT(session.threads), 1, HN_POOL_MAX_THREADS,
     .help = "worker threads (default: all cores); results do not depend on it"},
    {"json", 0, NULL, HN_OPT_FLAG, AT(json), .help = "print the result as JSON"},
};
static const struct hn_opt_group groups[] = {
    {"Options", items, HN_COUNT(items), 0},
    {"Model", hn_session_items + HN_SESSION_BATCH_ITEM, HN_SESSION_ITEMS - HN_SESSION_BATCH_ITEM,
     AT(session)},
};
#undef AT
static const struct hn_cli_spec spec = {
    .name = "perplexity",
    .operands = "",
    .about =
        "Measures how well a model foretells a text: lower is better, 1 is perfect. Useful to\n"
        "see what quantising a model cost.",
    .groups = groups,
    .n_groups = HN_COUNT(groups),
    .more = "  hence perplexity -m model-f16.gguf -f wiki.test.raw\n"
            "  hence perplexity -m model-q4_k_m.gguf -f wiki.test.raw\n"
            "\n"
            "The text is cut into windows of -c tokens, each read by itself. Of each window the\n"
            "second half is scored: p is what the model gave a token after those before it, and\n"
            "\n"
            "  PPL = exp(mean of -ln p)    +/-  PPL * sqrt(variance of -ln p / (N - 1))\n"
            "\n"
            "over all N scored tokens. This is llama.cpp's definition; figures can be compared\n"
            "where text, window and tokens are the same.",
};

/* What the progress shows. */
struct watch {
    struct hn_bar bar;
    char detail[40];
};

static bool show(void *ctx, const struct hn_perplexity *so_far, size_t windows)
{
    struct watch *watch = ctx;
    const int n = snprintf(watch->detail, sizeof watch->detail, "PPL %.4f so far", so_far->ppl);
    watch->bar.total = windows;
    hn_bar_step(&watch->bar, so_far->windows, (struct hn_str){watch->detail, (size_t)n});
    return !hn_interrupted();
}

static enum hn_status print(const struct options *o, const struct hn_instance *s,
                            const struct hn_perplexity *p, double seconds, struct hn_error *err)
{
    struct hn_json_writer w = {0};
    if (!o->json) {
        printf("PPL = %.4f +/- %.4f (%zu tokens scored, %zu windows of %zu)\n", p->ppl, p->error,
               p->scored, p->windows, s->plan.context);
        return HN_OK;
    }
    hn_json_open(&w, NULL, '{');
    hn_json_put_text(&w, "model", hn_str_from(s->name));
    hn_json_put_real(&w, "perplexity", p->ppl);
    hn_json_put_real(&w, "standard_error", p->error);
    hn_json_put_uint(&w, "scored_tokens", p->scored);
    hn_json_put_uint(&w, "windows", p->windows);
    hn_json_put_uint(&w, "window_tokens", s->plan.context);
    hn_json_put_uint(&w, "threads", s->threads);
    hn_json_put_real(&w, "load_s", s->load_s);
    hn_json_put_real(&w, "seconds", seconds);
    hn_json_put_real(&w, "tokens_per_s",
                     seconds > 0 ? (double)(p->windows * s->plan.context) / seconds : 0);
    hn_json_close(&w, '}');
    return hn_door_print(&w, err);
}

static enum hn_status score(const struct options *o, const struct hn_instance *s,
                            const struct hn_buf *text, struct hn_error *err)
{
    struct hn_tokens tokens = {0};
    struct hn_perplexity result;
    struct watch watch = {.bar = hn_bar_start("reading", 0)};
    const struct hn_perplexity_options options = {
        .window = s->plan.context, .max_windows = o->windows, .progress = show, .ctx = &watch};
    const uint64_t start = hn_clock_ns();
    enum hn_status status =
        hn_tokenize(s->tokenizer, hn_buf_view(text), HN_TOKENIZE_ADD_SPECIAL, &tokens, err);
    if (status >= 0)
        status = hn_perplexity_run(s->engine, s->tokenizer, tokens.ids, tokens.n, &options, &result,
                                   err);
    hn_bar_end(&watch.bar);
    if (status >= 0) status = print(o, s, &result, hn_clock_seconds(start, hn_clock_ns()), err);
    hn_tokens_free(&tokens);
    return status;
}

static enum hn_status perplexity(const struct options *o, struct hn_error *err)
{
    struct hn_instance session = {0};
    struct hn_buf text = {0};
    hn_interrupt_catch();
    /* The text first: what is wrong with it is told before a large model is loaded. */
    enum hn_status status = hn_prompt_read(&o->text, &text, err);
    if (status >= 0)
        status = hn_session_open(&o->session, &(struct hn_session_needs){.context = WINDOW},
                                 &session, err);
    if (status >= 0) status = score(o, &session, &text, err);
    hn_buf_free(&text);
    hn_instance_close(&session);
    return status;
}

int hn_cmd_perplexity(int argc, char **argv)
{
    struct options o = {.session = hn_session_defaults()};
    struct hn_operands operands;
    int status;
    if (!hn_cli_parse(&spec, argc, argv, &o, &operands, &status)) return status;
    if (!o.text.file && hn_terminal_is(stdin))
        return hn_cli_wrong(&spec, "name a text with -f, or give it on standard input");
    struct hn_error err;
    return hn_cli_end(&spec, perplexity(&o, &err), &err);
}
