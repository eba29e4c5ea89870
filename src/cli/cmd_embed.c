#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/door.h"
#include "cli/interrupt.h"
#include "cli/prompt.h"
#include "cli/terminal.h"
#include "cli/texts.h"
#include "formats/npy.h"

enum { GROUP = 64 }; /* texts computed together */

struct options {
    struct hn_texts_options texts;
    const char *file, *tokens_in, *out, *prompt_name, *prompt;
    int32_t pooling; /* -1: the model's */
    size_t dimensions;
    bool raw, json;
};

static enum hn_status take_pooling(void *field, const char *text, struct hn_error *err)
{
    enum hn_pooling pooling = HN_POOLING_NONE;
    HN_TRY(hn_pooling_from_name(text, &pooling, err));
    *(int32_t *)field = (int32_t)pooling;
    return HN_OK;
}

#define AT(field) offsetof(struct options, field)
static const struct hn_opt items[] = {
    {"pooling", 0, "KIND", HN_OPT_CALL, AT(pooling), .take = take_pooling,
     .help = "how the vectors of a text's tokens become one: mean, cls (the first), last, max, "
             "mean_sqrt, "
             "weighted, none (they stay apart), or rank (the numbers of a classifier's labels); "
             "default: "
             "as the model has it"},
    {"dimensions", 'd', "N", HN_OPT_SIZE, AT(dimensions), 1, HN_MAX_WIDTH,
     .help = "keep the first N numbers of a vector: for models that were trained so (Matryoshka)"},
    {"no-normalize", 0, NULL, HN_OPT_FLAG, AT(raw),
     .help = "leave the vectors as long as they are, instead of making their length 1"},
    {"prompt-name", 0, "NAME", HN_OPT_TEXT, AT(prompt_name),
     .help = "put the model's prompt of this name in front of each text"},
    {"prompt", 'p', "TEXT", HN_OPT_TEXT, AT(prompt),
     .help = "put this in front of each text, \"search_query: \" for one"},
    {"file", 'f', "FILE", HN_OPT_TEXT, AT(file), .help = "the texts (default: standard input)"},
    {"tokens-in", 0, "FILE.npy", HN_OPT_TEXT, AT(tokens_in),
     .help = "instead of texts, the token ids of one, from a NumPy array of integers"},
    {"out", 'o', "FILE.npy", HN_OPT_TEXT, AT(out),
     .help = "write the vectors as a NumPy array, (texts, dimensions), instead of printing them"},
    {"json", 0, NULL, HN_OPT_FLAG, AT(json), .help = "print them as JSON, with counts and times"},
};
static const struct hn_opt_group groups[] = {
    {"Options", items, HN_COUNT(items), 0},
    {"Model", hn_texts_items, HN_TEXTS_ITEMS, AT(texts)},
};
#undef AT
static const struct hn_cli_spec spec = {
    .name = "embed",
    .operands = "",
    .about = "Computes the vector of each text, one text a line: texts of like meaning have like\n"
             "vectors. Without --json or --out: a line of numbers for each.",
    .groups = groups,
    .n_groups = HN_COUNT(groups),
    .more = "  hence embed -m bge-small.gguf < texts.txt\n"
            "  hence embed -m nomic-embed.gguf -p 'search_document: ' -f texts.txt -o vectors.npy\n"
            "  echo 'how tall is it?' | hence embed -m e5-base --prompt-name query --json\n"
            "\n"
            "A text's vector does not depend on the texts beside it, nor on the threads.",
};

/* What a run collects and where it goes. */
struct work {
    const struct options *o;
    struct hn_embedder model;
    struct hn_encoding *run;
    enum hn_pooling pooling;
    struct hn_str prefix;
    size_t width; /* of what is shown of a vector */
    struct hn_texts_batch batch;
    struct hn_json_writer json;
    struct hn_buf vectors; /* for --out: header and floats */
    size_t texts, rows, tokens;
    double compute_s;
};

static void show_vector(struct work *w, float *v)
{
    hn_embedding_finish(v, w->width, !w->o->raw && w->pooling != HN_POOLING_RANK);
    w->rows++;
    if (w->o->out) {
        hn_buf_add(&w->vectors, v, w->width * sizeof *v);
        return;
    }
    if (w->o->json) hn_json_open(&w->json, NULL, '[');
    for (size_t i = 0; i < w->width; i++) {
        if (w->o->json) hn_json_put_real(&w->json, NULL, (double)v[i]);
        else printf("%s%.9g", i ? " " : "", (double)v[i]);
    }
    if (w->o->json) hn_json_close(&w->json, ']');
    else putchar('\n');
}

/* Computes what was collected and shows it. */
static enum hn_status flush(struct work *w, struct hn_error *err)
{
    if (!w->batch.n) return HN_OK;
    if (hn_interrupted()) return hn_fail(err, HN_E_CANCELLED, "stopped");
    const uint64_t start = hn_clock_ns();
    HN_TRY(hn_texts_run(&w->batch, w->run, w->pooling, err));
    w->compute_s += hn_clock_seconds(start, hn_clock_ns());
    const size_t cols = hn_encode_floats(&w->model.config, w->pooling, 1);
    for (size_t i = 0; i < w->batch.n; i++) {
        const size_t rows = w->pooling == HN_POOLING_NONE ? w->batch.items[i].n : 1;
        for (size_t r = 0; r < rows; r++)
            show_vector(w, w->batch.items[i].out + r * cols);
        w->tokens += w->batch.items[i].n;
    }
    w->texts += w->batch.n;
    hn_texts_clear(&w->batch);
    return HN_OK;
}

static enum hn_status add(struct work *w, struct hn_error *err)
{
    HN_TRY(hn_texts_add(&w->batch, &w->model.config, w->pooling, SIZE_MAX, err));
    return w->batch.n == GROUP ? flush(w, err) : HN_OK;
}

static enum hn_status embed_lines(struct work *w, struct hn_error *err)
{
    struct hn_buf text = {0};
    struct hn_str line;
    enum hn_status status =
        hn_file_read(w->o->file ? w->o->file : "-", HN_TOKENIZE_MAX_BYTES, &text, err);
    struct hn_str rest = hn_buf_view(&text);
    for (size_t n = 1; status >= 0 && hn_texts_next(&rest, &line); n++) {
        status = hn_embedder_tokens(&w->model, w->prefix, line, w->o->texts.truncate, &w->batch.ids,
                                    err);
        if (status < 0) hn_fail_in(err, status, "line %zu", n);
        if (status >= 0) status = add(w, err);
    }
    if (status >= 0) status = flush(w, err);
    hn_buf_free(&text);
    return status;
}

static enum hn_status embed_ids(struct work *w, struct hn_error *err)
{
    HN_TRY(hn_prompt_read_ids(w->o->tokens_in, &w->batch.ids, err));
    HN_TRY(add(w, err));
    return flush(w, err);
}

static void begin_json(struct work *w)
{
    hn_json_open(&w->json, NULL, '{');
    hn_json_put_text(&w->json, "model", hn_str_from(w->o->texts.model));
    hn_json_put_text(&w->json, "pooling", hn_str_from(hn_pooling_names[w->pooling]));
    hn_json_put_uint(&w->json, "dimensions", w->width);
    hn_json_open(&w->json, "embeddings", '[');
}

static enum hn_status end_json(struct work *w, struct hn_error *err)
{
    hn_json_close(&w->json, ']');
    hn_json_put_uint(&w->json, "texts", w->texts);
    hn_json_put_uint(&w->json, "tokens", w->tokens);
    hn_json_put_real(&w->json, "load_s", w->model.load_s);
    hn_json_put_real(&w->json, "compute_s", w->compute_s);
    hn_json_put_real(&w->json, "tokens_per_s",
                     w->compute_s > 0 ? (double)w->tokens / w->compute_s : 0);
    hn_json_close(&w->json, '}');
    return hn_door_print(&w->json, err);
}

/* The vectors that were kept, behind the header that tells how many. */
static enum hn_status write_vectors(struct work *w, struct hn_error *err)
{
    struct hn_buf header = {0};
    struct hn_out out = {0};
    const size_t shape[] = {w->rows, w->width};
    enum hn_status status = hn_npy_header(&header, "<f4", shape, 2);
    if (status < 0 || w->vectors.failed) status = hn_fail_nomem(err, "vectors", w->vectors.n);
    if (status >= 0) status = hn_out_open(w->o->out, &out, err);
    if (status >= 0) status = hn_out_write(&out, header.p, header.n, err);
    if (status >= 0) status = hn_out_write(&out, w->vectors.p, w->vectors.n, err);
    if (status >= 0) status = hn_out_commit(&out, err);
    hn_out_abandon(&out);
    hn_buf_free(&header);
    return status;
}

static enum hn_status embed(struct work *w, struct hn_error *err)
{
    const struct options *o = w->o;
    HN_TRY(hn_texts_open(&o->texts, &w->model, err));
    w->pooling = o->pooling < 0 ? w->model.config.pooling : (enum hn_pooling)o->pooling;
    const size_t all = hn_encode_floats(&w->model.config, w->pooling, 1);
    w->width = o->dimensions ? o->dimensions : all;
    if (w->width > all)
        return hn_fail(err, HN_E_ARG, "--dimensions %zu: the model's vectors have %zu", w->width,
                       all);
    w->prefix = hn_str_from(o->prompt ? o->prompt : "");
    if (!o->prompt) HN_TRY(hn_embedder_prompt(&w->model, o->prompt_name, &w->prefix, err));
    HN_TRY(hn_encoding_begin(w->model.encoder, w->model.backend, &w->run, err));
    if (o->json) begin_json(w);
    HN_TRY((o->tokens_in ? embed_ids : embed_lines)(w, err));
    if (o->out) HN_TRY(write_vectors(w, err));
    return o->json ? end_json(w, err) : HN_OK;
}

static enum hn_status embed_all(const struct options *o, struct hn_error *err)
{
    struct work w = {.o = o};
    hn_interrupt_catch();
    const enum hn_status status = embed(&w, err);
    hn_texts_free(&w.batch);
    hn_buf_free(&w.json.out);
    hn_buf_free(&w.vectors);
    hn_encoding_end(w.run);
    hn_embedder_close(&w.model);
    return status;
}

int hn_cmd_embed(int argc, char **argv)
{
    struct options o = {.pooling = -1};
    struct hn_operands operands;
    int status;
    if (!hn_cli_parse(&spec, argc, argv, &o, &operands, &status)) return status;
    if (!o.texts.model) return hn_cli_wrong(&spec, "name a model with -m");
    if (o.prompt && o.prompt_name)
        return hn_cli_wrong(&spec, "--prompt and --prompt-name: give one of them");
    if (!o.file && !o.tokens_in && hn_terminal_is(stdin))
        return hn_cli_wrong(&spec, "name a file with -f, or give the texts on standard input");
    struct hn_error err;
    return hn_cli_end(&spec, embed_all(&o, &err), &err);
}
