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
    /* Rows `lda` apart, whose pieces lie `apart` from one to the next; whole pieces are read. */
    const uint8_t *a;
    size_t lda, piece, apart; /* piece: a multiple of HN_BYTES_STEP that divides k */
    const int8_t *b;          /* panels, one after the other */
    size_t k, n;
    int32_t *y; /* [m][ldy] */
    size_t ldy;
};

/* What rows of sums become: bytes min(max(round(s scale + 0) + zero, low), high), or floats s scale + add, of
 * s = sum + bias - zeros row. */
struct hn_byte_finish {
    const int32_t *sums; /* [m][lds] */
    size_t lds;
    const int32_t *rows; /* [m], where there are zeros */
    size_t n;
    void *y; /* [m][ldy] */
    size_t ldy;
    const float *scale;   /* [n] */
    const int32_t *bias;  /* [n] */
    const int32_t *zeros; /* [n] or NULL */
    const float *add;     /* [n] or NULL: of floats */
    int32_t zero, low, high;
};

enum {
    HN_BYTE_CHANNELS = 32, /* that a kernel takes at a time, each by itself */
    HN_BYTE_TAPS = 64,     /* the most of one of them */
};

/* y[point][c] = sum over taps of x w, each channel by itself, exact: a row of points. Channels are read and
 * written in whole lots of HN_BYTE_CHANNELS. */
struct hn_byte_depthwise {
    const uint8_t *x; /* the first point's first tap; [..][..][channels] */
    size_t x_row;     /* bytes between rows */
    size_t kernel[2], stride, dilation[2];
    /* [(taps + 1) / 2][whole lots of channels][2]: pairs of taps, the last with 0; within 255 */
    const int16_t *w;
    size_t channels, points;
    int32_t *y; /* [points][whole lots] */
};

/* From floats to bytes, of either sign by low, and back. */
struct hn_byte_scale {
    float scale;
    int32_t zero, low, high;
};

/* y[i] = a[i] + b[i], of what the bytes stand for. */
struct hn_byte_sum {
    const void *a, *b;
    void *y;
    struct hn_byte_scale a_scale, b_scale, y_scale;
};

#endif
