#include "fuzz.h"

#include <stdlib.h>

#include "formats/lightgbm.h"
#include "model/trees.h"
#include "model/trees_lightgbm.h"
#include "naming.h"

enum { ROWS = 20 };

/* Small models are also evaluated and explained, for some rows that have everything in them. */
static void evaluate(const struct hn_forest *f, const struct hn_trees_link *link)
{
    static const double values[] = {0, 1, -1, 0.5, 33, 1e30, 1e-35, 1.0 / 0.0, 0.0 / 0.0};
    struct hn_trees *trees;
    struct hn_trees_run *run;
    if (hn_trees_build(f, hn_kernels_for(HN_CPU_REF), "input", &trees, NULL) < 0) return;
    const size_t width = f->n_targets * (f->n_features + 1);
    double *x = calloc(ROWS * f->n_features + 1, sizeof *x);
    double *out = calloc(ROWS * width, sizeof *out);
    if (x && out && hn_trees_run_begin(trees, NULL, &run, NULL) == HN_OK) {
        for (size_t i = 0; i < ROWS * f->n_features; i++)
            x[i] = values[i * 7 % (sizeof values / sizeof *values)];
        hn_trees_sums(run, x, ROWS, out);
        hn_trees_link_f64(link, out, ROWS, f->n_targets, out);
        fuzz_touch(out, ROWS * f->n_targets * sizeof *out);
        if (hn_trees_contributions(run, x, 2, out, NULL) == HN_OK)
            fuzz_touch(out, 2 * width * sizeof *out);
        hn_trees_run_end(run);
    }
    free(x);
    free(out);
    hn_trees_close(trees);
}

void fuzz_one(const uint8_t *data, size_t n)
{
    struct hn_lgb model;
    struct hn_error err;
    if (hn_lgb_parse((struct hn_str){(const char *)data, n}, "input", &model, &err) == HN_OK &&
        model.forest.n_features < 1000 && model.forest.n_targets < 100) {
        const struct hn_trees_link link = hn_trees_lightgbm_link(&model);
        evaluate(&model.forest, &link);
        fuzz_categories(&model.forest);
    }
    hn_lgb_close(&model);
}
