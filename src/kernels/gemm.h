/* Matrix products of floats with everything that follows them in a graph, and the other kernels that work
 * on whole rows of channels. Matrices b lie in panels as HN_PACK_F32 (layout.h): HN_PANEL columns side by
 * side, [k][HN_PANEL], zeros in the columns that are missing. */
#ifndef HN_KERNELS_GEMM_H
#define HN_KERNELS_GEMM_H

#include <stdbool.h>
#include <stddef.h>

/* What becomes of a sum; `low` and `high` are the epilogue's. NaN stays NaN in all. */
enum hn_activation {
    HN_LINEAR,
    HN_RELU,
    HN_CLIP, /* low <= y <= high */
    HN_SIGMOID,
    HN_TANH,
    HN_GELU, /* exact: x / 2 (1 + erf(x / sqrt 2)) */
    HN_SILU, /* x sigmoid(low x) */
    HN_ERF,
    HN_GELU_TANH,    /* x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) */
    HN_LEAKY_RELU,   /* low x where x < 0 */
    HN_ELU,          /* high x, low high (exp(x) - 1) where x < 0 */
    HN_HARD_SIGMOID, /* low x + high in [0, 1] */
    HN_HARD_SWISH,   /* x times the HN_HARD_SIGMOID of 1/6 and 1/2 */
    HN_MISH,         /* x tanh(log(1 + exp(x))) */
};

/* y = activation(y + bias[column] + add), what is NULL left out. */
struct hn_epilogue {
    const float *bias;
    const float *add; /* [rows][ld_add] */
    size_t ld_add;
    enum hn_activation activation;
    float low, high;
};

enum {
    HN_GEMM_K = 256,    /* the most of a row that one call takes */
    HN_GEMM_ROWS = 512, /* the most rows */
    /* Floats between rows that kernels take as they are, where others are gathered so first: off the powers
     * of two, and a constant, so that rows are reached by offsets. */
    HN_GEMM_PITCH = HN_GEMM_K + 16,
    HN_GEMM_SCRATCH = HN_GEMM_ROWS * HN_GEMM_K * 6 + 64 * HN_GEMM_K * 6, /* bytes */
};

/* y[i][j] = sum_l a[i][l] b[l][j], the products added one after another in the order of l: any cut of rows,
 * columns or (through `more`, at multiples of HN_GEMM_K) of k gives the same bits at one level. */
struct hn_gemm {
    const float *a; /* [m][lda] */
    size_t lda;
    const float *b; /* panels that lie ldb floats apart */
    size_t ldb;
    size_t k; /* <= HN_GEMM_K */
    size_t n; /* columns */
    float *y; /* [m][ldy] */
    size_t ldy;
    bool more; /* add to y, the sums of what came before in k */
    const struct hn_epilogue
        *epilogue; /* after the last part of k, else NULL; its pointers as y's */
    void *scratch; /* HN_GEMM_SCRATCH bytes, aligned to 64 */
};

/* The same bits for rows that overlap, as those of a convolution do along a row of an image: row i is
 * `pieces` times `piece` floats, the first of piece s at a[s] + i * lda. */
struct hn_direct {
    const float *const *a;
    size_t lda, pieces, piece;
    const float *b; /* panels of [pieces * piece][HN_PANEL] */
    size_t n;       /* columns */
    float *y;       /* [m][ldy] */
    size_t ldy;
    const struct hn_epilogue *epilogue; /* or NULL; what it adds is not y */
};

/* y = the epilogue of sums over taps, each channel by itself, of a rectangle of points: rows of it begin x_row
 * and y_row floats apart, and `add_row` in its epilogue's `add`. */
struct hn_depthwise {
    const float *x; /* the first point's first tap; [..][..][channels] */
    size_t x_row;
    size_t kernel[2], stride[2], dilation[2];
    const float *w; /* [taps][channels] */
    size_t channels;
    float *y; /* [rows][points][channels] */
    size_t y_row, points;
    const struct hn_epilogue *epilogue; /* or NULL; what it adds is not y */
    size_t add_row;
};

enum {
    HN_WINOGRAD_SIDE = 4,   /* of the square of outputs that a tile makes, from one of ... */
    HN_WINOGRAD_WINDOW = 6, /* ... so many inputs a side */
    HN_WINOGRAD_OUT = HN_WINOGRAD_SIDE * HN_WINOGRAD_SIDE,
    HN_WINOGRAD_IN = HN_WINOGRAD_WINDOW * HN_WINOGRAD_WINDOW,
    HN_WINOGRAD_TILES = 64,                        /* the most of one call */
    HN_WINOGRAD_CHANNELS = 64,                     /* that are added up at a time */
    HN_WINOGRAD_PITCH = HN_WINOGRAD_CHANNELS + 16, /* off the powers of two */
};

/* Convolution by 3 x 3 taps at stride 1 as products of transformed inputs and weights: 36 multiplications
 * where 16 outputs need 144 (F(4x4, 3x3), Lavin and Gray 2016). The bits of a tile do not depend on the
 * others of a call. */
struct hn_winograd {
    const float *const *x; /* [tiles][HN_WINOGRAD_IN]: points of `channels` floats, row after row */
    size_t channels;
    const float *w; /* panels of [9 taps * channels][HN_PANEL] */
    size_t n;       /* columns: channels out */
    float *y;       /* [points][ldy] */
    size_t ldy;
    /* [tiles][HN_WINOGRAD_OUT]: which points of y they are; SIZE_MAX where there is none. */
    const size_t *points;
    const struct hn_epilogue *epilogue; /* rows of `add` are points, too */
    float *scratch; /* hn_winograd_scratch(channels, tiles) floats, aligned to 64 bytes */
};

/* Inputs of every 64 channels, weights of two panels, sums of two panels, each apart by 16 floats more. */
static inline size_t hn_winograd_scratch(size_t channels, size_t tiles)
{
    const size_t chunks = (channels + HN_WINOGRAD_CHANNELS - 1) / HN_WINOGRAD_CHANNELS;
    return HN_WINOGRAD_IN * (chunks * (tiles * HN_WINOGRAD_PITCH + 16) +
                             (HN_WINOGRAD_CHANNELS * 32 + 16) + (tiles * 32 + 16));
}

#endif
