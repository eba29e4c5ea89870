/* Products of matrices of bytes whose right side is constant: packed at load, exact sums, and what becomes
 * of them. */
#ifndef HN_MODEL_GRAPH_FAST_BYTES_H
#define HN_MODEL_GRAPH_FAST_BYTES_H

#include "kernels/bytes.h"
#include "model/graph/op_list.h"

/* A matrix [k][n], less a zero point for each column, as signed bytes in panels. Where zero points are not
 * all 0, one more column of ones adds up the left side's rows. */
struct hn_byte_matrix {
    int8_t *panels;
    size_t k, n;
    size_t piece;   /* bytes of k that lie together, in whole steps */
    size_t pitch;   /* of all pieces */
    size_t columns; /* n, or n + 1 */
    int32_t *zeros; /* [n], or NULL: all 0 */
    int32_t *sums;  /* [n]: of every column, less its zero points */
    size_t bytes;   /* that it takes */
};

/* Where its elements are: (i, j) at data[i * step_k + j * step_n]. */
struct hn_byte_source {
    const void *data;
    enum hn_element type; /* I8 or U8 */
    size_t k, n, step_k, step_n;
    size_t piece; /* of k, a divisor: filled up to whole steps, each by itself; 0: k */
    const struct hn_array *zero; /* of the same type, one or n; or NULL */
};
/* Allocates; an error leaves *to to be freed all the same. */
enum hn_status hn_byte_matrix_make(struct hn_op *op, const struct hn_byte_source *from,
                                   struct hn_byte_matrix *to);
void hn_byte_matrix_free(struct hn_byte_matrix *matrix);
/* Whether the source has a form that matrices are made of. */
bool hn_byte_source_fits(const struct hn_byte_source *from);

/* Writes columns [0, k) of m rows from `row` on as unsigned bytes, `pitch` bytes apart: signed ones plus 128. */
typedef void hn_byte_gather_fn(const void *arg, uint8_t *to, size_t pitch, size_t row, size_t m);

enum hn_byte_result {
    HN_BYTE_SUMS,   /* int32_t */
    HN_BYTE_BYTES,  /* scaled by `scale`, rounded, plus `zero`, in [low, high] */
    HN_BYTE_FLOATS, /* scaled by `scale`, plus `add` */
};

/* y = what becomes of sum_l (a - its zero point) b + bias. */
struct hn_byte_product {
    const struct hn_byte_matrix *b;
    const void *a; /* [rows][k] of U8 or I8; or NULL: from `gather` */
    bool a_signed;
    hn_byte_gather_fn *gather;
    const void *arg;
    size_t rows;
    int32_t a_zero;
    const int32_t *a_zeros; /* one for each row instead, of SUMS; or NULL */
    const int32_t *bias;    /* [n] or NULL */
    enum hn_byte_result result;
    const float *scale; /* [n] */
    const float *add;   /* [n] or NULL */
    int32_t zero, low, high;
    void *y; /* [rows][n] */
};
enum hn_status hn_byte_product_run(struct hn_op *op, const struct hn_byte_product *product);

/* --- a part of a product: for those who know where its rows lie --- */

enum {
    HN_BYTE_ROWS = 64,     /* of a part */
    HN_BYTE_COLUMNS = 128, /* that are summed before they are finished */
};

struct hn_byte_work {
    const struct hn_byte_product *product; /* without its left side */
    const struct hn_kernels *kernels;
    const int32_t *bias; /* [n]: with the left side's zero point */
};
/* With memory of the operator's; an error where there is none. */
enum hn_status hn_byte_work_begin(struct hn_op *op, const struct hn_byte_product *product,
                                  struct hn_byte_work *out);

struct hn_byte_rows {
    const uint8_t *a; /* unsigned; the matrix' pieces of it lie `apart` */
    size_t lda, apart;
    size_t m;
    /* Numbers from `first` on: of every `wide` of them `points` are rows of y, the first of them `row`. */
    size_t first, wide, points, row;
};
/* Columns [column, end); `sums`: HN_BYTE_ROWS by HN_BYTE_COLUMNS. */
void hn_byte_rows_run(const struct hn_byte_work *work, const struct hn_byte_rows *rows,
                      size_t column, size_t end, int32_t *sums);
/* What becomes of m rows of sums, columns [column, column + n), `left` those of the rows themselves. */
void hn_byte_finish(const struct hn_byte_work *work, const int32_t *sums, size_t lds,
                    const int32_t *left, size_t m, size_t row, size_t column, size_t n);

/* Element i of an array of bytes. */
int32_t hn_byte_at(const struct hn_array *a, size_t i);
/* The zero point of an array of one byte; 0 where it is absent. */
int32_t hn_byte_zero(const struct hn_array *zero);
/* The least and the greatest of a type of bytes. */
void hn_byte_range(enum hn_element type, int32_t *low, int32_t *high);
/* to[n] as unsigned bytes, signed ones plus 128. */
void hn_bytes_as_unsigned(uint8_t *to, const void *from, bool is_signed, size_t n);

/* A state that holds one matrix: what rows prepare. */
struct hn_byte_weights {
    struct hn_op_state state;
    struct hn_byte_matrix matrix;
};
/* Packs input i, a constant [k, n] (or [n, k] with `turned`), with the zero points in input `zero`; leaves
 * *out NULL where they are no such constants. The input's data are released. */
enum hn_status hn_byte_weights_prepare(struct hn_op *op, size_t i, size_t zero, bool turned,
                                       struct hn_op_state **out);

#endif
