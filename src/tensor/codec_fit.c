#include "tensor/codec_fit.h"

#include <math.h>
#include <string.h>

#include "base/bits.h"

/* Sums keep this many partial sums in a fixed order: the compiler may use vector registers, and the
 * result is the same on every machine. Groups are multiples of it. */
enum { LANES = 8, MAX_GROUP = 32 };

/* Magnitudes below this cannot be told from zero in any format (half floats end at 6e-8), and their
 * inverses would overflow. */
static const float tiny = 1e-20f;

struct sums {
    float w, x, xx;  /* weighted 1, x, x^2 */
    float q, qq, xq; /* weighted q, q^2, x q */
};

struct line {
    float scale, min; /* value = scale * q - min */
    float error;
};

static float add_lanes(const float lanes[LANES])
{
    float half[LANES / 2];
    for (int i = 0; i < LANES / 2; i++)
        half[i] = lanes[i] + lanes[i + LANES / 2];
    return (half[0] + half[2]) + (half[1] + half[3]);
}

/* Nearest integer in [lo, hi], ties to even; a NaN becomes lo. Adding and taking away 1.5 * 2^23
 * rounds to an integer without a branch or a change of rounding mode. */
static inline float round_within(float v, float lo, float hi)
{
    v = v > lo ? v : lo;
    v = v < hi ? v : hi;
    return (v + 12582912.0f) - 12582912.0f;
}

static inline float round_to_book(float v, const int8_t *book)
{
    float q = book[0];
    for (int k = 0; k < 15; k++) {
        const float step = (float)(book[k + 1] - book[k]);
        const float middle = 0.5f * (float)(book[k] + book[k + 1]);
        q += v > middle ? step : 0.0f;
    }
    return q;
}

/* q[i] = the integer nearest to (x[i] + min) * inverse. */
static void round_group(const struct hn_fit_shape *shape, const float *x, float min, float inverse,
                        float *restrict q)
{
    const float lo = (float)shape->lo, hi = (float)shape->hi;
    if (shape->book) {
        for (size_t i = 0; i < shape->group; i++)
            q[i] = round_to_book((x[i] + min) * inverse, shape->book);
    } else {
        for (size_t i = 0; i < shape->group; i++)
            q[i] = round_within((x[i] + min) * inverse, lo, hi);
    }
}

/* The sums that do not depend on q. */
static void sum_values(size_t n, const float *x, const float *w, struct sums *s)
{
    float sw[LANES] = {0}, sx[LANES] = {0}, sxx[LANES] = {0};
    for (size_t i = 0; i < n; i += LANES) {
        for (size_t k = 0; k < LANES; k++) {
            const float wx = w[i + k] * x[i + k];
            sw[k] += w[i + k];
            sx[k] += wx;
            sxx[k] += wx * x[i + k];
        }
    }
    s->w = add_lanes(sw);
    s->x = add_lanes(sx);
    s->xx = add_lanes(sxx);
}

static void sum_products(size_t n, const float *x, const float *w, const float *q, struct sums *s)
{
    float sq[LANES] = {0}, sqq[LANES] = {0}, sxq[LANES] = {0};
    for (size_t i = 0; i < n; i += LANES) {
        for (size_t k = 0; k < LANES; k++) {
            const float wq = w[i + k] * q[i + k];
            sq[k] += wq;
            sqq[k] += wq * q[i + k];
            sxq[k] += wq * x[i + k];
        }
    }
    s->q = add_lanes(sq);
    s->qq = add_lanes(sqq);
    s->xq = add_lanes(sxq);
}

/* Sum of w * (x - (scale * q - min))^2. */
static float error_of(size_t n, const float *x, const float *w, const float *q, float scale,
                      float min)
{
    float lanes[LANES] = {0};
    for (size_t i = 0; i < n; i += LANES) {
        for (size_t k = 0; k < LANES; k++) {
            const float miss = x[i + k] - (scale * q[i + k] - min);
            lanes[k] += w[i + k] * miss * miss;
        }
    }
    return add_lanes(lanes);
}

/* The weighted least-squares line through the points (q, x), for formats with a minimum (m >= 0
 * unless any_min) and without. False when all q are alike, so that no scale follows from them. */
static bool solve_line(const struct hn_fit_shape *shape, const struct sums *s, struct line *line)
{
    line->min = 0;
    if (shape->min_hi) {
        const float det = s->w * s->qq - s->q * s->q;
        line->scale = (s->w * s->xq - s->x * s->q) / det;
        line->min = (s->q * s->xq - s->qq * s->x) / det;
        /* A determinant that is rounding noise means that all q are alike. */
        if (det > 1e-5f * s->w * s->qq && (line->min >= 0 || shape->any_min)) return true;
        line->min = 0;
    }
    if (!(s->qq > 0)) return false;
    line->scale = s->xq / s->qq;
    return true;
}

/* Rounds with the given scale and minimum, draws the best line through the result, and keeps it
 * when it beats `best`. */
static bool try_line(const struct hn_fit_shape *shape, const float *x, const float *w, float min,
                     float inverse, struct sums *s, struct line *best)
{
    float q[MAX_GROUP];
    struct line line;
    round_group(shape, x, min, inverse, q);
    sum_products(shape->group, x, w, q, s);
    if (!solve_line(shape, s, &line)) return false;
    /* The residual of a least-squares line needs no second look at the points. */
    line.error = s->xx - line.scale * s->xq + line.min * s->x;
    if (!(line.error < best->error)) return false;
    *best = line;
    return true;
}

/* Alternates between rounding to the line and drawing the line until nothing improves. */
static void settle_line(const struct hn_fit_shape *shape, const float *x, const float *w,
                        struct sums *s, struct line *best)
{
    for (int round = 0; round < 4 && fabsf(best->scale) > tiny; round++)
        if (!try_line(shape, x, w, best->min, 1 / best->scale, s, best)) break;
}

/* The float scale and minimum of one group. The candidates stretch or shrink the range of integers
 * that the range of values is laid on; a little clipping of the extremes often serves the rest. */
static struct line fit_group(const struct hn_fit_shape *shape, const float *x, const float *w)
{
    float lowest = x[0], highest = x[0];
    for (size_t i = 1; i < shape->group; i++) {
        lowest = x[i] < lowest ? x[i] : lowest;
        highest = x[i] > highest ? x[i] : highest;
    }
    struct sums s;
    sum_values(shape->group, x, w, &s);
    struct line best = {.error = s.xx};
    if (shape->min_hi) {
        if (lowest > 0 && !shape->any_min) lowest = 0;
        if (!(highest - lowest > tiny)) return (struct line){.min = -lowest};
        best.error = INFINITY;
        for (int k = -5; k <= 5; k++) {
            const float inverse = ((float)shape->hi + 0.2f * (float)k) / (highest - lowest);
            try_line(shape, x, w, -lowest, inverse, &s, &best);
        }
    } else {
        const float peak = highest > -lowest ? highest : lowest;
        if (!(fabsf(peak) > tiny)) return (struct line){0};
        /* The side with one level more takes the largest value, or else the other side. */
        const float ends[2] = {(float)shape->lo, (float)shape->hi};
        const float unit = shape->book ? 3.0f : 0.2f;
        for (int side = 0; side < 2; side++) {
            for (int k = -4; k <= 4; k++)
                try_line(shape, x, w, 0, (ends[side] + unit * (float)k) / peak, &s, &best);
        }
    }
    settle_line(shape, x, w, &s, &best);
    return best;
}

/* The nearest half float, at most the largest finite one. */
static float half_of(float v)
{
    if (v > 65504.0f) v = 65504.0f;
    if (v < -65504.0f) v = -65504.0f;
    return hn_f16_to_f32(hn_f32_to_f16(v));
}

static int nearest(float v, int lo, int hi)
{
    return (int)round_within(v, (float)lo, (float)hi);
}

/* A whole block under construction; q as floats while the search works on it. */
struct draft {
    float d, dmin;
    int sub[HN_MAX_GROUPS], sub_min[HN_MAX_GROUPS];
    float q[HN_MAX_BLOCK];
    float error;
};

static float round_draft_group(const struct hn_fit_shape *shape, const float *x, const float *w,
                               const struct draft *draft, int sub, int sub_min, float *q)
{
    const float scale = draft->d * (float)sub, min = draft->dmin * (float)sub_min;
    const float inverse = fabsf(scale) > tiny ? 1 / scale : 0;
    round_group(shape, x, min, inverse, q);
    return error_of(shape->group, x, w, q, scale, min);
}

/* Rounds all elements with the draft's scales and takes stock of the error. */
static void round_draft(const struct hn_fit_shape *shape, const float *x, const float *w,
                        struct draft *draft)
{
    draft->error = 0;
    for (size_t g = 0; g * shape->group < shape->block; g++) {
        const size_t at = g * shape->group;
        draft->error += round_draft_group(shape, x + at, w + at, draft, draft->sub[g],
                                          draft->sub_min[g], draft->q + at);
    }
}

/* Least squares for d and dmin with all integers fixed: x = d * (sub q) - dmin * sub_min. */
static void refit_halves(const struct hn_fit_shape *shape, const float *x, const float *w,
                         struct draft *draft)
{
    float aa = 0, ab = 0, bb = 0, xa = 0, xb = 0;
    for (size_t g = 0; g * shape->group < shape->block; g++) {
        struct sums s;
        const size_t at = g * shape->group;
        sum_values(shape->group, x + at, w + at, &s);
        sum_products(shape->group, x + at, w + at, draft->q + at, &s);
        const float a = (float)draft->sub[g], b = (float)draft->sub_min[g];
        aa += a * a * s.qq;
        ab += a * b * s.q;
        bb += b * b * s.w;
        xa += a * s.xq;
        xb += b * s.x;
    }
    const float det = aa * bb - ab * ab;
    if (bb > 0 && det > 0) {
        draft->d = half_of((bb * xa - ab * xb) / det);
        draft->dmin = half_of((ab * xa - aa * xb) / det);
    } else if (aa > 0) {
        draft->d = half_of(xa / aa);
    }
}

/* For each group, the neighbouring integer scales and minimums, each with its best q. */
static void nudge_groups(const struct hn_fit_shape *shape, const float *x, const float *w,
                         struct draft *draft)
{
    for (size_t g = 0; g * shape->group < shape->block; g++) {
        const size_t at = g * shape->group;
        const int sub = draft->sub[g], sub_min = draft->sub_min[g];
        float best = error_of(shape->group, x + at, w + at, draft->q + at, draft->d * (float)sub,
                              draft->dmin * (float)sub_min);
        for (int k = 0; k < 9; k++) {
            float q[MAX_GROUP];
            const int s = sub + k / 3 - 1, m = sub_min + k % 3 - 1;
            if (s < shape->sub_lo || s > shape->sub_hi || m < 0 || m > shape->min_hi) continue;
            const float error = round_draft_group(shape, x + at, w + at, draft, s, m, q);
            if (!(error < best)) continue;
            best = error;
            draft->sub[g] = s;
            draft->sub_min[g] = m;
            memcpy(draft->q + at, q, shape->group * sizeof *q);
        }
    }
}

/* Turns the groups' float scales and minimums into the block's halves and integers. */
static void share_scales(const struct hn_fit_shape *shape, const struct line *lines,
                         struct draft *draft)
{
    const size_t groups = shape->block / shape->group;
    float peak = 0, most = 0;
    for (size_t g = 0; g < groups; g++) {
        if (fabsf(lines[g].scale) > fabsf(peak)) peak = lines[g].scale;
        if (fabsf(lines[g].min) > fabsf(most)) most = lines[g].min;
    }
    /* Where scales are signed the largest takes the end that reaches further. */
    const int end = -shape->sub_lo > shape->sub_hi ? shape->sub_lo : shape->sub_hi;
    draft->d = half_of(peak / (float)end);
    draft->dmin = shape->min_hi ? half_of(most / (float)shape->min_hi) : 0;
    for (size_t g = 0; g < groups; g++) {
        const float sub = fabsf(draft->d) > 0 ? lines[g].scale / draft->d : 0;
        const float sub_min = fabsf(draft->dmin) > 0 ? lines[g].min / draft->dmin : 0;
        draft->sub[g] = nearest(sub, shape->sub_lo, shape->sub_hi);
        draft->sub_min[g] = nearest(sub_min, 0, shape->min_hi);
    }
}

void hn_fit_block(const struct hn_fit_shape *shape, const float *x, const float *w,
                  struct hn_block_ints *out)
{
    struct line lines[HN_MAX_GROUPS];
    struct draft draft, next;
    const size_t groups = shape->block / shape->group;
    for (size_t g = 0; g < groups; g++)
        lines[g] = fit_group(shape, x + g * shape->group, w + g * shape->group);
    share_scales(shape, lines, &draft);
    round_draft(shape, x, w, &draft);
    for (int round = 0; round < 3; round++) {
        next = draft;
        if (groups > 1) nudge_groups(shape, x, w, &next);
        refit_halves(shape, x, w, &next);
        round_draft(shape, x, w, &next);
        if (!(next.error < draft.error)) break;
        draft = next;
    }
    out->d = draft.d;
    out->dmin = draft.dmin;
    for (size_t g = 0; g < groups; g++) {
        out->sub[g] = (int8_t)draft.sub[g];
        out->sub_min[g] = (uint8_t)draft.sub_min[g];
    }
    for (size_t i = 0; i < shape->block; i++)
        out->q[i] = (int8_t)draft.q[i];
}
