/* Calls under the grammar of each format: whatever a model would like to write, what it writes is calls of
 * the tools, and the reader finds them. */
#include <stdio.h>

#include "text/answer_grammar.h"
#include "text/answer_reader.h"
#include "text/grammar_mask.h"
#include "unit.h"

static const char tools_text[] =
    "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"strict\": true, \"parameters\": "
    "{\"type\": \"object\", \"properties\": {\"s\": {\"$ref\": \"#/$defs/s\"}, \"n\": {\"type\": "
    "\"integer\", \"minimum\": 1, \"maximum\": 9}}, \"required\": [\"s\"], "
    "\"additionalProperties\": false, \"$defs\": {\"s\": {\"enum\": [\"x\", \"yy\"]}}}}}, "
    "{\"type\": "
    "\"function\", \"function\": {\"name\": \"get_it\", \"parameters\": {\"type\": \"object\", "
    "\"properties\": {\"a\": {\"not\": {}}}}}}, {\"type\": \"function\", \"function\": {\"name\": "
    "\"put\", \"strict\": true, \"parameters\": {\"type\": \"object\", \"properties\": {\"t\": "
    "{\"type\": \"string\"}, \"k \\\"y\": {\"type\": \"array\", \"items\": {\"type\": \"string\", "
    "\"maxLength\": 3}}, \"b\": {\"type\": [\"boolean\", \"null\"]}, \"o\": {\"type\": \"object\", "
    "\"additionalProperties\": {\"enum\": [\"<\", 1]}}}, \"required\": [\"t\", \"b\"], "
    "\"additionalProperties\": false}}}]";

enum { SIZE = 600, BYTES = 4, WORDS = BYTES + 256, EOS = 2 };

static json_t *tools;
static struct hn_tokenizer *tokenizer;
static struct hn_masker *masker;

/* A token for each marker of the format in `text`, of a type; returns how many there are then. */
static size_t add_marks(const char *text, struct hn_str *texts, uint8_t *types, uint8_t type,
                        size_t n)
{
    while (text && (text = strchr(text, '^'))) {
        const char *end = strchr(++text, '^');
        const struct hn_str mark = {text, (size_t)(end - text)};
        text = end + 1;
        bool known = false;
        for (size_t i = 0; i < n; i++)
            known |= hn_str_eq(texts[i], mark);
        if (known) continue;
        types[n] = type;
        texts[n++] = mark;
    }
    return n;
}

static void start(const struct hn_answer_calls *format, uint8_t type)
{
    static const char *const words[] = {"{\"", "\": ", "\"}", "name", "arguments", "}}", "f", "\n"};
    static char bytes[256][8];
    struct hn_str texts[SIZE] = {HN_STR("<unk>"), HN_STR("<s>"), HN_STR("</s>"), HN_STR("<x>")};
    uint8_t types[SIZE] = {HN_TOKEN_UNKNOWN, HN_TOKEN_CONTROL, HN_TOKEN_CONTROL, HN_TOKEN_CONTROL};
    size_t n = BYTES;
    struct hn_error err = {.text = ""};
    for (size_t i = 0; i < 256; i++, n++) {
        snprintf(bytes[i], sizeof bytes[i], "<0x%02X>", (unsigned)i);
        texts[n] = hn_str_from(bytes[i]);
        types[n] = HN_TOKEN_BYTE;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++, n++) {
        texts[n] = hn_str_from(words[i]);
        types[n] = HN_TOKEN_NORMAL;
    }
    n = add_marks(format->first, texts, types, type, n);
    for (const struct hn_answer_wording *w = format->wordings; w->call; w++) {
        const char *const parts[] = {w->open, w->call, w->next, w->close};
        for (size_t i = 0; i < 4; i++)
            n = add_marks(parts[i], texts, types, type, n);
    }
    if (format->literal) n = add_marks(format->literal->quote, texts, types, type, n);
    if (format->channels) n = add_marks("^<|start|>^^<|end|>^", texts, types, type, n);
    struct hn_vocab_spec spec = hn_vocab_spec_init(HN_VOCAB_SPM);
    spec.n = n;
    spec.texts = texts;
    spec.types = types;
    spec.unk = 0;
    spec.bos = 1;
    spec.eos = EOS;
    ck_assert_msg(hn_tokenizer_create(&spec, &tokenizer, &err) == HN_OK, "%s", err.text);
    ck_assert_int_eq(hn_masker_create(tokenizer, HN_MASKER_MEMORY, &masker, NULL), HN_OK);
}

static void stop(void)
{
    hn_masker_destroy(masker);
    hn_tokenizer_destroy(tokenizer);
}

static uint32_t draw(void)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}

static struct hn_str shown(int32_t id)
{
    return hn_tokenizer_is_control(tokenizer, id) ? hn_tokenizer_text(tokenizer, id)
                                                  : hn_tokenizer_piece(tokenizer, id);
}

/* A token that may come: one that closes something more often than others, and the end when it may be. */
static int32_t choose(struct hn_matcher *m, unsigned at)
{
    const uint32_t *mask;
    int32_t may[SIZE];
    size_t n = 0, closing = 0;
    bool may_end = false;
    struct hn_error err = {.text = ""};
    ck_assert_msg(hn_matcher_mask(m, masker, &mask, &err) == HN_OK, "%s", err.text);
    ck_assert_ptr_nonnull(mask);
    for (int32_t id = 0; id < (int32_t)hn_tokenizer_size(tokenizer); id++) {
        if (!(mask[id / 32] >> (id % 32) & 1)) continue;
        if (id == EOS) {
            may_end = true;
            continue;
        }
        const struct hn_str text = shown(id);
        may[n++] = id;
        if (text.n && strchr("\"}])<", text.p[0])) {
            may[n - 1] = may[closing];
            may[closing++] = id;
        }
    }
    ck_assert(n || may_end);
    if (may_end && (!n || at > 100 || draw() % 2)) return EOS;
    return may[draw() % (closing && (at > 60 || draw() % 3 == 0) ? closing : n)];
}

struct heard {
    struct hn_buf arguments, content;
    size_t calls, whole;
    char name[8];
};

static void check_f(const json_t *value)
{
    const json_t *n = json_object_get(value, "n");
    const struct hn_str s = hn_json_str(json_object_get(value, "s"));
    ck_assert(hn_str_is(s, "x") || hn_str_is(s, "yy"));
    ck_assert(!n || (json_integer_value(n) >= 1 && json_integer_value(n) <= 9));
    ck_assert_uint_eq(json_object_size(value), n ? 2 : 1);
}

static void check_put(const json_t *value)
{
    const json_t *b = json_object_get(value, "b"), *k = json_object_get(value, "k \"y"),
                 *o = json_object_get(value, "o");
    const char *key;
    size_t i;
    json_t *item;
    ck_assert(json_is_string(json_object_get(value, "t")));
    ck_assert(json_is_boolean(b) || json_is_null(b));
    ck_assert(!k || json_is_array(k));
    ck_assert(!o || json_is_object(o));
    json_array_foreach(k, i, item)
    {
        size_t n = 0;
        for (const char *c = json_string_value(item); *c; c++)
            n += (*c & 0xC0) != 0x80;
        ck_assert_uint_le(n, 3);
    }
    json_object_foreach((json_t *)o, key, item)
        ck_assert(json_integer_value(item) == 1 ||
                  (json_is_string(item) && hn_str_is(hn_json_str(item), "<")));
    ck_assert_uint_eq(json_object_size(value), 2u + !!k + !!o);
}

static void hear(void *ctx, const struct hn_answer_event *event)
{
    struct heard *heard = ctx;
    if (event->kind == HN_ANSWER_CONTENT) hn_buf_str(&heard->content, event->text);
    if (event->kind == HN_ANSWER_ARGUMENTS) hn_buf_str(&heard->arguments, event->text);
    if (event->kind == HN_ANSWER_CALL) {
        heard->calls++;
        ck_assert_uint_lt(strlen(event->name), sizeof heard->name);
        strcpy(heard->name, event->name);
        hn_buf_clear(&heard->arguments);
    }
    if (event->kind != HN_ANSWER_CALL_END) return;
    json_t *value;
    heard->whole++;
    ck_assert_int_eq(hn_json_parse(hn_buf_view(&heard->arguments), "it", &value, NULL), HN_OK);
    ck_assert(json_is_object(value));
    if (strcmp(heard->name, "f") == 0) check_f(value);
    else if (strcmp(heard->name, "put") == 0) check_put(value);
    else ck_assert_str_eq(heard->name, "get_it");
    json_decref(value);
}

/* Accepts a text byte by byte where it is no marker. */
static void write_text(struct hn_matcher *m, struct hn_answer *answer, const char *text)
{
    const int32_t id = hn_tokenizer_find(tokenizer, hn_str_from(text));
    ck_assert_int_eq(hn_answer_push(answer, hn_str_from(text)), HN_OK);
    if (id >= 0 && hn_str_is(shown(id), text)) { /* U+2581 is a blank in some tokens */
        ck_assert_int_eq(hn_matcher_accept(m, masker, id, NULL), HN_OK);
        return;
    }
    for (; *text; text++)
        ck_assert_int_eq(hn_matcher_accept(m, masker, BYTES + (unsigned char)*text, NULL), HN_OK);
}

/* Returns how many calls there are in one answer. */
static size_t check_answer(const struct hn_calls_spec *spec, struct hn_grammar *grammar, bool eager)
{
    struct heard heard = {.calls = 0};
    struct hn_matcher *m;
    struct hn_answer *answer;
    /* In a message a header's text is content. */
    static const char *const plain[] = {"Yes.", NULL}, *const message[] = {
                                                           "<|message|>", "to=functions.f",
                                                           "<|end|>", "<|start|>", NULL};
    const char *const *before = spec->format->channels ? message : plain;
    const char *content = !spec->behind ? "" : spec->format->channels ? message[1] : plain[0];
    const struct hn_answer_params params = {
        .format.calls = spec->format, .tools = tools, .eager = eager, .event = hear, .ctx = &heard};
    ck_assert_int_eq(hn_answer_create(&params, &answer, NULL), HN_OK);
    ck_assert_int_eq(hn_matcher_create(grammar, &m, NULL), HN_OK);
    if (spec->behind) {
        struct hn_trigger_spec trigger;
        hn_answer_hold(spec->format, &trigger);
        ck_assert_int_eq(hn_matcher_await(m, tokenizer, &trigger, NULL), HN_OK);
        for (size_t i = 0; before[i]; i++)
            write_text(m, answer, before[i]);
        write_text(m, answer, trigger.texts[trigger.texts[1].n && eager].p);
    }
    unsigned at = 0;
    for (; at < 4000; at++) {
        const int32_t id = choose(m, at);
        ck_assert_int_eq(hn_matcher_accept(m, masker, id, NULL), HN_OK);
        if (id == EOS) break;
        ck_assert_int_eq(hn_answer_push(answer, shown(id)), HN_OK);
    }
    ck_assert_uint_lt(at, 4000);
    ck_assert_int_eq(hn_answer_finish(answer), HN_OK);
    if (spec->or_content && !heard.calls) content = "7";
    ck_assert_str_eq(heard.content.p ? heard.content.p : "", content);
    ck_assert(spec->or_content || heard.calls);
    ck_assert_uint_eq(heard.whole, heard.calls);
    if (!spec->many) ck_assert_uint_le(heard.calls, 1);
    hn_answer_destroy(answer);
    hn_matcher_destroy(m);
    hn_buf_free(&heard.arguments);
    hn_buf_free(&heard.content);
    return heard.calls;
}

static void check_format(const struct hn_answer_calls *format, uint8_t type)
{
    size_t most = 0, tool;
    struct hn_error err = {.text = ""};
    start(format, type);
    json_t *seven = json_pack("{s:i}", "const", 7);
    size_t least = 1;
    for (unsigned i = 0; i < 12; i++) {
        struct hn_grammar *grammar;
        struct hn_calls_spec spec = {
            .format = format, .tools = tools, .behind = i & 1, .many = i & 2};
        if (i >= 8) {
            spec.or_content = true;
            spec.content = seven;
        }
        if (spec.behind && (!format->first || spec.or_content)) continue;
        spec.control = hn_answer_control_marks(format, tokenizer);
        ck_assert((spec.control != 0) ==
                  (type == HN_TOKEN_CONTROL && format->first && strchr(format->first, '^')));
        ck_assert_msg(hn_answer_grammar(&spec, &grammar, &tool, &err) == HN_OK, "%s", err.text);
        for (unsigned k = 0; k < (spec.or_content ? 60 : 20); k++) {
            const size_t calls = check_answer(&spec, grammar, i & 4);
            if (most < calls) most = calls;
            if (least > calls) least = calls;
        }
        hn_grammar_release(grammar);
    }
    ck_assert_uint_eq(least, 0);
    json_decref(seven);
    bool several = false;
    for (const struct hn_answer_wording *w = format->wordings; w->call; w++)
        several |= w->next != NULL;
    ck_assert((most > 1) == several);
    stop();
}

START_TEST(calls_are_read_as_they_are_held)
{
    const struct hn_answer_calls *format = hn_answer_calls_at((size_t)_i);
    tools = json_loads(tools_text, 0, NULL);
    check_format(format, HN_TOKEN_CONTROL);
    check_format(format, HN_TOKEN_USER_DEFINED);
    check_format(format, HN_TOKEN_UNUSED);
    json_decref(tools);
}
END_TEST

/* One function alone; a strict schema that cannot be kept; markers that bytes do not spell. */
START_TEST(what_a_spec_says)
{
    struct hn_calls_spec spec = {.only = HN_STR("f"), .many = true};
    struct hn_grammar *g;
    struct hn_matcher *m;
    struct hn_error err = {.text = ""};
    size_t tool;
    tools = json_loads(tools_text, 0, NULL);
    spec.tools = tools;
    ck_assert_int_eq(hn_answer_calls_named(HN_STR("mistral"), &spec.format, NULL), HN_OK);
    start(spec.format, HN_TOKEN_CONTROL);
    spec.control = hn_answer_control_marks(spec.format, tokenizer);
    ck_assert_int_eq(hn_answer_grammar(&spec, &g, &tool, &err), HN_OK);
    ck_assert_int_eq(hn_matcher_create(g, &m, NULL), HN_OK);
    ck_assert_int_eq(hn_matcher_accept(m, masker, BYTES + '[', NULL), HN_E_ARG);
    ck_assert_int_eq(hn_matcher_accept(m, masker, BYTES + 0xFF, NULL), HN_E_ARG);
    const int32_t mark = hn_tokenizer_find(tokenizer, HN_STR("[TOOL_CALLS]"));
    ck_assert_int_eq(hn_matcher_accept(m, masker, mark, NULL), HN_OK);
    ck_assert_int_eq(hn_matcher_accept(m, masker, mark, NULL), HN_E_ARG);
    ck_assert_int_eq(hn_matcher_accept(m, masker, BYTES + 'g', NULL), HN_E_ARG);
    ck_assert_int_eq(hn_matcher_accept(m, masker, BYTES + 'f', NULL), HN_OK);
    hn_matcher_destroy(m);
    hn_grammar_release(g);
    json_t *second = json_object_get(json_array_get(tools, 1), "function");
    json_object_set_new(second, "strict", json_true());
    ck_assert_int_eq(hn_answer_grammar(&spec, &g, &tool, &err), HN_OK); /* it is not to be called */
    hn_grammar_release(g);
    spec.only.p = NULL;
    ck_assert_int_eq(hn_answer_grammar(&spec, &g, &tool, &err), HN_E_UNSUPPORTED);
    ck_assert_uint_eq(tool, 1);
    ck_assert_ptr_nonnull(strstr(err.text, "#/properties/a"));
    json_decref(tools);
    stop();
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("answer_grammar");
    int n = 0;
    while (hn_answer_calls_at((size_t)n))
        n++;
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, calls_are_read_as_they_are_held, 0, n);
    tcase_add_test(tcase, what_a_spec_says);
    return run_unit("answer_grammar", tcase);
}
