#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "model/trees_check.h"
#include "model/trees_columns.h"
#include "model/trees_shap.h"
#include "model/trees_steps.h"

/* A node that compares its feature with a threshold. */
struct ref {
    uint32_t feature;
    uint8_t missing;
    bool missing_left;
    size_t node;
    double threshold;
};

struct builder {
    const struct hn_forest *forest;
    struct hn_trees *out;
    const char *what;
    struct hn_error *err;
    struct hn_trees_columns columns;
    struct ref *refs; /* [n_refs] */
    size_t n_refs;
    struct hn_trees_places places; /* where each node finds its byte */
};

static enum hn_status fail_nomem(const struct builder *b)
{
    return hn_fail(b->err, HN_E_NOMEM, "%s: out of memory for the trees' layout", b->what);
}

/* What is asked of a feature, with every comparison as "is below": thresholds stay thresholds, other
 * tests become 0 or 1, below a half where they hold. */
struct question {
    struct hn_trees_column column;
    double threshold;
};

static void ask_outcome(struct question *q, uint8_t test)
{
    q->column.test = test;
    q->threshold = 0.5;
}

static struct question question_of(const struct hn_forest *f, const struct hn_forest_node *node)
{
    struct question q = {
        .column = {.feature = node->feature,
                   .test = HN_TEST_LESS,
                   .missing = node->missing,
                   .missing_left = node->missing_left && node->missing != HN_MISSING_NONE},
        .threshold = node->value};
    const double t = node->value;
    switch (node->test) {
    case HN_TEST_LESS:
        /* Nothing is below these, and missing values pass minus infinity. */
        if (isnan(t) || t == -INFINITY) ask_outcome(&q, HN_TEST_MEMBER);
        break;
    case HN_TEST_LESS_EQUAL:
        if (isnan(t)) ask_outcome(&q, HN_TEST_MEMBER);
        else if (t == INFINITY) ask_outcome(&q, HN_TEST_MEMBER), q.column.always = true;
        else q.threshold = f->wide ? nextafter(t, INFINITY) : nextafterf((float)t, INFINITY);
        break;
    case HN_TEST_EQUAL:
        if (isnan(t)) ask_outcome(&q, HN_TEST_MEMBER);
        else ask_outcome(&q, HN_TEST_EQUAL), q.column.value = t;
        break;
    default:
        ask_outcome(&q, node->test);
        q.column.first = node->first;
        q.column.count = node->count;
        break;
    }
    return q;
}

static enum hn_status lay_node(struct builder *b, const struct hn_forest_node *node, size_t at,
                               uint32_t left)
{
    const struct question q = question_of(b->forest, node);
    const uint32_t column = hn_trees_column_of(&b->columns, &q.column);
    if (column == HN_TREES_NONE) return fail_nomem(b);
    b->out->nodes[at] =
        (struct hn_trees_node){.threshold = q.threshold, .left = left, .column = column};
    if (q.column.test == HN_TEST_LESS)
        b->refs[b->n_refs++] = (struct ref){.feature = q.column.feature,
                                            .missing = q.column.missing,
                                            .missing_left = q.column.missing_left,
                                            .node = at,
                                            .threshold = q.threshold};
    return HN_OK;
}

static double narrow(const struct hn_forest *f, double value)
{
    return f->wide ? value : (float)value;
}

static void set_value(struct hn_trees *t, size_t at, double value)
{
    if (t->wide) t->values[at] = value;
    else t->narrow_values[at] = (float)value;
}

/* A leaf's number, and what it adds. */
static void lay_leaf(struct builder *b, const struct hn_forest_tree *tree,
                     const struct hn_trees_tree *out, uint32_t leaf, int32_t number)
{
    const struct hn_forest *f = b->forest;
    const struct hn_forest_node *node = &tree->nodes[number];
    const double weight = narrow(f, tree->weight);
    if (tree->linear)
        b->out->linear[out->first_value + leaf] = (struct hn_trees_linear){
            .first = node->first, .count = node->count, .intercept = node->intercept};
    if (tree->target != HN_FOREST_VECTOR) {
        set_value(b->out, out->first_value + leaf, narrow(f, node->value) * weight);
        return;
    }
    for (size_t t = 0; t < f->n_targets; t++)
        set_value(b->out, out->first_value + t * out->n_leaves + leaf,
                  narrow(f, f->vectors[node->first + t]) * weight);
}

static enum hn_status lay_tree(struct builder *b, size_t index, size_t *n_nodes, size_t *n_values)
{
    const struct hn_forest_tree *tree = &b->forest->trees[index];
    struct hn_trees_tree *out = &b->out->trees[index];
    struct hn_trees_order order;
    enum hn_status status = HN_OK;
    HN_TRY(hn_trees_order(b->forest, index, b->what, &order, b->err));
    *out = (struct hn_trees_tree){.first_node = *n_nodes,
                                  .n_nodes = (uint32_t)order.n,
                                  .depth = order.depth,
                                  .target = tree->target,
                                  .linear = tree->linear,
                                  .first_value = *n_values,
                                  .n_leaves = (uint32_t)(order.n + 1) / 2};
    if (order.depth > HN_SHAP_MAX_DEPTH) b->out->unexplained = "the trees are too deep";
    if (tree->linear || tree->target == HN_FOREST_VECTOR) b->out->plain = false;
    if (tree->linear) b->out->unexplained = "the trees are linear";
    uint32_t next = 1; /* the place of the next pair of siblings */
    uint32_t leaf = 0;
    for (size_t i = 0; i < order.n && status == HN_OK; i++) {
        const struct hn_forest_node *node = &tree->nodes[order.nodes[i]];
        const size_t at = *n_nodes + i;
        b->out->covers[at] = node->cover;
        if (!(node->cover > 0) && order.n > 1)
            b->out->unexplained = "the model does not tell how many rows came by each node";
        if (node->test != HN_TEST_LEAF) {
            status = lay_node(b, node, at, next);
            next += 2;
            continue;
        }
        b->out->nodes[at] = (struct hn_trees_node){.threshold = NAN, .left = (uint32_t)i};
        b->out->leaves[at] =
            (struct hn_trees_leaf){.leaf = leaf, .number = order.nodes[i] - tree->first_leaf};
        lay_leaf(b, tree, out, leaf++, order.nodes[i]);
    }
    hn_trees_order_free(&order);
    *n_nodes += out->n_nodes;
    *n_values +=
        (size_t)out->n_leaves * (tree->target == HN_FOREST_VECTOR ? b->forest->n_targets : 1);
    return status;
}

/* The most that the trees can need, from the lengths of their lists. */
static enum hn_status make_room(struct builder *b)
{
    const struct hn_forest *f = b->forest;
    struct hn_trees *t = b->out;
    size_t n_nodes = 0;
    size_t n_values = 0;
    bool linear = false;
    for (size_t i = 0; i < f->n_trees; i++) {
        linear = linear || f->trees[i].linear;
        const size_t leaves = f->trees[i].n / 2 + 1;
        size_t values = leaves;
        if (f->trees[i].target == HN_FOREST_VECTOR && !hn_mul(leaves, f->n_targets, &values))
            return fail_nomem(b);
        if (!hn_add(n_nodes, f->trees[i].n, &n_nodes) || !hn_add(n_values, values, &n_values))
            return fail_nomem(b);
    }
    if (n_nodes > HN_TREES_MAX_NODES)
        return hn_fail(b->err, HN_E_LIMIT, "%s: more than %d nodes", b->what, HN_TREES_MAX_NODES);
    t->n_nodes = n_nodes;
    t->trees = hn_arena_alloc(&t->arena, f->n_trees, sizeof *t->trees);
    t->nodes = hn_arena_alloc(&t->arena, n_nodes, sizeof *t->nodes);
    t->leaves = hn_arena_alloc(&t->arena, n_nodes, sizeof *t->leaves);
    t->covers = hn_arena_alloc(&t->arena, n_nodes, sizeof *t->covers);
    t->base = hn_arena_alloc(&t->arena, f->n_targets, sizeof *t->base);
    void *values = hn_arena_alloc(&t->arena, n_values, t->wide ? sizeof(double) : sizeof(float));
    *(t->wide ? (void **)&t->values : (void **)&t->narrow_values) = values;
    if (linear) {
        t->linear = hn_arena_alloc(&t->arena, n_values, sizeof *t->linear);
        t->terms = hn_arena_alloc(&t->arena, f->n_terms, sizeof *t->terms);
        if (!t->linear || !t->terms) return fail_nomem(b);
        if (f->n_terms) memcpy(t->terms, f->terms, f->n_terms * sizeof *t->terms);
    }
    b->refs = calloc(n_nodes + 1, sizeof *b->refs);
    b->places.column = calloc(n_nodes + 1, sizeof *b->places.column);
    b->places.bin = calloc(n_nodes + 1, sizeof *b->places.bin);
    if (!t->trees || !t->nodes || !t->leaves || !t->covers || !t->base || !values || !b->refs ||
        !b->places.column || !b->places.bin)
        return fail_nomem(b);
    return HN_OK;
}

static int compare_refs(const void *p, const void *q)
{
    const struct ref *a = p;
    const struct ref *b = q;
    if (a->feature != b->feature) return a->feature < b->feature ? -1 : 1;
    if (a->missing != b->missing) return a->missing < b->missing ? -1 : 1;
    return (a->threshold > b->threshold) - (a->threshold < b->threshold);
}

static bool same_bin(const struct hn_trees_bin *bin, const struct ref *ref)
{
    return bin->feature == ref->feature && bin->missing == ref->missing;
}

/* Distinct thresholds, feature by feature, into bins of at most 255. */
static enum hn_status lay_bins(struct builder *b)
{
    struct hn_trees *t = b->out;
    qsort(b->refs, b->n_refs, sizeof *b->refs, compare_refs);
    double *thresholds = hn_arena_alloc(&t->arena, b->n_refs, sizeof *thresholds);
    /* A bin has at least one threshold. */
    struct hn_trees_bin *bins = hn_arena_alloc(&t->arena, b->n_refs, sizeof *bins);
    if (!thresholds || !bins) return fail_nomem(b);
    size_t n = 0;
    size_t n_bins = 0;
    for (size_t i = 0; i < b->n_refs; i++) {
        const struct ref *ref = &b->refs[i];
        struct hn_trees_bin *bin = n_bins ? &bins[n_bins - 1] : NULL;
        const bool known = bin && same_bin(bin, ref);
        if (!known || thresholds[n - 1] != ref->threshold) {
            if (!known || bin->count == HN_TREES_BIN) {
                bin = &bins[n_bins++];
                *bin = (struct hn_trees_bin){.feature = ref->feature,
                                             .missing = ref->missing,
                                             .first = n,
                                             .column = {HN_TREES_NONE, HN_TREES_NONE}};
            }
            thresholds[n++] = ref->threshold;
            bin->count++;
        }
        uint32_t *column = &bin->column[ref->missing_left];
        if (*column == HN_TREES_NONE) *column = (uint32_t)t->n_byte_columns++;
        b->places.column[ref->node] = *column;
        b->places.bin[ref->node] = (uint8_t)(bin->count - 1);
    }
    t->bins = bins;
    t->n_bins = n_bins;
    t->thresholds = thresholds;
    if (t->wide) return HN_OK;
    t->narrow_thresholds = hn_arena_alloc(&t->arena, n, sizeof *t->narrow_thresholds);
    if (!t->narrow_thresholds) return fail_nomem(b);
    for (size_t i = 0; i < n; i++)
        t->narrow_thresholds[i] = (float)thresholds[i];
    return HN_OK;
}

/* Columns with a test have a byte column each: 0 where it holds, and nodes compare with 0. */
static enum hn_status lay_tests(struct builder *b)
{
    struct hn_trees *t = b->out;
    t->n_columns = b->columns.n;
    t->columns = hn_arena_alloc(&t->arena, t->n_columns, sizeof *t->columns);
    t->byte_column = hn_arena_alloc(&t->arena, t->n_columns, sizeof *t->byte_column);
    if (!t->columns || !t->byte_column) return fail_nomem(b);
    for (size_t i = 0; i < t->n_columns; i++) {
        t->columns[i] = b->columns.items[i];
        if (t->columns[i].test != HN_TEST_LESS) t->byte_column[i] = (uint32_t)t->n_byte_columns++;
    }
    for (size_t i = 0; i < t->n_nodes; i++) {
        const struct hn_trees_node *node = &t->nodes[i];
        if (isnan(node->threshold) || t->columns[node->column].test == HN_TEST_LESS) continue;
        b->places.column[i] = t->byte_column[node->column];
    }
    return HN_OK;
}

static int compare_doubles(const void *p, const void *q)
{
    const double a = *(const double *)p;
    const double b = *(const double *)q;
    return (a > b) - (a < b);
}

/* Bits for categories: first and count come to mean words. */
static enum hn_status lay_categories(struct builder *b, struct hn_trees_column *column,
                                     struct hn_buf *bits)
{
    if (!column->count) return HN_OK; /* nothing is in it; the count says so */
    const uint32_t *categories = b->forest->categories + column->first;
    uint32_t most = 0;
    for (size_t i = 0; i < column->count; i++)
        if (categories[i] > most) most = categories[i];
    const size_t n = most / 32 + 1;
    if (most >= HN_TREES_CATEGORIES)
        return hn_fail(b->err, HN_E_LIMIT, "%s: a category of %u", b->what, most);
    if (hn_buf_reserve(bits, n * sizeof(uint32_t)) < 0) return fail_nomem(b);
    uint32_t *words = (uint32_t *)(void *)(bits->p + bits->n);
    memset(words, 0, n * sizeof *words);
    for (size_t i = 0; i < column->count; i++)
        words[categories[i] / 32] |= 1u << categories[i] % 32;
    column->first = bits->n / sizeof(uint32_t);
    column->count = n;
    bits->n += n * sizeof(uint32_t);
    return HN_OK;
}

static enum hn_status lay_sets(struct builder *b)
{
    struct hn_trees *t = b->out;
    const struct hn_forest *f = b->forest;
    struct hn_buf bits = {.limit = HN_TREES_SET_BYTES};
    enum hn_status status = HN_OK;
    t->members = hn_arena_alloc(&t->arena, f->n_members, sizeof *t->members);
    if (!t->members) return fail_nomem(b);
    if (f->n_members) memcpy(t->members, f->members, f->n_members * sizeof *t->members);
    for (size_t i = 0; i < t->n_columns && status == HN_OK; i++) {
        struct hn_trees_column *c = &t->columns[i];
        if (c->test == HN_TEST_MEMBER)
            qsort(t->members + c->first, c->count, sizeof *t->members, compare_doubles);
        else if (c->test == HN_TEST_CATEGORY || c->test == HN_TEST_CATEGORY_TRUNCATED)
            status = lay_categories(b, c, &bits);
    }
    t->bits = hn_arena_alloc(&t->arena, bits.n, 1);
    if (status == HN_OK && !t->bits) status = fail_nomem(b);
    if (status == HN_OK && bits.n) memcpy(t->bits, bits.p, bits.n);
    hn_buf_free(&bits);
    return status;
}

static enum hn_status build(struct builder *b)
{
    const struct hn_forest *f = b->forest;
    struct hn_trees *t = b->out;
    size_t n_nodes = 0;
    size_t n_values = 0;
    HN_TRY(make_room(b));
    for (size_t i = 0; i < f->n_targets; i++)
        t->base[i] = f->base ? narrow(f, f->base[i]) : 0;
    for (size_t i = 0; i < f->n_trees; i++)
        HN_TRY(lay_tree(b, i, &n_nodes, &n_values));
    t->n_nodes = n_nodes;
    HN_TRY(lay_bins(b));
    HN_TRY(lay_tests(b));
    HN_TRY(lay_sets(b));
    return hn_trees_lay_steps(t, &b->places) ? HN_OK : fail_nomem(b);
}

enum hn_status hn_trees_build(const struct hn_forest *forest, const struct hn_kernels *kernels,
                              const char *what, struct hn_trees **out, struct hn_error *err)
{
    struct hn_trees *t = calloc(1, sizeof *t);
    *out = NULL;
    if (!t) return hn_fail_nomem(err, "the trees", sizeof *t);
    *t = (struct hn_trees){.wide = forest->wide,
                           .n_features = forest->n_features,
                           .n_targets = forest->n_targets,
                           .sum = forest->sum,
                           .plain = !forest->wide && forest->sum == HN_FOREST_SUM,
                           .n_trees = forest->n_trees,
                           .kernels = kernels};
    struct builder b = {.forest = forest, .out = t, .what = what, .err = err};
    const enum hn_status status = build(&b);
    if (forest->sum != HN_FOREST_SUM) t->unexplained = "the trees do not add";
    hn_trees_columns_free(&b.columns);
    free(b.refs);
    free(b.places.column);
    free(b.places.bin);
    if (status < 0) hn_trees_close(t);
    else *out = t;
    return status;
}

void hn_trees_close(struct hn_trees *trees)
{
    if (!trees) return;
    hn_arena_free(&trees->arena);
    free(trees);
}

const char *hn_trees_unexplained(const struct hn_trees *trees)
{
    return trees->unexplained;
}

size_t hn_trees_bytes(const struct hn_trees *trees)
{
    return sizeof *trees + trees->arena.used;
}
