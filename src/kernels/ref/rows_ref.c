/* Reference operations on rows of floats. */
#include "kernels/list.h"

#include <math.h>
#include <string.h>

#include "kernels/layout.h"
#include "tensor/codec.h"

/* Quantises one block. A block whose largest magnitude is not finite gets d = that and q = 0, so that
 * products become NaN; one too small for its reciprocal becomes zeros. */
static float quantise(int8_t q[HN_ACT_BLOCK], const float x[HN_ACT_BLOCK])
{
    float max = 0;
    for (int i = 0; i < HN_ACT_BLOCK; i++) {
        const float a = fabsf(x[i]);
        if (!(a <= max)) max = a;
        if (isnan(a)) break;
    }
    memset(q, 0, HN_ACT_BLOCK);
    if (!isfinite(max)) return max;
    if (max < HN_ACT_MIN) return 0;
    const float inverse = 127 / max;
    for (int i = 0; i < HN_ACT_BLOCK; i++)
        q[i] = (int8_t)rintf(x[i] * inverse);
    return max / 127;
}

void hn_act_q8_ref(int8_t *q, float *d, int16_t *sums, const float *x, size_t n, size_t step)
{
    for (size_t b = 0; b < n / HN_ACT_BLOCK; b++) {
        const size_t at = b * step;
        int8_t *block = q + at * HN_ACT_BLOCK;
        d[at] = quantise(block, x + b * HN_ACT_BLOCK);
        int sum[2] = {0};
        for (int i = 0; i < HN_ACT_BLOCK; i++)
            sum[i / 16] += block[i];
        sums[2 * at] = (int16_t)sum[0];
        sums[2 * at + 1] = (int16_t)sum[1];
    }
}

void hn_act_bf16_ref(uint16_t *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = hn_f32_to_bf16(x[i]);
}

void hn_rms_norm_f32_ref(float *y, const float *x, const float *w, size_t n, float eps)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    const float inverse = (float)(1 / sqrt(sum / (double)n + (double)eps));
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * inverse * (w ? w[i] : 1);
}

void hn_layer_norm_f32_ref(float *y, const float *x, const float *w, const float *b, size_t n,
                           float eps)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i];
    const double mean = sum / (double)n;
    double squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    const double inverse = 1 / sqrt(squares / (double)n + (double)eps);
    for (size_t i = 0; i < n; i++)
        y[i] = (float)(((double)x[i] - mean) * inverse) * w[i] + (b ? b[i] : 0);
}

static void rotate(float *a, float *b, float cosine, float sine)
{
    const float x = *a, y = *b;
    *a = x * cosine - y * sine;
    *b = x * sine + y * cosine;
}

void hn_rope_halves_ref(float *x, const float *cosines, const float *sines, size_t half)
{
    for (size_t i = 0; i < half; i++)
        rotate(x + i, x + half + i, cosines[i], sines[i]);
}

void hn_rope_interleaved_ref(float *x, const float *cosines, const float *sines, size_t half)
{
    for (size_t i = 0; i < half; i++)
        rotate(x + 2 * i, x + 2 * i + 1, cosines[i], sines[i]);
}

/* What an activation is multiplied with. */
static float factor(const float *up, size_t i)
{
    return up ? up[i] : 1;
}

void hn_glu_silu_ref(float *y, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = gate[i] / (1 + expf(-gate[i])) * factor(up, i);
}

/* gelu(x) = x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) (Hendrycks & Gimpel 2016), and
 * (1 + tanh u) / 2 = 1 / (1 + exp(-2u)). */
void hn_glu_gelu_tanh_ref(float *y, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float x = gate[i];
        const float u = 0.7978845608f * (x + 0.044715f * x * x * x);
        y[i] = x / (1 + expf(-2 * u)) * factor(up, i);
    }
}

/* Comparisons that keep a NaN. */
static float at_most(float x, float high)
{
    return x > high ? high : x;
}

void hn_glu_swiglu_oai_ref(float *y, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float g = at_most(gate[i], 7);
        const float u = -at_most(-at_most(factor(up, i), 7), 7);
        y[i] = g / (1 + expf(-1.702f * g)) * (u + 1);
    }
}

/* gelu(x) = x Phi(x) = x / 2 (1 + erf(x / sqrt 2)). */
void hn_glu_gelu_ref(float *y, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = 0.5f * gate[i] * (1 + erff(gate[i] * (float)M_SQRT1_2)) * factor(up, i);
}

void hn_glu_relu_ref(float *y, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (gate[i] < 0 ? 0 : gate[i]) * factor(up, i);
}

void hn_add_f32_ref(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

void hn_add_scaled_f32_ref(float *y, const float *x, float a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += a * x[i];
}

void hn_scale_f32_ref(float *y, float a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] *= a;
}

void hn_softcap_f32_ref(float *y, float cap, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = cap * tanhf(y[i] / cap);
}

void hn_softmax_f32_ref(float *y, size_t n)
{
    float max = -INFINITY;
    for (size_t i = 0; i < n; i++)
        if (!(y[i] <= max)) max = y[i];
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        y[i] = expf(y[i] - max);
        sum += (double)y[i];
    }
    const float inverse = (float)(1 / sum);
    for (size_t i = 0; i < n; i++)
        y[i] *= inverse;
}
