/* Tests (`x is ...`), after jinja2/tests.py. */
#include "base/bits.h"
#include "text/template_case.h"
#include "text/template_render.h"

#define TEST(name)                                                                                 \
    static bool name(struct hn_render *r, const struct hn_val *v, const struct hn_args *args,      \
                     struct hn_val *out)
#define UNUSED                                                                                     \
    (void)r;                                                                                       \
    (void)args

/* A test that looks at the value alone. */
#define SIMPLE(name, expression)                                                                   \
    TEST(name)                                                                                     \
    {                                                                                              \
        UNUSED;                                                                                    \
        *out = hn_val_bool(expression);                                                            \
        return true;                                                                               \
    }

SIMPLE(is_defined, v->type != HN_V_UNDEFINED)
SIMPLE(is_undefined, v->type == HN_V_UNDEFINED)
SIMPLE(is_none, v->type == HN_V_NONE)
SIMPLE(is_boolean, v->type == HN_V_BOOL)
SIMPLE(is_true, v->type == HN_V_BOOL && v->b)
SIMPLE(is_false, v->type == HN_V_BOOL && !v->b)
SIMPLE(is_integer, v->type == HN_V_INT)
SIMPLE(is_float, v->type == HN_V_FLOAT)
SIMPLE(is_number, hn_val_is_number(v))
SIMPLE(is_string, v->type == HN_V_STR)
SIMPLE(is_mapping, v->type == HN_V_DICT)
SIMPLE(is_escaped, v->type == HN_V_STR && v->safe)
SIMPLE(is_sequence, v->type == HN_V_UNDEFINED || v->type == HN_V_STR || hn_val_is_list(v) ||
                        v->type == HN_V_DICT || v->type == HN_V_RANGE)
SIMPLE(is_iterable, (v->type >= HN_V_STR && v->type <= HN_V_ITER) || v->type == HN_V_UNDEFINED ||
                        v->type == HN_V_LOOP)
SIMPLE(is_callable, v->type == HN_V_MACRO || v->type == HN_V_FUNC || v->type == HN_V_METHOD ||
                        v->type == HN_V_LOOP || v->type == HN_V_JOINER || v->type == HN_V_UNDEFINED)

static bool remainder_is(struct hn_render *r, const struct hn_val *v, int64_t by, int64_t rest,
                         struct hn_val *out)
{
    struct hn_val mod;
    const struct hn_val divisor = hn_val_int(by), wanted = hn_val_int(rest);
    bool equal;
    if (!hn_val_operate(r, '%', v, &divisor, &mod) || !hn_val_equal(r, &mod, &wanted, &equal))
        return false;
    *out = hn_val_bool(equal);
    return true;
}

TEST(is_odd)
{
    UNUSED;
    return remainder_is(r, v, 2, 1, out);
}

TEST(is_even)
{
    UNUSED;
    return remainder_is(r, v, 2, 0, out);
}

TEST(is_divisible)
{
    UNUSED;
    struct hn_val mod;
    const struct hn_val zero = hn_val_int(0);
    bool equal;
    if (!hn_val_operate(r, '%', v, &v[1], &mod) || !hn_val_equal(r, &mod, &zero, &equal))
        return false;
    *out = hn_val_bool(equal);
    return true;
}

static bool is_case(struct hn_render *r, const struct hn_val *v, bool upper, struct hn_val *out)
{
    struct hn_str s;
    if (!hn_val_to_str(r, v, &s) || !hn_render_step(r, s.n / 4)) return false;
    *out = hn_val_bool(hn_text_is_case(s, upper));
    return true;
}

TEST(is_lower)
{
    UNUSED;
    return is_case(r, v, false, out);
}

TEST(is_upper)
{
    UNUSED;
    return is_case(r, v, true, out);
}

/* Whether a value is one of a set's names; those without a hash cannot be asked for. */
static bool is_name(struct hn_render *r, const struct hn_val *v,
                    const struct hn_builtin *(*find)(struct hn_str name), struct hn_val *out)
{
    bool can;
    if (!hn_val_hashable(r, v, &can)) return false;
    if (!can) return hn_render_fail(r, "unhashable type: '%s'", hn_val_type_name(v));
    *out = hn_val_bool(v->type == HN_V_STR && find(v->s));
    return true;
}

TEST(is_filter)
{
    UNUSED;
    return is_name(r, v, hn_filter_find, out);
}

TEST(is_test)
{
    UNUSED;
    return is_name(r, v, hn_test_find, out);
}

/* The same object: of small values, equal ones of one type. */
TEST(is_same)
{
    UNUSED;
    bool same = v[0].type == v[1].type;
    if (same && (v->type == HN_V_STR || hn_val_is_number(v))) {
        if (!hn_val_equal(r, &v[0], &v[1], &same)) return false;
    } else if (same && v->type != HN_V_NONE) {
        same = v[0].dict == v[1].dict;
    }
    *out = hn_val_bool(same);
    return true;
}

TEST(is_in)
{
    UNUSED;
    bool found;
    if (!hn_val_contains(r, &v[0], &v[1], &found)) return false;
    *out = hn_val_bool(found);
    return true;
}

TEST(is_equal)
{
    UNUSED;
    bool equal;
    if (!hn_val_equal(r, &v[0], &v[1], &equal)) return false;
    *out = hn_val_bool(equal);
    return true;
}

TEST(is_unequal)
{
    if (!is_equal(r, v, args, out)) return false;
    out->b = !out->b;
    return true;
}

#define ORDER(name, op)                                                                            \
    TEST(name)                                                                                     \
    {                                                                                              \
        UNUSED;                                                                                    \
        bool holds;                                                                                \
        if (!hn_val_order(r, &v[0], &v[1], op, &holds)) return false;                              \
        *out = hn_val_bool(holds);                                                                 \
        return true;                                                                               \
    }

ORDER(is_less, '<')
ORDER(is_less_equal, 'l')
ORDER(is_greater, '>')
ORDER(is_greater_equal, 'g')

const struct hn_builtin hn_template_tests[] = {
    {"odd", "", is_odd},
    {"even", "", is_even},
    {"divisibleby", "!num", is_divisible},
    {"defined", "", is_defined},
    {"undefined", "", is_undefined},
    {"filter", "", is_filter},
    {"test", "", is_test},
    {"none", "", is_none},
    {"boolean", "", is_boolean},
    {"false", "", is_false},
    {"true", "", is_true},
    {"integer", "", is_integer},
    {"float", "", is_float},
    {"lower", "", is_lower},
    {"upper", "", is_upper},
    {"string", "", is_string},
    {"mapping", "", is_mapping},
    {"number", "", is_number},
    {"sequence", "", is_sequence},
    {"iterable", "", is_iterable},
    {"callable", "", is_callable},
    {"sameas", "!other", is_same},
    {"escaped", "", is_escaped},
    {"in", "!seq", is_in},
    {"==", "/!b", is_equal},
    {"eq", "/!b", is_equal},
    {"equalto", "/!b", is_equal},
    {"!=", "/!b", is_unequal},
    {"ne", "/!b", is_unequal},
    {">", "/!b", is_greater},
    {"gt", "/!b", is_greater},
    {"greaterthan", "/!b", is_greater},
    {">=", "/!b", is_greater_equal},
    {"ge", "/!b", is_greater_equal},
    {"<", "/!b", is_less},
    {"lt", "/!b", is_less},
    {"lessthan", "/!b", is_less},
    {"<=", "/!b", is_less_equal},
    {"le", "/!b", is_less_equal},
    {NULL, NULL, NULL},
};
