#include "fuzz.h"

#include "server/anthropic_request.h"
#include "server/chat_request.h"
#include "server/completion_request.h"
#include "server/responses_request.h"
#include "server/visitor_request.h"
#include "text/chat_tools.h"

static void refuse(const struct hn_refusal *why)
{
    struct hn_json_writer w = {0};
    hn_refusal_write(&w, why);
    fuzz_touch(w.out.p, w.out.n);
    hn_buf_free(&w.out);
}

/* The variables of a template, also as one that knows no tools gets them. */
static void touch_chat(const struct hn_chat_request *request)
{
    (void)hn_chat_tell_tools(request->variables);
    char *text = json_dumps(request->variables, JSON_COMPACT);
    if (text) fuzz_touch(text, strlen(text));
    free(text);
}

static void read_chat(const json_t *body)
{
    struct hn_chat_request request;
    struct hn_refusal why;
    if (hn_chat_request_read(body, &request, &why) < 0) refuse(&why);
    else touch_chat(&request);
    hn_chat_request_free(&request);
}

static void read_messages(const json_t *body, bool counting)
{
    struct hn_messages_request request;
    struct hn_refusal why;
    if (hn_messages_request_read(body, counting, &request, &why) < 0) refuse(&why);
    else touch_chat(&request.request);
    hn_messages_request_free(&request);
}

static void read_response(const json_t *body)
{
    struct hn_responses_request request;
    struct hn_refusal why;
    if (hn_responses_request_read(body, &request, &why) < 0) refuse(&why);
    else touch_chat(&request.request);
    hn_responses_request_free(&request);
}

static void read_completion(const json_t *body)
{
    struct hn_completion_request request;
    struct hn_refusal why;
    if (hn_completion_request_read(body, &request, &why) < 0) refuse(&why);
    else fuzz_touch(&request.n_prompts, sizeof request.n_prompts);
}

static void read_visitor(const json_t *body)
{
    struct hn_arena arena = {0};
    struct hn_visitor_request request = {0};
    struct hn_refusal why;
    if (hn_visitor_request_read(body, &arena, &request, &why) < 0) refuse(&why);
    for (size_t i = 0; i < request.recommend.n_events; i++)
        fuzz_touch(request.recommend.events[i].id.p, request.recommend.events[i].id.n);
    hn_arena_free(&arena);
}

/* The body of a request, as every endpoint reads it. */
void fuzz_one(const uint8_t *data, size_t n)
{
    json_t *body = NULL;
    struct hn_error err;
    if (hn_json_parse((struct hn_str){(const char *)data, n}, "body", &body, &err) < 0) return;
    if (json_is_object(body)) {
        read_chat(body);
        read_completion(body);
        read_messages(body, false);
        read_messages(body, true);
        read_response(body);
        read_visitor(body);
    }
    json_decref(body);
}
