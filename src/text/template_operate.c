/* Arithmetic, as Python has it: integers are exact or refused, never wrapped. */
#include <math.h>

#include "base/bits.h"
#include "text/template_render.h"

static const char *sign_of(char op)
{
    static const char signs[][2] = {"+", "-", "*", "/", "%"};
    for (size_t i = 0; i < HN_COUNT(signs); i++)
        if (signs[i][0] == op) return signs[i];
    return op == 'f' ? "//" : "** or pow()";
}

static bool wrong_types(struct hn_render *r, char op, const struct hn_val *a,
                        const struct hn_val *b)
{
    if (op == '+' && (a->type == HN_V_STR || hn_val_is_list(a)))
        return hn_render_fail(r, "can only concatenate %s (not \"%s\") to %s", hn_val_type_name(a),
                              hn_val_type_name(b), hn_val_type_name(a));
    return hn_render_fail(r, "unsupported operand type(s) for %s: '%s' and '%s'", sign_of(op),
                          hn_val_type_name(a), hn_val_type_name(b));
}

static bool add_text(struct hn_render *r, const struct hn_val *a, const struct hn_val *b,
                     struct hn_val *out)
{
    struct hn_val x = *a, y = *b;
    const bool safe = a->safe || b->safe;
    if (safe && (!hn_text_escape(r, a, &x) || !hn_text_escape(r, b, &y))) return false;
    *out = hn_val_str((struct hn_str){0});
    out->safe = safe;
    return hn_render_concat(r, x.s, y.s, &out->s);
}

static bool add_lists(struct hn_render *r, const struct hn_val *a, const struct hn_val *b,
                      struct hn_val *out)
{
    const size_t n = a->list->n + b->list->n;
    struct hn_list *list;
    if (!hn_render_step(r, n) || !hn_list_new(r, n, &list)) return false;
    if (a->list->n) memcpy(list->items, a->list->items, a->list->n * sizeof *list->items);
    if (b->list->n)
        memcpy(list->items + a->list->n, b->list->items, b->list->n * sizeof *list->items);
    list->n = n;
    *out = hn_val_list((enum hn_val_type)a->type, list);
    return true;
}

static bool repeat(struct hn_render *r, const struct hn_val *v, int64_t times, struct hn_val *out)
{
    const size_t count = times > 0 ? (size_t)times : 0;
    size_t n;
    if (v->type == HN_V_STR) {
        if (!hn_mul(v->s.n, count, &n)) return hn_render_fail_memory(r);
        char *text = hn_render_text(r, n);
        if (!text) return false;
        for (size_t i = 0; v->s.n && i < count; i++)
            memcpy(text + i * v->s.n, v->s.p, v->s.n);
        *out = hn_val_str((struct hn_str){text, n});
        out->safe = v->safe;
        return true;
    }
    struct hn_list *list;
    if (!hn_mul(v->list->n, count, &n)) return hn_render_fail_memory(r);
    if (!hn_render_step(r, n) || !hn_list_new(r, n, &list)) return false;
    for (size_t i = 0; v->list->n && i < count; i++)
        memcpy(list->items + i * v->list->n, v->list->items, v->list->n * sizeof *list->items);
    list->n = n;
    *out = hn_val_list((enum hn_val_type)v->type, list);
    return true;
}

static bool too_large(struct hn_render *r)
{
    return hn_render_fail_status(r, HN_E_LIMIT, "an integer past 64 bits");
}

static bool power(struct hn_render *r, int64_t base, int64_t exponent, struct hn_val *out)
{
    int64_t result = 1;
    if (exponent < 0) {
        if (base == 0) return hn_render_fail(r, "0.0 cannot be raised to a negative power");
        *out = hn_val_float(pow((double)base, (double)exponent));
        return true;
    }
    for (int64_t square = base, left = exponent; left; left >>= 1) {
        if ((left & 1) && __builtin_mul_overflow(result, square, &result)) return too_large(r);
        if (left > 1 && __builtin_mul_overflow(square, square, &square)) {
            if (base == 0 || base == 1 || base == -1) square = 1;
            else return too_large(r);
        }
    }
    *out = hn_val_int(result);
    return true;
}

static bool operate_int(struct hn_render *r, char op, int64_t a, int64_t b, struct hn_val *out)
{
    int64_t i = 0;
    bool over = false;
    switch (op) {
    case '+': over = __builtin_add_overflow(a, b, &i); break;
    case '-': over = __builtin_sub_overflow(a, b, &i); break;
    case '*': over = __builtin_mul_overflow(a, b, &i); break;
    case 'p': return power(r, a, b, out);
    default:
        if (b == 0)
            return hn_render_fail(r, op == '/' ? "division by zero"
                                               : "integer division or modulo by zero");
        if (op == '/') {
            *out = hn_val_float((double)a / (double)b);
            return true;
        }
        if (b == -1) { /* the one quotient that may not fit */
            over = op == 'f' && __builtin_sub_overflow((int64_t)0, a, &i);
            break;
        }
        i = op == 'f' ? a / b : a % b;
        /* Python rounds down, and the remainder has the sign of the divisor. */
        if (a % b != 0 && (a % b < 0) != (b < 0)) i += op == 'f' ? -1 : b;
    }
    if (over) return too_large(r);
    *out = hn_val_int(i);
    return true;
}

static double float_mod(double a, double b)
{
    double mod = fmod(a, b);
    if (mod == 0) return copysign(0, b);
    return (mod < 0) != (b < 0) ? mod + b : mod;
}

static double float_floordiv(double a, double b)
{
    const double quotient = (a - float_mod(a, b)) / b;
    if (quotient == 0) return copysign(0, a / b);
    const double down = floor(quotient);
    return quotient - down > 0.5 ? down + 1 : down;
}

static bool operate_float(struct hn_render *r, char op, double a, double b, struct hn_val *out)
{
    double f = 0;
    if (b == 0 && (op == '/' || op == 'f' || op == '%'))
        return hn_render_fail(r, op == '/'   ? "float division by zero"
                                 : op == 'f' ? "float floor division by zero"
                                             : "float modulo");
    switch (op) {
    case '+': f = a + b; break;
    case '-': f = a - b; break;
    case '*': f = a * b; break;
    case '/': f = a / b; break;
    case '%': f = float_mod(a, b); break;
    case 'f': f = float_floordiv(a, b); break;
    default:
        if (a == 0 && b < 0) return hn_render_fail(r, "0.0 cannot be raised to a negative power");
        if (a < 0 && isfinite(a) && isfinite(b) && floor(b) != b)
            return hn_render_fail(r, "complex numbers are not supported");
        f = pow(a, b);
        if (isinf(f) && isfinite(a) && isfinite(b))
            return hn_render_fail(r, "(34, 'Numerical result out of range')");
    }
    *out = hn_val_float(f);
    return true;
}

bool hn_val_operate(struct hn_render *r, char op, const struct hn_val *a, const struct hn_val *b,
                    struct hn_val *out)
{
    if (op == '%' && a->type == HN_V_STR) return hn_text_percent(r, a->s, b, a->safe, out);
    if (a->type == HN_V_UNDEFINED) return hn_val_fail_undefined(r, a);
    if (b->type == HN_V_UNDEFINED) return hn_val_fail_undefined(r, b);
    if (hn_val_is_int(a) && hn_val_is_int(b))
        return operate_int(r, op, hn_val_as_int(a), hn_val_as_int(b), out);
    if (hn_val_is_number(a) && hn_val_is_number(b))
        return operate_float(r, op, hn_val_as_float(a), hn_val_as_float(b), out);
    if (op == '+' && a->type == HN_V_STR && b->type == HN_V_STR) return add_text(r, a, b, out);
    if (op == '+' && hn_val_is_list(a) && a->type == b->type) return add_lists(r, a, b, out);
    if (op == '*') {
        const bool first = a->type == HN_V_STR || hn_val_is_list(a);
        const struct hn_val *v = first ? a : b, *times = first ? b : a;
        if ((v->type == HN_V_STR || hn_val_is_list(v)) && hn_val_is_int(times))
            return repeat(r, v, hn_val_as_int(times), out);
    }
    return wrong_types(r, op, a, b);
}

bool hn_val_negate(struct hn_render *r, const struct hn_val *v, struct hn_val *out)
{
    if (v->type == HN_V_UNDEFINED) return hn_val_fail_undefined(r, v);
    if (v->type == HN_V_FLOAT) {
        *out = hn_val_float(-v->f);
        return true;
    }
    if (!hn_val_is_int(v))
        return hn_render_fail(r, "bad operand type for unary -: '%s'", hn_val_type_name(v));
    int64_t i;
    if (__builtin_sub_overflow((int64_t)0, hn_val_as_int(v), &i)) return too_large(r);
    *out = hn_val_int(i);
    return true;
}
