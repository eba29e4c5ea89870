/* Operators that put the elements of arrays elsewhere: joined, cut, turned, repeated. */
#include "model/graph/op_args.h"
#include "model/graph/op_list.h"
#include "model/graph/op_walk.h"

#include "base/bits.h"

static size_t bytes_of(const struct hn_array *a)
{
    return hn_element_info(a->type)->bytes;
}

static void *at(const void *data, ptrdiff_t element, size_t bytes)
{
    return (char *)data + element * (ptrdiff_t)bytes;
}

static enum hn_status read_perm(struct hn_op *op, size_t rank, size_t perm[HN_ARRAY_DIMS])
{
    size_t n;
    const int64_t *given = hn_op_ints(op, "perm", &n);
    bool seen[HN_ARRAY_DIMS];
    if (!given || n == 0) {
        for (size_t i = 0; i < rank; i++)
            perm[i] = rank - 1 - i;
        return HN_OK;
    }
    if (n != rank) return hn_op_fail(op, HN_E_FORMAT, "perm names %zu of %zu axes", n, rank);
    return hn_op_axes(op, given, n, rank, seen, perm);
}

enum hn_status hn_op_transpose(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    size_t perm[HN_ARRAY_DIMS], shape[HN_ARRAY_DIMS], before = 0;
    ptrdiff_t steps[HN_ARRAY_DIMS];
    struct hn_walk walk = {.n_dims = x->n_dims};
    HN_TRY(read_perm(op, x->n_dims, perm));
    hn_walk_steps(x->shape, x->n_dims, steps);
    bool moves = false; /* dimensions of one element may go anywhere */
    for (size_t i = 0; i < x->n_dims; i++) {
        walk.shape[i] = shape[i] = x->shape[perm[i]];
        walk.from[i] = steps[perm[i]];
        if (shape[i] == 1) continue;
        moves |= perm[i] < before;
        before = perm[i];
    }
    if (!moves || x->n == 0) return hn_op_alias(op, 0, 0, shape, x->n_dims);
    void *y = hn_op_out(op, 0, x->type, shape, x->n_dims);
    if (!y) return hn_op_failed(op);
    hn_walk_steps(shape, x->n_dims, walk.to);
    hn_walk_copy(&walk, bytes_of(x), y, x->data);
    return HN_OK;
}

/* A block of an array of `whole` along an axis, starting at `start`, to or from one of its own. */
static void copy_along(const struct hn_array *part, const struct hn_array *whole, size_t axis,
                       size_t start, bool into_whole)
{
    const size_t bytes = bytes_of(part), inner = hn_dims_after(part, axis);
    struct hn_walk walk = {.n_dims = 2};
    walk.shape[0] = hn_dims_before(part, axis);
    walk.shape[1] = part->shape[axis] * inner;
    ptrdiff_t *const in_part = into_whole ? walk.from : walk.to;
    ptrdiff_t *const in_whole = into_whole ? walk.to : walk.from;
    in_part[0] = (ptrdiff_t)walk.shape[1];
    in_whole[0] = (ptrdiff_t)(whole->shape[axis] * inner);
    in_part[1] = in_whole[1] = 1;
    void *const place = at(whole->data, (ptrdiff_t)(start * inner), bytes);
    hn_walk_copy(&walk, bytes, into_whole ? place : part->data, into_whole ? part->data : place);
}

enum hn_status hn_op_concat(struct hn_op *op)
{
    const struct hn_array *first = op->in[0];
    size_t axis, shape[HN_ARRAY_DIMS];
    HN_TRY(hn_op_axis(op, hn_op_int(op, "axis", 1), first->n_dims, &axis));
    for (size_t i = 0; i < first->n_dims; i++)
        shape[i] = first->shape[i];
    shape[axis] = 0;
    for (size_t k = 0; k < op->n_in; k++) {
        const struct hn_array *x = op->in[k];
        bool fits = x && x->type == first->type && x->n_dims == first->n_dims;
        for (size_t i = 0; fits && i < x->n_dims; i++)
            fits = i == axis ? hn_add(shape[i], x->shape[i], &shape[i]) : x->shape[i] == shape[i];
        if (!fits)
            return hn_op_fail(op, HN_E_FORMAT, "input %zu does not fit the first along axis %zu", k,
                              axis);
    }
    if (!hn_op_out(op, 0, first->type, shape, first->n_dims)) return hn_op_failed(op);
    size_t start = 0;
    for (size_t k = 0; k < op->n_in; k++) {
        copy_along(op->in[k], &op->out[0], axis, start, true);
        start += op->in[k]->shape[axis];
    }
    return HN_OK;
}

/* How long part i of n is, when nothing says so: as equal as can be, the last shorter. */
static size_t equal_part(size_t whole, size_t n, size_t i)
{
    const size_t part = hn_div_up(whole, n), start = hn_min(whole, part * i);
    return hn_min(part, whole - start);
}

enum hn_status hn_op_split(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    const int64_t *parts;
    size_t axis, n, shape[HN_ARRAY_DIMS], start = 0;
    HN_TRY(hn_op_axis(op, hn_op_int(op, "axis", 0), x->n_dims, &axis));
    HN_TRY(hn_op_ints_either(op, "split", 1, &parts, &n));
    if (!parts) n = (size_t)hn_op_int(op, "num_outputs", (int64_t)op->n_out);
    if (n != op->n_out)
        return hn_op_fail(op, HN_E_FORMAT, "%zu parts for %zu outputs", n, op->n_out);
    for (size_t i = 0; i < x->n_dims; i++)
        shape[i] = x->shape[i];
    for (size_t k = 0; k < n; k++) {
        const size_t left = x->shape[axis] - start;
        if (parts && (parts[k] < 0 || (size_t)parts[k] > left))
            return hn_op_fail(op, HN_E_FORMAT, "part %zu is %lld of the %zu that are left", k,
                              (long long)parts[k], left);
        shape[axis] = parts ? (size_t)parts[k] : equal_part(x->shape[axis], n, k);
        if (hn_op_wants(op, k)) {
            if (!hn_op_out(op, k, x->type, shape, x->n_dims)) return hn_op_failed(op);
            copy_along(&op->out[k], x, axis, start, false);
        }
        start += shape[axis];
    }
    if (start != x->shape[axis])
        return hn_op_fail(op, HN_E_FORMAT, "the parts make up %zu of %zu", start, x->shape[axis]);
    return HN_OK;
}

/* One dimension of a slice: where it starts, how far it steps and how many it takes. */
struct cut {
    size_t start, n;
    ptrdiff_t step;
};

static struct cut cut_dim(size_t dim, int64_t start, int64_t end, int64_t step)
{
    const int64_t n = (int64_t)dim, low = step < 0 ? -1 : 0, high = step < 0 ? n - 1 : n;
    if (dim == 0) return (struct cut){.step = 1};
    if (start < 0) start += n;
    if (end < 0) end += n;
    start = start < 0 ? (step < 0 ? -1 : 0) : start > high ? high : start;
    end = end < low ? low : end > high ? high : end;
    const int64_t way = step < 0 ? start - end : end - start;
    if (way <= 0) return (struct cut){.step = 1};
    const uint64_t stride = step < 0 ? 0 - (uint64_t)step : (uint64_t)step;
    const size_t count = (size_t)(((uint64_t)way - 1) / stride + 1);
    /* One element needs no step, and what a file says may be too far to go. */
    return (struct cut){(size_t)start, count, count > 1 ? (ptrdiff_t)step : 1};
}

/* What slicing takes: attributes up to version 9, then inputs. */
struct slice_args {
    const int64_t *starts, *ends, *axes, *steps;
    size_t n;
};

static enum hn_status read_slice(struct hn_op *op, struct slice_args *a)
{
    size_t n[4] = {0};
    HN_TRY(hn_op_ints_either(op, "starts", 1, &a->starts, &n[0]));
    HN_TRY(hn_op_ints_either(op, "ends", 2, &a->ends, &n[1]));
    HN_TRY(hn_op_ints_either(op, "axes", 3, &a->axes, &n[2]));
    if (hn_op_in(op, 4)) HN_TRY(hn_op_ints_of(op, 4, &a->steps, &n[3]));
    a->n = n[0];
    if (n[1] != a->n || (a->axes && n[2] != a->n) || (a->steps && n[3] != a->n))
        return hn_op_fail(op, HN_E_FORMAT, "starts, ends, axes and steps differ in length");
    if (a->n > op->in[0]->n_dims)
        return hn_op_fail(op, HN_E_FORMAT, "%zu slices of %zu dimensions", a->n, op->in[0]->n_dims);
    return HN_OK;
}

enum hn_status hn_op_slice(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    struct slice_args args = {0};
    bool named[HN_ARRAY_DIMS];
    size_t order[HN_ARRAY_DIMS], shape[HN_ARRAY_DIMS];
    HN_TRY(read_slice(op, &args));
    if (args.axes) HN_TRY(hn_op_axes(op, args.axes, args.n, x->n_dims, named, order));
    struct hn_walk walk = {.n_dims = x->n_dims};
    hn_walk_steps(x->shape, x->n_dims, walk.from);
    for (size_t i = 0; i < x->n_dims; i++)
        shape[i] = x->shape[i];
    ptrdiff_t start = 0;
    for (size_t k = 0; k < args.n; k++) {
        const size_t axis = args.axes ? order[k] : k;
        const int64_t step = args.steps ? args.steps[k] : 1;
        if (step == 0) return hn_op_fail(op, HN_E_FORMAT, "a step of 0 along axis %zu", axis);
        const struct cut cut = cut_dim(x->shape[axis], args.starts[k], args.ends[k], step);
        start += (ptrdiff_t)cut.start * walk.from[axis];
        walk.from[axis] *= cut.step;
        shape[axis] = cut.n;
    }
    bool whole = true;
    for (size_t i = 0; i < x->n_dims; i++) {
        whole &= shape[i] == x->shape[i] && walk.from[i] >= 0;
        walk.shape[i] = shape[i];
    }
    if (whole) return hn_op_alias(op, 0, 0, shape, x->n_dims);
    void *y = hn_op_out(op, 0, x->type, shape, x->n_dims);
    if (!y) return hn_op_failed(op);
    hn_walk_steps(shape, x->n_dims, walk.to);
    hn_walk_copy(&walk, bytes_of(x), y, at(x->data, start, bytes_of(x)));
    return HN_OK;
}

enum hn_status hn_op_expand(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    const int64_t *dims;
    size_t n, shape[HN_ARRAY_DIMS];
    HN_TRY(hn_op_ints_of(op, 1, &dims, &n));
    if (n > HN_ARRAY_DIMS) return hn_op_fail(op, HN_E_LIMIT, "a shape of %zu dimensions", n);
    const size_t rank = hn_max(n, x->n_dims), pad_x = rank - x->n_dims, pad = rank - n;
    struct hn_walk walk = {.n_dims = rank};
    ptrdiff_t steps[HN_ARRAY_DIMS];
    hn_walk_steps(x->shape, x->n_dims, steps);
    for (size_t i = 0; i < rank; i++) {
        const size_t have = i < pad_x ? 1 : x->shape[i - pad_x];
        const int64_t want = i < pad ? 1 : dims[i - pad];
        if (want < 0 || (have != 1 && want != 1 && (size_t)want != have))
            return hn_op_fail(op, HN_E_FORMAT, "dimension %zu is %zu and cannot become %lld", i,
                              have, (long long)want);
        walk.shape[i] = shape[i] = have == 1 ? (size_t)want : have;
        walk.from[i] = have == 1 ? 0 : steps[i - pad_x];
    }
    size_t count;
    if (hn_shape_count(shape, rank, 1, &count) && count == x->n)
        return hn_op_alias(op, 0, 0, shape, rank);
    void *y = hn_op_out(op, 0, x->type, shape, rank);
    if (!y) return hn_op_failed(op);
    hn_walk_steps(shape, rank, walk.to);
    hn_walk_copy(&walk, bytes_of(x), y, x->data);
    return HN_OK;
}

enum hn_status hn_op_tile(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    const int64_t *repeats;
    size_t n, shape[HN_ARRAY_DIMS];
    HN_TRY(hn_op_ints_of(op, 1, &repeats, &n));
    if (n != x->n_dims)
        return hn_op_fail(op, HN_E_FORMAT, "%zu repeats for %zu dimensions", n, x->n_dims);
    for (size_t i = 0; i < n; i++)
        if (repeats[i] < 0 || !hn_mul(x->shape[i], (size_t)repeats[i], &shape[i]))
            return hn_op_fail(op, HN_E_FORMAT, "dimension %zu repeated %lld times", i,
                              (long long)repeats[i]);
    void *y = hn_op_out(op, 0, x->type, shape, n);
    if (!y) return hn_op_failed(op);
    ptrdiff_t from[HN_ARRAY_DIMS], to[HN_ARRAY_DIMS];
    hn_walk_steps(x->shape, n, from);
    hn_walk_steps(shape, n, to);
    struct hn_walk walk = {.n_dims = 2 * n};
    for (size_t i = 0; i < n; i++) {
        walk.shape[2 * i] = (size_t)repeats[i];
        walk.to[2 * i] = to[i] * (ptrdiff_t)x->shape[i];
        walk.shape[2 * i + 1] = x->shape[i];
        walk.to[2 * i + 1] = to[i], walk.from[2 * i + 1] = from[i];
    }
    hn_walk_copy(&walk, bytes_of(x), y, x->data);
    return HN_OK;
}

/* Moves six dimensions: output dimension i is input dimension perm[i]. */
static void permute6(const size_t from_shape[6], const int perm[6], size_t bytes, void *y,
                     const void *x)
{
    struct hn_walk walk = {.n_dims = 6};
    ptrdiff_t steps[6];
    hn_walk_steps(from_shape, 6, steps);
    for (size_t i = 0; i < 6; i++) {
        walk.shape[i] = from_shape[perm[i]];
        walk.from[i] = steps[perm[i]];
    }
    hn_walk_steps(walk.shape, 6, walk.to);
    hn_walk_copy(&walk, bytes, y, x);
}

static enum hn_status read_block(struct hn_op *op, size_t *block)
{
    const int64_t given = hn_op_int(op, "blocksize", 0);
    if (op->in[0]->n_dims != 4)
        return hn_op_fail(op, HN_E_FORMAT, "%zu dimensions where four are expected",
                          op->in[0]->n_dims);
    if (given < 1 || given > INT32_MAX)
        return hn_op_fail(op, HN_E_FORMAT, "a block of %lld", (long long)given);
    *block = (size_t)given;
    return HN_OK;
}

enum hn_status hn_op_depth_to_space(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    size_t b = 0;
    HN_TRY(read_block(op, &b));
    const size_t *s = x->shape;
    const size_t c = s[1] / (b * b);
    if (s[1] % (b * b))
        return hn_op_fail(op, HN_E_FORMAT, "%zu channels in blocks of %zu", s[1], b);
    size_t shape[4] = {s[0], c, 0, 0};
    if (!hn_mul(s[2], b, &shape[2]) || !hn_mul(s[3], b, &shape[3]))
        return hn_op_fail(op, HN_E_LIMIT, "an image in blocks of %zu", b);
    void *y = hn_op_out(op, 0, x->type, shape, 4);
    if (!y) return hn_op_failed(op);
    if (hn_str_is(hn_op_text(op, "mode", "DCR"), "CRD"))
        permute6((size_t[]){s[0], c, b, b, s[2], s[3]}, (const int[]){0, 1, 4, 2, 5, 3},
                 bytes_of(x), y, x->data);
    else
        permute6((size_t[]){s[0], b, b, c, s[2], s[3]}, (const int[]){0, 3, 4, 1, 5, 2},
                 bytes_of(x), y, x->data);
    return HN_OK;
}

enum hn_status hn_op_space_to_depth(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    size_t b = 0;
    HN_TRY(read_block(op, &b));
    const size_t *s = x->shape;
    size_t shape[4] = {s[0], 0, s[2] / b, s[3] / b};
    if (s[2] % b || s[3] % b || !hn_mul(s[1], b * b, &shape[1]))
        return hn_op_fail(op, HN_E_FORMAT, "an image of %zu x %zu in blocks of %zu", s[2], s[3], b);
    void *y = hn_op_out(op, 0, x->type, shape, 4);
    if (!y) return hn_op_failed(op);
    permute6((size_t[]){s[0], s[1], shape[2], b, shape[3], b}, (const int[]){0, 3, 5, 1, 2, 4},
             bytes_of(x), y, x->data);
    return HN_OK;
}
