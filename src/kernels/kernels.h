/* Pure single-thread kernels and the table of those chosen for one CPU level. Kernels allocate
 * nothing, log nothing, lock nothing and read no globals.
 *
 * Same request, same bits: every result element is reduced in one fixed order that depends on the
 * level and the row length alone, never on how many tokens or rows one call is given. */
#ifndef HN_KERNELS_KERNELS_H
#define HN_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"
#include "kernels/bytes.h"
#include "kernels/gemm.h"
#include "tensor/dtype.h"

enum {
    HN_PANEL = 16, /* weight rows packed side by side, one per 32-bit lane of a 512-bit vector */
    HN_ACT_BLOCK = 32, /* activations quantised together */
    HN_ACT_QUAD = 4,   /* tokens whose quantised activations lie together ... */
    HN_ACT_LOT = 16,   /* ... or so many, where the level wants lots */
    HN_KV_PAGE = 64,   /* tokens per KV page; attention combines KV in these chunks, in order */
    HN_HEAD_DIM_MAX = 512,
    HN_SCREEN_DIMS = 4096, /* elements of a vector that is screened, at most */
    HN_SCREEN_PANELS = 64, /* panels screened by one call, at most */
};

/* How a weight matrix is packed: the layouts are described in layout.h. */
enum hn_pack {
#define X(name, block, bytes) HN_PACK_##name,
#include "kernels/pack.def"
#undef X
    HN_PACKS
};

/* In which form a matmul kernel takes its activations. */
enum hn_act_kind {
    HN_ACT_F32,
    HN_ACT_BF16,
    HN_ACT_SPLIT, /* two BF16 whose sum is the activation, to 16 bits and more */
    HN_ACT_Q8,
    HN_ACT_KINDS
};

/* Activations of some tokens, prepared once per operation and shared by all threads. Only the
 * members of its kind are set. `k` is the row length of the weights. */
struct hn_act {
    enum hn_act_kind kind;
    size_t k;
    const float *f32;     /* [tokens][ld] */
    const uint16_t *bf16; /* [tokens][ld]; zeros from k on */
    const uint16_t *rest; /* of HN_ACT_SPLIT: what bf16 leaves, likewise */
    size_t ld;            /* elements between tokens; of HN_ACT_Q8 a multiple of HN_ACT_BLOCK */

    /* HN_ACT_Q8: blocks of HN_ACT_BLOCK elements, x ~ d * q, |q| <= 127. The first `in_lots` tokens, a
     * multiple of HN_ACT_LOT (0 unless the level wants lots), lie in lots: block after block, of each
     * the sixteen tokens'. Those up to `in_quads`, a multiple of HN_ACT_QUAD, lie in quads likewise,
     * the others token after token, ld / HN_ACT_BLOCK blocks each (hn_act_block() in layout.h). */
    const int8_t *q;     /* [block][32] */
    const float *d;      /* [block] */
    const int16_t *sums; /* [block][2]: sums of 16 consecutive q */
    size_t in_lots;
    size_t in_quads;
};

/* y[t * ldy + r] = sum_k W[r][k] * x[t][k] for n_panels * HN_PANEL rows r and n_tokens tokens t.
 * y has room for whole panels; rows past the matrix are packed as zeros. */
typedef void hn_matmul_fn(float *y, size_t ldy, const void *panels, size_t n_panels,
                          const struct hn_act *x, size_t n_tokens);

/* Running softmax of one query head (online softmax, Milakov & Gimelshein 2018): after some chunks,
 * output = acc / l with weights relative to the maximum m. Start: m = -INFINITY, l = 0, acc = 0; with
 * an attention sink s: m = s, l = 1. */
struct hn_attend_state {
    float m;
    float l;
};
struct hn_attend_query {
    const float *q; /* [dim_k] */
    float *acc;     /* [dim_v] */
    struct hn_attend_state state;
    float slope; /* the score of the key in slot j is slope * |j - at| less (ALiBi) */
    float at;
    const float *bias; /* [HN_KV_PAGE], added to the scores of the slots; or NULL */
};

/* One chunk of attention: keys [first, last) of one KV page for `n` queries of heads that share them,
 * each of which gets the bits that it would get alone.
 * k: keys by dimension (layout.h), v: [HN_KV_PAGE][dim_v] of the KV type.
 * score = q . k * scale, then, if softcap > 0, softcap * tanh(score / softcap). */
struct hn_attend_args {
    struct hn_attend_query *queries;
    size_t n;
    const void *k;
    const void *v;
    size_t dim_k;
    size_t dim_v;
    size_t first;
    size_t last;
    float scale;
    float softcap;
};
typedef void hn_attend_fn(const struct hn_attend_args *args);

/* KV cache element types. */
enum hn_kv_type { HN_KV_F32, HN_KV_F16, HN_KV_BF16, HN_KV_Q8_0, HN_KV_TYPES };

/* Gated linear units: y = act(gate) * up. SWIGLU_OAI is gpt-oss's clamped form; GELU is the exact one,
 * by the error function. */
enum hn_glu { HN_GLU_SILU, HN_GLU_GELU_TANH, HN_GLU_SWIGLU_OAI, HN_GLU_GELU, HN_GLU_RELU, HN_GLUS };

/* Screening: which of many vectors may have a product with a query that reaches a floor, by bytes that
 * stand for them. No vector that reaches it is missed (screen.h has the proof); the few that come with
 * them are told apart by their exact products. */
struct hn_screen_query {
    const int8_t *q;         /* [k], |q| <= 127; those of the queries lie `pitch` bytes apart */
    double per_scale;        /* 1 / scale; 1e100 where the scale is 0, and every q */
    double norm;             /* of the query */
    double rest;             /* norm of what the bytes leave of it */
    double floor;            /* products below it do not matter */
    int32_t shift;           /* 128 times the sum of q */
    const uint16_t *allowed; /* [n_panels]: a bit per vector; NULL: all */
    uint16_t *hits;          /* [n_panels]: those that may reach the floor */
};
struct hn_screen {
    const uint8_t *panels;   /* [n_panels][k / 4][HN_PANEL][4]: byte + 128; |byte| <= 127 */
    const double *per_scale; /* [n_panels] 1 / scale, or 1e100 as above */
    const double *norms;     /* [n_panels] greatest norm of scale times bytes */
    const double *errors;    /* [n_panels] greatest norm of what the bytes leave */
    size_t n_panels;
    size_t k;     /* a multiple of 4 */
    size_t pitch; /* a multiple of 4 */
    const struct hn_screen_query *queries;
    size_t n_queries;
};

/* Decision trees for many rows at once (model/trees.h). A block is 64, 128 or 256 rows; a byte column
 * holds for each of them how many of a feature's thresholds it has passed. */
enum {
    HN_TREE_ROWS = 256,   /* of a block at most */
    HN_TREE_LEAVES = 256, /* of a tree that goes this way: its leaves are numbered in bytes */
    HN_TREE_RESULTS = 9,  /* slots that hold what subtrees came to */
    HN_TREE_SLOTS = HN_TREE_LEAVES + HN_TREE_RESULTS,
};

/* One node, its children before it: slot `out` = column[row] <= bin ? slot a : slot b. Slot i < 256 holds
 * i for every row: the leaf of that number. The last step leaves the leaf of each row in its slot. */
struct hn_tree_step {
    uint32_t column;
    uint16_t a;
    uint16_t b;
    uint16_t out;
    uint8_t bin;
};

/* The kernels chosen for one level. Never NULL in any member. */
struct hn_kernels {
    enum hn_cpu_level level;
    bool lots; /* quantised activations lie in lots where there are enough tokens */
    struct {
        hn_matmul_fn *fn;
        enum hn_act_kind act;
        size_t tile_tokens; /* the token count at which one call is most efficient */
        const char *name;   /* for traces and benchmarks */
    } matmul[HN_PACKS];

    /* Activation forms. act_q8: d = max|x| / 127 per block of 32, q rounded to nearest even; a block's
     * place is `step` blocks after that of the one before. */
    void (*act_q8)(int8_t *q, float *d, int16_t *sums, const float *x, size_t n, size_t step);
    void (*act_bf16)(uint16_t *y, const float *x, size_t n);

    /* y = x / rms(x) * w; w may be NULL (all ones). y may be x. */
    void (*rms_norm)(float *y, const float *x, const float *w, size_t n, float eps);
    /* y = (x - mean) / sqrt(var + eps) * w + b; b may be NULL. */
    void (*layer_norm)(float *y, const float *x, const float *w, const float *b, size_t n,
                       float eps);
    /* Rotates pairs of x: (i, i + half) or, interleaved, (2i, 2i + 1), by angles given as cosines
     * and sines [half]. Elements from 2 * half on are not touched. */
    void (*rope)(float *x, const float *cosines, const float *sines, size_t half);
    void (*rope_interleaved)(float *x, const float *cosines, const float *sines, size_t half);
    /* y[i] = act(gate[i]) * up[i]; y may be gate; `up` may be NULL (all ones). */
    void (*glu[HN_GLUS])(float *y, const float *gate, const float *up, size_t n);
    void (*add)(float *y, const float *x, size_t n);                 /* y += x */
    void (*add_scaled)(float *y, const float *x, float a, size_t n); /* y += a * x */
    void (*scale)(float *y, float a, size_t n);                      /* y *= a */
    void (*softcap)(float *y, float cap, size_t n);                  /* y = cap * tanh(y / cap) */
    /* y = softmax(y), in place; exp as in `attend`: what would be subnormal may be zero. */
    void (*softmax)(float *y, size_t n);

    /* gemm.h: m rows, HN_GEMM_ROWS at most; m rows of n columns in place; rows, rows and tiles of
     * convolutions. */
    void (*gemm)(const struct hn_gemm *g, size_t m);
    /* The same for products of many rows, where the level has a faster form with other bits. */
    void (*gemm_many)(const struct hn_gemm *g, size_t m);
    void (*epilogue)(float *y, size_t ldy, size_t m, size_t n, const struct hn_epilogue *epilogue);
    void (*direct)(const struct hn_direct *d, size_t m);
    void (*depthwise)(const struct hn_depthwise *d, size_t rows);
    void (*winograd)(const struct hn_winograd *w, size_t tiles);
    void (*maximum)(float *y, const float *x, size_t n); /* y = max(y, x); x where either is NaN */

    /* bytes.h: m rows; m rows; a row of points; n numbers; least and greatest of x and 0. */
    void (*bytes)(const struct hn_byte_gemm *g, size_t m);
    void (*finish_bytes)(const struct hn_byte_finish *f, size_t m);
    void (*finish_floats)(const struct hn_byte_finish *f, size_t m);
    void (*byte_depthwise)(const struct hn_byte_depthwise *d);
    void (*byte_sum)(const struct hn_byte_sum *s, size_t n);
    void (*quantize)(void *to, const float *x, size_t n, const struct hn_byte_scale *s);
    void (*dequantize)(float *to, const void *x, size_t n, const struct hn_byte_scale *s);
    void (*extent)(const float *x, size_t n, float *low, float *high);

    /* Writes one head's row (n elements; Q8_0 wants a multiple of 32) in the KV type. */
    void (*kv_store[HN_KV_TYPES])(void *dst, const float *src, size_t n);
    hn_attend_fn *attend[HN_KV_TYPES];

    void (*screen)(const struct hn_screen *s);
    /* sum_i a[i] * b[i] in doubles, in which products of floats are exact, fused or not: eight sums
     * of every eighth, then those in one order. The same bits on every level. */
    double (*product)(const float *a, const float *b, size_t n);

    /* right[i] = left[i] = how many of the n ascending thresholds (at most 255) are <= x[i], for a block
     * of so many rows; where x[i] is NaN, right[i] = 255 and left[i] = 0. Either may be NULL. */
    void (*tree_bin_f32)(uint8_t *right, uint8_t *left, const float *x, size_t rows,
                         const float *thresholds, size_t n);
    void (*tree_bin_f64)(uint8_t *right, uint8_t *left, const double *x, size_t rows,
                         const double *thresholds, size_t n);
    /* Runs the steps of one tree over a block. columns: [][rows], slots: [HN_TREE_SLOTS][rows]. */
    void (*tree_steps)(uint8_t *slots, const uint8_t *columns, size_t rows,
                       const struct hn_tree_step *steps, size_t n);
    /* sums[i] += values[leaves[i]] for a block; n values, at most HN_TREE_LEAVES. */
    void (*tree_add_f32)(float *sums, const uint8_t *leaves, size_t rows, const float *values,
                         size_t n);
    void (*tree_add_f64)(double *sums, const uint8_t *leaves, size_t rows, const double *values,
                         size_t n);

    /* The fastest this level can multiply and add, per form of activations: works in registers on
     * ones alone and returns the sum, which is the number of multiply-adds. rounds <= 2^20. */
    double (*peak[HN_ACT_KINDS])(size_t rounds);
};

/* The best kernels for a level this machine has. Static data: nothing to free. */
const struct hn_kernels *hn_kernels_for(enum hn_cpu_level level);

/* Bytes of one KV row of n elements. */
size_t hn_kv_row_bytes(enum hn_kv_type type, size_t n);

#endif
