/* Determinants. */
#include "model/graph/op_args.h"
#include "model/graph/op_list.h"

#include <math.h>

/* Of an n x n matrix, which is used up: Gauss's elimination, with the largest of a column as its pivot. */
static double determinant(double *a, size_t n)
{
    double det = 1;
    for (size_t k = 0; k < n; k++) {
        size_t pivot = k;
        for (size_t i = k + 1; i < n; i++)
            if (fabs(a[i * n + k]) > fabs(a[pivot * n + k])) pivot = i;
        const double value = a[pivot * n + k];
        if (value == 0) return 0;
        for (size_t j = k; pivot != k && j < n; j++) {
            const double other = a[k * n + j];
            a[k * n + j] = a[pivot * n + j], a[pivot * n + j] = other;
        }
        det *= pivot == k ? value : -value;
        for (size_t i = k + 1; i < n; i++) {
            const double factor = a[i * n + k] / value;
            for (size_t j = k + 1; j < n; j++)
                a[i * n + j] -= factor * a[k * n + j];
        }
    }
    return det;
}

enum hn_status hn_op_det(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    if (!hn_element_is_float(x->type)) return hn_op_fail_type(op, 0);
    if (x->n_dims < 2 || x->shape[x->n_dims - 1] != x->shape[x->n_dims - 2])
        return hn_op_fail(op, HN_E_FORMAT, "no square matrices");
    const size_t n = x->shape[x->n_dims - 1];
    if (!hn_op_out(op, 0, x->type, x->shape, x->n_dims - 2)) return hn_op_failed(op);
    struct hn_array *y = &op->out[0];
    if (y->n == 0) return HN_OK;
    double *matrix = hn_op_scratch(op, n * n, sizeof *matrix);
    if (!matrix) return hn_op_failed(op);
    for (size_t i = 0; i < y->n; i++) {
        for (size_t j = 0; j < n * n; j++)
            matrix[j] = hn_array_real(x, i * n * n + j);
        hn_array_set_real(y, i, determinant(matrix, n));
    }
    return HN_OK;
}
