/* Ensembles of decision trees, of ai.onnx.ml: their attributes to a forest (formats/forest.h), which
 * model/trees.h evaluates. */
#include "model/graph/op_trees.h"

#include <math.h>
#include <stdlib.h>

#include "base/bits.h"

enum {
    MAX_TARGETS = 1 << 20,
    MAX_VECTORS = 1 << 28, /* numbers in leaves that add to several targets */
};

void hn_tree_source_free(struct hn_tree_source *s)
{
    free(s->nodes);
    free(s->votes);
    free(s->roots);
    free(s->members);
}

static int compare_votes(const void *a, const void *b)
{
    const struct hn_tree_vote *x = a, *y = b;
    if (x->node != y->node) return x->node < y->node ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

/* Votes of a node stand together; of each node where they begin and how many they are. */
static void group_votes(struct hn_tree_source *s)
{
    for (size_t i = 0; i < s->n_votes; i++)
        s->votes[i].place = i;
    if (s->n_votes) qsort(s->votes, s->n_votes, sizeof *s->votes, compare_votes);
    for (size_t i = 0; i < s->n_votes; i++) {
        struct hn_tree_node *node = &s->nodes[s->votes[i].node];
        if (node->n_votes++ == 0) node->first_vote = i;
    }
}

/* A forest in the making. */
struct planting {
    struct hn_op *op;
    const struct hn_tree_source *source;
    struct hn_forest forest;
    struct hn_forest_tree *trees;
    struct hn_forest_node *nodes; /* of all trees */
    size_t n_nodes, room;
    double *vectors;
    size_t *from; /* of each node: that of the source */
};

/* The next node of the tree that begins at `first`, for node `from` of the source. */
static enum hn_status add_node(struct planting *p, size_t first, size_t from, int32_t *out)
{
    if (from >= p->source->n) return hn_op_fail(p->op, HN_E_FORMAT, "a branch leads to no node");
    if (p->n_nodes == p->room)
        return hn_op_fail(p->op, HN_E_FORMAT, "branches lead to a node more than once");
    p->from[p->n_nodes] = from;
    *out = (int32_t)(p->n_nodes++ - first);
    return HN_OK;
}

/* One node of the forest; its children come after it. */
static enum hn_status plant_node(struct planting *p, size_t first, size_t at)
{
    const struct hn_tree_node *node = &p->source->nodes[p->from[at]];
    struct hn_forest_node *out = &p->nodes[at];
    static const struct {
        uint8_t test;
        bool swapped; /* the test is the opposite */
    } tests[] = {
        [HN_TREE_LEQ] = {HN_TEST_LESS_EQUAL, false}, [HN_TREE_LT] = {HN_TEST_LESS, false},
        [HN_TREE_GTE] = {HN_TEST_LESS, true},        [HN_TREE_GT] = {HN_TEST_LESS_EQUAL, true},
        [HN_TREE_EQ] = {HN_TEST_EQUAL, false},       [HN_TREE_NEQ] = {HN_TEST_EQUAL, true},
        [HN_TREE_MEMBER] = {HN_TEST_MEMBER, false},  [HN_TREE_LEAF] = {HN_TEST_LEAF, false},
    };
    const bool swapped = tests[node->mode].swapped;
    *out = (struct hn_forest_node){.test = tests[node->mode].test, .missing = HN_MISSING_NAN};
    if (node->mode == HN_TREE_LEAF) return HN_OK;
    /* NaN is unequal to everything. */
    const bool missing_true = node->missing_true || node->mode == HN_TREE_NEQ;
    out->missing_left = missing_true != swapped;
    out->feature = node->feature;
    out->value = node->value;
    out->first = node->first_member, out->count = node->n_members;
    HN_TRY(add_node(p, first, swapped ? node->if_false : node->if_true, &out->left));
    return add_node(p, first, swapped ? node->if_true : node->if_false, &out->right);
}

static double combine(enum hn_forest_sum how, double a, double b)
{
    return how == HN_FOREST_SUM ? a + b : how == HN_FOREST_MIN ? fmin(a, b) : fmax(a, b);
}

/* What changes nothing. */
static double neutral(enum hn_forest_sum how)
{
    return how == HN_FOREST_SUM ? 0 : how == HN_FOREST_MIN ? INFINITY : -INFINITY;
}

/* The target that every leaf of a tree votes for, once each; else HN_FOREST_VECTOR. */
static int32_t common_target(const struct planting *p, size_t first, size_t end)
{
    int32_t target = HN_FOREST_VECTOR;
    for (size_t i = first; i < end; i++) {
        const struct hn_tree_node *node = &p->source->nodes[p->from[i]];
        if (node->mode != HN_TREE_LEAF) continue;
        if (node->n_votes != 1) return HN_FOREST_VECTOR;
        const int32_t its = (int32_t)p->source->votes[node->first_vote].target;
        if (target != HN_FOREST_VECTOR && its != target) return HN_FOREST_VECTOR;
        target = its;
    }
    return target;
}

static enum hn_status give_vector(struct planting *p, struct hn_forest_node *leaf,
                                  const struct hn_tree_node *node)
{
    const size_t n = p->forest.n_targets, first = p->forest.n_vectors;
    if (first + n > MAX_VECTORS) return hn_op_fail(p->op, HN_E_LIMIT, "leaves of %zu targets", n);
    if (hn_is_pow2(first / n + 1) || !p->vectors) { /* twice the room */
        double *more = realloc(p->vectors, (2 * first + 2 * n) * sizeof *more);
        if (!more) return hn_fail_nomem(p->op->err, "leaves", first * sizeof *more);
        p->vectors = more;
    }
    double *vector = p->vectors + first;
    for (size_t i = 0; i < n; i++)
        vector[i] = neutral(p->forest.sum);
    for (size_t i = 0; i < node->n_votes; i++) {
        const struct hn_tree_vote *vote = &p->source->votes[node->first_vote + i];
        vector[vote->target] = combine(p->forest.sum, vector[vote->target], vote->weight);
    }
    leaf->first = first;
    p->forest.n_vectors += n;
    return HN_OK;
}

static enum hn_status plant_tree(struct planting *p, size_t i)
{
    const size_t first = p->n_nodes;
    int32_t root;
    HN_TRY(add_node(p, first, p->source->roots[i], &root));
    for (size_t at = first; at < p->n_nodes; at++)
        HN_TRY(plant_node(p, first, at));
    struct hn_forest_tree *tree = &p->trees[i];
    *tree =
        (struct hn_forest_tree){.nodes = p->nodes + first, .n = p->n_nodes - first, .weight = 1};
    tree->target = common_target(p, first, p->n_nodes);
    for (size_t at = first; at < p->n_nodes; at++) {
        const struct hn_tree_node *node = &p->source->nodes[p->from[at]];
        if (node->mode != HN_TREE_LEAF) continue;
        if (tree->target == HN_FOREST_VECTOR) HN_TRY(give_vector(p, &p->nodes[at], node));
        else p->nodes[at].value = p->source->votes[node->first_vote].weight;
    }
    return HN_OK;
}

static enum hn_status check_source(struct hn_op *op, const struct hn_tree_source *s, size_t targets)
{
    if (targets < 1 || targets > MAX_TARGETS)
        return hn_op_fail(op, HN_E_LIMIT, "%zu targets", targets);
    if (s->n > HN_TREES_MAX_NODES || s->n_roots > s->n)
        return hn_op_fail(op, HN_E_LIMIT, "%zu trees of %zu nodes", s->n_roots, s->n);
    for (size_t i = 0; i < s->n_votes; i++)
        if (s->votes[i].target >= targets || s->votes[i].node >= s->n)
            return hn_op_fail(op, HN_E_FORMAT, "a leaf's target or node is not there");
    return HN_OK;
}

enum hn_status hn_tree_source_build(struct hn_op *op, struct hn_tree_source *s, size_t targets,
                                    enum hn_forest_sum sum, struct hn_trees **out)
{
    struct planting p = {.op = op, .source = s, .room = 2 * s->n + 1};
    HN_TRY(check_source(op, s, targets));
    group_votes(s);
    p.forest = (struct hn_forest){.wide = s->wide, .n_targets = targets, .sum = sum};
    for (size_t i = 0; i < s->n; i++)
        if (s->nodes[i].mode != HN_TREE_LEAF)
            p.forest.n_features = hn_max(p.forest.n_features, (size_t)s->nodes[i].feature + 1);
    p.trees = calloc(s->n_roots + 1, sizeof *p.trees);
    p.nodes = calloc(p.room, sizeof *p.nodes);
    p.from = calloc(p.room, sizeof *p.from);
    enum hn_status status = HN_OK;
    if (!p.trees || !p.nodes || !p.from)
        status = hn_fail_nomem(op->err, "trees", p.room * sizeof *p.nodes);
    for (size_t i = 0; i < s->n_roots && status >= 0; i++)
        status = plant_tree(&p, i);
    if (status >= 0) {
        p.forest.trees = p.trees, p.forest.n_trees = s->n_roots;
        p.forest.members = s->members, p.forest.n_members = s->n_members;
        p.forest.vectors = p.vectors;
        status = hn_trees_build(&p.forest, op->kernels, "an ensemble of trees", out, op->err);
        s->n_features = p.forest.n_features;
    }
    free(p.trees);
    free(p.nodes);
    free(p.from);
    free(p.vectors);
    return status;
}

/* How doubles become floats, so that every test against a float comes out as before. */
static float round_for(double v, enum hn_tree_rounding how)
{
    const float near = (float)v;
    if (how == HN_TREE_UP && (double)near < v) return nextafterf(near, INFINITY);
    if (how == HN_TREE_DOWN && (double)near > v) return nextafterf(near, -INFINITY);
    return near;
}

enum hn_tree_rounding hn_tree_source_rounding(const struct hn_tree_source *s)
{
    bool up = true, down = true;
    for (size_t i = 0; i < s->n; i++) {
        const enum hn_tree_mode mode = s->nodes[i].mode;
        if (mode == HN_TREE_LEAF) continue;
        up &= mode == HN_TREE_LEQ || mode == HN_TREE_GT;
        down &= mode == HN_TREE_LT || mode == HN_TREE_GTE;
    }
    return up ? HN_TREE_UP : down ? HN_TREE_DOWN : HN_TREE_NEAREST;
}

/* Rows of as many features as the trees know of, in the type that they compare. */
static enum hn_status read_rows(struct hn_op *op, const struct hn_tree_model *m, size_t n,
                                size_t width, const void **out)
{
    const struct hn_array *x = op->in[0];
    const enum hn_element type = m->wide ? HN_EL_F64 : HN_EL_F32;
    const size_t bytes = hn_element_info(type)->bytes, take = m->n_features;
    *out = x->data;
    if (x->type == type && width == take) return HN_OK;
    const bool exact = m->wide || x->type == HN_EL_F32 || x->type == HN_EL_F16;
    void *wide = hn_op_scratch(op, exact ? 0 : x->n, sizeof(double));
    char *rows = hn_op_scratch(op, n * take, bytes);
    if (!wide || !rows) return hn_op_failed(op);
    if (!exact)
        (void)hn_element_convert(HN_EL_F64, wide, x->type, x->data, x->n, (struct hn_convert){0});
    for (size_t i = 0; i < n; i++, rows += take * bytes) {
        const size_t from = i * width;
        if (exact)
            (void)hn_element_convert(type, rows, x->type,
                                     (const char *)x->data + from * hn_element_info(x->type)->bytes,
                                     take, (struct hn_convert){0});
        for (size_t k = 0; k < take && !exact; k++)
            ((float *)(void *)rows)[k] = round_for(((const double *)wide)[from + k], m->rounding);
    }
    *out = rows - n * take * bytes;
    return HN_OK;
}

enum hn_status hn_tree_model_sums(struct hn_op *op, const struct hn_tree_model *m, size_t *n,
                                  double **out)
{
    const struct hn_array *x = op->in[0];
    if (!hn_element_is_number(x->type)) return hn_op_fail_type(op, 0);
    if (x->n_dims < 1 || x->n_dims > 2)
        return hn_op_fail(op, HN_E_FORMAT, "rows of features are expected, [N, C] or [C]");
    const size_t rows = x->n_dims == 2 ? x->shape[0] : 1, width = x->shape[x->n_dims - 1];
    if (rows && width < m->n_features)
        return hn_op_fail(op, HN_E_ARG, "%zu features where the trees ask for %zu", width,
                          m->n_features);
    const size_t all = rows * m->n_targets;
    const void *features;
    double *sums = *out = hn_op_scratch(op, all, sizeof *sums);
    void *given = hn_op_scratch(op, all, sizeof *sums);
    struct hn_trees_run *run;
    *n = rows;
    if (!sums || !given) return hn_op_failed(op);
    HN_TRY(read_rows(op, m, rows, width, &features));
    HN_TRY(hn_trees_run_begin(m->trees, op->pool, &run, op->err));
    if (rows) hn_trees_sums(run, features, rows, given);
    hn_trees_run_end(run);
    (void)hn_element_convert(HN_EL_F64, sums, m->wide ? HN_EL_F64 : HN_EL_F32, given, all,
                             (struct hn_convert){0});
    return HN_OK;
}
