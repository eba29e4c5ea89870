#include "model/trees_column.h"

static bool has_category(const struct hn_trees *t, const struct hn_trees_column *c, double x)
{
    if (c->test == HN_TEST_CATEGORY ? x < 0 : x <= -1) return false;
    if (x >= HN_TREES_CATEGORIES) return false;
    const size_t category = x > 0 ? (size_t)x : 0;
    return category / 32 < c->count && t->bits[c->first + category / 32] >> category % 32 & 1;
}

static bool is_member(const struct hn_trees *t, const struct hn_trees_column *c, double x)
{
    const double *members = t->members + c->first;
    size_t from = 0;
    size_t to = c->count;
    while (from < to) {
        const size_t middle = from + (to - from) / 2;
        if (members[middle] == x) return true;
        if (members[middle] < x) from = middle + 1;
        else to = middle;
    }
    return false;
}

static bool holds(const struct hn_trees *t, const struct hn_trees_column *c, double x)
{
    if (c->always) return true;
    if (c->test == HN_TEST_EQUAL) return x == c->value;
    return c->test == HN_TEST_MEMBER ? is_member(t, c, x) : has_category(t, c, x);
}

double hn_trees_column_value(const struct hn_trees *t, const struct hn_trees_column *c, double x)
{
    x = hn_trees_settle(c->missing, x);
    if (c->test == HN_TEST_LESS) return !isnan(x) ? x : c->missing_left ? -INFINITY : INFINITY;
    return isnan(x) ? !c->missing_left : !holds(t, c, x);
}
