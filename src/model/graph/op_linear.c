/* Linear models of ai.onnx.ml. */
#include "model/graph/op_args.h"
#include "model/graph/op_list.h"
#include "model/graph/op_scores.h"

#include "base/bits.h"

/* coefficients: [targets][width]; intercepts: [targets], or NULL. */
struct linear {
    size_t targets;
    const float *coefficients, *intercepts;
};

static enum hn_status read_linear(struct hn_op *op, size_t targets, size_t width, struct linear *l)
{
    size_t n_coefficients, n_intercepts, needed;
    l->targets = targets;
    l->coefficients = hn_op_floats(op, "coefficients", &n_coefficients);
    l->intercepts = hn_op_floats(op, "intercepts", &n_intercepts);
    if (n_intercepts == 0) l->intercepts = NULL;
    if (!hn_mul(targets, width, &needed) || needed != n_coefficients ||
        (l->intercepts && n_intercepts < targets))
        return hn_op_fail(op, HN_E_FORMAT,
                          "%zu coefficients and %zu intercepts for %zu features and %zu scores",
                          n_coefficients, n_intercepts, width, targets);
    return HN_OK;
}

static void score_row(const struct linear *l, const float *x, size_t width, float *scores)
{
    for (size_t t = 0; t < l->targets; t++) {
        const float *c = l->coefficients + t * width;
        double sum = l->intercepts ? (double)l->intercepts[t] : 0;
        for (size_t i = 0; i < width; i++)
            sum += (double)c[i] * (double)x[i];
        scores[t] = (float)sum;
    }
}

enum hn_status hn_op_linear_regressor(struct hn_op *op)
{
    const int64_t targets = hn_op_int(op, "targets", 1);
    struct hn_features f;
    struct linear l;
    enum hn_post post;
    if (targets < 1) return hn_op_fail(op, HN_E_FORMAT, "%lld targets", (long long)targets);
    HN_TRY(hn_features_read(op, 0, &f));
    HN_TRY(read_linear(op, (size_t)targets, f.width, &l));
    HN_TRY(hn_post_read(op, &post));
    const size_t shape[2] = {f.n, l.targets};
    float *y = hn_op_out(op, 0, HN_EL_F32, shape, 2);
    if (!y) return hn_op_failed(op);
    for (size_t i = 0; i < f.n; i++, y += l.targets) {
        score_row(&l, f.x + i * f.width, f.width, y);
        hn_post_apply(post, y, l.targets);
    }
    return HN_OK;
}

enum hn_status hn_op_linear_classifier(struct hn_op *op)
{
    struct hn_features f;
    struct hn_labels labels;
    struct linear l;
    enum hn_post post;
    size_t n_coefficients;
    HN_TRY(hn_features_read(op, 0, &f));
    HN_TRY(hn_labels_read(op, "classlabels_ints", "classlabels_strings", &labels));
    HN_TRY(hn_post_read(op, &post));
    (void)hn_op_floats(op, "coefficients", &n_coefficients);
    HN_TRY(read_linear(op, f.width ? n_coefficients / f.width : labels.n, f.width, &l));
    /* One score for two classes is the second's; the first has its opposite. */
    const bool opposite = l.targets == 1 && labels.n == 2;
    const size_t n = opposite ? 2 : l.targets, shape[2] = {f.n, n};
    if (n != labels.n)
        return hn_op_fail(op, HN_E_FORMAT, "%zu scores for %zu classes", l.targets, labels.n);
    float *scores = op->n_out > 1 ? hn_op_out(op, 1, HN_EL_F32, shape, 2)
                                  : hn_op_scratch(op, f.n * n, sizeof *scores);
    ptrdiff_t *classes = hn_op_scratch(op, f.n, sizeof *classes);
    if (!scores || !classes) return hn_op_failed(op);
    for (size_t i = 0; i < f.n; i++, scores += n) {
        score_row(&l, f.x + i * f.width, f.width, scores + opposite);
        if (opposite) scores[0] = -scores[1];
        hn_post_apply(post, scores, n);
        classes[i] = (ptrdiff_t)hn_best_score(scores, n);
        const float least = post == HN_POST_NONE ? 0 : 0.5f;
        if (n == 1 && scores[0] < least) classes[i] = -1;
    }
    return hn_labels_give(op, &labels, classes, f.n);
}
