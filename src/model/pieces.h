/* Memory cut into pieces that lie one behind the other: measured first, then laid out. */
#ifndef HN_MODEL_PIECES_H
#define HN_MODEL_PIECES_H

#include "backend/backend.h"

struct hn_pieces {
    uintptr_t base; /* 0 to measure */
    size_t bytes;   /* so far; SIZE_MAX for good once they cannot be counted */
};

void *hn_pieces_take(struct hn_pieces *pieces, size_t rows, size_t row_bytes);
/* `n` rows of floats without gaps. */
struct hn_rows hn_pieces_rows(struct hn_pieces *pieces, size_t n, size_t cols);

#endif
