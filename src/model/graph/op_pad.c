/* Operators that add to arrays or leave parts of them out. */
#include "model/graph/op_args.h"
#include "model/graph/op_list.h"
#include "model/graph/op_walk.h"

#include "base/bits.h"

/* One dimension: `keep` elements from `first` on stay, `before` and `after` come around them. */
struct margin {
    size_t first, keep, before, after;
};

static size_t bytes_of(const struct hn_array *a)
{
    return hn_element_info(a->type)->bytes;
}

/* Room for one element of the widest type. */
union element {
    struct hn_str text;
    double real[2];
};

/* What surrounds the elements: `given`, else the attribute of old versions, else zero. */
static union element padding(struct hn_op *op, const struct hn_array *given)
{
    union element value = {.real = {0, 0}};
    const enum hn_element type = op->in[0]->type;
    if (type == HN_EL_STRING) value.text = HN_STR("");
    if (given && given->n) {
        memcpy(&value, given->data, bytes_of(given));
    } else if (hn_op_has(op, "value")) {
        struct hn_array scalar = {.type = type, .n = 1, .data = &value};
        hn_array_set_real(&scalar, 0, (double)hn_op_float(op, "value", 0));
    }
    return value;
}

static enum hn_status pad_shape(struct hn_op *op, const struct margin *margins, size_t *shape)
{
    for (size_t i = 0; i < op->in[0]->n_dims; i++) {
        const struct margin *m = &margins[i];
        if (!hn_add(m->keep, m->before, &shape[i]) || !hn_add(shape[i], m->after, &shape[i]))
            return hn_op_fail(op, HN_E_LIMIT, "padding along axis %zu", i);
    }
    return HN_OK;
}

static enum hn_status pad_constant(struct hn_op *op, const struct margin *margins,
                                   const union element *value)
{
    const struct hn_array *x = op->in[0];
    const size_t bytes = bytes_of(x);
    size_t shape[HN_ARRAY_DIMS];
    struct hn_walk walk = {.n_dims = x->n_dims};
    HN_TRY(pad_shape(op, margins, shape));
    char *y = hn_op_out(op, 0, x->type, shape, x->n_dims);
    if (!y) return hn_op_failed(op);
    hn_walk_fill(y, op->out[0].n, bytes, value);
    hn_walk_steps(x->shape, x->n_dims, walk.from);
    hn_walk_steps(shape, x->n_dims, walk.to);
    const char *from = x->data;
    for (size_t i = 0; i < x->n_dims; i++) {
        walk.shape[i] = margins[i].keep;
        if (walk.shape[i] == 0) return HN_OK;
        y += margins[i].before * (size_t)walk.to[i] * bytes;
        from += margins[i].first * (size_t)walk.from[i] * bytes;
    }
    hn_walk_copy(&walk, bytes, y, from);
    return HN_OK;
}

enum mode { REFLECT, EDGE, WRAP };

/* Which of n elements stands at a place that may lie before or after them. */
static size_t source_at(enum mode mode, int64_t place, size_t n)
{
    const int64_t count = (int64_t)n;
    if (mode == EDGE || n == 1) return place < 0 ? 0 : place >= count ? n - 1 : (size_t)place;
    const int64_t period = mode == WRAP ? count : 2 * (count - 1);
    int64_t at = place % period;
    if (at < 0) at += period;
    return (size_t)(at < count ? at : period - at);
}

/* Where every index along an axis comes from, in elements. */
static enum hn_status source_table(struct hn_op *op, enum mode mode, const struct margin *m,
                                   ptrdiff_t step, size_t n, ptrdiff_t **out)
{
    ptrdiff_t *table = *out = hn_op_scratch(op, n, sizeof *table);
    if (!table) return hn_op_failed(op);
    if (m->keep == 0 && n)
        return hn_op_fail(op, HN_E_FORMAT, "nothing to pad with in an empty dimension");
    for (size_t i = 0; i < n; i++)
        table[i] = step * (ptrdiff_t)(m->first +
                                      source_at(mode, (int64_t)i - (int64_t)m->before, m->keep));
    return HN_OK;
}

static enum hn_status pad_from_within(struct hn_op *op, enum mode mode,
                                      const struct margin *margins)
{
    const struct hn_array *x = op->in[0];
    const size_t bytes = bytes_of(x), rank = x->n_dims;
    size_t shape[HN_ARRAY_DIMS], index[HN_ARRAY_DIMS] = {0};
    ptrdiff_t steps[HN_ARRAY_DIMS], *tables[HN_ARRAY_DIMS];
    if (rank == 0) return hn_op_alias(op, 0, 0, shape, 0);
    HN_TRY(pad_shape(op, margins, shape));
    char *y = hn_op_out(op, 0, x->type, shape, rank);
    if (!y) return hn_op_failed(op);
    hn_walk_steps(x->shape, rank, steps);
    if (op->out[0].n == 0) return HN_OK;
    for (size_t i = 0; i < rank; i++)
        HN_TRY(source_table(op, mode, &margins[i], steps[i], shape[i], &tables[i]));
    const size_t row = shape[rank - 1];
    for (size_t done = 0; done < op->out[0].n; done += row) {
        ptrdiff_t from = 0;
        for (size_t i = 0; i + 1 < rank; i++)
            from += tables[i][index[i]];
        for (size_t j = 0; j < row; j++, y += bytes)
            memcpy(y, (const char *)x->data + (size_t)(from + tables[rank - 1][j]) * bytes, bytes);
        for (size_t d = rank - 1; d > 0 && ++index[d - 1] == shape[d - 1]; d--)
            index[d - 1] = 0;
    }
    return HN_OK;
}

static enum hn_status set_margin(struct hn_op *op, size_t axis, int64_t before, int64_t after,
                                 struct margin *m)
{
    const int64_t dim = (int64_t)op->in[0]->shape[axis];
    const int64_t limit = (int64_t)1 << 48;
    const bool near = before >= -dim && after >= -dim && before <= limit && after <= limit;
    const int64_t drop = near && before < 0 ? -before : 0;
    if (!near || (after < 0 && drop - after > dim))
        return hn_op_fail(op, HN_E_FORMAT, "padding of %lld and %lld around %lld elements",
                          (long long)before, (long long)after, (long long)dim);
    m->first = (size_t)drop;
    m->keep = (size_t)(dim - drop + (after < 0 ? after : 0));
    m->before = before > 0 ? (size_t)before : 0;
    m->after = after > 0 ? (size_t)after : 0;
    return HN_OK;
}

enum hn_status hn_op_pad(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    const int64_t *pads, *axes = NULL;
    size_t n, n_axes = x->n_dims, order[HN_ARRAY_DIMS];
    bool named[HN_ARRAY_DIMS];
    struct margin margins[HN_ARRAY_DIMS];
    HN_TRY(hn_op_ints_either(op, "pads", 1, &pads, &n));
    if (hn_op_in(op, 3)) HN_TRY(hn_op_ints_of(op, 3, &axes, &n_axes));
    if (axes) HN_TRY(hn_op_axes(op, axes, n_axes, x->n_dims, named, order));
    if (n != 2 * n_axes) return hn_op_fail(op, HN_E_FORMAT, "%zu pads for %zu axes", n, n_axes);
    for (size_t i = 0; i < x->n_dims; i++)
        margins[i] = (struct margin){.keep = x->shape[i]};
    for (size_t i = 0; i < n_axes; i++) {
        const size_t axis = axes ? order[i] : i;
        HN_TRY(set_margin(op, axis, pads[i], pads[i + n_axes], &margins[axis]));
    }
    const struct hn_str mode = hn_op_text(op, "mode", "constant");
    if (hn_str_is(mode, "reflect")) return pad_from_within(op, REFLECT, margins);
    if (hn_str_is(mode, "edge")) return pad_from_within(op, EDGE, margins);
    if (hn_str_is(mode, "wrap")) return pad_from_within(op, WRAP, margins);
    if (!hn_str_is(mode, "constant"))
        return hn_op_fail(op, HN_E_UNSUPPORTED, "mode '%.*s'", HN_FMT(mode));
    const struct hn_array *given = hn_op_in(op, 2);
    if (given && given->type != x->type)
        return hn_op_fail(op, HN_E_FORMAT, "a constant of another type than the data");
    const union element value = padding(op, given);
    return pad_constant(op, margins, &value);
}

enum hn_status hn_op_center_crop_pad(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    const int64_t *dims, *axes;
    size_t n, n_axes, order[HN_ARRAY_DIMS];
    bool named[HN_ARRAY_DIMS];
    struct margin margins[HN_ARRAY_DIMS];
    HN_TRY(hn_op_ints_of(op, 1, &dims, &n));
    axes = hn_op_ints(op, "axes", &n_axes);
    if (axes) HN_TRY(hn_op_axes(op, axes, n_axes, x->n_dims, named, order));
    if (n != (axes ? n_axes : x->n_dims))
        return hn_op_fail(op, HN_E_FORMAT, "%zu sizes for %zu axes", n, axes ? n_axes : x->n_dims);
    for (size_t i = 0; i < x->n_dims; i++)
        margins[i] = (struct margin){.keep = x->shape[i]};
    for (size_t i = 0; i < n; i++) {
        struct margin *m = &margins[axes ? order[i] : i];
        if (dims[i] < 0) return hn_op_fail(op, HN_E_FORMAT, "a size of %lld", (long long)dims[i]);
        const size_t have = m->keep, want = (size_t)dims[i];
        m->keep = hn_min(have, want);
        m->first = (have - m->keep) / 2;
        m->before = (want - m->keep) / 2;
        m->after = want - m->keep - m->before;
    }
    const union element value = padding(op, NULL);
    return pad_constant(op, margins, &value);
}

/* The first column right of diagonal k in a row, of n columns. */
static size_t split_column(size_t row, int64_t k, size_t n)
{
    int64_t column;
    if (__builtin_add_overflow((int64_t)row, k, &column)) return k < 0 ? 0 : n;
    return column < 0 ? 0 : hn_min((size_t)column, n);
}

enum hn_status hn_op_trilu(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    int64_t k = 0;
    if (x->n_dims < 2)
        return hn_op_fail(op, HN_E_FORMAT, "%zu dimensions are not a matrix", x->n_dims);
    if (hn_op_in(op, 1)) HN_TRY(hn_op_one_int(op, 1, &k));
    const bool upper = hn_op_int(op, "upper", 1) != 0;
    char *y = hn_op_out(op, 0, x->type, x->shape, x->n_dims);
    if (!y) return hn_op_failed(op);
    const size_t bytes = bytes_of(x), columns = x->shape[x->n_dims - 1];
    const size_t n_rows = x->shape[x->n_dims - 2], rows = columns ? x->n / columns : 0;
    const char *from = x->data;
    /* The lower triangle keeps its diagonal, the upper one begins with it. */
    if (!upper && k < INT64_MAX) k++;
    for (size_t i = 0; i < rows; i++, y += columns * bytes, from += columns * bytes) {
        const size_t left = split_column(i % n_rows, k, columns) * bytes;
        const size_t all = columns * bytes;
        memset(upper ? y : y + left, 0, upper ? left : all - left);
        if (upper) memcpy(y + left, from + left, all - left);
        else memcpy(y, from, left);
    }
    return HN_OK;
}

enum hn_status hn_op_reverse_sequence(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    const int64_t *lengths, batch = hn_op_int(op, "batch_axis", 1);
    const int64_t time = hn_op_int(op, "time_axis", 0);
    size_t n;
    HN_TRY(hn_op_ints_of(op, 1, &lengths, &n));
    if (x->n_dims < 2 || !((batch == 0 && time == 1) || (batch == 1 && time == 0)))
        return hn_op_fail(op, HN_E_FORMAT, "axes %lld and %lld of %zu dimensions", (long long)batch,
                          (long long)time, x->n_dims);
    const size_t n_batch = x->shape[batch], n_time = x->shape[time];
    if (n != n_batch) return hn_op_fail(op, HN_E_FORMAT, "%zu lengths for %zu", n, n_batch);
    for (size_t b = 0; b < n; b++)
        if (lengths[b] < 0 || (size_t)lengths[b] > n_time)
            return hn_op_fail(op, HN_E_FORMAT, "a length of %lld within %zu", (long long)lengths[b],
                              n_time);
    char *y = hn_op_out(op, 0, x->type, x->shape, x->n_dims);
    if (!y) return hn_op_failed(op);
    const size_t run = hn_dims_after(x, 1) * bytes_of(x);
    const size_t batch_step = batch == 0 ? n_time * run : run;
    const size_t time_step = batch == 0 ? run : n_batch * run;
    for (size_t b = 0; b < n_batch && run; b++)
        for (size_t t = 0; t < n_time; t++) {
            const size_t length = (size_t)lengths[b], from = t < length ? length - 1 - t : t;
            memcpy(y + b * batch_step + t * time_step,
                   (const char *)x->data + b * batch_step + from * time_step, run);
        }
    return HN_OK;
}
