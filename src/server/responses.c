/* /v1/responses: a chat in, a response of items or its events out. */
#include <stdio.h>
#include <stdlib.h>

#include "server/access.h"
#include "server/answer_items.h"
#include "server/chat_ask.h"
#include "server/endpoints.h"
#include "server/requests.h"
#include "server/responses_request.h"

/* What is kept of a request until its last word. */
struct mind {
    json_t *variables; /* the tools in it are read until then */
    char *echo;        /* members of the response that only repeat the request, as JSON */
    struct hn_items items;
    uint64_t sequence; /* events so far */
    bool open;         /* the last item has not been told as whole */
};

static void forget(void *ctx)
{
    struct mind *mind = ctx;
    if (!mind) return;
    json_decref(mind->variables);
    free(mind->echo);
    hn_items_free(&mind->items);
    free(mind);
}

/* --- items ------------------------------------------------------------------------------------- */

static const char *item_prefix(const struct hn_item *item)
{
    return item->kind == HN_ANSWER_CALL ? "fc" : item->kind == HN_ANSWER_REASONING ? "rs" : "msg";
}

static void put_item_id(struct hn_json_writer *w, const char *key, const struct hn_generation *g,
                        size_t index)
{
    const struct mind *mind = g->mind;
    char id[80];
    snprintf(id, sizeof id, "%s_%s_%zu", item_prefix(&mind->items.list[index]), g->call->id + 4,
             index);
    hn_json_put_text(w, key, hn_str_from(id));
}

/* The one part of a text. */
static void put_part(struct hn_json_writer *w, const char *key, const struct hn_item *item,
                     struct hn_str text)
{
    const bool reasoning = item->kind == HN_ANSWER_REASONING;
    hn_json_open(w, key, '{');
    hn_json_put_text(w, "type", reasoning ? HN_STR("reasoning_text") : HN_STR("output_text"));
    hn_json_put_text(w, "text", text);
    if (!reasoning) {
        hn_json_open(w, "annotations", '[');
        hn_json_close(w, ']');
        hn_json_open(w, "logprobs", '[');
        hn_json_close(w, ']');
    }
    hn_json_close(w, '}');
}

/* As it is when it begins (`whole` false), or with all that is in it. */
static void put_item(struct hn_json_writer *w, const char *key, const struct hn_choice *c,
                     size_t index, bool whole)
{
    const struct mind *mind = c->of->mind;
    const struct hn_item *item = &mind->items.list[index];
    const struct hn_str text = whole ? hn_buf_view(&item->text) : HN_STR("");
    const bool cut = index + 1 == mind->items.n && c->finish == HN_FINISH_LENGTH &&
                     !(item->kind == HN_ANSWER_CALL && item->whole);
    const char *status = !whole ? "in_progress" : cut ? "incomplete" : "completed";
    hn_json_open(w, key, '{');
    put_item_id(w, "id", c->of, index);
    hn_json_put_text(w, "status", hn_str_from(status));
    if (item->kind == HN_ANSWER_CALL) {
        hn_json_put_text(w, "type", HN_STR("function_call"));
        hn_json_put_text(w, "call_id", hn_str_from(item->id));
        hn_json_put_text(w, "name", hn_buf_view(&item->name));
        hn_json_put_text(w, "arguments", text);
        hn_json_close(w, '}');
        return;
    }
    const bool reasoning = item->kind == HN_ANSWER_REASONING;
    hn_json_put_text(w, "type", reasoning ? HN_STR("reasoning") : HN_STR("message"));
    if (!reasoning) hn_json_put_text(w, "role", HN_STR("assistant"));
    if (reasoning) {
        hn_json_open(w, "summary", '[');
        hn_json_close(w, ']');
    }
    hn_json_open(w, "content", '[');
    if (whole) put_part(w, NULL, item, text);
    hn_json_close(w, ']');
    hn_json_close(w, '}');
}

/* --- the response ------------------------------------------------------------------------------ */

static void put_usage(struct hn_json_writer *w, const struct hn_receipt *r)
{
    hn_json_open(w, "usage", '{');
    hn_json_put_uint(w, "input_tokens", r->prompt_tokens);
    hn_json_open(w, "input_tokens_details", '{');
    hn_json_put_uint(w, "cached_tokens", r->cached_tokens);
    hn_json_close(w, '}');
    hn_json_put_uint(w, "output_tokens", r->completion_tokens);
    hn_json_open(w, "output_tokens_details", '{');
    hn_json_put_uint(w, "reasoning_tokens", r->reasoning_tokens);
    hn_json_close(w, '}');
    hn_json_put_uint(w, "total_tokens", r->prompt_tokens + r->completion_tokens);
    hn_json_close(w, '}');
}

/* `status` is "in_progress", "failed", or NULL for a response that has come to its end. */
static void put_response(struct hn_json_writer *w, const char *key, const struct hn_generation *g,
                         const char *status, const struct hn_refusal *why)
{
    const struct mind *mind = g->mind;
    const struct hn_choice *c = &g->choices[0];
    const bool cut = !status && c->finish == HN_FINISH_LENGTH;
    char id[60];
    snprintf(id, sizeof id, "resp_%s", g->call->id + 4 /* behind "req_" */);
    hn_json_open(w, key, '{');
    hn_json_put_text(w, "id", hn_str_from(id));
    hn_json_put_text(w, "object", HN_STR("response"));
    hn_json_put_int(w, "created_at", g->created);
    hn_json_put_text(w, "status", hn_str_from(status ? status : cut ? "incomplete" : "completed"));
    hn_json_put_text(w, "model", hn_str_from(hn_served_name(g->served)));
    if (why) hn_refusal_put(w, "error", why);
    else hn_json_put_null(w, "error");
    if (cut)
        hn_json_put_raw(w, "incomplete_details", HN_STR("{\"reason\": \"max_output_tokens\"}"));
    else hn_json_put_null(w, "incomplete_details");
    hn_json_open(w, "output", '[');
    for (size_t i = 0; i < mind->items.n; i++)
        put_item(w, NULL, c, i, true);
    hn_json_close(w, ']');
    hn_json_put_raw(w, NULL, hn_str_from(mind->echo));
    hn_openai_tier(w, g);
    if (status) {
        hn_json_put_null(w, "usage");
    } else {
        put_usage(w, &g->call->receipt);
        hn_receipt_put(w, "hence", &g->call->receipt);
    }
    hn_json_close(w, '}');
}

static bool keep(struct hn_choice *c, const struct hn_answer_event *event)
{
    struct mind *mind = c->of->mind;
    if (event->kind == HN_ANSWER_CALL) c->n_calls++;
    return hn_items_add(&mind->items, event, NULL);
}

static void whole(struct hn_generation *g, struct hn_json_writer *w)
{
    put_response(w, NULL, g, NULL, NULL);
}

/* --- events ------------------------------------------------------------------------------------ */

static void open_event(struct hn_json_writer *w, struct mind *mind, const char *type)
{
    hn_buf_printf(&w->out, "event: %s\n", type);
    hn_sse_open(w);
    hn_json_open(w, NULL, '{');
    hn_json_put_text(w, "type", hn_str_from(type));
    hn_json_put_uint(w, "sequence_number", mind->sequence++);
}

static void close_event(struct hn_json_writer *w)
{
    hn_json_close(w, '}');
    hn_sse_close(w);
}

/* About the last item: where it is. */
static size_t open_item_event(struct hn_json_writer *w, const struct hn_generation *g,
                              const char *type, bool part)
{
    struct mind *mind = g->mind;
    const size_t index = mind->items.n - 1;
    open_event(w, mind, type);
    put_item_id(w, "item_id", g, index);
    hn_json_put_uint(w, "output_index", index);
    if (part) hn_json_put_uint(w, "content_index", 0);
    return index;
}

static void begin(struct hn_json_writer *w, struct hn_choice *c)
{
    static const char *const types[] = {"response.created", "response.in_progress"};
    if (c->begun) return;
    c->begun = true;
    for (size_t i = 0; i < 2; i++) {
        open_event(w, c->of->mind, types[i]);
        put_response(w, "response", c->of, "in_progress", NULL);
        close_event(w);
    }
}

static void begin_item(struct hn_json_writer *w, struct hn_choice *c)
{
    struct mind *mind = c->of->mind;
    const size_t index = mind->items.n - 1;
    mind->open = true;
    open_event(w, mind, "response.output_item.added");
    hn_json_put_uint(w, "output_index", index);
    put_item(w, "item", c, index, false);
    close_event(w);
    if (mind->items.list[index].kind == HN_ANSWER_CALL) return;
    open_item_event(w, c->of, "response.content_part.added", true);
    put_part(w, "part", &mind->items.list[index], HN_STR(""));
    close_event(w);
}

/* Names of events about each kind of item. */
static const char *const deltas[] = {
    [HN_ANSWER_CONTENT] = "response.output_text.delta",
    [HN_ANSWER_REASONING] = "response.reasoning_text.delta",
    [HN_ANSWER_CALL] = "response.function_call_arguments.delta",
};
static const char *const dones[] = {
    [HN_ANSWER_CONTENT] = "response.output_text.done",
    [HN_ANSWER_REASONING] = "response.reasoning_text.done",
    [HN_ANSWER_CALL] = "response.function_call_arguments.done",
};

static void put_no_logprobs(struct hn_json_writer *w, const struct hn_item *item)
{
    if (item->kind != HN_ANSWER_CONTENT) return;
    hn_json_open(w, "logprobs", '[');
    hn_json_close(w, ']');
}

static void end_item(struct hn_json_writer *w, struct hn_choice *c)
{
    struct mind *mind = c->of->mind;
    if (!mind->open) return;
    mind->open = false;
    const size_t index = mind->items.n - 1;
    const struct hn_item *item = &mind->items.list[index];
    const bool call = item->kind == HN_ANSWER_CALL;
    open_item_event(w, c->of, dones[item->kind], !call);
    if (call) hn_json_put_text(w, "name", hn_buf_view(&item->name));
    hn_json_put_text(w, call ? "arguments" : "text", hn_buf_view(&item->text));
    put_no_logprobs(w, item);
    close_event(w);
    if (!call) {
        open_item_event(w, c->of, "response.content_part.done", true);
        put_part(w, "part", item, hn_buf_view(&item->text));
        close_event(w);
    }
    open_event(w, mind, "response.output_item.done");
    hn_json_put_uint(w, "output_index", index);
    put_item(w, "item", c, index, true);
    close_event(w);
}

static void piece(struct hn_choice *c, const struct hn_answer_event *event,
                  struct hn_json_writer *w)
{
    struct mind *mind = c->of->mind;
    const size_t before = mind->items.n;
    const enum hn_answer_kind kind = before ? mind->items.list[before - 1].kind : event->kind;
    begin(w, c);
    const bool other = event->kind == HN_ANSWER_CALL ||
                       ((event->kind == HN_ANSWER_CONTENT || event->kind == HN_ANSWER_REASONING) &&
                        event->kind != kind);
    if (other) end_item(w, c);
    bool begun;
    if (!hn_items_add(&mind->items, event, &begun)) {
        w->out.failed = HN_E_NOMEM;
        return;
    }
    if (begun) begin_item(w, c);
    if (event->text.n) {
        const struct hn_item *item = &mind->items.list[mind->items.n - 1];
        open_item_event(w, c->of, deltas[item->kind], item->kind != HN_ANSWER_CALL);
        hn_json_put_text(w, "delta", event->text);
        put_no_logprobs(w, item);
        close_event(w);
    }
    if (event->kind == HN_ANSWER_CALL_END) end_item(w, c);
}

static void finish(struct hn_choice *c, struct hn_json_writer *w)
{
    begin(w, c);
    end_item(w, c);
}

static void end(struct hn_generation *g, struct hn_json_writer *w)
{
    const bool cut = g->choices[0].finish == HN_FINISH_LENGTH;
    open_event(w, g->mind, cut ? "response.incomplete" : "response.completed");
    put_response(w, "response", g, NULL, NULL);
    close_event(w);
}

static void fail(struct hn_generation *g, const struct hn_refusal *why, struct hn_json_writer *w)
{
    open_event(w, g->mind, "response.failed");
    put_response(w, "response", g, "failed", why);
    close_event(w);
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

/* --- the request ------------------------------------------------------------------------------- */

/* A value of the request as it was sent, or what stands for it. */
static void put_echo(struct hn_json_writer *w, const char *key, const json_t *value,
                     const char *otherwise)
{
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
    if (value && !text) w->out.failed = HN_E_NOMEM;
    hn_json_put_raw(w, key, hn_str_from(text ? text : otherwise));
    free(text);
}

/* The members of a response that repeat the request: `"instructions": ..., ...`, without brackets. */
static char *make_echo(const struct hn_responses_request *r)
{
    struct hn_json_writer w = {0};
    put_echo(&w, "instructions", r->instructions, "null");
    if (r->max_output_tokens == HN_NOT_GIVEN) hn_json_put_null(&w, "max_output_tokens");
    else hn_json_put_int(&w, "max_output_tokens", r->max_output_tokens);
    hn_json_put_bool(&w, "parallel_tool_calls", r->parallel_tool_calls);
    hn_json_put_null(&w, "previous_response_id");
    put_echo(&w, "reasoning", r->reasoning, "{\"effort\": null, \"summary\": null}");
    hn_json_put_bool(&w, "store", false);
    hn_json_put_real(&w, "temperature", r->temperature);
    put_echo(&w, "text", r->text, "{\"format\": {\"type\": \"text\"}}");
    put_echo(&w, "tool_choice", r->tool_choice, "\"auto\"");
    put_echo(&w, "tools", r->tools, "[]");
    hn_json_put_real(&w, "top_p", r->top_p);
    hn_json_put_text(&w, "truncation", HN_STR("disabled"));
    put_echo(&w, "metadata", r->metadata, "{}");
    if (!w.out.failed) return w.out.p;
    hn_buf_free(&w.out);
    return NULL;
}

static struct mind *make_mind(const struct hn_responses_request *r)
{
    struct mind *mind = calloc(1, sizeof *mind);
    if (!mind) return NULL;
    mind->variables = json_incref(r->request.variables);
    mind->echo = make_echo(r);
    if (mind->echo) return mind;
    forget(mind);
    return NULL;
}

static enum hn_status start(struct hn_call *call, struct hn_responses_request *r,
                            struct hn_openai_ask *ask, struct hn_refusal *why)
{
    HN_TRY(hn_chat_ask(call, &r->request, HN_STR(""), ask, why));
    ask->ask.voice = &voice;
    ask->ask.mind = make_mind(r);
    if (!ask->ask.mind)
        return hn_refuse(why, 503, "out_of_memory", NULL, "There is no memory for the request.");
    const enum hn_status status = hn_generation_start(call, &ask->ask, why);
    ask->ask.served = NULL; /* the generation's */
    return status;
}

enum hn_status hn_answer_responses(struct hn_call *call, struct hn_refusal *why)
{
    struct hn_responses_request request;
    struct hn_openai_ask ask = {0};
    enum hn_status status = hn_responses_request_read(call->body, &request, why);
    if (status >= 0) status = start(call, &request, &ask, why);
    hn_responses_request_free(&request);
    hn_openai_ask_free(&ask);
    return status;
}
