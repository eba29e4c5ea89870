#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "cli/commands.h"
#include "cli/door.h"
#include "cli/options.h"
#include "cli/predict_session.h"

static enum hn_status take_input(void *field, const char *text, struct hn_error *err)
{
    struct hn_predict_options *o = field;
    if (o->n_inputs == HN_PREDICT_MAX_INPUTS)
        return hn_fail(err, HN_E_LIMIT, "there may be %d of them", HN_PREDICT_MAX_INPUTS);
    o->inputs[o->n_inputs++] = text;
    return HN_OK;
}

#define AT(field) offsetof(struct hn_predict_options, field)
static const struct hn_opt items[] = {
    {"model", 'm', "FILE", HN_OPT_TEXT, AT(model),
     .help = "ONNX, XGBoost (JSON or UBJSON), or LightGBM (text)"},
    {"in", 'i', "[NAME=]FILE.npy", HN_OPT_CALL, 0, .take = take_input,
     .help = "an input as a NumPy array; those without a name are taken in the model's order"},
    {"out-dir", 'o', "DIR", HN_OPT_TEXT, AT(out_dir),
     .help = "write each output as DIR/NAME.npy (default: show them)"},
    {"csv", 0, "FILE", HN_OPT_TEXT, AT(csv),
     .help = "a table instead of arrays: columns by the names in its first line, - is standard "
             "input; what is empty is missing"},
    {"out", 0, "FILE", HN_OPT_TEXT, AT(out),
     .help = "where the table of predictions goes (default: standard output)"},
    {"keep", 0, "NAME,...", HN_OPT_TEXT, AT(keep),
     .help = "columns that are no inputs and go into that table as they are"},
    {"outputs", 0, "NAME,...", HN_OPT_TEXT, AT(outputs),
     .help = "which outputs (default: all but those on request; trees have margin and "
             "contributions on request)"},
    {"threads", 't', "N", HN_OPT_SIZE, AT(threads), 1, HN_POOL_MAX_THREADS,
     .help = "worker threads (default: all cores)"},
    {"json", 0, NULL, HN_OPT_FLAG, AT(json),
     .help = "names, types, shapes and times as JSON, on standard output"},
};
#undef AT
static const struct hn_opt_group groups[] = {{"Options", items, HN_COUNT(items), 0}};
static const struct hn_cli_spec spec = {
    .name = "predict",
    .operands = "",
    .about =
        "Runs a model that is one function of its inputs, trees or a graph, on NumPy arrays or a\n"
        "table. hence inspect shows the inputs and outputs of a model.",
    .groups = groups,
    .n_groups = HN_COUNT(groups),
    .more =
        "  hence predict -m model.onnx --in input.npy --out-dir out\n"
        "  hence predict -m model.onnx --in ids=ids.npy --in mask=mask.npy --out-dir out --json\n"
        "  hence predict -m segments.json --csv customers.csv --out segments.csv\n"
        "  hence predict -m segments.json --csv customers.csv --outputs contributions\n"
        "\n"
        "In the name of a file, characters of an output's name other than letters, digits, '.', "
        "'_'\n"
        "and '-' become '_'. Types that NumPy lacks are written as float32 or int8, and taken so "
        "as\n"
        "inputs; texts are unicode arrays.",
};

/* --- the model --------------------------------------------------------------------------------- */

static enum hn_status want(struct hn_predict_session *s, const char *list, struct hn_error *err)
{
    for (size_t i = 0; !list && i < s->about->n_outputs; i++)
        s->wanted[i] = !s->about->outputs[i].on_request;
    for (const char *at = list; at && *at;) {
        const struct hn_str name = {at, strcspn(at, ",")};
        size_t i;
        HN_TRY(hn_predictor_output(s->about, name, &i, err));
        s->wanted[i] = true;
        at += name.n + (at[name.n] == ',');
    }
    return HN_OK;
}

static enum hn_status open_session(const struct hn_predict_options *o, struct hn_predict_session *s,
                                   struct hn_error *err)
{
    const uint64_t start = hn_clock_ns();
    const struct hn_predictor_options options = {.cpu = getenv("HENCE_CPU")};
    const unsigned threads = o->threads ? (unsigned)o->threads : hn_cpu_count();
    HN_TRY(hn_predictor_open(o->model, &options, &s->predictor, err));
    s->about = hn_predictor_about(s->predictor);
    s->wanted = calloc(s->about->n_outputs + 1, sizeof *s->wanted);
    s->out = calloc(s->about->n_outputs + 1, sizeof *s->out);
    if (!s->wanted || !s->out) return hn_fail_nomem(err, "outputs", s->about->n_outputs);
    HN_TRY(want(s, o->outputs, err));
    if (threads > 1) HN_TRY(hn_pool_create(threads, &s->pool, err));
    HN_TRY(hn_prediction_begin(s->predictor, s->pool, &s->run, err));
    s->load_s = hn_clock_seconds(start, hn_clock_ns());
    return HN_OK;
}

static void close_session(struct hn_predict_session *s)
{
    hn_prediction_end(s->run);
    hn_pool_destroy(s->pool);
    hn_predictor_close(s->predictor);
    free(s->wanted);
    free(s->out);
}

enum hn_status hn_predict_go(struct hn_predict_session *s, const struct hn_array *const *in,
                             struct hn_error *err)
{
    const uint64_t start = hn_clock_ns();
    HN_TRY(hn_prediction_run(s->run, in, s->wanted, s->out, err));
    s->run_s += hn_clock_seconds(start, hn_clock_ns());
    return HN_OK;
}

void hn_predict_put_array(struct hn_json_writer *w, const char *name, const struct hn_array *a)
{
    hn_json_open(w, NULL, '{');
    hn_json_put_text(w, "name", hn_str_from(name));
    hn_json_put_text(w, "type", hn_str_from(hn_element_info(a->type)->name));
    hn_json_open(w, "shape", '[');
    for (size_t i = 0; i < a->n_dims; i++)
        hn_json_put_uint(w, NULL, a->shape[i]);
    hn_json_close(w, ']');
}

/* --- the command ------------------------------------------------------------------------------- */

static enum hn_status predict(const struct hn_predict_options *o, struct hn_predict_session *s,
                              struct hn_error *err)
{
    struct hn_json_writer w = {0};
    HN_TRY(open_session(o, s, err));
    hn_json_open(&w, NULL, '{');
    hn_json_put_text(&w, "model", hn_str_from(o->model));
    hn_json_put_text(&w, "kind", hn_str_from(s->about->kind));
    hn_json_put_uint(&w, "threads", s->pool ? hn_pool_threads(s->pool) : 1);
    enum hn_status status =
        o->csv ? hn_predict_csv(o, s, &w, err) : hn_predict_arrays(o, s, &w, err);
    hn_json_put_real(&w, "load_s", s->load_s);
    hn_json_put_real(&w, "run_s", s->run_s);
    hn_json_close(&w, '}');
    if (status >= 0 && o->json) return hn_door_print(&w, err);
    hn_buf_free(&w.out);
    return status;
}

int hn_cmd_predict(int argc, char **argv)
{
    struct hn_predict_options o = {0};
    struct hn_predict_session s = {0};
    struct hn_operands operands;
    struct hn_error err;
    int status;
    if (!hn_cli_parse(&spec, argc, argv, &o, &operands, &status)) return status;
    if (!o.model) return hn_cli_wrong(&spec, "name a model with -m");
    if (o.csv && (o.n_inputs || o.out_dir))
        return hn_cli_wrong(&spec, "--csv takes the place of --in and --out-dir");
    if (!o.csv && (o.keep || o.out)) return hn_cli_wrong(&spec, "--keep and --out go with --csv");
    if (o.csv && !o.out && o.json)
        return hn_cli_wrong(&spec, "with --json the table needs another place: --out FILE");
    const enum hn_status result = predict(&o, &s, &err);
    close_session(&s);
    return hn_cli_end(&spec, result, &err);
}
