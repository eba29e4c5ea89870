#include "model/graph/op_fourier.h"

#include <math.h>
#include <string.h>

static const size_t length_max = (size_t)1 << 28;

static struct hn_complex times(struct hn_complex a, struct hn_complex b)
{
    return (struct hn_complex){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

static struct hn_complex turn(double part, double whole)
{
    const double angle = -2 * M_PI * part / whole;
    return (struct hn_complex){cos(angle), sin(angle)};
}

/* Powers of two, by halves (Cooley and Tukey). */
static void transform(const struct hn_complex *turns, size_t m, struct hn_complex *x)
{
    for (size_t i = 1, j = 0; i < m; i++) {
        size_t bit = m >> 1;
        for (; j & bit; bit >>= 1)
            j ^= bit;
        j ^= bit;
        if (i >= j) continue;
        const struct hn_complex t = x[i];
        x[i] = x[j];
        x[j] = t;
    }
    for (size_t half = 1; half < m; half *= 2)
        for (size_t start = 0; start < m; start += 2 * half)
            for (size_t i = 0; i < half; i++) {
                struct hn_complex *a = &x[start + i], *b = a + half;
                const struct hn_complex t = times(*b, turns[i * (m / 2 / half)]);
                *b = (struct hn_complex){a->re - t.re, a->im - t.im};
                *a = (struct hn_complex){a->re + t.re, a->im + t.im};
            }
}

/* Other lengths as a convolution with a chirp (Bluestein), which a power of two computes. */
static void make_chirp(struct hn_fourier *f)
{
    memset(f->bent, 0, f->m * sizeof *f->bent);
    for (size_t i = 0; i < f->n; i++) {
        const size_t square = i * i % (2 * f->n);
        f->chirp[i] = turn((double)square, 2 * (double)f->n);
        const struct hn_complex back = {f->chirp[i].re, -f->chirp[i].im};
        f->bent[i] = back;
        if (i) f->bent[f->m - i] = back;
    }
    transform(f->turns, f->m, f->bent);
}

enum hn_status hn_fourier_of(struct hn_op *op, size_t n, bool inverse, struct hn_fourier *out)
{
    if (!n || n > length_max) return hn_op_fail(op, HN_E_LIMIT, "a transform of length %zu", n);
    struct hn_fourier f = {.n = n, .m = 1, .inverse = inverse};
    while (f.m < n)
        f.m *= 2;
    const bool chirp = f.m != n;
    while (chirp && f.m < 2 * n - 1)
        f.m *= 2;
    if (!(f.turns = hn_op_scratch(op, f.m / 2 + 1, sizeof *f.turns)) ||
        !(f.room = hn_op_scratch(op, f.m, sizeof *f.room)))
        return hn_op_failed(op);
    for (size_t i = 0; i < f.m / 2 + 1; i++)
        f.turns[i] = turn((double)i, (double)f.m);
    if (chirp) {
        if (!(f.chirp = hn_op_scratch(op, n, sizeof *f.chirp)) ||
            !(f.bent = hn_op_scratch(op, f.m, sizeof *f.bent)))
            return hn_op_failed(op);
        make_chirp(&f);
    }
    *out = f;
    return HN_OK;
}

/* The inverse is the transform of the numbers with real and imaginary parts exchanged, exchanged again. */
static void exchange(struct hn_complex *x, size_t n, double by)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (struct hn_complex){x[i].im * by, x[i].re * by};
}

void hn_fourier_run(const struct hn_fourier *f, struct hn_complex *x)
{
    if (f->inverse) exchange(x, f->n, 1);
    if (!f->chirp) {
        transform(f->turns, f->m, x);
    } else {
        memset(f->room, 0, f->m * sizeof *f->room);
        for (size_t i = 0; i < f->n; i++)
            f->room[i] = times(x[i], f->chirp[i]);
        transform(f->turns, f->m, f->room);
        for (size_t i = 0; i < f->m; i++)
            f->room[i] = times(f->room[i], f->bent[i]);
        exchange(f->room, f->m, 1);
        transform(f->turns, f->m, f->room);
        exchange(f->room, f->m, 1 / (double)f->m);
        for (size_t i = 0; i < f->n; i++)
            x[i] = times(f->room[i], f->chirp[i]);
    }
    if (f->inverse) exchange(x, f->n, 1 / (double)f->n);
}
