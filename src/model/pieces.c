#include "model/pieces.h"

#include "base/bits.h"

void *hn_pieces_take(struct hn_pieces *pieces, size_t rows, size_t row_bytes)
{
    size_t n;
    void *p = (void *)(pieces->base + (pieces->bytes == SIZE_MAX ? 0 : pieces->bytes));
    if (pieces->bytes == SIZE_MAX || !hn_mul(rows, row_bytes, &n) || n > SIZE_MAX / 2 ||
        !hn_add(pieces->bytes, hn_round_up(n, 64), &pieces->bytes))
        pieces->bytes = SIZE_MAX;
    return p;
}

struct hn_rows hn_pieces_rows(struct hn_pieces *pieces, size_t n, size_t cols)
{
    return (struct hn_rows){hn_pieces_take(pieces, n, cols * sizeof(float)), cols};
}
