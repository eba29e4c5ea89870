/* The CPU's backend: a worker pool and the kernels of one level. */
#ifndef HN_BACKEND_CPU_CPU_BACKEND_H
#define HN_BACKEND_CPU_CPU_BACKEND_H

#include "backend/backend.h"

struct hn_cpu_backend {
    struct hn_backend base;
    struct hn_pool *pool;
    const struct hn_kernels *kernels;
};

static inline struct hn_cpu_backend *hn_cpu_of(struct hn_backend *b)
{
    return (struct hn_cpu_backend *)b; /* base is the first member */
}

/* The operations, by file; each as backend.h has it. */
void hn_cpu_embed(struct hn_backend *b, struct hn_rows y, const struct hn_tensor *table,
                  const int32_t *tokens, size_t n, float scale);
void hn_cpu_norm(struct hn_backend *b, struct hn_rows y, struct hn_rows x, size_t n, size_t cols,
                 const float *w, float eps);
void hn_cpu_layer_norm(struct hn_backend *b, struct hn_rows y, struct hn_rows x, size_t n,
                       size_t cols, const float *w, const float *bias, float eps);
void hn_cpu_act(struct hn_backend *b, struct hn_rows x, size_t n, size_t cols, enum hn_glu kind);
void hn_cpu_glu(struct hn_backend *b, struct hn_rows x, size_t n, size_t cols, enum hn_glu kind);
void hn_cpu_add(struct hn_backend *b, struct hn_rows y, struct hn_rows x, size_t n, size_t cols,
                float scale);
void hn_cpu_add_gated(struct hn_backend *b, struct hn_rows y, struct hn_rows x, size_t n,
                      size_t cols, struct hn_rows gate);
void hn_cpu_gather(struct hn_backend *b, struct hn_rows y, struct hn_rows x, const int32_t *rows,
                   size_t n, size_t cols);
void hn_cpu_reduce(struct hn_backend *b, struct hn_rows y, struct hn_rows x,
                   const struct hn_span *spans, size_t n_spans, size_t cols,
                   enum hn_reduction kind);
void hn_cpu_finish_logits(struct hn_backend *b, struct hn_rows y, size_t n, size_t cols,
                          float scale, float cap);

void hn_cpu_store(struct hn_backend *b, const struct hn_qkv *qkv, const struct hn_kv_layout *kv,
                  size_t layer, const struct hn_span *spans, size_t n_spans);
void hn_cpu_angles(struct hn_backend *b, float *cosines, float *sines, const double *freqs,
                   size_t half, float scale, const struct hn_span *spans, size_t n_spans);
void hn_cpu_attend(struct hn_backend *b, struct hn_rows y, struct hn_rows q,
                   const struct hn_attention *a, const struct hn_kv_layout *kv, size_t layer,
                   const struct hn_span *spans, size_t n_spans);

size_t hn_cpu_experts_scratch(const struct hn_experts *e, size_t n);
void hn_cpu_experts(struct hn_backend *b, struct hn_rows y, const struct hn_experts *e,
                    struct hn_rows x, const float *logits, size_t n, void *scratch);

#endif
