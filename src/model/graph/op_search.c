/* Operators that look for the largest and smallest elements along an axis. */
#include "model/graph/op_args.h"
#include "model/graph/op_key.h"
#include "model/graph/op_list.h"

/* Lines of elements along an axis: line i begins at lines_start, its elements lie `inner` apart. */
struct lines {
    size_t axis, n, inner, count;
    uint64_t *keys; /* of one line */
};

static enum hn_status read_lines(struct hn_op *op, int64_t axis, struct lines *l)
{
    const struct hn_array *x = op->in[0];
    if (!hn_key_type(x->type)) return hn_op_fail_type(op, 0);
    HN_TRY(hn_op_axis(op, axis, x->n_dims, &l->axis));
    l->n = x->shape[l->axis];
    l->inner = hn_dims_after(x, l->axis);
    l->count = hn_dims_before(x, l->axis) * l->inner;
    l->keys = hn_op_scratch(op, l->n, sizeof *l->keys);
    return l->keys ? HN_OK : hn_op_failed(op);
}

/* The first element of a line, in an array that has n of them where the input has its own. */
static size_t line_start(const struct lines *l, size_t line, size_t n)
{
    return line / l->inner * l->inner * n + line % l->inner;
}

static void reverse_keys(uint64_t *keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        keys[i] = ~keys[i];
}

/* The place of the least key; the first of equals, or the last. */
static size_t least(const uint64_t *keys, size_t n, bool last)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (keys[i] < keys[best] || (last && keys[i] == keys[best])) best = i;
    return best;
}

static enum hn_status arg(struct hn_op *op, bool max)
{
    const struct hn_array *x = op->in[0];
    const bool keep = hn_op_int(op, "keepdims", 1) != 0;
    const bool last = hn_op_int(op, "select_last_index", 0) != 0;
    struct lines l;
    size_t shape[HN_ARRAY_DIMS], n_dims = 0;
    HN_TRY(read_lines(op, hn_op_int(op, "axis", 0), &l));
    for (size_t i = 0; i < x->n_dims; i++)
        if (i != l.axis || keep) shape[n_dims++] = i == l.axis ? 1 : x->shape[i];
    int64_t *y = hn_op_out(op, 0, HN_EL_I64, shape, n_dims);
    if (!y) return hn_op_failed(op);
    if (l.n == 0 && op->out[0].n)
        return hn_op_fail(op, HN_E_FORMAT, "no element along axis %zu", l.axis);
    for (size_t i = 0; i < op->out[0].n; i++) {
        hn_keys(x, line_start(&l, i, l.n), l.n, l.inner, l.keys);
        if (max) reverse_keys(l.keys, l.n);
        y[i] = (int64_t)least(l.keys, l.n, last);
    }
    return HN_OK;
}

enum hn_status hn_op_arg_max(struct hn_op *op)
{
    return arg(op, true);
}

enum hn_status hn_op_arg_min(struct hn_op *op)
{
    return arg(op, false);
}

enum hn_status hn_op_hardmax(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    struct hn_array flat = *x;
    struct lines l;
    if (!hn_element_is_float(x->type)) return hn_op_fail_type(op, 0);
    HN_TRY(read_lines(op, hn_op_int(op, "axis", op->opset < 13 ? 1 : -1), &l));
    if (op->opset < 13) { /* all dimensions from the axis on are one */
        flat.n_dims = 2;
        l.inner = 1, l.count = hn_dims_before(x, l.axis);
        l.n = x->shape[l.axis] * hn_dims_after(x, l.axis);
        l.keys = hn_op_scratch(op, l.n, sizeof *l.keys);
        if (!l.keys) return hn_op_failed(op);
    }
    void *y = hn_op_out(op, 0, x->type, x->shape, x->n_dims);
    if (!y) return hn_op_failed(op);
    memset(y, 0, x->n * hn_element_info(x->type)->bytes);
    for (size_t i = 0; i < l.count && l.n; i++) {
        const size_t start = line_start(&l, i, l.n);
        hn_keys(&flat, start, l.n, l.inner, l.keys);
        reverse_keys(l.keys, l.n);
        hn_array_set_real(&op->out[0], start + least(l.keys, l.n, false) * l.inner, 1);
    }
    return HN_OK;
}

/* The k least keys of a line, each with its place: a heap whose root is the last of them. */
struct pick {
    uint64_t key;
    size_t at;
};

static bool comes_before(struct pick a, struct pick b)
{
    return a.key != b.key ? a.key < b.key : a.at < b.at;
}

static void sift_down(struct pick *heap, size_t n, size_t i)
{
    const struct pick item = heap[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && comes_before(heap[child], heap[child + 1])) child++;
        if (!comes_before(item, heap[child])) break;
        heap[i] = heap[child];
    }
    heap[i] = item;
}

static void pick_least(const uint64_t *keys, size_t n, struct pick *heap, size_t k)
{
    for (size_t i = 0; i < k; i++)
        heap[i] = (struct pick){keys[i], i};
    for (size_t i = k / 2; i-- > 0;)
        sift_down(heap, k, i);
    for (size_t i = k; i < n && k; i++) {
        if (keys[i] >= heap[0].key) continue; /* equals that come later stay out */
        heap[0] = (struct pick){keys[i], i};
        sift_down(heap, k, 0);
    }
    for (size_t end = k; end-- > 1;) { /* in order */
        const struct pick last = heap[0];
        heap[0] = heap[end], heap[end] = last;
        sift_down(heap, end, 0);
    }
}

static enum hn_status read_k(struct hn_op *op, size_t n, size_t *k)
{
    int64_t given = hn_op_int(op, "k", 0);
    if (hn_op_in(op, 1)) HN_TRY(hn_op_one_int(op, 1, &given));
    if (given < 0 || (size_t)given > n)
        return hn_op_fail(op, HN_E_FORMAT, "k is %lld of %zu", (long long)given, n);
    *k = (size_t)given;
    return HN_OK;
}

enum hn_status hn_op_top_k(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    const bool largest = hn_op_int(op, "largest", 1) != 0;
    const size_t bytes = hn_element_info(x->type)->bytes;
    struct lines l;
    size_t k = 0, shape[HN_ARRAY_DIMS];
    HN_TRY(read_lines(op, hn_op_int(op, "axis", -1), &l));
    HN_TRY(read_k(op, l.n, &k));
    for (size_t i = 0; i < x->n_dims; i++)
        shape[i] = i == l.axis ? k : x->shape[i];
    char *values = hn_op_out(op, 0, x->type, shape, x->n_dims);
    int64_t *places =
        values && op->n_out > 1 ? hn_op_out(op, 1, HN_EL_I64, shape, x->n_dims) : NULL;
    struct pick *heap = hn_op_scratch(op, k, sizeof *heap);
    if (!values || (op->n_out > 1 && !places) || !heap) return hn_op_failed(op);
    for (size_t i = 0; i < l.count && k; i++) {
        const size_t from = line_start(&l, i, l.n), to = line_start(&l, i, k);
        hn_keys(x, from, l.n, l.inner, l.keys);
        if (largest) reverse_keys(l.keys, l.n);
        pick_least(l.keys, l.n, heap, k);
        for (size_t j = 0; j < k; j++) {
            memcpy(values + (to + j * l.inner) * bytes,
                   (const char *)x->data + (from + heap[j].at * l.inner) * bytes, bytes);
            if (places) places[to + j * l.inner] = (int64_t)heap[j].at;
        }
    }
    return HN_OK;
}
