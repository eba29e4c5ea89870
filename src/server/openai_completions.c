/* /v1/completions: texts in, what follows them out. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/completion_request.h"
#include "server/endpoints.h"
#include "server/requests.h"
#include "server/server_impl.h"
#include "text/detokenize.h"
#include "text/utf8.h"

/* What is kept of a request until its last word. */
struct mind {
    bool include_usage, logprobs;
    int64_t n_top;
    struct echo *echoes; /* [n_echoes], one of each prompt */
    size_t n_echoes;
};

/* A prompt that its answers begin with. */
struct echo {
    struct hn_buf text;
    struct hn_tokens ids;
};

static void forget(void *ctx)
{
    struct mind *mind = ctx;
    if (!mind) return;
    for (size_t i = 0; i < mind->n_echoes; i++) {
        hn_buf_free(&mind->echoes[i].text);
        hn_tokens_free(&mind->echoes[i].ids);
    }
    free(mind->echoes);
    free(mind);
}

/* --- pieces of documents ----------------------------------------------------------------------- */

static const char id_prefix[] = "cmpl-", object[] = "text_completion";

enum { MAX_NAME = 512 }; /* bytes of a token's text, as it is told */

/* The four arrays of the old form. */
enum { NOTE_TOKENS, NOTE_LOGPROBS, NOTE_TOP, NOTE_OFFSETS };
static const char *const note_names[] = {"tokens", "token_logprobs", "top_logprobs", "text_offset"};

static size_t characters(struct hn_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

/* A token's text; one that is a part of a character as "bytes:\xe2\x98", as OpenAI writes it. */
static const char *token_name(const struct hn_tokenizer *tokenizer, int32_t id, char out[MAX_NAME])
{
    const struct hn_str piece = hn_tokenizer_piece(tokenizer, id);
    if (hn_utf8_valid(piece) == piece.n) {
        snprintf(out, MAX_NAME, "%.*s", (int)piece.n, piece.p);
        return out;
    }
    size_t n = (size_t)snprintf(out, MAX_NAME, "bytes:");
    for (size_t i = 0; i < piece.n && n + 4 < MAX_NAME; i++)
        n += (size_t)snprintf(out + n, MAX_NAME - n, "\\x%02x", (unsigned char)piece.p[i]);
    return out;
}

/* A token, its log-probability (NAN: none, it is the first) and the likeliest in its place. */
static void note(struct hn_choice *c, int32_t id, double logprob, const struct hn_logprob *top,
                 size_t n_top)
{
    char name[MAX_NAME];
    const struct mind *mind = c->of->mind;
    const struct hn_tokenizer *tokenizer = hn_served_instance(c->of->served)->tokenizer;
    struct hn_json_writer *tops = &c->notes[NOTE_TOP];
    hn_json_put_text(&c->notes[NOTE_TOKENS], NULL, hn_str_from(token_name(tokenizer, id, name)));
    hn_json_put_real(&c->notes[NOTE_LOGPROBS], NULL, logprob);
    hn_json_put_uint(&c->notes[NOTE_OFFSETS], NULL, c->offset);
    if (!hn_tokenizer_is_control(tokenizer, id))
        c->offset += characters(hn_tokenizer_piece(tokenizer, id));
    if (!mind->n_top) return;
    if (isnan(logprob)) {
        hn_json_put_null(tops, NULL);
        return;
    }
    hn_json_open(tops, NULL, '{');
    for (size_t i = 0; i < n_top; i++)
        hn_json_put_real(tops, token_name(tokenizer, top[i].id, name), top[i].logprob);
    hn_json_close(tops, '}');
}

static void note_token(struct hn_choice *c, const struct hn_token_event *token)
{
    const struct hn_pick *pick = token->pick;
    note(c, pick->id, pick->logprob, pick->top, (size_t)pick->n_top);
}

/* Puts a token among the likeliest, which are in order; of equals the lowest id comes first. */
static void rank(struct hn_logprob *top, size_t *n, size_t max, int32_t id, float logit)
{
    size_t at = *n;
    while (at > 0 && top[at - 1].logprob < logit)
        at--;
    if (at == max) return;
    if (*n < max) (*n)++;
    memmove(top + at + 1, top + at, (*n - at - 1) * sizeof *top);
    top[at] = (struct hn_logprob){id, logit};
}

/* The logits behind token `position` of the prompt tell of the token after it. */
static void note_prompt(struct hn_choice *c, size_t position, const float *logits, size_t n)
{
    const struct mind *mind = c->of->mind;
    const struct hn_tokens *ids = &mind->echoes[c->prompt].ids;
    struct hn_logprob top[HN_SAMPLE_MAX_TOP];
    size_t n_top = 0;
    if (position == 0) note(c, ids->ids[0], NAN, NULL, 0);
    if (position + 1 >= ids->n) return;
    float most = logits[0];
    double sum = 0;
    for (size_t i = 1; i < n; i++)
        most = fmaxf(most, logits[i]);
    for (size_t i = 0; i < n; i++)
        sum += exp((double)(logits[i] - most));
    const double all = (double)most + log(sum);
    for (size_t i = 0; i < n && mind->n_top; i++)
        rank(top, &n_top, (size_t)mind->n_top, (int32_t)i, logits[i]);
    for (size_t i = 0; i < n_top; i++)
        top[i].logprob = (float)((double)top[i].logprob - all);
    const int32_t next = ids->ids[position + 1];
    note(c, next, (float)((double)logits[next] - all), top, n_top);
}

/* The tokens noted since the last time. */
static void put_logprobs(struct hn_json_writer *w, struct hn_choice *c)
{
    const struct mind *mind = c->of->mind;
    if (!mind->logprobs) {
        hn_json_put_null(w, "logprobs");
        return;
    }
    hn_json_open(w, "logprobs", '{');
    for (size_t i = 0; i < HN_CHOICE_NOTES; i++) {
        struct hn_json_writer *notes = &c->notes[i];
        if (i == NOTE_TOP && !mind->n_top) {
            hn_json_put_null(w, note_names[i]);
            continue;
        }
        hn_json_open(w, note_names[i], '[');
        if (notes->out.n) hn_json_put_raw(w, NULL, hn_buf_view(&notes->out));
        hn_json_close(w, ']');
        if (notes->out.failed) w->out.failed = notes->out.failed;
        hn_buf_clear(&notes->out);
        notes->follows = false;
    }
    hn_json_close(w, '}');
}

static struct hn_str echo_of(const struct hn_choice *c)
{
    const struct mind *mind = c->of->mind;
    return c->prompt < mind->n_echoes ? hn_buf_view(&mind->echoes[c->prompt].text) : HN_STR("");
}

/* --- the whole answer -------------------------------------------------------------------------- */

static void put_choice(struct hn_json_writer *w, struct hn_choice *c)
{
    struct hn_buf text = {0};
    hn_buf_str(&text, echo_of(c));
    hn_buf_str(&text, hn_buf_view(&c->content));
    if (text.failed) w->out.failed = text.failed;
    hn_json_open(w, NULL, '{');
    hn_json_put_uint(w, "index", c->index);
    hn_json_put_text(w, "text", hn_buf_view(&text));
    put_logprobs(w, c);
    hn_json_put_text(w, "finish_reason", hn_str_from(hn_openai_finish(c)));
    hn_json_close(w, '}');
    hn_buf_free(&text);
}

static void whole(struct hn_generation *g, struct hn_json_writer *w)
{
    hn_json_open(w, NULL, '{');
    hn_openai_head(w, g, id_prefix, object);
    hn_json_open(w, "choices", '[');
    for (size_t i = 0; i < g->n_choices; i++)
        put_choice(w, &g->choices[i]);
    hn_json_close(w, ']');
    hn_openai_usage(w, g);
    hn_json_close(w, '}');
}

/* --- piece by piece ---------------------------------------------------------------------------- */

static void put_chunk(struct hn_json_writer *w, struct hn_choice *c, struct hn_str text,
                      const char *finish)
{
    const struct mind *mind = c->of->mind;
    hn_sse_open(w);
    hn_json_open(w, NULL, '{');
    hn_openai_head(w, c->of, id_prefix, object);
    hn_json_open(w, "choices", '[');
    hn_json_open(w, NULL, '{');
    hn_json_put_uint(w, "index", c->index);
    hn_json_put_text(w, "text", text);
    put_logprobs(w, c);
    if (finish) hn_json_put_text(w, "finish_reason", hn_str_from(finish));
    else hn_json_put_null(w, "finish_reason");
    hn_json_close(w, '}');
    hn_json_close(w, ']');
    if (mind->include_usage) hn_json_put_null(w, "usage");
    hn_json_close(w, '}');
    hn_sse_close(w);
}

static void begin_choice(struct hn_json_writer *w, struct hn_choice *c)
{
    if (!c->begun && echo_of(c).n) put_chunk(w, c, echo_of(c), NULL);
    c->begun = true;
}

static void piece(struct hn_choice *c, const struct hn_answer_event *event,
                  struct hn_json_writer *w)
{
    begin_choice(w, c);
    put_chunk(w, c, event->text, NULL);
}

static void finish(struct hn_choice *c, struct hn_json_writer *w)
{
    begin_choice(w, c);
    put_chunk(w, c, HN_STR(""), hn_openai_finish(c));
}

static void end(struct hn_generation *g, struct hn_json_writer *w)
{
    const struct mind *mind = g->mind;
    hn_openai_end(w, g, id_prefix, object, mind->include_usage);
}

static const struct hn_voice voice = {
    .token = note_token,
    .prompt_logits = note_prompt,
    .event = piece,
    .finish = finish,
    .end = end,
    .fail = hn_openai_fail,
    .whole = whole,
    .forget = forget,
};

/* --- the request ------------------------------------------------------------------------------- */

static bool add_echo(struct mind *mind, const struct hn_tokenizer *tokenizer,
                     const struct hn_tokens *prompt, struct echo *out)
{
    struct hn_detokenizer state = {0};
    mind->n_echoes++;
    for (size_t i = 0; i < prompt->n; i++)
        if (hn_tokens_add(&out->ids, prompt->ids[i]) < 0 ||
            hn_detokenize(tokenizer, &state, prompt->ids[i], 0, &out->text) < 0)
            return false;
    return hn_detokenize_finish(&state, &out->text) >= 0;
}

static struct mind *make_mind(const struct hn_completion_request *r,
                              const struct hn_tokenizer *tokenizer, const struct hn_ask *ask)
{
    struct mind *mind = calloc(1, sizeof *mind);
    if (!mind) return NULL;
    mind->include_usage = r->common.include_usage;
    mind->logprobs = r->logprobs != HN_NOT_GIVEN;
    mind->n_top = mind->logprobs ? r->logprobs : 0;
    if (!r->echo) return mind;
    mind->echoes = calloc(ask->n_prompts, sizeof *mind->echoes);
    bool ok = mind->echoes != NULL;
    for (size_t i = 0; ok && i < ask->n_prompts; i++)
        ok = add_echo(mind, tokenizer, &ask->prompts[i], &mind->echoes[i]);
    if (ok) return mind;
    forget(mind);
    return NULL;
}

static enum hn_status start(struct hn_call *call, struct hn_completion_request *r,
                            struct hn_openai_ask *ask, struct hn_refusal *why)
{
    struct hn_ask *a = &ask->ask;
    struct hn_form form;
    HN_TRY(hn_openai_form(&r->common, &form, why));
    HN_TRY(hn_openai_ask(call, &r->common, ask, why));
    HN_TRY(hn_openai_hold(call, ask, &form, why));
    HN_TRY(hn_openai_prompts(ask, r->n_prompts, why));
    const struct hn_tokenizer *tokenizer = hn_served_instance(a->served)->tokenizer;
    for (size_t i = 0; i < r->n_prompts; i++)
        HN_TRY(hn_completion_prompt(r, i, tokenizer, &ask->prompts[i], why));
    if (r->logprobs != HN_NOT_GIVEN) a->request.sample.top_logprobs = (int32_t)r->logprobs;
    a->prompt_logits = r->echo && r->logprobs != HN_NOT_GIVEN;
    a->voice = &voice;
    a->mind = make_mind(r, tokenizer, a);
    if (!a->mind)
        return hn_refuse(why, 503, "out_of_memory", NULL, "There is no memory for the request.");
    const enum hn_status status = hn_generation_start(call, a, why);
    a->served = NULL; /* the generation's */
    return status;
}

enum hn_status hn_answer_completion(struct hn_call *call, struct hn_refusal *why)
{
    struct hn_completion_request request;
    struct hn_openai_ask ask = {0};
    enum hn_status status = hn_completion_request_read(call->body, &request, why);
    if (status >= 0) status = start(call, &request, &ask, why);
    hn_openai_ask_free(&ask);
    return status;
}
