#include "model/predictor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "model/graph/graph_predictor.h"
#include "model/trees_predictor.h"
#include "tensor/element.h"

enum { HEAD = 4096 /* bytes that are looked at */ };

/* A kind of file: told by its first bytes, opened by its own door. */
struct kind {
    bool (*is)(struct hn_str head);
    enum hn_status (*open)(const char *path, const struct hn_predictor_options *options,
                           struct hn_predictor **out, struct hn_error *err);
};

static const struct kind kinds[] = {
    {hn_trees_is, hn_trees_predictor_open},
    {hn_graph_is, hn_graph_predictor_open},
};

static const struct kind *kind_of(struct hn_str head)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].is(head)) return &kinds[i];
    return NULL;
}

bool hn_predictor_is(const char *path)
{
    char head[HEAD];
    FILE *f = fopen(path, "rbe");
    if (!f) return false;
    const size_t n = fread(head, 1, sizeof head, f); /* 0 of a directory */
    fclose(f);
    return kind_of((struct hn_str){head, n}) != NULL;
}

enum hn_status hn_predictor_open(const char *path, const struct hn_predictor_options *options,
                                 struct hn_predictor **out, struct hn_error *err)
{
    *out = NULL;
    struct hn_map map;
    HN_TRY(hn_map_open(path, &map, err));
    const struct hn_str head = {(const char *)map.data, map.size < HEAD ? map.size : HEAD};
    const struct kind *found = kind_of(head);
    hn_map_close(&map);
    if (found) return found->open(path, options, out, err);
    return hn_fail(err, HN_E_UNSUPPORTED,
                   "%s: neither ONNX, XGBoost's JSON or UBJSON, nor LightGBM's text", path);
}

void hn_predictor_close(struct hn_predictor *p)
{
    if (p) p->ops->close(p);
}

size_t hn_port_find(const struct hn_port *ports, size_t n, struct hn_str name)
{
    for (size_t i = 0; i < n; i++)
        if (hn_str_is(name, ports[i].name)) return i;
    return SIZE_MAX;
}

enum hn_status hn_predictor_explains(const struct hn_predictor_about *about, size_t *out,
                                     struct hn_error *err)
{
    if (about->unexplained)
        return hn_fail(err, HN_E_UNSUPPORTED, "this model (%s) cannot explain its predictions: %s",
                       about->kind, about->unexplained);
    *out = hn_port_find(about->outputs, about->n_outputs, HN_STR(HN_CONTRIBUTIONS));
    return HN_OK;
}

static enum hn_status find_port(const struct hn_port *ports, size_t n, const char *what,
                                struct hn_str name, size_t *out, struct hn_error *err)
{
    struct hn_buf names = {.limit = 300};
    *out = hn_port_find(ports, n, name);
    if (*out != SIZE_MAX) return HN_OK;
    for (size_t i = 0; i < n; i++)
        hn_buf_printf(&names, "%s%s", i ? ", " : "", ports[i].name);
    const enum hn_status status =
        hn_fail(err, HN_E_ARG, "the model has no %s '%.*s'; there are: %s", what, HN_FMT(name),
                names.p ? names.p : "none");
    hn_buf_free(&names);
    return status;
}

enum hn_status hn_predictor_input(const struct hn_predictor_about *about, struct hn_str name,
                                  size_t *out, struct hn_error *err)
{
    return find_port(about->inputs, about->n_inputs, "input", name, out, err);
}

enum hn_status hn_predictor_output(const struct hn_predictor_about *about, struct hn_str name,
                                   size_t *out, struct hn_error *err)
{
    if (hn_str_is(name, HN_CONTRIBUTIONS) &&
        hn_port_find(about->outputs, about->n_outputs, name) == SIZE_MAX)
        return hn_predictor_explains(about, out, err);
    return find_port(about->outputs, about->n_outputs, "output", name, out, err);
}

bool hn_port_classifies(const struct hn_port *port, const struct hn_array *out)
{
    return port->n_labels && out->n_dims == 2 && out->shape[1] == port->n_labels &&
           hn_element_is_number(out->type);
}

const char *hn_port_label(const struct hn_port *port, const struct hn_array *out, size_t row)
{
    const size_t n = port->n_labels;
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (hn_array_real(out, row * n + i) > hn_array_real(out, row * n + best)) best = i;
    return port->labels[best];
}

const struct hn_predictor_about *hn_predictor_about(const struct hn_predictor *p)
{
    return &p->about;
}

/* --- runs --- */

enum hn_status hn_prediction_begin(struct hn_predictor *p, struct hn_pool *pool,
                                   struct hn_prediction **out, struct hn_error *err)
{
    struct hn_prediction *run;
    const size_t n = p->about.n_inputs ? p->about.n_inputs : 1;
    *out = NULL;
    HN_TRY(p->ops->begin(p, pool, &run, err));
    run->predictor = p;
    run->cancel = (struct hn_cancel){0};
    run->converted = calloc(n, sizeof *run->converted);
    run->room = calloc(n, sizeof *run->room);
    run->in = calloc(n, sizeof *run->in);
    if (!run->converted || !run->room || !run->in) {
        hn_prediction_end(run);
        return hn_fail_nomem(err, "a prediction", n * sizeof *run->converted);
    }
    *out = run;
    return HN_OK;
}

void hn_prediction_end(struct hn_prediction *run)
{
    if (!run) return;
    for (size_t i = 0; run->converted && i < run->predictor->about.n_inputs; i++)
        free(run->converted[i].data);
    free(run->converted);
    free(run->room);
    free(run->in);
    run->predictor->ops->end(run);
}

static enum hn_status check_shape(const struct hn_port *port, const struct hn_array *in,
                                  struct hn_error *err)
{
    bool fits = !port->known_rank || in->n_dims == port->n_dims;
    for (size_t i = 0; port->known_rank && fits && i < port->n_dims; i++)
        fits = port->shape[i] < 0 || in->shape[i] == (size_t)port->shape[i];
    if (fits) return HN_OK;
    char is[160], wants[160];
    int at = snprintf(wants, sizeof wants, "[");
    for (size_t i = 0; i < port->n_dims && (size_t)at < sizeof wants; i++) {
        const char *comma = i ? ", " : "";
        if (port->shape[i] >= 0)
            at += snprintf(wants + at, sizeof wants - (size_t)at, "%s%" PRId64, comma,
                           port->shape[i]);
        else
            at += snprintf(wants + at, sizeof wants - (size_t)at, "%s%.20s", comma,
                           port->dim_names[i] ? port->dim_names[i] : "?");
    }
    return hn_fail(err, HN_E_ARG, "input '%s' has the shape %s, not %s]", port->name,
                   hn_shape_text(in->shape, in->n_dims, is, sizeof is), wants);
}

/* Integers wrap: what the port's type does not hold is an error. */
static enum hn_status check_kept(const struct hn_port *port, const struct hn_array *in,
                                 const struct hn_array *to, struct hn_error *err)
{
    for (size_t i = 0; i < in->n; i++) {
        const double value = hn_array_real(in, i);
        if (hn_array_real(to, i) == value) continue;
        return hn_fail(err, HN_E_ARG, "input '%s': element %zu is %g, which is no %s", port->name,
                       i, value, hn_element_info(port->type)->name);
    }
    return HN_OK;
}

static enum hn_status convert(struct hn_prediction *run, size_t i, const struct hn_array *in,
                              struct hn_error *err)
{
    const struct hn_port *port = &run->predictor->about.inputs[i];
    const bool same = in->type == port->type;
    if (!same && (!port->any_number || !hn_element_is_number(in->type)))
        return hn_fail(err, HN_E_ARG, "input '%s' is %s, not %s", port->name,
                       hn_element_info(in->type)->name, hn_element_info(port->type)->name);
    HN_TRY(check_shape(port, in, err));
    run->in[i] = in;
    if (same) return HN_OK;
    struct hn_array *to = &run->converted[i];
    const size_t bytes = in->n * hn_element_info(port->type)->bytes;
    if (bytes > run->room[i] || !to->data) {
        free(to->data);
        to->data = malloc(bytes ? bytes : 1);
        run->room[i] = to->data ? bytes : 0;
        if (!to->data) return hn_fail_nomem(err, port->name, bytes);
    }
    void *data = to->data;
    *to = *in;
    to->type = port->type;
    to->data = data;
    (void)hn_element_convert(port->type, data, in->type, in->data, in->n,
                             (struct hn_convert){.saturate = true});
    run->in[i] = to;
    return hn_element_is_integer(port->type) ? check_kept(port, in, to, err) : HN_OK;
}

enum hn_status hn_prediction_run(struct hn_prediction *run, const struct hn_array *const *in,
                                 const bool *wanted, struct hn_array *out, struct hn_error *err)
{
    const struct hn_predictor_about *about = &run->predictor->about;
    for (size_t i = 0; i < about->n_inputs; i++) {
        run->in[i] = NULL;
        if (in[i]) HN_TRY(convert(run, i, in[i], err));
        else if (!about->inputs[i].optional)
            return hn_fail(err, HN_E_ARG, "input '%s' is missing", about->inputs[i].name);
    }
    return run->predictor->ops->run(run, run->in, wanted, out, err);
}

void hn_prediction_cancel_by(struct hn_prediction *run, struct hn_cancel cancel)
{
    run->cancel = cancel;
}
