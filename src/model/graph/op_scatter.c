/* Operators that put updates at indices of a copy of the data. */
#include "model/graph/op_args.h"
#include "model/graph/op_list.h"
#include "model/graph/op_walk.h"

#include "base/bits.h"

enum reduction { REPLACE, ADD, MUL, MIN, MAX };

/* What becomes of the element at `to` when `from` arrives. */
typedef void combine_fn(enum reduction how, void *to, const void *from);

/* Sums and products of whole numbers wrap: they are those of unsigned ones. `wide` is a type in which
 * neither overflows unseen. NaN wins. */
#define COMBINE(name, type, wide)                                                                  \
    static void combine_##name(enum reduction how, void *to, const void *from)                     \
    {                                                                                              \
        type a, b;                                                                                 \
        memcpy(&a, to, sizeof a);                                                                  \
        memcpy(&b, from, sizeof b);                                                                \
        switch (how) {                                                                             \
        case ADD: a = (type)((wide)a + (wide)b); break;                                            \
        case MUL: a = (type)((wide)a * (wide)b); break;                                            \
        case MIN: a = b < a || b != b ? b : a; break;                                              \
        case MAX: a = b > a || b != b ? b : a; break;                                              \
        default: a = b; break;                                                                     \
        }                                                                                          \
        memcpy(to, &a, sizeof a);                                                                  \
    }
COMBINE(u8, uint8_t, uint32_t)
COMBINE(i8, int8_t, uint32_t)
COMBINE(u16, uint16_t, uint32_t)
COMBINE(i16, int16_t, uint32_t)
COMBINE(u32, uint32_t, uint32_t)
COMBINE(i32, int32_t, uint32_t)
COMBINE(u64, uint64_t, uint64_t)
COMBINE(i64, int64_t, uint64_t)
COMBINE(f32, float, float)
COMBINE(f64, double, double)

/* Types of two bytes, and truth values (whose sum is "or" and whose product is "and"), as floats. */
#define COMBINE_SMALL(name, element)                                                               \
    static void combine_##name(enum reduction how, void *to, const void *from)                     \
    {                                                                                              \
        struct hn_array a = {.type = (element), .n = 1, .data = to};                               \
        const struct hn_array b = {.type = (element), .n = 1, .data = (void *)(uintptr_t)from};    \
        float value = (float)hn_array_real(&a, 0), with = (float)hn_array_real(&b, 0);             \
        combine_f32(how, &value, &with);                                                           \
        hn_array_set_real(&a, 0, (double)value);                                                   \
    }
COMBINE_SMALL(f16, HN_EL_F16)
COMBINE_SMALL(bf16, HN_EL_BF16)
COMBINE_SMALL(bool, HN_EL_BOOL)

static combine_fn *combine_for(enum hn_element type)
{
    switch (type) {
    case HN_EL_U8: return combine_u8;
    case HN_EL_I8: return combine_i8;
    case HN_EL_U16: return combine_u16;
    case HN_EL_I16: return combine_i16;
    case HN_EL_U32: return combine_u32;
    case HN_EL_I32: return combine_i32;
    case HN_EL_U64: return combine_u64;
    case HN_EL_I64: return combine_i64;
    case HN_EL_F32: return combine_f32;
    case HN_EL_F64: return combine_f64;
    case HN_EL_F16: return combine_f16;
    case HN_EL_BF16: return combine_bf16;
    case HN_EL_BOOL: return combine_bool;
    default: return NULL;
    }
}

/* Where updates go, and how. */
struct scatter {
    enum reduction how;
    combine_fn *combine; /* NULL: they replace */
    size_t bytes;
    char *y;
};

/* A copy of the data as output 0: in its own memory, where nobody needs that, other inputs among them. */
static char *copy_data(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    bool alone = true;
    for (size_t i = 1; i < op->n_in; i++)
        alone &= !op->in[i] || op->in[i]->data != x->data;
    char *y = alone ? hn_op_out_like(op, 0, 0) : hn_op_out(op, 0, x->type, x->shape, x->n_dims);
    if (y && x->n && y != x->data) memcpy(y, x->data, x->n * hn_element_info(x->type)->bytes);
    return y;
}

/* Makes the output, a copy of the data, and finds out how updates are to change it. */
static enum hn_status begin(struct hn_op *op, struct scatter *s)
{
    static const char *const names[] = {"none", "add", "mul", "min", "max"};
    const struct hn_array *x = op->in[0];
    const struct hn_str name = hn_op_text(op, "reduction", "none");
    size_t how = 0;
    while (how < HN_COUNT(names) && !hn_str_is(name, names[how]))
        how++;
    if (how == HN_COUNT(names))
        return hn_op_fail(op, HN_E_UNSUPPORTED, "reduction '%.*s'", HN_FMT(name));
    if (op->in[2]->type != x->type) return hn_op_fail_type(op, 2);
    *s = (struct scatter){.how = (enum reduction)how, .bytes = hn_element_info(x->type)->bytes};
    s->combine = how == REPLACE ? NULL : combine_for(x->type);
    if (how != REPLACE && !s->combine) return hn_op_fail_type(op, 0);
    s->y = copy_data(op);
    return s->y ? HN_OK : hn_op_failed(op);
}

static void put(const struct scatter *s, size_t at, const char *from, size_t n)
{
    char *to = s->y + at * s->bytes;
    if (!s->combine) {
        memcpy(to, from, n * s->bytes);
        return;
    }
    for (size_t i = 0; i < n; i++)
        s->combine(s->how, to + i * s->bytes, from + i * s->bytes);
}

enum hn_status hn_op_scatter_elements(struct hn_op *op)
{
    const struct hn_array *x = op->in[0], *indices = op->in[1], *updates = op->in[2];
    const size_t rank = x->n_dims;
    const int64_t *values;
    size_t axis, n, index[HN_ARRAY_DIMS] = {0};
    ptrdiff_t steps[HN_ARRAY_DIMS];
    struct scatter s;
    HN_TRY(hn_op_axis(op, hn_op_int(op, "axis", 0), rank, &axis));
    bool fits = indices->n_dims == rank && updates->n_dims == rank;
    for (size_t i = 0; fits && i < rank; i++)
        fits = updates->shape[i] == indices->shape[i] &&
               (i == axis || indices->shape[i] <= x->shape[i]);
    if (!fits) return hn_op_fail(op, HN_E_FORMAT, "data, indices and updates differ in shape");
    HN_TRY(hn_op_ints_of(op, 1, &values, &n));
    for (size_t i = 0; i < n; i++) {
        size_t place;
        if (!hn_index(values[i], x->shape[axis], &place))
            return hn_op_fail(op, HN_E_FORMAT, "index %lld of %zu", (long long)values[i],
                              x->shape[axis]);
    }
    hn_walk_steps(x->shape, rank, steps);
    HN_TRY(begin(op, &s));
    for (size_t i = 0; i < n; i++) {
        size_t at = 0;
        (void)hn_index(values[i], x->shape[axis], &at);
        at *= (size_t)steps[axis];
        for (size_t d = 0; d < rank; d++)
            if (d != axis) at += index[d] * (size_t)steps[d];
        put(&s, at, (const char *)updates->data + i * s.bytes, 1);
        for (size_t d = rank; d > 0 && ++index[d - 1] == indices->shape[d - 1]; d--)
            index[d - 1] = 0;
    }
    return HN_OK;
}

/* Updates are indices' shape without its last dimension, and what of the data's that leaves open. */
static bool updates_fit(const struct hn_array *x, const struct hn_array *indices,
                        const struct hn_array *updates, size_t depth)
{
    const size_t outer = indices->n_dims - 1;
    bool fits = updates->n_dims == outer + x->n_dims - depth;
    for (size_t i = 0; fits && i < updates->n_dims; i++)
        fits = updates->shape[i] == (i < outer ? indices->shape[i] : x->shape[i - outer + depth]);
    return fits;
}

enum hn_status hn_op_scatter_nd(struct hn_op *op)
{
    const struct hn_array *x = op->in[0], *indices = op->in[1], *updates = op->in[2];
    const int64_t *values;
    size_t n, run = 1, picks = 1;
    ptrdiff_t steps[HN_ARRAY_DIMS];
    struct scatter s;
    const size_t depth = indices->n_dims ? indices->shape[indices->n_dims - 1] : SIZE_MAX;
    if (depth > x->n_dims || !updates_fit(x, indices, updates, depth))
        return hn_op_fail(op, HN_E_FORMAT, "data, indices and updates differ in shape");
    HN_TRY(hn_op_ints_of(op, 1, &values, &n));
    for (size_t i = 0; i + 1 < indices->n_dims; i++)
        picks *= indices->shape[i];
    for (size_t i = depth; i < x->n_dims; i++)
        run *= x->shape[i];
    size_t *places = hn_op_scratch(op, picks, sizeof *places);
    if (!places) return hn_op_failed(op);
    hn_walk_steps(x->shape, x->n_dims, steps);
    for (size_t k = 0; k < picks; k++) {
        places[k] = 0;
        for (size_t i = 0; i < depth; i++) {
            const int64_t value = values[k * depth + i];
            size_t index;
            if (!hn_index(value, x->shape[i], &index))
                return hn_op_fail(op, HN_E_FORMAT, "index %lld of %zu", (long long)value,
                                  x->shape[i]);
            places[k] += index * (size_t)steps[i];
        }
    }
    HN_TRY(begin(op, &s));
    for (size_t k = 0; k < picks && updates->n; k++)
        put(&s, places[k], (const char *)updates->data + k * run * s.bytes, run);
    return HN_OK;
}

/* New entries of a cache: `updates` go to consecutive places along the axis, for each row of the batch
 * from its own place on. */
enum hn_status hn_op_tensor_scatter(struct hn_op *op)
{
    const struct hn_array *x = op->in[0], *updates = op->in[1];
    const int64_t *starts = NULL;
    size_t axis, n = 0;
    HN_TRY(hn_op_axis(op, hn_op_int(op, "axis", -2), x->n_dims, &axis));
    const struct hn_str mode = hn_op_text(op, "mode", "linear");
    const bool circular = hn_str_is(mode, "circular");
    if (!circular && !hn_str_is(mode, "linear"))
        return hn_op_fail(op, HN_E_UNSUPPORTED, "mode '%.*s'", HN_FMT(mode));
    if (hn_op_in(op, 2)) HN_TRY(hn_op_ints_of(op, 2, &starts, &n));
    bool fits = axis != 0 && updates->type == x->type && updates->n_dims == x->n_dims &&
                (!starts || n == x->shape[0]);
    for (size_t i = 0; fits && i < x->n_dims; i++)
        fits = i == axis ? updates->shape[i] <= x->shape[i] : updates->shape[i] == x->shape[i];
    const size_t dim = fits ? x->shape[axis] : 0, length = fits ? updates->shape[axis] : 0;
    for (size_t b = 0; fits && starts && b < n; b++)
        fits = starts[b] >= 0 && (circular || (size_t)starts[b] <= dim - length);
    if (!fits)
        return hn_op_fail(op, HN_E_FORMAT, "updates do not fit the data along axis %zu", axis);
    char *y = copy_data(op);
    if (!y) return hn_op_failed(op);
    const size_t run = hn_dims_after(x, axis) * hn_element_info(x->type)->bytes;
    if (updates->n == 0) return HN_OK;
    const size_t outer = hn_dims_before(x, axis), per_batch = outer / x->shape[0];
    const char *from = updates->data;
    for (size_t o = 0; o < outer; o++) {
        const size_t start = starts ? (size_t)starts[o / per_batch] % dim : 0;
        for (size_t i = 0; i < length; i++, from += run)
            memcpy(y + (o * dim + (start + i) % dim) * run, from, run);
    }
    return HN_OK;
}
