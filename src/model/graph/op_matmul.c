/* MatMul and Gemm: the general forms, in every type. */
#include "model/graph/op_matmul.h"

#include <string.h>

#include "model/graph/op_list.h"

enum { ROWS = 64, COLUMNS = 256 }; /* of one tile of a product */

enum hn_status hn_stack_of(struct hn_op *op, const struct hn_array *a, const struct hn_array *b,
                           struct hn_stack *out)
{
    if (!a->n_dims || !b->n_dims) return hn_op_fail(op, HN_E_ARG, "a scalar has no matrix product");
    const bool row = a->n_dims == 1, column = b->n_dims == 1;
    struct hn_stack s = {.m = row ? 1 : a->shape[a->n_dims - 2],
                         .n = column ? 1 : b->shape[b->n_dims - 1],
                         .k = a->shape[a->n_dims - 1],
                         .count = 1};
    if (s.k != b->shape[column ? 0 : b->n_dims - 2]) {
        char left[120], right[120];
        return hn_op_fail(op, HN_E_ARG, "%s and %s do not multiply",
                          hn_shape_text(a->shape, a->n_dims, left, sizeof left),
                          hn_shape_text(b->shape, b->n_dims, right, sizeof right));
    }
    const size_t a_lead = row ? 0 : a->n_dims - 2, b_lead = column ? 0 : b->n_dims - 2;
    s.n_batch = a_lead > b_lead ? a_lead : b_lead;
    size_t a_count = 1, b_count = 1;
    for (size_t i = s.n_batch; i-- > 0;) {
        const size_t back = s.n_batch - i; /* from the last leading dimension */
        const size_t x = back <= a_lead ? a->shape[a_lead - back] : 1;
        const size_t y = back <= b_lead ? b->shape[b_lead - back] : 1;
        if (x != y && x != 1 && y != 1)
            return hn_op_fail(op, HN_E_ARG, "leading dimensions %zu and %zu do not broadcast", x,
                              y);
        s.a_step[i] = x == 1 ? 0 : a_count;
        s.b_step[i] = y == 1 ? 0 : b_count;
        s.batch[i] = x == 1 ? y : x;
        a_count *= x;
        b_count *= y;
    }
    memcpy(s.shape, s.batch, s.n_batch * sizeof *s.shape);
    s.n_dims = s.n_batch;
    if (!row) s.shape[s.n_dims++] = s.m;
    if (!column) s.shape[s.n_dims++] = s.n;
    if (!hn_shape_count(s.batch, s.n_batch, 1, &s.count))
        return hn_op_fail(op, HN_E_LIMIT, "the result is too large");
    *out = s;
    return HN_OK;
}

size_t hn_stack_at(const struct hn_stack *stack, const size_t *step, size_t i)
{
    size_t at = 0;
    for (size_t d = stack->n_batch; d-- > 0;) {
        at += i % stack->batch[d] * step[d];
        i /= stack->batch[d];
    }
    return at;
}

struct products {
    const struct hn_stack *stack;
    enum hn_lane lane;
    const char *a, *b;
    char *out;
    size_t rows, columns; /* tiles of one matrix */
};

static void product_tile(void *arg, size_t tile, unsigned worker)
{
    (void)worker;
    const struct products *p = arg;
    const struct hn_stack *s = p->stack;
    const size_t size = hn_lane_bytes(p->lane);
    const size_t matrix = tile / (p->rows * p->columns), within = tile % (p->rows * p->columns);
    const size_t i = within / p->columns * ROWS, j = within % p->columns * COLUMNS;
    const size_t m = s->m - i < ROWS ? s->m - i : ROWS, n = s->n - j < COLUMNS ? s->n - j : COLUMNS;
    const char *a = p->a + (hn_stack_at(s, s->a_step, matrix) * s->m * s->k + i * s->k) * size;
    const char *b = p->b + (hn_stack_at(s, s->b_step, matrix) * s->k * s->n + j) * size;
    char *out = p->out + (matrix * s->m * s->n + i * s->n + j) * size;
    for (size_t r = 0; r < m; r++)
        memset(out + r * s->n * size, 0, n * size);
    hn_lane_product(p->lane, m, n, s->k, a, s->k, b, s->n, out, s->n);
}

enum hn_status hn_stack_product(struct hn_op *op, const struct hn_stack *stack, enum hn_lane lane,
                                const void *a, const void *b, void *out)
{
    if (lane == HN_LANE_F32 && stack->k > 0) return hn_stack_floats(op, stack, a, b, out);
    struct products p = {.stack = stack, .lane = lane, .a = a, .b = b, .out = out};
    p.rows = (stack->m + ROWS - 1) / ROWS;
    p.columns = (stack->n + COLUMNS - 1) / COLUMNS;
    hn_op_parallel(op, stack->count * p.rows * p.columns, product_tile, &p);
    return HN_OK;
}

enum hn_status hn_op_matmul(struct hn_op *op)
{
    struct hn_stack stack;
    HN_TRY(hn_stack_of(op, op->in[0], op->in[1], &stack));
    const enum hn_lane lane = hn_lane_of(op->in[0]->type);
    const void *a = hn_op_lane_in(op, 0, lane);
    const void *b = a ? hn_op_lane_in(op, 1, lane) : NULL;
    if (!b) return hn_op_failed(op);
    void *out = hn_op_lane_out(op, 0, op->in[0]->type, stack.shape, stack.n_dims, lane);
    if (!out) return hn_op_failed(op);
    HN_TRY(hn_stack_product(op, &stack, lane, a, b, out));
    hn_op_lane_done(op, 0, lane, out);
    return HN_OK;
}

/* c = alpha * c + beta * bias, where the bias broadcasts to [m, n] and may be NULL. */
#define FINISH(T, alpha, beta)                                                                     \
    for (size_t i = 0; i < m; i++)                                                                 \
        for (size_t j = 0; j < n; j++) {                                                           \
            T *c = (T *)out + i * n + j;                                                           \
            *c = (T)(alpha) * *c;                                                                  \
            if (bias) *c += (T)(beta) * ((const T *)bias)[i * down + j * right];                   \
        }

static void gemm_finish(enum hn_lane lane, size_t m, size_t n, float alpha, float beta,
                        const void *bias, size_t down, size_t right, void *out)
{
    const int64_t whole_alpha = hn_saturate(alpha), whole_beta = hn_saturate(beta);
    switch (lane) {
    case HN_LANE_F32: FINISH(float, alpha, beta) break;
    case HN_LANE_F64: FINISH(double, alpha, beta) break;
    case HN_LANE_I32: FINISH(uint32_t, whole_alpha, whole_beta) break;
    case HN_LANE_I64: FINISH(uint64_t, whole_alpha, whole_beta) break;
    case HN_LANE_BYTE: break;
    }
}

/* How far apart the bias's elements for the next row and column are, after broadcasting. */
static enum hn_status bias_steps(struct hn_op *op, const struct hn_array *bias, size_t m, size_t n,
                                 size_t *down, size_t *right)
{
    if (bias->n_dims > 2) return hn_op_fail(op, HN_E_ARG, "C has more than two dimensions");
    const size_t columns = bias->n_dims ? bias->shape[bias->n_dims - 1] : 1;
    const size_t rows = bias->n_dims == 2 ? bias->shape[0] : 1;
    if ((columns != n && columns != 1) || (rows != m && rows != 1))
        return hn_op_fail(op, HN_E_ARG, "C does not broadcast to [%zu, %zu]", m, n);
    *right = columns == 1 ? 0 : 1;
    *down = rows == 1 ? 0 : columns;
    return HN_OK;
}

/* Input i, a matrix, transposed where the attribute says so. */
static const void *gemm_side(struct hn_op *op, size_t i, const char *attribute, enum hn_lane lane,
                             size_t *rows, size_t *columns)
{
    const struct hn_array *a = op->in[i];
    const bool turned = hn_op_int(op, attribute, 0) != 0;
    *rows = a->shape[turned ? 1 : 0];
    *columns = a->shape[turned ? 0 : 1];
    const void *values = hn_op_lane_in(op, i, lane);
    if (!values || !turned) return values;
    void *straight = hn_op_scratch(op, a->n, hn_lane_bytes(lane));
    if (straight) hn_lane_transpose(lane, a->shape[0], a->shape[1], values, a->shape[1], straight);
    return straight;
}

enum hn_status hn_op_gemm(struct hn_op *op)
{
    if (op->in[0]->n_dims != 2 || op->in[1]->n_dims != 2)
        return hn_op_fail(op, HN_E_ARG, "A and B are matrices");
    const enum hn_element type = op->in[0]->type;
    const enum hn_lane lane = hn_lane_of(type);
    struct hn_stack stack = {.count = 1};
    size_t k;
    const void *a = gemm_side(op, 0, "transA", lane, &stack.m, &stack.k);
    const void *b = a ? gemm_side(op, 1, "transB", lane, &k, &stack.n) : NULL;
    if (!b) return hn_op_failed(op);
    if (k != stack.k) return hn_op_fail(op, HN_E_ARG, "A has %zu columns, B %zu rows", stack.k, k);

    size_t down = 0, right = 0;
    const void *bias = NULL;
    if (op->n_in > 2 && op->in[2]) {
        HN_TRY(bias_steps(op, op->in[2], stack.m, stack.n, &down, &right));
        bias = hn_op_lane_in(op, 2, lane);
        if (!bias) return hn_op_failed(op);
    }
    void *out = hn_op_lane_out(op, 0, type, (size_t[]){stack.m, stack.n}, 2, lane);
    if (!out) return hn_op_failed(op);
    HN_TRY(hn_stack_product(op, &stack, lane, a, b, out));
    gemm_finish(lane, stack.m, stack.n, hn_op_float(op, "alpha", 1), hn_op_float(op, "beta", 1),
                bias, down, right, out);
    hn_op_lane_done(op, 0, lane, out);
    return HN_OK;
}
