/* Sequences and optionals. Sequences never change: one with an item more shares the others. */
#include <inttypes.h>

#include "base/bits.h"
#include "model/graph/graph_impl.h"

/* A sequence of n items, which the caller fills, as output i; NULL: the error is set. */
struct hn_item *hn_op_make_sequence(struct hn_op *op, size_t i, size_t n, enum hn_element type)
{
    size_t bytes;
    struct hn_block *block = NULL;
    if (hn_mul(n, sizeof(struct hn_item), &bytes)) block = hn_block_take(op->run, bytes);
    if (!block) {
        (void)hn_op_fail(op, HN_E_NOMEM, "no memory for a sequence of %zu", n);
        return NULL;
    }
    memset(block->data, 0, bytes);
    block->items = true;
    block->n_items = n;
    const struct hn_array array = {.type = type, .n = n, .data = block->data};
    hn_op_set(op, i, &array, (struct hn_hold){.kind = HN_VALUE_SEQUENCE, .block = block});
    return block->data;
}

struct hn_item hn_op_item(const struct hn_op *op, size_t j)
{
    const struct hn_hold *hold = hn_op_hold(op, j);
    const struct hn_hold constant = {.kind = HN_VALUE_TENSOR};
    return (struct hn_item){*op->in[j], hold ? hn_hold_share(hold) : constant};
}

static struct hn_item share(const struct hn_item *item)
{
    return (struct hn_item){item->array, hn_hold_share(&item->hold)};
}

static enum hn_status want(struct hn_op *op, size_t j, enum hn_value_kind kind)
{
    if (hn_op_kind(op, j) == kind) return HN_OK;
    return hn_op_fail(op, HN_E_ARG, "input %zu is no %s", j,
                      kind == HN_VALUE_TENSOR ? "tensor" : "sequence");
}

/* Position input j in a sequence of n: from -n on; up to n - 1, or n where one may be past the end. */
static enum hn_status position(struct hn_op *op, size_t j, size_t n, bool past, size_t *out)
{
    const int64_t *at;
    size_t count;
    HN_TRY(want(op, j, HN_VALUE_TENSOR));
    HN_TRY(hn_op_ints_of(op, j, &at, &count));
    if (count != 1 || at[0] < -(int64_t)n || at[0] > (int64_t)n || (at[0] == (int64_t)n && !past))
        return hn_op_fail(op, HN_E_ARG, "no such position in a sequence of %zu", n);
    *out = (size_t)(at[0] < 0 ? at[0] + (int64_t)n : at[0]);
    return HN_OK;
}

enum hn_status hn_op_sequence_construct(struct hn_op *op)
{
    for (size_t j = 0; j < op->n_in; j++)
        HN_TRY(want(op, j, HN_VALUE_TENSOR));
    struct hn_item *items = hn_op_make_sequence(op, 0, op->n_in, op->in[0]->type);
    if (!items) return hn_op_failed(op);
    for (size_t j = 0; j < op->n_in; j++)
        items[j] = hn_op_item(op, j);
    return HN_OK;
}

enum hn_status hn_op_sequence_empty(struct hn_op *op)
{
    enum hn_element type;
    if (!hn_element_from_onnx(hn_op_int(op, "dtype", 1), &type))
        return hn_op_fail(op, HN_E_ARG, "dtype is no known type");
    return hn_op_make_sequence(op, 0, 0, type) ? HN_OK : hn_op_failed(op);
}

enum hn_status hn_op_sequence_length(struct hn_op *op)
{
    HN_TRY(want(op, 0, HN_VALUE_SEQUENCE));
    int64_t *out = hn_op_out(op, 0, HN_EL_I64, NULL, 0);
    if (!out) return hn_op_failed(op);
    *out = (int64_t)op->in[0]->n;
    return HN_OK;
}

enum hn_status hn_op_sequence_at(struct hn_op *op)
{
    size_t at;
    HN_TRY(want(op, 0, HN_VALUE_SEQUENCE));
    HN_TRY(position(op, 1, op->in[0]->n, false, &at));
    const struct hn_item *item = (const struct hn_item *)op->in[0]->data + at;
    hn_op_set(op, 0, &item->array, hn_hold_share(&item->hold));
    return HN_OK;
}

enum hn_status hn_op_sequence_insert(struct hn_op *op)
{
    HN_TRY(want(op, 0, HN_VALUE_SEQUENCE));
    HN_TRY(want(op, 1, HN_VALUE_TENSOR));
    const size_t n = op->in[0]->n;
    size_t at = n;
    if (op->n_in > 2 && op->in[2]) HN_TRY(position(op, 2, n, true, &at));
    const struct hn_item *from = op->in[0]->data;
    struct hn_item *to = hn_op_make_sequence(op, 0, n + 1, op->in[1]->type);
    if (!to) return hn_op_failed(op);
    for (size_t i = 0; i <= n; i++)
        to[i] = i < at ? share(&from[i]) : i == at ? hn_op_item(op, 1) : share(&from[i - 1]);
    return HN_OK;
}

enum hn_status hn_op_sequence_erase(struct hn_op *op)
{
    HN_TRY(want(op, 0, HN_VALUE_SEQUENCE));
    const size_t n = op->in[0]->n;
    if (n == 0) return hn_op_fail(op, HN_E_ARG, "nothing to take from an empty sequence");
    size_t at = n - 1;
    if (op->n_in > 1 && op->in[1]) HN_TRY(position(op, 1, n, false, &at));
    const struct hn_item *from = op->in[0]->data;
    struct hn_item *to = hn_op_make_sequence(op, 0, n - 1, op->in[0]->type);
    if (!to) return hn_op_failed(op);
    for (size_t i = 0; i < n - 1; i++)
        to[i] = share(&from[i < at ? i : i + 1]);
    return HN_OK;
}

/* --- tensors to sequences and back --- */

/* Slices [first, first + count) of dimension `axis` of `whole`, to or from memory where they lie together. */
static void copy_slices(const struct hn_array *whole, size_t axis, size_t first, size_t count,
                        char *part, bool to_part)
{
    size_t outer = 1, inner = hn_element_info(whole->type)->bytes;
    for (size_t d = 0; d < axis; d++)
        outer *= whole->shape[d];
    for (size_t d = axis + 1; d < whole->n_dims; d++)
        inner *= whole->shape[d];
    if (count * inner == 0) return;
    for (size_t o = 0; o < outer; o++) {
        char *w = (char *)whole->data + (o * whole->shape[axis] + first) * inner;
        char *p = part + o * count * inner;
        memcpy(to_part ? p : w, to_part ? w : p, count * inner);
    }
}

enum hn_status hn_op_part(struct hn_op *op, const struct hn_array *whole, size_t axis, size_t first,
                          size_t count, bool keep, struct hn_item *out)
{
    struct hn_array part = *whole;
    const size_t size = hn_element_info(whole->type)->bytes;
    part.shape[axis] = count;
    (void)hn_shape_count(part.shape, part.n_dims, size, &part.n);
    struct hn_block *block = hn_block_take(op->run, part.n * size);
    if (!block) return hn_op_fail(op, HN_E_NOMEM, "no memory for a part");
    part.data = block->data;
    copy_slices(whole, axis, first, count, part.data, true);
    if (!keep) {
        memmove(&part.shape[axis], &part.shape[axis + 1],
                (part.n_dims - axis - 1) * sizeof *part.shape);
        part.n_dims--;
    }
    *out = (struct hn_item){part, {.kind = HN_VALUE_TENSOR, .block = block}};
    return HN_OK;
}

/* The sizes of the parts: one for all, or each its own. */
enum hn_status hn_op_split_to_sequence(struct hn_op *op)
{
    HN_TRY(want(op, 0, HN_VALUE_TENSOR));
    const struct hn_array *in = op->in[0];
    size_t axis, n_sizes = 0, n;
    HN_TRY(hn_op_axis(op, hn_op_int(op, "axis", 0), in->n_dims, &axis));
    const int64_t *sizes = NULL, one = 1;
    const bool given = op->n_in > 1 && op->in[1];
    if (given) HN_TRY(hn_op_ints_of(op, 1, &sizes, &n_sizes));
    else sizes = &one, n_sizes = 1;
    const bool each = given && op->in[1]->n_dims > 0;
    const size_t dim = in->shape[axis];
    if (!each && (n_sizes != 1 || sizes[0] <= 0))
        return hn_op_fail(op, HN_E_ARG, "parts must have a size above 0");
    n = each ? n_sizes : hn_div_up(dim, (size_t)sizes[0]);
    size_t left = dim;
    for (size_t i = 0; each && i < n; i++) {
        if (sizes[i] < 0 || (size_t)sizes[i] > left)
            return hn_op_fail(op, HN_E_ARG, "its parts do not add up to %zu", dim);
        left -= (size_t)sizes[i];
    }
    if (each && left) return hn_op_fail(op, HN_E_ARG, "its parts do not add up to %zu", dim);
    struct hn_item *items = hn_op_make_sequence(op, 0, n, in->type);
    if (!items) return hn_op_failed(op);
    const bool keep = given || hn_op_int(op, "keepdims", 1) != 0;
    for (size_t i = 0, at = 0; i < n; i++) {
        const size_t count = each ? (size_t)sizes[i] : hn_min((size_t)sizes[0], dim - at);
        HN_TRY(hn_op_part(op, in, axis, at, count, keep, &items[i]));
        at += count;
    }
    return HN_OK;
}

static enum hn_status check_parts(struct hn_op *op, const struct hn_item *items, size_t n,
                                  size_t axis, bool fresh, size_t *total)
{
    const struct hn_array *first = &items[0].array;
    *total = 0;
    for (size_t i = 0; i < n; i++) {
        const struct hn_array *it = &items[i].array;
        bool fits = items[i].hold.kind == HN_VALUE_TENSOR && it->type == first->type &&
                    it->n_dims == first->n_dims;
        for (size_t d = 0; fits && d < it->n_dims; d++)
            fits = (!fresh && d == axis) || it->shape[d] == first->shape[d];
        if (!fits) return hn_op_fail(op, HN_E_ARG, "item %zu has another shape than the first", i);
        if (!hn_add(*total, fresh ? 1 : it->shape[axis], total))
            return hn_op_fail(op, HN_E_LIMIT, "too many elements");
    }
    return HN_OK;
}

enum hn_status hn_op_concat_from_sequence(struct hn_op *op)
{
    HN_TRY(want(op, 0, HN_VALUE_SEQUENCE));
    const struct hn_item *items = op->in[0]->data;
    const size_t n = op->in[0]->n;
    if (n == 0) return hn_op_fail(op, HN_E_ARG, "an empty sequence has no shape");
    const struct hn_array *first = &items[0].array;
    const bool fresh = hn_op_int(op, "new_axis", 0) != 0;
    size_t axis, total, shape[HN_ARRAY_DIMS + 1];
    const size_t n_dims = first->n_dims + (fresh ? 1 : 0);
    HN_TRY(hn_op_axis(op, hn_op_int(op, "axis", 0), n_dims, &axis));
    HN_TRY(check_parts(op, items, n, axis, fresh, &total));
    for (size_t d = 0; d < n_dims; d++)
        shape[d] = fresh && d > axis   ? first->shape[d - 1]
                   : d < first->n_dims ? first->shape[d]
                                       : 0;
    shape[axis] = total;
    if (!hn_op_out(op, 0, first->type, shape, n_dims)) return hn_op_failed(op);
    for (size_t i = 0, at = 0; i < n; i++) {
        const size_t count = fresh ? 1 : items[i].array.shape[axis];
        copy_slices(&op->out[0], axis, at, count, items[i].array.data, false);
        at += count;
    }
    return HN_OK;
}

/* --- optionals: a value, or none --- */

enum hn_status hn_op_optional(struct hn_op *op)
{
    const struct hn_array none = {.type = HN_EL_F32};
    if (hn_op_kind(op, 0) != HN_VALUE_NONE) hn_op_pass(op, 0, 0);
    else hn_op_set(op, 0, &none, (struct hn_hold){.kind = HN_VALUE_NONE});
    return HN_OK;
}

enum hn_status hn_op_optional_has_element(struct hn_op *op)
{
    uint8_t *out = hn_op_out(op, 0, HN_EL_BOOL, NULL, 0);
    if (!out) return hn_op_failed(op);
    *out = hn_op_kind(op, 0) != HN_VALUE_NONE;
    return HN_OK;
}

enum hn_status hn_op_optional_get_element(struct hn_op *op)
{
    if (hn_op_kind(op, 0) == HN_VALUE_NONE) return hn_op_fail(op, HN_E_ARG, "there is no value");
    hn_op_pass(op, 0, 0);
    return HN_OK;
}
