/* Products of matrices of bytes, and the ways between bytes and floats. Matrices b lie in panels of HN_PANEL
 * columns: [k / 4][HN_PANEL][4], four bytes of a column side by side, zeros in what is missing. */
#ifndef HN_KERNELS_BYTES_H
#define HN_KERNELS_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HN_BYTES_STEP = 64,   /* k is a multiple of it */
    HN_BYTES_K = 1 << 16, /* the most: sums then fit 32 bits */
};

/* y[i][j] = sum_l a[i][l] b[l][j], exact. Whole panels of y are written: ldy >= n rounded up to HN_PANEL. */
struct hn_byte_gemm {
    const uint8_t *a; /* [m][lda], k bytes of each row there to be read */
    size_t lda;
    const int8_t *b; /* panels, one after the other */
    size_t k, n;
    int32_t *y; /* [m][ldy] */
    size_t ldy;
};

/* What sums become: bytes min(max(round(s scale + 0) + zero, low), high), or floats s scale + add, of
 * s = sum + bias - zeros row. */
struct hn_byte_finish {
    const float *scale;   /* [n] */
    const int32_t *bias;  /* [n] */
    const int32_t *zeros; /* [n] or NULL */
    const float *add;     /* [n] or NULL: of floats */
    int32_t zero, low, high;
};

/* From floats to bytes, of either sign by low, and back. */
struct hn_byte_scale {
    float scale;
    int32_t zero, low, high;
};

#endif
