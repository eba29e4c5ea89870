#include "fuzz.h"

#include "base/json.h"
#include "faults.h"
#include "text/answer_reader.h"

static const char tools_text[] =
    "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\": {\"properties\": "
    "{\"s\": {\"type\": \"string\"}, \"n\": {\"type\": [\"integer\", \"null\"]}}}}}]";

struct script {
    struct hn_buf text, arguments;
    int kind;
    bool eager;
};

static void note(void *ctx, const struct hn_answer_event *event)
{
    struct script *script = ctx;
    if (script->kind != (int)event->kind || !event->text.n)
        hn_buf_char(&script->text, (char)event->kind);
    script->kind = (int)event->kind;
    hn_buf_str(&script->text, event->text);
    if (event->kind == HN_ANSWER_CALL) {
        hn_buf_printf(&script->text, "%zu %s %s", event->index, event->id, event->name);
        hn_buf_clear(&script->arguments);
    }
    if (event->kind == HN_ANSWER_ARGUMENTS) hn_buf_str(&script->arguments, event->text);
    if (event->kind != HN_ANSWER_CALL_END || script->eager || faults_armed()) return;
    json_t *value;
    if (hn_json_parse(hn_buf_view(&script->arguments), "arguments", &value, NULL) < 0)
        __builtin_trap();
    if (!json_is_object(value)) __builtin_trap();
    json_decref(value);
}

static void run(struct hn_answer_params params, struct hn_str text, size_t piece,
                struct script *script)
{
    struct hn_answer *answer;
    struct hn_error err;
    *script = (struct script){.kind = -1, .eager = params.eager};
    params.event = note;
    params.ctx = script;
    if (hn_answer_create(&params, &answer, &err) < 0) return;
    for (size_t at = 0; at < text.n; at += piece) {
        const size_t left = text.n - at;
        const struct hn_str now = {text.p + at, left < piece ? left : piece};
        if (hn_answer_push(answer, now) < 0) break;
    }
    (void)hn_answer_finish(answer);
    hn_answer_destroy(answer);
}

/* Two letters, the row of calls and that of reasoning; flags as a digit; the model's text. In pieces of
 * one byte and of three it is the same as at once, and what a whole call was given is an object. */
void fuzz_one(const uint8_t *data, size_t n)
{
    json_t *tools;
    struct hn_error err;
    if (n < 3 || hn_json_parse(hn_str_from(tools_text), "tools", &tools, &err) < 0) return;
    const struct hn_answer_params params = {
        .format = {hn_answer_calls_at(data[0] - (size_t)'a'),
                   hn_answer_reasoning_at(data[1] - (size_t)'a')},
        .tools = tools,
        .opened = data[2] & 1,
        .eager = data[2] & 2,
    };
    const struct hn_str text = {(const char *)data + 3, n - 3};
    struct script whole, split;
    run(params, text, n, &whole);
    for (size_t piece = 1; piece <= 3; piece += 2) {
        run(params, text, piece, &split);
        if (!faults_armed() && !hn_str_eq(hn_buf_view(&whole.text), hn_buf_view(&split.text)))
            __builtin_trap();
        hn_buf_free(&split.text);
        hn_buf_free(&split.arguments);
    }
    hn_buf_free(&whole.text);
    hn_buf_free(&whole.arguments);
    json_decref(tools);
}
