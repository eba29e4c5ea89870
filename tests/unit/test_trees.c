/* Trees made by hand: every test at the values where it turns, alone and in blocks, and trees that are
 * none. What the libraries make of trained models is tested in tests/golden. */
#include "unit.h"

#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "model/trees.h"

enum { ROWS = 70 }; /* a block, and rows that walk */

/* One node that asks about feature 0: 1 where the test holds, 2 where not. */
struct stump {
    struct hn_forest_node nodes[3];
    struct hn_forest_tree tree;
    struct hn_forest forest;
};

static void make_stump(struct stump *s, uint8_t test, uint8_t missing, bool missing_left,
                       double value)
{
    *s = (struct stump){.nodes = {{.left = 1,
                                   .right = 2,
                                   .test = test,
                                   .missing = missing,
                                   .missing_left = missing_left,
                                   .value = value,
                                   .cover = 2},
                                  {.value = 1, .cover = 1},
                                  {.value = 2, .cover = 1}},
                        .tree = {.n = 3, .weight = 1},
                        .forest = {.wide = true, .n_features = 1, .n_targets = 1, .n_trees = 1}};
    s->tree.nodes = s->nodes;
    s->forest.trees = &s->tree;
}

/* The sums of one feature's values, by both ways, at every level of this machine. */
static void sums_of(const struct hn_forest *f, double x, double *out)
{
    for (int level = HN_CPU_REF; level <= (int)hn_cpu_detect(); level++) {
        struct hn_trees *trees;
        struct hn_trees_run *run;
        struct hn_error err = {0};
        double rows[ROWS], sums[ROWS * 4], one[4];
        ck_assert_msg(
            hn_trees_build(f, hn_kernels_for((enum hn_cpu_level)level), "t", &trees, &err) == HN_OK,
            "%s", err.text);
        ck_assert_int_eq(hn_trees_run_begin(trees, NULL, &run, &err), HN_OK);
        for (int i = 0; i < ROWS; i++)
            rows[i] = x;
        hn_trees_sums(run, rows, ROWS, sums);
        hn_trees_sums(run, &x, 1, one);
        for (size_t i = 0; i < ROWS * f->n_targets; i++)
            ck_assert_msg(memcmp(&sums[i], &one[i % f->n_targets], sizeof *one) == 0,
                          "level %d, x %g: %g in a block, %g alone", level, x, sums[i],
                          one[i % f->n_targets]);
        memcpy(out, one, f->n_targets * sizeof *out);
        hn_trees_run_end(run);
        hn_trees_close(trees);
    }
}

static void expect_left(const struct stump *s, double x, bool left)
{
    double sum;
    sums_of(&s->forest, x, &sum);
    ck_assert_msg(sum == (left ? 1 : 2), "test %d against %g, x %g: %g", s->nodes[0].test,
                  s->nodes[0].value, x, sum);
}

static const double values[] = {0.0, -0.0,     1.0,       -1.0,  1e-35,  1e-34,    -1e-36,
                                3.5, INFINITY, -INFINITY, 1e300, -1e300, 4.9e-324, 2.0};

START_TEST(tests_turn_where_they_should)
{
    for (size_t v = 0; v < HN_COUNT(values); v++)
        for (size_t i = 0; i < HN_COUNT(values); i++) {
            const double t = values[v], x = values[i];
            struct stump s;
            make_stump(&s, HN_TEST_LESS, HN_MISSING_NAN, false, t);
            expect_left(&s, x, x < t);
            make_stump(&s, HN_TEST_LESS_EQUAL, HN_MISSING_NAN, true, t);
            expect_left(&s, x, x <= t);
            make_stump(&s, HN_TEST_EQUAL, HN_MISSING_NAN, false, t);
            expect_left(&s, x, x == t);
        }
}
END_TEST

START_TEST(missing_values_go_where_they_are_sent)
{
    static const double thresholds[] = {-INFINITY, -1, 0, 1, INFINITY, NAN};
    static const uint8_t tests[] = {HN_TEST_LESS, HN_TEST_LESS_EQUAL, HN_TEST_EQUAL, HN_TEST_MEMBER,
                                    HN_TEST_CATEGORY};
    for (size_t k = 0; k < HN_COUNT(tests); k++)
        for (size_t i = 0; i < HN_COUNT(thresholds); i++)
            for (int left = 0; left < 2; left++) {
                struct stump s;
                make_stump(&s, tests[k], HN_MISSING_NAN, left, thresholds[i]);
                expect_left(&s, NAN, left);
                make_stump(&s, tests[k], HN_MISSING_ZERO, left, thresholds[i]);
                expect_left(&s, NAN, left);
                expect_left(&s, -1e-36, left);
                if (tests[k] > HN_TEST_LESS_EQUAL) continue;
                make_stump(&s, tests[k], HN_MISSING_NONE, left, thresholds[i]);
                expect_left(&s, NAN,
                            tests[k] == HN_TEST_LESS ? 0 < thresholds[i] : 0 <= thresholds[i]);
            }
}
END_TEST

START_TEST(sets_hold_what_is_in_them)
{
    static const uint32_t categories[] = {0, 31, 32, 100};
    static const double members[] = {3, -2.5, INFINITY, 0};
    struct stump s;
    make_stump(&s, HN_TEST_CATEGORY, HN_MISSING_NAN, false, 0);
    s.forest.categories = categories;
    s.forest.n_categories = s.nodes[0].count = 4;
    const double in[] = {0, 0.9, 31, 32.5, 100};
    const double out[] = {-0.5, 1, 33, 99, 101, 1e9, INFINITY, -INFINITY, -1};
    for (size_t i = 0; i < HN_COUNT(in); i++)
        expect_left(&s, in[i], true);
    for (size_t i = 0; i < HN_COUNT(out); i++)
        expect_left(&s, out[i], false);
    s.nodes[0].test = HN_TEST_CATEGORY_TRUNCATED;
    expect_left(&s, -0.5, true);
    expect_left(&s, -1, false);
    make_stump(&s, HN_TEST_MEMBER, HN_MISSING_NAN, false, 0);
    s.forest.members = members;
    s.forest.n_members = s.nodes[0].count = 4;
    for (size_t i = 0; i < 4; i++)
        expect_left(&s, members[i], true);
    expect_left(&s, 2.5, false);
}
END_TEST

START_TEST(sums_come_together_as_told)
{
    static const double base[] = {10, 20};
    static const double vectors[] = {1, -1, 2, -2};
    struct stump s;
    double out[2];
    make_stump(&s, HN_TEST_LESS, HN_MISSING_NAN, false, 0);
    struct hn_forest_tree trees[3] = {s.tree, s.tree, s.tree};
    trees[1].weight = 4;
    trees[2].target = HN_FOREST_VECTOR;
    s.nodes[2].first = 2;
    s.forest.trees = trees;
    s.forest.base = base;
    s.forest.n_targets = 2;
    s.forest.vectors = vectors;
    s.forest.n_vectors = 4;
    s.forest.n_trees = 3;
    sums_of(&s.forest, 1, out); /* right: 2, 4 times 2, and {2, -2} */
    ck_assert(out[0] == 10 + 2 + 8 + 2 && out[1] == 20 - 2);
    s.forest.sum = HN_FOREST_MIN;
    sums_of(&s.forest, 1, out);
    ck_assert(out[0] == 10 + 2 && out[1] == 20 - 2);
    s.forest.sum = HN_FOREST_MAX;
    s.forest.n_trees = 2;
    sums_of(&s.forest, -1, out); /* nothing adds to the second */
    ck_assert(out[0] == 10 + 4 && out[1] == 20);
}
END_TEST

static void expect_refused(const struct hn_forest *f, const char *says)
{
    struct hn_trees *trees;
    struct hn_error err = {0};
    ck_assert_int_lt(hn_trees_build(f, hn_kernels_for(HN_CPU_REF), "t", &trees, &err), 0);
    ck_assert_ptr_null(trees);
    ck_assert_msg(strstr(err.text, says) != NULL, "%s", err.text);
}

START_TEST(refuses_what_is_no_tree)
{
    struct stump s;
    make_stump(&s, HN_TEST_LESS, HN_MISSING_NAN, false, 0);
    s.nodes[0].right = 3;
    expect_refused(&s.forest, "tree 0, node 0: child 3 is not one of the tree's 3 nodes");
    s.nodes[0].right = 0;
    expect_refused(&s.forest, "child 0 has a parent already");
    s.nodes[0].right = 1;
    expect_refused(&s.forest, "child 1 has a parent already");
    make_stump(&s, HN_TESTS, HN_MISSING_NAN, false, 0);
    expect_refused(&s.forest, "an unknown kind of test");
    make_stump(&s, HN_TEST_LESS, HN_MISSING_NAN, false, 0);
    s.nodes[0].feature = 1;
    expect_refused(&s.forest, "feature 1, and the model has 1");
    make_stump(&s, HN_TEST_CATEGORY, HN_MISSING_NAN, false, 0);
    s.nodes[0].count = 1;
    expect_refused(&s.forest, "categories are missing");
    make_stump(&s, HN_TEST_LESS, HN_MISSING_NAN, false, 0);
    s.tree.target = 1;
    expect_refused(&s.forest, "adds to an output that is not there");
    s.tree.target = 0;
    s.tree.n = 0;
    expect_refused(&s.forest, "has no nodes");
}
END_TEST

START_TEST(bounds_depth)
{
    enum { DEEP = HN_TREES_MAX_DEPTH + 1, N = 2 * DEEP + 1 };
    static struct hn_forest_node nodes[N];
    struct stump s;
    double sum;
    make_stump(&s, HN_TEST_LESS, HN_MISSING_NAN, false, 0);
    for (int32_t i = 0; i < DEEP; i++)
        nodes[2 * i] = (struct hn_forest_node){
            .left = 2 * i + 1, .right = 2 * i + 2, .test = HN_TEST_LESS, .value = i};
    nodes[N - 1].value = 7;
    s.tree.nodes = nodes;
    s.tree.n = N;
    expect_refused(&s.forest, "too deep");
    nodes[N - 3] = (struct hn_forest_node){.value = 5};
    s.tree.n = N - 2;
    sums_of(&s.forest, 1e9, &sum);
    ck_assert(sum == 5);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("trees");
    tcase_add_test(tc, tests_turn_where_they_should);
    tcase_add_test(tc, missing_values_go_where_they_are_sent);
    tcase_add_test(tc, sets_hold_what_is_in_them);
    tcase_add_test(tc, sums_come_together_as_told);
    tcase_add_test(tc, refuses_what_is_no_tree);
    tcase_add_test(tc, bounds_depth);
    return run_unit("trees", tc);
}
