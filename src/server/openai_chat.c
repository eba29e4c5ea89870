/* /v1/chat/completions: a chat in, a message or its pieces out. */
#include <stdlib.h>

#include "server/chat_ask.h"
#include "server/endpoints.h"
#include "server/requests.h"
#include "server/server_impl.h"

/* What is kept of a request until its last word. */
struct mind {
    json_t *variables; /* of the template; the tools in it are read until the last word */
    bool include_usage, logprobs;
};

static void forget(void *ctx)
{
    struct mind *mind = ctx;
    if (mind) json_decref(mind->variables);
    free(mind);
}

/* --- pieces of documents ----------------------------------------------------------------------- */

static const char chunk[] = "chat.completion.chunk";
static const char id_prefix[] = "chatcmpl-";

/* A token's text may be a part of a character: its bytes are told, too. */
static void put_token(struct hn_json_writer *w, const struct hn_tokenizer *tokenizer, int32_t id,
                      float logprob)
{
    const struct hn_str piece = hn_tokenizer_is_control(tokenizer, id)
                                    ? hn_tokenizer_text(tokenizer, id)
                                    : hn_tokenizer_piece(tokenizer, id);
    hn_json_put_text(w, "token", piece);
    hn_json_put_real(w, "logprob", logprob);
    hn_json_open(w, "bytes", '[');
    for (size_t i = 0; i < piece.n; i++)
        hn_json_put_uint(w, NULL, (unsigned char)piece.p[i]);
    hn_json_close(w, ']');
}

static void note_token(struct hn_choice *c, const struct hn_token_event *token)
{
    struct hn_json_writer *w = &c->notes[0];
    const struct hn_pick *pick = token->pick;
    const struct hn_tokenizer *tokenizer = hn_served_instance(c->of->served)->tokenizer;
    hn_json_open(w, NULL, '{');
    put_token(w, tokenizer, pick->id, pick->logprob);
    hn_json_open(w, "top_logprobs", '[');
    for (int32_t i = 0; i < pick->n_top; i++) {
        hn_json_open(w, NULL, '{');
        put_token(w, tokenizer, pick->top[i].id, pick->top[i].logprob);
        hn_json_close(w, '}');
    }
    hn_json_close(w, ']');
    hn_json_close(w, '}');
}

/* The tokens noted since the last time. */
static void put_logprobs(struct hn_json_writer *w, struct hn_choice *c)
{
    const struct mind *mind = c->of->mind;
    struct hn_json_writer *notes = &c->notes[0];
    if (!mind->logprobs) {
        hn_json_put_null(w, "logprobs");
        return;
    }
    if (notes->out.failed) w->out.failed = notes->out.failed;
    hn_json_open(w, "logprobs", '{');
    hn_json_open(w, "content", '[');
    if (notes->out.n) hn_json_put_raw(w, NULL, hn_buf_view(&notes->out));
    hn_json_close(w, ']');
    hn_json_put_null(w, "refusal");
    hn_json_close(w, '}');
    hn_buf_clear(&notes->out);
    notes->follows = false;
}

static void put_finish(struct hn_json_writer *w, const struct hn_choice *c)
{
    hn_json_put_text(w, "finish_reason", hn_str_from(hn_openai_finish(c)));
}

/* --- the whole answer -------------------------------------------------------------------------- */

static void put_calls(struct hn_json_writer *w, const struct hn_choice *c)
{
    hn_json_open(w, "tool_calls", '[');
    for (size_t i = 0; i < c->n_calls; i++) {
        const struct hn_tool_call *call = &c->calls[i];
        hn_json_open(w, NULL, '{');
        hn_json_put_text(w, "id", hn_str_from(call->id));
        hn_json_put_text(w, "type", HN_STR("function"));
        hn_json_open(w, "function", '{');
        hn_json_put_text(w, "name", hn_buf_view(&call->name));
        hn_json_put_text(w, "arguments", hn_buf_view(&call->arguments));
        hn_json_close(w, '}');
        hn_json_close(w, '}');
    }
    hn_json_close(w, ']');
}

static void put_choice(struct hn_json_writer *w, struct hn_choice *c)
{
    hn_json_open(w, NULL, '{');
    hn_json_put_uint(w, "index", c->index);
    hn_json_open(w, "message", '{');
    hn_json_put_text(w, "role", HN_STR("assistant"));
    if (c->n_calls && !c->content.n) hn_json_put_null(w, "content");
    else hn_json_put_text(w, "content", hn_buf_view(&c->content));
    if (c->reasoning.n) hn_json_put_text(w, "reasoning_content", hn_buf_view(&c->reasoning));
    hn_json_put_null(w, "refusal");
    if (c->n_calls) put_calls(w, c);
    hn_json_close(w, '}');
    put_logprobs(w, c);
    put_finish(w, c);
    hn_json_close(w, '}');
}

static void whole(struct hn_generation *g, struct hn_json_writer *w)
{
    hn_json_open(w, NULL, '{');
    hn_openai_head(w, g, id_prefix, "chat.completion");
    hn_json_open(w, "choices", '[');
    for (size_t i = 0; i < g->n_choices; i++)
        put_choice(w, &g->choices[i]);
    hn_json_close(w, ']');
    hn_openai_usage(w, g);
    hn_json_close(w, '}');
}

/* --- piece by piece ---------------------------------------------------------------------------- */

/* Begins an event about one choice, up to its open "delta". */
static void open_delta(struct hn_json_writer *w, struct hn_choice *c)
{
    hn_sse_open(w);
    hn_json_open(w, NULL, '{');
    hn_openai_head(w, c->of, id_prefix, chunk);
    hn_json_open(w, "choices", '[');
    hn_json_open(w, NULL, '{');
    hn_json_put_uint(w, "index", c->index);
    hn_json_open(w, "delta", '{');
}

static void close_delta(struct hn_json_writer *w, struct hn_choice *c, bool last)
{
    const struct mind *mind = c->of->mind;
    hn_json_close(w, '}');
    put_logprobs(w, c);
    if (last) put_finish(w, c);
    else hn_json_put_null(w, "finish_reason");
    hn_json_close(w, '}');
    hn_json_close(w, ']');
    if (mind->include_usage) hn_json_put_null(w, "usage");
    hn_json_close(w, '}');
    hn_sse_close(w);
}

static void begin_choice(struct hn_json_writer *w, struct hn_choice *c)
{
    if (c->begun) return;
    c->begun = true;
    /* Tokens are told with the text they are part of. */
    struct hn_json_writer notes = c->notes[0];
    c->notes[0] = (struct hn_json_writer){0};
    open_delta(w, c);
    hn_json_put_text(w, "role", HN_STR("assistant"));
    hn_json_put_text(w, "content", HN_STR(""));
    hn_json_put_null(w, "refusal");
    close_delta(w, c, false);
    hn_buf_free(&c->notes[0].out);
    c->notes[0] = notes;
}

static void put_call_delta(struct hn_json_writer *w, const struct hn_answer_event *event)
{
    const bool first = event->kind == HN_ANSWER_CALL;
    hn_json_open(w, "tool_calls", '[');
    hn_json_open(w, NULL, '{');
    hn_json_put_uint(w, "index", event->index);
    if (first) {
        hn_json_put_text(w, "id", hn_str_from(event->id));
        hn_json_put_text(w, "type", HN_STR("function"));
    }
    hn_json_open(w, "function", '{');
    if (first) hn_json_put_text(w, "name", hn_str_from(event->name));
    hn_json_put_text(w, "arguments", first ? HN_STR("") : event->text);
    hn_json_close(w, '}');
    hn_json_close(w, '}');
    hn_json_close(w, ']');
}

static void piece(struct hn_choice *c, const struct hn_answer_event *event,
                  struct hn_json_writer *w)
{
    if (event->kind == HN_ANSWER_CALL_END) return;
    begin_choice(w, c);
    open_delta(w, c);
    if (event->kind == HN_ANSWER_CONTENT) hn_json_put_text(w, "content", event->text);
    else if (event->kind == HN_ANSWER_REASONING)
        hn_json_put_text(w, "reasoning_content", event->text);
    else put_call_delta(w, event);
    close_delta(w, c, false);
}

static void finish(struct hn_choice *c, struct hn_json_writer *w)
{
    begin_choice(w, c);
    open_delta(w, c);
    close_delta(w, c, true);
}

static void end(struct hn_generation *g, struct hn_json_writer *w)
{
    const struct mind *mind = g->mind;
    hn_openai_end(w, g, id_prefix, chunk, mind->include_usage);
}

static const struct hn_voice voice = {
    .token = note_token,
    .event = piece,
    .finish = finish,
    .end = end,
    .fail = hn_openai_fail,
    .whole = whole,
    .forget = forget,
};

/* --- the request ------------------------------------------------------------------------------- */

static struct mind *make_mind(struct hn_chat_request *r)
{
    struct mind *mind = calloc(1, sizeof *mind);
    if (!mind) return NULL;
    *mind = (struct mind){.variables = json_incref(r->variables),
                          .include_usage = r->common.include_usage,
                          .logprobs = r->logprobs};
    return mind;
}

static enum hn_status start(struct hn_call *call, struct hn_chat_request *r,
                            struct hn_openai_ask *ask, struct hn_refusal *why)
{
    struct hn_ask *a = &ask->ask;
    HN_TRY(hn_chat_ask(call, r, HN_STR(""), ask, why));
    if (r->logprobs)
        a->request.sample.top_logprobs = r->top_logprobs > 0 ? (int32_t)r->top_logprobs : 0;
    a->voice = &voice;
    a->mind = make_mind(r);
    if (!a->mind)
        return hn_refuse(why, 503, "out_of_memory", NULL, "There is no memory for the request.");
    const enum hn_status status = hn_generation_start(call, a, why);
    a->served = NULL; /* the generation's */
    return status;
}

enum hn_status hn_answer_chat(struct hn_call *call, struct hn_refusal *why)
{
    struct hn_chat_request request;
    struct hn_openai_ask ask = {0};
    enum hn_status status = hn_chat_request_read(call->body, &request, why);
    if (status >= 0) status = start(call, &request, &ask, why);
    hn_chat_request_free(&request);
    hn_openai_ask_free(&ask);
    return status;
}
