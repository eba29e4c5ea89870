/* Stacks of products of floats that no weights are packed for at load: each right matrix is packed where it is
 * used, some columns at a time. */
#include "base/bits.h"
#include "model/graph/fast.h"
#include "model/graph/op_matmul.h"

enum {
    PANEL_BYTES = 512 << 10, /* of the right matrix that a task packs */
    COLUMNS_MIN = 64,
    TASKS_PER_THREAD = 2,
};

struct products {
    const struct hn_stack *stack;
    const struct hn_kernels *kernels;
    const float *a, *b;
    float *out;
    size_t rows;           /* of a left matrix; many of the stack's where all share one right one */
    size_t columns, tasks; /* of a task; for one right matrix */
    char *scratch;
    size_t scratch_bytes; /* of a thread: the kernel's, then the packed columns */
};

static void run_task(void *arg, size_t task, unsigned worker)
{
    const struct products *p = arg;
    const struct hn_stack *s = p->stack;
    const size_t matrix = task / p->tasks, column = task % p->tasks * p->columns;
    char *scratch = p->scratch + worker * p->scratch_bytes;
    struct hn_packed b = {.panels = (float *)(void *)(scratch + HN_GEMM_SCRATCH),
                          .k = s->k,
                          .n = hn_min(p->columns, s->n - column)};
    hn_pack_matrix(&b, p->b + hn_stack_at(s, s->b_step, matrix) * s->k * s->n + column, s->n, 1, 1);
    const float *a = p->a + hn_stack_at(s, s->a_step, matrix) * s->m * s->k;
    float *out = p->out + matrix * s->m * s->n + column;
    const bool many = hn_fast_many(s->m, s->n, s->k);
    for (size_t row = 0; row < p->rows; row += HN_GEMM_ROWS) {
        const struct hn_gemm gemm = {.a = a + row * s->k,
                                     .lda = s->k,
                                     .b = b.panels,
                                     .ldb = s->k * HN_PANEL,
                                     .k = s->k,
                                     .n = b.n,
                                     .y = out + row * s->n,
                                     .ldy = s->n,
                                     .scratch = scratch};
        hn_gemm_whole(p->kernels, many, gemm, hn_min(HN_GEMM_ROWS, p->rows - row));
    }
}

/* Whether one right matrix serves all, whose left ones follow each other. */
static bool shares(const struct hn_stack *s)
{
    size_t step = 1;
    for (size_t d = s->n_batch; d-- > 0;) {
        if (s->batch[d] == 1) continue;
        if (s->b_step[d] != 0 || s->a_step[d] != step) return false;
        step *= s->batch[d];
    }
    return true;
}

enum hn_status hn_stack_floats(struct hn_op *op, const struct hn_stack *stack, const float *a,
                               const float *b, float *out)
{
    const size_t k = hn_max(stack->k, 1), threads = hn_op_workers(op);
    struct products p = {.stack = stack, .kernels = op->kernels, .a = a, .b = b, .out = out};
    size_t matrices = stack->count;
    p.rows = stack->m;
    if (shares(stack)) {
        p.rows *= matrices;
        matrices = hn_min(matrices, 1);
    }
    p.columns = hn_round_up(hn_max(PANEL_BYTES / sizeof(float) / k, 1), 2 * HN_PANEL);
    p.columns = hn_min(p.columns, hn_round_up(stack->n, HN_PANEL));
    const double work = (double)stack->count * (double)stack->m * (double)stack->n * (double)k;
    const bool alone = work < HN_FAST_ALONE || threads < 2;
    while (!alone && p.columns > COLUMNS_MIN &&
           matrices * hn_div_up(stack->n, p.columns) < threads * TASKS_PER_THREAD)
        p.columns = hn_max(COLUMNS_MIN, hn_round_up(p.columns / 2, 2 * HN_PANEL));
    p.tasks = hn_div_up(stack->n, hn_max(p.columns, 1));
    size_t floats;
    if (!hn_packed_size(k, p.columns, &floats))
        return hn_op_fail(op, HN_E_LIMIT, "a matrix is too large");
    p.scratch_bytes = HN_GEMM_SCRATCH + hn_round_up(floats * sizeof(float), 64);
    p.scratch = hn_op_scratch(op, alone ? 1 : threads, p.scratch_bytes);
    if (!p.scratch) return hn_op_failed(op);
    const size_t tasks = p.rows ? matrices * p.tasks : 0;
    if (alone)
        for (size_t i = 0; i < tasks; i++)
            run_task(&p, i, 0);
    else hn_op_parallel(op, tasks, run_task, &p);
    return HN_OK;
}
