/* The operations models are written in, behind one table: the CPU's today, a GPU's beside it. Memory
 * that operations take (activations, KV pages, packed weights) is the backend's own: models pass
 * pointers on and never look behind them, but for logits and inputs, which are the host's.
 *
 * Same request, same bits: every result row depends on its own inputs alone, never on how many rows
 * a call has or on the number of threads. */
#ifndef HN_BACKEND_BACKEND_H
#define HN_BACKEND_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/matrix.h"
#include "base/cpu.h"
#include "base/pool.h"
#include "base/status.h"
#include "base/trace.h"
#include "kernels/kernels.h"
#include "tensor/weights.h"

/* Where the KV of a model lies: page p starts at base + p * page_bytes and holds, for each layer and
 * KV head, HN_KV_PAGE keys and then as many values. */
struct hn_kv_layout {
    enum hn_kv_type type;
    size_t n_layers, n_heads; /* KV heads */
    size_t dim_k, dim_v;
    size_t k_bytes, v_bytes; /* of one head's keys and values in a page, multiples of 64 */
    size_t page_bytes;
    unsigned char *base;
};

/* Fills the sizes; `base` stays. False when they cannot be counted. */
bool hn_kv_layout_init(struct hn_kv_layout *kv);

/* The rows of one sequence in a batch: [row, row + n), at positions pos and on. pages[i] holds
 * positions i * HN_KV_PAGE and on. */
struct hn_span {
    size_t row;
    size_t n;
    size_t pos;
    const int32_t *pages;
};

/* A bunch of rows: n of `cols` floats, `ld` apart. */
struct hn_rows {
    float *x;
    size_t ld;
};

/* Queries, keys and values of a batch before attention; rows are [q heads | k heads | v heads]. */
struct hn_qkv {
    float *x;
    size_t ld;
    size_t n_heads, n_kv_heads;
    size_t dim_k, dim_v;
    const float *q_norm, *k_norm; /* or NULL */
    size_t norm_len; /* dim_k: per head; else the whole projection's length is theirs */
    float eps;
    const float *cosines, *sines; /* [rows][half], or NULL: no rotation */
    size_t half;
    bool pairs; /* rotate neighbours */
};

struct hn_attention {
    size_t n_heads, n_kv_heads;
    size_t dim_k, dim_v;
    size_t window; /* keys that a query sees, itself the last; 0: everything */
    bool both; /* a query sees what comes after it too; with a window, half of it on each side */
    float scale;
    float softcap;
    const float *sinks; /* [n_heads] or NULL */
    /* [n_heads] or NULL: a score falls by this much with each position between query and key */
    const float *slopes;
    /* [n_heads][bias_ld] or NULL: added to the score of a key `reach` + its position less the query's on,
     * of which whole pages are read: bias_ld is at least 2 * reach + HN_KV_PAGE. */
    const float *bias;
    size_t bias_ld, reach;
};

/* How the rows of a span become one. */
enum hn_reduction {
    HN_REDUCE_MEAN,
    HN_REDUCE_MEAN_SQRT, /* the sum over the root of their number */
    HN_REDUCE_WEIGHTED,  /* the mean, the i-th row counting i times */
    HN_REDUCE_MAX,
};

struct hn_experts {
    const struct hn_matrix *gate_up; /* [n_experts]: rows of gate, then of up */
    const struct hn_matrix *down;    /* [n_experts] */
    const float *gate_up_bias;       /* [n_experts][2 * n_ff] or NULL */
    const float *down_bias;          /* [n_experts][n_embd] or NULL */
    size_t n_experts, n_used;
    size_t n_ff;
    size_t n_embd;
    enum hn_glu glu;
    bool plain;       /* no gate: gate_up is n_ff rows of up alone */
    bool renormalise; /* weights sum to one over the chosen */
};

struct hn_backend;

/* What a backend can do. Rows are in the backend's memory; `n` counts them. Operations cannot fail:
 * what could was checked at load. */
struct hn_backend_ops {
    const char *name;
    void (*destroy)(struct hn_backend *b);

    /* Zeroed memory, 64-byte aligned, or NULL. Released with its size. */
    void *(*alloc)(struct hn_backend *b, size_t bytes);
    void (*release)(struct hn_backend *b, void *memory, size_t bytes);

    /* Bytes of a packed part; SIZE_MAX when they cannot be counted. A matrix is packed into memory
     * of the sum over its parts (see hn_matrix_pack). */
    size_t (*matrix_bytes)(enum hn_dtype type, size_t rows, size_t cols);
    enum hn_status (*matrix_pack)(struct hn_backend *b, struct hn_matrix *out,
                                  const struct hn_tensor *const *parts, size_t n_parts,
                                  void *memory, struct hn_error *err);
    /* Bytes of scratch that linear and experts need for n rows of `cols`. */
    size_t (*linear_scratch)(size_t cols, size_t n);
    size_t (*experts_scratch)(const struct hn_experts *e, size_t n);
    /* The kernel a matrix is multiplied with, for traces. */
    const char *(*matrix_kernel)(const struct hn_backend *b, const struct hn_matrix *w);

    /* y[i] = table[tokens[i]] * scale, from the table as stored. */
    void (*embed)(struct hn_backend *b, struct hn_rows y, const struct hn_tensor *table,
                  const int32_t *tokens, size_t n, float scale);
    /* y = x / rms(x) * w. y may be x. */
    void (*norm)(struct hn_backend *b, struct hn_rows y, struct hn_rows x, size_t n, size_t cols,
                 const float *w, float eps);
    /* y = (x - mean) / sqrt(variance + eps) * w + bias; bias may be NULL. y may be x. */
    void (*layer_norm)(struct hn_backend *b, struct hn_rows y, struct hn_rows x, size_t n,
                       size_t cols, const float *w, const float *bias, float eps);
    /* y = W x + bias; bias may be NULL. */
    void (*linear)(struct hn_backend *b, struct hn_rows y, const struct hn_matrix *w,
                   const float *bias, struct hn_rows x, size_t n, void *scratch);
    /* Norms and rotates queries and keys in place, and stores keys and values of `layer`. */
    void (*store)(struct hn_backend *b, const struct hn_qkv *qkv, const struct hn_kv_layout *kv,
                  size_t layer, const struct hn_span *spans, size_t n_spans);
    /* Cosines and sines of rows at positions pos[i]: [n][half], times scale. */
    void (*angles)(struct hn_backend *b, float *cosines, float *sines, const double *freqs,
                   size_t half, float scale, const struct hn_span *spans, size_t n_spans);
    /* y = attention of q over the stored pages: every query sees the keys up to its own position, or
     * all that are stored of its span (see struct hn_attention). */
    void (*attend)(struct hn_backend *b, struct hn_rows y, struct hn_rows q,
                   const struct hn_attention *a, const struct hn_kv_layout *kv, size_t layer,
                   const struct hn_span *spans, size_t n_spans);
    /* x[i] = act(x[i]) * x[cols + i] for i < cols, or act(x[i]) alone. */
    void (*glu)(struct hn_backend *b, struct hn_rows x, size_t n, size_t cols, enum hn_glu kind);
    void (*act)(struct hn_backend *b, struct hn_rows x, size_t n, size_t cols, enum hn_glu kind);
    /* y = the chosen experts' sum for x, by the router's logits [n][n_experts]. */
    void (*experts)(struct hn_backend *b, struct hn_rows y, const struct hn_experts *e,
                    struct hn_rows x, const float *logits, size_t n, void *scratch);
    /* y += x * scale. */
    void (*add)(struct hn_backend *b, struct hn_rows y, struct hn_rows x, size_t n, size_t cols,
                float scale);
    /* y += x * sigmoid(gate[i * ld_gate]), one gate for each row. */
    void (*add_gated)(struct hn_backend *b, struct hn_rows y, struct hn_rows x, size_t n,
                      size_t cols, struct hn_rows gate);
    /* y = rows[i] of x, in order. */
    void (*gather)(struct hn_backend *b, struct hn_rows y, struct hn_rows x, const int32_t *rows,
                   size_t n, size_t cols);
    /* y[i] = what the rows of span i come to. */
    void (*reduce)(struct hn_backend *b, struct hn_rows y, struct hn_rows x,
                   const struct hn_span *spans, size_t n_spans, size_t cols,
                   enum hn_reduction kind);
    /* y = cap * tanh(y * scale / cap), or y * scale when cap is 0. */
    void (*finish_logits)(struct hn_backend *b, struct hn_rows y, size_t n, size_t cols,
                          float scale, float cap);
};

struct hn_backend {
    const struct hn_backend_ops *ops;
};

extern const struct hn_backend_ops hn_cpu_backend_ops;

/* The CPU: `threads` in all (1..HN_POOL_MAX_THREADS) with the kernels of `level`. */
enum hn_status hn_cpu_backend_create(unsigned threads, enum hn_cpu_level level,
                                     struct hn_backend **out, struct hn_error *err);

/* NULL is fine. */
void hn_backend_destroy(struct hn_backend *backend);

/* Of a CPU backend. */
struct hn_pool *hn_cpu_backend_pool(struct hn_backend *backend);
const struct hn_kernels *hn_cpu_backend_kernels(const struct hn_backend *backend);

#endif
