/* Templates as models ship them: a call, as each writes it into a prompt, is what an answer in its format is
 * held to, and is read back from it. Formats with a marker for each argument are held to JSON instead. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "text/answer_grammar.h"
#include "text/answer_reader.h"
#include "text/chat_prompt.h"

enum { EOS = 2, BYTES = 3 };

static const char request_text[] =
    "{\"messages\": [{\"role\": \"user\", \"content\": \"Do it.\"}, {\"role\": \"assistant\", "
    "\"content\": \"\", \"tool_calls\": [{\"id\": \"abcdefghi\", \"type\": \"function\", "
    "\"function\": "
    "{\"name\": \"f\", \"arguments\": {\"n\": 3, \"s\": \"x y\"}}}]}], \"tools\": [{\"type\": "
    "\"function\", "
    "\"function\": {\"name\": \"f\", \"description\": \"d\", \"parameters\": {\"type\": "
    "\"object\", "
    "\"properties\": {\"n\": {\"type\": \"integer\"}, \"s\": {\"type\": \"string\"}}, "
    "\"required\": [\"n\"], "
    "\"additionalProperties\": false}}}]}";

static struct hn_tokenizer *bytes_alone(void)
{
    static char names[256][8];
    struct hn_str texts[BYTES + 256] = {HN_STR("<unk>"), HN_STR("<s>"), HN_STR("</s>")};
    uint8_t types[BYTES + 256] = {HN_TOKEN_UNKNOWN, HN_TOKEN_CONTROL, HN_TOKEN_CONTROL};
    for (size_t i = 0; i < 256; i++) {
        snprintf(names[i], sizeof names[i], "<0x%02X>", (unsigned)i);
        texts[BYTES + i] = hn_str_from(names[i]);
        types[BYTES + i] = HN_TOKEN_BYTE;
    }
    struct hn_vocab_spec spec = hn_vocab_spec_init(HN_VOCAB_SPM);
    struct hn_tokenizer *tokenizer = NULL;
    spec.n = BYTES + 256;
    spec.texts = texts;
    spec.types = types;
    spec.unk = 0;
    spec.bos = 1;
    spec.eos = EOS;
    (void)hn_tokenizer_create(&spec, &tokenizer, NULL);
    return tokenizer;
}

/* Where what the text is held behind is past; the last, for prompts explain the format first. 0: nowhere. */
static size_t behind_hold(struct hn_str text, const struct hn_trigger_spec *hold)
{
    for (size_t at = text.n; at > 0 && !hn_str_ends((struct hn_str){text.p, at}, HN_STR("Do it."));
         at--)
        for (size_t i = 0; i < HN_TRIGGER_TEXTS && hold->texts[i].n; i++)
            if (hn_str_ends((struct hn_str){text.p, at}, hold->texts[i])) return at;
    return 0;
}

/* *whole: the answer may go on with the text, or a part of it, and then end. */
static void accept(struct hn_grammar *grammar, struct hn_masker *masker, struct hn_str text,
                   bool *whole)
{
    struct hn_matcher *m;
    size_t n = 0;
    *whole = false;
    if (hn_matcher_create(grammar, &m, NULL) < 0) return;
    while (n < text.n &&
           hn_matcher_accept(m, masker, BYTES + (unsigned char)text.p[n], NULL) == HN_OK) {
        *whole |= hn_matcher_may_end(m);
        n++;
    }
    hn_matcher_destroy(m);
}

static void hear(void *ctx, const struct hn_answer_event *event)
{
    struct hn_buf *out = ctx;
    if (event->kind == HN_ANSWER_CALL) hn_buf_printf(out, "%s", event->name);
    if (event->kind == HN_ANSWER_ARGUMENTS) hn_buf_str(out, event->text);
}

static bool reads_back(struct hn_answer_format format, const json_t *tools, struct hn_str text)
{
    struct hn_buf out = {0};
    struct hn_answer *answer;
    const struct hn_answer_params params = {
        .format = {format.calls, NULL}, .tools = tools, .event = hear, .ctx = &out};
    if (hn_answer_create(&params, &answer, NULL) < 0) return false;
    (void)hn_answer_push(answer, text);
    (void)hn_answer_finish(answer);
    hn_answer_destroy(answer);
    json_t *value = NULL;
    const struct hn_str heard = hn_buf_view(&out);
    const bool ok =
        heard.n > 1 && heard.p[0] == 'f' &&
        hn_json_parse((struct hn_str){heard.p + 1, heard.n - 1}, "it", &value, NULL) >= 0 &&
        json_integer_value(json_object_get(value, "n")) == 3 &&
        hn_str_is(hn_json_str(json_object_get(value, "s")), "x y");
    json_decref(value);
    hn_buf_free(&out);
    return ok;
}

/* 1: all is well; 0: nothing could be shown; -1: it is not. */
static int check(const char *path, const json_t *request, const struct hn_tokenizer *tokenizer,
                 struct hn_masker *masker)
{
    struct hn_error err = {.text = ""};
    struct hn_map map;
    struct hn_chat *chat = NULL;
    struct hn_buf prompt = {0};
    struct hn_trigger_spec hold;
    struct hn_grammar *grammar = NULL;
    int result = 0;
    if (hn_map_open(path, &map, &err) < 0) return -1;
    const struct hn_str source = {(const char *)map.data, map.size};
    const char *why = "the template takes no such chat";
    if (hn_chat_create(source, (struct hn_str){0}, "template", tokenizer, &chat, &err) < 0 ||
        hn_chat_prompt(chat, request, NULL, &prompt, &err) < 0)
        goto done;
    const struct hn_answer_format format = hn_chat_format(chat);
    why = "plain JSON";
    if (!format.calls || !format.calls->first) goto done;
    hn_answer_hold(format.calls, &hold);
    const struct hn_str text = hn_buf_view(&prompt);
    const size_t at = behind_hold(text, &hold);
    why = "it shows no call";
    if (!at) goto done;
    size_t tool, begin = at - hold.texts[0].n;
    bool whole;
    const struct hn_calls_spec spec = {
        .format = format.calls, .tools = json_object_get(request, "tools"), .behind = true};
    result = -1;
    why = err.text;
    if (hn_answer_grammar(&spec, &grammar, &tool, &err) < 0) goto done;
    accept(grammar, masker, (struct hn_str){text.p + at, text.n - at}, &whole);
    why = "what is written is not what is held to";
    if (!whole && !format.calls->parts) goto done;
    why = "what is written is not read back";
    if (format.calls->channels) begin = at - strlen("to=functions.");
    if (!reads_back(format, spec.tools, (struct hn_str){text.p + begin, text.n - begin})) goto done;
    why = whole ? "held to as written" : "held to JSON for its arguments";
    result = 1;
done:
    printf("%-9s %s: %s\n", result < 0 ? "WRONG" : result ? "good" : "-", path, why);
    if (result < 0 && prompt.n) printf("%s\n", prompt.p);
    hn_grammar_release(grammar);
    hn_buf_free(&prompt);
    hn_chat_destroy(chat);
    hn_map_close(&map);
    return result;
}

int main(int argc, char **argv)
{
    DIR *dir = argc > 1 ? opendir(argv[1]) : NULL;
    if (!dir) {
        printf("skipped: no folder of templates\n");
        return 77;
    }
    json_t *request = json_loads(request_text, 0, NULL);
    struct hn_tokenizer *tokenizer = bytes_alone();
    struct hn_masker *masker = NULL;
    unsigned good = 0, bad = 0;
    if (!request || !tokenizer || hn_masker_create(tokenizer, HN_MASKER_MEMORY, &masker, NULL) < 0)
        return EXIT_FAILURE;
    for (const struct dirent *e; (e = readdir(dir));) {
        char path[4096];
        if (!strstr(e->d_name, ".jinja")) continue;
        snprintf(path, sizeof path, "%s/%s", argv[1], e->d_name);
        const int result = check(path, request, tokenizer, masker);
        good += result > 0;
        bad += result < 0;
    }
    closedir(dir);
    hn_masker_destroy(masker);
    hn_tokenizer_destroy(tokenizer);
    json_decref(request);
    printf("%u good, %u bad\n", good, bad);
    return good && !bad ? EXIT_SUCCESS : EXIT_FAILURE;
}
