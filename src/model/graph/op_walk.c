#include "model/graph/op_walk.h"

#include <string.h>

#include "base/bits.h"

/* Elements by their size alone; they may hold any type. */
typedef uint8_t __attribute__((may_alias)) element1;
typedef uint16_t __attribute__((may_alias)) element2;
typedef uint32_t __attribute__((may_alias)) element4;
typedef uint64_t __attribute__((may_alias)) element8;
typedef struct {
    uint64_t half[2];
} __attribute__((may_alias)) element16;

/* The two innermost dimensions. */
struct plane {
    size_t rows, columns;
    ptrdiff_t to_row, to_column, from_row, from_column;
};

#define PLANE(bytes)                                                                               \
    static void plane##bytes(const struct plane *p, char *to, const char *from)                    \
    {                                                                                              \
        for (size_t i = 0; i < p->rows; i++) {                                                     \
            element##bytes *t = (element##bytes *)(void *)to + (ptrdiff_t)i * p->to_row;           \
            const element##bytes *f =                                                              \
                (const element##bytes *)(const void *)from + (ptrdiff_t)i * p->from_row;           \
            if (p->to_column == 1 && p->from_column == 0) {                                        \
                const element##bytes value = *f;                                                   \
                for (size_t j = 0; j < p->columns; j++)                                            \
                    t[j] = value;                                                                  \
                continue;                                                                          \
            }                                                                                      \
            for (size_t j = 0; j < p->columns; j++)                                                \
                t[(ptrdiff_t)j * p->to_column] = f[(ptrdiff_t)j * p->from_column];                 \
        }                                                                                          \
    }
PLANE(1)
PLANE(2)
PLANE(4)
PLANE(8)
PLANE(16)

static void copy_elements(const struct plane *p, size_t bytes, char *to, const char *from)
{
    switch (bytes) {
    case 1: plane1(p, to, from); break;
    case 2: plane2(p, to, from); break;
    case 4: plane4(p, to, from); break;
    case 8: plane8(p, to, from); break;
    default: plane16(p, to, from); break;
    }
}

/* Rows become columns: in blocks, so that both sides stay within few cache lines. */
static void copy_blocks(const struct plane *p, size_t bytes, char *to, const char *from)
{
    enum { BLOCK = 16 };
    const ptrdiff_t size = (ptrdiff_t)bytes;
    for (size_t i = 0; i < p->rows; i += BLOCK)
        for (size_t j = 0; j < p->columns; j += BLOCK) {
            struct plane block = *p;
            block.rows = hn_min(BLOCK, p->rows - i);
            block.columns = hn_min(BLOCK, p->columns - j);
            const ptrdiff_t row = (ptrdiff_t)i, column = (ptrdiff_t)j;
            copy_elements(&block, bytes, to + (row * p->to_row + column * p->to_column) * size,
                          from + (row * p->from_row + column * p->from_column) * size);
        }
}

static void copy_plane(const struct plane *p, size_t bytes, char *to, const char *from)
{
    const ptrdiff_t size = (ptrdiff_t)bytes;
    if (p->to_column == 1 && p->from_column == 1) {
        const size_t run = p->columns * bytes;
        for (size_t i = 0; i < p->rows; i++)
            memcpy(to + (ptrdiff_t)i * p->to_row * size, from + (ptrdiff_t)i * p->from_row * size,
                   run);
    } else if (p->from_row == 1 && p->from_column != 0) {
        copy_blocks(p, bytes, to, from);
    } else {
        copy_elements(p, bytes, to, from);
    }
}

/* The same walk with as few dimensions as it has. */
static struct hn_walk simplest(const struct hn_walk *walk)
{
    struct hn_walk w = {.n_dims = 0};
    for (size_t i = 0; i < walk->n_dims; i++) {
        if (walk->shape[i] == 1) continue;
        const size_t last = w.n_dims - 1;
        const ptrdiff_t n = (ptrdiff_t)walk->shape[i];
        if (w.n_dims && w.to[last] == n * walk->to[i] && w.from[last] == n * walk->from[i]) {
            w.shape[last] *= walk->shape[i];
        } else {
            w.shape[w.n_dims++] = walk->shape[i];
        }
        w.to[w.n_dims - 1] = walk->to[i];
        w.from[w.n_dims - 1] = walk->from[i];
    }
    return w;
}

/* Where the source runs along another dimension than the last, that becomes the last but one. */
static void pair_dims(struct hn_walk *w)
{
    if (w->n_dims < 3 || w->from[w->n_dims - 1] == 1) return;
    const size_t place = w->n_dims - 2;
    for (size_t i = 0; i < place; i++) {
        if (w->from[i] != 1) continue;
        const size_t shape = w->shape[i];
        const ptrdiff_t to = w->to[i];
        for (size_t j = i; j < place; j++) {
            w->shape[j] = w->shape[j + 1];
            w->to[j] = w->to[j + 1];
            w->from[j] = w->from[j + 1];
        }
        w->shape[place] = shape, w->to[place] = to, w->from[place] = 1;
        return;
    }
}

void hn_walk_copy(const struct hn_walk *walk, size_t bytes, void *to, const void *from)
{
    for (size_t i = 0; i < walk->n_dims; i++)
        if (walk->shape[i] == 0) return;
    struct hn_walk w = simplest(walk);
    pair_dims(&w);
    struct plane plane = {.rows = 1, .columns = 1, .to_column = 1, .from_column = 1};
    if (w.n_dims >= 1) {
        const size_t last = w.n_dims - 1;
        plane.columns = w.shape[last];
        plane.to_column = w.to[last], plane.from_column = w.from[last];
    }
    if (w.n_dims >= 2) {
        const size_t last = w.n_dims - 2;
        plane.rows = w.shape[last];
        plane.to_row = w.to[last], plane.from_row = w.from[last];
    }
    const size_t outer = w.n_dims > 2 ? w.n_dims - 2 : 0;
    size_t index[HN_WALK_DIMS] = {0};
    char *t = to;
    const char *f = from;
    const ptrdiff_t size = (ptrdiff_t)bytes;
    for (;;) {
        copy_plane(&plane, bytes, t, f);
        size_t d = outer;
        for (; d > 0; d--) {
            t += w.to[d - 1] * size, f += w.from[d - 1] * size;
            if (++index[d - 1] < w.shape[d - 1]) break;
            const ptrdiff_t n = (ptrdiff_t)w.shape[d - 1] * size;
            t -= w.to[d - 1] * n, f -= w.from[d - 1] * n;
            index[d - 1] = 0;
        }
        if (d == 0) return;
    }
}

void hn_walk_fill(void *to, size_t n, size_t bytes, const void *value)
{
    hn_walk_copy(&(struct hn_walk){.n_dims = 1, .shape = {n}, .to = {1}}, bytes, to, value);
}

void hn_walk_steps(const size_t *shape, size_t n_dims, ptrdiff_t *steps)
{
    ptrdiff_t step = 1;
    for (size_t i = n_dims; i-- > 0;) {
        steps[i] = step;
        /* An empty array has no elements to reach: any step will do, but not one that overflows. */
        if (shape[i] > 1 && step != 0 && __builtin_mul_overflow(step, (ptrdiff_t)shape[i], &step))
            step = 0;
    }
}
