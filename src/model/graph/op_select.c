/* Choices between operands: Where, Clip, PRelu, SwiGLU. */
#include <math.h>

#include "model/graph/elementwise.h"

/* --- Where --- */

/* Three operands that broadcast to the output: steps in elements, from the last dimension. */
struct choice {
    const uint8_t *condition;
    const char *x, *y;
    char *out;
    size_t size;
};

#define CHOOSE(type)                                                                               \
    do {                                                                                           \
        const type *x = (const type *)(const void *)c->x, *y = (const type *)(const void *)c->y;   \
        type *o = (type *)(void *)c->out;                                                          \
        for (size_t i = 0; i < n; i++)                                                             \
            o[i] = c->condition[i * sc] ? x[i * sx] : y[i * sy];                                   \
    } while (0)

static void choose(const struct choice *c, size_t n, size_t sc, size_t sx, size_t sy)
{
    switch (c->size) {
    case 1: CHOOSE(uint8_t); break;
    case 2: CHOOSE(uint16_t); break;
    case 4: CHOOSE(uint32_t); break;
    case 8: CHOOSE(uint64_t); break;
    default: CHOOSE(struct hn_str); break; /* 16 bytes: complex numbers as well */
    }
}

static void strides_of(const struct hn_array *a, size_t n_dims, size_t *out)
{
    size_t stride = 1;
    for (size_t d = n_dims; d-- > 0;) {
        const size_t from_end = n_dims - d;
        const size_t dim = from_end <= a->n_dims ? a->shape[a->n_dims - from_end] : 1;
        out[d] = dim == 1 ? 0 : stride;
        stride *= dim;
    }
}

enum hn_status hn_op_where(struct hn_op *op)
{
    const struct hn_array *c = op->in[0], *x = op->in[1], *y = op->in[2];
    if (c->type != HN_EL_BOOL) return hn_op_fail_type(op, 0);
    if (x->type != y->type) return hn_op_fail(op, HN_E_ARG, "the values have two types");
    size_t shape[HN_ARRAY_DIMS], n_dims = c->n_dims;
    memcpy(shape, c->shape, sizeof shape);
    HN_TRY(hn_op_broadcast(op, shape, &n_dims, x));
    HN_TRY(hn_op_broadcast(op, shape, &n_dims, y));
    struct choice it = {
        .condition = c->data, .x = x->data, .y = y->data, .size = hn_element_info(x->type)->bytes};
    it.out = hn_op_out(op, 0, x->type, shape, n_dims);
    if (!it.out) return hn_op_failed(op);
    size_t sc[HN_ARRAY_DIMS + 1] = {0}, sx[HN_ARRAY_DIMS + 1] = {0}, sy[HN_ARRAY_DIMS + 1] = {0};
    strides_of(c, n_dims, sc);
    strides_of(x, n_dims, sx);
    strides_of(y, n_dims, sy);
    if (op->out[0].n == 0) return HN_OK;
    /* Dimensions that all run through become one. */
    size_t inner = n_dims ? shape[n_dims - 1] : 1, outer_dims = n_dims ? n_dims - 1 : 0;
    const size_t last = outer_dims;
    while (outer_dims && sc[outer_dims - 1] == sc[last] * inner &&
           sx[outer_dims - 1] == sx[last] * inner && sy[outer_dims - 1] == sy[last] * inner)
        inner *= shape[--outer_dims];
    size_t at[HN_ARRAY_DIMS] = {0};
    for (;;) {
        choose(&it, inner, sc[last], sx[last], sy[last]);
        it.out += inner * it.size;
        size_t d = outer_dims;
        for (;;) {
            if (d-- == 0) return HN_OK;
            it.condition += sc[d];
            it.x += sx[d] * it.size;
            it.y += sy[d] * it.size;
            if (++at[d] < shape[d]) break;
            it.condition -= sc[d] * shape[d];
            it.x -= sx[d] * it.size * shape[d];
            it.y -= sy[d] * it.size * shape[d];
            at[d] = 0;
        }
    }
}

/* --- Clip --- */

/* The bounds as elements of the input's type (of half floats: floats). */
struct bounds {
    union bound {
        float f32;
        double f64;
        int8_t i8;
        uint8_t u8;
        int16_t i16;
        uint16_t u16;
        int32_t i32;
        uint32_t u32;
        int64_t i64;
        uint64_t u64;
    } low, high;
    bool has_low, has_high;
};

#define CLIP(name, type)                                                                           \
    static void clip_##name(size_t n, const void *in, void *out, const void *arg)                  \
    {                                                                                              \
        const struct bounds *bounds = arg;                                                         \
        const type *p = in, low = bounds->low.name, high = bounds->high.name;                      \
        const bool has_low = bounds->has_low, has_high = bounds->has_high;                         \
        type *o = out;                                                                             \
        for (size_t i = 0; i < n; i++) {                                                           \
            type x = p[i];                                                                         \
            if (has_low) x = x < low ? low : x;                                                    \
            if (has_high) x = x > high ? high : x;                                                 \
            o[i] = x;                                                                              \
        }                                                                                          \
    }

CLIP(f32, float)
CLIP(f64, double)
CLIP(i8, int8_t)
CLIP(u8, uint8_t)
CLIP(i16, int16_t)
CLIP(u16, uint16_t)
CLIP(i32, int32_t)
CLIP(u32, uint32_t)
CLIP(i64, int64_t)
CLIP(u64, uint64_t)

/* Bound i: an input from opset 11 on, before that an attribute. */
static enum hn_status read_bound(struct hn_op *op, size_t i, const char *name, union bound *to,
                                 bool *has)
{
    const enum hn_element type = op->in[0]->type;
    const enum hn_element as = type == HN_EL_F16 || type == HN_EL_BF16 ? HN_EL_F32 : type;
    if (op->opset < 11) {
        const float value = hn_op_float(op, name, 0);
        *has = hn_op_has(op, name);
        (void)hn_element_convert(as, to, HN_EL_F32, &value, 1, (struct hn_convert){0});
        return HN_OK;
    }
    *has = i < op->n_in && op->in[i];
    if (!*has) return HN_OK;
    if (op->in[i]->n != 1 || op->in[i]->type != type)
        return hn_op_fail(op, HN_E_ARG, "a bound that is no single %s",
                          hn_element_info(type)->name);
    (void)hn_element_convert(as, to, type, op->in[i]->data, 1, (struct hn_convert){0});
    return HN_OK;
}

enum hn_status hn_op_clip(struct hn_op *op)
{
    static hn_map_fn *const fns[HN_ELEMENTS] = {
        [HN_EL_F32] = clip_f32, [HN_EL_F16] = clip_f32, [HN_EL_BF16] = clip_f32,
        [HN_EL_F64] = clip_f64, [HN_EL_I8] = clip_i8,   [HN_EL_U8] = clip_u8,
        [HN_EL_I16] = clip_i16, [HN_EL_U16] = clip_u16, [HN_EL_I32] = clip_i32,
        [HN_EL_U32] = clip_u32, [HN_EL_I64] = clip_i64, [HN_EL_U64] = clip_u64,
    };
    const enum hn_element type = op->in[0]->type;
    struct bounds bounds = {0};
    if (!fns[type]) return hn_op_fail_type(op, 0);
    HN_TRY(read_bound(op, 1, "min", &bounds.low, &bounds.has_low));
    HN_TRY(read_bound(op, 2, "max", &bounds.high, &bounds.has_high));
    return hn_op_map(op, fns[type], &bounds, type);
}

/* --- PRelu, SwiGLU --- */

#define PRELU(name, type)                                                                          \
    static void prelu_##name(size_t n, const void *va, size_t sa, const void *vb, size_t sb,       \
                             void *vo)                                                             \
    {                                                                                              \
        const type *a = va, *b = vb;                                                               \
        type *o = vo;                                                                              \
        for (size_t i = 0; i < n; i++) {                                                           \
            const type x = a[i * sa];                                                              \
            o[i] = x > 0 ? x : (type)(x * b[i * sb]);                                              \
        }                                                                                          \
    }

PRELU(f32, float)
PRELU(f64, double)
PRELU(u32, uint32_t)
PRELU(u64, uint64_t)

static void prelu_i64(size_t n, const void *va, size_t sa, const void *vb, size_t sb, void *vo)
{
    const int64_t *a = va, *b = vb;
    int64_t *o = vo;
    for (size_t i = 0; i < n; i++) {
        const int64_t x = a[i * sa];
        o[i] = x > 0 ? x : (int64_t)((uint64_t)x * (uint64_t)b[i * sb]);
    }
}

static void prelu_i32(size_t n, const void *va, size_t sa, const void *vb, size_t sb, void *vo)
{
    const int32_t *a = va, *b = vb;
    int32_t *o = vo;
    for (size_t i = 0; i < n; i++) {
        const int32_t x = a[i * sa];
        o[i] = x > 0 ? x : (int32_t)((uint32_t)x * (uint32_t)b[i * sb]);
    }
}

enum hn_status hn_op_prelu(struct hn_op *op)
{
    static hn_pair_fn *const fns[HN_ELEMENTS] = {
        [HN_EL_F32] = prelu_f32, [HN_EL_F16] = prelu_f32, [HN_EL_BF16] = prelu_f32,
        [HN_EL_F64] = prelu_f64, [HN_EL_I32] = prelu_i32, [HN_EL_U32] = prelu_u32,
        [HN_EL_I64] = prelu_i64, [HN_EL_U64] = prelu_u64,
    };
    const enum hn_element type = op->in[0]->type;
    return fns[type] ? hn_op_pair(op, fns[type], type) : hn_op_fail_type(op, 0);
}

enum hn_status hn_op_swiglu(struct hn_op *op)
{
    const struct hn_array *a = op->in[0], *b = op->in[1];
    const double alpha = (double)hn_op_float(op, "alpha", 1);
    if (!hn_element_is_float(a->type)) return hn_op_fail_type(op, 0);
    if (a->type != b->type || a->n_dims != b->n_dims ||
        memcmp(a->shape, b->shape, a->n_dims * sizeof *a->shape) != 0)
        return hn_op_fail(op, HN_E_ARG, "its inputs have two types or shapes");
    if (!hn_op_out(op, 0, a->type, a->shape, a->n_dims)) return hn_op_failed(op);
    struct hn_array *out = &op->out[0];
    if (a->type == HN_EL_F32) {
        const float *x = a->data, *y = b->data, f = (float)alpha;
        float *o = out->data;
        for (size_t i = 0; i < a->n; i++)
            o[i] = x[i] / (1 + expf(-f * x[i])) * y[i];
        return HN_OK;
    }
    for (size_t i = 0; i < a->n; i++) {
        const double x = hn_array_real(a, i);
        hn_array_set_real(out, i, x / (1 + exp(-alpha * x)) * hn_array_real(b, i));
    }
    return HN_OK;
}
