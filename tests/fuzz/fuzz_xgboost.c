#include "fuzz.h"

#include <stdlib.h>

#include "formats/xgboost.h"
#include "model/trees.h"
#include "model/trees_xgboost.h"
#include "naming.h"

enum { ROWS = 20 };

/* Small models are also evaluated, for some rows that have everything in them. */
static void evaluate(const struct hn_forest *f, const struct hn_trees_link *link)
{
    static const float values[] = {0, 1, -1, 0.5f, 33, 1e30f, -1e30f, 1.0f / 0.0f, 0.0f / 0.0f};
    struct hn_trees *trees;
    struct hn_trees_run *run;
    if (hn_trees_build(f, hn_kernels_for(HN_CPU_REF), "input", &trees, NULL) < 0) return;
    float *x = calloc(ROWS * f->n_features + 1, sizeof *x);
    float *out = calloc(ROWS * f->n_targets, sizeof *out);
    int32_t *leaves = calloc(ROWS * f->n_trees + 1, sizeof *leaves);
    if (x && out && leaves && hn_trees_run_begin(trees, NULL, &run, NULL) == HN_OK) {
        for (size_t i = 0; i < ROWS * f->n_features; i++)
            x[i] = values[i * 7 % (sizeof values / sizeof *values)];
        hn_trees_sums(run, x, ROWS, out);
        hn_trees_link_f32(link, out, ROWS, f->n_targets, out);
        hn_trees_leaves(run, x, ROWS, leaves);
        fuzz_touch(out, ROWS * f->n_targets * sizeof *out);
        float *why = calloc(f->n_targets * (f->n_features + 1), sizeof *why);
        if (why) (void)hn_trees_contributions(run, x, 1, why, NULL);
        free(why);
        hn_trees_run_end(run);
    }
    free(x);
    free(out);
    free(leaves);
    hn_trees_close(trees);
}

void fuzz_one(const uint8_t *data, size_t n)
{
    struct hn_xgb model;
    struct hn_trees_link link;
    struct hn_error err;
    if (hn_xgb_parse((struct hn_str){(const char *)data, n}, "input", &model, &err) == HN_OK &&
        hn_trees_xgboost(&model, "input", &link, &err) == HN_OK && model.forest.n_features < 1000 &&
        model.forest.n_targets < 100) {
        evaluate(&model.forest, &link);
        fuzz_categories(&model.forest);
    }
    hn_xgb_close(&model);
}
