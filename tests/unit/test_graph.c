#include <stdio.h>

#include "model/graph/graph.h"
#include "unit.h"

/* --- ONNX files by hand: fields of protocol buffers --- */

static void put_varint(struct hn_buf *out, uint64_t v)
{
    for (; v > 0x7f; v >>= 7)
        ck_assert_int_eq(hn_buf_char(out, (char)((v & 0x7f) | 0x80)), HN_OK);
    ck_assert_int_eq(hn_buf_char(out, (char)v), HN_OK);
}

static void put_number(struct hn_buf *out, unsigned field, uint64_t v)
{
    put_varint(out, field << 3);
    put_varint(out, v);
}

static void put_bytes(struct hn_buf *out, unsigned field, struct hn_str bytes)
{
    put_varint(out, field << 3 | 2);
    put_varint(out, bytes.n);
    ck_assert_int_eq(hn_buf_str(out, bytes), HN_OK);
}

static void put_text(struct hn_buf *out, unsigned field, const char *text)
{
    put_bytes(out, field, hn_str_from(text));
}

/* Takes `inner` over. */
static void put_message(struct hn_buf *out, unsigned field, struct hn_buf *inner)
{
    put_bytes(out, field, hn_buf_view(inner));
    hn_buf_free(inner);
}

static void put_attr(struct hn_buf *node, const char *name, int64_t value)
{
    struct hn_buf attr = {0};
    put_text(&attr, 1, name);
    put_number(&attr, 3, (uint64_t)value);
    put_number(&attr, 20, 2);
    put_message(node, 5, &attr);
}

/* A graph being written; nodes as "Op in in > out out"; Concat along dimension 0, Cast to floats, h gathered
 * along dimension 1. */
static void put_node(struct hn_buf *graph, const char *text)
{
    struct hn_buf node = {0};
    const char *const start = text;
    char word[64];
    unsigned field = 4;
    for (int n; sscanf(text, "%63s%n", word, &n) == 1; text += n) {
        if (strcmp(word, ">") == 0) field = 2;
        else put_text(&node, field, strcmp(word, "-") == 0 ? "" : word);
        if (field == 4) field = 1;
    }
    if (strncmp(start, "Concat", 6) == 0) put_attr(&node, "axis", 0);
    if (strncmp(start, "Cast", 4) == 0) put_attr(&node, "to", 1);
    if (strncmp(start, "Gather h", 8) == 0) put_attr(&node, "axis", 1);
    put_message(graph, 1, &node);
}

/* Floats of open dimension 0, then `columns`. 0 columns: no type is said. */
static void put_value(struct hn_buf *graph, unsigned field, const char *name, size_t columns)
{
    struct hn_buf value = {0}, type = {0}, tensor = {0}, shape = {0}, rows = {0}, other = {0};
    put_text(&value, 1, name);
    if (columns) {
        put_text(&rows, 2, "n");
        put_number(&other, 1, columns);
        put_message(&shape, 1, &rows);
        put_message(&shape, 1, &other);
        put_number(&tensor, 1, 1);
        put_message(&tensor, 2, &shape);
        put_message(&type, 1, &tensor);
        put_message(&value, 2, &type);
    }
    put_message(graph, field, &value);
}

static void put_floats(struct hn_buf *graph, const char *name, const size_t *dims, size_t n_dims,
                       const float *values, size_t n)
{
    struct hn_buf tensor = {0};
    for (size_t i = 0; i < n_dims; i++)
        put_number(&tensor, 1, dims[i]);
    put_number(&tensor, 2, 1);
    put_text(&tensor, 8, name);
    put_bytes(&tensor, 9, (struct hn_str){(const char *)values, n * sizeof *values});
    put_message(graph, 5, &tensor);
}

/* One number; `n_dims` 0 or 1. */
static void put_int(struct hn_buf *graph, const char *name, size_t n_dims, int64_t value)
{
    struct hn_buf tensor = {0};
    if (n_dims) put_number(&tensor, 1, 1);
    put_number(&tensor, 2, 7);
    put_text(&tensor, 8, name);
    put_bytes(&tensor, 9, (struct hn_str){(const char *)&value, sizeof value});
    put_message(graph, 5, &tensor);
}

/* Takes the graph over. With the kernels of HENCE_CPU. */
static enum hn_status load(struct hn_buf *graph, const struct hn_predictor_options *options,
                           struct hn_graph **out, struct hn_error *err)
{
    struct hn_buf model = {0}, opset = {0};
    struct hn_predictor_options how = options ? *options : (struct hn_predictor_options){0};
    struct hn_onnx *file;
    how.cpu = getenv("HENCE_CPU");
    put_number(&model, 1, 10);
    put_message(&model, 7, graph);
    put_number(&opset, 2, 21);
    put_message(&model, 8, &opset);
    enum hn_status status = hn_onnx_parse(hn_buf_view(&model), "model", NULL, &file, err);
    hn_buf_free(&model);
    if (status >= 0) status = hn_graph_load(file, "model", &how, out, err);
    return status;
}

static struct hn_graph *must_load(struct hn_buf *graph)
{
    struct hn_graph *made;
    struct hn_error err;
    ck_assert_msg(load(graph, NULL, &made, &err) >= 0, "%s", err.text);
    return made;
}

static struct hn_value rows(float *data, size_t n, size_t columns)
{
    return (struct hn_value){
        .kind = HN_VALUE_TENSOR,
        .array = {
            .type = HN_EL_F32, .n_dims = 2, .shape = {n, columns}, .n = n * columns, .data = data}};
}

/* --- tests --- */

static struct hn_graph *branches(void)
{
    struct hn_buf g = {0};
    put_value(&g, 11, "x", 2);
    put_floats(&g, "b", (size_t[]){2}, 1, (float[]){1, 2}, 2);
    put_node(&g, "Relu x > r");
    put_node(&g, "Identity r > i");
    put_node(&g, "Neg r > s");   /* r lives on in i: not in its place */
    put_node(&g, "Add i s > z"); /* 0 */
    put_node(&g, "Mul i b > m");
    put_node(&g, "Add m z > y");
    put_value(&g, 12, "y", 2);
    put_value(&g, 12, "i", 2);
    return must_load(&g);
}

START_TEST(what_shares_memory_is_not_written_over)
{
    struct hn_graph *graph = branches();
    struct hn_run *run;
    struct hn_error err;
    float x[] = {-1, 2, 3, -4};
    struct hn_value in = rows(x, 2, 2), out[2];
    ck_assert_int_eq(hn_run_create(graph, NULL, &run, &err), HN_OK);
    for (int round = 0; round < 3; round++) {
        ck_assert_int_eq(hn_run_go(run, &in, out, NULL, &err), HN_OK);
        const float *y = out[0].array.data, *i = out[1].array.data;
        ck_assert_float_eq(y[0], 0);
        ck_assert_float_eq(y[1], 4);
        ck_assert_float_eq(y[2], 3);
        ck_assert_float_eq(i[1], 2);
        ck_assert_float_eq(i[2], 3);
    }
    ck_assert_float_eq(x[0], -1);
    hn_run_destroy(run);
    hn_graph_close(graph);
}
END_TEST

START_TEST(the_second_run_asks_for_no_memory)
{
    struct hn_graph *graph = branches();
    struct hn_run *run;
    struct hn_error err;
    static float x[600];
    struct hn_value out[2];
    ck_assert_int_eq(hn_run_create(graph, NULL, &run, &err), HN_OK);
    struct hn_value in = rows(x, 300, 2);
    ck_assert_int_eq(hn_run_go(run, &in, out, NULL, &err), HN_OK);
    const size_t taken = hn_run_allocations(run);
    for (int round = 0; round < 5; round++)
        ck_assert_int_eq(hn_run_go(run, &in, out, NULL, &err), HN_OK);
    ck_assert_uint_eq(hn_run_allocations(run), taken);
    /* Values that died gave their memory on: fewer blocks than values. */
    ck_assert_uint_lt(taken, 6);
    hn_run_destroy(run);
    hn_graph_close(graph);
}
END_TEST

START_TEST(outputs_are_never_the_callers_memory)
{
    struct hn_buf g = {0};
    put_value(&g, 11, "x", 2);
    put_node(&g, "Identity x > y");
    put_value(&g, 12, "y", 2);
    struct hn_graph *graph = must_load(&g);
    struct hn_run *run;
    struct hn_error err;
    float x[] = {1, 2};
    struct hn_value in = rows(x, 1, 2), out;
    ck_assert_int_eq(hn_run_create(graph, NULL, &run, &err), HN_OK);
    ck_assert_int_eq(hn_run_go(run, &in, &out, NULL, &err), HN_OK);
    ck_assert_ptr_ne(out.array.data, x);
    hn_run_destroy(run);
    hn_graph_close(graph);
}
END_TEST

START_TEST(threads_give_the_same_bits)
{
    struct hn_graph *graph = branches();
    struct hn_pool *pool;
    struct hn_run *alone, *many;
    struct hn_error err;
    const size_t n = 100001;
    float *x = malloc(2 * n * sizeof *x);
    struct hn_value out[2], again[2];
    for (size_t i = 0; i < 2 * n; i++)
        x[i] = (float)i * 0.37f - 1000;
    struct hn_value in = rows(x, n, 2);
    ck_assert_int_eq(hn_pool_create(3, &pool, &err), HN_OK);
    ck_assert_int_eq(hn_run_create(graph, NULL, &alone, &err), HN_OK);
    ck_assert_int_eq(hn_run_create(graph, pool, &many, &err), HN_OK);
    ck_assert_int_eq(hn_run_go(alone, &in, out, NULL, &err), HN_OK);
    ck_assert_int_eq(hn_run_go(many, &in, again, NULL, &err), HN_OK);
    for (size_t i = 0; i < 2; i++)
        ck_assert_mem_eq(out[i].array.data, again[i].array.data, 2 * n * sizeof *x);
    hn_run_destroy(alone);
    hn_run_destroy(many);
    hn_pool_destroy(pool);
    hn_graph_close(graph);
    free(x);
}
END_TEST

START_TEST(a_run_can_be_cancelled)
{
    struct hn_graph *graph = branches();
    struct hn_run *run;
    struct hn_error err;
    float x[2] = {0};
    struct hn_value in = rows(x, 1, 2), out[2];
    atomic_bool gone = true;
    const struct hn_cancel cancel = {.gone = &gone};
    ck_assert_int_eq(hn_run_create(graph, NULL, &run, &err), HN_OK);
    ck_assert_int_eq(hn_run_go(run, &in, out, &cancel, &err), HN_E_CANCELLED);
    gone = false;
    ck_assert_int_eq(hn_run_go(run, &in, out, &cancel, &err), HN_OK);
    hn_run_destroy(run);
    hn_graph_close(graph);
}
END_TEST

START_TEST(limits_hold)
{
    struct hn_buf g = {0};
    put_value(&g, 11, "x", 2);
    put_node(&g, "Relu x > h");
    put_node(&g, "Neg h > y");
    put_value(&g, 12, "y", 2);
    const struct hn_predictor_options options = {.run_bytes = 4096, .run_nodes = 1};
    struct hn_graph *graph;
    struct hn_run *run;
    struct hn_error err;
    static float x[4096];
    struct hn_value in = rows(x, 1, 2), out;
    ck_assert_int_eq(load(&g, &options, &graph, &err), HN_OK);
    ck_assert_int_eq(hn_run_create(graph, NULL, &run, &err), HN_OK);
    ck_assert_int_eq(hn_run_go(run, &in, &out, NULL, &err), HN_E_LIMIT);
    in = rows(x, 2048, 2);
    ck_assert_int_eq(hn_run_go(run, &in, &out, NULL, &err), HN_E_NOMEM);
    ck_assert_ptr_nonnull(strstr(err.text, "Relu"));
    hn_run_destroy(run);
    hn_graph_close(graph);
}
END_TEST

/* The formula of a layer norm has that of a norm by root mean square in it, and is one node for all that. */
START_TEST(a_layer_norm_is_one_node)
{
    struct hn_buf g = {0};
    put_value(&g, 11, "x", 2);
    put_floats(&g, "w", (size_t[]){2}, 1, (float[]){1, 2}, 2);
    put_floats(&g, "b", (size_t[]){2}, 1, (float[]){10, 20}, 2);
    put_floats(&g, "e", NULL, 0, (float[]){1e-5f}, 1);
    put_int(&g, "l-1", 1, -1);
    put_node(&g, "ReduceMean x l-1 > m");
    put_node(&g, "Sub x m > d");
    put_node(&g, "Mul d d > s");
    put_node(&g, "ReduceMean s l-1 > v");
    put_node(&g, "Add v e > ve");
    put_node(&g, "Sqrt ve > r");
    put_node(&g, "Div d r > q");
    put_node(&g, "Mul q w > qw");
    put_node(&g, "Add qw b > y");
    put_value(&g, 12, "y", 2);
    struct hn_graph *graph;
    struct hn_run *run;
    struct hn_error err;
    float x[] = {3, 5, 7, 1};
    struct hn_value in = rows(x, 2, 2), out;
    ck_assert_int_eq(load(&g, &(struct hn_predictor_options){.run_nodes = 1}, &graph, &err), HN_OK);
    ck_assert_int_eq(hn_run_create(graph, NULL, &run, &err), HN_OK);
    ck_assert_msg(hn_run_go(run, &in, &out, NULL, &err) >= 0, "%s", err.text);
    const float *y = out.array.data, want[] = {9, 22, 11, 18};
    for (size_t i = 0; i < 4; i++)
        ck_assert_float_eq_tol(y[i], want[i], 1e-3f);
    hn_run_destroy(run);
    hn_graph_close(graph);
}
END_TEST

/* Only the place that is asked for is computed: there is no memory for all. */
START_TEST(one_place_of_a_sequence)
{
    enum { LENGTH = 1 << 17, BATCH = 3 };
    static float x[BATCH * LENGTH * 2];
    struct hn_buf g = {0};
    put_value(&g, 11, "x", 2);
    put_floats(&g, "w", (size_t[]){2, 2}, 2, (float[]){1, 2, 3, 4}, 4);
    put_int(&g, "l-1", 1, -1);
    put_int(&g, "length", 1, LENGTH);
    put_int(&g, "two", 1, 2);
    put_int(&g, "last", 0, -1);
    put_node(&g, "Concat l-1 length two > shape");
    put_node(&g, "Reshape x shape > sequence");
    put_node(&g, "MatMul sequence w > h1");
    put_node(&g, "Add h1 sequence > h2");
    put_node(&g, "MatMul h2 w > h");
    put_node(&g, "Gather h last > y");
    put_value(&g, 12, "y", 2);
    struct hn_graph *graph;
    struct hn_run *run;
    struct hn_error err;
    for (size_t i = 0; i < BATCH; i++) {
        x[(i + 1) * LENGTH * 2 - 2] = (float)i;
        x[(i + 1) * LENGTH * 2 - 1] = 1;
    }
    struct hn_value in = rows(x, (size_t)BATCH * LENGTH, 2), out;
    const struct hn_predictor_options options = {.run_bytes = sizeof x / 2};
    ck_assert_int_eq(load(&g, &options, &graph, &err), HN_OK);
    ck_assert_int_eq(hn_run_create(graph, NULL, &run, &err), HN_OK);
    ck_assert_msg(hn_run_go(run, &in, &out, NULL, &err) >= 0, "%s", err.text);
    ck_assert_uint_eq(out.array.n, 2 * BATCH);
    for (size_t i = 0; i < BATCH; i++) {
        /* h1 = x w + x, y = h1 w of (i, 1) */
        const float a = (float)i + 3 + (float)i, b = 2 * (float)i + 4 + 1;
        const float *y = (const float *)out.array.data + 2 * i;
        ck_assert_float_eq_tol(y[0], a + 3 * b, 1e-3f);
        ck_assert_float_eq_tol(y[1], 2 * a + 4 * b, 1e-3f);
    }
    hn_run_destroy(run);
    hn_graph_close(graph);
}
END_TEST

/* One graph of the given nodes, from x [n, 2] and constants w [2, 2], b [2] and t [3, 2], the numbers 0 and
 * 1, and those in lists, l0, l1 and l-1, to y. */
static bool stacks(const char *const *nodes)
{
    struct hn_buf g = {0};
    const float ones[6] = {1, 1, 1, 1, 1, 1};
    put_value(&g, 11, "x", 2);
    put_floats(&g, "w", (size_t[]){2, 2}, 2, ones, 4);
    put_floats(&g, "b", (size_t[]){2}, 1, ones, 2);
    put_floats(&g, "t", (size_t[]){3, 2}, 2, ones, 6);
    put_int(&g, "0", 0, 0);
    put_int(&g, "1", 0, 1);
    put_int(&g, "l0", 1, 0);
    put_int(&g, "l1", 1, 1);
    put_int(&g, "l-1", 1, -1);
    for (size_t i = 0; nodes[i]; i++)
        put_node(&g, nodes[i]);
    put_value(&g, 12, "y", 0);
    struct hn_graph *graph = must_load(&g);
    const bool good = hn_graph_stacks(graph);
    hn_graph_close(graph);
    return good;
}
#define STACKS(...) stacks((const char *const[]){__VA_ARGS__, NULL})

START_TEST(rows_that_never_meet_may_be_stacked)
{
    ck_assert(STACKS("MatMul x w > h", "Add h b > s", "Relu s > y"));
    ck_assert(STACKS("Gemm x w b > h", "Softmax h > y"));
    ck_assert(STACKS("LayerNormalization x b b > h", "Mul h x > y"));
    ck_assert(STACKS("BatchNormalization x b b b b > y"));
    ck_assert(!STACKS("BatchNormalization x b b b b > y mean")); /* of the whole batch */
    /* Shapes that are put together as exporters do it. */
    ck_assert(STACKS("Unsqueeze x l1 > y"));
    ck_assert(!STACKS("Unsqueeze x l0 > y"));
#define SHAPE_OF_X                                                                                 \
    "Shape x > s", "Gather s 0 > n", "Gather s 1 > c", "Unsqueeze n l0 > nl", "Unsqueeze c l0 > cl"
    ck_assert(STACKS(SHAPE_OF_X, "Concat nl l1 cl > t1", "Reshape x t1 > y"));
    ck_assert(STACKS(SHAPE_OF_X, "Concat nl l-1 > t1", "Reshape x t1 > y"));
    ck_assert(!STACKS(SHAPE_OF_X, "Concat cl nl > t1", "Reshape x t1 > y"));
    ck_assert(!STACKS(SHAPE_OF_X, "Concat l-1 cl > t1", "Reshape x t1 > y"));
    ck_assert(!STACKS(SHAPE_OF_X, "Mul nl l1 > m", "Concat m cl > t1", "Reshape x t1 > y"));
    ck_assert(!STACKS(SHAPE_OF_X, "Cast nl > f", "Add x f > y")); /* sums the batch's size */
    ck_assert(!STACKS("MatMul w x > y"));                         /* columns are rows here */
    ck_assert(!STACKS("Transpose x > y"));                        /* dimension 0 is another */
    ck_assert(!STACKS("Add x t > y"));                            /* three rows each with its own */
    ck_assert(!STACKS("ReduceSum x > y"));                        /* all of them together */
    ck_assert(!STACKS("Relu t > y"));                             /* the same, however many rows */
    ck_assert(!STACKS("NonZero x > y"));                          /* not known to be apart */
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("graph");
    tcase_add_test(tc, what_shares_memory_is_not_written_over);
    tcase_add_test(tc, the_second_run_asks_for_no_memory);
    tcase_add_test(tc, outputs_are_never_the_callers_memory);
    tcase_add_test(tc, threads_give_the_same_bits);
    tcase_add_test(tc, a_run_can_be_cancelled);
    tcase_add_test(tc, limits_hold);
    tcase_add_test(tc, a_layer_norm_is_one_node);
    tcase_add_test(tc, one_place_of_a_sequence);
    tcase_add_test(tc, rows_that_never_meet_may_be_stacked);
    return run_unit("graph", tc);
}
