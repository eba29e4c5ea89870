#include "load/ask.h"

#include <math.h>

#include "base/bits.h"

/* Numbers of texts that are no request's. */
static const uint64_t prefix_number = UINT64_C(1) << 62, probe_number = (UINT64_C(1) << 62) + 1;

struct hn_ask hn_ask_draw(const struct hn_load_options *o, uint64_t request)
{
    const double p = hn_draw(o->seed, request, HN_DRAW_PROMPT);
    struct hn_ask ask = {
        .prompt_tokens = hn_draw_length(&o->prompt, p),
        .output_tokens = hn_draw_length(&o->output, hn_draw(o->seed, request, HN_DRAW_OUTPUT)),
        .prefix =
            o->prefix_tokens && hn_draw(o->seed, request, HN_DRAW_PREFIX) < (double)o->prefix_share,
        .tier = hn_draw_tier(&o->tiers, hn_draw(o->seed, request, HN_DRAW_TIER)),
    };
    if (o->pairs.n) {
        const struct hn_length_pair *pair = &o->pairs.items[(size_t)(p * (double)o->pairs.n)];
        ask.prompt_tokens = pair->prompt;
        ask.output_tokens = pair->output;
    }
    return ask;
}

static size_t words_of(const struct hn_asker *asker, double tokens)
{
    return (size_t)fmax(1, round(tokens / asker->tokens_per_word));
}

enum hn_status hn_ask_prefix(struct hn_asker *asker)
{
    const struct hn_load_options *o = asker->options;
    if (o->prefix_tokens)
        hn_draw_words(o->seed, prefix_number, words_of(asker, (double)o->prefix_tokens),
                      &asker->prefix);
    return asker->prefix.failed;
}

static void put_message(struct hn_json_writer *w, struct hn_str role, struct hn_str text)
{
    hn_json_open(w, NULL, '{');
    hn_json_put_text(w, "role", role);
    hn_json_put_text(w, "content", text);
    hn_json_close(w, '}');
}

static void put_prompt(struct hn_json_writer *w, const struct hn_asker *asker, bool with_prefix,
                       const struct hn_buf *text)
{
    if (!asker->options->completions) {
        hn_json_open(w, "messages", '[');
        if (with_prefix) put_message(w, HN_STR("system"), hn_buf_view(&asker->prefix));
        put_message(w, HN_STR("user"), hn_buf_view(text));
        hn_json_close(w, ']');
        return;
    }
    struct hn_buf both = {0};
    if (with_prefix) {
        hn_buf_str(&both, hn_buf_view(&asker->prefix));
        hn_buf_char(&both, ' ');
    }
    hn_buf_str(&both, hn_buf_view(text));
    hn_json_put_text(w, "prompt", hn_buf_view(&both));
    if (both.failed) w->out.failed = both.failed;
    hn_buf_free(&both);
}

/* Opens the body: what probes and requests have in common. */
static void open_body(struct hn_json_writer *w, const struct hn_asker *asker, bool with_prefix,
                      uint64_t number, size_t n_words)
{
    struct hn_buf text = {0};
    hn_draw_words(asker->options->seed, number, n_words, &text);
    hn_json_open(w, NULL, '{');
    hn_json_put_text(w, "model", asker->model);
    put_prompt(w, asker, with_prefix, &text);
    hn_json_put_real(w, "temperature", (double)asker->options->temperature);
    if (text.failed) w->out.failed = text.failed;
    hn_buf_free(&text);
}

static enum hn_status close_body(struct hn_json_writer *w, struct hn_buf *out)
{
    hn_json_close(w, '}');
    *out = w->out;
    return out->failed;
}

enum hn_status hn_ask_body(const struct hn_asker *asker, uint64_t request, const struct hn_ask *ask,
                           struct hn_buf *out)
{
    const struct hn_load_options *o = asker->options;
    hn_buf_clear(out);
    if (o->post) {
        const double draw = hn_draw(o->seed, request, HN_DRAW_PROMPT);
        return hn_buf_str(out, o->bodies.items[(size_t)(draw * (double)o->bodies.n)]);
    }
    struct hn_json_writer w = {.out = *out};
    open_body(&w, asker, ask->prefix, request,
              words_of(asker, (double)ask->prompt_tokens - asker->tokens_besides));
    hn_json_put_uint(&w, "max_tokens", ask->output_tokens);
    if (!o->heed_end) hn_json_put_bool(&w, "ignore_eos", true);
    if (o->tiers.n)
        hn_json_put_text(&w, "service_tier", hn_str_from(o->tiers.items[ask->tier].name));
    if (!o->whole) {
        hn_json_put_bool(&w, "stream", true);
        hn_json_open(&w, "stream_options", '{');
        hn_json_put_bool(&w, "include_usage", true);
        hn_json_close(&w, '}');
    }
    return close_body(&w, out);
}

enum hn_status hn_ask_probe(const struct hn_asker *asker, size_t n_words, struct hn_buf *out)
{
    hn_buf_clear(out);
    struct hn_json_writer w = {.out = *out};
    open_body(&w, asker, false, probe_number, n_words);
    hn_json_put_uint(&w, "max_tokens", 1);
    return close_body(&w, out);
}

enum hn_status hn_ask_head(const struct hn_asker *asker, const struct hn_buf *body,
                           struct hn_buf *out)
{
    const struct hn_target *t = asker->target;
    const char *endpoint = asker->options->post          ? asker->options->post
                           : !body                       ? "/v1/models"
                           : asker->options->completions ? "/v1/completions"
                                                         : "/v1/chat/completions";
    hn_buf_clear(out);
    hn_buf_printf(out, "%s %s%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: hence-load\r\n",
                  body ? "POST" : "GET", t->path, endpoint, t->authority);
    if (asker->options->key)
        hn_buf_printf(out, "Authorization: Bearer %s\r\n", asker->options->key);
    if (body)
        hn_buf_printf(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", body->n);
    hn_buf_text(out, "\r\n");
    return out->failed;
}
