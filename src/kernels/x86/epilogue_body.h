/* What follows the sums of a product, for any v16; and kernels on rows of channels. */
#ifndef HN_KERNELS_X86_EPILOGUE_BODY_H
#define HN_KERNELS_X86_EPILOGUE_BODY_H

#include <math.h>

#include "kernels/gemm.h"
#include "kernels/x86/v16_math.h"

#define FOR_EPILOGUE static inline __attribute__((always_inline))

FOR_EPILOGUE v16 hard_sigmoid(v16 x, v16 slope, v16 shift)
{
    return v_min(v_set1(1), v_max(v_zero(), v_fma(slope, x, shift)));
}

FOR_EPILOGUE v16 activate(enum hn_activation kind, v16 x, v16 low, v16 high)
{
    switch (kind) {
    case HN_LINEAR: return x;
    case HN_RELU: return v_max(v_zero(), x); /* NaN stays: the second operand wins */
    case HN_CLIP: return v_min(high, v_max(low, x));
    case HN_SIGMOID: return v_gate(v_set1(1), x);
    case HN_TANH: return v_tanh(x);
    case HN_GELU:
        return v_mul(v_mul(v_set1(0.5f), x),
                     v_add(v_set1(1), v_erf(v_mul(x, v_set1(0x1.6a09e6p-1f)))));
    case HN_SILU: return v_gate(x, v_mul(low, x));
    case HN_ERF: return v_erf(x);
    case HN_GELU_TANH: /* (1 + tanh(y)) / 2 = sigmoid(2 y) */
        return v_gate(x, v_mul(v_mul(x, v_set1(0x1.988454p+0f)),
                               v_fma(v_mul(x, x), v_set1(0.044715f), v_set1(1))));
    case HN_LEAKY_RELU: return v_where_less(x, v_zero(), v_mul(low, x), x);
    case HN_ELU: return v_mul(high, v_where_less(x, v_zero(), v_mul(low, v_expm1(x)), x));
    case HN_HARD_SIGMOID: return hard_sigmoid(x, low, high);
    case HN_HARD_SWISH: return v_mul(x, hard_sigmoid(x, v_set1(0x1.555556p-3f), v_set1(0.5f)));
    case HN_MISH: { /* with e = exp(x): x e (e + 2) / (e (e + 2) + 2) */
        const v16 e = v_exp(v_min(v_set1(20), x));
        const v16 n = v_mul(e, v_add(e, v_set1(2)));
        return v_mul(x, v_div(n, v_add(n, v_set1(2))));
    }
    }
    return x;
}

FOR_EPILOGUE v16 read16(const float *p, size_t n)
{
    return n < 16 ? v_load_part(p, n) : v_load(p);
}

FOR_EPILOGUE void epilogue_as(enum hn_activation kind, float *y, size_t ldy, size_t m, size_t n,
                              const struct hn_epilogue *f, size_t column)
{
    const v16 low = v_set1(f->low), high = v_set1(f->high);
    for (size_t j = 0; j < n; j += 16) {
        const size_t lanes = n - j < 16 ? n - j : 16;
        const v16 bias = f->bias ? read16(f->bias + column + j, lanes) : v_zero();
        for (size_t i = 0; i < m; i++) {
            v16 x = read16(y + i * ldy + j, lanes);
            if (f->bias) x = v_add(x, bias);
            if (f->add) x = v_add(x, read16(f->add + i * f->ld_add + column + j, lanes));
            x = activate(kind, x, low, high);
            if (lanes < 16) v_store_part(y + i * ldy + j, x, lanes);
            else v_store(y + i * ldy + j, x);
        }
    }
}

/* m rows of n columns, the first of which is column `column` for bias and add. */
static void epilogue_block(float *y, size_t ldy, size_t m, size_t n, const struct hn_epilogue *f,
                           size_t column)
{
    switch (f->activation) {
#define AS(kind)                                                                                   \
    case kind: epilogue_as(kind, y, ldy, m, n, f, column); break
        AS(HN_LINEAR);
        AS(HN_RELU);
        AS(HN_CLIP);
        AS(HN_SIGMOID);
        AS(HN_TANH);
        AS(HN_GELU);
        AS(HN_SILU);
        AS(HN_ERF);
        AS(HN_GELU_TANH);
        AS(HN_LEAKY_RELU);
        AS(HN_ELU);
        AS(HN_HARD_SIGMOID);
        AS(HN_HARD_SWISH);
        AS(HN_MISH);
#undef AS
    }
}

/* Activations that are two instructions are done where the sums still are in registers; `after` says that
 * another one is left to activate_block. */
struct clip {
    v16 low, high;
    bool after;
};

FOR_EPILOGUE struct clip clip_of(const struct hn_epilogue *f)
{
    const enum hn_activation kind = f ? f->activation : HN_LINEAR;
    const bool clips = kind == HN_CLIP;
    return (struct clip){
        .low = v_set1(clips             ? f->low
                      : kind == HN_RELU ? 0
                                        : -INFINITY),
        .high = v_set1(clips ? f->high : INFINITY),
        .after = kind != HN_LINEAR && kind != HN_RELU && !clips,
    };
}

static inline void activate_block(float *y, size_t ldy, size_t m, size_t n,
                                  const struct hn_epilogue *f)
{
    struct hn_epilogue only = *f;
    only.bias = only.add = NULL;
    epilogue_block(y, ldy, m, n, &only, 0);
}

#endif
