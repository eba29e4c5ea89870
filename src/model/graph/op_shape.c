/* Operators that look at or change shapes and leave the elements where they are. */
#include "model/graph/op_args.h"
#include "model/graph/op_list.h"

static enum hn_status bad_shape(struct hn_op *op, size_t n, const size_t *shape, size_t n_dims)
{
    char text[200];
    return hn_op_fail(op, HN_E_FORMAT, "%zu elements do not make up %s", n,
                      hn_shape_text(shape, n_dims, text, sizeof text));
}

/* The dimension that -1 stands for: what is left of n elements. */
static bool infer_dim(size_t n, size_t *shape, size_t n_dims, size_t at)
{
    size_t rest;
    shape[at] = 1;
    if (!hn_shape_count(shape, n_dims, 1, &rest)) return false;
    if (rest == 0) return shape[at] = 0, n == 0;
    shape[at] = n / rest;
    return n % rest == 0;
}

enum hn_status hn_op_reshape(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    const int64_t *dims;
    size_t n, shape[HN_ARRAY_DIMS], infer = HN_ARRAY_DIMS, count;
    HN_TRY(hn_op_ints_of(op, 1, &dims, &n));
    if (n > HN_ARRAY_DIMS) return hn_op_fail(op, HN_E_LIMIT, "a shape of %zu dimensions", n);
    const bool allow_zero = hn_op_int(op, "allowzero", 0) != 0;
    for (size_t i = 0; i < n; i++) {
        if (dims[i] < -1 || (dims[i] == -1 && infer < n) ||
            (dims[i] == 0 && !allow_zero && i >= x->n_dims))
            return hn_op_fail(op, HN_E_FORMAT, "dimension %zu of the shape is %lld", i,
                              (long long)dims[i]);
        if (dims[i] == -1) infer = i;
        shape[i] = dims[i] == 0 && !allow_zero ? x->shape[i] : (size_t)dims[i];
    }
    const bool fits = infer < n ? infer_dim(x->n, shape, n, infer)
                                : hn_shape_count(shape, n, 1, &count) && count == x->n;
    if (!fits) return bad_shape(op, x->n, shape, n);
    return hn_op_alias(op, 0, 0, shape, n);
}

enum hn_status hn_op_flatten(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    int64_t axis = hn_op_int(op, "axis", 1);
    const int64_t rank = (int64_t)x->n_dims;
    if (axis < -rank || axis > rank)
        return hn_op_fail(op, HN_E_FORMAT, "axis %lld of %lld dimensions", (long long)axis,
                          (long long)rank);
    if (axis < 0) axis += rank;
    size_t shape[2] = {1, 1};
    for (size_t i = 0; i < x->n_dims; i++)
        shape[i >= (size_t)axis] *= x->shape[i];
    return hn_op_alias(op, 0, 0, shape, 2);
}

enum hn_status hn_op_squeeze(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    const int64_t *axes;
    size_t n, n_dims = 0, shape[HN_ARRAY_DIMS];
    bool drop[HN_ARRAY_DIMS];
    HN_TRY(hn_op_ints_either(op, "axes", 1, &axes, &n));
    HN_TRY(hn_op_axes(op, axes, n, x->n_dims, drop, NULL));
    for (size_t i = 0; i < x->n_dims; i++) {
        if (drop[i] && x->shape[i] != 1)
            return hn_op_fail(op, HN_E_FORMAT, "dimension %zu is %zu and cannot be dropped", i,
                              x->shape[i]);
        if (axes ? !drop[i] : x->shape[i] != 1) shape[n_dims++] = x->shape[i];
    }
    return hn_op_alias(op, 0, 0, shape, n_dims);
}

enum hn_status hn_op_unsqueeze(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    const int64_t *axes;
    size_t n, shape[HN_ARRAY_DIMS];
    bool added[HN_ARRAY_DIMS];
    HN_TRY(hn_op_ints_either(op, "axes", 1, &axes, &n));
    if (n > HN_ARRAY_DIMS - x->n_dims)
        return hn_op_fail(op, HN_E_LIMIT, "%zu dimensions and %zu more", x->n_dims, n);
    const size_t rank = x->n_dims + n;
    HN_TRY(hn_op_axes(op, axes, n, rank, added, NULL));
    for (size_t i = 0, from = 0; i < rank; i++)
        shape[i] = added[i] ? 1 : x->shape[from++];
    return hn_op_alias(op, 0, 0, shape, rank);
}

static size_t clamp_axis(int64_t axis, size_t rank)
{
    if (axis < 0) axis += (int64_t)rank;
    return axis < 0 ? 0 : (size_t)axis > rank ? rank : (size_t)axis;
}

enum hn_status hn_op_shape(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    const size_t start = clamp_axis(hn_op_int(op, "start", 0), x->n_dims);
    const size_t end = clamp_axis(hn_op_int(op, "end", INT64_MAX), x->n_dims);
    const size_t n = end > start ? end - start : 0;
    int64_t *y = hn_op_out(op, 0, HN_EL_I64, &n, 1);
    if (!y) return hn_op_failed(op);
    for (size_t i = 0; i < n; i++)
        y[i] = (int64_t)x->shape[start + i];
    return HN_OK;
}

enum hn_status hn_op_size(struct hn_op *op)
{
    int64_t *y = hn_op_out(op, 0, HN_EL_I64, NULL, 0);
    if (!y) return hn_op_failed(op);
    *y = (int64_t)op->in[0]->n;
    return HN_OK;
}
