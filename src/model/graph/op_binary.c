/* Operators on two and more operands: arithmetic, comparison, logic, bits. Integers wrap; their division
 * by 0 is 0. */
#include <math.h>

#include "model/graph/elementwise.h"

/* A pair function over elements of one type: both side by side, or one of them the same throughout. The
 * output may be an operand itself, element for element. */
#define PAIR(name, type, result, expression)                                                       \
    static void name(size_t n, const void *va, size_t sa, const void *vb, size_t sb, void *vo)     \
    {                                                                                              \
        const type *a = va, *b = vb;                                                               \
        result *o = vo;                                                                            \
        if (sa && sb) {                                                                            \
            HN_EACH_ALONE for (size_t i = 0; i < n; i++)                                           \
            {                                                                                      \
                const type x = a[i], y = b[i];                                                     \
                o[i] = (result)(expression);                                                       \
            }                                                                                      \
        } else if (sa) {                                                                           \
            const type y = b[0];                                                                   \
            HN_EACH_ALONE for (size_t i = 0; i < n; i++)                                           \
            {                                                                                      \
                const type x = a[i];                                                               \
                o[i] = (result)(expression);                                                       \
            }                                                                                      \
        } else {                                                                                   \
            const type x = a[0];                                                                   \
            HN_EACH_ALONE for (size_t i = 0; i < n; i++)                                           \
            {                                                                                      \
                const type y = b[i * sb];                                                          \
                o[i] = (result)(expression);                                                       \
            }                                                                                      \
        }                                                                                          \
    }

/* Likewise in one loop, for what is seldom long. */
#define PAIR_SHORT(name, type, result, expression)                                                 \
    static void name(size_t n, const void *va, size_t sa, const void *vb, size_t sb, void *vo)     \
    {                                                                                              \
        const type *a = va, *b = vb;                                                               \
        result *o = vo;                                                                            \
        for (size_t i = 0; i < n; i++) {                                                           \
            const type x = a[i * sa], y = b[i * sb];                                               \
            o[i] = (result)(expression);                                                           \
        }                                                                                          \
    }

typedef hn_pair_fn *const pair_fns[HN_ELEMENTS];

static enum hn_status pair(struct hn_op *op, pair_fns fns)
{
    const enum hn_element type = op->in[0]->type;
    return fns[type] ? hn_op_pair(op, fns[type], type) : hn_op_fail_type(op, 0);
}

static enum hn_status compare(struct hn_op *op, pair_fns fns)
{
    const enum hn_element type = op->in[0]->type;
    return fns[type] ? hn_op_pair(op, fns[type], HN_EL_BOOL) : hn_op_fail_type(op, 0);
}

#define FLOATS(name)                                                                               \
    [HN_EL_F32] = name##_f32, [HN_EL_F16] = name##_f32, [HN_EL_BF16] = name##_f32,                 \
    [HN_EL_F64] = name##_f64

/* --- sums and products: of integers the same bits with a sign and without --- */

#define SAME_BITS(name, expression)                                                                \
    PAIR(name##_f32, float, float, expression)                                                     \
    PAIR(name##_f64, double, double, expression)                                                   \
    PAIR_SHORT(name##_8, uint8_t, uint8_t, expression)                                             \
    PAIR_SHORT(name##_16, uint16_t, uint16_t, expression)                                          \
    PAIR(name##_32, uint32_t, uint32_t, expression)                                                \
    PAIR(name##_64, uint64_t, uint64_t, expression)                                                \
    static pair_fns name##_fns = {FLOATS(name),                                                    \
                                  [HN_EL_I8] = name##_8,                                           \
                                  [HN_EL_U8] = name##_8,                                           \
                                  [HN_EL_I16] = name##_16,                                         \
                                  [HN_EL_U16] = name##_16,                                         \
                                  [HN_EL_I32] = name##_32,                                         \
                                  [HN_EL_U32] = name##_32,                                         \
                                  [HN_EL_I64] = name##_64,                                         \
                                  [HN_EL_U64] = name##_64};

SAME_BITS(add, x + y)
SAME_BITS(sub, x - y)
SAME_BITS(mul, 1u * x * y) /* 1u: products of 16 bits would overflow an int */

enum hn_status hn_op_add(struct hn_op *op)
{
    return pair(op, add_fns);
}

enum hn_status hn_op_sub(struct hn_op *op)
{
    return pair(op, sub_fns);
}

enum hn_status hn_op_mul(struct hn_op *op)
{
    return pair(op, mul_fns);
}

/* --- what knows signs --- */

#define ALL_TYPES(name, kind, result)                                                              \
    PAIR(name##_f32, float, result(float), kind##_real(x, y))                                      \
    PAIR(name##_f64, double, result(double), kind##_real(x, y))                                    \
    PAIR_SHORT(name##_i8, int8_t, result(int8_t), kind##_signed(x, y))                             \
    PAIR_SHORT(name##_u8, uint8_t, result(uint8_t), kind##_unsigned(x, y))                         \
    PAIR_SHORT(name##_i16, int16_t, result(int16_t), kind##_signed(x, y))                          \
    PAIR_SHORT(name##_u16, uint16_t, result(uint16_t), kind##_unsigned(x, y))                      \
    PAIR_SHORT(name##_i32, int32_t, result(int32_t), kind##_signed(x, y))                          \
    PAIR_SHORT(name##_u32, uint32_t, result(uint32_t), kind##_unsigned(x, y))                      \
    PAIR_SHORT(name##_i64, int64_t, result(int64_t), kind##_signed(x, y))                          \
    PAIR_SHORT(name##_u64, uint64_t, result(uint64_t), kind##_unsigned(x, y))                      \
    static pair_fns name##_fns = {FLOATS(name),                                                    \
                                  [HN_EL_I8] = name##_i8,                                          \
                                  [HN_EL_U8] = name##_u8,                                          \
                                  [HN_EL_I16] = name##_i16,                                        \
                                  [HN_EL_U16] = name##_u16,                                        \
                                  [HN_EL_I32] = name##_i32,                                        \
                                  [HN_EL_U32] = name##_u32,                                        \
                                  [HN_EL_I64] = name##_i64,                                        \
                                  [HN_EL_U64] = name##_u64};
#define ITSELF(type) type
#define TRUTH(type)  uint8_t

/* Cut towards zero; the one quotient that does not fit wraps. */
#define div_real(x, y)     ((x) / (y))
#define div_unsigned(x, y) ((y) == 0 ? 0 : (x) / (y))
#define div_signed(x, y)   ((y) == 0 ? 0 : (y) == -1 ? (int64_t)(0 - (uint64_t)(x)) : (x) / (y))
ALL_TYPES(div, div, ITSELF)

enum hn_status hn_op_div(struct hn_op *op)
{
    return pair(op, div_fns);
}

/* The remainder has the divisor's sign, with fmod the dividend's. */
static int64_t floor_mod(int64_t x, int64_t y)
{
    if (y == 0 || y == -1) return 0;
    const int64_t rest = x % y;
    return rest && (rest < 0) != (y < 0) ? rest + y : rest;
}

#define mod_real(x, y)      fmod(x, y)
#define mod_unsigned(x, y)  ((y) == 0 ? 0 : (x) % (y))
#define mod_signed(x, y)    floor_mod(x, y)
#define fmod_real(x, y)     fmod(x, y)
#define fmod_unsigned(x, y) mod_unsigned(x, y)
#define fmod_signed(x, y)   ((y) == 0 || (y) == -1 ? 0 : (x) % (y))
ALL_TYPES(mod, mod, ITSELF)
ALL_TYPES(cut_mod, fmod, ITSELF)

enum hn_status hn_op_mod(struct hn_op *op)
{
    return pair(op, hn_op_int(op, "fmod", 0) ? cut_mod_fns : mod_fns);
}

/* --- comparison --- */

#define less_real(x, y)       ((x) < (y))
#define less_signed           less_real
#define less_unsigned         less_real
#define less_equal_real(x, y) ((x) <= (y))
#define less_equal_signed     less_equal_real
#define less_equal_unsigned   less_equal_real
#define more_real(x, y)       ((x) > (y))
#define more_signed           more_real
#define more_unsigned         more_real
#define more_equal_real(x, y) ((x) >= (y))
#define more_equal_signed     more_equal_real
#define more_equal_unsigned   more_equal_real
ALL_TYPES(less, less, TRUTH)
ALL_TYPES(less_equal, less_equal, TRUTH)
ALL_TYPES(more, more, TRUTH)
ALL_TYPES(more_equal, more_equal, TRUTH)

enum hn_status hn_op_less(struct hn_op *op)
{
    return compare(op, less_fns);
}

enum hn_status hn_op_less_or_equal(struct hn_op *op)
{
    return compare(op, less_equal_fns);
}

enum hn_status hn_op_greater(struct hn_op *op)
{
    return compare(op, more_fns);
}

enum hn_status hn_op_greater_or_equal(struct hn_op *op)
{
    return compare(op, more_equal_fns);
}

PAIR(equal_f32, float, uint8_t, x == y)
PAIR(equal_f64, double, uint8_t, x == y)
PAIR_SHORT(equal_8, uint8_t, uint8_t, x == y)
PAIR_SHORT(equal_16, uint16_t, uint8_t, x == y)
PAIR_SHORT(equal_32, uint32_t, uint8_t, x == y)
PAIR_SHORT(equal_64, uint64_t, uint8_t, x == y)
PAIR_SHORT(equal_text, struct hn_str, uint8_t, hn_str_eq(x, y))

enum hn_status hn_op_equal(struct hn_op *op)
{
    static pair_fns fns = {
        FLOATS(equal),          [HN_EL_BOOL] = equal_8, [HN_EL_STRING] = equal_text,
        [HN_EL_I8] = equal_8,   [HN_EL_U8] = equal_8,   [HN_EL_I16] = equal_16,
        [HN_EL_U16] = equal_16, [HN_EL_I32] = equal_32, [HN_EL_U32] = equal_32,
        [HN_EL_I64] = equal_64, [HN_EL_U64] = equal_64, [HN_EL_U4] = equal_8,
        [HN_EL_I4] = equal_8,   [HN_EL_U2] = equal_8,   [HN_EL_I2] = equal_8};
    return compare(op, fns);
}

/* --- logic and bits --- */

#define BITS(name, expression)                                                                     \
    PAIR_SHORT(name##_8, uint8_t, uint8_t, expression)                                             \
    PAIR_SHORT(name##_16, uint16_t, uint16_t, expression)                                          \
    PAIR_SHORT(name##_32, uint32_t, uint32_t, expression)                                          \
    PAIR_SHORT(name##_64, uint64_t, uint64_t, expression)                                          \
    static pair_fns name##_fns = {                                                                 \
        [HN_EL_I8] = name##_8,   [HN_EL_U8] = name##_8,   [HN_EL_I16] = name##_16,                 \
        [HN_EL_U16] = name##_16, [HN_EL_I32] = name##_32, [HN_EL_U32] = name##_32,                 \
        [HN_EL_I64] = name##_64, [HN_EL_U64] = name##_64};                                         \
    enum hn_status hn_op_bitwise_##name(struct hn_op *op)                                          \
    {                                                                                              \
        return pair(op, name##_fns);                                                               \
    }                                                                                              \
    enum hn_status hn_op_##name(struct hn_op *op)                                                  \
    {                                                                                              \
        if (op->in[0]->type != HN_EL_BOOL) return hn_op_fail_type(op, 0);                          \
        return hn_op_pair(op, name##_8, HN_EL_BOOL);                                               \
    }

BITS(and, x &y)
BITS(or, x | y)
BITS(xor, x ^ y)

/* Shifts by the width and more leave nothing. */
#define SHIFT(name, expression)                                                                    \
    PAIR_SHORT(name##_8, uint8_t, uint8_t, expression)                                             \
    PAIR_SHORT(name##_16, uint16_t, uint16_t, expression)                                          \
    PAIR_SHORT(name##_32, uint32_t, uint32_t, expression)                                          \
    PAIR_SHORT(name##_64, uint64_t, uint64_t, expression)                                          \
    static pair_fns name##_fns = {[HN_EL_U8] = name##_8,                                           \
                                  [HN_EL_U16] = name##_16,                                         \
                                  [HN_EL_U32] = name##_32,                                         \
                                  [HN_EL_U64] = name##_64};

SHIFT(left, y < 8 * sizeof x ? (uint64_t)x << y : 0)
SHIFT(right, y < 8 * sizeof x ? x >> y : 0)

enum hn_status hn_op_bit_shift(struct hn_op *op)
{
    const struct hn_str direction = hn_op_text(op, "direction", "");
    if (hn_str_is(direction, "LEFT")) return pair(op, left_fns);
    if (hn_str_is(direction, "RIGHT")) return pair(op, right_fns);
    return hn_op_fail(op, HN_E_ARG, "direction is neither LEFT nor RIGHT");
}

/* --- of many --- */

/* NaN wins. */
#define min_real(x, y)   ((x) < (y) || (x) != (x) ? (x) : (y))
#define min_signed(x, y) ((x) < (y) ? (x) : (y))
#define min_unsigned     min_signed
#define max_real(x, y)   ((x) > (y) || (x) != (x) ? (x) : (y))
#define max_signed(x, y) ((x) > (y) ? (x) : (y))
#define max_unsigned     max_signed
ALL_TYPES(min, min, ITSELF)
ALL_TYPES(max, max, ITSELF)

static enum hn_status many(struct hn_op *op, pair_fns fns)
{
    const enum hn_element type = op->in[0]->type;
    return fns[type] ? hn_op_fold_pairs(op, fns[type]) : hn_op_fail_type(op, 0);
}

enum hn_status hn_op_min(struct hn_op *op)
{
    return many(op, min_fns);
}

enum hn_status hn_op_max(struct hn_op *op)
{
    return many(op, max_fns);
}

enum hn_status hn_op_sum(struct hn_op *op)
{
    return many(op, add_fns);
}

enum hn_status hn_op_mean(struct hn_op *op)
{
    if (!hn_element_is_float(op->in[0]->type) || !add_fns[op->in[0]->type])
        return hn_op_fail_type(op, 0);
    if (op->n_in == 1) return hn_op_alias(op, 0, 0, op->in[0]->shape, op->in[0]->n_dims);
    HN_TRY(hn_op_fold_pairs(op, add_fns[op->in[0]->type]));
    struct hn_array *out = &op->out[0];
    const double n = (double)op->n_in;
    for (size_t i = 0; i < out->n; i++) {
        if (out->type == HN_EL_F32) ((float *)out->data)[i] /= (float)n;
        else hn_array_set_real(out, i, hn_array_real(out, i) / n);
    }
    return HN_OK;
}

/* --- powers --- */

/* Integers wrap; a negative power of them is 0 but for those of 1 and -1. */
static uint64_t integer_power(int64_t base, int64_t power)
{
    if (power < 0) return base == 1 ? 1 : base == -1 ? (power & 1 ? UINT64_MAX : 1) : 0;
    uint64_t result = 1;
    for (uint64_t square = (uint64_t)base; power; power >>= 1, square *= square)
        if (power & 1) result *= square;
    return result;
}

PAIR(pow_f32, float, float, powf(x, y))
PAIR_SHORT(pow_f64, double, double, pow(x, y))
PAIR_SHORT(pow_i64, int64_t, uint64_t, integer_power(x, y))

/* Squares are what layer normalisation asks for. */
PAIR(square_f32, float, float, x *x + 0 * y)

static bool all_are_two(const struct hn_array *b)
{
    return b->n == 1 && b->type == HN_EL_F32 && *(const float *)b->data == 2;
}

/* The operands may have different types: both as the wider kind, the result as the base's. */
enum hn_status hn_op_pow(struct hn_op *op)
{
    const struct hn_array *a = op->in[0], *b = op->in[1];
    if (!hn_element_is_number(a->type)) return hn_op_fail_type(op, 0);
    if (!hn_element_is_number(b->type)) return hn_op_fail_type(op, 1);
    if (a->type == HN_EL_F32 && all_are_two(b)) return hn_op_pair(op, square_f32, HN_EL_F32);
    if (a->type == b->type &&
        (a->type == HN_EL_F32 || a->type == HN_EL_F16 || a->type == HN_EL_BF16))
        return hn_op_pair(op, pow_f32, a->type);
    if (a->type == b->type && a->type == HN_EL_F64) return hn_op_pair(op, pow_f64, a->type);
    const bool integers = hn_element_is_integer(a->type) && hn_element_is_integer(b->type);
    return hn_op_pair_as(op, integers ? pow_i64 : pow_f64, integers ? HN_EL_I64 : HN_EL_F64,
                         a->type);
}
