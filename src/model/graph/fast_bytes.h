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
    size_t pitch;   /* k in whole steps */
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
