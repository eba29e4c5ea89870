/* Sums and products of all elements so far, along an axis. */
#include "model/graph/op_args.h"
#include "model/graph/op_list.h"

#include "base/bits.h"

/* How an axis is gone along. */
struct way {
    size_t outer, n, inner;
    bool exclusive, reverse, product;
};

/* One after the other, each in a register; or (where `inner` neighbours lie beside each other) one line
 * after the other, each made from the one before it. */
#define CUMULATE(name, type)                                                                       \
    static void along_##name(const struct way *w, type *y, const type *x)                          \
    {                                                                                              \
        type so_far = (type)w->product;                                                            \
        for (size_t k = 0; k < w->n; k++) {                                                        \
            const size_t i = w->reverse ? w->n - 1 - k : k;                                        \
            const type next = w->product ? so_far * x[i] : so_far + x[i];                          \
            y[i] = w->exclusive ? so_far : next;                                                   \
            so_far = next;                                                                         \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void lines_##name(const struct way *w, type *y, const type *x)                          \
    {                                                                                              \
        for (size_t k = 0; k < w->n; k++) {                                                        \
            const size_t row = (w->reverse ? w->n - 1 - k : k) * w->inner;                         \
            const size_t last = w->reverse ? row + w->inner : row - w->inner;                      \
            type *to = y + row;                                                                    \
            if (k == 0) {                                                                          \
                for (size_t i = 0; i < w->inner; i++)                                              \
                    to[i] = w->exclusive ? (type)w->product : x[row + i];                          \
                continue;                                                                          \
            }                                                                                      \
            const type *so_far = y + last, *next = x + (w->exclusive ? last : row);                \
            for (size_t i = 0; i < w->inner; i++)                                                  \
                to[i] = w->product ? so_far[i] * next[i] : so_far[i] + next[i];                    \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void cumulate_##name(const struct way *w, type *y, const type *x)                       \
    {                                                                                              \
        const size_t block = w->n * w->inner;                                                      \
        for (size_t o = 0; o < w->outer; o++, x += block, y += block) {                            \
            if (w->inner == 1) along_##name(w, y, x);                                              \
            else lines_##name(w, y, x);                                                            \
        }                                                                                          \
    }
CUMULATE(f32, float)
CUMULATE(f64, double)
CUMULATE(u32, uint32_t)
CUMULATE(u64, uint64_t)

/* Halves are counted as floats, and rounded once. */
static enum hn_status cumulate_halves(struct hn_op *op, const struct way *w, void *y)
{
    const struct hn_array *x = op->in[0];
    float *wide = hn_op_scratch(op, x->n, sizeof *wide),
          *sums = hn_op_scratch(op, x->n, sizeof *sums);
    if (!wide || !sums) return hn_op_failed(op);
    (void)hn_element_convert(HN_EL_F32, wide, x->type, x->data, x->n, (struct hn_convert){0});
    cumulate_f32(w, sums, wide);
    (void)hn_element_convert(x->type, y, HN_EL_F32, sums, x->n, (struct hn_convert){0});
    return HN_OK;
}

static enum hn_status cumulate(struct hn_op *op, bool product)
{
    const struct hn_array *x = op->in[0];
    int64_t given;
    size_t axis;
    HN_TRY(hn_op_one_int(op, 1, &given));
    HN_TRY(hn_op_axis(op, given, x->n_dims, &axis));
    void *y = hn_op_out(op, 0, x->type, x->shape, x->n_dims);
    if (!y) return hn_op_failed(op);
    const struct way way = {.outer = hn_dims_before(x, axis),
                            .n = x->shape[axis],
                            .inner = hn_dims_after(x, axis),
                            .exclusive = hn_op_int(op, "exclusive", 0) != 0,
                            .reverse = hn_op_int(op, "reverse", 0) != 0,
                            .product = product};
    if (x->n == 0) return HN_OK;
    switch (x->type) {
    case HN_EL_F32: cumulate_f32(&way, y, x->data); return HN_OK;
    case HN_EL_F64: cumulate_f64(&way, y, x->data); return HN_OK;
    case HN_EL_I32: /* wraps */
    case HN_EL_U32: cumulate_u32(&way, y, x->data); return HN_OK;
    case HN_EL_I64:
    case HN_EL_U64: cumulate_u64(&way, y, x->data); return HN_OK;
    case HN_EL_F16:
    case HN_EL_BF16: return cumulate_halves(op, &way, y);
    default: return hn_op_fail_type(op, 0);
    }
}

enum hn_status hn_op_cum_sum(struct hn_op *op)
{
    return cumulate(op, false);
}

enum hn_status hn_op_cum_prod(struct hn_op *op)
{
    return cumulate(op, true);
}
