/* Activations that exporters write as their formulas, in whatever order and form: a formula is read as a
 * polynomial of x and of one function T of x, and so are the arguments of T. */
#include <math.h>
#include <string.h>

#include "model/graph/fast.h"
#include "model/graph/fuse_impl.h"

enum { DEGREE = 4, DEPTH = 12 };

/* sum c[i][j] x^i T^j */
struct formula {
    double c[DEGREE][2];
};

/* What formulas are read with: the slots that stand for x and T. */
struct reading {
    const struct hn_fuse *f;
    int32_t x, t;
};

/* The arithmetic in a slot that one node alone reads. */
static const struct hn_node *arithmetic(const struct hn_fuse *f, int32_t slot)
{
    static const char *const names[] = {"Add", "Sub", "Mul", "Div", "Pow"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct hn_node *node = hn_fuse_only(f, slot, names[i]);
        if (node && node->n_in == 2) return node;
    }
    return NULL;
}

static bool times(const struct formula *a, const struct formula *b, struct formula *out)
{
    *out = (struct formula){0};
    for (size_t i = 0; i < DEGREE; i++)
        for (size_t j = 0; j < 2; j++)
            for (size_t k = 0; a->c[i][j] != 0 && k < DEGREE; k++)
                for (size_t l = 0; l < 2; l++) {
                    if (b->c[k][l] == 0) continue;
                    if (i + k >= DEGREE || j + l >= 2) return false;
                    out->c[i + k][j + l] += a->c[i][j] * b->c[k][l];
                }
    return true;
}

static bool read_slot(const struct reading *r, int32_t slot, unsigned depth, struct formula *out);

static bool read_node(const struct reading *r, const struct hn_node *node, unsigned depth,
                      struct formula *out)
{
    struct formula a, b;
    if (!read_slot(r, node->in[0], depth, &a) || !read_slot(r, node->in[1], depth, &b))
        return false;
    if (hn_fuse_is(node, "Mul")) return times(&a, &b, out);
    if (hn_fuse_is(node, "Add") || hn_fuse_is(node, "Sub")) {
        const double sign = hn_fuse_is(node, "Add") ? 1 : -1;
        for (size_t i = 0; i < 2 * DEGREE; i++)
            out->c[i / 2][i % 2] = a.c[i / 2][i % 2] + sign * b.c[i / 2][i % 2];
        return true;
    }
    /* By a number alone. */
    const double by = b.c[0][0];
    b.c[0][0] = 0;
    for (size_t i = 0; i < 2 * DEGREE; i++)
        if (b.c[i / 2][i % 2] != 0) return false;
    if (hn_fuse_is(node, "Div")) {
        for (size_t i = 0; i < 2 * DEGREE; i++)
            out->c[i / 2][i % 2] = a.c[i / 2][i % 2] / by;
        return by != 0;
    }
    if (by != 2 && by != 3) return false;
    struct formula square;
    if (!times(&a, &a, &square)) return false;
    if (by == 3) return times(&square, &a, out);
    *out = square;
    return true;
}

static bool read_slot(const struct reading *r, int32_t slot, unsigned depth, struct formula *out)
{
    float number;
    *out = (struct formula){0};
    if (slot == r->x) out->c[1][0] = 1;
    else if (slot == r->t) out->c[0][1] = 1;
    else if (hn_fuse_scalar(r->f, slot, &number)) out->c[0][0] = (double)number;
    else {
        const struct hn_node *node = depth < DEPTH ? arithmetic(r->f, slot) : NULL;
        return node && read_node(r, node, depth + 1, out);
    }
    return true;
}

/* Whether the formula is these terms alone: `n` times a power of x, of T and its factor. */
struct term {
    size_t x, t;
    double factor;
};

static bool is(const struct formula *a, const struct term *terms, size_t n)
{
    struct formula want = {0};
    for (size_t i = 0; i < n; i++)
        want.c[terms[i].x][terms[i].t] = terms[i].factor;
    for (size_t i = 0; i < 2 * DEGREE; i++) {
        const double w = want.c[i / 2][i % 2];
        if (!(fabs(a->c[i / 2][i % 2] - w) <= 1e-6 * fabs(w))) return false; /* nor NaN */
    }
    return true;
}
#define IS(a, ...)                                                                                 \
    is(a, (const struct term[]){__VA_ARGS__},                                                      \
       sizeof((const struct term[]){__VA_ARGS__}) / sizeof(struct term))

/* --- T --- */

/* The function that a formula is of: the first that is found below. */
static const struct hn_node *find_function(const struct hn_fuse *f, const struct hn_node *node,
                                           unsigned depth)
{
    static const char *const names[] = {"Tanh", "Erf", "Sigmoid", "Clip", "HardSigmoid"};
    for (size_t side = 0; side < 2 && side < node->n_in; side++) {
        const int32_t slot = node->in[side];
        const struct hn_slot *it = slot == HN_NO_SLOT ? NULL : &f->body->slots[slot];
        if (!it || it->constant || it->readers != 1 || it->output) continue;
        const struct hn_node *made = hn_fuse_maker(f, slot);
        for (size_t i = 0; made && i < sizeof names / sizeof *names; i++)
            if (hn_fuse_is(made, names[i]) || made->row == &hn_fast_activation) return made;
        made = depth < DEPTH ? arithmetic(f, slot) : NULL;
        made = made ? find_function(f, made, depth + 1) : NULL;
        if (made) return made;
    }
    return NULL;
}

/* The x that a formula without T is of. */
static int32_t find_x(const struct hn_fuse *f, int32_t slot, unsigned depth)
{
    float number;
    if (hn_fuse_scalar(f, slot, &number)) return HN_NO_SLOT;
    const struct hn_node *node = depth < DEPTH ? arithmetic(f, slot) : NULL;
    if (!node) return slot;
    const int32_t x = find_x(f, node->in[0], depth + 1);
    return x == HN_NO_SLOT ? find_x(f, node->in[1], depth + 1) : x;
}

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-6 * fabs(b);
}

/* x / 2 (1 + T) */
static bool is_half_gate(const struct formula *whole)
{
    return IS(whole, {1, 0, 0.5}, {1, 1, 0.5});
}

static bool of_clip(const struct formula *whole, const struct formula *inner,
                    const struct hn_epilogue *clip, struct hn_epilogue *out)
{
    if (clip->low != 0 || clip->high != 6 || !IS(inner, {0, 0, 3}, {1, 0, 1})) return false;
    *out = (struct hn_epilogue){.activation = HN_HARD_SWISH};
    if (IS(whole, {1, 1, 1. / 6})) return true;
    *out = (struct hn_epilogue){.activation = HN_HARD_SIGMOID, .low = 0x1.555556p-3f, .high = 0.5f};
    return IS(whole, {0, 1, 1. / 6});
}

/* The activation that `whole` is, of x and T(inner). */
static bool recognise(const struct hn_epilogue *t, const struct formula *whole,
                      const struct formula *inner, struct hn_epilogue *out)
{
    static const double root = 0x1.9884533d43651p-1; /* sqrt(2 / pi) */
    *out = (struct hn_epilogue){0};
    switch (t->activation) {
    case HN_ERF:
        out->activation = HN_GELU;
        return is_half_gate(whole) && IS(inner, {1, 0, 0x1.6a09e667f3bcdp-1});
    case HN_TANH:
        out->activation = HN_GELU_TANH;
        return is_half_gate(whole) && IS(inner, {1, 0, root}, {3, 0, 0.044715 * root});
    case HN_CLIP: return of_clip(whole, inner, t, out);
    case HN_SIGMOID:
        out->activation = HN_SILU;
        out->low = (float)inner->c[1][0];
        return IS(whole, {1, 1, 1}) && IS(inner, {1, 0, inner->c[1][0]});
    case HN_HARD_SIGMOID:
        out->activation = HN_HARD_SWISH;
        return IS(whole, {1, 1, 1}) && IS(inner, {1, 0, 1}) && near((double)t->low, 1. / 6) &&
               near((double)t->high, 0.5);
    default: return false;
    }
}

/* x tanh(log(1 + exp(x))) */
static bool is_mish(const struct hn_fuse *f, const struct hn_node *node, const struct hn_node *t,
                    int32_t *x)
{
    const struct hn_node *log = hn_fuse_only(f, t->in[0], "Softplus");
    if (!hn_fuse_is(t, "Tanh") || !log) return false;
    *x = log->in[0];
    const struct reading r = {.f = f, .x = *x, .t = t->first_out};
    struct formula whole;
    return read_node(&r, node, 0, &whole) && IS(&whole, {1, 1, 1});
}

static enum hn_status take(struct hn_fuse *f, struct hn_node *node)
{
    struct hn_epilogue of, as = {.activation = HN_MISH};
    const struct hn_node *t = find_function(f, node, 0);
    if (!t || !hn_fuse_activation(f, t, &of)) return HN_OK;
    int32_t x;
    if (!is_mish(f, node, t, &x)) {
        struct formula whole, inner;
        x = find_x(f, t->in[0], 0);
        const struct reading r = {.f = f, .x = x, .t = t->first_out};
        if (x == HN_NO_SLOT || !read_slot(&r, t->in[0], 0, &inner) ||
            !read_node(&r, node, 0, &whole) || !recognise(&of, &whole, &inner, &as))
            return HN_OK;
    }
    if (!f->body->slots[x].floats) return HN_OK;
    node->n_attrs = 0;
    HN_TRY(hn_fuse_become(f, node, &hn_fast_activation, &x, 1));
    return hn_fuse_set_activation(f, node, &as);
}

enum hn_status hn_fuse_formulas(struct hn_fuse *f)
{
    for (size_t i = 0; i < f->body->n_nodes; i++) {
        struct hn_node *node = &f->body->nodes[i];
        if ((hn_fuse_is(node, "Mul") || hn_fuse_is(node, "Div")) && node->n_in == 2)
            HN_TRY(take(f, node));
    }
    return HN_OK;
}
