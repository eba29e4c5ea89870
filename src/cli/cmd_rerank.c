#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/door.h"
#include "cli/interrupt.h"
#include "cli/show.h"
#include "cli/terminal.h"
#include "cli/texts.h"

enum { SHOWN_BYTES = 200 };

struct options {
    struct hn_texts_options texts;
    const char *query, *file;
    size_t top;
    bool json;
};

#define AT(field) offsetof(struct options, field)
static const struct hn_opt items[] = {
    {"query", 'q', "TEXT", HN_OPT_TEXT, AT(query), .help = "what is looked for"},
    {"file", 'f', "FILE", HN_OPT_TEXT, AT(file), .help = "the documents (default: standard input)"},
    {"top", 'n', "N", HN_OPT_SIZE, AT(top), 1, INT32_MAX, .help = "only the best N (default: all)"},
    {"json", 0, NULL, HN_OPT_FLAG, AT(json), .help = "print them as JSON"},
};
static const struct hn_opt_group groups[] = {
    {"Options", items, HN_COUNT(items), 0},
    {"Model", hn_texts_items, HN_TEXTS_ITEMS, AT(texts)},
};
#undef AT
static const struct hn_cli_spec spec = {
    .name = "rerank",
    .operands = "",
    .about = "Sorts documents, one a line, by how well they answer a query: the best first, each\n"
             "with its score between 0 and 1 and its line's number, from 0. Wants a model that\n"
             "reads both together (a cross-encoder).",
    .groups = groups,
    .n_groups = HN_COUNT(groups),
    .more = "  hence rerank -m bge-reranker-base -q 'red running shoes' < products.txt\n"
            "  hence rerank -m reranker.gguf -q 'opening hours' -n 3 --json -f pages.txt\n",
};

struct document {
    struct hn_str text;
    size_t index;
    float score;
};

struct documents {
    struct document *items;
    size_t n, cap;
};

static enum hn_status add(struct documents *all, struct hn_str text, struct hn_error *err)
{
    if (all->n == all->cap) {
        const size_t cap = 2 * all->cap + 16;
        struct document *more = realloc(all->items, cap * sizeof *more);
        if (!more) return hn_fail_nomem(err, "documents", cap * sizeof *more);
        all->items = more;
        all->cap = cap;
    }
    all->items[all->n] = (struct document){.text = text, .index = all->n};
    all->n++;
    return HN_OK;
}

/* The best first, equal ones in their order. */
static int by_score(const void *a, const void *b)
{
    const struct document *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return x->index < y->index ? -1 : 1;
}

static enum hn_status score(const struct options *o, const struct hn_embedder *model,
                            struct documents *all, struct hn_texts_batch *batch,
                            struct hn_error *err)
{
    struct hn_encoding *run;
    const struct hn_str query = hn_str_from(o->query);
    const struct hn_pair_limits limits = {.truncate = o->texts.truncate};
    for (size_t i = 0; i < all->n; i++) {
        size_t n_first;
        const enum hn_status status =
            hn_embedder_pair(model, query, all->items[i].text, &limits, &batch->ids, &n_first, err);
        if (status < 0) return hn_fail_in(err, status, "line %zu", i + 1);
        HN_TRY(hn_texts_add(batch, &model->config, HN_POOLING_RANK, n_first, err));
    }
    HN_TRY(hn_encoding_begin(model->encoder, model->backend, &run, err));
    const enum hn_status status = hn_texts_run(batch, run, HN_POOLING_RANK, err);
    for (size_t i = 0; status >= 0 && i < all->n; i++)
        all->items[i].score = hn_rerank_score(batch->items[i].out, model->config.n_labels);
    hn_encoding_end(run);
    return status;
}

static enum hn_status print(const struct options *o, const struct documents *all,
                            struct hn_error *err)
{
    struct hn_json_writer w = {0};
    const size_t n = o->top ? hn_min(o->top, all->n) : all->n;
    for (size_t i = 0; i < n && !o->json; i++) {
        printf("%.6f  %5zu  ", (double)all->items[i].score, all->items[i].index);
        hn_show_quoted(stdout, all->items[i].text, SHOWN_BYTES);
        putchar('\n');
    }
    if (!o->json) return HN_OK;
    hn_json_open(&w, NULL, '{');
    hn_json_put_text(&w, "model", hn_str_from(o->texts.model));
    hn_json_open(&w, "results", '[');
    for (size_t i = 0; i < n; i++) {
        hn_json_open(&w, NULL, '{');
        hn_json_put_uint(&w, "index", all->items[i].index);
        hn_json_put_real(&w, "relevance_score", (double)all->items[i].score);
        hn_json_put_text(&w, "document", all->items[i].text);
        hn_json_close(&w, '}');
    }
    hn_json_close(&w, ']');
    hn_json_close(&w, '}');
    return hn_door_print(&w, err);
}

static enum hn_status rerank_lines(const struct options *o, struct hn_str rest,
                                   struct hn_error *err)
{
    struct hn_embedder model = {0};
    struct documents all = {0};
    struct hn_texts_batch batch = {0};
    struct hn_str line;
    enum hn_status status = hn_texts_open(&o->texts, &model, err);
    if (status >= 0) status = hn_embedder_ranks(&model, err);
    while (status >= 0 && hn_texts_next(&rest, &line))
        status = add(&all, line, err);
    if (status >= 0) status = score(o, &model, &all, &batch, err);
    if (status >= 0 && all.n) qsort(all.items, all.n, sizeof *all.items, by_score);
    if (status >= 0) status = print(o, &all, err);
    hn_texts_free(&batch);
    free(all.items);
    hn_embedder_close(&model);
    return status;
}

static enum hn_status rerank(const struct options *o, struct hn_error *err)
{
    struct hn_buf text = {0};
    hn_interrupt_catch();
    enum hn_status status =
        hn_file_read(o->file ? o->file : "-", HN_TOKENIZE_MAX_BYTES, &text, err);
    if (status >= 0) status = rerank_lines(o, hn_buf_view(&text), err);
    hn_buf_free(&text);
    return status;
}

int hn_cmd_rerank(int argc, char **argv)
{
    struct options o = {0};
    struct hn_operands operands;
    int status;
    if (!hn_cli_parse(&spec, argc, argv, &o, &operands, &status)) return status;
    if (!o.texts.model) return hn_cli_wrong(&spec, "name a model with -m");
    if (!o.query) return hn_cli_wrong(&spec, "say what is looked for with -q");
    if (!o.file && hn_terminal_is(stdin))
        return hn_cli_wrong(&spec, "name a file with -f, or give documents on standard input");
    struct hn_error err;
    return hn_cli_end(&spec, rerank(&o, &err), &err);
}
