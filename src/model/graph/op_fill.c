/* Operators that make tensors out of little: ConstantOfShape, Range, EyeLike, random ones, Dropout. */
#include <inttypes.h>
#include <math.h>

#include "base/rng.h"
#include "model/graph/op_list.h"

/* The attribute `dtype` (or another name); `fallback` when it is not there. */
static enum hn_status type_of(struct hn_op *op, const char *name, enum hn_element fallback,
                              enum hn_element *out)
{
    *out = fallback;
    if (!hn_op_has(op, name)) return HN_OK;
    if (hn_element_from_onnx(hn_op_int(op, name, 0), out) && hn_element_is_number(*out))
        return HN_OK;
    return hn_op_fail(op, HN_E_ARG, "%s is no type that it makes", name);
}

static enum hn_status shape_of(struct hn_op *op, const int64_t *dims, size_t n, size_t *out)
{
    if (n > HN_ARRAY_DIMS) return hn_op_fail(op, HN_E_LIMIT, "%zu dimensions", n);
    for (size_t i = 0; i < n; i++) {
        if (dims[i] < 0) return hn_op_fail(op, HN_E_ARG, "a dimension of %" PRId64, dims[i]);
        out[i] = (size_t)dims[i];
    }
    return HN_OK;
}

enum hn_status hn_op_constant_of_shape(struct hn_op *op)
{
    static float zero;
    const struct hn_array nothing = {.type = HN_EL_F32, .n = 1, .data = &zero};
    const struct hn_array *value = hn_op_tensor(op, "value");
    size_t shape[HN_ARRAY_DIMS], n;
    const int64_t *dims;
    if (!value) value = &nothing;
    if (value->n != 1) return hn_op_fail(op, HN_E_ARG, "its value is not a single one");
    HN_TRY(hn_op_ints_of(op, 0, &dims, &n));
    HN_TRY(shape_of(op, dims, n, shape));
    char *out = hn_op_out(op, 0, value->type, shape, n);
    if (!out) return hn_op_failed(op);
    const size_t size = hn_element_info(value->type)->bytes;
    for (size_t i = 0; i < op->out[0].n; i++)
        memcpy(out + i * size, value->data, size);
    return HN_OK;
}

/* --- Range --- */

static enum hn_status range_of_integers(struct hn_op *op)
{
    const enum hn_element type = op->in[0]->type;
    int64_t v[3];
    for (size_t i = 0; i < 3; i++)
        v[i] = hn_array_integer(op->in[i], 0);
    const int64_t start = v[0], limit = v[1], delta = v[2];
    if (delta == 0) return hn_op_fail(op, HN_E_ARG, "a step of 0");
    /* Unsigned: differences of 64-bit integers fit. */
    const uint64_t way =
        delta > 0 ? (uint64_t)limit - (uint64_t)start : (uint64_t)start - (uint64_t)limit;
    const uint64_t step = delta > 0 ? (uint64_t)delta : 0 - (uint64_t)delta;
    const bool some = delta > 0 ? limit > start : start > limit;
    const size_t n = some ? (size_t)((way - 1) / step + 1) : 0;
    if (!hn_op_out(op, 0, type, &n, 1)) return hn_op_failed(op);
    struct hn_array *out = &op->out[0];
    for (size_t i = 0; i < n; i++) {
        const int64_t x = (int64_t)((uint64_t)start + i * (uint64_t)delta);
        if (type == HN_EL_I64) ((int64_t *)out->data)[i] = x;
        else if (type == HN_EL_I32) ((int32_t *)out->data)[i] = (int32_t)x;
        else ((int16_t *)out->data)[i] = (int16_t)x;
    }
    return HN_OK;
}

enum hn_status hn_op_range(struct hn_op *op)
{
    const enum hn_element type = op->in[0]->type;
    for (size_t i = 0; i < 3; i++)
        if (op->in[i]->n != 1 || op->in[i]->type != type)
            return hn_op_fail(op, HN_E_ARG, "its inputs are not three numbers of one type");
    switch (type) {
    case HN_EL_I16:
    case HN_EL_I32:
    case HN_EL_I64: return range_of_integers(op);
    case HN_EL_F32:
    case HN_EL_F64:
    case HN_EL_F16:
    case HN_EL_BF16: break;
    default: return hn_op_fail_type(op, 0);
    }
    const double start = hn_array_real(op->in[0], 0), limit = hn_array_real(op->in[1], 0);
    const double delta = hn_array_real(op->in[2], 0), n = ceil((limit - start) / delta);
    if (delta == 0 || !(n < 0x1p46)) return hn_op_fail(op, HN_E_ARG, "no end, or too far away");
    const size_t count = n > 0 ? (size_t)n : 0;
    if (!hn_op_out(op, 0, type, &count, 1)) return hn_op_failed(op);
    for (size_t i = 0; i < count; i++) {
        const double x = start + (double)i * delta;
        if (type == HN_EL_F32) ((float *)op->out[0].data)[i] = (float)x;
        else hn_array_set_real(&op->out[0], i, x);
    }
    return HN_OK;
}

enum hn_status hn_op_eye_like(struct hn_op *op)
{
    const struct hn_array *in = op->in[0];
    enum hn_element type;
    if (in->n_dims != 2) return hn_op_fail(op, HN_E_ARG, "%zu dimensions, not 2", in->n_dims);
    HN_TRY(type_of(op, "dtype", in->type, &type));
    if (!hn_element_is_number(type)) return hn_op_fail_type(op, 0);
    void *out = hn_op_out(op, 0, type, in->shape, 2);
    if (!out) return hn_op_failed(op);
    const size_t rows = in->shape[0], columns = in->shape[1];
    memset(out, 0, op->out[0].n * hn_element_info(type)->bytes);
    if (columns == 0) return HN_OK;
    const int64_t k = hn_op_int(op, "k", 0);
    size_t row = k < 0 ? 0 - (uint64_t)k : 0;
    for (size_t column = k > 0 ? (size_t)k : 0; row < rows && column < columns; row++, column++)
        hn_array_set_real(&op->out[0], row * columns + column, 1);
    return HN_OK;
}

/* --- random numbers: those that NumPy draws from the same seed (MT19937) --- */

struct twister {
    uint32_t state[624];
    unsigned at;
    double kept; /* the second of a pair of normal ones */
    bool has_kept;
};

static void seed(struct twister *t, uint32_t from)
{
    t->state[0] = from;
    for (uint32_t i = 1; i < 624; i++)
        t->state[i] = 1812433253u * (t->state[i - 1] ^ t->state[i - 1] >> 30) + i;
    t->at = 624;
    t->has_kept = false;
}

static uint32_t draw(struct twister *t)
{
    if (t->at == 624) {
        for (unsigned i = 0; i < 624; i++) {
            const uint32_t y =
                (t->state[i] & 0x80000000u) | (t->state[(i + 1) % 624] & 0x7fffffffu);
            t->state[i] = t->state[(i + 397) % 624] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
        }
        t->at = 0;
    }
    uint32_t y = t->state[t->at++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

static double uniform(struct twister *t)
{
    const uint32_t high = draw(t) >> 5, low = draw(t) >> 6;
    return (high * 67108864.0 + low) / 9007199254740992.0;
}

static double normal(struct twister *t)
{
    if (t->has_kept) {
        t->has_kept = false;
        return t->kept;
    }
    double x, y, r;
    do {
        x = 2 * uniform(t) - 1;
        y = 2 * uniform(t) - 1;
        r = x * x + y * y;
    } while (r >= 1 || r == 0);
    const double f = sqrt(-2 * log(r) / r);
    t->kept = f * x;
    t->has_kept = true;
    return f * y;
}

/* From the attribute, else from the kernel. */
static enum hn_status start(struct hn_op *op, struct twister *t)
{
    uint32_t from;
    if (hn_op_has(op, "seed")) {
        const double given = (double)hn_op_float(op, "seed", (float)hn_op_int(op, "seed", 0));
        from = given >= 0 && given <= UINT32_MAX ? (uint32_t)given : 0;
    } else {
        HN_TRY(hn_random_bytes(&from, sizeof from, op->err));
    }
    seed(t, from);
    return HN_OK;
}

static enum hn_status fill(struct hn_op *op, enum hn_element type, const size_t *shape,
                           size_t n_dims, double (*next)(struct twister *), double scale,
                           double offset)
{
    struct twister t;
    HN_TRY(start(op, &t));
    if (!hn_op_out(op, 0, type, shape, n_dims)) return hn_op_failed(op);
    for (size_t i = 0; i < op->out[0].n; i++)
        hn_array_set_real(&op->out[0], i, next(&t) * scale + offset);
    return HN_OK;
}

/* The shape is an attribute, or that of the input. */
static enum hn_status random_tensor(struct hn_op *op, double (*next)(struct twister *),
                                    double scale, double offset)
{
    enum hn_element type;
    size_t shape[HN_ARRAY_DIMS], n;
    if (op->n_in && op->in[0]) {
        const struct hn_array *in = op->in[0];
        HN_TRY(type_of(op, "dtype", hn_element_is_float(in->type) ? in->type : HN_EL_F32, &type));
        return fill(op, type, in->shape, in->n_dims, next, scale, offset);
    }
    const int64_t *dims = hn_op_ints(op, "shape", &n);
    if (!dims) return hn_op_fail(op, HN_E_FORMAT, "has no shape");
    HN_TRY(type_of(op, "dtype", HN_EL_F32, &type));
    HN_TRY(shape_of(op, dims, n, shape));
    return fill(op, type, shape, n, next, scale, offset);
}

enum hn_status hn_op_random_normal(struct hn_op *op)
{
    return random_tensor(op, normal, (double)hn_op_float(op, "scale", 1),
                         (double)hn_op_float(op, "mean", 0));
}

enum hn_status hn_op_random_uniform(struct hn_op *op)
{
    const double low = (double)hn_op_float(op, "low", 0), high = (double)hn_op_float(op, "high", 1);
    return random_tensor(op, uniform, high - low, low);
}

enum hn_status hn_op_bernoulli(struct hn_op *op)
{
    const struct hn_array *in = op->in[0];
    struct twister t;
    enum hn_element type;
    if (!hn_element_is_float(in->type)) return hn_op_fail_type(op, 0);
    HN_TRY(type_of(op, "dtype", in->type, &type));
    HN_TRY(start(op, &t));
    if (!hn_op_out(op, 0, type, in->shape, in->n_dims)) return hn_op_failed(op);
    for (size_t i = 0; i < in->n; i++)
        hn_array_set_real(&op->out[0], i, uniform(&t) < hn_array_real(in, i));
    return HN_OK;
}

/* Which outcome a draw in [0, 1) falls on, of unnormalised log-probabilities. */
static size_t outcome(const double *up_to, size_t n, double at)
{
    size_t low = 0, high = n - 1;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (up_to[middle] > at * up_to[n - 1]) high = middle;
        else low = middle + 1;
    }
    return low;
}

enum hn_status hn_op_multinomial(struct hn_op *op)
{
    const struct hn_array *in = op->in[0];
    struct twister t;
    enum hn_element type;
    const int64_t samples = hn_op_int(op, "sample_size", 1);
    if (!hn_element_is_float(in->type)) return hn_op_fail_type(op, 0);
    HN_TRY(type_of(op, "dtype", HN_EL_I32, &type));
    if (in->n_dims != 2 || samples < 0 || (in->shape[1] == 0 && in->shape[0]))
        return hn_op_fail(op, HN_E_ARG, "its input is no batch of probabilities");
    HN_TRY(start(op, &t));
    const size_t n = in->shape[1], shape[2] = {in->shape[0], (size_t)samples};
    double *up_to = hn_op_scratch(op, n, sizeof *up_to);
    if (!up_to || !hn_op_out(op, 0, type, shape, 2)) return hn_op_failed(op);
    for (size_t row = 0; row < shape[0]; row++) {
        double most = -INFINITY, sum = 0;
        for (size_t i = 0; i < n; i++)
            most = fmax(most, hn_array_real(in, row * n + i));
        for (size_t i = 0; i < n; i++)
            up_to[i] = sum += exp(hn_array_real(in, row * n + i) - most);
        for (size_t s = 0; s < shape[1]; s++)
            hn_array_set_real(&op->out[0], row * shape[1] + s,
                              (double)outcome(up_to, n, uniform(&t)));
    }
    return HN_OK;
}

/* --- Dropout --- */

static enum hn_status drop(struct hn_op *op, double ratio, uint8_t *mask)
{
    const struct hn_array *in = op->in[0];
    struct twister t;
    HN_TRY(start(op, &t));
    if (!hn_op_out(op, 0, in->type, in->shape, in->n_dims)) return hn_op_failed(op);
    const double scale = ratio < 1 ? 1 / (1 - ratio) : 0;
    for (size_t i = 0; i < in->n; i++) {
        const bool stays = uniform(&t) >= ratio;
        if (mask) mask[i] = stays;
        hn_array_set_real(&op->out[0], i, stays ? hn_array_real(in, i) * scale : 0);
    }
    return HN_OK;
}

/* Outside of training it passes its input on. */
enum hn_status hn_op_dropout(struct hn_op *op)
{
    const struct hn_array *in = op->in[0];
    double ratio = 0.5;
    bool training = false;
    if (!hn_element_is_float(in->type)) return hn_op_fail_type(op, 0);
    for (size_t j = 1; j < op->n_in; j++)
        if (op->in[j] && (op->in[j]->n != 1 || !hn_element_is_number(op->in[j]->type)))
            return hn_op_fail_type(op, j);
    if (op->n_in > 1 && op->in[1]) ratio = hn_array_real(op->in[1], 0);
    if (op->n_in > 2 && op->in[2]) training = hn_array_integer(op->in[2], 0) != 0;
    if (!(ratio >= 0 && ratio <= 1)) return hn_op_fail(op, HN_E_ARG, "a ratio of %g", ratio);
    uint8_t *mask = NULL;
    if (op->n_out > 1) {
        const enum hn_element type = op->opset < 10 ? in->type : HN_EL_BOOL;
        mask = hn_op_out(op, 1, type, in->shape, in->n_dims);
        if (!mask) return hn_op_failed(op);
        for (size_t i = 0; i < in->n; i++)
            hn_array_set_real(&op->out[1], i, 1);
    }
    if (training && ratio > 0) return drop(op, ratio, mask);
    return hn_op_alias(op, 0, 0, in->shape, in->n_dims);
}
