#include "tensor/element.h"

#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "tensor/codec.h"

enum { CHUNK = 256 }; /* elements converted at a time */

bool hn_element_is_float(enum hn_element type)
{
    switch (type) {
    case HN_EL_F32:
    case HN_EL_F64:
    case HN_EL_F16:
    case HN_EL_BF16:
    case HN_EL_F8E4M3FN:
    case HN_EL_F8E4M3FNUZ:
    case HN_EL_F8E5M2:
    case HN_EL_F8E5M2FNUZ:
    case HN_EL_F4E2M1:
    case HN_EL_F8E8M0: return true;
    default: return false;
    }
}

bool hn_element_is_byte(enum hn_element type)
{
    return type == HN_EL_U8 || type == HN_EL_I8;
}

bool hn_element_is_number(enum hn_element type)
{
    return type != HN_EL_STRING && type != HN_EL_C64 && type != HN_EL_C128;
}

bool hn_element_is_integer(enum hn_element type)
{
    return hn_element_is_number(type) && !hn_element_is_float(type) && type != HN_EL_BOOL;
}

bool hn_element_is_signed(enum hn_element type)
{
    switch (type) {
    case HN_EL_I8:
    case HN_EL_I16:
    case HN_EL_I32:
    case HN_EL_I64:
    case HN_EL_I4:
    case HN_EL_I2: return true;
    default: return false;
    }
}

/* --- floats of a byte and less --- */

struct small {
    unsigned mantissa; /* bits */
    int bias;
    unsigned char sign;          /* its bit */
    unsigned char max;           /* the largest finite value */
    unsigned char infinity, nan; /* 0: there is none */
    bool one_zero;
};

static const struct small *small_of(enum hn_element type)
{
    static const struct small e4m3fn = {3, 7, 0x80, 0x7e, 0, 0x7f, false},
                              e4m3fnuz = {3, 8, 0x80, 0x7f, 0, 0x80, true},
                              e5m2 = {2, 15, 0x80, 0x7b, 0x7c, 0x7f, false},
                              e5m2fnuz = {2, 16, 0x80, 0x7f, 0, 0x80, true},
                              e2m1 = {1, 1, 0x08, 0x07, 0, 0, false};
    switch (type) {
    case HN_EL_F8E4M3FN: return &e4m3fn;
    case HN_EL_F8E4M3FNUZ: return &e4m3fnuz;
    case HN_EL_F8E5M2: return &e5m2;
    case HN_EL_F8E5M2FNUZ: return &e5m2fnuz;
    case HN_EL_F4E2M1: return &e2m1;
    default: return NULL;
    }
}

static double small_value(const struct small *kind, unsigned char code)
{
    const unsigned char magnitude = code & (unsigned char)(kind->sign - 1);
    if (kind->nan &&
        (kind->one_zero ? code == kind->nan : magnitude > kind->max && magnitude != kind->infinity))
        return NAN;
    double value;
    if (kind->infinity && magnitude == kind->infinity) value = INFINITY;
    else {
        const int exponent = magnitude >> kind->mantissa;
        const int fraction = magnitude & ((1 << kind->mantissa) - 1);
        value = exponent == 0 ? ldexp(fraction, 1 - kind->bias - (int)kind->mantissa)
                              : ldexp(fraction + (1 << kind->mantissa),
                                      exponent - kind->bias - (int)kind->mantissa);
    }
    return code & kind->sign ? -value : value;
}

static unsigned char small_code(const struct small *kind, double value, bool saturate)
{
    if (isnan(value)) return kind->nan ? kind->nan : kind->sign; /* float4e2m1 has none: -0 */
    const unsigned char sign = signbit(value) ? kind->sign : 0;
    const double a = fabs(value);
    int exponent = -1024; /* of 0; frexp's would be that of 1/2 */
    if (isfinite(a) && a > 0) (void)frexp(a, &exponent);
    exponent = exponent - 1 < 1 - kind->bias ? 1 - kind->bias : exponent - 1;
    /* Halves to even, in the steps of this power of two. */
    const double steps = rint(ldexp(a, (int)kind->mantissa - exponent));
    unsigned code = kind->max + 1u;
    if (isfinite(a) && exponent + kind->bias < 64)
        code = (unsigned)((exponent + kind->bias - 1) << kind->mantissa) + (unsigned)steps;
    if (code <= kind->max) return code == 0 && kind->one_zero ? 0 : (unsigned char)(code | sign);
    if (saturate || !kind->nan) return kind->max | sign;
    if (kind->infinity) return kind->infinity | sign;
    return kind->one_zero ? kind->nan : kind->nan | sign;
}

/* A power of two, from 2^-127; 255 is not a number. */
static unsigned char e8m0_code(double value, struct hn_convert how)
{
    if (isnan(value)) return 255;
    const double a = fabs(value);
    if (isinf(a)) return how.saturate ? 254 : 255;
    if (a == 0) return 0;
    int exponent;
    const double fraction = 2 * frexp(a, &exponent); /* in [1, 2) */
    exponent += 126;
    switch (how.e8m0) {
    case HN_ROUND_UP: exponent += fraction > 1; break;
    case HN_ROUND_NEAREST: exponent += fraction >= 1.5; break;
    case HN_ROUND_DOWN: break;
    }
    if (exponent < 0) return 0;
    if (exponent > 254) return how.saturate ? 254 : 255;
    return (unsigned char)exponent;
}

/* --- chunks of elements as numbers --- */

#define LOAD(name, type, value)                                                                    \
    case HN_EL_##name:                                                                             \
        for (size_t i = 0; i < n; i++) {                                                           \
            const type x = ((const type *)from)[i];                                                \
            to[i] = (value);                                                                       \
        }                                                                                          \
        return

static void load_integers(enum hn_element type, const void *from, int64_t *to, size_t n)
{
    switch (type) {
        LOAD(BOOL, uint8_t, x);
        LOAD(U8, uint8_t, x);
        LOAD(U4, uint8_t, x);
        LOAD(U2, uint8_t, x);
        LOAD(I8, int8_t, x);
        LOAD(I4, int8_t, x);
        LOAD(I2, int8_t, x);
        LOAD(U16, uint16_t, x);
        LOAD(I16, int16_t, x);
        LOAD(U32, uint32_t, x);
        LOAD(I32, int32_t, x);
        LOAD(U64, uint64_t, (int64_t)x);
        LOAD(I64, int64_t, x);
    default: return;
    }
}

static void load_reals(enum hn_element type, const void *from, double *to, size_t n)
{
    const struct small *small = small_of(type);
    switch (type) {
        LOAD(F32, float, x);
        LOAD(F64, double, x);
        LOAD(F16, uint16_t, hn_f16_to_f32(x));
        LOAD(BF16, uint16_t, hn_bf16_to_f32(x));
        LOAD(F8E8M0, uint8_t, x == 255 ? NAN : ldexp(1, x - 127));
    default:
        for (size_t i = 0; i < n && small; i++)
            to[i] = small_value(small, ((const unsigned char *)from)[i]);
        return;
    }
}
#undef LOAD

/* What does not fit is the nearest that does; NaN is 0. */
static int64_t cut(double x)
{
    if (isnan(x)) return 0;
    if (x >= 0x1p63) return INT64_MAX;
    if (x <= -0x1p63) return INT64_MIN;
    return (int64_t)x;
}

static uint64_t cut_unsigned(double x)
{
    if (x >= 0x1p64) return UINT64_MAX;
    if (x >= 0x1p63) return (uint64_t)x;
    return (uint64_t)cut(x);
}

static int32_t cut_32(double x)
{
    const int64_t v = cut(x);
    return v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : (int32_t)v;
}

#define STORE(name, type, value)                                                                   \
    case HN_EL_##name:                                                                             \
        for (size_t i = 0; i < n; i++)                                                             \
            ((type *)to)[i] = (value);                                                             \
        return

static int8_t extend(int64_t v, unsigned bits)
{
    const int low = (int)(v & ((1 << bits) - 1));
    return (int8_t)(low >> (bits - 1) ? low - (1 << bits) : low);
}

static void store_integers(enum hn_element type, const int64_t *v, void *to, size_t n,
                           struct hn_convert how)
{
    const struct small *small = small_of(type);
    switch (type) {
        STORE(BOOL, uint8_t, v[i] != 0);
        STORE(U8, uint8_t, (uint8_t)v[i]);
        STORE(I8, int8_t, (int8_t)v[i]);
        STORE(U4, uint8_t, (uint8_t)(v[i] & 15));
        STORE(I4, int8_t, extend(v[i], 4));
        STORE(U2, uint8_t, (uint8_t)(v[i] & 3));
        STORE(I2, int8_t, extend(v[i], 2));
        STORE(U16, uint16_t, (uint16_t)v[i]);
        STORE(I16, int16_t, (int16_t)v[i]);
        STORE(U32, uint32_t, (uint32_t)v[i]);
        STORE(I32, int32_t, (int32_t)v[i]);
        STORE(U64, int64_t, v[i]);
        STORE(I64, int64_t, v[i]);
        STORE(F32, float, (float)v[i]);
        STORE(F64, double, (double)v[i]);
        STORE(F16, uint16_t, hn_f32_to_f16((float)v[i]));
        STORE(BF16, uint16_t, hn_f32_to_bf16((float)v[i]));
        STORE(F8E8M0, uint8_t, e8m0_code((double)v[i], how));
    default:
        for (size_t i = 0; i < n && small; i++)
            ((unsigned char *)to)[i] = small_code(small, (double)v[i], how.saturate);
        return;
    }
}

static void store_reals(enum hn_element type, const double *v, void *to, size_t n,
                        struct hn_convert how)
{
    const struct small *small = small_of(type);
    switch (type) {
        STORE(BOOL, uint8_t, v[i] != 0);
        STORE(U8, uint8_t, (uint8_t)cut(v[i]));
        STORE(I8, int8_t, (int8_t)cut(v[i]));
        STORE(U4, uint8_t, (uint8_t)(cut(v[i]) & 15));
        STORE(I4, int8_t, extend(cut(v[i]), 4));
        STORE(U2, uint8_t, (uint8_t)(cut(v[i]) & 3));
        STORE(I2, int8_t, extend(cut(v[i]), 2));
        STORE(U16, uint16_t, (uint16_t)cut(v[i]));
        STORE(I16, int16_t, (int16_t)cut(v[i]));
        STORE(U32, uint32_t, (uint32_t)cut(v[i]));
        STORE(I32, int32_t, cut_32(v[i]));
        STORE(U64, uint64_t, cut_unsigned(v[i]));
        STORE(I64, int64_t, cut(v[i]));
        STORE(F32, float, (float)v[i]);
        STORE(F64, double, v[i]);
        STORE(F16, uint16_t, hn_f32_to_f16((float)v[i]));
        STORE(BF16, uint16_t, hn_f32_to_bf16((float)v[i]));
        STORE(F8E8M0, uint8_t, e8m0_code(v[i], how));
    default:
        for (size_t i = 0; i < n && small; i++)
            ((unsigned char *)to)[i] = small_code(small, v[i], how.saturate);
        return;
    }
}
#undef STORE

/* 64-bit integers without a sign are as large as floats can tell, not negative. */
static void reals_of_unsigned(const uint64_t *from, double *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (double)from[i];
}

bool hn_element_convert(enum hn_element to_type, void *to, enum hn_element from_type,
                        const void *from, size_t n, struct hn_convert how)
{
    if (!hn_element_is_number(to_type) || !hn_element_is_number(from_type)) return false;
    const size_t to_size = hn_element_info(to_type)->bytes;
    const size_t from_size = hn_element_info(from_type)->bytes;
    if (to_type == from_type) {
        if (n) memcpy(to, from, n * to_size);
        return true;
    }
    const bool to_float = hn_element_is_float(to_type);
    union {
        int64_t integers[CHUNK];
        double reals[CHUNK];
    } chunk;
    for (size_t at = 0; at < n; at += CHUNK) {
        const size_t m = hn_min(CHUNK, n - at);
        const char *p = (const char *)from + at * from_size;
        char *q = (char *)to + at * to_size;
        if (hn_element_is_float(from_type)) {
            load_reals(from_type, p, chunk.reals, m);
            store_reals(to_type, chunk.reals, q, m, how);
        } else if (from_type == HN_EL_U64 && to_float) {
            reals_of_unsigned((const uint64_t *)(const void *)p, chunk.reals, m);
            store_reals(to_type, chunk.reals, q, m, how);
        } else {
            load_integers(from_type, p, chunk.integers, m);
            store_integers(to_type, chunk.integers, q, m, how);
        }
    }
    return true;
}

/* --- single elements --- */

static const void *at_of(const struct hn_array *a, size_t at)
{
    return (const char *)a->data + at * hn_element_info(a->type)->bytes;
}

double hn_array_real(const struct hn_array *a, size_t at)
{
    double out = 0;
    (void)hn_element_convert(HN_EL_F64, &out, a->type, at_of(a, at), 1, (struct hn_convert){0});
    return out;
}

void hn_array_set_real(struct hn_array *a, size_t at, double value)
{
    (void)hn_element_convert(a->type, (char *)a->data + at * hn_element_info(a->type)->bytes,
                             HN_EL_F64, &value, 1, (struct hn_convert){.saturate = true});
}

int64_t hn_array_integer(const struct hn_array *a, size_t at)
{
    int64_t out = 0;
    (void)hn_element_convert(HN_EL_I64, &out, a->type, at_of(a, at), 1, (struct hn_convert){0});
    return out;
}
