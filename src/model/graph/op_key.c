#include "model/graph/op_key.h"

bool hn_key_type(enum hn_element type)
{
    switch (type) {
    case HN_EL_U8:
    case HN_EL_I8:
    case HN_EL_U16:
    case HN_EL_I16:
    case HN_EL_U32:
    case HN_EL_I32:
    case HN_EL_U64:
    case HN_EL_I64:
    case HN_EL_BOOL:
    case HN_EL_F16:
    case HN_EL_BF16:
    case HN_EL_F32:
    case HN_EL_F64: return true;
    default: return false;
    }
}

/* Bits of a float: `inf` are those of infinity, `sign` the sign's. */
static inline uint64_t float_key(uint64_t bits, uint64_t inf, uint64_t sign)
{
    const uint64_t size = bits & (sign - 1);
    if (size > inf) return UINT64_MAX;
    return bits & sign ? sign - size : sign + size;
}

/* `v` is an element's bits as they are. */
#define KEYS(type, expression)                                                                     \
    do {                                                                                           \
        const type *p = (const type *)a->data + at;                                                \
        for (size_t i = 0; i < n; i++) {                                                           \
            const type v = p[i * step];                                                            \
            keys[i] = (expression);                                                                \
        }                                                                                          \
        return;                                                                                    \
    } while (0)

void hn_keys(const struct hn_array *a, size_t at, size_t n, size_t step, uint64_t *keys)
{
    typedef uint16_t __attribute__((may_alias)) bits16;
    typedef uint32_t __attribute__((may_alias)) bits32;
    typedef uint64_t __attribute__((may_alias)) bits64;
    const uint64_t sign = (uint64_t)1 << 63;
    switch (a->type) {
    case HN_EL_U8:
    case HN_EL_BOOL: KEYS(uint8_t, v);
    case HN_EL_U16: KEYS(uint16_t, v);
    case HN_EL_U32: KEYS(uint32_t, v);
    case HN_EL_U64: KEYS(uint64_t, v);
    case HN_EL_I8: KEYS(int8_t, (uint64_t)(int64_t)v ^ sign);
    case HN_EL_I16: KEYS(int16_t, (uint64_t)(int64_t)v ^ sign);
    case HN_EL_I32: KEYS(int32_t, (uint64_t)(int64_t)v ^ sign);
    case HN_EL_I64: KEYS(int64_t, (uint64_t)v ^ sign);
    case HN_EL_F16: KEYS(bits16, float_key(v, 0x7c00, 0x8000));
    case HN_EL_BF16: KEYS(bits16, float_key(v, 0x7f80, 0x8000));
    case HN_EL_F32: KEYS(bits32, float_key(v, 0x7f800000, 0x80000000));
    case HN_EL_F64: KEYS(bits64, float_key(v, (uint64_t)0x7ff0 << 48, sign));
    default: return;
    }
}
