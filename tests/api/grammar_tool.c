/* Writes random texts under the masks of JSON schemas, for others to validate.
 *
 *     grammar_tool MODEL.gguf TEXTS < schemas
 *
 * A line of input is a schema. A line of output is an array of TEXTS texts, or a string: why the schema
 * is refused. Tokens are drawn from the model's vocabulary as if all were likely, those that end things
 * a little more, and more the longer a text gets; one that does not end is null. */
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/rng.h"
#include "formats/gguf.h"
#include "model/vocab_load.h"
#include "text/grammar_mask.h"
#include "text/json_write.h"

enum { MOST = 1500, LONG = 60 };

struct tool {
    struct hn_tokenizer *tokenizer;
    struct hn_masker *masker;
    int32_t *ids;
    uint64_t counter;
};

static uint32_t draw(struct tool *t)
{
    uint32_t out[4];
    hn_philox(1, t->counter++, 0, out);
    return out[0];
}

/* Whether a token closes something, or leads there. */
static bool closes(const struct tool *t, int32_t id)
{
    const struct hn_str piece = hn_tokenizer_piece(t->tokenizer, id);
    return hn_tokenizer_is_eog(t->tokenizer, id) || (piece.n && strchr("\"}]", piece.p[0]));
}

static enum hn_status next_token(struct tool *t, struct hn_matcher *m, unsigned at, int32_t *id,
                                 struct hn_error *err)
{
    const uint32_t *mask;
    size_t n = 0, n_closing = 0;
    HN_TRY(hn_matcher_mask(m, t->masker, &mask, err));
    for (size_t i = 0; i < hn_tokenizer_size(t->tokenizer); i++) {
        if (!(mask[i / 32] >> (i % 32) & 1)) continue;
        t->ids[n++] = (int32_t)i;
        if (!closes(t, (int32_t)i)) continue;
        t->ids[n - 1] = t->ids[n_closing];
        t->ids[n_closing++] = (int32_t)i;
    }
    if (!n) return hn_fail(err, HN_E_INTERNAL, "no token may come next");
    if (n_closing && (at > LONG || draw(t) % 5 == 0)) n = n_closing;
    *id = t->ids[draw(t) % n];
    return hn_matcher_accept(m, t->masker, *id, err);
}

static enum hn_status write_text(struct tool *t, struct hn_grammar *g, struct hn_json_writer *w,
                                 struct hn_error *err)
{
    struct hn_matcher *m;
    struct hn_buf text = {0};
    enum hn_status status = hn_matcher_create(g, &m, err);
    int32_t id = 0;
    unsigned at = 0;
    for (; status >= 0 && at < MOST; at++) {
        status = next_token(t, m, at, &id, err);
        if (hn_tokenizer_is_eog(t->tokenizer, id)) break;
        hn_buf_str(&text, hn_tokenizer_piece(t->tokenizer, id));
    }
    if (status >= 0 && at < MOST) hn_json_put_text(w, NULL, hn_buf_view(&text));
    else if (status >= 0) hn_json_put_null(w, NULL);
    hn_buf_free(&text);
    hn_matcher_destroy(m);
    return status;
}

static enum hn_status answer(struct tool *t, struct hn_str line, int texts, struct hn_error *err)
{
    json_t *schema;
    struct hn_grammar *g;
    struct hn_json_writer w = {0};
    HN_TRY(hn_json_parse(line, "schema", &schema, err));
    enum hn_status status = hn_grammar_json_schema(schema, &g, err);
    hn_json_open(&w, NULL, '[');
    for (int i = 0; i < texts && status >= 0; i++)
        status = write_text(t, g, &w, err);
    hn_json_close(&w, ']');
    if (status >= 0) printf("%.*s\n", (int)w.out.n, w.out.p);
    hn_buf_free(&w.out);
    hn_grammar_release(g);
    json_decref(schema);
    return status;
}

static enum hn_status open_tool(struct tool *t, const char *path, struct hn_error *err)
{
    struct hn_gguf *file;
    HN_TRY(hn_gguf_open(path, &file, err));
    const enum hn_status status =
        hn_tokenizer_load(&file->meta, (struct hn_str){0}, &t->tokenizer, err);
    hn_gguf_close(file);
    HN_TRY(status);
    t->ids = calloc(hn_tokenizer_size(t->tokenizer), sizeof *t->ids);
    if (!t->ids) return hn_fail_nomem(err, "ids", 0);
    return hn_masker_create(t->tokenizer, HN_MASKER_MEMORY, &t->masker, err);
}

int main(int argc, char **argv)
{
    struct tool t = {0};
    struct hn_error err = {.text = ""};
    char *line = NULL;
    size_t cap = 0;
    if (argc != 3 || open_tool(&t, argv[1], &err) < 0) {
        fprintf(stderr, "grammar_tool: %s\n", err.text);
        return EXIT_FAILURE;
    }
    for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
        struct hn_json_writer w = {0};
        const struct hn_str source = {line, (size_t)n};
        if (answer(&t, source, atoi(argv[2]), &err) >= 0) continue;
        hn_json_put_text(&w, NULL, hn_str_from(err.text));
        printf("%.*s\n", (int)w.out.n, w.out.p);
        hn_buf_free(&w.out);
    }
    free(line);
    free(t.ids);
    hn_masker_destroy(t.masker);
    hn_tokenizer_destroy(t.tokenizer);
    return EXIT_SUCCESS;
}
