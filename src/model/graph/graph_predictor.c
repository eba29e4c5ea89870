#include "model/graph/graph_predictor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/graph/graph.h"
#include "tensor/element.h"

struct predictor {
    struct hn_predictor base;
    struct hn_graph *graph;
    struct hn_arena arena; /* of the ports */
};

struct prediction {
    struct hn_prediction base;
    struct hn_run *run;
    struct hn_value *in, *out;
};

bool hn_graph_is(struct hn_str head)
{
    return hn_onnx_sniff(head);
}

/* --- the model --- */

static void close_predictor(struct hn_predictor *base)
{
    struct predictor *p = (struct predictor *)base;
    hn_graph_close(p->graph);
    hn_arena_free(&p->arena);
    free(p);
}

static enum hn_status copy_labels(struct predictor *p, const struct hn_column_labels *from,
                                  struct hn_port *port, struct hn_error *err)
{
    if (!from->n) return HN_OK;
    const char **labels = hn_arena_alloc(&p->arena, from->n, sizeof *labels);
    for (size_t i = 0; labels && i < from->n; i++) {
        char text[24];
        struct hn_str label = {text, 0};
        if (from->texts) label = from->texts[i];
        else label.n = (size_t)snprintf(text, sizeof text, "%" PRId64, from->numbers[i]);
        labels[i] = hn_arena_str(&p->arena, label).p;
        if (!labels[i]) labels = NULL;
    }
    if (!labels) return hn_fail_nomem(err, "labels", from->n * sizeof *labels);
    port->labels = labels;
    port->n_labels = from->n;
    return HN_OK;
}

static enum hn_status fill_port(struct predictor *p, const struct hn_onnx_value *value,
                                struct hn_port *port, struct hn_error *err)
{
    const struct hn_onnx_type *type = &value->type;
    port->name = hn_arena_str(&p->arena, value->name).p;
    if (!port->name) return hn_fail_nomem(err, "a name", value->name.n);
    port->type = HN_EL_F32;
    if (type->kind == HN_ONNX_IS_OPTIONAL && type->inner) {
        port->optional = true;
        type = type->inner;
    }
    if (type->kind != HN_ONNX_IS_TENSOR && type->kind != HN_ONNX_NO_KIND)
        return hn_fail(err, HN_E_UNSUPPORTED, "'%.*s' is no tensor", HN_FMT(value->name));
    if (type->known_element) port->type = type->element;
    /* Neither NumPy nor a protocol has these: they come as wider ones. */
    port->any_number = hn_element_is_number(port->type) && !*hn_element_info(port->type)->descr;
    port->known_rank = type->known_rank;
    port->n_dims = type->n_dims;
    for (size_t i = 0; i < type->n_dims; i++) {
        port->shape[i] = type->shape[i];
        if (type->dim_names[i].n == 0) continue;
        port->dim_names[i] = hn_arena_str(&p->arena, type->dim_names[i]).p;
        if (!port->dim_names[i]) return hn_fail_nomem(err, "a name", type->dim_names[i].n);
    }
    return HN_OK;
}

static enum hn_status describe(struct predictor *p, struct hn_error *err)
{
    const size_t n_in = hn_graph_inputs(p->graph), n_out = hn_graph_outputs(p->graph);
    struct hn_port *in = hn_arena_alloc(&p->arena, n_in, sizeof *in);
    struct hn_port *out = hn_arena_alloc(&p->arena, n_out, sizeof *out);
    if (!in || !out) return hn_fail_nomem(err, "inputs and outputs", (n_in + n_out) * sizeof *in);
    for (size_t i = 0; i < n_in; i++) {
        HN_TRY(fill_port(p, hn_graph_input(p->graph, i), &in[i], err));
        HN_TRY(copy_labels(p, hn_graph_input_labels(p->graph, i), &in[i], err));
        in[i].keyed = in[i].labels;
    }
    for (size_t i = 0; i < n_out; i++) {
        HN_TRY(fill_port(p, hn_graph_output(p->graph, i), &out[i], err));
        HN_TRY(copy_labels(p, hn_graph_output_labels(p->graph, i), &out[i], err));
    }
    p->base.about = (struct hn_predictor_about){.kind = "onnx",
                                                .inputs = in,
                                                .outputs = out,
                                                .n_inputs = n_in,
                                                .n_outputs = n_out,
                                                .stacks = hn_graph_stacks(p->graph),
                                                .unexplained = "only trees can",
                                                .bytes = hn_graph_bytes(p->graph)};
    return HN_OK;
}

/* --- its runs --- */

static void end(struct hn_prediction *base)
{
    struct prediction *run = (struct prediction *)base;
    hn_run_destroy(run->run);
    free(run->in);
    free(run->out);
    free(run);
}

static enum hn_status begin(struct hn_predictor *base, struct hn_pool *pool,
                            struct hn_prediction **out, struct hn_error *err)
{
    struct predictor *p = (struct predictor *)base;
    struct prediction *run = calloc(1, sizeof *run);
    if (!run) return hn_fail_nomem(err, "a prediction", sizeof *run);
    run->in = calloc(p->base.about.n_inputs + 1, sizeof *run->in);
    run->out = calloc(p->base.about.n_outputs + 1, sizeof *run->out);
    enum hn_status status = HN_OK;
    if (!run->in || !run->out) status = hn_fail_nomem(err, "a prediction", sizeof *run->in);
    if (status >= 0) status = hn_run_create(p->graph, pool, &run->run, err);
    if (status < 0) {
        end(&run->base);
        return status;
    }
    *out = &run->base;
    return HN_OK;
}

static enum hn_status go(struct hn_prediction *base, const struct hn_array *const *in,
                         const bool *wanted, struct hn_array *out, struct hn_error *err)
{
    struct prediction *run = (struct prediction *)base;
    const struct hn_predictor_about *about = &base->predictor->about;
    (void)wanted; /* one pass makes them all */
    for (size_t i = 0; i < about->n_inputs; i++) {
        run->in[i].kind = in[i] ? HN_VALUE_TENSOR : HN_VALUE_NONE;
        if (in[i]) run->in[i].array = *in[i];
    }
    HN_TRY(hn_run_go(run->run, run->in, run->out, &base->cancel, err));
    for (size_t i = 0; i < about->n_outputs; i++) {
        if (run->out[i].kind != HN_VALUE_TENSOR)
            return hn_fail(err, HN_E_UNSUPPORTED, "output '%s' is no tensor",
                           about->outputs[i].name);
        out[i] = run->out[i].array;
    }
    return HN_OK;
}

enum hn_status hn_graph_predictor_open(const char *path, const struct hn_predictor_options *options,
                                       struct hn_predictor **out, struct hn_error *err)
{
    static const struct hn_predictor_ops ops = {close_predictor, begin, end, go};
    struct predictor *p = calloc(1, sizeof *p);
    if (!p) return hn_fail_nomem(err, "a model", sizeof *p);
    p->base.ops = &ops;
    enum hn_status status = hn_graph_open(path, options, &p->graph, err);
    if (status >= 0) status = describe(p, err);
    if (status < 0) {
        close_predictor(&p->base);
        return status;
    }
    *out = &p->base;
    return HN_OK;
}
