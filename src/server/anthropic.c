/* Anthropic's /v1/messages: a chat in, a message of blocks or its pieces out. */
#include "server/anthropic.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/access.h"
#include "server/answer_items.h"
#include "server/anthropic_request.h"
#include "server/chat_ask.h"
#include "server/endpoints.h"
#include "server/requests.h"

/* What is kept of a request until its last word. */
struct mind {
    json_t *variables; /* the tools in it are read until then */
    size_t n_prompt;
    char stop[HN_STOPS_MAX_BYTES + 1]; /* the only stop sequence; empty: none or several */
    struct hn_items items;             /* of a whole answer */
    size_t n_blocks;                   /* of a stream, begun so far ... */
    enum hn_answer_kind kind;          /* ... and what the last one is */
    bool open;                         /* it has not ended */
};

static void forget(void *ctx)
{
    struct mind *mind = ctx;
    if (!mind) return;
    json_decref(mind->variables);
    hn_items_free(&mind->items);
    free(mind);
}

/* --- errors ------------------------------------------------------------------------------------ */

bool hn_anthropic_path(struct hn_str path)
{
    return hn_str_is(path, "/v1/messages") || hn_str_starts(path, HN_STR("/v1/messages/"));
}

static const char *error_type(int http_status)
{
    switch (http_status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 404: return "not_found_error";
    case 413: return "request_too_large";
    case 429: return "rate_limit_error";
    case 503: return "overloaded_error";
    default: return http_status >= 500 ? "api_error" : "invalid_request_error";
    }
}

void hn_anthropic_refusal(struct hn_json_writer *w, const struct hn_refusal *why, const char *id)
{
    hn_json_open(w, NULL, '{');
    hn_json_put_text(w, "type", HN_STR("error"));
    hn_json_open(w, "error", '{');
    hn_json_put_text(w, "type", hn_str_from(error_type(why->status)));
    hn_json_put_text(w, "message", hn_str_from(why->message));
    hn_json_close(w, '}');
    if (id) hn_json_put_text(w, "request_id", hn_str_from(id));
    hn_json_close(w, '}');
}

/* --- pieces of documents ----------------------------------------------------------------------- */

static void put_stop(struct hn_json_writer *w, const struct hn_choice *c)
{
    const struct mind *mind = c->of->mind;
    const char *reason = "end_turn";
    if (c->finish == HN_FINISH_LENGTH) reason = "max_tokens";
    else if (c->finish == HN_FINISH_STOP_STRING) reason = "stop_sequence";
    else if (c->n_calls) reason = "tool_use";
    hn_json_put_text(w, "stop_reason", hn_str_from(reason));
    if (c->finish == HN_FINISH_STOP_STRING && *mind->stop)
        hn_json_put_text(w, "stop_sequence", hn_str_from(mind->stop));
    else hn_json_put_null(w, "stop_sequence");
    hn_json_put_null(w, "stop_details");
}

/* Tokens of the prompt that were found computed count apart from the others. */
static void put_usage(struct hn_json_writer *w, size_t n_prompt, size_t n_cached, size_t n_answer)
{
    hn_json_open(w, "usage", '{');
    hn_json_put_uint(w, "input_tokens", n_prompt - n_cached);
    hn_json_put_uint(w, "cache_creation_input_tokens", 0);
    hn_json_put_uint(w, "cache_read_input_tokens", n_cached);
    hn_json_put_uint(w, "output_tokens", n_answer);
    hn_json_close(w, '}');
}

static void put_whole_usage(struct hn_json_writer *w, const struct hn_generation *g)
{
    const struct hn_receipt *r = &g->call->receipt;
    put_usage(w, r->prompt_tokens, r->cached_tokens, r->completion_tokens);
    hn_receipt_put(w, "hence", r);
}

static void put_head(struct hn_json_writer *w, const struct hn_generation *g)
{
    char id[60];
    snprintf(id, sizeof id, "msg_%s", g->call->id + 4 /* behind "req_" */);
    hn_json_put_text(w, "id", hn_str_from(id));
    hn_json_put_text(w, "type", HN_STR("message"));
    hn_json_put_text(w, "role", HN_STR("assistant"));
    hn_json_put_text(w, "model", hn_str_from(hn_served_name(g->served)));
}

/* An id of a call is "call_..." everywhere else. */
static void put_call_id(struct hn_json_writer *w, const char *id)
{
    char text[HN_ANSWER_ID + 8];
    snprintf(text, sizeof text, "toolu_%s", id + 5);
    hn_json_put_text(w, "id", hn_str_from(text));
}

/* --- the whole answer -------------------------------------------------------------------------- */

static bool keep(struct hn_choice *c, const struct hn_answer_event *event)
{
    struct mind *mind = c->of->mind;
    if (event->kind == HN_ANSWER_CALL) c->n_calls++;
    return hn_items_add(&mind->items, event, NULL);
}

static void put_item(struct hn_json_writer *w, const struct hn_item *item)
{
    const struct hn_str text = hn_buf_view(&item->text);
    hn_json_open(w, NULL, '{');
    switch (item->kind) {
    case HN_ANSWER_REASONING:
        hn_json_put_text(w, "type", HN_STR("thinking"));
        hn_json_put_text(w, "thinking", text);
        hn_json_put_text(w, "signature", HN_STR(""));
        break;
    case HN_ANSWER_CALL:
        hn_json_put_text(w, "type", HN_STR("tool_use"));
        put_call_id(w, item->id);
        hn_json_put_text(w, "name", hn_buf_view(&item->name));
        hn_json_put_raw(w, "input", item->whole ? text : HN_STR("{}"));
        break;
    default:
        hn_json_put_text(w, "type", HN_STR("text"));
        hn_json_put_text(w, "text", text);
        break;
    }
    hn_json_close(w, '}');
}

static void whole(struct hn_generation *g, struct hn_json_writer *w)
{
    const struct mind *mind = g->mind;
    hn_json_open(w, NULL, '{');
    put_head(w, g);
    hn_json_open(w, "content", '[');
    for (size_t i = 0; i < mind->items.n; i++)
        put_item(w, &mind->items.list[i]);
    hn_json_close(w, ']');
    put_stop(w, &g->choices[0]);
    put_whole_usage(w, g);
    hn_json_close(w, '}');
}

/* --- piece by piece ---------------------------------------------------------------------------- */

static void open_event(struct hn_json_writer *w, const char *type)
{
    hn_buf_printf(&w->out, "event: %s\n", type);
    hn_sse_open(w);
    hn_json_open(w, NULL, '{');
    hn_json_put_text(w, "type", hn_str_from(type));
}

static void close_event(struct hn_json_writer *w)
{
    hn_json_close(w, '}');
    hn_sse_close(w);
}

static void begin(struct hn_json_writer *w, struct hn_choice *c)
{
    const struct mind *mind = c->of->mind;
    if (c->begun) return;
    c->begun = true;
    open_event(w, "message_start");
    hn_json_open(w, "message", '{');
    put_head(w, c->of);
    hn_json_open(w, "content", '[');
    hn_json_close(w, ']');
    hn_json_put_null(w, "stop_reason");
    hn_json_put_null(w, "stop_sequence");
    hn_json_put_null(w, "stop_details");
    put_usage(w, mind->n_prompt, 0, 0);
    hn_json_close(w, '}');
    close_event(w);
    open_event(w, "ping");
    close_event(w);
}

static void end_block(struct hn_json_writer *w, struct mind *mind)
{
    if (!mind->open) return;
    mind->open = false;
    open_event(w, "content_block_stop");
    hn_json_put_uint(w, "index", mind->n_blocks - 1);
    close_event(w);
}

static void begin_block(struct hn_json_writer *w, struct mind *mind,
                        const struct hn_answer_event *event)
{
    mind->kind = event->kind;
    mind->open = true;
    open_event(w, "content_block_start");
    hn_json_put_uint(w, "index", mind->n_blocks++);
    hn_json_open(w, "content_block", '{');
    if (event->kind == HN_ANSWER_CALL) {
        hn_json_put_text(w, "type", HN_STR("tool_use"));
        put_call_id(w, event->id);
        hn_json_put_text(w, "name", hn_str_from(event->name));
        hn_json_open(w, "input", '{');
        hn_json_close(w, '}');
    } else if (event->kind == HN_ANSWER_REASONING) {
        hn_json_put_text(w, "type", HN_STR("thinking"));
        hn_json_put_text(w, "thinking", HN_STR(""));
        hn_json_put_text(w, "signature", HN_STR(""));
    } else {
        hn_json_put_text(w, "type", HN_STR("text"));
        hn_json_put_text(w, "text", HN_STR(""));
    }
    hn_json_close(w, '}');
    close_event(w);
}

static void put_delta(struct hn_json_writer *w, const struct mind *mind, struct hn_str text)
{
    static const char *const rows[][2] = {
        [HN_ANSWER_CONTENT] = {"text_delta", "text"},
        [HN_ANSWER_REASONING] = {"thinking_delta", "thinking"},
        [HN_ANSWER_CALL] = {"input_json_delta", "partial_json"},
    };
    open_event(w, "content_block_delta");
    hn_json_put_uint(w, "index", mind->n_blocks - 1);
    hn_json_open(w, "delta", '{');
    hn_json_put_text(w, "type", hn_str_from(rows[mind->kind][0]));
    hn_json_put_text(w, rows[mind->kind][1], text);
    hn_json_close(w, '}');
    close_event(w);
}

static void piece(struct hn_choice *c, const struct hn_answer_event *event,
                  struct hn_json_writer *w)
{
    struct mind *mind = c->of->mind;
    const bool text = event->kind == HN_ANSWER_CONTENT || event->kind == HN_ANSWER_REASONING;
    begin(w, c);
    if (event->kind == HN_ANSWER_CALL || (text && (!mind->open || mind->kind != event->kind))) {
        end_block(w, mind);
        begin_block(w, mind, event);
    }
    if (event->text.n) put_delta(w, mind, event->text);
    if (event->kind == HN_ANSWER_CALL_END) end_block(w, mind);
}

static void finish(struct hn_choice *c, struct hn_json_writer *w)
{
    begin(w, c);
    end_block(w, c->of->mind);
}

static void end(struct hn_generation *g, struct hn_json_writer *w)
{
    open_event(w, "message_delta");
    hn_json_open(w, "delta", '{');
    put_stop(w, &g->choices[0]);
    hn_json_close(w, '}');
    put_whole_usage(w, g);
    close_event(w);
    open_event(w, "message_stop");
    close_event(w);
}

static void fail(struct hn_generation *g, const struct hn_refusal *why, struct hn_json_writer *w)
{
    hn_buf_text(&w->out, "event: error\n");
    hn_sse_open(w);
    hn_anthropic_refusal(w, why, g->call->id);
    hn_sse_close(w);
}

static const struct hn_voice voice = {
    .event = piece,
    .keep = keep,
    .finish = finish,
    .end = end,
    .fail = fail,
    .whole = whole,
    .forget = forget,
};

/* --- requests ---------------------------------------------------------------------------------- */

static struct mind *make_mind(const struct hn_messages_request *r, const struct hn_openai_ask *ask)
{
    struct mind *mind = calloc(1, sizeof *mind);
    if (!mind) return NULL;
    mind->variables = json_incref(r->request.variables);
    mind->n_prompt = ask->prompts[0].n;
    if (r->stop.p) snprintf(mind->stop, sizeof mind->stop, "%.*s", (int)r->stop.n, r->stop.p);
    return mind;
}

static enum hn_status start(struct hn_call *call, struct hn_messages_request *r,
                            struct hn_openai_ask *ask, struct hn_refusal *why)
{
    HN_TRY(hn_chat_ask(call, &r->request, hn_buf_view(&r->start), ask, why));
    ask->ask.voice = &voice;
    ask->ask.mind = make_mind(r, ask);
    if (!ask->ask.mind)
        return hn_refuse(why, 503, "out_of_memory", NULL, "There is no memory for the request.");
    const enum hn_status status = hn_generation_start(call, &ask->ask, why);
    ask->ask.served = NULL; /* the generation's */
    return status;
}

enum hn_status hn_answer_messages(struct hn_call *call, struct hn_refusal *why)
{
    struct hn_messages_request request;
    struct hn_openai_ask ask = {0};
    enum hn_status status = hn_messages_request_read(call->body, false, &request, why);
    if (status >= 0) status = start(call, &request, &ask, why);
    hn_messages_request_free(&request);
    hn_openai_ask_free(&ask);
    return status;
}

enum hn_status hn_answer_count_tokens(struct hn_call *call, struct hn_refusal *why)
{
    struct hn_messages_request request;
    struct hn_openai_ask ask = {0};
    enum hn_status status = hn_messages_request_read(call->body, true, &request, why);
    if (status >= 0)
        status = hn_chat_ask(call, &request.request, hn_buf_view(&request.start), &ask, why);
    if (status >= 0) {
        struct hn_json_writer w = {0};
        hn_json_open(&w, NULL, '{');
        hn_json_put_uint(&w, "input_tokens", ask.prompts[0].n);
        hn_json_close(&w, '}');
        hn_call_json(call, 200, &w);
    }
    hn_messages_request_free(&request);
    hn_openai_ask_free(&ask);
    return status;
}
