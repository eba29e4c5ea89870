#include "model/graph/elementwise.h"

#include "base/bits.h"
#include "model/graph/graph_impl.h"
#include "tensor/codec.h"

enum { HALVES = 256 }; /* half floats made floats at a time */

/* --- broadcasting as nested loops --- */

struct loops {
    size_t n_dims; /* at least 1 */
    size_t shape[HN_ARRAY_DIMS];
    size_t a[HN_ARRAY_DIMS],
        b[HN_ARRAY_DIMS]; /* elements from one to the next; 0: the same again */
};

/* Elements between neighbours of dimension d of a shape that `a` broadcasts to. */
static size_t stride_of(const struct hn_array *a, size_t n_dims, size_t d)
{
    const size_t missing = n_dims - a->n_dims;
    if (d < missing || a->shape[d - missing] == 1) return 0;
    size_t stride = 1;
    for (size_t i = d - missing + 1; i < a->n_dims; i++)
        stride *= a->shape[i];
    return stride;
}

/* Neighbouring dimensions become one where both operands run on through them. */
static void plan(const size_t *shape, size_t n_dims, const struct hn_array *a,
                 const struct hn_array *b, struct loops *out)
{
    size_t n = 0;
    for (size_t d = 0; d < n_dims; d++) {
        if (shape[d] == 1) continue;
        const size_t sa = stride_of(a, n_dims, d), sb = stride_of(b, n_dims, d);
        if (n && out->a[n - 1] == sa * shape[d] && out->b[n - 1] == sb * shape[d]) {
            out->shape[n - 1] *= shape[d];
            out->a[n - 1] = sa;
            out->b[n - 1] = sb;
            continue;
        }
        out->shape[n] = shape[d];
        out->a[n] = sa;
        out->b[n] = sb;
        n++;
    }
    if (n == 0) out->shape[0] = 1, out->a[0] = out->b[0] = 0, n = 1;
    out->n_dims = n;
}

/* --- innermost runs --- */

struct kernel {
    hn_pair_fn *fn;
    enum hn_element in, out;
    size_t a_size, out_size;
};

static void to_floats(enum hn_element type, const uint16_t *from, float *to, size_t n)
{
    if (type == HN_EL_F16)
        for (size_t i = 0; i < n; i++)
            to[i] = hn_f16_to_f32(from[i]);
    else
        for (size_t i = 0; i < n; i++)
            to[i] = hn_bf16_to_f32(from[i]);
}

static void from_floats(enum hn_element type, const float *from, uint16_t *to, size_t n)
{
    if (type == HN_EL_F16)
        for (size_t i = 0; i < n; i++)
            to[i] = hn_f32_to_f16(from[i]);
    else
        for (size_t i = 0; i < n; i++)
            to[i] = hn_f32_to_bf16(from[i]);
}

static bool is_half(enum hn_element type)
{
    return type == HN_EL_F16 || type == HN_EL_BF16;
}

static void run_halves(const struct kernel *k, size_t n, const uint16_t *a, size_t sa,
                       const uint16_t *b, size_t sb, char *out)
{
    float fa[HALVES], fb[HALVES], fo[HALVES];
    for (size_t at = 0; at < n; at += HALVES) {
        const size_t m = hn_min(HALVES, n - at);
        to_floats(k->in, a + at * sa, fa, sa ? m : 1);
        to_floats(k->in, b + at * sb, fb, sb ? m : 1);
        if (!is_half(k->out)) {
            k->fn(m, fa, sa, fb, sb, out + at * k->out_size);
            continue;
        }
        k->fn(m, fa, sa, fb, sb, fo);
        from_floats(k->out, fo, (uint16_t *)(void *)out + at, m);
    }
}

static void run_inner(const struct kernel *k, size_t n, const char *a, size_t sa, const char *b,
                      size_t sb, char *out)
{
    if (is_half(k->in))
        run_halves(k, n, (const uint16_t *)(const void *)a, sa, (const uint16_t *)(const void *)b,
                   sb, out);
    else k->fn(n, a, sa, b, sb, out);
}

static void run_loops(const struct loops *loops, const struct kernel *k, const char *a,
                      const char *b, char *out)
{
    const size_t last = loops->n_dims - 1, n = loops->shape[last];
    const size_t step = n * k->out_size;
    size_t at[HN_ARRAY_DIMS] = {0};
    for (;;) {
        run_inner(k, n, a, loops->a[last], b, loops->b[last], out);
        out += step;
        size_t d = last;
        for (;;) {
            if (d-- == 0) return;
            a += loops->a[d] * k->a_size;
            b += loops->b[d] * k->a_size;
            if (++at[d] < loops->shape[d]) break;
            a -= loops->a[d] * k->a_size * loops->shape[d];
            b -= loops->b[d] * k->a_size * loops->shape[d];
            at[d] = 0;
        }
    }
}

static bool same_shape(const struct hn_array *a, const size_t *shape, size_t n_dims)
{
    return a->n_dims == n_dims && memcmp(a->shape, shape, n_dims * sizeof *shape) == 0;
}

/* A part of the work: of one run of elements a stretch, else an index of the outermost loop. */
struct pairs {
    struct loops loops;
    const struct kernel *kernel;
    const char *a, *b;
    char *out;
};

enum { STRETCH = 1 << 15 /* elements that are worth a thread's while */ };

static void run_part(void *arg, size_t part, unsigned worker)
{
    const struct pairs *p = arg;
    const struct kernel *k = p->kernel;
    const struct loops *all = &p->loops;
    struct loops loops = *all;
    (void)worker;
    size_t from = part, per_step = 1;
    if (all->n_dims == 1) {
        from = part * STRETCH;
        loops.shape[0] = hn_min(STRETCH, all->shape[0] - from);
    } else {
        loops.shape[0] = 1;
        for (size_t d = 1; d < all->n_dims; d++)
            per_step *= all->shape[d];
    }
    run_loops(&loops, k, p->a + from * all->a[0] * k->a_size, p->b + from * all->b[0] * k->a_size,
              p->out + from * per_step * k->out_size);
}

static void run_pair(struct hn_op *op, const struct hn_array *a, const struct hn_array *b,
                     const struct hn_array *out, const struct kernel *k)
{
    const bool alone = !op->pool || out->n < 2 * STRETCH;
    const bool straight = same_shape(a, out->shape, out->n_dims) &&
                          (b->n == 1 || same_shape(b, out->shape, out->n_dims));
    if (out->n == 0) return;
    if (straight && alone) { /* most of what small models do */
        run_inner(k, out->n, a->data, 1, b->data, b->n > 1, out->data);
        return;
    }
    struct pairs p;
    p.kernel = k, p.a = a->data, p.b = b->data, p.out = out->data;
    plan(out->shape, out->n_dims, a, b, &p.loops);
    if (alone) {
        run_loops(&p.loops, k, p.a, p.b, p.out);
        return;
    }
    const bool single = p.loops.n_dims == 1;
    hn_op_parallel(op, single ? hn_div_up(out->n, STRETCH) : p.loops.shape[0], run_part, &p);
}

/* Memory for the result: an input's own where that has the result's shape and dies here. */
static void *make_out(struct hn_op *op, enum hn_element type, const size_t *shape, size_t n_dims)
{
    const size_t size = hn_element_info(type)->bytes;
    for (size_t j = 0; j < op->n_in && j < 2; j++)
        if (same_shape(op->in[j], shape, n_dims) &&
            hn_element_info(op->in[j]->type)->bytes == size &&
            op->in[1 - j]->data != op->in[j]->data)
            return hn_op_out_over(op, 0, j, type, shape, n_dims);
    return hn_op_out(op, 0, type, shape, n_dims);
}

/* Up to opset 6 the second operand's dimensions stood from `axis` on in the first's. */
static const struct hn_array *old_operand(const struct hn_op *op, struct hn_array *room)
{
    const struct hn_array *a = op->in[0], *b = op->in[1];
    const int64_t axis = op->opset < 7 && !op->node->domain.n ? hn_op_int(op, "axis", -1) : -1;
    if (axis < 0 || (size_t)axis > a->n_dims || b->n_dims > a->n_dims - (size_t)axis) return b;
    *room = *b;
    room->n_dims = a->n_dims - (size_t)axis;
    for (size_t d = b->n_dims; d < room->n_dims; d++)
        room->shape[d] = 1;
    return room;
}

enum hn_status hn_op_pair(struct hn_op *op, hn_pair_fn *fn, enum hn_element out)
{
    struct hn_array room;
    const struct hn_array *a = op->in[0], *b = old_operand(op, &room);
    if (a->type != b->type)
        return hn_op_fail(op, HN_E_ARG, "inputs are %s and %s", hn_element_info(a->type)->name,
                          hn_element_info(b->type)->name);
    size_t room_for[HN_ARRAY_DIMS], n_dims = a->n_dims;
    const size_t *shape = a->shape;
    if (!(b->n == 1 && b->n_dims <= n_dims) && !same_shape(b, shape, n_dims)) {
        memcpy(room_for, a->shape, sizeof room_for);
        HN_TRY(hn_op_broadcast(op, room_for, &n_dims, b));
        shape = room_for;
    }
    if (!make_out(op, out, shape, n_dims)) return hn_op_failed(op);
    const struct kernel k = {fn, a->type, out, hn_element_info(a->type)->bytes,
                             hn_element_info(out)->bytes};
    run_pair(op, a, b, &op->out[0], &k);
    return HN_OK;
}

/* An input as another type, in memory of the operator's own. */
static enum hn_status converted(struct hn_op *op, size_t j, enum hn_element type,
                                struct hn_array *out)
{
    *out = *op->in[j];
    if (out->type == type) return HN_OK;
    out->type = type;
    out->data = hn_op_scratch(op, out->n, hn_element_info(type)->bytes);
    if (!out->data) return hn_op_failed(op);
    if (!hn_element_convert(type, out->data, op->in[j]->type, op->in[j]->data, out->n,
                            (struct hn_convert){0}))
        return hn_op_fail_type(op, j);
    return HN_OK;
}

enum hn_status hn_op_pair_as(struct hn_op *op, hn_pair_fn *fn, enum hn_element as,
                             enum hn_element out)
{
    struct hn_array a, b, made = {.type = as, .n_dims = op->in[0]->n_dims};
    memcpy(made.shape, op->in[0]->shape, sizeof made.shape);
    HN_TRY(hn_op_broadcast(op, made.shape, &made.n_dims, op->in[1]));
    HN_TRY(converted(op, 0, as, &a));
    HN_TRY(converted(op, 1, as, &b));
    void *to = hn_op_out(op, 0, out, made.shape, made.n_dims);
    if (!to) return hn_op_failed(op);
    const size_t size = hn_element_info(as)->bytes;
    made.n = op->out[0].n;
    made.data = as == out ? to : hn_op_scratch(op, made.n, size);
    if (!made.data) return hn_op_failed(op);
    const struct kernel k = {fn, as, as, size, size};
    run_pair(op, &a, &b, &made, &k);
    if (as != out)
        (void)hn_element_convert(out, to, as, made.data, made.n,
                                 (struct hn_convert){.saturate = true});
    return HN_OK;
}

enum hn_status hn_op_fold_pairs(struct hn_op *op, hn_pair_fn *fn)
{
    const struct hn_array *first = op->in[0];
    size_t shape[HN_ARRAY_DIMS], n_dims = first->n_dims;
    memcpy(shape, first->shape, sizeof shape);
    for (size_t i = 1; i < op->n_in; i++) {
        if (!op->in[i] || op->in[i]->type != first->type)
            return hn_op_fail(op, HN_E_ARG, "inputs have several types");
        HN_TRY(hn_op_broadcast(op, shape, &n_dims, op->in[i]));
    }
    if (op->n_in == 1) return hn_op_alias(op, 0, 0, first->shape, first->n_dims);
    if (!hn_op_out(op, 0, first->type, shape, n_dims)) return hn_op_failed(op);
    const size_t size = hn_element_info(first->type)->bytes;
    const struct kernel k = {fn, first->type, first->type, size, size};
    run_pair(op, first, op->in[1], &op->out[0], &k);
    for (size_t i = 2; i < op->n_in; i++)
        run_pair(op, &op->out[0], op->in[i], &op->out[0], &k);
    return HN_OK;
}

/* --- one operand --- */

struct map {
    hn_map_fn *fn;
    const void *arg;
    enum hn_element in, out;
    size_t n;
    const char *from;
    char *to;
};

static void run_map(const struct map *m, size_t at, size_t n)
{
    const size_t in_size = hn_element_info(m->in)->bytes, out_size = hn_element_info(m->out)->bytes;
    if (!is_half(m->in)) {
        m->fn(n, m->from + at * in_size, m->to + at * out_size, m->arg);
        return;
    }
    float a[HALVES], b[HALVES];
    for (const size_t end = at + n; at < end; at += HALVES) {
        const size_t some = hn_min(HALVES, end - at);
        to_floats(m->in, (const uint16_t *)(const void *)m->from + at, a, some);
        m->fn(some, a, is_half(m->out) ? (void *)b : m->to + at * out_size, m->arg);
        if (is_half(m->out)) from_floats(m->out, b, (uint16_t *)(void *)m->to + at, some);
    }
}

static void map_part(void *arg, size_t part, unsigned worker)
{
    const struct map *m = arg;
    (void)worker;
    run_map(m, part * STRETCH, hn_min(STRETCH, m->n - part * STRETCH));
}

enum hn_status hn_op_map(struct hn_op *op, hn_map_fn *fn, const void *arg, enum hn_element type)
{
    const struct hn_array *in = op->in[0];
    /* The address stays, also where the output takes the input's place. */
    struct map m = {fn, arg, in->type, type, in->n, in->data, NULL};
    m.to = hn_op_out_over(op, 0, 0, type, in->shape, in->n_dims);
    if (!m.to) return hn_op_failed(op);
    if (!op->pool || m.n < 2 * STRETCH) run_map(&m, 0, m.n);
    else hn_op_parallel(op, hn_div_up(m.n, STRETCH), map_part, &m);
    return HN_OK;
}
