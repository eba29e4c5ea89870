#include "model/graph/op_args.h"

enum hn_status hn_op_ints_either(struct hn_op *op, const char *name, size_t i, const int64_t **out,
                                 size_t *n)
{
    *out = NULL, *n = 0;
    if (hn_op_in(op, i)) return hn_op_ints_of(op, i, out, n);
    if (hn_op_has(op, name)) *out = hn_op_ints(op, name, n);
    return HN_OK;
}

enum hn_status hn_op_one_int(struct hn_op *op, size_t i, int64_t *out)
{
    const int64_t *values;
    size_t n;
    HN_TRY(hn_op_ints_of(op, i, &values, &n));
    if (n != 1)
        return hn_op_fail(op, HN_E_FORMAT, "input %zu has %zu elements where one is expected", i,
                          n);
    *out = values[0];
    return HN_OK;
}

enum hn_status hn_op_axes(struct hn_op *op, const int64_t *axes, size_t n, size_t rank,
                          bool mask[HN_ARRAY_DIMS], size_t order[HN_ARRAY_DIMS])
{
    for (size_t i = 0; i < HN_ARRAY_DIMS; i++)
        mask[i] = false;
    if (rank > HN_ARRAY_DIMS || n > rank)
        return hn_op_fail(op, HN_E_FORMAT, "%zu axes for %zu dimensions", n, rank);
    for (size_t i = 0; i < n; i++) {
        size_t axis;
        HN_TRY(hn_op_axis(op, axes[i], rank, &axis));
        if (mask[axis]) return hn_op_fail(op, HN_E_FORMAT, "axis %zu is named twice", axis);
        mask[axis] = true;
        if (order) order[i] = axis;
    }
    return HN_OK;
}
