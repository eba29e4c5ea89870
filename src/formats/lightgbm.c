#include "formats/lightgbm.h"

#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "formats/category_names.h"
#include "formats/document.h"

enum { CATEGORICAL = 1, DEFAULT_LEFT = 2, MISSING_SHIFT = 2, MISSING_MASK = 3 };

/* What a tree's lines say, as text. */
struct block {
    struct hn_str leaves, categories, linear;
    struct hn_str feature, threshold, decision, left, right, value;
    struct hn_str leaf_count, internal_count;
    struct hn_str boundaries, words;
    struct hn_str constants, terms, term_features, coefficients;
};

struct reader {
    struct hn_lgb *model;
    const char *what;
    struct hn_str rest; /* of the file */
    size_t tree;
    struct hn_buf sets;       /* struct set, of the tree */
    struct hn_buf categories; /* uint32_t, of all trees */
    struct hn_buf terms;      /* struct hn_forest_term, likewise */
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

/* --- text ---------------------------------------------------------------------------------------- */

/* The text up to `end`, which is skipped. */
static struct hn_str cut(struct hn_str *rest, char end)
{
    if (rest->n == 0) return (struct hn_str){"", 0};
    const char *p = memchr(rest->p, end, rest->n);
    const struct hn_str part = {rest->p, p ? (size_t)(p - rest->p) : rest->n};
    const size_t skip = part.n + (p != NULL);
    *rest = (struct hn_str){rest->p + skip, rest->n - skip};
    return part;
}

static struct hn_str next_line(struct hn_str *rest)
{
    struct hn_str line = cut(rest, '\n');
    if (line.n && line.p[line.n - 1] == '\r') line.n--;
    return line;
}

/* The next word, between single blanks. */
static struct hn_str next_word(struct hn_str *rest)
{
    while (rest->n && rest->p[0] == ' ')
        *rest = (struct hn_str){rest->p + 1, rest->n - 1};
    return cut(rest, ' ');
}

static size_t count_words(struct hn_str text)
{
    size_t n = 0;
    while (next_word(&text).n)
        n++;
    return n;
}

static bool read_whole(struct hn_str text, double least, double most, double *out)
{
    return hn_doc_real_from(text, out) && *out == floor(*out) && *out >= least && *out <= most;
}

/* The next number of a list, a whole one in [least, most]. */
static enum hn_status next_whole(const struct reader *r, struct hn_str *list, const char *field,
                                 double least, double most, double *out)
{
    if (read_whole(next_word(list), least, most, out)) return HN_OK;
    return fail_tree(r, field, "a number is missing, or out of range");
}

static enum hn_status next_real(const struct reader *r, struct hn_str *list, const char *field,
                                double *out)
{
    if (hn_doc_real_from(next_word(list), out)) return HN_OK;
    return fail_tree(r, field, "a number is missing");
}

/* --- trees --------------------------------------------------------------------------------------- */

static struct hn_str *field_of(struct block *b, struct hn_str key)
{
    const struct {
        const char *key;
        struct hn_str *to;
    } fields[] = {{"num_leaves", &b->leaves},
                  {"num_cat", &b->categories},
                  {"is_linear", &b->linear},
                  {"split_feature", &b->feature},
                  {"threshold", &b->threshold},
                  {"decision_type", &b->decision},
                  {"left_child", &b->left},
                  {"right_child", &b->right},
                  {"leaf_value", &b->value},
                  {"leaf_count", &b->leaf_count},
                  {"internal_count", &b->internal_count},
                  {"cat_boundaries", &b->boundaries},
                  {"cat_threshold", &b->words},
                  {"leaf_const", &b->constants},
                  {"num_features", &b->terms},
                  {"leaf_features", &b->term_features},
                  {"leaf_coeff", &b->coefficients}};
    for (size_t i = 0; i < HN_COUNT(fields); i++)
        if (hn_str_is(key, fields[i].key)) return fields[i].to;
    return NULL;
}

/* The lines behind "Tree=", up to an empty one or the next tree. */
static void read_block(struct reader *r, struct block *b)
{
    *b = (struct block){0};
    while (r->rest.n) {
        struct hn_str after = r->rest;
        struct hn_str line = next_line(&after);
        if (line.n == 0 || hn_str_starts(line, HN_STR("Tree="))) return;
        const struct hn_str key = cut(&line, '=');
        struct hn_str *to = field_of(b, key);
        if (to) *to = line;
        r->rest = after;
    }
}

/* A child: a node, or the complement of a leaf's number. Leaves stand behind the nodes. */
static int32_t child_of(double child, size_t n_leaves)
{
    return child >= 0 ? (int32_t)child : (int32_t)((double)n_leaves - 2 - child);
}

/* A set of categories: what of the forest's table is its own. */
struct set {
    size_t first, count;
};

/* The bits of one set's words become categories. */
static enum hn_status read_set(struct reader *r, struct hn_str *words, uint32_t n, struct set *set)
{
    set->first = r->categories.n / sizeof(uint32_t);
    for (uint32_t i = 0; i < n; i++) {
        double word;
        HN_TRY(next_whole(r, words, "cat_threshold", 0, UINT32_MAX, &word));
        for (uint32_t bit = 0; bit < 32; bit++) {
            const uint32_t category = 32 * i + bit;
            if (!((uint32_t)word >> bit & 1)) continue;
            if (hn_buf_add(&r->categories, &category, sizeof category) < 0) return fail_nomem(r);
            set->count++;
        }
    }
    return HN_OK;
}

/* The tree's sets, in the reader's memory. */
static enum hn_status read_sets(struct reader *r, const struct block *b)
{
    struct hn_str bounds = b->boundaries;
    struct hn_str words = b->words;
    double n = 0, from, to;
    hn_buf_clear(&r->sets);
    if (b->categories.n && !read_whole(b->categories, 0, 1 << 24, &n))
        return fail_tree(r, "num_cat", "not a count");
    if (n == 0) return HN_OK;
    HN_TRY(next_whole(r, &bounds, "cat_boundaries", 0, 0, &from));
    for (double i = 0; i < n; i++, from = to) {
        struct set set = {0};
        HN_TRY(next_whole(r, &bounds, "cat_boundaries", from, 1 << 24, &to));
        HN_TRY(read_set(r, &words, (uint32_t)(to - from), &set));
        if (hn_buf_add(&r->sets, &set, sizeof set) < 0) return fail_nomem(r);
    }
    return HN_OK;
}

/* What stands in the lists at the place of one node, and moves on. */
static enum hn_status read_node(struct reader *r, struct block *at, size_t n_leaves,
                                struct hn_forest_node *node)
{
    const double leaves = (double)n_leaves;
    double feature, decision = 0, left, right;
    HN_TRY(next_whole(r, &at->feature, "split_feature", 0, UINT32_MAX, &feature));
    HN_TRY(next_real(r, &at->threshold, "threshold", &node->value));
    HN_TRY(next_whole(r, &at->left, "left_child", -leaves, leaves - 2, &left));
    HN_TRY(next_whole(r, &at->right, "right_child", -leaves, leaves - 2, &right));
    if (at->decision.n) HN_TRY(next_whole(r, &at->decision, "decision_type", -128, 255, &decision));
    if (at->internal_count.n)
        HN_TRY(next_real(r, &at->internal_count, "internal_count", &node->cover));
    const unsigned type = (unsigned)(int)decision;
    const unsigned missing = type >> MISSING_SHIFT & MISSING_MASK;
    static const uint8_t kinds[] = {HN_MISSING_NONE, HN_MISSING_ZERO, HN_MISSING_NAN};
    if (missing >= HN_COUNT(kinds)) return fail_tree(r, "decision_type", "an unknown kind");
    node->feature = (uint32_t)feature;
    node->left = child_of(left, n_leaves);
    node->right = child_of(right, n_leaves);
    node->missing = kinds[missing];
    node->missing_left = (type & DEFAULT_LEFT) != 0;
    node->test = HN_TEST_LESS_EQUAL;
    if (!(type & CATEGORICAL)) return HN_OK;
    node->test = HN_TEST_CATEGORY_TRUNCATED;
    node->missing = HN_MISSING_NAN;
    node->missing_left = false;
    if (!(node->value >= 0 && node->value < (double)(r->sets.n / sizeof(struct set))))
        return fail_tree(r, "threshold", "a set of categories that is not there");
    struct set set;
    memcpy(&set, r->sets.p + (size_t)node->value * sizeof set, sizeof set);
    node->first = set.first;
    node->count = set.count;
    return HN_OK;
}

static enum hn_status read_terms(struct reader *r, struct block *at, struct hn_forest_node *node)
{
    double n = 0;
    if (at->constants.n) HN_TRY(next_real(r, &at->constants, "leaf_const", &node->intercept));
    if (at->terms.n) HN_TRY(next_whole(r, &at->terms, "num_features", 0, 1 << 24, &n));
    node->first = r->terms.n / sizeof(struct hn_forest_term);
    for (; node->count < (size_t)n; node->count++) {
        struct hn_forest_term term = {0};
        double feature;
        HN_TRY(next_whole(r, &at->term_features, "leaf_features", 0, UINT32_MAX, &feature));
        HN_TRY(next_real(r, &at->coefficients, "leaf_coeff", &term.coefficient));
        term.feature = (uint32_t)feature;
        if (hn_buf_add(&r->terms, &term, sizeof term) < 0) return fail_nomem(r);
    }
    return HN_OK;
}

static enum hn_status read_tree(struct reader *r)
{
    struct hn_forest *f = &r->model->forest;
    struct hn_forest_tree *tree = &f->trees[r->tree];
    struct block b;
    double n_leaves, linear = 0;
    read_block(r, &b);
    if (!read_whole(b.leaves, 1, INT32_MAX / 2, &n_leaves))
        return fail_tree(r, "num_leaves", "not a count");
    if (b.linear.n && !read_whole(b.linear, 0, 1, &linear))
        return fail_tree(r, "is_linear", "neither 0 nor 1");
    const size_t leaves = (size_t)n_leaves;
    /* A number takes a byte and a blank. */
    if (leaves > b.value.n / 2 + 1) return fail_tree(r, "leaf_value", "it is too short");
    *tree = (struct hn_forest_tree){.n = 2 * leaves - 1,
                                    .target = (int32_t)(r->tree % f->n_targets),
                                    .weight = 1,
                                    .linear = linear == 1,
                                    .first_leaf = (int32_t)leaves - 1};
    tree->nodes = hn_arena_alloc(&f->arena, tree->n, sizeof *tree->nodes);
    if (!tree->nodes) return fail_nomem(r);
    HN_TRY(read_sets(r, &b));
    struct block at = b; /* each list moves on */
    for (size_t i = 0; i + 1 < leaves; i++)
        HN_TRY(read_node(r, &at, leaves, &tree->nodes[i]));
    for (size_t i = leaves - 1; i < tree->n; i++) {
        struct hn_forest_node *leaf = &tree->nodes[i];
        HN_TRY(next_real(r, &at.value, "leaf_value", &leaf->value));
        if (at.leaf_count.n) HN_TRY(next_real(r, &at.leaf_count, "leaf_count", &leaf->cover));
        if (tree->linear) HN_TRY(read_terms(r, &at, leaf));
    }
    return HN_OK;
}

/* --- the file ------------------------------------------------------------------------------------ */

static enum hn_status read_names(struct reader *r, struct hn_str text)
{
    struct hn_forest *f = &r->model->forest;
    if (count_words(text) != f->n_features)
        return fail(r, "feature_names", "not a name for each feature");
    struct hn_str *names = hn_arena_alloc(&f->arena, f->n_features, sizeof *names);
    if (!names) return fail_nomem(r);
    for (size_t i = 0; i < f->n_features; i++)
        names[i] = next_word(&text);
    f->feature_names = names;
    return HN_OK;
}

/* "multiclassova num_class:3 sigmoid:1" */
static enum hn_status read_objective(struct reader *r, struct hn_str text)
{
    r->model->objective = next_word(&text);
    for (struct hn_str word; (word = next_word(&text)).n;) {
        if (hn_str_is(word, "sqrt")) r->model->root = true;
        if (!hn_str_starts(word, HN_STR("sigmoid:"))) continue;
        (void)cut(&word, ':');
        if (!hn_doc_real_from(word, &r->model->sigmoid) || !isfinite(r->model->sigmoid))
            return fail(r, "objective", "sigmoid is no number");
    }
    return HN_OK;
}

struct header {
    struct hn_str classes, per_iteration, max_feature, names, infos, objective, sizes;
    bool average;
};

/* The lines before the first tree. */
static void read_header(struct reader *r, struct header *h)
{
    const struct {
        const char *key;
        struct hn_str *to;
    } fields[] = {
        {"num_class", &h->classes},           {"num_tree_per_iteration", &h->per_iteration},
        {"max_feature_idx", &h->max_feature}, {"feature_names", &h->names},
        {"objective", &h->objective},         {"tree_sizes", &h->sizes},
        {"feature_infos", &h->infos}};
    while (r->rest.n) {
        struct hn_str after = r->rest;
        struct hn_str line = next_line(&after);
        if (hn_str_starts(line, HN_STR("Tree=")) || hn_str_is(line, "end of trees")) return;
        const struct hn_str key = cut(&line, '=');
        for (size_t i = 0; i < HN_COUNT(fields); i++)
            if (hn_str_is(key, fields[i].key)) *fields[i].to = line;
        if (hn_str_is(key, "average_output")) h->average = true;
        r->rest = after;
    }
}

static size_t count_trees(struct hn_str rest)
{
    size_t n = 0;
    while (rest.n)
        n += hn_str_starts(next_line(&rest), HN_STR("Tree="));
    return n;
}

static enum hn_status read_trees(struct reader *r)
{
    struct hn_forest *f = &r->model->forest;
    f->n_trees = count_trees(r->rest);
    if (f->n_trees > HN_LGB_MAX_TREES) return fail(r, "trees", "too many");
    f->trees = hn_arena_alloc(&f->arena, f->n_trees, sizeof *f->trees);
    if (!f->trees) return fail_nomem(r);
    while (r->tree < f->n_trees) {
        if (!hn_str_starts(next_line(&r->rest), HN_STR("Tree="))) continue;
        HN_TRY(read_tree(r));
        r->tree++;
    }
    return HN_OK;
}

/* A file that was cut ends in its trees, or before them; whole ones say how many there are, and go on
 * behind them. Those of before 2.1 do not count. */
static enum hn_status check_whole(struct reader *r, const struct header *h)
{
    const size_t n = r->model->forest.n_trees;
    if (h->sizes.p && count_words(h->sizes) != n)
        return hn_fail(r->err, HN_E_FORMAT, "%s: tree_sizes: %zu of them, but %zu trees are there",
                       r->what, count_words(h->sizes), n);
    if (n && !h->sizes.p) return HN_OK;
    while (r->rest.n)
        if (next_line(&r->rest).n) return HN_OK;
    return fail(r, "trees", "the file ends before they do");
}

static enum hn_status read_file(struct reader *r)
{
    struct hn_forest *f = &r->model->forest;
    struct header h = {0};
    double v;
    read_header(r, &h);
    if (!read_whole(h.max_feature, 0, HN_LGB_MAX_FEATURES - 1, &v))
        return fail(r, "max_feature_idx", "not the number of a feature");
    f->n_features = (size_t)v + 1;
    if (!read_whole(h.per_iteration.n ? h.per_iteration : h.classes, 1, HN_LGB_MAX_TARGETS, &v))
        return fail(r, "num_tree_per_iteration", "not a count");
    f->n_targets = (size_t)v;
    HN_TRY(read_names(r, h.names));
    HN_TRY(read_objective(r, h.objective));
    HN_TRY(read_trees(r));
    HN_TRY(hn_category_names_lgb(r->rest, h.infos, r->what, f, r->err));
    HN_TRY(check_whole(r, &h));
    if (h.average) r->model->average_over = hn_max(f->n_trees / f->n_targets, 1);
    return HN_OK;
}

/* A table of the forest, copied from where it grew. */
static void *keep(struct hn_arena *arena, const struct hn_buf *from)
{
    void *to = hn_arena_alloc(arena, from->n, 1);
    if (to && from->n) memcpy(to, from->p, from->n);
    return to;
}

enum hn_status hn_lgb_parse(struct hn_str bytes, const char *what, struct hn_lgb *out,
                            struct hn_error *err)
{
    *out = (struct hn_lgb){.forest.wide = true, .sigmoid = 1, .average_over = 1};
    struct reader r = {.model = out, .what = what, .rest = bytes, .err = err};
    struct hn_forest *f = &out->forest;
    enum hn_status status = read_file(&r);
    if (status == HN_OK) {
        f->categories = keep(&f->arena, &r.categories);
        f->n_categories = r.categories.n / sizeof *f->categories;
        f->terms = keep(&f->arena, &r.terms);
        f->n_terms = r.terms.n / sizeof *f->terms;
        if (!f->categories || !f->terms) status = fail_nomem(&r);
    }
    hn_buf_free(&r.categories);
    hn_buf_free(&r.terms);
    hn_buf_free(&r.sets);
    return status;
}

void hn_lgb_close(struct hn_lgb *model)
{
    hn_arena_free(&model->forest.arena);
}
