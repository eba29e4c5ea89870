/* Reference products of matrices with what follows them. */
#include "kernels/list.h"

#include <math.h>

static float activate(const struct hn_epilogue *f, float x)
{
    switch (f->activation) {
    case HN_LINEAR: return x;
    case HN_RELU: return x < 0 ? 0 : x;
    case HN_CLIP: return x < f->low ? f->low : x > f->high ? f->high : x;
    case HN_SIGMOID: return 1 / (1 + expf(-x));
    case HN_TANH: return tanhf(x);
    case HN_GELU: return 0.5f * x * (1 + erff(x * 0x1.6a09e6p-1f));
    case HN_SILU: return x / (1 + expf(-f->low * x));
    case HN_ERF: return erff(x);
    case HN_GELU_TANH: return 0.5f * x * (1 + tanhf(0x1.988454p-1f * (x + 0.044715f * x * x * x)));
    case HN_LEAKY_RELU: return x < 0 ? f->low * x : x;
    case HN_ELU: return f->high * (x < 0 ? f->low * expm1f(x) : x);
    case HN_HARD_SIGMOID: {
        const float y = f->low * x + f->high;
        return y < 0 ? 0 : y > 1 ? 1 : y;
    }
    case HN_HARD_SWISH: return x < -3 ? 0 : x > 3 ? x : x * (x / 6 + 0.5f);
    case HN_MISH: return x * tanhf(x > 20 ? x : log1pf(expf(x)));
    }
    return x;
}

void hn_epilogue_f32_ref(float *y, size_t ldy, size_t m, size_t n,
                         const struct hn_epilogue *epilogue)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            float x = y[i * ldy + j];
            if (epilogue->bias) x += epilogue->bias[j];
            if (epilogue->add) x += epilogue->add[i * epilogue->ld_add + j];
            y[i * ldy + j] = activate(epilogue, x);
        }
}

void hn_gemm_f32_ref(const struct hn_gemm *g, size_t m)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < g->n; j++) {
            const float *a = g->a + i * g->lda, *b = g->b + j / HN_PANEL * g->ldb + j % HN_PANEL;
            double sum = g->more ? (double)g->y[i * g->ldy + j] : 0;
            for (size_t k = 0; k < g->k; k++)
                sum += (double)a[k] * (double)b[k * HN_PANEL];
            g->y[i * g->ldy + j] = (float)sum;
        }
    if (g->epilogue) hn_epilogue_f32_ref(g->y, g->ldy, m, g->n, g->epilogue);
}

void hn_direct_f32_ref(const struct hn_direct *d, size_t m)
{
    const size_t k = d->pieces * d->piece;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < d->n; j++) {
            const float *b = d->b + j / HN_PANEL * k * HN_PANEL + j % HN_PANEL;
            double sum = 0;
            for (size_t l = 0; l < k; l++)
                sum +=
                    (double)d->a[l / d->piece][i * d->lda + l % d->piece] * (double)b[l * HN_PANEL];
            d->y[i * d->ldy + j] = (float)sum;
        }
    if (d->epilogue) hn_epilogue_f32_ref(d->y, d->ldy, m, d->n, d->epilogue);
}

/* All channels of one point. */
static void depthwise_point(const struct hn_depthwise *d, const float *x, float *y)
{
    for (size_t c = 0; c < d->channels; c++) {
        double sum = 0;
        for (size_t t = 0; t < d->kernel[0] * d->kernel[1]; t++) {
            const size_t row = t / d->kernel[1] * d->dilation[0];
            const size_t column = t % d->kernel[1] * d->dilation[1];
            sum += (double)x[row * d->x_row + column * d->channels + c] *
                   (double)d->w[t * d->channels + c];
        }
        y[c] = (float)sum;
    }
}

void hn_depthwise_f32_ref(const struct hn_depthwise *d, size_t rows)
{
    for (size_t i = 0; i < rows; i++) {
        float *y = d->y + i * d->y_row;
        for (size_t j = 0; j < d->points; j++)
            depthwise_point(d, d->x + i * d->stride[0] * d->x_row + j * d->stride[1] * d->channels,
                            y + j * d->channels);
        if (!d->epilogue) continue;
        struct hn_epilogue epilogue = *d->epilogue;
        if (epilogue.add) epilogue.add += i * d->add_row;
        hn_epilogue_f32_ref(y, d->channels, d->points, d->channels, &epilogue);
    }
}

/* One output: the convolution itself. */
static float convolve(const struct hn_winograd *w, const float *const *x, size_t j)
{
    const float *panel = w->w + j / HN_PANEL * 9 * w->channels * HN_PANEL + j % HN_PANEL;
    double sum = 0;
    for (size_t t = 0; t < 9; t++)
        for (size_t c = 0; c < w->channels; c++)
            sum += (double)x[t / 3 * HN_WINOGRAD_WINDOW + t % 3][c] *
                   (double)panel[(t * w->channels + c) * HN_PANEL];
    return (float)sum;
}

void hn_winograd_f32_ref(const struct hn_winograd *w, size_t tiles)
{
    for (size_t i = 0; i < tiles * HN_WINOGRAD_OUT; i++) {
        if (w->points[i] == SIZE_MAX) continue;
        const size_t at = i % HN_WINOGRAD_OUT;
        const float *const *x = w->x + i / HN_WINOGRAD_OUT * HN_WINOGRAD_IN +
                                at / HN_WINOGRAD_SIDE * HN_WINOGRAD_WINDOW + at % HN_WINOGRAD_SIDE;
        float *y = w->y + w->points[i] * w->ldy;
        for (size_t j = 0; j < w->n; j++)
            y[j] = convolve(w, x, j);
        if (!w->epilogue) continue;
        struct hn_epilogue epilogue = *w->epilogue;
        if (epilogue.add) epilogue.add += w->points[i] * epilogue.ld_add;
        hn_epilogue_f32_ref(y, w->ldy, 1, w->n, &epilogue);
    }
}

void hn_maximum_f32_ref(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = y[i] > x[i] ? y[i] : x[i];
}
