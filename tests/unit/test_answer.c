#include "unit.h"

#include <stdio.h>

#include "base/rng.h"
#include "text/answer_reader.h"

static const char tools_text[] =
    "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\": {\"type\": "
    "\"object\", \"properties\": {\"s\": {\"type\": \"string\"}, \"n\": {\"type\": \"integer\"}, "
    "\"b\": {\"type\": \"boolean\"}, \"o\": {\"anyOf\": [{\"type\": \"string\"}, {\"type\": "
    "\"null\"}]}, \"l\": {\"type\": \"array\"}}}}}, {\"type\": \"function\", \"function\": "
    "{\"name\": \"g\"}}]";

static json_t *tools;

/* What was told, as text: runs of one kind joined. */
struct script {
    struct hn_buf text;
    int kind; /* of the last event, -1 at the beginning */
    size_t events;
    char ids[8][HN_ANSWER_ID];
};

static void note(void *ctx, const struct hn_answer_event *event)
{
    struct script *script = ctx;
    static const char *const names[] = {"C:", "R:", "CALL ", "(", ")"};
    const bool same = script->kind == (int)event->kind && event->text.n;
    if (!same) hn_buf_text(&script->text, names[event->kind]);
    if (event->kind == HN_ANSWER_CALL) {
        hn_buf_printf(&script->text, "%zu %s", event->index, event->name);
        if (event->index < 8) strcpy(script->ids[event->index], event->id);
    }
    if (event->kind == HN_ANSWER_CONTENT || event->kind == HN_ANSWER_REASONING ||
        event->kind == HN_ANSWER_ARGUMENTS)
        ck_assert_uint_gt(event->text.n, 0);
    hn_buf_str(&script->text, event->text);
    script->kind = (int)event->kind;
    script->events++;
}

static struct hn_answer_format format_named(const char *calls, const char *reasoning)
{
    struct hn_answer_format format;
    ck_assert_int_eq(hn_answer_calls_named(hn_str_from(calls), &format.calls, NULL), HN_OK);
    ck_assert_int_eq(hn_answer_reasoning_named(hn_str_from(reasoning), &format.reasoning, NULL),
                     HN_OK);
    return format;
}

/* Pieces of random lengths up to `longest`; 0: all at once. */
static void run(struct hn_answer_params params, struct hn_str text, size_t longest, uint64_t seed,
                struct script *script)
{
    *script = (struct script){.kind = -1};
    params.event = note;
    params.ctx = script;
    struct hn_answer *answer;
    ck_assert_int_eq(hn_answer_create(&params, &answer, NULL), HN_OK);
    for (size_t at = 0, i = 0; at < text.n; i++) {
        uint32_t draw[4];
        hn_philox(seed, i, 0, draw);
        const size_t left = text.n - at, n = longest ? 1 + draw[0] % longest : left;
        const size_t take = n < left ? n : left;
        ck_assert_int_eq(hn_answer_push(answer, (struct hn_str){text.p + at, take}), HN_OK);
        at += take;
    }
    ck_assert_int_eq(hn_answer_finish(answer), HN_OK);
    hn_answer_destroy(answer);
}

/* Told in any pieces, it is the same; ids are too. */
static void check_splits(const struct hn_answer_params *params, struct hn_str text,
                         const struct script *whole)
{
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct script split;
        run(*params, text, seed < 20 ? 1 + seed / 4 : 1 + seed, seed, &split);
        ck_assert_str_eq(whole->text.p ? whole->text.p : "", split.text.p ? split.text.p : "");
        ck_assert_mem_eq(whole->ids, split.ids, sizeof whole->ids);
        hn_buf_free(&split.text);
    }
}

struct row {
    const char *calls, *reasoning, *text, *expect;
    bool opened, no_tools;
};

static const struct row rows[] = {
    /* Nothing to look for. */
    {"none", "none", "  a <tool_call> \n", "C:  a <tool_call> \n", false, false},
    {"hermes", "none", "a <tool_call>{}", "C:a <tool_call>{}", false, true},
    {"hermes", "none", "", "", false, false},
    /* Reasoning. */
    {"none", "think", "<think>\nwhy\n</think>\n\nso ", "R:whyC:so ", false, false},
    {"none", "think", "why </think> so", "R:whyC:so", true, false},
    {"none", "think", "why </thi", "R:why </thi", true, false},
    {"none", "think", "<think>\n\n</think>\n\nso", "C:so", false, false},
    {"none", "think", "the tag <think> opens", "C:the tag <think> opens", false, false},
    {"none", "granite", "<think>a</think><response>b <x</response>", "R:aC:b <x", false, false},
    {"none", "mistral", "[THINK]a[b[/THINK]c", "R:a[bC:c", false, false},
    {"none", "gemma", "<|channel>thought\na<channel|>c", "R:aC:c", false, false},
    {"none", "apriel", "a\n[BEGIN FINAL RESPONSE]\nb\n[END FINAL RESPONSE]", "R:aC:b\n", true,
     false},
    /* JSON between markers. */
    {"hermes", "think",
     "<think>x</think>\n\nHi.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"s\": "
     "\"</tool_call>\"}}\n"
     "</tool_call>\n<tool_call>\n{\"name\": \"g\", \"arguments\": {}}\n</tool_call>",
     "R:xC:Hi.CALL 0 f({\"s\": \"</tool_call>\"})CALL 1 g({})", false, false},
    {"hermes", "none",
     "<tool_call>{\"arguments\": {\"n\": -1.5e3}, \"name\": \"f\"}</tool_call> ok",
     "CALL 0 f({\"n\": -1.5e3})C: ok", false, false},
    {"hermes", "none", "<tool_call>{\"name\": \"f\", \"arguments\": \"{\\\"n\\\": 1}\"}",
     "CALL 0 f({\"n\": 1})", false, false},
    {"hermes", "none", "<tool_call>{\"name\": \"f\", \"arguments\": null}", "CALL 0 f({})", false,
     false},
    {"hermes", "none", "<tool_call>{\"name\": \"f\", \"arguments\": {\"s\": \"a\nb\x01\"}}",
     "CALL 0 f({\"s\": \"a\\nb\\u0001\"})", false, false},
    {"hermes", "none",
     "<tool_call>{\"type\": \"function\", \"function\": {\"name\": \"f\", \"arguments\": {}}, "
     "\"id\": 7}",
     "CALL 0 f({})", false, false},
    /* What is malformed stays. */
    {"hermes", "none", "a\n<tool_call>\nnot JSON</tool_call>",
     "C:a\n<tool_call>\nnot JSON</tool_call>", false, false},
    {"hermes", "none", "<tool_call>{\"name\": \"f\", \"arguments\": {\"n\": 01}}</tool_call>",
     "C:<tool_call>{\"name\": \"f\", \"arguments\": {\"n\": 01}}</tool_call>", false, false},
    {"hermes", "none", "<tool_call>{\"name\": \"f\", \"arguments\": {\"n\": 1",
     "C:<tool_call>{\"name\": \"f\", \"arguments\": {\"n\": 1", false, false},
    {"hermes", "none", "<tool_call>{\"name\": \"f\", \"arguments\": [1]}",
     "C:<tool_call>{\"name\": \"f\", \"arguments\": [1]}", false, false},
    {"hermes", "none", "<tool_call>{\"arguments\": {}}", "C:<tool_call>{\"arguments\": {}}", false,
     false},
    {"hermes", "none", "<tool_call>{\"name\": \"\\ud800\", \"arguments\": {}}",
     "C:<tool_call>{\"name\": \"\\ud800\", \"arguments\": {}}", false, false},
    {"hermes", "none", "<tool_call>x<tool_call>{\"name\": \"g\"}</tool_call>",
     "C:<tool_call>xCALL 0 g({})", false, false},
    {"hermes", "none", "<tool_cal <tool_call", "C:<tool_cal <tool_call", false, false},
    /* Lists. */
    {"mistral", "mistral",
     "[THINK]a[/THINK]b[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {\"n\": 1}}, {\"name\": "
     "\"g\", "
     "\"arguments\": {}, \"id\": \"abcdefghi\"}]",
     "R:aC:bCALL 0 f({\"n\": 1})CALL 1 g({})", false, false},
    {"mistral", "none", "[TOOL_CALLS]f[ARGS]{\"n\": 1}[TOOL_CALLS]g[CALL_ID]abcdefghi[ARGS]{}",
     "CALL 0 f({\"n\": 1})CALL 1 g({})", false, false},
    {"mistral", "none", "[TOOL_CALLS][]", "C:[TOOL_CALLS][]", false, false},
    {"mistral", "none", "[TOOL_CALLS][{\"name\": \"g\"}, oops", "CALL 0 g({})C:, oops", false,
     false},
    {"command-r", "command-r",
     "<|START_THINKING|>p<|END_THINKING|><|START_ACTION|>[\n {\"tool_call_id\": \"0\", "
     "\"tool_name\": "
     "\"f\", \"parameters\": {\"s\": \"x\"}}\n]<|END_ACTION|>",
     "R:pCALL 0 f({\"s\": \"x\"})", false, false},
    {"command-r", "command-r", "<|START_RESPONSE|>hi<|END_RESPONSE|>", "C:hi", false, false},
    {"granite", "none", "<|tool_call|>[{\"name\": \"g\", \"arguments\": {}}]", "CALL 0 g({})",
     false, false},
    {"phi-4", "none", "<|tool_call|>[{\"name\": \"g\", \"arguments\": {}}]<|/tool_call|>",
     "CALL 0 g({})", false, false},
    {"phi-4-mini", "none", "functools[{\"name\": \"g\", \"arguments\": {}}]", "CALL 0 g({})", false,
     false},
    {"phi-4-mini", "none", "functools.reduce(f)", "C:functools.reduce(f)", false, false},
    {"apriel", "none", "<tool_calls>[{\"name\": \"g\", \"arguments\": {}}]</tool_calls>",
     "CALL 0 g({})", false, false},
    /* No marker at all. */
    {"llama3", "none", "{\"name\": \"f\", \"parameters\": {\"n\": 1}}", "CALL 0 f({\"n\": 1})",
     false, false},
    {"llama3", "none",
     "{\"name\": \"f\", \"parameters\": {}}; {\"name\": \"g\", \"parameters\": {}}",
     "CALL 0 f({})CALL 1 g({})", false, false},
    {"llama3", "none", "<|python_tag|>{\"name\": \"f\", \"parameters\": {}}", "CALL 0 f({})", false,
     false},
    {"llama3", "none", "{\"name\": \"Bob\", \"age\": 3}", "C:{\"name\": \"Bob\", \"age\": 3}",
     false, false},
    {"llama3", "none", " {\"answer\": {\"name\": \"f\"}}", "C: {\"answer\": {\"name\": \"f\"}}",
     false, false},
    {"llama3", "none", "It is {\"name\": \"f\", \"parameters\": {}}",
     "C:It is {\"name\": \"f\", \"parameters\": {}}", false, false},
    {"json", "none", "[{\"name\": \"f\", \"arguments\": {}}]", "CALL 0 f({})", false, false},
    {"json", "none", "[]", "C:[]", false, false},
    /* The name before the arguments. */
    {"deepseek", "think",
     "a</"
     "think>b<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{\"n\": "
     "1}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>g\n```json\n{}\n```"
     "<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
     "R:aC:bCALL 0 f({\"n\": 1})CALL 1 g({})", true, false},
    {"deepseek", "none",
     "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"n\": 1}<｜tool▁call▁end｜>"
     "<｜tool▁calls▁end｜>",
     "CALL 0 f({\"n\": 1})", false, false},
    {"deepseek", "none", "<｜tool▁calls▁begin｜>x", "C:<｜tool▁calls▁begin｜>x", false, false},
    {"kimi", "none",
     "<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{"
     "\"n\": "
     "1}<|tool_call_end|><|tool_calls_section_end|>",
     "CALL 0 f({\"n\": 1})", false, false},
    {"functionary", "none", "<function=f>{\"n\": 1}</function><function=g>{}</function>",
     "CALL 0 f({\"n\": 1})CALL 1 g({})", false, false},
    /* A marker for each argument. */
    {"qwen-xml", "none",
     "ok\n<tool_call>\n<function=f>\n<parameter=s>\na \"b\"\n\nc\n</parameter>\n<parameter=n>\n5\n"
     "</parameter>\n<parameter=b>\nTrue\n</parameter>\n<parameter=o>\n12\n</parameter>\n"
     "</function>\n</tool_call>",
     "C:okCALL 0 f({\"s\": \"a \\\"b\\\"\\n\\nc\", \"n\": 5, \"b\": true, \"o\": \"12\"})", false,
     false},
    {"qwen-xml", "none",
     "<tool_call>\n<function=f>\n<parameter=o>\nnull\n</parameter>\n<parameter=l>\n[1, "
     "2]\n</parameter>\n<parameter=n>\nmany\n</parameter>\n</function>\n</tool_call>",
     "CALL 0 f({\"o\": null, \"l\": [1, 2], \"n\": \"many\"})", false, false},
    {"qwen-xml", "none", "<function=g>\n</function>", "CALL 0 g({})", false, false},
    {"qwen-xml", "none", "<tool_call>\n<function=f>{\"n\": 1}</function>\n</tool_call>",
     "CALL 0 f({\"n\": 1})", false, false},
    {"qwen-xml", "none", "<tool_call>\n<function=f>\nwell", "C:<tool_call>\n<function=f>\nwell",
     false, false},
    {"seed", "seed",
     "<seed:think>w</seed:think>\n<seed:tool_call>\n<function=f>\n<parameter=s>x</parameter>\n"
     "</function>\n</seed:tool_call>",
     "R:wCALL 0 f({\"s\": \"x\"})", false, false},
    {"glm", "think",
     "\n<think>w</think>\n<tool_call>f\n<arg_key>s</arg_key>\n<arg_value>007</arg_value>\n"
     "<arg_key>n</arg_key>\n<arg_value>7</arg_value>\n</tool_call>\n<tool_call>g</tool_call>",
     "R:wCALL 0 f({\"s\": \"007\", \"n\": 7})CALL 1 g({})", false, false},
    {"glm", "none", "<tool_call>f\n{\"n\": 1}\n</tool_call>\n<tool_call>g{}</tool_call>",
     "CALL 0 f({\"n\": 1})CALL 1 g({})", false, false},
    {"mistral", "none", "[TOOL_CALLS]f[CALL_ID]abcdefghi[ARGS]{\"n\": 1}", "CALL 0 f({\"n\": 1})",
     false, false},
    {"dsml", "none",
     "x\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"s\" "
     "string=\"true\">12</｜DSML｜parameter>\n<｜DSML｜parameter name=\"zz\" "
     "string=\"false\">[\"q\"]"
     "</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>",
     "C:xCALL 0 f({\"s\": \"12\", \"zz\": [\"q\"]})", false, false},
    {"minimax", "none",
     "<minimax:tool_call>\n<invoke name=\"f\">\n<parameter name=\"s\">x</parameter>\n</invoke>\n"
     "</minimax:tool_call>",
     "CALL 0 f({\"s\": \"x\"})", false, false},
    /* As in a program. */
    {"lfm2", "none",
     "ok <|tool_call_start|>[f(s=\"a, \\\"b\\\"\", n=-1.5, b=True, l=[1, 'x', {\"k\": None}]), "
     "g()]<|tool_call_end|>",
     "C:okCALL 0 f({\"s\": \"a, \\\"b\\\"\", \"n\": -1.5, \"b\": true, \"l\": [1, \"x\", {\"k\": "
     "null}]})CALL 1 g({})",
     false, false},
    {"lfm2", "none",
     "<|tool_call_start|>[f(s=\"\\u00e9\\ud83d\\ude00\\b<|tool_call_end|>\\\\\")]<|tool_call_end|>",
     "CALL 0 f({\"s\": \"\xC3\xA9\xF0\x9F\x98\x80\\b<|tool_call_end|>\\\\\"})", false, false},
    {"lfm2", "none", "<|tool_call_start|>[f(s=\"\\ud83d\")]<|tool_call_end|>",
     "C:<|tool_call_start|>[f(s=\"\\ud83d\")]<|tool_call_end|>", false, false},
    {"lfm2", "none", "<|tool_call_start|>[f(s=oops)]<|tool_call_end|> x",
     "C:<|tool_call_start|>[f(s=oops)]<|tool_call_end|> x", false, false},
    {"lfm2", "none", "<|tool_call_start|>[f(n=1)", "C:<|tool_call_start|>[f(n=1)", false, false},
    {"gemma", "gemma",
     "<|channel>thought\nw<channel|><|tool_call>call:f{s:<|\"|>a \"b\" "
     "{<|\"|>,n:7,l:[1,<|\"|>y<|\"|>]}<tool_call|>"
     "<|tool_call>call:g{}<tool_call|>",
     "R:wCALL 0 f({\"s\": \"a \\\"b\\\" {\", \"n\": 7, \"l\": [1, \"y\"]})CALL 1 g({})", false,
     false},
    /* Messages with channels. */
    {"harmony", "none",
     "<|channel|>analysis<|message|>hm <|end|><|start|>assistant<|channel|>commentary "
     "to=functions.f <|constrain|>json<|message|>{\"n\": 1}<|call|>",
     "R:hmCALL 0 f({\"n\": 1})", false, false},
    {"harmony", "none", " to=functions.f<|channel|>commentary json<|message|>{\"n\": 1}",
     "CALL 0 f({\"n\": 1})", false, false},
    {"harmony", "none",
     "<|channel|>commentary<|message|>Let me "
     "see.<|end|><|start|>assistant<|channel|>final<|message|>Yes.",
     "C:Let me see.\n\nYes.", false, false},
    {"harmony", "none", "it to=functions.f<|end|><|start|>assistant to=functions.g<|message|>{}",
     "C:it to=functions.fCALL 0 g({})", true, false},
    {"harmony", "none", "just text", "C:just text", false, false},
    {"harmony", "none", "<|channel|>commentary to=functions.f<|message|>{nope<|end|>",
     "C:<|channel|>commentary to=functions.f<|message|>{nope", false, false},
};

START_TEST(answers_are_read)
{
    const struct row *row = &rows[_i];
    const struct hn_answer_params params = {
        .format = format_named(row->calls, row->reasoning),
        .tools = row->no_tools ? NULL : tools,
        .opened = row->opened,
        .seed = 7,
    };
    struct script whole;
    run(params, hn_str_from(row->text), 0, 0, &whole);
    ck_assert_str_eq(whole.text.p ? whole.text.p : "", row->expect);
    check_splits(&params, hn_str_from(row->text), &whole);
    hn_buf_free(&whole.text);
}
END_TEST

/* Arguments told as they come are those of the whole call. */
/* Which pieces begin within reasoning: the one that ends it does, the one that begins it does not. */
START_TEST(reasoning_has_borders)
{
    static const char *const pieces[] = {"<think>", "\n", "why", "</th", "ank>", "</think>", " so"};
    static const bool expect[] = {false, true, true, true, true, true, false};
    for (int opened = 0; opened < 2; opened++) {
        struct hn_answer *answer;
        struct script script = {.kind = -1};
        const struct hn_answer_params params = {.format = format_named("none", "think"),
                                                .opened = opened,
                                                .event = note,
                                                .ctx = &script};
        ck_assert_int_eq(hn_answer_create(&params, &answer, NULL), HN_OK);
        for (size_t i = (size_t)opened; i < sizeof expect; i++) {
            ck_assert_msg(hn_answer_in_reasoning(answer) == expect[i], "%zu", i);
            ck_assert_int_eq(hn_answer_push(answer, hn_str_from(pieces[i])), HN_OK);
        }
        ck_assert_int_eq(hn_answer_finish(answer), HN_OK);
        ck_assert_str_eq(script.text.p, "R:why</thank>C:so");
        hn_answer_destroy(answer);
        hn_buf_free(&script.text);
    }
}
END_TEST

START_TEST(eager_answers_are_the_same_unless_cut)
{
    const struct row *row = &rows[_i];
    const struct hn_answer_params params = {
        .format = format_named(row->calls, row->reasoning),
        .tools = row->no_tools ? NULL : tools,
        .opened = row->opened,
        .eager = true,
        .seed = 7,
    };
    struct script whole;
    run(params, hn_str_from(row->text), 0, 0, &whole);
    if (strstr(row->expect, "CALL")) ck_assert_str_eq(whole.text.p, row->expect);
    check_splits(&params, hn_str_from(row->text), &whole);
    hn_buf_free(&whole.text);
}
END_TEST

static const char *const scraps[] = {
    "<tool_call>",
    "</tool_call>",
    "<function=",
    "f",
    "g",
    ">",
    "</function>",
    "<parameter=",
    "s",
    "</parameter>",
    "{",
    "}",
    "[",
    "]",
    "\"name\"",
    "\"arguments\"",
    ":",
    ",",
    "\"f\"",
    " ",
    "\n",
    "<think>",
    "</think>",
    "[TOOL_CALLS]",
    "[ARGS]",
    "<arg_key>",
    "</arg_key>",
    "<arg_value>",
    "</arg_value>",
    "{\"name\": \"f\", \"arguments\": {}}",
    "<|channel|>",
    "analysis",
    "<|message|>",
    "<|end|>",
    "to=functions.f",
    "<｜tool▁call▁begin｜>",
    "<｜tool▁sep｜>",
    "\xC3\xA9",
    "1",
    "true",
    "functools",
    "<",
    "<|",
    "<｜",
};

/* Any text at all, in every format. */
START_TEST(scraps_are_read_alike_in_any_pieces)
{
    const struct hn_answer_calls *calls = hn_answer_calls_at((size_t)_i);
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct hn_buf text = {0};
        uint32_t draw[4];
        hn_philox(seed, 0, 1, draw);
        for (uint64_t i = 0; i < draw[1] % 30; i++) {
            uint32_t pick[4];
            hn_philox(seed, i, 2, pick);
            hn_buf_text(&text, scraps[pick[0] % (sizeof scraps / sizeof scraps[0])]);
        }
        const struct hn_answer_params params = {
            .format = {calls, hn_answer_reasoning_at(draw[2] % 8)},
            .tools = tools,
            .opened = draw[3] & 1,
            .eager = draw[3] & 2,
            .seed = seed,
        };
        struct script whole;
        run(params, hn_buf_view(&text), 0, 0, &whole);
        for (uint64_t cut = 0; cut < 4; cut++) {
            struct script split;
            run(params, hn_buf_view(&text), 1 + 3 * cut, cut, &split);
            ck_assert_str_eq(whole.text.p ? whole.text.p : "", split.text.p ? split.text.p : "");
            hn_buf_free(&split.text);
        }
        hn_buf_free(&whole.text);
        hn_buf_free(&text);
    }
}
END_TEST

START_TEST(ids_come_from_the_seed)
{
    static const char text[] =
        "<tool_call>{\"name\": \"g\"}</tool_call><tool_call>{\"name\": \"g\"}";
    struct hn_answer_params params = {
        .format = format_named("hermes", "none"), .tools = tools, .seed = 1};
    struct script one, again, other;
    run(params, hn_str_from(text), 0, 0, &one);
    run(params, hn_str_from(text), 0, 0, &again);
    params.seed = 2;
    run(params, hn_str_from(text), 0, 0, &other);
    ck_assert_uint_eq(strlen(one.ids[0]), 29);
    ck_assert_int_eq(strncmp(one.ids[0], "call_", 5), 0);
    ck_assert_str_ne(one.ids[0], one.ids[1]);
    ck_assert_str_eq(one.ids[1], again.ids[1]);
    ck_assert_str_ne(one.ids[0], other.ids[0]);
    hn_buf_free(&one.text);
    hn_buf_free(&again.text);
    hn_buf_free(&other.text);
}
END_TEST

/* Content is told as soon as it cannot be a marker, and arguments as they come if that is wanted. */
START_TEST(nothing_is_held_back_for_long)
{
    struct script script = {.kind = -1};
    struct hn_answer_params params = {.format = format_named("hermes", "none"),
                                      .tools = tools,
                                      .eager = true,
                                      .event = note,
                                      .ctx = &script};
    struct hn_answer *answer;
    ck_assert_int_eq(hn_answer_create(&params, &answer, NULL), HN_OK);
    hn_answer_push(answer, HN_STR("a <tool_"));
    ck_assert_str_eq(script.text.p, "C:a");
    hn_answer_push(answer, HN_STR("box>"));
    ck_assert_str_eq(script.text.p, "C:a <tool_box>");
    hn_answer_push(answer, HN_STR("<tool_call>{\"name\": \"f\", \"arguments\": {\"s\": \"lo"));
    ck_assert_str_eq(script.text.p, "C:a <tool_box>CALL 0 f({\"s\": \"lo");
    hn_answer_push(answer, HN_STR("ng"));
    hn_answer_finish(answer);
    ck_assert_str_eq(script.text.p, "C:a <tool_box>CALL 0 f({\"s\": \"long");
    hn_answer_destroy(answer);
    hn_buf_free(&script.text);
}
END_TEST

START_TEST(a_call_without_end_is_given_back)
{
    struct hn_buf text = {0};
    hn_buf_text(&text, "<tool_call>{\"name\": \"f\", \"arguments\": {\"s\": \"");
    while (text.n <= HN_ANSWER_CALL_MAX)
        hn_buf_text(&text, "0123456789abcdef0123456789abcdef");
    const struct hn_answer_params params = {.format = format_named("hermes", "none"),
                                            .tools = tools};
    struct script script;
    run(params, hn_buf_view(&text), 0, 0, &script);
    ck_assert_uint_eq(script.text.n, text.n + 2);
    ck_assert_str_eq(script.text.p + 2, text.p);
    hn_buf_free(&script.text);
    hn_buf_free(&text);
}
END_TEST

START_TEST(formats_are_told_from_templates)
{
    static const struct {
        const char *text, *calls, *reasoning;
    } kinds[] = {
        {"{{ messages }}", NULL, NULL},
        {"{% if tools %}{{ tools | tojson }}{% endif %}", "json", NULL},
        {"tools <tool_call>\n{\"name\": <function-name>}</tool_call>", "hermes", NULL},
        {"tools <tool_call><function=a><parameter=b> </think>", "qwen-xml", "think"},
        {"tools <tool_call>{name}<arg_key>k</arg_key></tool_call>", "glm", NULL},
        {"<|channel|>analysis<|message|>x<|end|>", "harmony", NULL},
        {"[AVAILABLE_TOOLS] [TOOL_CALLS] [THINK]", "mistral", "mistral"},
        {"<|start_header_id|>ipython<|end_header_id|> <|python_tag|>", "llama3", NULL},
        {"<｜tool▁calls▁begin｜> </think>", "deepseek", "think"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct hn_answer_format f = hn_answer_format_of(hn_str_from(kinds[i].text));
        ck_assert_pstr_eq(f.calls ? f.calls->name : NULL, kinds[i].calls);
        ck_assert_pstr_eq(f.reasoning ? f.reasoning->name : NULL, kinds[i].reasoning);
    }
    const struct hn_answer_calls *none;
    struct hn_error err;
    ck_assert_int_eq(hn_answer_calls_named(HN_STR("nope"), &none, &err), HN_E_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "hermes, "));
}
END_TEST

START_TEST(a_prompt_may_open_the_reasoning)
{
    const struct hn_answer_format format = format_named("none", "think");
    ck_assert(hn_answer_opened(format, HN_STR("<|assistant|><think>\n")));
    ck_assert(!hn_answer_opened(format, HN_STR("<|assistant|><think>\n\n</think>\n\n")));
    ck_assert(!hn_answer_opened(format_named("none", "none"), HN_STR("<think>")));
}
END_TEST

START_TEST(a_prompt_may_be_made_to_want_plain_content)
{
    static const struct {
        const char *calls, *reasoning, *prompt, *expect;
    } kinds[] = {
        {"none", "think", "a<think>\n", "a<think>\n</think>\n\n"},
        {"none", "think", "a<think></think>\n", "a<think></think>\n"},
        {"hermes", "none", "a<think>\n", "a<think>\n"},
        {"harmony", "none", "<|start|>assistant", "<|start|>assistant<|channel|>final<|message|>"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct hn_buf prompt = {0};
        hn_buf_text(&prompt, kinds[i].prompt);
        const struct hn_answer_format format = format_named(kinds[i].calls, kinds[i].reasoning);
        ck_assert_int_eq(hn_answer_make_plain(format, &prompt), HN_OK);
        ck_assert_str_eq(prompt.p, kinds[i].expect);
        hn_buf_free(&prompt);
    }
}
END_TEST

/* What the reader relies on. */
START_TEST(markers_are_short_and_none_begins_another)
{
    const struct hn_answer_calls *row;
    for (size_t i = 0; (row = hn_answer_calls_at(i)); i++) {
        const char *marks[4 * HN_ANSWER_MARKS];
        size_t n = 0;
        for (size_t k = 0; k < HN_ANSWER_MARKS; k++) {
            if (row->begin[k]) marks[n++] = row->begin[k];
            if (row->around[k]) marks[n++] = row->around[k];
            if (row->after[k]) marks[n++] = row->after[k];
        }
        for (size_t a = 0; a < n; a++) {
            ck_assert_uint_lt(strlen(marks[a]), HN_ANSWER_MARK_MAX);
            for (size_t b = 0; b < n; b++)
                ck_assert(a == b || !hn_str_starts(hn_str_from(marks[a]), hn_str_from(marks[b])));
        }
    }
}
END_TEST

int main(void)
{
    if (hn_json_parse(hn_str_from(tools_text), "tools", &tools, NULL) < 0) return EXIT_FAILURE;
    size_t n_calls = 0;
    while (hn_answer_calls_at(n_calls))
        n_calls++;
    const int n_rows = sizeof rows / sizeof rows[0];
    TCase *tc = tcase_create("answer");
    tcase_add_loop_test(tc, answers_are_read, 0, n_rows);
    tcase_add_test(tc, reasoning_has_borders);
    tcase_add_loop_test(tc, eager_answers_are_the_same_unless_cut, 0, n_rows);
    tcase_add_loop_test(tc, scraps_are_read_alike_in_any_pieces, 0, (int)n_calls);
    tcase_add_test(tc, ids_come_from_the_seed);
    tcase_add_test(tc, nothing_is_held_back_for_long);
    tcase_add_test(tc, a_call_without_end_is_given_back);
    tcase_add_test(tc, formats_are_told_from_templates);
    tcase_add_test(tc, a_prompt_may_open_the_reasoning);
    tcase_add_test(tc, a_prompt_may_be_made_to_want_plain_content);
    tcase_add_test(tc, markers_are_short_and_none_begins_another);
    const int status = run_unit("answer", tc);
    json_decref(tools);
    return status;
}
