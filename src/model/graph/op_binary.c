/* Arithmetic on two operands. Integers wrap; their division by 0 is 0. */
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
            _Pragma("GCC ivdep") for (size_t i = 0; i < n; i++)                                    \
            {                                                                                      \
                const type x = a[i], y = b[i];                                                     \
                o[i] = (result)(expression);                                                       \
            }                                                                                      \
        } else if (sa) {                                                                           \
            const type y = b[0];                                                                   \
            _Pragma("GCC ivdep") for (size_t i = 0; i < n; i++)                                    \
            {                                                                                      \
                const type x = a[i];                                                               \
                o[i] = (result)(expression);                                                       \
            }                                                                                      \
        } else {                                                                                   \
            const type x = a[0];                                                                   \
            _Pragma("GCC ivdep") for (size_t i = 0; i < n; i++)                                    \
            {                                                                                      \
                const type y = b[i * sb];                                                          \
                o[i] = (result)(expression);                                                       \
            }                                                                                      \
        }                                                                                          \
    }

#define SAME(name, expression)                                                                     \
    PAIR(name##_f32, float, float, expression)                                                     \
    PAIR(name##_f64, double, double, expression)                                                   \
    PAIR(name##_8, uint8_t, uint8_t, expression)                                                   \
    PAIR(name##_16, uint16_t, uint16_t, expression)                                                \
    PAIR(name##_32, uint32_t, uint32_t, expression)                                                \
    PAIR(name##_64, uint64_t, uint64_t, expression)

/* Sums and products of integers are the same bits with a sign and without. */
#define WRAPPING(name)                                                                             \
    enum hn_status hn_op_##name(struct hn_op *op)                                                  \
    {                                                                                              \
        const enum hn_element type = op->in[0]->type;                                              \
        switch (type) {                                                                            \
        case HN_EL_F32:                                                                            \
        case HN_EL_F16:                                                                            \
        case HN_EL_BF16: return hn_op_pair(op, name##_f32, type);                                  \
        case HN_EL_F64: return hn_op_pair(op, name##_f64, type);                                   \
        case HN_EL_U8:                                                                             \
        case HN_EL_I8: return hn_op_pair(op, name##_8, type);                                      \
        case HN_EL_U16:                                                                            \
        case HN_EL_I16: return hn_op_pair(op, name##_16, type);                                    \
        case HN_EL_U32:                                                                            \
        case HN_EL_I32: return hn_op_pair(op, name##_32, type);                                    \
        case HN_EL_U64:                                                                            \
        case HN_EL_I64: return hn_op_pair(op, name##_64, type);                                    \
        default: return hn_op_fail_type(op, 0);                                                    \
        }                                                                                          \
    }

SAME(add, x + y)
SAME(sub, x - y)
SAME(mul, 1u * x * y) /* 1u: products of 16 bits do not overflow an int */
WRAPPING(add)
WRAPPING(sub)
WRAPPING(mul)
