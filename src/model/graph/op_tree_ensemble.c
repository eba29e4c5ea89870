/* TreeEnsemble, TreeEnsembleRegressor and TreeEnsembleClassifier: what is around the trees. */
#include "model/graph/op_args.h"
#include "model/graph/op_list.h"
#include "model/graph/op_scores.h"
#include "model/graph/op_trees.h"

#include <math.h>
#include <stdlib.h>

#include "base/bits.h"

struct ensemble {
    struct hn_op_state state;
    struct hn_tree_model model;
    double scale; /* of the sums: less than 1 where trees are averaged */
    double *base; /* [n_base], added at last */
    size_t n_base;
    enum hn_post post;
    struct hn_labels labels;
    /* Of a classifier whose leaves vote for one of two classes alone: that class (else -1); and whether
     * no vote is negative. */
    ptrdiff_t only_class;
    bool all_positive;
};

static void ensemble_free(struct hn_op_state *state)
{
    struct ensemble *e = (struct ensemble *)state;
    hn_trees_close(e->model.trees);
    free(e->base);
    free(e);
}

/* Numbers that are an attribute of floats, or of that name with _as_tensor. */
struct numbers {
    const float *floats;
    struct hn_array tensor;
    size_t n;
    bool wide;
};

static enum hn_status read_numbers(struct hn_op *op, const char *name, const char *tensor_name,
                                   struct numbers *out)
{
    const struct hn_array *tensor = hn_op_tensor(op, tensor_name);
    *out = (struct numbers){.n = 0};
    if (!tensor || tensor->n == 0) {
        if (name) out->floats = hn_op_floats(op, name, &out->n);
        return HN_OK;
    }
    if (!hn_element_is_float(tensor->type))
        return hn_op_fail(op, HN_E_FORMAT, "%s is of type %s", tensor_name,
                          hn_element_info(tensor->type)->name);
    out->tensor = *tensor, out->n = tensor->n, out->wide = tensor->type == HN_EL_F64;
    return HN_OK;
}

static double number(const struct numbers *v, size_t i)
{
    return v->floats ? (double)v->floats[i] : hn_array_real(&v->tensor, i);
}

/* A list of the attribute `name` that has to have n elements; with 0 <= value <= `most`. */
static enum hn_status read_list(struct hn_op *op, const char *name, size_t n, int64_t most,
                                const int64_t **out)
{
    size_t have;
    *out = hn_op_ints(op, name, &have);
    if (have != n)
        return hn_op_fail(op, HN_E_FORMAT, "%s has %zu elements, not %zu", name, have, n);
    for (size_t i = 0; i < n; i++)
        if ((*out)[i] < 0 || (*out)[i] > most)
            return hn_op_fail(op, HN_E_FORMAT, "%s has %lld", name, (long long)(*out)[i]);
    return HN_OK;
}

static enum hn_status make_source(struct hn_op *op, size_t n, size_t n_votes, size_t n_roots,
                                  struct hn_tree_source *s)
{
    s->n = n, s->n_votes = n_votes, s->n_roots = n_roots;
    s->nodes = calloc(n + 1, sizeof *s->nodes);
    s->votes = calloc(n_votes + 1, sizeof *s->votes);
    s->roots = calloc(n_roots + 1, sizeof *s->roots);
    if (s->nodes && s->votes && s->roots) return HN_OK;
    return hn_fail_nomem(op->err, "trees", n * sizeof *s->nodes);
}

/* Members of MEMBER nodes: a list for each of them, in their order, each ended by NaN. */
static enum hn_status read_members(struct hn_op *op, struct hn_tree_source *s, size_t n_nodes)
{
    struct numbers values;
    size_t at = 0;
    HN_TRY(read_numbers(op, NULL, "membership_values", &values));
    s->members = calloc(values.n + 1, sizeof *s->members);
    if (!s->members) return hn_fail_nomem(op->err, "members", values.n * sizeof *s->members);
    s->n_members = values.n;
    for (size_t i = 0; i < values.n; i++)
        s->members[i] = number(&values, i);
    for (size_t i = 0; i < n_nodes; i++) {
        if (s->nodes[i].mode != HN_TREE_MEMBER) continue;
        s->nodes[i].first_member = at;
        while (at < values.n && !isnan(s->members[at]))
            at++;
        if (at == values.n) return hn_op_fail(op, HN_E_FORMAT, "membership_values end early");
        s->nodes[i].n_members = at++ - s->nodes[i].first_member;
    }
    return HN_OK;
}

/* Version 5: branches, then leaves. */
static enum hn_status read_v5(struct hn_op *op, struct hn_tree_source *s)
{
    const int64_t *roots, *features, *if_true, *if_false, *true_leaf, *false_leaf, *targets;
    const int64_t *missing = NULL;
    struct numbers splits, weights;
    size_t n, n_leaves, n_roots, n_missing;
    const struct hn_array *modes = hn_op_tensor(op, "nodes_modes");
    (void)hn_op_ints(op, "nodes_featureids", &n);
    (void)hn_op_ints(op, "tree_roots", &n_roots);
    (void)hn_op_ints(op, "leaf_targetids", &n_leaves);
    HN_TRY(read_list(op, "nodes_featureids", n, UINT32_MAX - 1, &features));
    HN_TRY(read_list(op, "nodes_truenodeids", n, INT32_MAX, &if_true));
    HN_TRY(read_list(op, "nodes_falsenodeids", n, INT32_MAX, &if_false));
    HN_TRY(read_list(op, "nodes_trueleafs", n, 1, &true_leaf));
    HN_TRY(read_list(op, "nodes_falseleafs", n, 1, &false_leaf));
    HN_TRY(read_list(op, "leaf_targetids", n_leaves, INT32_MAX, &targets));
    HN_TRY(read_list(op, "tree_roots", n_roots, INT32_MAX, &roots));
    (void)hn_op_ints(op, "nodes_missing_value_tracks_true", &n_missing);
    if (n_missing) HN_TRY(read_list(op, "nodes_missing_value_tracks_true", n, 1, &missing));
    HN_TRY(read_numbers(op, NULL, "nodes_splits", &splits));
    HN_TRY(read_numbers(op, NULL, "leaf_weights", &weights));
    if (!modes || modes->type != HN_EL_U8 || modes->n != n || splits.n != n ||
        weights.n != n_leaves)
        return hn_op_fail(op, HN_E_FORMAT, "modes, splits or weights are missing");
    HN_TRY(make_source(op, n + n_leaves, n_leaves, n_roots, s));
    s->wide = splits.wide || weights.wide;
    for (size_t i = 0; i < n; i++) {
        const unsigned mode = ((const uint8_t *)modes->data)[i];
        if (mode > HN_TREE_MEMBER) return hn_op_fail(op, HN_E_FORMAT, "mode %u", mode);
        if ((size_t)if_true[i] >= (true_leaf[i] ? n_leaves : n) ||
            (size_t)if_false[i] >= (false_leaf[i] ? n_leaves : n))
            return hn_op_fail(op, HN_E_FORMAT, "node %zu leads to no node", i);
        s->nodes[i] = (struct hn_tree_node){
            .mode = (enum hn_tree_mode)mode,
            .feature = (uint32_t)features[i],
            .missing_true = missing && missing[i],
            .value = number(&splits, i),
            .if_true = (size_t)if_true[i] + (true_leaf[i] ? n : 0),
            .if_false = (size_t)if_false[i] + (false_leaf[i] ? n : 0),
        };
    }
    for (size_t i = 0; i < n_leaves; i++) {
        s->nodes[n + i].mode = HN_TREE_LEAF;
        s->votes[i] = (struct hn_tree_vote){n + i, (size_t)targets[i], number(&weights, i), 0};
    }
    for (size_t i = 0; i < n_roots; i++) {
        const size_t root = s->roots[i] = (size_t)roots[i];
        if (root >= n) return hn_op_fail(op, HN_E_FORMAT, "a root that is no node");
        /* A tree that is a leaf is written as a node both of whose branches lead there. */
        if (true_leaf[root] && false_leaf[root] && if_true[root] == if_false[root])
            s->roots[i] = s->nodes[root].if_true;
    }
    return read_members(op, s, n);
}

/* A node of older versions by its tree and number. */
struct name {
    int64_t tree, node;
    size_t place;
};

static int compare_names(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    if (x->tree != y->tree) return x->tree < y->tree ? -1 : 1;
    return (x->node > y->node) - (x->node < y->node);
}

/* Its place; SIZE_MAX when there is none. */
static size_t find_name(const struct name *names, size_t n, int64_t tree, int64_t node)
{
    const struct name key = {tree, node, 0};
    const struct name *hit = n ? bsearch(&key, names, n, sizeof *names, compare_names) : NULL;
    return hit ? hit->place : SIZE_MAX;
}

static enum hn_status read_mode(struct hn_op *op, struct hn_str name, enum hn_tree_mode *out)
{
    static const char *const names[] = {"BRANCH_LEQ", "BRANCH_LT",  "BRANCH_GTE",    "BRANCH_GT",
                                        "BRANCH_EQ",  "BRANCH_NEQ", "BRANCH_MEMBER", "LEAF"};
    for (size_t i = 0; i < HN_COUNT(names); i++)
        if (hn_str_is(name, names[i]) && i != HN_TREE_MEMBER)
            return *out = (enum hn_tree_mode)i, HN_OK;
    return hn_op_fail(op, HN_E_FORMAT, "mode '%.*s'", HN_FMT(name));
}

static enum hn_status name_nodes(struct hn_op *op, struct hn_tree_source *s, struct name *names,
                                 const int64_t *trees, const int64_t *ids)
{
    const size_t n = s->n;
    for (size_t i = 0; i < n; i++)
        names[i] = (struct name){trees[i], ids[i], i};
    if (n) qsort(names, n, sizeof *names, compare_names);
    s->n_roots = 0;
    for (size_t i = 0; i < n; i++) {
        const bool next = i == 0 || names[i].tree != names[i - 1].tree;
        if (!next && names[i].node == names[i - 1].node)
            return hn_op_fail(op, HN_E_FORMAT, "two nodes are number %lld of tree %lld",
                              (long long)names[i].node, (long long)names[i].tree);
        /* A tree's root is the first of its nodes that is written. */
        if (next) s->roots[s->n_roots++] = names[i].place;
        else if (names[i].place < s->roots[s->n_roots - 1])
            s->roots[s->n_roots - 1] = names[i].place;
    }
    return HN_OK;
}

/* The lists of versions 1 and 3, `what` being "class" or "target". */
struct lists {
    const int64_t *trees, *ids, *features, *if_true, *if_false, *missing;
    const struct hn_str *modes;
    const int64_t *vote_trees, *vote_ids, *vote_targets;
    struct numbers values, weights;
    size_t n, n_votes;
};

static enum hn_status read_lists(struct hn_op *op, bool classes, struct lists *l)
{
    size_t n_modes, n_missing;
    (void)hn_op_ints(op, "nodes_treeids", &l->n);
    (void)hn_op_ints(op, classes ? "class_ids" : "target_ids", &l->n_votes);
    HN_TRY(read_list(op, "nodes_treeids", l->n, INT64_MAX, &l->trees));
    HN_TRY(read_list(op, "nodes_nodeids", l->n, INT64_MAX, &l->ids));
    HN_TRY(read_list(op, "nodes_featureids", l->n, UINT32_MAX - 1, &l->features));
    l->modes = hn_op_texts(op, "nodes_modes", &n_modes);
    l->if_true = hn_op_ints(op, "nodes_truenodeids", &n_missing);
    if (n_missing != l->n) return hn_op_fail(op, HN_E_FORMAT, "%zu nodes_truenodeids", n_missing);
    l->if_false = hn_op_ints(op, "nodes_falsenodeids", &n_missing);
    if (n_missing != l->n) return hn_op_fail(op, HN_E_FORMAT, "%zu nodes_falsenodeids", n_missing);
    (void)hn_op_ints(op, "nodes_missing_value_tracks_true", &n_missing);
    l->missing = NULL;
    if (n_missing)
        HN_TRY(read_list(op, "nodes_missing_value_tracks_true", l->n, INT64_MAX, &l->missing));
    HN_TRY(read_list(op, classes ? "class_treeids" : "target_treeids", l->n_votes, INT64_MAX,
                     &l->vote_trees));
    HN_TRY(read_list(op, classes ? "class_nodeids" : "target_nodeids", l->n_votes, INT64_MAX,
                     &l->vote_ids));
    HN_TRY(read_list(op, classes ? "class_ids" : "target_ids", l->n_votes, INT32_MAX,
                     &l->vote_targets));
    HN_TRY(read_numbers(op, "nodes_values", "nodes_values_as_tensor", &l->values));
    HN_TRY(classes ? read_numbers(op, "class_weights", "class_weights_as_tensor", &l->weights)
                   : read_numbers(op, "target_weights", "target_weights_as_tensor", &l->weights));
    if (n_modes != l->n || l->values.n != l->n || l->weights.n != l->n_votes)
        return hn_op_fail(op, HN_E_FORMAT, "the lists of nodes differ in length");
    return HN_OK;
}

static enum hn_status link_nodes(struct hn_op *op, const struct lists *l, struct name *names,
                                 struct hn_tree_source *s)
{
    HN_TRY(name_nodes(op, s, names, l->trees, l->ids));
    for (size_t i = 0; i < l->n; i++) {
        struct hn_tree_node *node = &s->nodes[i];
        HN_TRY(read_mode(op, l->modes[i], &node->mode));
        node->feature = (uint32_t)l->features[i];
        node->missing_true = l->missing && l->missing[i];
        node->value = number(&l->values, i);
        if (node->mode == HN_TREE_LEAF) continue;
        node->if_true = find_name(names, l->n, l->trees[i], l->if_true[i]);
        node->if_false = find_name(names, l->n, l->trees[i], l->if_false[i]);
    }
    for (size_t i = 0; i < l->n_votes; i++) {
        s->votes[i].node = find_name(names, l->n, l->vote_trees[i], l->vote_ids[i]);
        s->votes[i].target = (size_t)l->vote_targets[i];
        s->votes[i].weight = number(&l->weights, i);
    }
    return HN_OK;
}

static enum hn_status read_v3(struct hn_op *op, bool classes, struct hn_tree_source *s)
{
    struct lists l;
    HN_TRY(read_lists(op, classes, &l));
    HN_TRY(make_source(op, l.n, l.n_votes, l.n, s));
    s->wide = l.values.wide || l.weights.wide;
    struct name *names = calloc(l.n + 1, sizeof *names);
    if (!names) return hn_fail_nomem(op->err, "trees", l.n * sizeof *names);
    const enum hn_status status = link_nodes(op, &l, names, s);
    free(names);
    return status;
}

static enum hn_status read_base(struct hn_op *op, struct ensemble *e)
{
    struct numbers base;
    HN_TRY(read_numbers(op, "base_values", "base_values_as_tensor", &base));
    e->n_base = base.n;
    e->base = calloc(base.n + 1, sizeof *e->base);
    if (!e->base) return hn_fail_nomem(op->err, "base_values", base.n * sizeof *e->base);
    for (size_t i = 0; i < base.n; i++)
        e->base[i] = number(&base, i);
    return HN_OK;
}

enum kind { CLASSIFIER, REGRESSOR, ENSEMBLE };

/* How trees come together, by name or (version 5) by number. */
static enum hn_status read_aggregate(struct hn_op *op, enum kind kind, enum hn_forest_sum *sum,
                                     bool *average)
{
    static const char *const names[] = {"AVERAGE", "SUM", "MIN", "MAX"};
    size_t how = 1;
    if (kind == ENSEMBLE) {
        how = (size_t)hn_op_int(op, "aggregate_function", 1);
    } else if (kind == REGRESSOR) {
        const struct hn_str name = hn_op_text(op, "aggregate_function", "SUM");
        for (how = 0; how < HN_COUNT(names) && !hn_str_is(name, names[how]);)
            how++;
    }
    if (how >= HN_COUNT(names)) return hn_op_fail(op, HN_E_UNSUPPORTED, "aggregate_function");
    *average = how == 0;
    *sum = how < 2 ? HN_FOREST_SUM : how == 2 ? HN_FOREST_MIN : HN_FOREST_MAX;
    return HN_OK;
}

/* Does one class of two get all votes? */
static void find_only_class(struct ensemble *e, const struct hn_tree_source *s)
{
    e->only_class = -1, e->all_positive = true;
    for (size_t i = 0; i < s->n_votes; i++)
        e->all_positive &= s->votes[i].weight >= 0;
    if (e->labels.n > 2 || s->n_votes == 0) return;
    for (size_t i = 1; i < s->n_votes; i++)
        if (s->votes[i].target != s->votes[0].target) return;
    e->only_class = (ptrdiff_t)s->votes[0].target;
}

static enum hn_status read_ensemble(struct hn_op *op, enum kind kind, struct ensemble *e,
                                    struct hn_tree_source *s)
{
    enum hn_forest_sum sum = HN_FOREST_SUM;
    bool average = false;
    int64_t targets = hn_op_int(op, "n_targets", 1);
    HN_TRY(read_aggregate(op, kind, &sum, &average));
    if (kind == ENSEMBLE) {
        const int64_t post = hn_op_int(op, "post_transform", 0);
        if (post < 0 || post > HN_POST_PROBIT)
            return hn_op_fail(op, HN_E_UNSUPPORTED, "post_transform %lld", (long long)post);
        e->post = (enum hn_post)post;
        HN_TRY(read_v5(op, s));
    } else {
        HN_TRY(hn_post_read(op, &e->post));
        HN_TRY(read_v3(op, kind == CLASSIFIER, s));
    }
    HN_TRY(read_base(op, e));
    if (kind == CLASSIFIER) {
        HN_TRY(hn_labels_read(op, "classlabels_int64s", "classlabels_strings", &e->labels));
        targets = (int64_t)e->labels.n;
        find_only_class(e, s);
    }
    if (e->n_base > 1 && (int64_t)e->n_base != targets)
        return hn_op_fail(op, HN_E_FORMAT, "%zu base_values for %lld", e->n_base,
                          (long long)targets);
    HN_TRY(hn_tree_source_build(op, s, targets < 0 ? 0 : (size_t)targets, sum, &e->model.trees));
    e->scale = average && s->n_roots ? 1 / (double)s->n_roots : 1;
    e->model.n_targets = (size_t)targets;
    e->model.n_features = s->n_features;
    e->model.wide = s->wide;
    e->model.rounding = hn_tree_source_rounding(s);
    e->state.bytes = sizeof *e + hn_trees_bytes(e->model.trees);
    return HN_OK;
}

static enum hn_status prepare(struct hn_op *op, enum kind kind, struct hn_op_state **out)
{
    struct hn_tree_source source = {.n = 0};
    struct ensemble *e = calloc(1, sizeof *e);
    if (!e) return hn_fail_nomem(op->err, "trees", sizeof *e);
    e->state.free = ensemble_free;
    const enum hn_status status = read_ensemble(op, kind, e, &source);
    hn_tree_source_free(&source);
    if (status < 0) {
        ensemble_free(&e->state);
        return status;
    }
    *out = &e->state;
    return HN_OK;
}

enum hn_status hn_op_prepare_tree_ensemble(struct hn_op *op, struct hn_op_state **out)
{
    return prepare(op, ENSEMBLE, out);
}

enum hn_status hn_op_prepare_tree_ensemble_regressor(struct hn_op *op, struct hn_op_state **out)
{
    return prepare(op, REGRESSOR, out);
}

enum hn_status hn_op_prepare_tree_ensemble_classifier(struct hn_op *op, struct hn_op_state **out)
{
    return prepare(op, CLASSIFIER, out);
}

/* Sums to results: scaled, with their base. */
static void add_base(const struct ensemble *e, double *sums, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sums[i] *= e->scale;
        if (e->n_base) sums[i] += e->base[e->n_base > 1 ? i : 0];
    }
}

static enum hn_status regress(struct hn_op *op, enum hn_element type)
{
    const struct ensemble *e = op->state;
    const size_t targets = e->model.n_targets;
    size_t n;
    double *sums;
    HN_TRY(hn_tree_model_sums(op, &e->model, &n, &sums));
    const size_t shape[2] = {n, targets};
    void *y = hn_op_out(op, 0, type, shape, 2);
    float *row = hn_op_scratch(op, targets, sizeof *row);
    if (!y || !row) return hn_op_failed(op);
    for (size_t i = 0; i < n; i++) {
        double *its = sums + i * targets;
        add_base(e, its, targets);
        if (e->post == HN_POST_NONE) continue;
        for (size_t k = 0; k < targets; k++)
            row[k] = (float)its[k];
        hn_post_apply(e->post, row, targets);
        for (size_t k = 0; k < targets; k++)
            its[k] = (double)row[k];
    }
    (void)hn_element_convert(type, y, HN_EL_F64, sums, n * targets, (struct hn_convert){0});
    return HN_OK;
}

enum hn_status hn_op_tree_ensemble(struct hn_op *op)
{
    const enum hn_element type = op->in[0]->type;
    return regress(op, hn_element_is_float(type) ? type : HN_EL_F32);
}

enum hn_status hn_op_tree_ensemble_regressor(struct hn_op *op)
{
    return regress(op, HN_EL_F32);
}

/* The scores of two classes from what speaks for the second alone. */
static ptrdiff_t score_pair(const struct ensemble *e, double sum, float scores[2])
{
    const double base = e->n_base ? e->base[e->n_base - 1] : 0, score = sum + base;
    /* Votes that are never negative are a probability, as long as nothing is made of them. */
    const bool share = e->all_positive && (e->post == HN_POST_NONE || e->post == HN_POST_PROBIT);
    scores[0] = (float)(share ? 1 - score : -score);
    scores[1] = (float)score;
    hn_post_apply(e->post, scores, 2);
    return score > (share ? 0.5 : 0);
}

enum hn_status hn_op_tree_ensemble_classifier(struct hn_op *op)
{
    const struct ensemble *e = op->state;
    const size_t targets = e->model.n_targets, width = hn_max(targets, e->only_class >= 0 ? 2 : 1);
    size_t n;
    double *sums;
    HN_TRY(hn_tree_model_sums(op, &e->model, &n, &sums));
    const size_t shape[2] = {n, width};
    float *scores = op->n_out > 1 ? hn_op_out(op, 1, HN_EL_F32, shape, 2)
                                  : hn_op_scratch(op, n * width, sizeof *scores);
    ptrdiff_t *classes = hn_op_scratch(op, n, sizeof *classes);
    if (!scores || !classes) return hn_op_failed(op);
    for (size_t i = 0; i < n; i++, scores += width, sums += targets) {
        if (e->only_class >= 0) {
            classes[i] = score_pair(e, sums[e->only_class], scores);
            /* With one label, the other class has none. */
            if (targets == 1) classes[i] = classes[i] ? 0 : -1;
            continue;
        }
        add_base(e, sums, targets);
        for (size_t k = 0; k < targets; k++)
            scores[k] = (float)sums[k];
        classes[i] = (ptrdiff_t)hn_best_score(scores, targets);
        hn_post_apply(e->post, scores, targets);
    }
    return hn_labels_give(op, &e->labels, classes, n);
}
