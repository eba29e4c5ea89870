#include "model/graph/op_scores.h"

#include <math.h>

#include "base/bits.h"

enum hn_status hn_post_read(struct hn_op *op, enum hn_post *out)
{
    static const char *const names[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
    const struct hn_str name = hn_op_text(op, "post_transform", "NONE");
    for (size_t i = 0; i < HN_COUNT(names); i++)
        if (hn_str_is(name, names[i])) return *out = (enum hn_post)i, HN_OK;
    return hn_op_fail(op, HN_E_UNSUPPORTED, "post_transform '%.*s'", HN_FMT(name));
}

/* Softmax; scores of zero stay zero where `keep_zero`. */
static void softmax(float *scores, size_t n, bool keep_zero)
{
    float most = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++)
        most = fmaxf(most, scores[i]);
    for (size_t i = 0; i < n; i++) {
        const bool zero = keep_zero && fabsf(scores[i]) <= 1e-7f;
        scores[i] = zero ? scores[i] * expf(-most) : expf(scores[i] - most);
        sum += scores[i];
    }
    for (size_t i = 0; i < n; i++)
        scores[i] = sum == 0 ? 0.5f : scores[i] / sum;
}

static float logistic(float v)
{
    const float positive = 1 / (1 + expf(-fabsf(v)));
    return v < 0 ? 1 - positive : positive;
}

/* The quantile of the normal distribution, in Winitzki's approximation of the error function's inverse:
 * the one that other runtimes have. */
static float probit(float v)
{
    const float x = 2 * v - 1, rest = (1 - x) * (1 + x), a = 0.147f, pi = 3.14159265f;
    if (rest == 0) return 0;
    const float log_rest = logf(rest), b = 2 / (pi * a) + log_rest / 2;
    const float size = sqrtf(sqrtf(b * b - log_rest / a) - b);
    return 1.41421356f * (x < 0 ? -size : size);
}

void hn_post_apply(enum hn_post post, float *scores, size_t n)
{
    if (post == HN_POST_SOFTMAX || post == HN_POST_SOFTMAX_ZERO)
        softmax(scores, n, post == HN_POST_SOFTMAX_ZERO);
    for (size_t i = 0; i < n && post == HN_POST_LOGISTIC; i++)
        scores[i] = logistic(scores[i]);
    for (size_t i = 0; i < n && post == HN_POST_PROBIT; i++)
        scores[i] = probit(scores[i]);
}

enum hn_status hn_features_read(struct hn_op *op, size_t input, struct hn_features *out)
{
    const struct hn_array *x = op->in[input];
    if (!hn_element_is_number(x->type)) return hn_op_fail_type(op, input);
    if (x->n_dims < 1 || x->n_dims > 2)
        return hn_op_fail(op, HN_E_FORMAT, "rows of features are expected, [N, C] or [C]");
    out->n = x->n_dims == 2 ? x->shape[0] : 1;
    out->width = x->shape[x->n_dims - 1];
    out->x = x->data;
    if (x->type == HN_EL_F32) return HN_OK;
    float *rounded = hn_op_scratch(op, x->n, sizeof *rounded);
    if (!rounded) return hn_op_failed(op);
    (void)hn_element_convert(HN_EL_F32, rounded, x->type, x->data, x->n, (struct hn_convert){0});
    out->x = rounded;
    return HN_OK;
}

enum hn_status hn_labels_read(struct hn_op *op, const char *numbers, const char *texts,
                              struct hn_labels *out)
{
    out->texts = hn_op_texts(op, texts, &out->n);
    out->numbers = out->n ? NULL : hn_op_ints(op, numbers, &out->n);
    if (out->n == 0) return hn_op_fail(op, HN_E_FORMAT, "no labels of classes");
    return HN_OK;
}

enum hn_status hn_labels_give(struct hn_op *op, const struct hn_labels *labels,
                              const ptrdiff_t *classes, size_t n)
{
    void *y = hn_op_out(op, 0, labels->numbers ? HN_EL_I64 : HN_EL_STRING, &n, 1);
    if (!y) return hn_op_failed(op);
    for (size_t i = 0; i < n; i++) {
        const ptrdiff_t class = classes[i];
        if (labels->numbers) ((int64_t *)y)[i] = class < 0 ? 0 : labels->numbers[class];
        else ((struct hn_str *)y)[i] = class < 0 ? HN_STR("") : labels->texts[class];
    }
    return HN_OK;
}

size_t hn_best_score(const float *scores, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (scores[i] > scores[best]) best = i;
    return best;
}
