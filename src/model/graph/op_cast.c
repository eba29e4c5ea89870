/* From type to type: Cast, CastLike, BitCast. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/bits.h"
#include "model/graph/op_list.h"

enum { MAX_NUMBER_TEXT = 64 };

/* The shortest that reads back as the same number; as NumPy writes floats, "1.0" but "1e-07". */
static int print_real(char *text, double value, bool single)
{
    if (isnan(value)) return snprintf(text, MAX_NUMBER_TEXT, "NaN");
    if (isinf(value)) return snprintf(text, MAX_NUMBER_TEXT, value < 0 ? "-INF" : "INF");
    int n = 0;
    for (int digits = 1; digits <= 17; digits++) {
        n = snprintf(text, MAX_NUMBER_TEXT, "%.*g", digits, value);
        const double back = single ? (double)strtof(text, NULL) : strtod(text, NULL);
        if (back == value) break;
    }
    return n;
}

static int print_element(const struct hn_array *a, size_t i, char *text)
{
    if (a->type == HN_EL_U64)
        return snprintf(text, MAX_NUMBER_TEXT, "%" PRIu64, ((const uint64_t *)a->data)[i]);
    if (hn_element_is_float(a->type))
        return print_real(text, hn_array_real(a, i), a->type != HN_EL_F64);
    if (a->type == HN_EL_BOOL)
        return snprintf(text, MAX_NUMBER_TEXT, "%s", hn_array_integer(a, i) ? "True" : "False");
    return snprintf(text, MAX_NUMBER_TEXT, "%" PRId64, hn_array_integer(a, i));
}

static enum hn_status to_strings(struct hn_op *op, const struct hn_array *in)
{
    struct hn_str *out = hn_op_out(op, 0, HN_EL_STRING, in->shape, in->n_dims);
    if (!out) return hn_op_failed(op);
    for (size_t i = 0; i < in->n; i++) {
        char text[MAX_NUMBER_TEXT];
        const size_t n = (size_t)print_element(in, i, text);
        char *p = hn_op_chars(op, n);
        if (!p) return hn_op_failed(op);
        memcpy(p, text, n);
        out[i] = (struct hn_str){p, n};
    }
    return HN_OK;
}

/* The whole of the text must be a number. */
static bool parse(struct hn_str text, struct hn_array *out, size_t i)
{
    char copy[400], *end;
    if (text.n == 0 || text.n >= sizeof copy) return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    errno = 0;
    if (out->type == HN_EL_I64) {
        ((int64_t *)out->data)[i] = strtoll(copy, &end, 10);
        if (*end == '\0' && errno == 0) return true;
    } else if (out->type == HN_EL_U64 && copy[0] != '-') {
        ((uint64_t *)out->data)[i] = strtoull(copy, &end, 10);
        if (*end == '\0' && errno == 0) return true;
    }
    const double value = strtod(copy, &end);
    hn_array_set_real(out, i, value);
    return end != copy && *end == '\0';
}

static enum hn_status from_strings(struct hn_op *op, const struct hn_array *in,
                                   enum hn_element type)
{
    if (!hn_op_out(op, 0, type, in->shape, in->n_dims)) return hn_op_failed(op);
    const struct hn_str *texts = in->data;
    for (size_t i = 0; i < in->n; i++)
        if (!parse(texts[i], &op->out[0], i))
            return hn_op_fail(op, HN_E_ARG, "'%.*s' is no number", HN_FMT(texts[i]));
    return HN_OK;
}

static enum hn_status cast(struct hn_op *op, enum hn_element type)
{
    const struct hn_array *in = op->in[0];
    if (in->type == type) return hn_op_alias(op, 0, 0, in->shape, in->n_dims);
    if (type == HN_EL_STRING) return to_strings(op, in);
    if (!hn_element_is_number(type) ||
        (in->type != HN_EL_STRING && !hn_element_is_number(in->type)))
        return hn_op_fail_type(op, 0);
    if (in->type == HN_EL_STRING) return from_strings(op, in, type);
    struct hn_convert how = {.saturate = hn_op_int(op, "saturate", 1) != 0};
    const struct hn_str mode = hn_op_text(op, "round_mode", "up");
    how.e8m0 = hn_str_is(mode, "down")      ? HN_ROUND_DOWN
               : hn_str_is(mode, "nearest") ? HN_ROUND_NEAREST
                                            : HN_ROUND_UP;
    void *out = hn_op_out(op, 0, type, in->shape, in->n_dims);
    if (!out) return hn_op_failed(op);
    (void)hn_element_convert(type, out, in->type, in->data, in->n, how);
    return HN_OK;
}

/* Up to opset 5 the type is a name. */
static enum hn_status type_of(struct hn_op *op, enum hn_element *out)
{
    const struct hn_str name = hn_op_text(op, "to", "");
    for (int i = 0; name.n && i < HN_ELEMENTS; i++) {
        *out = (enum hn_element)i;
        const char *is = hn_element_info(*out)->name;
        if (strlen(is) == name.n && strncasecmp(is, name.p, name.n) == 0) return HN_OK;
    }
    if (hn_element_from_onnx(hn_op_int(op, "to", 0), out)) return HN_OK;
    return hn_op_fail(op, HN_E_ARG, "'to' is no known type");
}

enum hn_status hn_op_cast(struct hn_op *op)
{
    enum hn_element type;
    HN_TRY(type_of(op, &type));
    return cast(op, type);
}

enum hn_status hn_op_cast_like(struct hn_op *op)
{
    return cast(op, op->in[1]->type);
}

/* From a table in the place of maps (op_map.c). */
enum hn_status hn_op_cast_map(struct hn_op *op)
{
    const struct hn_str to = hn_op_text(op, "cast_to", "TO_FLOAT");
    if (hn_str_is(to, "TO_FLOAT")) return cast(op, HN_EL_F32);
    if (hn_str_is(to, "TO_STRING")) return cast(op, HN_EL_STRING);
    if (hn_str_is(to, "TO_INT64")) return cast(op, HN_EL_I64);
    return hn_op_fail(op, HN_E_FORMAT, "cast_to '%.*s'", HN_FMT(to));
}

/* Bits of an element as the specification counts them: below a byte in this house a byte each. */
static unsigned width_of(enum hn_element type)
{
    switch (type) {
    case HN_EL_U4:
    case HN_EL_I4:
    case HN_EL_F4E2M1: return 4;
    case HN_EL_U2:
    case HN_EL_I2: return 2;
    default: return 8 * (unsigned)hn_element_info(type)->bytes;
    }
}

enum hn_status hn_op_bit_cast(struct hn_op *op)
{
    const struct hn_array *in = op->in[0];
    enum hn_element type;
    HN_TRY(type_of(op, &type));
    if (type == HN_EL_STRING || in->type == HN_EL_STRING || width_of(type) != width_of(in->type))
        return hn_op_fail(op, HN_E_ARG, "%s is not as wide as %s", hn_element_info(in->type)->name,
                          hn_element_info(type)->name);
    const uint8_t *from = in->data;
    const size_t n = in->n;
    uint8_t *to = hn_op_out_over(op, 0, 0, type, in->shape, in->n_dims);
    if (!to) return hn_op_failed(op);
    const unsigned width = width_of(type), sign = 1u << (width - 1);
    if (type == HN_EL_BOOL) {
        for (size_t i = 0; i < n; i++)
            to[i] = from[i] != 0;
    } else if (width < 8) {
        const bool extend = hn_element_is_signed(type);
        for (size_t i = 0; i < n; i++) {
            const unsigned low = from[i] & (2 * sign - 1);
            to[i] = (uint8_t)(extend && low & sign ? low | ~(2 * sign - 1) : low);
        }
    } else if (to != from && n) {
        memcpy(to, from, n * hn_element_info(type)->bytes);
    }
    return HN_OK;
}
