/* Where channels lie in images: last, or before rows and columns. */
#include <string.h>

#include "base/bits.h"
#include "model/graph/fast.h"

enum { SIDE = 16, POINTS = 1024 };

struct turn {
    const void *x;
    void *y;
    size_t rows, columns, parts; /* of a matrix; parts of its columns are tiles */
};

/* y [columns][rows] = x [rows][columns], some columns of one matrix. */
static void turn_words(void *arg, size_t tile, unsigned worker)
{
    (void)worker;
    const struct turn *t = arg;
    const size_t matrix = tile / t->parts * t->rows * t->columns;
    const size_t first = tile % t->parts * POINTS, end = hn_min(first + POINTS, t->columns);
    const uint32_t *x = (const uint32_t *)t->x + matrix;
    uint32_t *y = (uint32_t *)t->y + matrix;
    for (size_t i = 0; i < t->rows; i += SIDE)
        for (size_t j = first; j < end; j += SIDE) {
            const size_t rows = hn_min(SIDE, t->rows - i), columns = hn_min(SIDE, end - j);
            for (size_t l = 0; l < columns; l++)
                for (size_t k = 0; k < rows; k++)
                    y[(j + l) * t->rows + i + k] = x[(i + k) * t->columns + j + l];
        }
}

/* Eight rows of eight bytes, each row in a word, turned. */
static void turn_block(uint64_t x[8])
{
    static const uint64_t masks[] = {0x00ff00ff00ff00ffu, 0x0000ffff0000ffffu, 0x00000000ffffffffu};
    for (unsigned step = 0; step < 3; step++) {
        const unsigned apart = 1u << step, shift = 8 * apart;
        for (unsigned i = 0; i < 8; i++) {
            if (i & apart) continue;
            const uint64_t a = x[i], b = x[i + apart], mask = masks[step];
            x[i] = (a & mask) | (b & mask) << shift;
            x[i + apart] = (a >> shift & mask) | (b & ~mask);
        }
    }
}

static void turn_bytes(void *arg, size_t tile, unsigned worker)
{
    (void)worker;
    const struct turn *t = arg;
    const size_t rows = t->rows, columns = t->columns, matrix = tile / t->parts * rows * columns;
    const size_t first = tile % t->parts * POINTS, end = hn_min(first + POINTS, columns);
    const uint8_t *from = (const uint8_t *)t->x + matrix;
    uint8_t *to = (uint8_t *)t->y + matrix;
    const size_t r8 = rows / 8 * 8, c8 = end / 8 * 8;
    for (size_t j = first; j < c8; j += 8)
        for (size_t i = 0; i < r8; i += 8) {
            uint64_t x[8];
            for (size_t l = 0; l < 8; l++)
                memcpy(&x[l], from + (i + l) * columns + j, 8);
            turn_block(x);
            for (size_t l = 0; l < 8; l++)
                memcpy(to + (j + l) * rows + i, &x[l], 8);
        }
    for (size_t i = 0; i < rows; i++)
        for (size_t j = i < r8 ? hn_max(c8, first) : first; j < end; j++)
            to[j * rows + i] = from[i * columns + j];
}

void hn_turn(struct hn_op *op, const void *x, void *y, size_t n, size_t rows, size_t columns,
             size_t element)
{
    struct turn t = {x, y, rows, columns, hn_div_up(columns, POINTS)};
    if (rows) hn_op_parallel(op, n * t.parts, element == 1 ? turn_bytes : turn_words, &t);
}

static enum hn_status run(struct hn_op *op, bool last)
{
    const struct hn_array *x = op->in[0];
    const bool flat = hn_op_int(op, HN_FAST_FLAT, 0) != 0;
    const size_t *s = x->shape, n_dims = flat ? 3 : 4, given = last ? n_dims : 4;
    if (x->type != HN_EL_F32 && !hn_element_is_byte(x->type)) return hn_op_fail_type(op, 0);
    if (x->n_dims != given)
        return hn_op_fail(op, HN_E_ARG, "%zu dimensions, not %zu", x->n_dims, given);
    if (flat && !last && s[1] != 1) return hn_op_fail(op, HN_E_ARG, "%zu rows, not 1", s[1]);
    const size_t height = last && !flat ? s[2] : 1, width = flat ? s[2] : s[3];
    const size_t to_last[] = {s[0], height, width, s[1]}, to_first[] = {s[0], s[3], s[1], s[2]},
                 to_flat[] = {s[0], s[3], s[2]};
    void *y = last ? hn_op_out(op, 0, x->type, to_last, 4)
                   : hn_op_out(op, 0, x->type, flat ? to_flat : to_first, n_dims);
    if (!y) return hn_op_failed(op);
    const size_t element = hn_element_info(x->type)->bytes;
    if (last) hn_turn(op, x->data, y, s[0], s[1], height * width, element);
    else hn_turn(op, x->data, y, s[0], s[1] * s[2], s[3], element);
    return HN_OK;
}

static enum hn_status run_to_last(struct hn_op *op)
{
    return run(op, true);
}

static enum hn_status run_to_first(struct hn_op *op)
{
    return run(op, false);
}

const struct hn_op_row hn_fast_to_last = {
    .domain = "hence", .name = "ChannelsLast", .fn = run_to_last};
const struct hn_op_row hn_fast_to_first = {
    .domain = "hence", .name = "ChannelsFirst", .fn = run_to_first};
