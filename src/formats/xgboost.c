#include "formats/xgboost.h"

#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "formats/category_names.h"
#include "formats/document.h"

struct reader {
    struct hn_xgb *model;
    const char *what;
    size_t tree;
    struct hn_error *err;
};

static enum hn_status fail(const struct reader *r, const char *field, const char *why)
{
    return hn_fail(r->err, HN_E_FORMAT, "%s: %s: %s", r->what, field, why);
}

static enum hn_status fail_tree(const struct reader *r, const char *field, const char *why)
{
    return hn_fail(r->err, HN_E_FORMAT, "%s: tree %zu: %s: %s", r->what, r->tree, field, why);
}

static enum hn_status fail_nomem(const struct reader *r)
{
    return hn_fail(r->err, HN_E_NOMEM, "%s: out of memory", r->what);
}

/* A whole number in [0, most]; `fallback` where the member is absent (-1: it must be there). */
static enum hn_status read_size(const struct reader *r, const struct hn_doc *object,
                                const char *key, double most, int64_t fallback, size_t *out)
{
    const struct hn_doc *value = hn_doc_get(object, key);
    double v;
    if (!value && fallback >= 0) return *out = (size_t)fallback, HN_OK;
    if (!hn_doc_number(value, &v) || v != floor(v) || v < 0) return fail(r, key, "not a count");
    if (v > most) return fail(r, key, "too large");
    *out = (size_t)v;
    return HN_OK;
}

static bool is_list(const struct hn_doc *value)
{
    return value && (value->kind == HN_DOC_LIST || value->kind == HN_DOC_NUMBERS);
}

/* A list of exactly n. */
static enum hn_status get_list(const struct reader *r, const struct hn_doc *tree, const char *key,
                               size_t n, const struct hn_doc **out)
{
    *out = hn_doc_get(tree, key);
    if (!is_list(*out)) return fail_tree(r, key, "a list is missing");
    if ((*out)->n != n) return fail_tree(r, key, "the list is not as long as the tree has nodes");
    return HN_OK;
}

/* Item i, a whole number in [least, most]. */
static enum hn_status whole_at(const struct reader *r, const struct hn_doc *list, const char *key,
                               size_t i, double least, double most, double *out)
{
    if (!hn_doc_number_at(list, i, out) || *out != floor(*out))
        return fail_tree(r, key, "not a whole number");
    if (*out < least || *out > most)
        return hn_fail(r->err, HN_E_FORMAT, "%s: tree %zu: %s: item %zu, %.17g, is out of range",
                       r->what, r->tree, key, i, *out);
    return HN_OK;
}

static struct hn_str trim(struct hn_str s)
{
    while (s.n && s.p[0] == ' ')
        s.p++, s.n--;
    while (s.n && s.p[s.n - 1] == ' ')
        s.n--;
    return s;
}

/* "[1E-1,2E-1]": how many numbers, at most `most`; 0 when it is no such list. */
static size_t read_listed(struct hn_str text, double *out, size_t most)
{
    text = trim(text);
    if (!hn_str_starts(text, HN_STR("[")) || !hn_str_ends(text, HN_STR("]"))) return 0;
    struct hn_str rest = {text.p + 1, text.n - 2};
    for (size_t n = 0; n < most; n++) {
        const char *comma = memchr(rest.p, ',', rest.n);
        const struct hn_str item = {rest.p, comma ? (size_t)(comma - rest.p) : rest.n};
        if (!hn_doc_real_from(trim(item), &out[n])) return 0;
        if (!comma) return n + 1;
        rest = (struct hn_str){comma + 1, rest.n - item.n - 1};
    }
    return 0;
}

/* base_score comes as 0.5, "5E-1", "[5E-1]", "[1E-1,2E-1]" and [0.5]. */
static enum hn_status read_base_score(struct reader *r, const struct hn_doc *value)
{
    const size_t n_targets = r->model->forest.n_targets;
    double *scores = hn_arena_alloc(&r->model->forest.arena, n_targets, sizeof *scores);
    if (!scores) return fail_nomem(r);
    size_t n = 0;
    if (is_list(value)) {
        while (value->n <= n_targets && n < value->n && hn_doc_number_at(value, n, &scores[n]))
            n++;
        if (n < value->n) n = 0;
    } else if (hn_doc_number(value, &scores[0])) {
        n = 1;
    } else if (value && value->kind == HN_DOC_TEXT) {
        n = read_listed(value->text, scores, n_targets);
    }
    if (n != 1 && n != n_targets)
        return fail(r, "base_score", "neither a number nor one for each target");
    for (size_t i = 0; i < n; i++)
        if (!isfinite(scores[i])) return fail(r, "base_score", "not a finite number");
    r->model->base_score = scores;
    r->model->n_base_score = n;
    return HN_OK;
}

static enum hn_status read_names(struct reader *r, const struct hn_doc *names)
{
    struct hn_forest *f = &r->model->forest;
    if (!names || names->kind != HN_DOC_LIST || names->n != f->n_features) return HN_OK;
    struct hn_str *out = hn_arena_alloc(&f->arena, names->n, sizeof *out);
    if (!out) return fail_nomem(r);
    for (size_t i = 0; i < names->n; i++) {
        if (names->items[i].kind != HN_DOC_TEXT) return fail(r, "feature_names", "not a text");
        out[i] = names->items[i].text;
    }
    f->feature_names = out;
    return HN_OK;
}

/* What is not such a list says nothing: attributes are free. */
static enum hn_status read_classes(const struct reader *r, const struct hn_doc *attributes)
{
    struct hn_forest *f = &r->model->forest;
    const struct hn_doc *classes = hn_doc_get(attributes, "classes");
    struct hn_doc names;
    if (!classes || classes->kind != HN_DOC_TEXT || f->n_targets < 2) return HN_OK;
    const enum hn_status status =
        hn_doc_parse_json(classes->text, "classes", &f->arena, &names, NULL);
    if (status == HN_E_NOMEM) return fail_nomem(r);
    if (status < 0 || names.kind != HN_DOC_LIST || names.n != f->n_targets) return HN_OK;
    struct hn_str *out = hn_arena_alloc(&f->arena, names.n, sizeof *out);
    if (!out) return fail_nomem(r);
    for (size_t i = 0; i < names.n; i++) {
        if (names.items[i].kind != HN_DOC_TEXT) return HN_OK;
        out[i] = names.items[i].text;
    }
    f->target_names = out;
    return HN_OK;
}

/* The lists of one tree. */
struct lists {
    const struct hn_doc *left, *right, *feature, *condition, *missing_left, *cover;
    size_t n;
    size_t width; /* targets per leaf, 1 usually */
    /* Leaves of several targets: by node (2.0 to 3.0), or by leaf, the right child being its number. */
    const struct hn_doc *vectors;
    bool by_leaf;
};

static enum hn_status get_lists(const struct reader *r, const struct hn_doc *tree, struct lists *l)
{
    const struct hn_doc *param = hn_doc_get(tree, "tree_param");
    const size_t n_targets = r->model->forest.n_targets;
    const struct hn_doc *left = hn_doc_get(tree, "left_children");
    if (!is_list(left)) return fail_tree(r, "left_children", "a list is missing");
    if (left->n == 0 || left->n > INT32_MAX) return fail_tree(r, "left_children", "no nodes");
    l->left = left;
    l->n = left->n;
    HN_TRY(get_list(r, tree, "right_children", l->n, &l->right));
    HN_TRY(get_list(r, tree, "split_indices", l->n, &l->feature));
    HN_TRY(get_list(r, tree, "split_conditions", l->n, &l->condition));
    HN_TRY(get_list(r, tree, "default_left", l->n, &l->missing_left));
    l->cover = hn_doc_get(tree, "sum_hessian");
    if (l->cover && (!is_list(l->cover) || l->cover->n != l->n)) l->cover = NULL;
    HN_TRY(read_size(r, param, "size_leaf_vector", HN_XGB_MAX_TARGETS, 0, &l->width));
    if (l->width <= 1) return l->width = 1, HN_OK;
    if (l->width != n_targets) return fail_tree(r, "size_leaf_vector", "not the number of targets");
    l->vectors = hn_doc_get(tree, "leaf_weights");
    l->by_leaf = l->vectors != NULL;
    if (l->by_leaf) {
        if (!is_list(l->vectors) || l->vectors->n % n_targets)
            return fail_tree(r, "leaf_weights", "not a number for each target and leaf");
        return HN_OK;
    }
    return get_list(r, tree, "base_weights", l->n * n_targets, &l->vectors);
}

/* Where the leaf's values start in the file's list. */
static enum hn_status read_vector(struct reader *r, const struct lists *l, size_t i,
                                  double *vectors, struct hn_forest_node *node)
{
    size_t from = i;
    if (l->by_leaf) {
        double leaf;
        HN_TRY(whole_at(r, l->right, "right_children", i, 0, (double)(l->vectors->n / l->width) - 1,
                        &leaf));
        from = (size_t)leaf;
    }
    for (size_t t = 0; t < l->width; t++)
        if (!hn_doc_number_at(l->vectors, from * l->width + t, &vectors[node->first + t]))
            return fail_tree(r, l->by_leaf ? "leaf_weights" : "base_weights", "not a number");
    return HN_OK;
}

static enum hn_status read_node(struct reader *r, const struct lists *l, size_t i,
                                struct hn_forest_node *node)
{
    double left, right, feature, missing_left;
    HN_TRY(whole_at(r, l->left, "left_children", i, -1, INT32_MAX, &left));
    HN_TRY(whole_at(r, l->right, "right_children", i, -1, INT32_MAX, &right));
    if (!hn_doc_number_at(l->condition, i, &node->value))
        return fail_tree(r, "split_conditions", "not a number");
    node->value = (float)node->value;
    if (l->cover && !hn_doc_number_at(l->cover, i, &node->cover))
        return fail_tree(r, "sum_hessian", "not a number");
    node->left = (int32_t)left;
    node->right = (int32_t)right;
    if (left == -1) return HN_OK; /* a leaf, or a node that was pruned */
    /* 2^32 - 1 marks a pruned node, and comes as -1 too. */
    HN_TRY(whole_at(r, l->feature, "split_indices", i, -1, UINT32_MAX, &feature));
    HN_TRY(whole_at(r, l->missing_left, "default_left", i, 0, 1, &missing_left));
    node->test = HN_TEST_LESS;
    node->feature = feature < 0 ? UINT32_MAX : (uint32_t)feature;
    node->missing_left = missing_left == 1;
    return HN_OK;
}

/* Categories in a node's set go right, others left; the test here is being in the set. */
static void make_categorical(struct hn_forest_node *node)
{
    const int32_t left = node->left;
    node->test = HN_TEST_CATEGORY;
    node->left = node->right;
    node->right = left;
    node->missing_left = !node->missing_left;
}

static enum hn_status read_categories(struct reader *r, const struct hn_doc *tree,
                                      struct hn_forest_tree *out, uint32_t *categories,
                                      size_t *n_categories)
{
    const struct hn_doc *nodes = hn_doc_get(tree, "categories_nodes");
    const struct hn_doc *values = hn_doc_get(tree, "categories");
    const struct hn_doc *starts = hn_doc_get(tree, "categories_segments");
    const struct hn_doc *sizes = hn_doc_get(tree, "categories_sizes");
    if (!is_list(nodes) || nodes->n == 0) return HN_OK;
    if (!is_list(values) || !is_list(starts) || !is_list(sizes) || starts->n != nodes->n ||
        sizes->n != nodes->n)
        return fail_tree(r, "categories", "lists are missing, or of different lengths");
    const size_t base = *n_categories;
    for (size_t i = 0; i < values->n; i++) {
        double v;
        HN_TRY(whole_at(r, values, "categories", i, 0, (1 << 24) - 1, &v));
        categories[(*n_categories)++] = (uint32_t)v;
    }
    for (size_t i = 0; i < nodes->n; i++) {
        double node, start, size;
        HN_TRY(whole_at(r, nodes, "categories_nodes", i, 0, (double)out->n - 1, &node));
        HN_TRY(whole_at(r, starts, "categories_segments", i, 0, (double)values->n, &start));
        HN_TRY(whole_at(r, sizes, "categories_sizes", i, 0, (double)values->n - start, &size));
        struct hn_forest_node *n = &out->nodes[(size_t)node];
        if (n->test != HN_TEST_LESS)
            return fail_tree(r, "categories_nodes", "a leaf, or a node that comes twice");
        n->first = base + (size_t)start;
        n->count = (size_t)size;
        make_categorical(n);
    }
    return HN_OK;
}

/* A node of type 1 must have its categories. */
static enum hn_status check_types(const struct reader *r, const struct hn_doc *tree,
                                  const struct hn_forest_tree *out)
{
    const struct hn_doc *types = hn_doc_get(tree, "split_type");
    if (!is_list(types)) return HN_OK;
    for (size_t i = 0; i < types->n && i < out->n; i++) {
        double v;
        if (hn_doc_number_at(types, i, &v) && v == 1 && out->nodes[i].test == HN_TEST_LESS)
            return fail_tree(r, "split_type", "a categorical node without categories");
    }
    return HN_OK;
}

/* Room in the forest's tables, counted before the trees are read. */
struct tables {
    uint32_t *categories;
    double *vectors;
};

static enum hn_status make_tables(struct reader *r, const struct hn_doc *trees, struct tables *t)
{
    struct hn_forest *f = &r->model->forest;
    size_t n_vectors = 0;
    for (size_t i = 0; i < trees->n; i++) {
        struct lists l = {0};
        const struct hn_doc *categories = hn_doc_get(&trees->items[i], "categories");
        r->tree = i;
        HN_TRY(get_lists(r, &trees->items[i], &l));
        if (is_list(categories)) f->n_categories += categories->n;
        if (l.width > 1) n_vectors += l.n;
    }
    t->categories = hn_arena_alloc(&f->arena, f->n_categories, sizeof *t->categories);
    if (!hn_mul(n_vectors, f->n_targets, &f->n_vectors)) return fail_nomem(r);
    t->vectors = hn_arena_alloc(&f->arena, f->n_vectors, sizeof *t->vectors);
    f->trees = hn_arena_alloc(&f->arena, trees->n, sizeof *f->trees);
    if (!t->categories || !t->vectors || !f->trees) return fail_nomem(r);
    f->categories = t->categories;
    f->vectors = t->vectors;
    f->n_trees = trees->n;
    return HN_OK;
}

static enum hn_status read_tree(struct reader *r, const struct hn_doc *tree, struct tables *t,
                                size_t *n_categories, size_t *n_vectors)
{
    struct hn_forest *f = &r->model->forest;
    struct hn_forest_tree *out = &f->trees[r->tree];
    struct lists l = {0};
    HN_TRY(get_lists(r, tree, &l));
    out->n = l.n;
    out->weight = 1;
    if (l.width > 1) out->target = HN_FOREST_VECTOR;
    out->nodes = hn_arena_alloc(&f->arena, l.n, sizeof *out->nodes);
    if (!out->nodes) return fail_nomem(r);
    for (size_t i = 0; i < l.n; i++) {
        HN_TRY(read_node(r, &l, i, &out->nodes[i]));
        if (l.width == 1 || out->nodes[i].test != HN_TEST_LEAF) continue;
        out->nodes[i].first = *n_vectors;
        *n_vectors += l.width;
        HN_TRY(read_vector(r, &l, i, t->vectors, &out->nodes[i]));
    }
    HN_TRY(read_categories(r, tree, out, t->categories, n_categories));
    return check_types(r, tree, out);
}

static enum hn_status read_trees(struct reader *r, const struct hn_doc *model)
{
    struct hn_forest *f = &r->model->forest;
    const struct hn_doc *trees = hn_doc_get(model, "trees");
    const struct hn_doc *info = hn_doc_get(model, "tree_info");
    struct tables tables = {0};
    size_t n_categories = 0;
    size_t n_vectors = 0;
    if (!is_list(trees)) return fail(r, "trees", "a list is missing");
    if (trees->n > HN_XGB_MAX_TREES) return fail(r, "trees", "too many");
    if (trees->n == 0) return HN_OK;
    if (trees->kind != HN_DOC_LIST) return fail(r, "trees", "not objects");
    if (!is_list(info) || info->n != trees->n)
        return fail(r, "tree_info", "not a number for each tree");
    HN_TRY(make_tables(r, trees, &tables));
    for (r->tree = 0; r->tree < trees->n; r->tree++) {
        double target;
        HN_TRY(whole_at(r, info, "tree_info", r->tree, 0, (double)f->n_targets - 1, &target));
        f->trees[r->tree].target = (int32_t)target;
        HN_TRY(read_tree(r, &trees->items[r->tree], &tables, &n_categories, &n_vectors));
    }
    return HN_OK;
}

/* dart: how often each tree counts. */
static enum hn_status read_weights(struct reader *r, const struct hn_doc *weights)
{
    struct hn_forest *f = &r->model->forest;
    if (!is_list(weights) || weights->n > f->n_trees)
        return fail(r, "weight_drop", "not a number for each tree");
    for (size_t i = 0; i < weights->n; i++) {
        double v;
        if (!hn_doc_number_at(weights, i, &v)) return fail(r, "weight_drop", "not a number");
        f->trees[i].weight = (float)v;
    }
    return HN_OK;
}

static enum hn_status read_booster(struct reader *r, const struct hn_doc *booster)
{
    const struct hn_doc *name = hn_doc_get(booster, "name");
    const struct hn_doc *trees = booster;
    if (!name || name->kind != HN_DOC_TEXT) return fail(r, "gradient_booster", "it has no name");
    const bool dart = hn_str_is(name->text, "dart");
    if (dart) trees = hn_doc_get(booster, "gbtree");
    else if (!hn_str_is(name->text, "gbtree"))
        return hn_fail(r->err, HN_E_UNSUPPORTED,
                       "%s: a booster of kind '%.*s': gbtree and dart are read", r->what,
                       HN_FMT(name->text));
    const struct hn_doc *model = hn_doc_get(trees, "model");
    HN_TRY(read_trees(r, model));
    HN_TRY(hn_category_names_xgb(hn_doc_get(model, "cats"), r->what, &r->model->forest, r->err));
    /* Since 3.4 the weights stand with the trees. */
    const struct hn_doc *weights = hn_doc_get(dart ? booster : model, "weight_drop");
    return weights || dart ? read_weights(r, weights) : HN_OK;
}

static unsigned version_of(const struct hn_doc *version)
{
    double major, minor;
    if (!is_list(version) || version->n < 2 || !hn_doc_number_at(version, 0, &major) ||
        !hn_doc_number_at(version, 1, &minor))
        return 0;
    if (!(major >= 0 && major < 100 && minor >= 0 && minor < 100)) return 0;
    return 100 * (unsigned)major + (unsigned)minor;
}

static enum hn_status read_learner(struct reader *r, const struct hn_doc *top)
{
    struct hn_forest *f = &r->model->forest;
    const struct hn_doc *learner = hn_doc_get(top, "learner");
    const struct hn_doc *param = hn_doc_get(learner, "learner_model_param");
    const struct hn_doc *objective = hn_doc_get(hn_doc_get(learner, "objective"), "name");
    size_t n_targets;
    if (!param) return fail(r, "learner", "this is no model of XGBoost");
    HN_TRY(read_size(r, param, "num_feature", HN_XGB_MAX_FEATURES, -1, &f->n_features));
    HN_TRY(read_size(r, param, "num_class", HN_XGB_MAX_TARGETS, 0, &r->model->n_classes));
    HN_TRY(read_size(r, param, "num_target", HN_XGB_MAX_TARGETS, 1, &n_targets));
    f->n_targets = hn_max(hn_max(r->model->n_classes, n_targets), 1);
    HN_TRY(read_base_score(r, hn_doc_get(param, "base_score")));
    if (objective && objective->kind == HN_DOC_TEXT) r->model->objective = objective->text;
    r->model->version = version_of(hn_doc_get(top, "version"));
    HN_TRY(read_names(r, hn_doc_get(learner, "feature_names")));
    HN_TRY(read_classes(r, hn_doc_get(learner, "attributes")));
    return read_booster(r, hn_doc_get(learner, "gradient_booster"));
}

enum hn_status hn_xgb_parse(struct hn_str bytes, const char *what, struct hn_xgb *out,
                            struct hn_error *err)
{
    struct hn_doc top;
    *out = (struct hn_xgb){.objective = HN_STR("reg:squarederror")};
    struct reader r = {.model = out, .what = what, .err = err};
    HN_TRY(hn_doc_parse(bytes, what, &out->forest.arena, &top, err));
    return read_learner(&r, &top);
}

void hn_xgb_close(struct hn_xgb *model)
{
    hn_arena_free(&model->forest.arena);
}
