#include "model/trees_link.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t hn_trees_link_outputs(const struct hn_trees_link *link, size_t n)
{
    return link->kind == HN_LINK_ARGMAX ? 1 : n;
}

static float one_f32(const struct hn_trees_link *link, float x)
{
    switch (link->kind) {
    case HN_LINK_SIGMOID: return 1.0f / (expf(fminf(-x, 88.7f)) + 1.0f + 1e-16f);
    case HN_LINK_STEP: return x > 0 ? 1.0f : 0.0f;
    case HN_LINK_EXP: return expf(x);
    default: return x;
    }
}

static void softmax_f32(float *row, size_t n)
{
    float most = row[0];
    for (size_t i = 1; i < n; i++)
        most = fmaxf(row[i], most);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        row[i] = expf(row[i] - most);
        sum += (double)row[i];
    }
    for (size_t i = 0; i < n; i++)
        row[i] /= (float)sum;
}

static size_t argmax_f32(const float *row, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (row[i] > row[best]) best = i;
    return best;
}

static int compare_floats(const void *p, const void *q)
{
    const float a = *(const float *)p;
    const float b = *(const float *)q;
    return (a > b) - (a < b);
}

static float softplus(float x)
{
    return x > 0 ? x + log1pf(expf(-x)) : log1pf(expf(x));
}

static void rise_f32(float *row, size_t n)
{
    for (size_t i = 1; i < n; i++)
        row[i] = row[i - 1] + (1e-6f + softplus(row[i]));
}

void hn_trees_link_f32(const struct hn_trees_link *link, const float *sums, size_t rows, size_t n,
                       float *out)
{
    if (link->kind == HN_LINK_ARGMAX) {
        for (size_t r = 0; r < rows; r++)
            out[r] = (float)argmax_f32(sums + r * n, n);
        return;
    }
    if (out != sums) memcpy(out, sums, rows * n * sizeof *out);
    for (size_t r = 0; r < rows; r++) {
        float *row = out + r * n;
        if (link->kind == HN_LINK_SOFTMAX) softmax_f32(row, n);
        else if (link->kind == HN_LINK_SORTED) qsort(row, n, sizeof *row, compare_floats);
        else if (link->kind == HN_LINK_RISING) rise_f32(row, n);
        else if (link->kind != HN_LINK_IDENTITY)
            for (size_t i = 0; i < n; i++)
                row[i] = one_f32(link, row[i]);
    }
}

static double one_f64(const struct hn_trees_link *link, double x)
{
    switch (link->kind) {
    case HN_LINK_SIGMOID: return 1.0 / (1.0 + exp(-link->parameter * x));
    case HN_LINK_EXP: return exp(x);
    case HN_LINK_LOG1P_EXP: return log1p(exp(x));
    case HN_LINK_SQUARE: return x > 0 ? x * x : -(x * x);
    default: return x;
    }
}

static void softmax_f64(double *row, size_t n)
{
    double most = row[0];
    for (size_t i = 1; i < n; i++)
        most = fmax(row[i], most);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += row[i] = exp(row[i] - most);
    for (size_t i = 0; i < n; i++)
        row[i] /= sum;
}

void hn_trees_link_f64(const struct hn_trees_link *link, const double *sums, size_t rows, size_t n,
                       double *out)
{
    if (out != sums) memcpy(out, sums, rows * n * sizeof *out);
    for (size_t r = 0; r < rows; r++) {
        double *row = out + r * n;
        if (link->kind == HN_LINK_SOFTMAX) softmax_f64(row, n);
        else if (link->kind != HN_LINK_IDENTITY)
            for (size_t i = 0; i < n; i++)
                row[i] = one_f64(link, row[i]);
    }
}
