/* One way to call every row kernel of kernels/list.def, for tests and benchmarks: the type of its slot
 * says how. */
#ifndef HN_TESTS_KERNELS_CALLS_H
#define HN_TESTS_KERNELS_CALLS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/layout.h"
#include "kernels/list.h"

enum shape {
    ACT_Q8,     /* (q, d, sums, x, n) */
    ACT_BF16,   /* (y, x, n) */
    RMS_NORM,   /* (y, x, w, n, eps) */
    LAYER_NORM, /* (y, x, w, b, n, eps) */
    GLU,        /* (y, gate, up, n), and ropes: (x, cosines, sines, half) */
    ADD,        /* (y, x, n) */
    ADD_SCALED, /* (y, x, a, n) */
    SCALE,      /* (y, a, n) */
    SOFTMAX,    /* (y, n) */
    KV_STORE,   /* (dst, src, n) */
    ATTEND,     /* (args) */
    PEAK,       /* (n), nothing but a sum to return */
    BLOCK,      /* on matrices and blocks of rows: tests of their own */
    SCREEN,     /* (args); test_screen.c has its tests, and those of products */
    PRODUCT,    /* (a, b, n) */
};

#define SLOT(member) __typeof__(((struct hn_kernels *)0)->member)
#define SHAPE_OF(fn)                                                                               \
    _Generic(&(fn), SLOT(act_q8)                                                                   \
             : ACT_Q8, SLOT(act_bf16)                                                              \
             : ACT_BF16, SLOT(rms_norm)                                                            \
             : RMS_NORM, SLOT(layer_norm)                                                          \
             : LAYER_NORM, SLOT(glu[0])                                                            \
             : GLU, SLOT(add)                                                                      \
             : ADD, SLOT(add_scaled)                                                               \
             : ADD_SCALED, SLOT(scale)                                                             \
             : SCALE, SLOT(softmax)                                                                \
             : SOFTMAX, SLOT(kv_store[0])                                                          \
             : KV_STORE, SLOT(attend[0])                                                           \
             : ATTEND, SLOT(peak[0])                                                               \
             : PEAK, SLOT(gemm)                                                                    \
             : BLOCK, SLOT(tree_bin_f32)                                                           \
             : BLOCK, SLOT(tree_bin_f64)                                                           \
             : BLOCK, SLOT(tree_steps)                                                             \
             : BLOCK, SLOT(tree_add_f32)                                                           \
             : BLOCK, SLOT(tree_add_f64)                                                           \
             : BLOCK, SLOT(epilogue)                                                               \
             : BLOCK, SLOT(depthwise)                                                              \
             : BLOCK, SLOT(direct)                                                                 \
             : BLOCK, SLOT(winograd)                                                               \
             : BLOCK, SLOT(bytes)                                                                  \
             : BLOCK, SLOT(finish_bytes)                                                           \
             : BLOCK, SLOT(byte_depthwise)                                                         \
             : BLOCK, SLOT(byte_sum)                                                               \
             : BLOCK, SLOT(quantize)                                                               \
             : BLOCK, SLOT(dequantize)                                                             \
             : BLOCK, SLOT(extent)                                                                 \
             : BLOCK, SLOT(screen)                                                                 \
             : SCREEN, SLOT(product)                                                               \
             : PRODUCT)

struct row_kernel {
    const char *name;
    const char *type;
    enum shape shape;
    enum hn_cpu_level level;
    void (*fn)(void);
    void (*ref)(void);
    double bound;
};

static const struct row_kernel row_kernels[] = {
#define MATMUL(pack, type, level, isa, act, tile, bound)
#define KERNEL(slot, op, type, level, isa, bound)                                                  \
    {#op "_" #type "_" #isa,                                                                       \
     #type,                                                                                        \
     SHAPE_OF(hn_##op##_##type##_##isa),                                                           \
     HN_CPU_##level,                                                                               \
     (void (*)(void))hn_##op##_##type##_##isa,                                                     \
     (void (*)(void))hn_##op##_##type##_ref,                                                       \
     bound},
#include "kernels/list.def"
#undef MATMUL
#undef KERNEL
};

/* The operands of a call. What a kernel changes are y and, of ATTEND, acc (in y) and state. */
struct operands {
    unsigned char
        *y;         /* [n] of the result's type; for ropes [2n]; for ACT_Q8 q, then d, then sums */
    const float *a; /* [n]; for ropes cosines; for ATTEND q */
    const float *b; /* [n]; for ropes sines */
    const float *c; /* [n] */
    const void *k;  /* ATTEND: a page's keys and values of the KV type */
    const void *v;
    size_t n;
    size_t first, last;
    float scalar; /* factor, cap, epsilon or softcap */
    struct hn_attend_state state;
    double total; /* of PEAK */
};

static inline enum hn_kv_type kv_type_of(const char *type)
{
    return !strcmp(type, "f32")    ? HN_KV_F32
           : !strcmp(type, "f16")  ? HN_KV_F16
           : !strcmp(type, "bf16") ? HN_KV_BF16
                                   : HN_KV_Q8_0;
}

/* Bytes of the result in y. */
static inline size_t result_bytes(const struct row_kernel *kernel, size_t n)
{
    switch (kernel->shape) {
    case ACT_Q8: return n + n / HN_ACT_BLOCK * 8;
    case ACT_BF16: return n * 2;
    case GLU: return strncmp(kernel->name, "rope", 4) ? n * 4 : n * 8;
    case KV_STORE: return hn_kv_row_bytes(kv_type_of(kernel->type), n);
    case PEAK:
    case BLOCK:
    case SCREEN:
    case PRODUCT: return 0;
    default: return n * 4;
    }
}

static inline void call(const struct row_kernel *kernel, void (*any)(void), struct operands *o)
{
    float *y = (float *)(void *)o->y;
    const size_t n = o->n;
#define AS(member) ((SLOT(member))any)
    switch (kernel->shape) {
    case ACT_Q8: {
        unsigned char *d = o->y + n;
        AS(act_q8)
        ((int8_t *)o->y, (float *)(void *)d, (int16_t *)(void *)(d + n / HN_ACT_BLOCK * 4), o->a, n,
         1);
        break;
    }
    case ACT_BF16: AS(act_bf16)((uint16_t *)(void *)o->y, o->a, n); break;
    case RMS_NORM: AS(rms_norm)(y, o->a, o->b, n, o->scalar); break;
    case LAYER_NORM: AS(layer_norm)(y, o->a, o->b, o->c, n, o->scalar); break;
    case GLU: AS(glu[0])(y, o->a, o->b, n); break;
    case ADD: AS(add)(y, o->a, n); break;
    case ADD_SCALED: AS(add_scaled)(y, o->a, o->scalar, n); break;
    case SCALE: AS(scale)(y, o->scalar, n); break;
    case SOFTMAX: AS(softmax)(y, n); break;
    case KV_STORE: AS(kv_store[0])(o->y, o->a, n); break;
    case ATTEND: {
        float biases[HN_KV_PAGE];
        for (size_t i = 0; i < HN_KV_PAGE; i++)
            biases[i] = (float)(i * n % 7) / 4 - 1;
        struct hn_attend_query query = {.q = o->a,
                                        .acc = y,
                                        .state = o->state,
                                        .slope = n % 5 ? 0 : 0.0625f,
                                        .at = (float)n - 100,
                                        .bias = n % 3 ? NULL : biases};
        const struct hn_attend_args args = {
            .queries = &query,
            .n = 1,
            .k = o->k,
            .v = o->v,
            .dim_k = n,
            .dim_v = n,
            .first = o->first,
            .last = o->last,
            .scale = 1 / sqrtf((float)n),
            .softcap = o->scalar,
        };
        AS(attend[0])(&args);
        o->state = query.state;
        break;
    }
    case PEAK: o->total = AS(peak[0])(n); break;
    case BLOCK:
    case SCREEN:
    case PRODUCT: break;
    }
#undef AS
}

#endif
