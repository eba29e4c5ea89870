#include "kernels/list.h"

#define BIN_ROW(x, thresholds, n)                                                                  \
    uint8_t passed = 0;                                                                            \
    for (size_t t = 0; t < (n); t++)                                                               \
        passed = (uint8_t)(passed + ((thresholds)[t] <= (x)));                                     \
    if (right) right[i] = (x) == (x) ? passed : 255;                                               \
    if (left) left[i] = passed;

void hn_tree_bin_f32_ref(uint8_t *right, uint8_t *left, const float *x, size_t rows,
                         const float *thresholds, size_t n)
{
    for (size_t i = 0; i < rows; i++) {
        BIN_ROW(x[i], thresholds, n)
    }
}

void hn_tree_bin_f64_ref(uint8_t *right, uint8_t *left, const double *x, size_t rows,
                         const double *thresholds, size_t n)
{
    for (size_t i = 0; i < rows; i++) {
        BIN_ROW(x[i], thresholds, n)
    }
}

void hn_tree_steps_u8_ref(uint8_t *slots, const uint8_t *columns, size_t rows,
                          const struct hn_tree_step *steps, size_t n)
{
    for (size_t s = 0; s < n; s++) {
        const struct hn_tree_step *step = &steps[s];
        const uint8_t *column = columns + (size_t)step->column * rows;
        const uint8_t *a = slots + (size_t)step->a * rows;
        const uint8_t *b = slots + (size_t)step->b * rows;
        uint8_t *out = slots + (size_t)step->out * rows;
        for (size_t i = 0; i < rows; i++)
            out[i] = column[i] <= step->bin ? a[i] : b[i];
    }
}

void hn_tree_add_f32_ref(float *sums, const uint8_t *leaves, size_t rows, const float *values,
                         size_t n)
{
    (void)n;
    for (size_t i = 0; i < rows; i++)
        sums[i] += values[leaves[i]];
}

void hn_tree_add_f64_ref(double *sums, const uint8_t *leaves, size_t rows, const double *values,
                         size_t n)
{
    (void)n;
    for (size_t i = 0; i < rows; i++)
        sums[i] += values[leaves[i]];
}
