#include "backend/cpu/cpu_backend.h"

#include <stdlib.h>
#include <string.h>

#include "backend/cpu/linear.h"
#include "base/bits.h"
#include "base/memory.h"

/* From this size on memory is mapped, in huge pages where the system has them. */
enum { MAPPED_FROM = 4 << 20, HUGE_PAGE = 2 << 20 };

static void *cpu_alloc(struct hn_backend *b, size_t bytes)
{
    (void)b;
    if (bytes > SIZE_MAX - HUGE_PAGE) return NULL;
    if (bytes < MAPPED_FROM) {
        const size_t rounded = hn_round_up(hn_max(bytes, 1), 64);
        void *p = aligned_alloc(64, rounded);
        return p ? memset(p, 0, rounded) : NULL;
    }
    return hn_memory_map(bytes);
}

static void cpu_release(struct hn_backend *b, void *memory, size_t bytes)
{
    (void)b;
    if (!memory) return;
    if (bytes < MAPPED_FROM) free(memory);
    else hn_memory_unmap(memory, bytes);
}

static enum hn_status cpu_matrix_pack(struct hn_backend *b, struct hn_matrix *out,
                                      const struct hn_tensor *const *parts, size_t n_parts,
                                      void *memory, struct hn_error *err)
{
    return hn_matrix_pack(out, parts, n_parts, memory, hn_cpu_of(b)->pool, err);
}

static const char *cpu_matrix_kernel(const struct hn_backend *b, const struct hn_matrix *w)
{
    return ((const struct hn_cpu_backend *)b)->kernels->matmul[w->segments[0].pack].name;
}

static void cpu_linear(struct hn_backend *b, struct hn_rows y, const struct hn_matrix *w,
                       const float *bias, struct hn_rows x, size_t n, void *scratch)
{
    const struct hn_cpu_backend *cpu = hn_cpu_of(b);
    hn_linear(cpu->pool, cpu->kernels, y.x, y.ld, w, bias, x.x, x.ld, n, scratch);
}

static void cpu_destroy(struct hn_backend *b)
{
    struct hn_cpu_backend *cpu = hn_cpu_of(b);
    hn_pool_destroy(cpu->pool);
    free(cpu);
}

const struct hn_backend_ops hn_cpu_backend_ops = {
    .name = "cpu",
    .destroy = cpu_destroy,
    .alloc = cpu_alloc,
    .release = cpu_release,
    .matrix_bytes = hn_matrix_bytes,
    .matrix_pack = cpu_matrix_pack,
    .linear_scratch = hn_linear_scratch,
    .experts_scratch = hn_cpu_experts_scratch,
    .matrix_kernel = cpu_matrix_kernel,
    .embed = hn_cpu_embed,
    .norm = hn_cpu_norm,
    .layer_norm = hn_cpu_layer_norm,
    .linear = cpu_linear,
    .store = hn_cpu_store,
    .angles = hn_cpu_angles,
    .attend = hn_cpu_attend,
    .glu = hn_cpu_glu,
    .act = hn_cpu_act,
    .experts = hn_cpu_experts,
    .add = hn_cpu_add,
    .add_gated = hn_cpu_add_gated,
    .gather = hn_cpu_gather,
    .reduce = hn_cpu_reduce,
    .finish_logits = hn_cpu_finish_logits,
};

enum hn_status hn_cpu_backend_create(unsigned threads, enum hn_cpu_level level,
                                     struct hn_backend **out, struct hn_error *err)
{
    *out = NULL;
    struct hn_cpu_backend *cpu = calloc(1, sizeof *cpu);
    if (!cpu) return hn_fail_nomem(err, "the backend", sizeof *cpu);
    cpu->base.ops = &hn_cpu_backend_ops;
    cpu->kernels = hn_kernels_for(level);
    const enum hn_status status = hn_pool_create(threads, &cpu->pool, err);
    if (status < 0) {
        free(cpu);
        return status;
    }
    *out = &cpu->base;
    return HN_OK;
}

void hn_backend_destroy(struct hn_backend *backend)
{
    if (backend) backend->ops->destroy(backend);
}

struct hn_pool *hn_cpu_backend_pool(struct hn_backend *backend)
{
    return hn_cpu_of(backend)->pool;
}

const struct hn_kernels *hn_cpu_backend_kernels(const struct hn_backend *backend)
{
    return ((const struct hn_cpu_backend *)backend)->kernels;
}
