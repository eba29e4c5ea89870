/* Reductions: sums, products, extremes and norms over axes. They are computed as float, double or 64-bit
 * integers, whichever holds the type; elements of other types are converted piece by piece. */
#include "model/graph/op_args.h"
#include "model/graph/op_list.h"

#include <math.h>

#include "base/bits.h"

enum map { AS_IT_IS, SIZE, SQUARE, EXP }; /* what is done with an element first */
enum fold { SUM, PRODUCT, LARGEST, LEAST };
enum finish { PLAIN, MEAN, ROOT, LOG, LOG_EXP };

struct how {
    enum map map;
    enum fold fold;
    enum finish finish;
};

enum {
    LANES = 16,  /* sums of a row that are kept side by side: an order that is always the same */
    PIECE = 512, /* elements that are converted at a time */
};

/* How one type is computed. */
struct class
{
    enum hn_element type;
    size_t bytes;
    /* x[i] into acc[i % LANES], and into acc[i]. */
    void (*fold_row)(enum fold fold, void *acc, const void *x, size_t n);
    void (*fold_rows)(enum fold fold, void *acc, const void *x, size_t n);
    /* `shift` (EXP alone) has one element, or n where `each`. */
    void (*map)(enum map map, void *y, const void *x, size_t n, const void *shift, bool each);
    void (*finish)(enum finish finish, void *acc, size_t n, size_t folded, const void *shift);
    void (*start)(enum fold fold, void *acc, size_t n, enum hn_element of);
};

#define FOLD(expression)                                                                           \
    for (; i + width <= n; i += width)                                                             \
        for (size_t l = 0; l < width; l++) {                                                       \
            const T v = x[i + l], a = acc[l];                                                      \
            acc[l] = (expression);                                                                 \
        }                                                                                          \
    for (size_t l = 0; i + l < n; l++) {                                                           \
        const T v = x[i + l], a = acc[l];                                                          \
        acc[l] = (expression);                                                                     \
    }                                                                                              \
    break

/* Integers wrap: they are summed as U. NaN wins over what it is compared with; without a branch, so that
 * the compiler takes several at a time. */
#define DEFINE_FOLD(name, type, U)                                                                 \
    static inline void fold_##name(enum fold fold, type *restrict acc, const type *restrict x,     \
                                   size_t n, size_t width)                                         \
    {                                                                                              \
        typedef type T;                                                                            \
        size_t i = 0;                                                                              \
        switch (fold) {                                                                            \
        case SUM: FOLD((T)((U)a + (U)v));                                                          \
        case PRODUCT: FOLD((T)((U)a * (U)v));                                                      \
        case LARGEST: FOLD(((a > v) | IS_NAN_##name(a)) ? a : v);                                  \
        case LEAST: FOLD(((a < v) | IS_NAN_##name(a)) ? a : v);                                    \
        }                                                                                          \
    }                                                                                              \
    static void fold_row_##name(enum fold fold, void *acc, const void *x, size_t n)                \
    {                                                                                              \
        fold_##name(fold, acc, x, n, LANES);                                                       \
    }                                                                                              \
    static void fold_rows_##name(enum fold fold, void *acc, const void *x, size_t n)               \
    {                                                                                              \
        fold_##name(fold, acc, x, n, n);                                                           \
    }

#define IS_NAN_f32(a) ((a) != (a))
#define IS_NAN_f64(a) ((a) != (a))
#define IS_NAN_i64(a) false
#define IS_NAN_u64(a) false
DEFINE_FOLD(f32, float, float)
DEFINE_FOLD(f64, double, double)
DEFINE_FOLD(i64, int64_t, uint64_t)
DEFINE_FOLD(u64, uint64_t, uint64_t)

/* Exponents and logarithms are those of floats; integers that want one are computed as doubles. */
#define DEFINE_REAL(name, type, abs, exp, log, root)                                               \
    static void map_##name(enum map map, void *to, const void *from, size_t n, const void *shift,  \
                           bool each)                                                              \
    {                                                                                              \
        type *y = to;                                                                              \
        const type *x = from, *less = shift;                                                       \
        for (size_t i = 0; i < n; i++)                                                             \
            y[i] = map == SIZE     ? abs(x[i])                                                     \
                   : map == SQUARE ? x[i] * x[i]                                                   \
                                   : exp(x[i] - less[each ? i : 0]);                               \
    }                                                                                              \
    static void finish_##name(enum finish finish, void *acc, size_t n, size_t folded,              \
                              const void *shift)                                                   \
    {                                                                                              \
        type *a = acc;                                                                             \
        const type *more = shift;                                                                  \
        for (size_t i = 0; i < n; i++)                                                             \
            a[i] = finish == MEAN   ? a[i] / (type)folded                                          \
                   : finish == ROOT ? root(a[i])                                                   \
                   : finish == LOG  ? log(a[i])                                                    \
                                    : log(a[i]) + more[i];                                          \
    }                                                                                              \
    static void start_##name(enum fold fold, void *acc, size_t n, enum hn_element of)              \
    {                                                                                              \
        (void)of;                                                                                  \
        const type values[] = {0, 1, (type)-INFINITY, (type)INFINITY};                             \
        for (size_t i = 0; i < n; i++)                                                             \
            ((type *)acc)[i] = values[fold];                                                       \
    }
DEFINE_REAL(f32, float, fabsf, expf, logf, sqrtf)
DEFINE_REAL(f64, double, fabs, exp, log, sqrt)

static void map_i64(enum map map, void *to, const void *from, size_t n, const void *shift,
                    bool each)
{
    (void)shift, (void)each;
    uint64_t *y = to;
    const uint64_t *x = from;
    for (size_t i = 0; i < n; i++)
        y[i] = map == SQUARE ? x[i] * x[i] : (int64_t)x[i] < 0 ? 0 - x[i] : x[i];
}

static void map_u64(enum map map, void *to, const void *from, size_t n, const void *shift,
                    bool each)
{
    if (map == SQUARE) map_i64(map, to, from, n, shift, each);
    else memcpy(to, from, n * sizeof(uint64_t));
}

static void finish_i64(enum finish finish, void *acc, size_t n, size_t folded, const void *shift)
{
    (void)finish, (void)shift; /* MEAN alone; that of nothing is 0 */
    int64_t *a = acc;
    for (size_t i = 0; i < n && folded; i++)
        a[i] /= (int64_t)folded;
}

static void finish_u64(enum finish finish, void *acc, size_t n, size_t folded, const void *shift)
{
    (void)finish, (void)shift;
    uint64_t *a = acc;
    for (size_t i = 0; i < n && folded; i++)
        a[i] /= folded;
}

/* The extremes of nothing are those of the type. */
static void start_whole(enum fold fold, void *acc, size_t n, enum hn_element of)
{
    const unsigned bits = of == HN_EL_BOOL ? 1 : 8 * (unsigned)hn_element_info(of)->bytes;
    const bool is_signed = hn_element_is_signed(of);
    const uint64_t ones = UINT64_MAX >> (64 - bits), most = is_signed ? ones >> 1 : ones;
    const uint64_t values[] = {0, 1, is_signed ? ~most : 0, most};
    for (size_t i = 0; i < n; i++)
        ((uint64_t *)acc)[i] = values[fold];
}

static const struct class f32_class = {HN_EL_F32, sizeof(float), fold_row_f32, fold_rows_f32,
                                       map_f32,   finish_f32,    start_f32};
static const struct class f64_class = {HN_EL_F64, sizeof(double), fold_row_f64, fold_rows_f64,
                                       map_f64,   finish_f64,     start_f64};
static const struct class i64_class = {HN_EL_I64, sizeof(int64_t), fold_row_i64, fold_rows_i64,
                                       map_i64,   finish_i64,      start_whole};
static const struct class u64_class = {HN_EL_U64, sizeof(uint64_t), fold_row_u64, fold_rows_u64,
                                       map_u64,   finish_u64,       start_whole};

static const struct class *class_for(enum hn_element type, struct how how)
{
    if (type == HN_EL_F32 || type == HN_EL_F16 || type == HN_EL_BF16) return &f32_class;
    if (type == HN_EL_F64) return &f64_class;
    if (!hn_element_is_integer(type) && type != HN_EL_BOOL) return NULL;
    if (how.finish > MEAN) return &f64_class;
    return type == HN_EL_U64 ? &u64_class : &i64_class;
}

/* How axes are walked: neighbours of a kind are one dimension, so kept and reduced ones alternate. Rows of
 * the last lie in one piece; of the others the first runs fastest. */
struct plan {
    const struct class *class;
    struct how how;
    size_t n_kept, n_reduced;
    size_t kept[HN_ARRAY_DIMS], kept_step[HN_ARRAY_DIMS];
    size_t reduced[HN_ARRAY_DIMS], reduced_step[HN_ARRAY_DIMS];
    size_t row;
    bool row_reduced;
    size_t results, folded; /* outputs, and elements that go into each */
    const struct hn_array *x;
    char *acc, *shift; /* one per result; shifts where there is a map EXP */
};

static void plan_axes(const bool *reduce, struct plan *p)
{
    size_t step = 1, n_groups = 0;
    p->row = p->results = p->folded = 1;
    p->row_reduced = true;
    for (size_t i = p->x->n_dims; i-- > 0; step *= p->x->shape[i]) {
        const size_t dim = p->x->shape[i];
        const bool same = n_groups && reduce[i] == (p->row_reduced == (n_groups % 2 == 1));
        *(reduce[i] ? &p->folded : &p->results) *= dim;
        if (dim == 1) continue;
        size_t *const n = reduce[i] ? &p->n_reduced : &p->n_kept;
        size_t *const dims = reduce[i] ? p->reduced : p->kept;
        if (n_groups == 0) {
            p->row = dim, p->row_reduced = reduce[i];
        } else if (same) {
            *(n_groups == 1 ? &p->row : &dims[*n - 1]) *= dim;
        } else {
            dims[*n] = dim;
            (reduce[i] ? p->reduced_step : p->kept_step)[(*n)++] = step;
        }
        if (!same) n_groups++;
    }
}

/* The offset of number i over dimensions of which the first runs fastest. */
static size_t offset_of(size_t i, const size_t *dims, const size_t *steps, size_t n)
{
    size_t offset = 0;
    for (size_t d = 0; d < n; d++) {
        offset += i % dims[d] * steps[d];
        i /= dims[d];
    }
    return offset;
}

/* Elements [at, at + n) in the class's type, mapped; in place where nothing is to be done. */
static const void *load(const struct plan *p, size_t at, size_t n, void *piece, const void *shift,
                        bool each)
{
    const enum hn_element type = p->x->type;
    const void *from = (const char *)p->x->data + at * hn_element_info(type)->bytes;
    if (type != p->class->type) {
        (void)hn_element_convert(p->class->type, piece, type, from, n, (struct hn_convert){0});
        from = piece;
    }
    if (p->how.map == AS_IT_IS) return from;
    p->class->map(p->how.map, piece, from, n, shift, each);
    return piece;
}

/* Rows that become one result each. */
static void reduce_rows(void *arg, size_t result, unsigned worker)
{
    (void)worker;
    const struct plan *p = arg;
    const size_t bytes = p->class->bytes, n = p->folded / p->row;
    _Alignas(64) char lanes[LANES * sizeof(double)], piece[PIECE * sizeof(double)];
    const size_t start = offset_of(result, p->kept, p->kept_step, p->n_kept);
    p->class->start(p->how.fold, lanes, LANES, p->x->type);
    for (size_t r = 0; r < n; r++) {
        const size_t at = start + offset_of(r, p->reduced, p->reduced_step, p->n_reduced);
        for (size_t i = 0; i < p->row; i += PIECE) {
            const size_t part = hn_min(PIECE, p->row - i);
            const void *x = load(p, at + i, part, piece, p->shift + result * bytes, false);
            p->class->fold_row(p->how.fold, lanes, x, part);
        }
    }
    for (size_t half = LANES / 2; half > 0; half /= 2)
        p->class->fold_rows(p->how.fold, lanes, lanes + half * bytes, half);
    memcpy(p->acc + result * bytes, lanes, bytes);
}

/* Rows that are added to each other; `tile` is a piece of one row of results. */
static void reduce_columns(void *arg, size_t tile, unsigned worker)
{
    (void)worker;
    const struct plan *p = arg;
    const size_t bytes = p->class->bytes, tiles = hn_div_up(p->row, PIECE), row = tile / tiles;
    const size_t first = tile % tiles * PIECE, part = hn_min(PIECE, p->row - first);
    const size_t start = first + offset_of(row, p->kept, p->kept_step, p->n_kept);
    char *acc = p->acc + (row * p->row + first) * bytes;
    const char *shift = p->shift + (row * p->row + first) * bytes;
    _Alignas(64) char piece[PIECE * sizeof(double)];
    p->class->start(p->how.fold, acc, part, p->x->type);
    for (size_t r = 0; r < p->folded; r++) {
        const size_t at = start + offset_of(r, p->reduced, p->reduced_step, p->n_reduced);
        p->class->fold_rows(p->how.fold, acc, load(p, at, part, piece, shift, true), part);
    }
}

static void run_plan(struct hn_op *op, struct plan *p)
{
    const size_t tiles =
        p->row_reduced ? p->results : p->results / p->row * hn_div_up(p->row, PIECE);
    hn_pool_fn *const fn = p->row_reduced ? reduce_rows : reduce_columns;
    if (p->folded == 0) {
        p->class->start(p->how.fold, p->acc, p->results, p->x->type);
    } else if (p->x->n < 100000) { /* not worth a second thread */
        for (size_t i = 0; i < tiles; i++)
            fn(p, i, 0);
    } else {
        hn_op_parallel(op, tiles, fn, p);
    }
}

/* Exponents are taken less their largest, so that they do not overflow. */
static enum hn_status find_shifts(struct hn_op *op, struct plan *p)
{
    struct plan largest = *p;
    largest.how = (struct how){AS_IT_IS, LARGEST, PLAIN};
    p->shift = largest.acc = hn_op_scratch(op, p->results, p->class->bytes);
    if (!p->shift) return hn_op_failed(op);
    run_plan(op, &largest);
    for (size_t i = 0; i < p->results; i++) {
        struct hn_array all = {.type = p->class->type, .n = p->results, .data = p->shift};
        if (!isfinite(hn_array_real(&all, i))) hn_array_set_real(&all, i, 0);
    }
    return HN_OK;
}

static enum hn_status read_axes(struct hn_op *op, bool reduce[HN_ARRAY_DIMS])
{
    const struct hn_array *x = op->in[0];
    const int64_t *axes;
    size_t n;
    HN_TRY(hn_op_ints_either(op, "axes", 1, &axes, &n));
    HN_TRY(hn_op_axes(op, axes, n, x->n_dims, reduce, NULL));
    if (n || hn_op_int(op, "noop_with_empty_axes", 0)) return HN_OK;
    for (size_t i = 0; i < x->n_dims; i++)
        reduce[i] = true;
    return HN_OK;
}

static enum hn_status reduce(struct hn_op *op, struct how how)
{
    const struct hn_array *x = op->in[0];
    struct plan p = {.class = class_for(x->type, how), .how = how, .x = x};
    bool reduced[HN_ARRAY_DIMS];
    const bool keep = hn_op_int(op, "keepdims", 1) != 0;
    size_t shape[HN_ARRAY_DIMS], n_dims = 0;
    if (!p.class) return hn_op_fail_type(op, 0);
    HN_TRY(read_axes(op, reduced));
    for (size_t i = 0; i < x->n_dims; i++)
        if (!reduced[i] || keep) shape[n_dims++] = reduced[i] ? 1 : x->shape[i];
    void *y = hn_op_out(op, 0, x->type, shape, n_dims);
    if (!y) return hn_op_failed(op);
    if (op->out[0].n == 0) return HN_OK;
    plan_axes(reduced, &p);
    p.acc = x->type == p.class->type ? y : hn_op_scratch(op, p.results, p.class->bytes);
    if (!p.acc) return hn_op_failed(op);
    p.shift = p.acc;
    if (how.map == EXP) HN_TRY(find_shifts(op, &p));
    run_plan(op, &p);
    if (how.finish != PLAIN) p.class->finish(how.finish, p.acc, p.results, p.folded, p.shift);
    if (p.acc != y)
        (void)hn_element_convert(x->type, y, p.class->type, p.acc, p.results,
                                 (struct hn_convert){0});
    return HN_OK;
}

#define REDUCTION(name, map, fold, finish)                                                         \
    enum hn_status hn_op_reduce_##name(struct hn_op *op)                                           \
    {                                                                                              \
        return reduce(op, (struct how){map, fold, finish});                                        \
    }
REDUCTION(sum, AS_IT_IS, SUM, PLAIN)
REDUCTION(mean, AS_IT_IS, SUM, MEAN)
REDUCTION(max, AS_IT_IS, LARGEST, PLAIN)
REDUCTION(min, AS_IT_IS, LEAST, PLAIN)
REDUCTION(prod, AS_IT_IS, PRODUCT, PLAIN)
REDUCTION(l1, SIZE, SUM, PLAIN)
REDUCTION(l2, SQUARE, SUM, ROOT)
REDUCTION(log_sum, AS_IT_IS, SUM, LOG)
REDUCTION(log_sum_exp, EXP, SUM, LOG_EXP)
REDUCTION(sum_square, SQUARE, SUM, PLAIN)
