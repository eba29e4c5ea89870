#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "model/trees_column.h"
#include "model/trees_shap.h"

/* Fewer rows walk one by one: deciding every node for a block costs about as much as so many walks. */
enum { FEW_ROWS = 12, SMALLEST_BLOCK = 64, BLOCK_SIZES = 3 };

/* What one thread works in. */
struct scratch {
    uint8_t *bytes;              /* [n_byte_columns][HN_TREE_ROWS] */
    uint8_t *slots[BLOCK_SIZES]; /* [HN_TREE_SLOTS][SMALLEST_BLOCK << i] */
    void *features;              /* [HN_TREE_ROWS] of the forest's type */
    void *sums;                  /* [n_targets][HN_TREE_ROWS] likewise */
    double *columns; /* [n_columns] of one row; [HN_TREE_ROWS][n_columns] where trees are large */
};

struct explain {
    struct hn_shap_part *path;
    double *phi; /* [n_targets][n_features + 1] */
};

struct hn_trees_run {
    const struct hn_trees *trees;
    struct hn_pool *pool;
    struct scratch *scratch; /* [threads] */
    size_t block_columns;    /* rows of scratch.columns */
    struct hn_arena arena;
    /* For contributions, made when first asked for. */
    double *expected;        /* [n_targets] */
    struct explain *explain; /* [threads] */
    /* The job at hand. */
    const void *x;
    size_t rows;
    void *out;
    size_t tile_rows;
};

static size_t width_of(const struct hn_trees *t)
{
    return t->wide ? sizeof(double) : sizeof(float);
}

static bool has_large_trees(const struct hn_trees *t)
{
    for (size_t i = 0; i < t->n_trees; i++)
        if (t->trees[i].n_leaves > HN_TREE_LEAVES) return true;
    return false;
}

static bool make_scratch(struct hn_trees_run *run, struct scratch *s)
{
    const struct hn_trees *t = run->trees;
    size_t columns;
    if (!hn_mul(t->n_columns, run->block_columns, &columns)) return false;
    s->bytes = hn_arena_alloc(&run->arena, t->n_byte_columns, HN_TREE_ROWS);
    s->features = hn_arena_alloc(&run->arena, HN_TREE_ROWS, width_of(t));
    s->sums = hn_arena_alloc(&run->arena, t->n_targets, HN_TREE_ROWS * width_of(t));
    s->columns = hn_arena_alloc(&run->arena, columns, sizeof *s->columns);
    if (!s->bytes || !s->features || !s->sums || !s->columns) return false;
    for (int size = 0; size < BLOCK_SIZES; size++) {
        const size_t rows = (size_t)SMALLEST_BLOCK << size;
        s->slots[size] = hn_arena_alloc(&run->arena, HN_TREE_SLOTS, rows);
        if (!s->slots[size]) return false;
        for (size_t i = 0; i < HN_TREE_LEAVES; i++)
            memset(s->slots[size] + i * rows, (int)i, rows);
    }
    return true;
}

enum hn_status hn_trees_run_begin(const struct hn_trees *trees, struct hn_pool *pool,
                                  struct hn_trees_run **out, struct hn_error *err)
{
    const size_t threads = pool ? hn_pool_threads(pool) : 1;
    struct hn_trees_run *run = calloc(1, sizeof *run);
    *out = run;
    if (!run) return hn_fail_nomem(err, "a run of trees", sizeof *run);
    run->trees = trees;
    run->pool = pool;
    run->block_columns = has_large_trees(trees) ? HN_TREE_ROWS : 1;
    run->scratch = hn_arena_alloc(&run->arena, threads, sizeof *run->scratch);
    bool made = run->scratch != NULL;
    for (size_t i = 0; i < threads && made; i++)
        made = make_scratch(run, &run->scratch[i]);
    if (made) return HN_OK;
    const size_t bytes = run->arena.used;
    hn_trees_run_end(run);
    *out = NULL;
    return hn_fail_nomem(err, "a run of trees", bytes);
}

void hn_trees_run_end(struct hn_trees_run *run)
{
    if (!run) return;
    hn_arena_free(&run->arena);
    free(run);
}

static const void *row_of(const struct hn_trees_run *run, size_t row)
{
    return (const char *)run->x + row * run->trees->n_features * width_of(run->trees);
}

static double feature_of(const struct hn_trees *t, const void *row, size_t feature)
{
    return t->wide ? ((const double *)row)[feature] : (double)((const float *)row)[feature];
}

static void fill_columns(const struct hn_trees *t, const void *row, double *columns)
{
    for (size_t i = 0; i < t->n_columns; i++)
        columns[i] =
            hn_trees_column_value(t, &t->columns[i], feature_of(t, row, t->columns[i].feature));
}

/* The leaf that a row's columns lead to, as a place in the tree's nodes. Leaves lead to themselves, so
 * that the walks of a tree are equally long and the processor has several under way. */
static uint32_t walk(const struct hn_trees *t, const struct hn_trees_tree *tree,
                     const double *columns)
{
    const struct hn_trees_node *nodes = t->nodes + tree->first_node;
    uint32_t at = 0;
    for (uint32_t d = tree->depth; d > 0; d--)
        at = nodes[at].left + (columns[nodes[at].column] >= nodes[at].threshold);
    return at;
}

static double value_at(const struct hn_trees *t, size_t at)
{
    return t->wide ? t->values[at] : (double)t->narrow_values[at];
}

/* A sum so far and what a leaf adds; in float where the forest is not wide. */
static double combine(const struct hn_trees *t, double sum, double value)
{
    if (t->sum == HN_FOREST_MIN) return value < sum ? value : sum;
    if (t->sum == HN_FOREST_MAX) return value > sum ? value : sum;
    return t->wide ? sum + value : (double)((float)sum + (float)value);
}

/* Where sums start. */
static double start_of(const struct hn_trees *t, size_t target)
{
    return t->sum == HN_FOREST_SUM   ? t->base[target]
           : t->sum == HN_FOREST_MIN ? INFINITY
                                     : -INFINITY;
}

/* What comes out: an output that no tree adds to has no least and no largest value. */
static double finish(const struct hn_trees *t, size_t target, double sum)
{
    if (t->sum == HN_FOREST_SUM) return sum;
    const double base = t->base[target];
    const double value = isinf(sum) ? base : base + sum;
    return t->wide ? value : (double)(float)value;
}

static double sum_at(const struct hn_trees *t, const void *sums, size_t at)
{
    return t->wide ? ((const double *)sums)[at] : (double)((const float *)sums)[at];
}

static void set_sum(const struct hn_trees *t, void *sums, size_t at, double value)
{
    if (t->wide) ((double *)sums)[at] = value;
    else ((float *)sums)[at] = (float)value;
}

/* What a linear leaf comes to for a row. */
static double linear_value(const struct hn_trees *t, size_t at, const void *row)
{
    const struct hn_trees_linear *linear = &t->linear[at];
    double value = linear->intercept;
    for (size_t i = 0; i < linear->count; i++) {
        const struct hn_forest_term *term = &t->terms[linear->first + i];
        const double x = feature_of(t, row, term->feature);
        if (isnan(x)) return value_at(t, at);
        value += term->coefficient * x;
    }
    return value;
}

/* Adds a row's leaf to sums that lie `step` apart. */
static void add_leaf(const struct hn_trees *t, const struct hn_trees_tree *tree, size_t leaf,
                     const void *row, void *sums, size_t at, size_t step)
{
    const bool vector = tree->target == HN_FOREST_VECTOR;
    const size_t n = vector ? t->n_targets : 1;
    const size_t first = vector ? 0 : (size_t)tree->target;
    for (size_t i = 0; i < n; i++) {
        const size_t place = at + (first + i) * step;
        const size_t from = tree->first_value + i * tree->n_leaves + leaf;
        const double value = tree->linear ? linear_value(t, from, row) : value_at(t, from);
        set_sum(t, sums, place, combine(t, sum_at(t, sums, place), value));
    }
}

/* The usual row: each tree's leaf adds one float to one sum. */
static void sum_row_f32(const struct hn_trees *t, const double *columns, float *out)
{
    for (size_t i = 0; i < t->n_trees; i++) {
        const struct hn_trees_tree *tree = &t->trees[i];
        const uint32_t at = walk(t, tree, columns);
        out[tree->target] +=
            t->narrow_values[tree->first_value + t->leaves[tree->first_node + at].leaf];
    }
}

static void sum_row(const struct hn_trees_run *run, struct scratch *s, size_t row)
{
    const struct hn_trees *t = run->trees;
    void *out = (char *)run->out + row * t->n_targets * width_of(t);
    fill_columns(t, row_of(run, row), s->columns);
    for (size_t i = 0; i < t->n_targets; i++)
        set_sum(t, out, i, start_of(t, i));
    if (t->plain) {
        sum_row_f32(t, s->columns, out);
        return;
    }
    for (size_t i = 0; i < t->n_trees; i++) {
        const struct hn_trees_tree *tree = &t->trees[i];
        const uint32_t at = walk(t, tree, s->columns);
        add_leaf(t, tree, t->leaves[tree->first_node + at].leaf, row_of(run, row), out, 0, 1);
    }
    for (size_t i = 0; i < t->n_targets; i++)
        set_sum(t, out, i, finish(t, i, sum_at(t, out, i)));
}

/* Rows of a block: so many are there, and its length is the next that blocks have. Those past the end
 * repeat the last. */
struct block {
    size_t first, n;
    int size; /* of the lengths */
    size_t rows;
};

static struct block block_of(size_t first, size_t n)
{
    struct block b = {.first = first, .n = n, .rows = SMALLEST_BLOCK};
    for (; b.rows < n; b.size++)
        b.rows *= 2;
    return b;
}

/* A feature of the block's rows, with NaN where it is missing. */
static void take_feature(const struct hn_trees_run *run, struct scratch *s, const struct block *b,
                         uint32_t feature, uint8_t missing)
{
    const struct hn_trees *t = run->trees;
    if (t->wide) {
        const double *x = (const double *)row_of(run, b->first) + feature;
        double *to = s->features;
        for (size_t i = 0; i < b->n; i++)
            to[i] = x[i * t->n_features];
        for (size_t i = 0; missing != HN_MISSING_NAN && i < b->n; i++)
            to[i] = hn_trees_settle(missing, to[i]);
        for (size_t i = b->n; i < b->rows; i++)
            to[i] = to[b->n - 1];
        return;
    }
    const float *x = (const float *)row_of(run, b->first) + feature;
    float *to = s->features;
    for (size_t i = 0; i < b->n; i++)
        to[i] = x[i * t->n_features];
    for (size_t i = 0; missing != HN_MISSING_NAN && i < b->n; i++)
        to[i] = (float)hn_trees_settle(missing, (double)to[i]);
    for (size_t i = b->n; i < b->rows; i++)
        to[i] = to[b->n - 1];
}

static void fill_bytes(const struct hn_trees_run *run, struct scratch *s, const struct block *b)
{
    const struct hn_trees *t = run->trees;
    for (size_t i = 0; i < t->n_bins; i++) {
        const struct hn_trees_bin *bin = &t->bins[i];
        uint8_t *sides[2] = {NULL, NULL};
        for (int side = 0; side < 2; side++)
            if (bin->column[side] != HN_TREES_NONE)
                sides[side] = s->bytes + (size_t)bin->column[side] * b->rows;
        take_feature(run, s, b, bin->feature, bin->missing);
        if (t->wide)
            t->kernels->tree_bin_f64(sides[0], sides[1], s->features, b->rows,
                                     t->thresholds + bin->first, bin->count);
        else
            t->kernels->tree_bin_f32(sides[0], sides[1], s->features, b->rows,
                                     t->narrow_thresholds + bin->first, bin->count);
    }
    for (size_t i = 0; i < t->n_columns; i++) {
        const struct hn_trees_column *column = &t->columns[i];
        if (column->test == HN_TEST_LESS) continue;
        uint8_t *bytes = s->bytes + (size_t)t->byte_column[i] * b->rows;
        for (size_t r = 0; r < b->rows; r++) {
            const void *row = row_of(run, b->first + (r < b->n ? r : b->n - 1));
            bytes[r] = hn_trees_column_value(t, column, feature_of(t, row, column->feature)) != 0;
        }
    }
}

/* Adds a tree's leaves to the sums of a block. */
static void add_block(const struct hn_trees_run *run, const struct hn_trees_tree *tree,
                      const uint8_t *leaves, const struct block *b, void *sums)
{
    const struct hn_trees *t = run->trees;
    const bool vector = tree->target == HN_FOREST_VECTOR;
    const size_t n = vector ? t->n_targets : 1;
    const size_t first = vector ? 0 : (size_t)tree->target;
    if (t->sum != HN_FOREST_SUM || tree->linear) {
        for (size_t r = 0; r < b->n; r++)
            add_leaf(t, tree, leaves[r], row_of(run, b->first + r), sums, r, b->rows);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const size_t place = (first + i) * b->rows;
        const size_t value = tree->first_value + i * tree->n_leaves;
        if (t->wide)
            t->kernels->tree_add_f64((double *)sums + place, leaves, b->rows, t->values + value,
                                     tree->n_leaves);
        else
            t->kernels->tree_add_f32((float *)sums + place, leaves, b->rows,
                                     t->narrow_values + value, tree->n_leaves);
    }
}

/* A tree with too many leaves for a byte. */
static void walk_block(const struct hn_trees_run *run, struct scratch *s,
                       const struct hn_trees_tree *tree, const struct block *b)
{
    const struct hn_trees *t = run->trees;
    for (size_t r = 0; r < b->n; r++) {
        const uint32_t at = walk(t, tree, s->columns + r * t->n_columns);
        add_leaf(t, tree, t->leaves[tree->first_node + at].leaf, row_of(run, b->first + r), s->sums,
                 r, b->rows);
    }
}

static void sum_block(const struct hn_trees_run *run, struct scratch *s, const struct block *b)
{
    const struct hn_trees *t = run->trees;
    uint8_t *slots = s->slots[b->size];
    fill_bytes(run, s, b);
    if (run->block_columns > 1)
        for (size_t r = 0; r < b->n; r++)
            fill_columns(t, row_of(run, b->first + r), s->columns + r * t->n_columns);
    for (size_t i = 0; i < t->n_targets; i++)
        for (size_t r = 0; r < b->rows; r++)
            set_sum(t, s->sums, i * b->rows + r, start_of(t, i));
    for (size_t i = 0; i < t->n_trees; i++) {
        const struct hn_trees_tree *tree = &t->trees[i];
        if (tree->n_leaves > HN_TREE_LEAVES) {
            walk_block(run, s, tree, b);
            continue;
        }
        t->kernels->tree_steps(slots, s->bytes, b->rows, t->steps + tree->first_step,
                               tree->n_steps);
        add_block(run, tree, slots + (tree->n_steps ? HN_TREE_LEAVES * b->rows : 0), b, s->sums);
    }
    for (size_t r = 0; r < b->n; r++)
        for (size_t i = 0; i < t->n_targets; i++)
            set_sum(t, run->out, (b->first + r) * t->n_targets + i,
                    finish(t, i, sum_at(t, s->sums, i * b->rows + r)));
}

static void sum_tile(void *arg, size_t tile, unsigned worker)
{
    const struct hn_trees_run *run = arg;
    const size_t first = tile * run->tile_rows;
    const struct block b = block_of(first, hn_min(run->rows - first, run->tile_rows));
    struct scratch *s = &run->scratch[worker];
    if (b.n >= FEW_ROWS) {
        sum_block(run, s, &b);
        return;
    }
    for (size_t r = 0; r < b.n; r++)
        sum_row(run, s, first + r);
}

/* Long blocks do best, as long as there are some for each thread. */
static size_t tile_rows_for(const struct hn_trees_run *run, size_t rows)
{
    const size_t threads = run->pool ? hn_pool_threads(run->pool) : 1;
    size_t tile = HN_TREE_ROWS;
    while (threads > 1 && tile > SMALLEST_BLOCK && rows / tile < 2 * threads)
        tile /= 2;
    return tile;
}

void hn_trees_sums(struct hn_trees_run *run, const void *x, size_t rows, void *out)
{
    run->tile_rows = tile_rows_for(run, rows);
    const size_t tiles = hn_div_up(rows, run->tile_rows);
    run->x = x;
    run->rows = rows;
    run->out = out;
    if (run->pool && tiles > 1) {
        hn_pool_run(run->pool, tiles, sum_tile, run);
        return;
    }
    for (size_t i = 0; i < tiles; i++)
        sum_tile(run, i, 0);
}

static void leaves_of_row(void *arg, size_t row, unsigned worker)
{
    const struct hn_trees_run *run = arg;
    const struct hn_trees *t = run->trees;
    double *columns = run->scratch[worker].columns;
    int32_t *out = (int32_t *)run->out + row * t->n_trees;
    fill_columns(t, row_of(run, row), columns);
    for (size_t i = 0; i < t->n_trees; i++)
        out[i] = t->leaves[t->trees[i].first_node + walk(t, &t->trees[i], columns)].number;
}

void hn_trees_leaves(struct hn_trees_run *run, const void *x, size_t rows, int32_t *out)
{
    run->x = x;
    run->rows = rows;
    run->out = out;
    if (run->pool && rows > FEW_ROWS) {
        hn_pool_run(run->pool, rows, leaves_of_row, run);
        return;
    }
    for (size_t i = 0; i < rows; i++)
        leaves_of_row(run, i, 0);
}

static enum hn_status make_explain(struct hn_trees_run *run, struct hn_error *err)
{
    const struct hn_trees *t = run->trees;
    const size_t threads = run->pool ? hn_pool_threads(run->pool) : 1;
    size_t n_phi;
    if (run->expected) return HN_OK;
    double *expected = hn_arena_alloc(&run->arena, t->n_targets, sizeof *expected);
    double *means = malloc((t->n_nodes + 1) * sizeof *means);
    run->explain = hn_arena_alloc(&run->arena, threads, sizeof *run->explain);
    bool made =
        expected && means && run->explain && hn_mul(t->n_targets, t->n_features + 1, &n_phi);
    for (size_t i = 0; i < threads && made; i++) {
        run->explain[i].path = hn_arena_alloc(&run->arena, hn_shap_path_bytes(t), 1);
        run->explain[i].phi = hn_arena_alloc(&run->arena, n_phi, sizeof(double));
        made = run->explain[i].path && run->explain[i].phi;
    }
    if (made) {
        for (size_t i = 0; i < t->n_targets; i++)
            expected[i] = t->base[i];
        hn_shap_expected(t, means, expected);
        run->expected = expected;
    }
    free(means);
    return made ? HN_OK : hn_fail_nomem(err, "contributions", run->arena.used);
}

static void explain_row(void *arg, size_t row, unsigned worker)
{
    const struct hn_trees_run *run = arg;
    const struct hn_trees *t = run->trees;
    const size_t width = t->n_features + 1;
    double *columns = run->scratch[worker].columns;
    double *phi = run->explain[worker].phi;
    memset(phi, 0, t->n_targets * width * sizeof *phi);
    fill_columns(t, row_of(run, row), columns);
    hn_shap_row(t, columns, run->explain[worker].path, phi);
    for (size_t i = 0; i < t->n_targets; i++)
        phi[i * width + width - 1] = run->expected[i];
    for (size_t i = 0; i < t->n_targets * width; i++)
        set_sum(t, run->out, row * t->n_targets * width + i, phi[i]);
}

enum hn_status hn_trees_contributions(struct hn_trees_run *run, const void *x, size_t rows,
                                      void *out, struct hn_error *err)
{
    if (run->trees->unexplained)
        return hn_fail(err, HN_E_UNSUPPORTED, "no contributions: %s", run->trees->unexplained);
    HN_TRY(make_explain(run, err));
    run->x = x;
    run->rows = rows;
    run->out = out;
    if (run->pool && rows > 1) {
        hn_pool_run(run->pool, rows, explain_row, run);
        return HN_OK;
    }
    for (size_t i = 0; i < rows; i++)
        explain_row(run, i, 0);
    return HN_OK;
}
