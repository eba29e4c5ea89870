/* Operators that pick elements by their indices, or by a condition. */
#include "model/graph/op_args.h"
#include "model/graph/op_list.h"
#include "model/graph/op_walk.h"

#include "base/bits.h"

static size_t bytes_of(const struct hn_array *a)
{
    return hn_element_info(a->type)->bytes;
}

static enum hn_status bad_index(struct hn_op *op, int64_t index, size_t n)
{
    return hn_op_fail(op, HN_E_FORMAT, "index %lld of %zu", (long long)index, n);
}

/* Indices in [-limit, limit) as offsets of `step` elements each. */
static enum hn_status read_offsets(struct hn_op *op, size_t i, size_t limit, size_t step,
                                   const size_t **out)
{
    const int64_t *indices;
    size_t n;
    HN_TRY(hn_op_ints_of(op, i, &indices, &n));
    size_t *offsets = hn_op_scratch(op, n, sizeof *offsets);
    if (!offsets) return hn_op_failed(op);
    for (size_t k = 0; k < n; k++) {
        if (!hn_index(indices[k], limit, &offsets[k])) return bad_index(op, indices[k], limit);
        offsets[k] *= step;
    }
    *out = offsets;
    return HN_OK;
}

/* Short runs are the usual ones; their length is known to the compiler here. */
static inline void copy_run(char *to, const char *from, size_t bytes)
{
    switch (bytes) {
    case 4: memcpy(to, from, 4); break;
    case 8: memcpy(to, from, 8); break;
    default: memcpy(to, from, bytes); break;
    }
}

enum hn_status hn_op_gather(struct hn_op *op)
{
    const struct hn_array *x = op->in[0], *indices = op->in[1];
    size_t axis, shape[2 * HN_ARRAY_DIMS], n_dims = 0;
    const size_t *offsets;
    HN_TRY(hn_op_axis(op, hn_op_int(op, "axis", 0), x->n_dims, &axis));
    const size_t run = hn_dims_after(x, axis) * bytes_of(x);
    HN_TRY(read_offsets(op, 1, x->shape[axis], run, &offsets));
    for (size_t i = 0; i < axis; i++)
        shape[n_dims++] = x->shape[i];
    for (size_t i = 0; i < indices->n_dims; i++)
        shape[n_dims++] = indices->shape[i];
    for (size_t i = axis + 1; i < x->n_dims; i++)
        shape[n_dims++] = x->shape[i];
    if (n_dims > HN_ARRAY_DIMS) return hn_op_fail(op, HN_E_LIMIT, "%zu dimensions", n_dims);
    char *y = hn_op_out(op, 0, x->type, shape, n_dims);
    if (!y) return hn_op_failed(op);
    if (op->out[0].n == 0) return HN_OK;
    const size_t outer = hn_dims_before(x, axis), block = x->shape[axis] * run;
    for (size_t i = 0; i < outer; i++) {
        const char *from = (const char *)x->data + i * block;
        for (size_t k = 0; k < indices->n; k++, y += run)
            copy_run(y, from + offsets[k], run);
    }
    return HN_OK;
}

enum hn_status hn_op_gather_elements(struct hn_op *op)
{
    const struct hn_array *x = op->in[0], *indices = op->in[1];
    const size_t rank = x->n_dims, bytes = bytes_of(x);
    size_t axis, index[HN_ARRAY_DIMS] = {0};
    ptrdiff_t steps[HN_ARRAY_DIMS];
    const size_t *offsets;
    HN_TRY(hn_op_axis(op, hn_op_int(op, "axis", 0), rank, &axis));
    bool fits = indices->n_dims == rank;
    for (size_t i = 0; fits && i < rank; i++)
        fits = i == axis || indices->shape[i] <= x->shape[i];
    if (!fits) return hn_op_fail(op, HN_E_FORMAT, "indices of another shape than the data");
    hn_walk_steps(x->shape, rank, steps);
    HN_TRY(read_offsets(op, 1, x->shape[axis], (size_t)steps[axis], &offsets));
    char *y = hn_op_out(op, 0, x->type, indices->shape, rank);
    if (!y) return hn_op_failed(op);
    const size_t row = indices->shape[rank - 1];
    const size_t step = axis == rank - 1 ? 0 : 1;
    for (size_t done = 0; done < indices->n; done += row) {
        size_t base = 0;
        for (size_t i = 0; i + 1 < rank; i++)
            if (i != axis) base += index[i] * (size_t)steps[i];
        for (size_t j = 0; j < row; j++, y += bytes)
            copy_run(y, (const char *)x->data + (base + offsets[done + j] + j * step) * bytes,
                     bytes);
        for (size_t d = rank - 1; d > 0 && ++index[d - 1] == indices->shape[d - 1]; d--)
            index[d - 1] = 0;
    }
    return HN_OK;
}

enum hn_status hn_op_gather_nd(struct hn_op *op)
{
    const struct hn_array *x = op->in[0], *indices = op->in[1];
    const int64_t *values, given = hn_op_int(op, "batch_dims", 0);
    size_t n, shape[2 * HN_ARRAY_DIMS], n_dims = 0, batches = 1;
    ptrdiff_t steps[HN_ARRAY_DIMS];
    if (given < 0 || (size_t)given >= hn_min(x->n_dims, indices->n_dims))
        return hn_op_fail(op, HN_E_FORMAT, "batch_dims is %lld", (long long)given);
    const size_t b = (size_t)given, depth = indices->shape[indices->n_dims - 1];
    if (depth > x->n_dims - b)
        return hn_op_fail(op, HN_E_FORMAT, "indices of %zu dimensions of %zu", depth,
                          x->n_dims - b);
    for (size_t i = 0; i < b; i++) {
        if (x->shape[i] != indices->shape[i])
            return hn_op_fail(op, HN_E_FORMAT, "batch dimension %zu differs", i);
        batches *= x->shape[i];
    }
    for (size_t i = 0; i + 1 < indices->n_dims; i++)
        shape[n_dims++] = indices->shape[i];
    for (size_t i = b + depth; i < x->n_dims; i++)
        shape[n_dims++] = x->shape[i];
    if (n_dims > HN_ARRAY_DIMS) return hn_op_fail(op, HN_E_LIMIT, "%zu dimensions", n_dims);
    HN_TRY(hn_op_ints_of(op, 1, &values, &n));
    char *y = hn_op_out(op, 0, x->type, shape, n_dims);
    if (!y) return hn_op_failed(op);
    if (op->out[0].n == 0) return HN_OK;
    hn_walk_steps(x->shape, x->n_dims, steps);
    const size_t bytes = bytes_of(x), block = x->n / batches;
    size_t picks = 1, run = bytes; /* per batch; of each */
    for (size_t i = b; i + 1 < indices->n_dims; i++)
        picks *= indices->shape[i];
    for (size_t i = b + depth; i < x->n_dims; i++)
        run *= x->shape[i];
    for (size_t k = 0; k < batches * picks; k++, values += depth, y += run) {
        size_t offset = k / picks * block;
        for (size_t i = 0; i < depth; i++) {
            size_t index;
            if (!hn_index(values[i], x->shape[b + i], &index))
                return bad_index(op, values[i], x->shape[b + i]);
            offset += index * (size_t)steps[b + i];
        }
        copy_run(y, (const char *)x->data + offset * bytes, run);
    }
    return HN_OK;
}

enum hn_status hn_op_compress(struct hn_op *op)
{
    const struct hn_array *x = op->in[0], *condition = op->in[1];
    size_t axis = 0, shape[HN_ARRAY_DIMS], n_dims = 1, outer = 1, dim = x->n, run = bytes_of(x);
    if (condition->type != HN_EL_BOOL) return hn_op_fail_type(op, 1);
    if (hn_op_has(op, "axis")) {
        HN_TRY(hn_op_axis(op, hn_op_int(op, "axis", 0), x->n_dims, &axis));
        n_dims = x->n_dims, dim = x->shape[axis];
        outer = hn_dims_before(x, axis), run *= hn_dims_after(x, axis);
        for (size_t i = 0; i < n_dims; i++)
            shape[i] = x->shape[i];
    }
    const uint8_t *keep = condition->data;
    shape[axis] = 0;
    for (size_t i = 0; i < condition->n; i++) {
        if (!keep[i]) continue;
        if (i >= dim) return bad_index(op, (int64_t)i, dim);
        shape[axis]++;
    }
    char *y = hn_op_out(op, 0, x->type, shape, n_dims);
    if (!y) return hn_op_failed(op);
    if (op->out[0].n == 0) return HN_OK;
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < hn_min(condition->n, dim); i++) {
            if (!keep[i]) continue;
            copy_run(y, (const char *)x->data + (o * dim + i) * run, run);
            y += run;
        }
    return HN_OK;
}

/* The bits of an element that make it zero when none is set: all, or all but the sign. */
static uint64_t zero_mask(enum hn_element type)
{
    switch (type) {
    case HN_EL_F16:
    case HN_EL_BF16: return 0x7fff;
    case HN_EL_F32: return 0x7fffffff;
    case HN_EL_F64:
    case HN_EL_C128: return INT64_MAX;
    case HN_EL_C64: return 0x7fffffff7fffffff;
    default: return UINT64_MAX;
    }
}

static bool is_zero(const struct hn_array *x, size_t i, size_t bytes, uint64_t mask)
{
    if (x->type == HN_EL_STRING) return ((const struct hn_str *)x->data)[i].n == 0;
    uint64_t bits[2] = {0, 0};
    memcpy(bits, (const char *)x->data + i * bytes, bytes);
    return ((bits[0] | bits[1]) & mask) == 0;
}

enum hn_status hn_op_non_zero(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    const size_t bytes = bytes_of(x);
    const uint64_t mask = zero_mask(x->type);
    size_t shape[2] = {x->n_dims, 0}, index[HN_ARRAY_DIMS] = {0};
    for (size_t i = 0; i < x->n; i++)
        shape[1] += !is_zero(x, i, bytes, mask);
    int64_t *y = hn_op_out(op, 0, HN_EL_I64, shape, 2);
    if (!y) return hn_op_failed(op);
    for (size_t i = 0, k = 0; i < x->n; i++) {
        if (!is_zero(x, i, bytes, mask)) {
            for (size_t d = 0; d < x->n_dims; d++)
                y[d * shape[1] + k] = (int64_t)index[d];
            k++;
        }
        for (size_t d = x->n_dims; d > 0 && ++index[d - 1] == x->shape[d - 1]; d--)
            index[d - 1] = 0;
    }
    return HN_OK;
}

/* An element of any number type as an index; false for what none can be. */
static bool as_index(const struct hn_array *a, size_t i, int64_t *out)
{
    const double real = hn_array_real(a, i);
    if (!(real > -9.2e18 && real < 9.2e18)) return false;
    *out = (int64_t)real;
    return true;
}

enum hn_status hn_op_one_hot(struct hn_op *op)
{
    const struct hn_array *x = op->in[0], *values = op->in[2];
    size_t axis, shape[HN_ARRAY_DIMS];
    int64_t depth;
    if (x->n_dims == HN_ARRAY_DIMS) return hn_op_fail(op, HN_E_LIMIT, "%zu dimensions", x->n_dims);
    HN_TRY(hn_op_axis(op, hn_op_int(op, "axis", -1), x->n_dims + 1, &axis));
    if (x->type == HN_EL_STRING) return hn_op_fail_type(op, 0);
    if (op->in[1]->type == HN_EL_STRING || op->in[1]->n != 1 || !as_index(op->in[1], 0, &depth) ||
        depth < 0)
        return hn_op_fail(op, HN_E_FORMAT, "the depth is no number of classes");
    if (values->n != 2) return hn_op_fail(op, HN_E_FORMAT, "%zu values, not two", values->n);
    for (size_t i = 0; i <= x->n_dims; i++)
        shape[i] = i < axis ? x->shape[i] : i == axis ? (size_t)depth : x->shape[i - 1];
    char *y = hn_op_out(op, 0, values->type, shape, x->n_dims + 1);
    if (!y) return hn_op_failed(op);
    const size_t bytes = bytes_of(values), inner = hn_dims_after(&op->out[0], axis);
    hn_walk_fill(y, op->out[0].n, bytes, values->data);
    if (op->out[0].n == 0) return HN_OK;
    for (size_t i = 0; i < x->n; i++) {
        int64_t value;
        size_t class;
        if (!as_index(x, i, &value) || !hn_index(value, (size_t)depth, &class)) continue;
        const size_t place = (i / inner * (size_t)depth + class) * inner + i % inner;
        memcpy(y + place * bytes, (const char *)values->data + bytes, bytes);
    }
    return HN_OK;
}
