/* Shapes of what moves elements, and of shapes themselves, whose numbers are followed. */
#include <string.h>

#include "base/bits.h"
#include "model/graph/shape.h"

/* --- shapes as values --- */

enum hn_status hn_shape_shape(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0);
    int64_t n = HN_DIM_ANY;
    if (!x->known_rank) return hn_shape_set(s, 0, &n, 1);
    const int64_t rank = (int64_t)x->n_dims;
    int64_t start = hn_node_int(s->node, "start", 0), end = hn_node_int(s->node, "end", rank);
    start = start < 0 ? start + rank : start;
    end = end < 0 ? end + rank : end;
    start = start < 0 ? 0 : start > rank ? rank : start;
    end = end < start ? start : end > rank ? rank : end;
    n = end - start;
    HN_TRY(hn_shape_set(s, 0, &n, 1));
    return hn_shape_set_values(s, 0, x->dims + start, (size_t)n);
}

enum hn_status hn_shape_size(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0);
    int64_t n = 1;
    HN_TRY(hn_shape_set(s, 0, NULL, 0));
    if (!x->known_rank) return HN_OK;
    for (size_t i = 0; i < x->n_dims; i++)
        n = hn_dim_times(n, x->dims[i]);
    return hn_shape_set_values(s, 0, &n, 1);
}

/* --- picking and joining --- */

enum hn_status hn_shape_gather(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0), *indices = hn_shape_in(s, 1);
    int64_t dims[2 * HN_ARRAY_DIMS], values[HN_SHAPE_VALUES];
    size_t axis, n = 0;
    if (!x->known_rank || !indices->known_rank) return HN_OK;
    HN_TRY(hn_shape_axis(s, hn_node_int(s->node, "axis", 0), x->n_dims, &axis));
    for (size_t i = 0; i < axis; i++)
        dims[n++] = x->dims[i];
    for (size_t i = 0; i < indices->n_dims; i++)
        dims[n++] = indices->dims[i];
    for (size_t i = axis + 1; i < x->n_dims; i++)
        dims[n++] = x->dims[i];
    HN_TRY(hn_shape_set(s, 0, dims, n));
    if (!x->values || x->n_dims != 1 || !indices->values) return HN_OK;
    for (size_t i = 0; i < indices->n_values; i++) {
        const int64_t at = indices->values[i], length = (int64_t)x->n_values;
        if (!hn_dim_is_number(at)) return HN_OK;
        if (at < -length || at >= length)
            return hn_shape_fail(s, "index %lld of %lld", (long long)at, (long long)length);
        values[i] = x->values[at < 0 ? at + length : at];
    }
    return hn_shape_set_values(s, 0, values, indices->n_values);
}

enum hn_status hn_shape_gather_elements(struct hn_shaper *s)
{
    const struct hn_fact *indices = hn_shape_in(s, 1);
    return indices->known_rank ? hn_shape_set(s, 0, indices->dims, indices->n_dims) : HN_OK;
}

static enum hn_status concat_values(struct hn_shaper *s)
{
    int64_t values[HN_SHAPE_VALUES];
    size_t n = 0;
    for (size_t i = 0; i < s->node->n_in; i++) {
        const struct hn_fact *x = hn_shape_in(s, i);
        if (!x->values || x->n_dims != 1 || n + x->n_values > HN_SHAPE_VALUES) return HN_OK;
        if (x->n_values) memcpy(values + n, x->values, x->n_values * sizeof *values);
        n += x->n_values;
    }
    return hn_shape_set_values(s, 0, values, n);
}

enum hn_status hn_shape_concat(struct hn_shaper *s)
{
    const struct hn_fact *first = hn_shape_in(s, 0);
    int64_t dims[HN_ARRAY_DIMS];
    size_t axis;
    if (!first->known_rank) return HN_OK;
    HN_TRY(hn_shape_axis(s, hn_node_int(s->node, "axis", 1), first->n_dims, &axis));
    memcpy(dims, first->dims, first->n_dims * sizeof *dims);
    for (size_t i = 1; i < s->node->n_in; i++) {
        const struct hn_fact *x = hn_shape_in(s, i);
        if (!x->known_rank) {
            dims[axis] = HN_DIM_ANY;
            continue;
        }
        if (x->n_dims != first->n_dims)
            return hn_shape_fail(s, "input %zu has %zu dimensions, the first %zu", i, x->n_dims,
                                 first->n_dims);
        for (size_t d = 0; d < x->n_dims; d++) {
            if (d == axis) dims[d] = hn_dim_plus(dims[d], x->dims[d]);
            else if (hn_dims_differ(dims[d], x->dims[d]))
                return hn_shape_fail(s, "dimension %zu is %lld and %lld", d, (long long)dims[d],
                                     (long long)x->dims[d]);
            else dims[d] = hn_dim_both(dims[d], x->dims[d]);
        }
    }
    HN_TRY(hn_shape_set(s, 0, dims, first->n_dims));
    return first->n_dims == 1 ? concat_values(s) : HN_OK;
}

enum hn_status hn_shape_split(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0);
    const int64_t *parts, count = (int64_t)s->node->n_out;
    size_t axis, n;
    int64_t dims[HN_ARRAY_DIMS];
    const bool known = hn_shape_ints(s, 1, "split", &parts, &n);
    for (size_t o = 0; o < s->node->n_out; o++) {
        hn_shape_out(s, o)->known_type = x->known_type;
        hn_shape_out(s, o)->type = x->type;
    }
    if (!x->known_rank) return HN_OK;
    HN_TRY(hn_shape_axis(s, hn_node_int(s->node, "axis", 0), x->n_dims, &axis));
    memcpy(dims, x->dims, x->n_dims * sizeof *dims);
    const int64_t all = x->dims[axis], each = all / count + (all % count != 0);
    for (size_t o = 0; o < s->node->n_out; o++) {
        dims[axis] = HN_DIM_ANY;
        if (known && parts && o < n) dims[axis] = parts[o];
        else if (known && !parts && hn_dim_is_number(all) && each * count - all < each)
            dims[axis] = (int64_t)o + 1 < count ? each : all - each * (count - 1);
        HN_TRY(hn_shape_set(s, o, dims, x->n_dims));
    }
    return HN_OK;
}

/* --- slices --- */

/* What is left of a dimension. */
static int64_t sliced(int64_t dim, int64_t start, int64_t end, int64_t step)
{
    if (start == 0 && step == 1 && end >= INT32_MAX) return dim; /* to whatever end */
    if (!hn_dim_is_number(dim) || step == 0 || step < -INT32_MAX) return HN_DIM_ANY;
    const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? dim : dim - 1;
    start = start < 0 ? start + dim : start;
    end = end < 0 ? end + dim : end;
    start = step > 0 ? (start < 0 ? 0 : start) : start > high ? high : start < -1 ? -1 : start;
    end = end < low ? low : end > dim ? dim : end;
    const int64_t span = step > 0 ? end - start : start - end, size = step > 0 ? step : -step;
    return span <= 0 ? 0 : span / size + (span % size != 0);
}

enum hn_status hn_shape_slice(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0);
    const int64_t *starts, *ends, *axes, *steps;
    size_t n, n_ends, n_axes, n_steps;
    int64_t dims[HN_ARRAY_DIMS];
    if (!x->known_rank) return HN_OK;
    const bool from = hn_shape_ints(s, 1, "starts", &starts, &n);
    const bool to = hn_shape_ints(s, 2, "ends", &ends, &n_ends);
    const bool along = hn_shape_ints(s, 3, "axes", &axes, &n_axes);
    const bool by = hn_shape_ints(s, 4, "steps", &steps, &n_steps);
    const bool known =
        from && to && by && starts && ends && n == n_ends && (!steps || n_steps == n);
    const bool where = along && (axes || known);
    for (size_t i = 0; i < x->n_dims; i++)
        dims[i] = where ? x->dims[i] : HN_DIM_ANY;
    for (size_t i = 0; where && i < (axes ? n_axes : n); i++) {
        size_t axis;
        HN_TRY(hn_shape_axis(s, axes ? axes[i] : (int64_t)i, x->n_dims, &axis));
        dims[axis] = known && i < n
                         ? sliced(x->dims[axis], starts[i], ends[i], steps ? steps[i] : 1)
                         : HN_DIM_ANY;
    }
    HN_TRY(hn_shape_set(s, 0, dims, x->n_dims));
    if (!x->values || x->n_dims != 1 || !where || !known || n != 1 || (steps && steps[0] != 1) ||
        dims[0] < 0)
        return HN_OK;
    int64_t first = starts[0] < 0 ? starts[0] + (int64_t)x->n_values : starts[0];
    first = first < 0 ? 0 : first;
    if (dims[0] == 0) first = 0;
    return hn_shape_set_values(s, 0, x->values + first, (size_t)dims[0]);
}

/* --- the same elements, seen otherwise --- */

static enum hn_status keep_values(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0);
    if (!x->values || hn_shape_out(s, 0)->n_dims > 1) return HN_OK;
    return hn_shape_set_values(s, 0, x->values, x->n_values);
}

enum hn_status hn_shape_squeeze(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0);
    const int64_t *axes;
    size_t n, left = 0;
    bool gone[HN_ARRAY_DIMS] = {false};
    int64_t dims[HN_ARRAY_DIMS];
    if (!x->known_rank || !hn_shape_ints(s, 1, "axes", &axes, &n)) return HN_OK;
    for (size_t i = 0; i < n; i++) {
        size_t axis;
        HN_TRY(hn_shape_axis(s, axes[i], x->n_dims, &axis));
        if (hn_dims_differ(x->dims[axis], 1))
            return hn_shape_fail(s, "dimension %zu is %lld, not 1", axis, (long long)x->dims[axis]);
        gone[axis] = true;
    }
    for (size_t i = 0; i < x->n_dims; i++) {
        if (!axes && !hn_dim_is_number(x->dims[i])) return HN_OK;
        if (!axes) gone[i] = x->dims[i] == 1;
        if (!gone[i]) dims[left++] = x->dims[i];
    }
    HN_TRY(hn_shape_set(s, 0, dims, left));
    return keep_values(s);
}

enum hn_status hn_shape_unsqueeze(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0);
    const int64_t *axes;
    size_t n;
    bool made[HN_ARRAY_DIMS] = {false};
    int64_t dims[HN_ARRAY_DIMS];
    if (!x->known_rank || !hn_shape_ints(s, 1, "axes", &axes, &n) || !axes ||
        x->n_dims + n > HN_ARRAY_DIMS)
        return HN_OK;
    for (size_t i = 0; i < n; i++) {
        size_t axis;
        HN_TRY(hn_shape_axis(s, axes[i], x->n_dims + n, &axis));
        if (made[axis]) return hn_shape_fail(s, "axis %zu twice", axis);
        made[axis] = true;
    }
    for (size_t i = 0, j = 0; i < x->n_dims + n; i++)
        dims[i] = made[i] ? 1 : x->dims[j++];
    HN_TRY(hn_shape_set(s, 0, dims, x->n_dims + n));
    return keep_values(s);
}

enum hn_status hn_shape_transpose(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0);
    const struct hn_onnx_attr *perm = hn_node_attr_of(s->node, "perm", HN_ONNX_INTS);
    int64_t dims[HN_ARRAY_DIMS];
    if (!x->known_rank) return HN_OK;
    if (perm && perm->n != x->n_dims)
        return hn_shape_fail(s, "an order of %zu dimensions for %zu", perm->n, x->n_dims);
    for (size_t i = 0; i < x->n_dims; i++) {
        size_t axis = x->n_dims - 1 - i;
        if (perm) HN_TRY(hn_shape_axis(s, perm->ints[i], x->n_dims, &axis));
        dims[i] = x->dims[axis];
    }
    return hn_shape_set(s, 0, dims, x->n_dims);
}

enum hn_status hn_shape_flatten(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0);
    size_t axis;
    int64_t dims[] = {1, 1};
    if (!x->known_rank) return HN_OK;
    const int64_t given = hn_node_int(s->node, "axis", 1);
    if (given == (int64_t)x->n_dims) axis = x->n_dims;
    else HN_TRY(hn_shape_axis(s, given, x->n_dims, &axis));
    for (size_t i = 0; i < x->n_dims; i++)
        dims[i >= axis] = hn_dim_times(dims[i >= axis], x->dims[i]);
    return hn_shape_set(s, 0, dims, 2);
}

/* The place of -1 takes what is left of x when the other dimensions have been taken out. */
static int64_t left_over(const struct hn_fact *x, const int64_t *dims, size_t n, size_t open)
{
    int64_t whole = 1, part = 1, symbol = 0;
    bool used[HN_ARRAY_DIMS] = {false};
    for (size_t i = 0; i < x->n_dims; i++)
        if (hn_dim_is_number(x->dims[i])) whole = hn_dim_times(whole, x->dims[i]);
    for (size_t i = 0; i < n; i++) {
        size_t at = 0;
        if (i == open) continue;
        if (hn_dim_is_number(dims[i])) {
            part = hn_dim_times(part, dims[i]);
            continue;
        }
        while (at < x->n_dims && (used[at] || x->dims[at] != dims[i]))
            at++;
        if (dims[i] == HN_DIM_ANY || at == x->n_dims) return HN_DIM_ANY;
        used[at] = true;
    }
    for (size_t i = 0; i < x->n_dims; i++) {
        if (used[i] || hn_dim_is_number(x->dims[i])) continue;
        if (symbol || x->dims[i] == HN_DIM_ANY) return HN_DIM_ANY;
        symbol = x->dims[i];
    }
    if (whole < 1 || part < 1 || whole % part) return HN_DIM_ANY;
    return symbol ? hn_dim_times(symbol, whole / part) : whole / part;
}

static int64_t count_of(const int64_t *dims, size_t n)
{
    int64_t count = 1;
    for (size_t i = 0; i < n; i++)
        count = hn_dim_is_number(count) && hn_dim_is_number(dims[i]) ? hn_dim_times(count, dims[i])
                                                                     : HN_DIM_ANY;
    return count;
}

enum hn_status hn_shape_reshape(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0), *shape = hn_shape_in(s, 1);
    const bool zero = hn_node_int(s->node, "allowzero", 0) != 0;
    int64_t dims[HN_ARRAY_DIMS];
    size_t n = shape->n_values, open = SIZE_MAX;
    if (!shape->values) {
        const int64_t rank = shape->known_rank && shape->n_dims == 1 ? shape->dims[0] : -1;
        if (rank < 0 || rank > HN_ARRAY_DIMS) return HN_OK;
        n = (size_t)rank;
    }
    if (n > HN_ARRAY_DIMS) return HN_OK;
    for (size_t i = 0; i < n; i++) {
        dims[i] = shape->values ? shape->values[i] : HN_DIM_ANY;
        if (dims[i] == 0 && !zero)
            dims[i] = x->known_rank && i < x->n_dims ? x->dims[i] : HN_DIM_ANY;
        if (dims[i] == -1 && open == SIZE_MAX) open = i;
        else if (hn_dim_is_number(dims[i]) && dims[i] < 0)
            return hn_shape_fail(s, "a dimension of %lld", (long long)dims[i]);
    }
    if (open != SIZE_MAX) {
        dims[open] = HN_DIM_ANY;
        if (x->known_rank) dims[open] = left_over(x, dims, n, open);
    }
    const int64_t from = x->known_rank ? count_of(x->dims, x->n_dims) : HN_DIM_ANY;
    const int64_t to = count_of(dims, n);
    if (hn_dims_differ(from, to))
        return hn_shape_fail(s, "%lld elements as %lld", (long long)from, (long long)to);
    HN_TRY(hn_shape_set(s, 0, dims, n));
    return keep_values(s);
}

/* --- repeated and surrounded --- */

enum hn_status hn_shape_expand(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0), *shape = hn_shape_in(s, 1);
    int64_t dims[HN_ARRAY_DIMS];
    size_t n = x->n_dims;
    if (!x->known_rank || !shape->values || shape->n_values > HN_ARRAY_DIMS) return HN_OK;
    for (size_t i = 0; i < shape->n_values; i++)
        if (hn_dim_is_number(shape->values[i]) && shape->values[i] < 0) return HN_OK;
    memcpy(dims, x->dims, n * sizeof *dims);
    HN_TRY(hn_shape_broadcast(s, dims, &n, shape->values, shape->n_values));
    return hn_shape_set(s, 0, dims, n);
}

enum hn_status hn_shape_tile(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0), *repeats = hn_shape_in(s, 1);
    int64_t dims[HN_ARRAY_DIMS];
    if (!x->known_rank) return HN_OK;
    for (size_t i = 0; i < x->n_dims; i++) {
        const bool known = repeats->values && i < repeats->n_values;
        dims[i] = known ? hn_dim_times(x->dims[i], repeats->values[i]) : HN_DIM_ANY;
    }
    return hn_shape_set(s, 0, dims, x->n_dims);
}

enum hn_status hn_shape_pad(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0);
    const int64_t *pads, *axes;
    size_t n, n_axes, axis;
    int64_t dims[HN_ARRAY_DIMS];
    if (!x->known_rank) return HN_OK;
    const bool known = hn_shape_ints(s, 1, "pads", &pads, &n) && pads &&
                       hn_shape_ints(s, 3, "", &axes, &n_axes) &&
                       n == 2 * (axes ? n_axes : x->n_dims);
    for (size_t i = 0; i < x->n_dims; i++)
        dims[i] = known ? x->dims[i] : HN_DIM_ANY;
    for (size_t i = 0; known && i < n / 2; i++) {
        HN_TRY(hn_shape_axis(s, axes ? axes[i] : (int64_t)i, x->n_dims, &axis));
        dims[axis] = hn_dim_plus(dims[axis], hn_dim_plus(pads[i], pads[n / 2 + i]));
    }
    return hn_shape_set(s, 0, dims, x->n_dims);
}

/* --- channels and places --- */

static enum hn_status reblock(struct hn_shaper *s, bool to_space)
{
    const struct hn_fact *x = hn_shape_in(s, 0);
    const int64_t block = hn_node_int(s->node, "blocksize", 0);
    if (!x->known_rank || x->n_dims != 4 || block < 1 || block > INT32_MAX) return HN_OK;
    int64_t dims[4] = {x->dims[0]};
    for (size_t i = 1; i < 4; i++) {
        const int64_t by = i == 1 ? block * block : block, dim = x->dims[i];
        if ((i == 1) != to_space) dims[i] = hn_dim_times(dim, by);
        else dims[i] = hn_dim_is_number(dim) ? dim / by : HN_DIM_ANY;
    }
    return hn_shape_set(s, 0, dims, 4);
}

enum hn_status hn_shape_depth_to_space(struct hn_shaper *s)
{
    return reblock(s, true);
}

enum hn_status hn_shape_space_to_depth(struct hn_shaper *s)
{
    return reblock(s, false);
}
