/* Numbers within bounds, digit by digit. */
#include <math.h>
#include <stdio.h>

#include "text/grammar_schema.h"

/* Digits are bounded, so that a model cannot go on with them for ever. */
enum {
    INT_DIGITS = 18,   /* of integers without bounds; they fit 64 bits */
    WHOLE_DIGITS = 15, /* before the point */
    DECIMALS = 16,     /* behind it, at most */
};

static struct hn_expr *digit(struct hn_rules *r, unsigned lo, unsigned hi)
{
    const struct hn_chars range = {'0' + lo, '0' + hi};
    return hn_expr_class(r, &range, lo <= hi, false, false);
}

static struct hn_expr *digits(struct hn_rules *r, uint32_t min, uint32_t max)
{
    return hn_expr_repeat(r, digit(r, 0, 9), min, max);
}

static struct hn_expr *nothing(struct hn_rules *r)
{
    return hn_expr_class(r, NULL, 0, false, false);
}

/* Texts of n digits from lo to hi, where a bound that is not tight no longer counts. */
static struct hn_expr *same_length(struct hn_rules *r, const char *lo, const char *hi, uint32_t n,
                                   bool lo_tight, bool hi_tight)
{
    if (n == 0) return hn_expr_text(r, "");
    if (!lo_tight && !hi_tight) return digits(r, n, n);
    const unsigned a = lo_tight ? (unsigned)(*lo - '0') : 0,
                   b = hi_tight ? (unsigned)(*hi - '0') : 9;
    if (a == b)
        return HN_EXPR_SEQ(r, digit(r, a, a),
                           same_length(r, lo + 1, hi + 1, n - 1, lo_tight, hi_tight));
    const unsigned first = a + lo_tight, last = b - hi_tight;
    struct hn_expr *middle = first <= last && last < 10
                                 ? HN_EXPR_SEQ(r, digit(r, first, last), digits(r, n - 1, n - 1))
                                 : nothing(r);
    struct hn_expr *low = lo_tight ? HN_EXPR_SEQ(r, digit(r, a, a),
                                                 same_length(r, lo + 1, hi + 1, n - 1, true, false))
                                   : nothing(r);
    struct hn_expr *high =
        hi_tight
            ? HN_EXPR_SEQ(r, digit(r, b, b), same_length(r, lo + 1, hi + 1, n - 1, false, true))
            : nothing(r);
    return HN_EXPR_ALT(r, low, middle, high);
}

/* Integers from lo to hi, neither below 0. */
static struct hn_expr *whole(struct hn_rules *r, int64_t lo, int64_t hi)
{
    struct hn_expr *all = nothing(r);
    for (int64_t power = 1; lo <= hi; power *= 10) {
        const int64_t most = power * 10 - 1;
        if (lo > most) continue;
        char a[24], b[24];
        const int n = snprintf(a, sizeof a, "%lld", (long long)lo);
        snprintf(b, sizeof b, "%lld", (long long)(hi < most ? hi : most));
        all = HN_EXPR_ALT(r, all, same_length(r, a, b, (uint32_t)n, true, true));
        if (hi <= most) break;
        lo = most + 1;
    }
    return all;
}

static struct hn_expr *negative(struct hn_rules *r, struct hn_expr *e)
{
    return HN_EXPR_SEQ(r, hn_expr_text(r, "-"), e);
}

static struct hn_expr *integers(struct hn_rules *r, const struct hn_shape *shape)
{
    static const int64_t far = 999999999999999999;
    int64_t lo = -far, hi = far;
    const struct hn_bound *least = &shape->least, *most = &shape->most;
    if (least->set) {
        const double x = ceil(least->value);
        lo = (int64_t)x + (least->exclusive && x == least->value);
    }
    if (most->set) {
        const double x = floor(most->value);
        hi = (int64_t)x - (most->exclusive && x == most->value);
    }
    if (!least->set && !most->set)
        return HN_EXPR_SEQ(
            r, hn_expr_repeat(r, hn_expr_text(r, "-"), 0, 1),
            HN_EXPR_ALT(r, digit(r, 0, 0),
                        HN_EXPR_SEQ(r, digit(r, 1, 9), digits(r, 0, INT_DIGITS - 1))));
    struct hn_expr *below = lo < 0 ? negative(r, whole(r, hi < 0 ? -hi : 1, -lo)) : nothing(r);
    return HN_EXPR_ALT(r, below, whole(r, lo > 0 ? lo : 0, hi));
}

/* A bound as its digits before and behind the point, without zeros that say nothing. */
struct decimal {
    bool set, exclusive;
    int64_t whole;
    char decimals[24];
};

static struct decimal decimal_of(const struct hn_bound *bound, double sign)
{
    struct decimal d = {.set = bound->set, .exclusive = bound->exclusive};
    char text[64];
    const double x = bound->value * sign;
    int places = 0;
    /* The fewest decimals that give the number back. */
    do
        snprintf(text, sizeof text, "%.*f", places, x);
    while (strtod(text, NULL) != x && ++places < 20);
    const char *point = strchr(text, '.');
    d.whole = (int64_t)x;
    if (point) snprintf(d.decimals, sizeof d.decimals, "%s", point + 1);
    return d;
}

/* Up to n more decimals; a bound counts while it is tight, and where its digits end it has zeros. */
struct fraction {
    struct hn_rules *rules;
    bool lo_exclusive, hi_exclusive;
};

static struct hn_expr *decimals(const struct fraction *f, const char *lo, const char *hi,
                                uint32_t n)
{
    struct hn_rules *r = f->rules;
    if (lo && !*lo && !f->lo_exclusive) lo = NULL;
    if (!lo && !hi) return digits(r, 0, n);
    const bool may_end = !lo && (*hi || !f->hi_exclusive);
    struct hn_expr *end = may_end ? hn_expr_text(r, "") : nothing(r);
    if (n == 0) return end;
    const unsigned a = lo && *lo ? (unsigned)(*lo - '0') : 0;
    const unsigned b = !hi ? 9 : *hi ? (unsigned)(*hi - '0') : 0;
    const char *lo_rest = lo && *lo ? lo + 1 : lo, *hi_rest = hi && *hi ? hi + 1 : hi;
    if (a == b)
        return HN_EXPR_ALT(r, end,
                           HN_EXPR_SEQ(r, digit(r, a, a), decimals(f, lo_rest, hi_rest, n - 1)));
    if (a > b) return end;
    const unsigned first = a + (lo != NULL), last = b - (hi != NULL);
    struct hn_expr *low =
        lo ? HN_EXPR_SEQ(r, digit(r, a, a), decimals(f, lo_rest, NULL, n - 1)) : nothing(r);
    struct hn_expr *high =
        hi ? HN_EXPR_SEQ(r, digit(r, b, b), decimals(f, NULL, hi_rest, n - 1)) : nothing(r);
    struct hn_expr *middle =
        first <= last ? HN_EXPR_SEQ(r, digit(r, first, last), digits(r, 0, n - 1)) : nothing(r);
    return HN_EXPR_ALT(r, end, low, middle, high);
}

/* Without decimals, or a point and one digit at least. */
static struct hn_expr *with_decimals(struct hn_rules *r, bool none, struct hn_expr *some)
{
    return HN_EXPR_ALT(r, none ? hn_expr_text(r, "") : nothing(r), some);
}

/* Behind a whole part that is the bounds' own: those decimals that do not cross them. NULL: no bound. */
static struct hn_expr *edge(struct hn_rules *r, const struct decimal *lo, const struct decimal *hi,
                            uint32_t places)
{
    const struct fraction f = {r, lo && lo->exclusive, hi && hi->exclusive};
    const char *a = lo ? lo->decimals : NULL, *b = hi ? hi->decimals : NULL;
    const bool none = (!a || (!*a && !f.lo_exclusive)) && (!b || *b || !f.hi_exclusive);
    if (!places) return none ? hn_expr_text(r, "") : nothing(r);
    /* A digit must follow the point: all of ten are tried, each with what may come behind it. */
    struct hn_expr *all = nothing(r);
    for (unsigned d = 0; d < 10; d++) {
        const unsigned lo_digit = a && *a ? (unsigned)(*a - '0') : 0;
        const unsigned hi_digit = !b ? 9 : *b ? (unsigned)(*b - '0') : 0;
        if ((a && d < lo_digit) || d > hi_digit) continue;
        const char *lo_rest = a && d == lo_digit ? (*a ? a + 1 : a) : NULL;
        const char *hi_rest = b && d == hi_digit ? (*b ? b + 1 : b) : NULL;
        all = HN_EXPR_ALT(
            r, all, HN_EXPR_SEQ(r, digit(r, d, d), decimals(&f, lo_rest, hi_rest, places - 1)));
    }
    return with_decimals(r, none, HN_EXPR_SEQ(r, hn_expr_text(r, "."), all));
}

/* Numbers from lo to hi, neither below 0. */
static struct hn_expr *reals(struct hn_rules *r, const struct decimal *lo, const struct decimal *hi,
                             uint32_t places)
{
    static const int64_t far = 999999999999999;
    const int64_t last = hi->set ? hi->whole : far + 1;
    if (hi->set && lo->whole == last)
        return HN_EXPR_SEQ(r, whole(r, last, last), edge(r, lo, hi, places));
    if (lo->whole > last) return nothing(r);
    struct hn_expr *any =
        hn_expr_repeat(r, HN_EXPR_SEQ(r, hn_expr_text(r, "."), digits(r, 1, places)), 0, 1);
    if (!places) any = hn_expr_text(r, "");
    struct hn_expr *low = HN_EXPR_SEQ(r, whole(r, lo->whole, lo->whole), edge(r, lo, NULL, places));
    struct hn_expr *middle = HN_EXPR_SEQ(r, whole(r, lo->whole + 1, last - 1), any);
    struct hn_expr *high =
        hi->set ? HN_EXPR_SEQ(r, whole(r, last, last), edge(r, NULL, hi, places)) : nothing(r);
    return HN_EXPR_ALT(r, low, middle, high);
}

static struct hn_expr *bounded_reals(struct hn_rules *r, const struct hn_shape *shape,
                                     uint32_t places)
{
    const struct decimal zero = {.set = true};
    const struct decimal lo = decimal_of(&shape->least, 1), hi = decimal_of(&shape->most, 1);
    const struct decimal minus_lo = decimal_of(&shape->least, -1);
    const struct decimal minus_hi = decimal_of(&shape->most, -1);
    const bool below = !lo.set || shape->least.value < 0;
    const bool above =
        !hi.set || shape->most.value > 0 || (shape->most.value == 0 && !hi.exclusive);
    const bool from_zero = !hi.set || shape->most.value >= 0;
    const struct decimal from = {.set = true, .exclusive = true}; /* -0 is left to the others */
    struct hn_expr *negatives =
        below ? negative(r, reals(r, from_zero ? &from : &minus_hi, &minus_lo, places))
              : nothing(r);
    struct hn_expr *positives = above ? reals(r, below ? &zero : &lo, &hi, places) : nothing(r);
    return HN_EXPR_ALT(r, negatives, positives);
}

/* Any number: 1, -2.5, 3e-4. */
static struct hn_expr *any_real(struct hn_rules *r, bool exponent, uint32_t places)
{
    static const struct hn_chars e[] = {{'E', 'E'}, {'e', 'e'}}, signs[] = {{'+', '+'}, {'-', '-'}};
    struct hn_expr *power = HN_EXPR_SEQ(
        r, hn_expr_class(r, e, 2, false, false),
        hn_expr_repeat(r, hn_expr_class(r, signs, 2, false, false), 0, 1), digits(r, 1, 2));
    struct hn_expr *fraction =
        hn_expr_repeat(r, HN_EXPR_SEQ(r, hn_expr_text(r, "."), digits(r, 1, places)), 0, 1);
    return HN_EXPR_SEQ(r, hn_expr_repeat(r, hn_expr_text(r, "-"), 0, 1),
                       HN_EXPR_ALT(r, digit(r, 0, 0),
                                   HN_EXPR_SEQ(r, digit(r, 1, 9), digits(r, 0, WHOLE_DIGITS - 1))),
                       fraction, hn_expr_repeat(r, power, 0, exponent));
}

enum hn_status hn_schema_number(struct hn_schema *s, const struct hn_shape *shape, bool integer,
                                struct hn_expr **out)
{
    struct hn_rules *r = &s->rules;
    const uint32_t places = shape->decimals < 0 ? DECIMALS : (uint32_t)shape->decimals;
    const bool bounded = shape->least.set || shape->most.set;
    if (integer || !places) *out = integers(r, shape);
    else if (bounded) *out = bounded_reals(r, shape, places);
    else *out = any_real(r, shape->decimals < 0, places);
    return *out ? HN_OK : hn_schema_no_room(s);
}
