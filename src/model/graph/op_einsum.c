/* Einsum: products of arrays, summed over the dimensions that the output does not name. Operands are
 * contracted from left to right; two of them become a batch of matrix products. */
#include "model/graph/op_args.h"
#include "model/graph/op_list.h"
#include "model/graph/op_matmul.h"
#include "model/graph/op_walk.h"

#include "base/bits.h"

/* A dimension's name: A-Z, a-z, and those that an ellipsis stands for, the last of them always the same. */
enum { LETTERS = 52, LABELS = LETTERS + HN_ARRAY_DIMS };

/* An operand seen by its labels: each once, none of one element. Numbers are of the type computed in. */
struct view {
    size_t n;
    uint8_t label[LABELS];
    ptrdiff_t step[LABELS];
    bool has[LABELS];
    const void *data;
};

struct einsum {
    struct hn_op *op;
    enum hn_element type; /* computed in: float, double or uint64, in which all integers wrap */
    size_t bytes;
    size_t uses[LABELS]; /* how often the inputs have a label */
    size_t size[LABELS];
    size_t n_dots; /* dimensions that an ellipsis stands for */
    uint8_t out[LABELS];
    size_t n_out;
    bool in_output[LABELS];
};

static bool letter_label(char c, uint8_t *out)
{
    if (c >= 'A' && c <= 'Z') return *out = (uint8_t)(c - 'A'), true;
    if (c >= 'a' && c <= 'z') return *out = (uint8_t)(c - 'a' + 26), true;
    return false;
}

static enum hn_status bad_equation(struct einsum *e)
{
    const struct hn_str text = hn_op_text(e->op, "equation", "");
    return hn_op_fail(e->op, HN_E_FORMAT, "the equation '%.*s' does not fit the inputs",
                      HN_FMT(text));
}

/* A term's labels; `dots` dimensions take the place of its ellipsis. SIZE_MAX: find out from `rank`. */
static enum hn_status read_term(struct einsum *e, struct hn_str term, size_t rank, size_t dots,
                                uint8_t labels[LABELS], size_t *n)
{
    size_t letters = 0, ellipses = 0;
    for (size_t i = 0; i < term.n; i++) {
        uint8_t label;
        if (term.n - i >= 3 && memcmp(term.p + i, "...", 3) == 0) ellipses++, i += 2;
        else if (letter_label(term.p[i], &label)) letters++;
        else if (term.p[i] != ' ') return bad_equation(e);
    }
    if (dots == SIZE_MAX) {
        if (letters > rank || (letters != rank && !ellipses)) return bad_equation(e);
        dots = rank - letters;
    }
    if (ellipses > 1 || dots > HN_ARRAY_DIMS || letters + dots > LABELS) return bad_equation(e);
    *n = 0;
    for (size_t i = 0; i < term.n; i++) {
        if (letter_label(term.p[i], &labels[*n])) ++*n;
        if (term.p[i] != '.') continue;
        for (size_t d = 0; d < dots; d++)
            labels[(*n)++] = (uint8_t)(LABELS - dots + d);
        i += 2;
    }
    if (ellipses) e->n_dots = hn_max(e->n_dots, dots);
    return HN_OK;
}

/* Sees input k by the labels of its term. */
static enum hn_status read_operand(struct einsum *e, struct hn_str term, size_t k, struct view *v)
{
    const struct hn_array *x = e->op->in[k];
    uint8_t labels[LABELS];
    ptrdiff_t steps[HN_ARRAY_DIMS];
    size_t n, own[LABELS] = {0};
    if (!x || x->type != e->op->in[0]->type) return hn_op_fail_type(e->op, k);
    HN_TRY(read_term(e, term, x->n_dims, SIZE_MAX, labels, &n));
    *v = (struct view){.data = x->data};
    hn_walk_steps(x->shape, x->n_dims, steps);
    for (size_t i = 0; i < n; i++) {
        const uint8_t label = labels[i];
        const size_t dim = x->shape[i];
        if (e->uses[label]++ == 0 || e->size[label] == 1) e->size[label] = dim;
        else if (dim != 1 && dim != e->size[label]) return bad_equation(e);
        if (dim == 1) continue;
        /* A label that is there twice runs along the diagonal. */
        if (own[label] && own[label] != dim) return bad_equation(e);
        own[label] = dim;
        if (!v->has[label]) v->label[v->n++] = label;
        v->has[label] = true;
        v->step[label] += steps[i];
    }
    if (x->type == e->type || x->n == 0) return HN_OK;
    void *wide = hn_op_scratch(e->op, x->n, e->bytes);
    if (!wide) return hn_op_failed(e->op);
    (void)hn_element_convert(e->type, wide, x->type, x->data, x->n, (struct hn_convert){0});
    v->data = wide;
    return HN_OK;
}

static enum hn_status read_output(struct einsum *e, const char *arrow, struct hn_str right)
{
    if (arrow) {
        HN_TRY(read_term(e, right, 0, e->n_dots, e->out, &e->n_out));
    } else {
        for (size_t d = 0; d < e->n_dots; d++)
            e->out[e->n_out++] = (uint8_t)(LABELS - e->n_dots + d);
        for (uint8_t i = 0; i < LETTERS; i++)
            if (e->uses[i] == 1) e->out[e->n_out++] = i;
    }
    if (e->n_out > HN_ARRAY_DIMS) return bad_equation(e);
    for (size_t i = 0; i < e->n_out; i++) {
        if (e->uses[e->out[i]] == 0 || e->in_output[e->out[i]]) return bad_equation(e);
        e->in_output[e->out[i]] = true;
    }
    return HN_OK;
}

static size_t product(const struct einsum *e, const uint8_t *labels, size_t n)
{
    size_t all = 1;
    for (size_t i = 0; i < n; i++)
        if (__builtin_mul_overflow(all, e->size[labels[i]], &all)) return SIZE_MAX;
    return all;
}

/* The elements in the order of these labels, without gaps: where they are, or a copy. */
static enum hn_status pack(struct einsum *e, const struct view *v, const uint8_t *labels, size_t n,
                           const void **out)
{
    struct hn_walk walk = {.n_dims = n};
    if (n > HN_WALK_DIMS) return hn_op_fail(e->op, HN_E_LIMIT, "%zu dimensions at a time", n);
    bool packed = true;
    for (size_t i = 0; i < n; i++) {
        walk.shape[i] = e->size[labels[i]];
        walk.from[i] = v->step[labels[i]];
    }
    hn_walk_steps(walk.shape, n, walk.to);
    for (size_t i = 0; i < n; i++)
        packed &= walk.from[i] == walk.to[i];
    *out = v->data;
    if (packed) return HN_OK;
    void *copy = hn_op_scratch(e->op, product(e, labels, n), e->bytes);
    if (!copy) return hn_op_failed(e->op);
    hn_walk_copy(&walk, e->bytes, copy, v->data);
    *out = copy;
    return HN_OK;
}

/* c[m][n] = a[m][k] b[k][n] */
#define MULTIPLY(name, type)                                                                       \
    static void multiply_##name(void *to, const void *from, const void *with, size_t m, size_t n,  \
                                size_t k)                                                          \
    {                                                                                              \
        for (size_t i = 0; i < m; i++) {                                                           \
            type *restrict c = (type *)to + i * n;                                                 \
            const type *a = (const type *)from + i * k;                                            \
            memset(c, 0, n * sizeof *c);                                                           \
            for (size_t l = 0; l < k; l++) {                                                       \
                const type *restrict b = (const type *)with + l * n, factor = a[l];                \
                for (size_t j = 0; j < n; j++)                                                     \
                    c[j] += factor * b[j];                                                         \
            }                                                                                      \
        }                                                                                          \
    }
MULTIPLY(f32, float)
MULTIPLY(f64, double)
MULTIPLY(u64, uint64_t)

static void multiply(const struct einsum *e, void *c, const void *a, const void *b,
                     const size_t mnk[3])
{
    if (e->type == HN_EL_F32) multiply_f32(c, a, b, mnk[0], mnk[1], mnk[2]);
    else if (e->type == HN_EL_F64) multiply_f64(c, a, b, mnk[0], mnk[1], mnk[2]);
    else multiply_u64(c, a, b, mnk[0], mnk[1], mnk[2]);
}

/* Labels of two operands by what becomes of them. */
struct roles {
    uint8_t batch[LABELS], left[LABELS], right[LABELS], sum[LABELS];
    size_t n_batch, n_left, n_right, n_sum;
};

static void add_labels(uint8_t *list, size_t *n, const uint8_t *more, size_t n_more)
{
    memcpy(list + *n, more, n_more);
    *n += n_more;
}

static struct roles find_roles(const struct view *a, const struct view *b, const bool *keep)
{
    struct roles r = {.n_batch = 0};
    for (size_t i = 0; i < a->n; i++) {
        const uint8_t label = a->label[i];
        if (!keep[label]) r.sum[r.n_sum++] = label;
        else if (b->has[label]) r.batch[r.n_batch++] = label;
        else r.left[r.n_left++] = label;
    }
    for (size_t i = 0; i < b->n; i++)
        if (!a->has[b->label[i]]) r.right[r.n_right++] = b->label[i];
    return r;
}

/* a times b, summed over what is not to be kept; both have all of that. */
static enum hn_status contract(struct einsum *e, const struct view *a, const struct view *b,
                               const bool *keep, struct view *out)
{
    const struct roles r = find_roles(a, b, keep);
    uint8_t order_a[LABELS], order_b[LABELS], order_c[LABELS];
    size_t n_a = 0, n_b = 0, n_c = 0;
    add_labels(order_a, &n_a, r.batch, r.n_batch);
    add_labels(order_a, &n_a, r.left, r.n_left);
    add_labels(order_a, &n_a, r.sum, r.n_sum);
    add_labels(order_b, &n_b, r.batch, r.n_batch);
    add_labels(order_b, &n_b, r.sum, r.n_sum);
    add_labels(order_b, &n_b, r.right, r.n_right);
    add_labels(order_c, &n_c, r.batch, r.n_batch);
    add_labels(order_c, &n_c, r.left, r.n_left);
    add_labels(order_c, &n_c, r.right, r.n_right);
    const void *from, *with;
    HN_TRY(pack(e, a, order_a, n_a, &from));
    HN_TRY(pack(e, b, order_b, n_b, &with));
    const size_t mnk[3] = {product(e, r.left, r.n_left), product(e, r.right, r.n_right),
                           product(e, r.sum, r.n_sum)};
    const size_t batches = product(e, r.batch, r.n_batch), n = product(e, order_c, n_c);
    char *c = hn_op_scratch(e->op, n, e->bytes);
    if (!c) return hn_op_failed(e->op);
    const bool floats = e->type == HN_EL_F32 && mnk[2] > 0;
    if (floats && n) {
        const struct hn_stack stack = {.n_batch = 1,
                                       .batch = {batches},
                                       .a_step = {1},
                                       .b_step = {1},
                                       .count = batches,
                                       .m = mnk[0],
                                       .n = mnk[1],
                                       .k = mnk[2]};
        HN_TRY(hn_stack_floats(e->op, &stack, from, with, (float *)(void *)c));
    }
    for (size_t i = 0; i < batches && n && !floats; i++) {
        HN_TRY(hn_op_check(e->op));
        multiply(e, c + i * mnk[0] * mnk[1] * e->bytes,
                 (const char *)from + i * mnk[0] * mnk[2] * e->bytes,
                 (const char *)with + i * mnk[2] * mnk[1] * e->bytes, mnk);
    }
    *out = (struct view){.n = n_c, .data = c};
    size_t shape[LABELS];
    ptrdiff_t steps[LABELS];
    for (size_t i = 0; i < n_c; i++)
        shape[i] = e->size[order_c[i]];
    hn_walk_steps(shape, n_c, steps);
    for (size_t i = 0; i < n_c; i++) {
        out->step[order_c[i]] = steps[i];
        out->has[order_c[i]] = true;
    }
    memcpy(out->label, order_c, n_c);
    return HN_OK;
}

/* Sums over what neither the output nor another operand has: the product with as many ones. */
static enum hn_status sum_alone(struct einsum *e, struct view *v, const bool *keep)
{
    struct view ones = {.n = 0}, with = *v;
    for (size_t i = 0; i < v->n; i++)
        if (!keep[v->label[i]]) {
            ones.label[ones.n++] = v->label[i];
            ones.has[v->label[i]] = true;
        }
    if (ones.n == 0) return HN_OK;
    char *one = hn_op_scratch(e->op, 1, e->bytes);
    if (!one) return hn_op_failed(e->op);
    struct hn_array array = {.type = e->type, .n = 1, .data = one};
    hn_array_set_real(&array, 0, 1);
    ones.data = one; /* repeated: all its steps are zero */
    return contract(e, &with, &ones, keep, v);
}

/* Labels that the output or an operand from `first` on has. */
static void find_kept(const struct einsum *e, const struct view *views, size_t first, size_t n,
                      bool keep[LABELS])
{
    memcpy(keep, e->in_output, LABELS);
    for (size_t k = first; k < n; k++)
        for (size_t i = 0; i < views[k].n; i++)
            keep[views[k].label[i]] = true;
}

static enum hn_status contract_all(struct einsum *e, struct view *views, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        bool keep[LABELS];
        struct view so_far = views[k];
        find_kept(e, views, k + 1, n, keep);
        for (size_t i = 0; k && i < views[0].n; i++)
            keep[views[0].label[i]] = true;
        HN_TRY(sum_alone(e, &so_far, keep));
        if (k) {
            const struct view left = views[0];
            find_kept(e, views, k + 1, n, keep);
            HN_TRY(contract(e, &left, &so_far, keep, &views[0]));
        } else {
            views[0] = so_far;
        }
    }
    return HN_OK;
}

static enum hn_status give(struct einsum *e, const struct view *v)
{
    const enum hn_element type = e->op->in[0]->type;
    size_t shape[HN_ARRAY_DIMS], n = 0;
    uint8_t order[LABELS];
    const void *data;
    for (size_t i = 0; i < e->n_out; i++) {
        shape[i] = e->size[e->out[i]];
        if (shape[i] != 1) order[n++] = e->out[i];
    }
    void *y = hn_op_out(e->op, 0, type, shape, e->n_out);
    if (!y) return hn_op_failed(e->op);
    if (e->op->out[0].n == 0) return HN_OK;
    HN_TRY(pack(e, v, order, n, &data));
    if (type == e->type) memcpy(y, data, e->op->out[0].n * e->bytes);
    else (void)hn_element_convert(type, y, e->type, data, e->op->out[0].n, (struct hn_convert){0});
    return HN_OK;
}

enum hn_status hn_op_einsum(struct hn_op *op)
{
    const enum hn_element type = op->in[0] ? op->in[0]->type : HN_EL_STRING;
    struct einsum e = {.op = op, .type = HN_EL_U64};
    if (type == HN_EL_F64) e.type = HN_EL_F64;
    else if (hn_element_is_float(type)) e.type = HN_EL_F32;
    else if (!hn_element_is_integer(type)) return hn_op_fail_type(op, 0);
    e.bytes = hn_element_info(e.type)->bytes;
    const struct hn_str equation = hn_op_text(op, "equation", "");
    const char *end = equation.p + equation.n;
    const char *arrow = equation.n ? memmem(equation.p, equation.n, "->", 2) : NULL;
    const char *at = equation.p, *stop = arrow ? arrow : end;
    struct view *views = hn_op_scratch(op, op->n_in, sizeof *views);
    if (!views) return hn_op_failed(op);
    for (size_t k = 0; k < op->n_in; k++) {
        const char *comma = stop > at ? memchr(at, ',', (size_t)(stop - at)) : NULL;
        if ((comma != NULL) != (k + 1 < op->n_in)) return bad_equation(&e);
        const char *term_end = comma ? comma : stop;
        HN_TRY(read_operand(&e, (struct hn_str){at, (size_t)(term_end - at)}, k, &views[k]));
        at = comma ? comma + 1 : stop;
    }
    const struct hn_str right = {arrow ? arrow + 2 : end, arrow ? (size_t)(end - arrow - 2) : 0};
    HN_TRY(read_output(&e, arrow, right));
    HN_TRY(contract_all(&e, views, op->n_in));
    return give(&e, &views[0]);
}
