/* Unique: which elements, or slices along an axis, there are, and how often. */
#include "model/graph/op_args.h"
#include "model/graph/op_key.h"
#include "model/graph/op_list.h"
#include "model/graph/op_walk.h"

#include <stdlib.h>

/* What is compared: `n` items of `width` parts each, as keys or as strings. */
struct items {
    size_t n, width;
    const uint64_t *keys;
    const struct hn_str *texts;
};

static int compare_texts(struct hn_str a, struct hn_str b)
{
    const size_t n = a.n < b.n ? a.n : b.n;
    const int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static int compare_items(const struct items *items, size_t a, size_t b)
{
    for (size_t i = 0; i < items->width; i++) {
        const size_t x = a * items->width + i, y = b * items->width + i;
        const int order =
            items->texts ? compare_texts(items->texts[x], items->texts[y])
                         : (items->keys[x] > items->keys[y]) - (items->keys[x] < items->keys[y]);
        if (order) return order;
    }
    return 0;
}

/* By content, equal ones in the order they have. */
static int compare_places(const void *a, const void *b, void *arg)
{
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    const int order = compare_items(arg, x, y);
    return order ? order : (x > y) - (x < y);
}

static int compare_numbers(const void *a, const void *b)
{
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* The input with the axis in front: [items][width], so that an item is one piece. */
static const void *axis_first(struct hn_op *op, size_t axis, size_t bytes)
{
    const struct hn_array *x = op->in[0];
    const size_t outer = hn_dims_before(x, axis), n = x->shape[axis],
                 inner = hn_dims_after(x, axis);
    if (outer == 1) return x->data;
    void *moved = hn_op_scratch(op, x->n, bytes);
    if (!moved) return NULL;
    const struct hn_walk walk = {
        .n_dims = 3,
        .shape = {n, outer, inner},
        .to = {(ptrdiff_t)(outer * inner), (ptrdiff_t)inner, 1},
        .from = {(ptrdiff_t)inner, (ptrdiff_t)(n * inner), 1},
    };
    hn_walk_copy(&walk, bytes, moved, x->data);
    return moved;
}

static enum hn_status read_items(struct hn_op *op, const void *data, struct items *items)
{
    const struct hn_array *x = op->in[0];
    if (x->type == HN_EL_STRING) {
        items->texts = data;
        return HN_OK;
    }
    /* A complex number is two floats, compared one after the other. */
    struct hn_array plain = *x;
    size_t parts = 1;
    if (x->type == HN_EL_C64) plain.type = HN_EL_F32, parts = 2;
    if (x->type == HN_EL_C128) plain.type = HN_EL_F64, parts = 2;
    if (!hn_key_type(plain.type)) return hn_op_fail_type(op, 0);
    plain.data = (void *)(uintptr_t)data;
    items->width *= parts;
    uint64_t *keys = hn_op_scratch(op, x->n * parts, sizeof *keys);
    if (!keys) return hn_op_failed(op);
    hn_keys(&plain, 0, x->n * parts, 1, keys);
    items->keys = keys;
    return HN_OK;
}

/* Groups of equal items: the first item of each, how many it has, and the group of every item. */
struct groups {
    size_t n;
    size_t *first, *count, *of;
};

static enum hn_status group(struct hn_op *op, const struct items *items, bool sorted,
                            struct groups *g)
{
    const size_t n = items->n;
    size_t *order = hn_op_scratch(op, n, sizeof *order);
    size_t *rank = hn_op_scratch(op, n, sizeof *rank); /* of a group by its first item */
    g->first = hn_op_scratch(op, n, sizeof *g->first);
    g->count = hn_op_scratch(op, n, sizeof *g->count);
    g->of = hn_op_scratch(op, n, sizeof *g->of);
    if (!order || !rank || !g->first || !g->count || !g->of) return hn_op_failed(op);
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    qsort_r(order, n, sizeof *order, compare_places, (void *)(uintptr_t)items);
    g->n = 0;
    for (size_t i = 0; i < n; i++) {
        const bool is_new = i == 0 || compare_items(items, order[i - 1], order[i]) != 0;
        if (is_new) g->first[g->n++] = order[i];
        g->of[order[i]] = g->first[g->n - 1];
    }
    if (!sorted && g->n) qsort(g->first, g->n, sizeof *g->first, compare_numbers);
    for (size_t i = 0; i < g->n; i++)
        rank[g->first[i]] = i, g->count[i] = 0;
    for (size_t i = 0; i < n; i++) {
        g->of[i] = rank[g->of[i]];
        g->count[g->of[i]]++;
    }
    return HN_OK;
}

static enum hn_status give_numbers(struct hn_op *op, size_t i, const size_t *numbers, size_t n)
{
    if (i >= op->n_out) return HN_OK;
    int64_t *y = hn_op_out(op, i, HN_EL_I64, &n, 1);
    if (!y) return hn_op_failed(op);
    for (size_t k = 0; k < n; k++)
        y[k] = (int64_t)numbers[k];
    return HN_OK;
}

enum hn_status hn_op_unique(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    const size_t bytes = hn_element_info(x->type)->bytes;
    struct items items = {.n = x->n, .width = 1};
    struct groups g = {.n = 0};
    size_t axis = 0, outer = 1, inner = 1, shape[HN_ARRAY_DIMS] = {0}, n_dims = 1;
    const void *data = x->data;
    if (hn_op_has(op, "axis")) {
        HN_TRY(hn_op_axis(op, hn_op_int(op, "axis", 0), x->n_dims, &axis));
        n_dims = x->n_dims;
        memcpy(shape, x->shape, sizeof shape);
        outer = hn_dims_before(x, axis), inner = hn_dims_after(x, axis);
        items.n = x->shape[axis], items.width = outer * inner;
        data = axis_first(op, axis, bytes);
        if (!data) return hn_op_failed(op);
    }
    HN_TRY(read_items(op, data, &items));
    HN_TRY(group(op, &items, hn_op_int(op, "sorted", 1) != 0, &g));
    shape[axis] = g.n;
    char *y = hn_op_out(op, 0, x->type, shape, n_dims);
    if (!y) return hn_op_failed(op);
    const size_t run = inner * bytes;
    for (size_t o = 0; o < outer && run; o++)
        for (size_t i = 0; i < g.n; i++, y += run)
            memcpy(y, (const char *)data + (g.first[i] * outer + o) * run, run);
    HN_TRY(give_numbers(op, 1, g.first, g.n));
    HN_TRY(give_numbers(op, 2, g.of, items.n));
    return give_numbers(op, 3, g.count, g.n);
}
