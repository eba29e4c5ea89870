#include "model/trees_predictor.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/file.h"
#include "model/trees.h"
#include "model/trees_lightgbm.h"
#include "model/trees_xgboost.h"

enum { PREDICTIONS, MARGIN, LEAF, CONTRIBUTIONS, OUTPUTS };
enum { CHUNK_ROWS = 1 << 14 }; /* between looks at whether the run is cancelled */

struct predictor {
    struct hn_predictor base;
    const struct hn_kernels *kernels;
    struct hn_trees *trees;
    struct hn_trees_link link;
    size_t average_over; /* sums are divided by it before the link */
    size_t n_features, n_targets, n_trees;
    bool wide;
    struct hn_port input, outputs[OUTPUTS];
    struct hn_arena arena; /* of the names */
};

struct prediction {
    struct hn_prediction base;
    struct hn_trees_run *run;
    struct hn_buf room[OUTPUTS];
};

static bool is_lightgbm(struct hn_str head)
{
    return hn_str_starts(head, HN_STR("tree\n")) || hn_str_starts(head, HN_STR("tree\r\n"));
}

bool hn_trees_is(struct hn_str head)
{
    if (is_lightgbm(head)) return true;
    while (head.n && memchr(" \t\r\n", head.p[0], 4))
        head = (struct hn_str){head.p + 1, head.n - 1};
    return head.n > 1 && head.p[0] == '{' && memmem(head.p, head.n, "learner", 7);
}

/* --- the model --- */

static void close_predictor(struct hn_predictor *base)
{
    struct predictor *p = (struct predictor *)base;
    hn_trees_close(p->trees);
    hn_arena_free(&p->arena);
    free(p);
}

/* A copy of `from`, which may be NULL. */
static enum hn_status copy_list(struct hn_arena *arena, const struct hn_str *from, size_t n,
                                const char *const **out, size_t *n_out, struct hn_error *err)
{
    if (!from) return HN_OK;
    const char **names = hn_arena_alloc(arena, n, sizeof *names);
    for (size_t i = 0; names && i < n; i++) {
        names[i] = hn_arena_str(arena, from[i]).p;
        if (!names[i]) names = NULL;
    }
    if (!names) return hn_fail_nomem(err, "names", n * sizeof *names);
    *out = names;
    *n_out = n;
    return HN_OK;
}

static struct hn_port rows_port(const char *name, enum hn_element type, size_t width)
{
    struct hn_port port = {.name = name,
                           .type = type,
                           .known_rank = true,
                           .n_dims = width ? 2 : 1,
                           .shape = {-1, (int64_t)width},
                           .dim_names = {"rows"}};
    return port;
}

static struct hn_port contributions_port(const struct predictor *p, enum hn_element type)
{
    struct hn_port port = rows_port(HN_CONTRIBUTIONS, type, p->n_features + 1);
    if (p->n_targets == 1) return port;
    port.n_dims = 3;
    port.shape[1] = (int64_t)p->n_targets;
    port.shape[2] = (int64_t)p->n_features + 1;
    return port;
}

static void describe(struct predictor *p, const char *kind)
{
    const enum hn_element type = p->wide ? HN_EL_F64 : HN_EL_F32;
    const size_t n = hn_trees_link_outputs(&p->link, p->n_targets);
    p->input = rows_port("input", type, p->n_features);
    p->input.n_dims = 2;
    p->input.any_number = true;
    p->outputs[PREDICTIONS] = rows_port("predictions", type, n > 1 ? n : 0);
    p->outputs[MARGIN] = rows_port("margin", type, p->n_targets > 1 ? p->n_targets : 0);
    p->outputs[LEAF] = rows_port("leaf", HN_EL_I32, p->n_trees);
    p->outputs[LEAF].n_dims = 2;
    p->outputs[CONTRIBUTIONS] = contributions_port(p, type);
    for (int i = MARGIN; i < OUTPUTS; i++)
        p->outputs[i].on_request = true;
    struct hn_predictor_about *about = &p->base.about;
    about->kind = kind;
    about->inputs = &p->input;
    about->n_inputs = 1;
    about->outputs = p->outputs;
    about->unexplained = hn_trees_unexplained(p->trees);
    about->n_outputs = about->unexplained ? CONTRIBUTIONS : OUTPUTS;
    about->stacks = true;
}

static enum hn_status copy_names(struct predictor *p, const struct hn_forest *f,
                                 struct hn_error *err)
{
    struct hn_port *to = &p->outputs[PREDICTIONS], *margin = &p->outputs[MARGIN];
    HN_TRY(copy_list(&p->arena, f->feature_names, f->n_features, &p->input.labels,
                     &p->input.n_labels, err));
    HN_TRY(copy_list(&p->arena, f->target_names, f->n_targets, &to->labels, &to->n_labels, err));
    margin->labels = to->labels, margin->n_labels = to->n_labels;
    if (p->input.labels) HN_TRY(hn_categories_copy(f, &p->arena, &p->input.categories, err));
    p->base.about.bytes = sizeof *p + hn_trees_bytes(p->trees) + p->arena.used;
    return HN_OK;
}

/* The link is known. */
static enum hn_status take_forest(struct predictor *p, const struct hn_forest *f, const char *kind,
                                  const char *path, struct hn_error *err)
{
    HN_TRY(hn_trees_build(f, p->kernels, path, &p->trees, err));
    p->n_features = f->n_features;
    p->n_targets = f->n_targets;
    p->n_trees = f->n_trees;
    p->wide = f->wide;
    describe(p, kind);
    return copy_names(p, f, err);
}

static enum hn_status open_xgboost(struct predictor *p, struct hn_str bytes, const char *path,
                                   struct hn_error *err)
{
    struct hn_xgb model;
    enum hn_status status = hn_xgb_parse(bytes, path, &model, err);
    if (status == HN_OK) status = hn_trees_xgboost(&model, path, &p->link, err);
    if (status == HN_OK) status = take_forest(p, &model.forest, "xgboost", path, err);
    p->input.strict = true; /* as XGBoost is */
    hn_xgb_close(&model);
    return status;
}

static enum hn_status open_lightgbm(struct predictor *p, struct hn_str bytes, const char *path,
                                    struct hn_error *err)
{
    struct hn_lgb model;
    enum hn_status status = hn_lgb_parse(bytes, path, &model, err);
    p->link = hn_trees_lightgbm_link(&model);
    p->average_over = model.average_over;
    if (status == HN_OK) status = take_forest(p, &model.forest, "lightgbm", path, err);
    hn_lgb_close(&model);
    return status;
}

static void end_prediction(struct hn_prediction *base)
{
    struct prediction *run = (struct prediction *)base;
    hn_trees_run_end(run->run);
    for (int i = 0; i < OUTPUTS; i++)
        hn_buf_free(&run->room[i]);
    free(run);
}

static enum hn_status begin_prediction(struct hn_predictor *base, struct hn_pool *pool,
                                       struct hn_prediction **out, struct hn_error *err)
{
    struct predictor *p = (struct predictor *)base;
    struct prediction *run = calloc(1, sizeof *run);
    if (!run) return hn_fail_nomem(err, "a prediction", sizeof *run);
    const enum hn_status status = hn_trees_run_begin(p->trees, pool, &run->run, err);
    if (status < 0) end_prediction(&run->base);
    else *out = &run->base;
    return status;
}

/* Memory for output i of so many rows. */
static enum hn_status make_output(const struct predictor *p, struct prediction *run, int i,
                                  size_t rows, struct hn_array *out, struct hn_error *err)
{
    const struct hn_port *port = &p->outputs[i];
    const size_t width = hn_element_info(port->type)->bytes;
    *out = (struct hn_array){.type = port->type, .n_dims = port->n_dims, .shape = {rows}};
    for (size_t d = 1; d < port->n_dims; d++)
        out->shape[d] = (size_t)port->shape[d];
    if (!hn_shape_count(out->shape, out->n_dims, width, &out->n))
        return hn_fail(err, HN_E_LIMIT, "output '%s' would be too large", port->name);
    hn_buf_clear(&run->room[i]);
    if (hn_buf_reserve(&run->room[i], out->n * width + 1) < 0)
        return hn_fail_nomem(err, port->name, out->n * width);
    out->data = run->room[i].p;
    return HN_OK;
}

static void *at_row(const struct hn_array *a, size_t row)
{
    const size_t width = a->n_dims > 1 ? a->n / (a->shape[0] ? a->shape[0] : 1) : 1;
    return (char *)a->data + row * width * hn_element_info(a->type)->bytes;
}

/* Rows' sums at `sums`, as predictions at `out`. */
static void link_rows(const struct predictor *p, const void *sums, size_t rows, void *out)
{
    if (!p->wide) {
        hn_trees_link_f32(&p->link, sums, rows, p->n_targets, out);
        return;
    }
    if (p->average_over > 1) {
        double *mean = out;
        for (size_t i = 0; i < rows * p->n_targets; i++)
            mean[i] = ((const double *)sums)[i] / (double)p->average_over;
        sums = mean;
    }
    hn_trees_link_f64(&p->link, sums, rows, p->n_targets, out);
}

static enum hn_status predict_rows(const struct predictor *p, struct prediction *run, const void *x,
                                   size_t first, size_t rows, const bool *wanted,
                                   struct hn_array *out, struct hn_error *err)
{
    if (wanted[PREDICTIONS] || wanted[MARGIN]) {
        void *sums = at_row(&out[MARGIN], first);
        hn_trees_sums(run->run, x, rows, sums);
        if (wanted[PREDICTIONS]) link_rows(p, sums, rows, at_row(&out[PREDICTIONS], first));
    }
    if (wanted[LEAF]) hn_trees_leaves(run->run, x, rows, at_row(&out[LEAF], first));
    if (p->base.about.unexplained || !wanted[CONTRIBUTIONS]) return HN_OK;
    return hn_trees_contributions(run->run, x, rows, at_row(&out[CONTRIBUTIONS], first), err);
}

static enum hn_status run_prediction(struct hn_prediction *base, const struct hn_array *const *in,
                                     const bool *wanted, struct hn_array *out, struct hn_error *err)
{
    static const bool usual[OUTPUTS] = {[PREDICTIONS] = true};
    struct prediction *run = (struct prediction *)base;
    const struct predictor *p = (struct predictor *)base->predictor;
    const size_t rows = in[0]->shape[0];
    if (!wanted) wanted = usual;
    for (int i = 0; i < (int)p->base.about.n_outputs; i++)
        if (wanted[i] || (i == MARGIN && wanted[PREDICTIONS]))
            HN_TRY(make_output(p, run, i, rows, &out[i], err));
    for (size_t first = 0; first < rows; first += CHUNK_ROWS) {
        if (hn_cancelled(&base->cancel))
            return hn_fail(err, HN_E_CANCELLED, "it was stopped halfway");
        HN_TRY(predict_rows(p, run, at_row(in[0], first), first, hn_min(rows - first, CHUNK_ROWS),
                            wanted, out, err));
    }
    return HN_OK;
}

enum hn_status hn_trees_predictor_open(const char *path, const struct hn_predictor_options *options,
                                       struct hn_predictor **out, struct hn_error *err)
{
    static const struct hn_predictor_ops ops = {close_predictor, begin_prediction, end_prediction,
                                                run_prediction};
    struct hn_map map;
    enum hn_cpu_level level;
    *out = NULL;
    HN_TRY(hn_cpu_choose(options ? options->cpu : NULL, &level, err));
    HN_TRY(hn_map_open(path, &map, err));
    struct predictor *p = calloc(1, sizeof *p);
    enum hn_status status = p ? HN_OK : hn_fail_nomem(err, "a predictor", sizeof *p);
    if (p) {
        p->base.ops = &ops;
        const struct hn_str bytes = hn_map_view(&map);
        p->kernels = hn_kernels_for(level);
        p->average_over = 1;
        status = is_lightgbm(bytes) ? open_lightgbm(p, bytes, path, err)
                                    : open_xgboost(p, bytes, path, err);
    }
    hn_map_close(&map);
    if (status == HN_OK) *out = &p->base;
    else if (p) close_predictor(&p->base);
    return status;
}
