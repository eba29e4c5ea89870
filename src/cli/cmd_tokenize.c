#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/door.h"
#include "cli/options.h"
#include "cli/show.h"
#include "text/detokenize.h"
#include "text/json_write.h"

struct options {
    const char *model, *file;
    bool ids, detokenize, no_special, json;
};

static const struct hn_opt items[] = {
    HN_OPT_MODEL(struct options, model),
    {"file", 'f', "FILE", HN_OPT_TEXT, offsetof(struct options, file),
     .help = "read this file instead of standard input"},
    {"ids", 0, NULL, HN_OPT_FLAG, offsetof(struct options, ids),
     .help = "print the ids on one line, separated by spaces"},
    {"json", 0, NULL, HN_OPT_FLAG, offsetof(struct options, json),
     .help = "print ids and pieces as JSON"},
    {"detokenize", 'd', NULL, HN_OPT_FLAG, offsetof(struct options, detokenize),
     .help = "read ids, print the text they stand for"},
    {"no-special", 0, NULL, HN_OPT_FLAG, offsetof(struct options, no_special),
     .help = "the text as such: put no token around it, take the names of control tokens for text; "
             "with --detokenize leave control tokens out"},
};
static const struct hn_opt_group groups[] = {{"Options", items, HN_COUNT(items), 0}};
static const struct hn_cli_spec spec = {
    .name = "tokenize",
    .operands = "",
    .about = "Reads text and prints the tokens that the model sees, with the tokens that it wants\n"
             "around a text. Without --ids or --json: a line for each token, id and piece.",
    .groups = groups,
    .n_groups = HN_COUNT(groups),
    .more = "  hence tokenize -m model.gguf --ids < text.txt > ids.txt\n"
            "  hence tokenize -m model.gguf --detokenize < ids.txt     # text.txt again\n"
            "  printf 'hello' | hence tokenize -m model.gguf\n"
            "\n"
            "Files that hold a vocabulary alone will do.",
};

/* Numbers, with anything that JSON or a shell would put between them. */
static enum hn_status read_ids(struct hn_str text, size_t vocabulary, struct hn_tokens *out,
                               struct hn_error *err)
{
    static const char between[] = " \t\r\n,[]";
    /* hn_file_read ends its text with a NUL; one inside would end it early. */
    if (text.n != strlen(text.p)) return hn_fail(err, HN_E_FORMAT, "a NUL among the ids");
    for (const char *p = text.p + strspn(text.p, between); *p; p += strspn(p, between)) {
        char *end;
        errno = 0;
        const long id = strtol(p, &end, 10);
        if (end == p || (*end && !strchr(between, *end)) || errno || id < 0 ||
            (size_t)id >= vocabulary)
            return hn_fail(err, HN_E_ARG, "%.*s at byte %zu is no token id: give 0 to %zu",
                           (int)hn_min(strcspn(p, between), 40), p, (size_t)(p - text.p),
                           vocabulary - 1);
        if (hn_tokens_add(out, (int32_t)id) < 0)
            return hn_fail_nomem(err, "ids", out->n * sizeof *out->ids);
        p = end;
    }
    return HN_OK;
}

/* How many of the ids are what the tokenizer puts before a text, and after it. */
static enum hn_status find_frame(const struct hn_tokenizer *tokenizer, const struct hn_tokens *ids,
                                 size_t *head, size_t *tail, struct hn_error *err)
{
    struct hn_tokens bare = {0}, framed = {0};
    enum hn_status status = hn_tokenize(tokenizer, HN_STR("a"), 0, &bare, err);
    if (status >= 0)
        status = hn_tokenize(tokenizer, HN_STR("a"), HN_TOKENIZE_ADD_SPECIAL, &framed, err);
    *head = *tail = 0;
    size_t before = 0;
    const size_t extra = framed.n > bare.n ? framed.n - bare.n : 0;
    while (before < extra && bare.n && framed.ids[before] != bare.ids[0])
        before++;
    if (before <= ids->n &&
        (before == 0 || !memcmp(ids->ids, framed.ids, before * sizeof(int32_t))))
        *head = before;
    const size_t after = extra - before;
    if (after && *head + after <= ids->n &&
        !memcmp(ids->ids + ids->n - after, framed.ids + framed.n - after, after * sizeof(int32_t)))
        *tail = after;
    hn_tokens_free(&bare);
    hn_tokens_free(&framed);
    return status;
}

static enum hn_status print_text(const struct options *o, const struct hn_tokenizer *tokenizer,
                                 struct hn_str input, struct hn_error *err)
{
    struct hn_tokens ids = {0};
    struct hn_buf text = {0};
    struct hn_detokenizer state = {0};
    size_t head = 0, tail = 0;
    enum hn_status status = read_ids(input, hn_tokenizer_size(tokenizer), &ids, err);
    if (status >= 0 && !o->no_special) status = find_frame(tokenizer, &ids, &head, &tail, err);
    const unsigned flags = o->no_special ? 0 : HN_DETOKENIZE_SPECIAL;
    for (size_t i = head; status >= 0 && i < ids.n - tail; i++)
        status = hn_detokenize(tokenizer, &state, ids.ids[i], flags, &text);
    if (status >= 0) {
        status = hn_detokenize_finish(&state, &text);
        if (status < 0) hn_fail_nomem(err, "text", text.n);
    }
    if (status >= 0 && o->json) {
        struct hn_json_writer w = {0};
        hn_json_open(&w, NULL, '{');
        hn_json_put_text(&w, "text", hn_buf_view(&text));
        hn_json_close(&w, '}');
        status = hn_door_print(&w, err);
    } else if (status >= 0) {
        fwrite(text.p, 1, text.n, stdout);
    }
    hn_tokens_free(&ids);
    hn_buf_free(&text);
    return status;
}

static void print_listing(const struct hn_tokenizer *tokenizer, const struct hn_tokens *ids)
{
    for (size_t i = 0; i < ids->n; i++) {
        const int32_t id = ids->ids[i];
        printf("%7d  ", id);
        if (hn_tokenizer_is_control(tokenizer, id)) {
            hn_show_quoted(stdout, hn_tokenizer_text(tokenizer, id), 200);
            fputs("  control", stdout);
        } else {
            hn_show_quoted(stdout, hn_tokenizer_piece(tokenizer, id), 200);
        }
        putchar('\n');
    }
}

static enum hn_status print_json(const struct hn_tokenizer *tokenizer, const struct hn_tokens *ids,
                                 struct hn_error *err)
{
    struct hn_json_writer w = {0};
    hn_json_open(&w, NULL, '{');
    hn_json_put_uint(&w, "count", ids->n);
    hn_json_open(&w, "ids", '[');
    for (size_t i = 0; i < ids->n; i++)
        hn_json_put_int(&w, NULL, ids->ids[i]);
    hn_json_close(&w, ']');
    hn_json_open(&w, "pieces", '[');
    for (size_t i = 0; i < ids->n; i++)
        hn_json_put_text(&w, NULL,
                         hn_tokenizer_is_control(tokenizer, ids->ids[i])
                             ? hn_tokenizer_text(tokenizer, ids->ids[i])
                             : hn_tokenizer_piece(tokenizer, ids->ids[i]));
    hn_json_close(&w, ']');
    hn_json_close(&w, '}');
    return hn_door_print(&w, err);
}

static enum hn_status print_tokens(const struct options *o, const struct hn_tokenizer *tokenizer,
                                   struct hn_str input, struct hn_error *err)
{
    struct hn_tokens ids = {0};
    const unsigned flags = o->no_special ? 0 : HN_TOKENIZE_ADD_SPECIAL | HN_TOKENIZE_PARSE_SPECIAL;
    enum hn_status status = hn_tokenize(tokenizer, input, flags, &ids, err);
    if (status >= 0 && o->json) {
        status = print_json(tokenizer, &ids, err);
    } else if (status >= 0 && o->ids) {
        for (size_t i = 0; i < ids.n; i++)
            printf("%s%d", i ? " " : "", ids.ids[i]);
        putchar('\n');
    } else if (status >= 0) {
        print_listing(tokenizer, &ids);
    }
    hn_tokens_free(&ids);
    return status;
}

static enum hn_status tokenize(const struct options *o, struct hn_error *err)
{
    struct hn_gguf *file;
    struct hn_tokenizer *tokenizer = NULL;
    struct hn_buf input = {0};
    HN_TRY(hn_door_open(o->model, &file, err));
    enum hn_status status = hn_door_tokenizer(file, o->model, &tokenizer, err);
    hn_gguf_close(file);
    if (status >= 0)
        status = hn_file_read(o->file ? o->file : "-", HN_TOKENIZE_MAX_BYTES, &input, err);
    if (status >= 0)
        status =
            (o->detokenize ? print_text : print_tokens)(o, tokenizer, hn_buf_view(&input), err);
    hn_buf_free(&input);
    hn_tokenizer_destroy(tokenizer);
    return status;
}

int hn_cmd_tokenize(int argc, char **argv)
{
    struct options o = {0};
    struct hn_operands operands;
    int status;
    if (!hn_cli_parse(&spec, argc, argv, &o, &operands, &status)) return status;
    if (o.detokenize && o.ids)
        return hn_cli_wrong(&spec, "--ids prints ids, --detokenize reads them: give one of them");
    struct hn_error err;
    return hn_cli_end(&spec, tokenize(&o, &err), &err);
}
