/* Support vector machines of ai.onnx.ml. */
#include "model/graph/op_args.h"
#include "model/graph/op_list.h"
#include "model/graph/op_scores.h"

#include <math.h>

#include "base/bits.h"

enum kernel { LINEAR, POLY, RBF, SIGMOID };

struct svm {
    enum kernel kernel;
    float gamma, coef0, degree;
    const float *coefficients, *vectors, *rho;
    size_t n_coefficients, n_vectors, n_rho; /* vectors: [n_vectors][width of the features] */
};

static enum hn_status read_kernel(struct hn_op *op, struct svm *svm)
{
    static const char *const names[] = {"LINEAR", "POLY", "RBF", "SIGMOID"};
    const struct hn_str name = hn_op_text(op, "kernel_type", "LINEAR");
    size_t n, kernel = 0;
    while (kernel < HN_COUNT(names) && !hn_str_is(name, names[kernel]))
        kernel++;
    if (kernel == HN_COUNT(names))
        return hn_op_fail(op, HN_E_UNSUPPORTED, "kernel_type '%.*s'", HN_FMT(name));
    const float *params = hn_op_floats(op, "kernel_params", &n);
    svm->kernel = (enum kernel)kernel;
    svm->gamma = n > 0 ? params[0] : 0;
    svm->coef0 = n > 1 ? params[1] : 0;
    svm->degree = n > 2 ? params[2] : 0;
    return HN_OK;
}

/* `n_vectors` of the width of the features; without any the model is linear. */
static enum hn_status read_svm(struct hn_op *op, size_t n_vectors, size_t width, struct svm *svm)
{
    size_t n, needed;
    HN_TRY(read_kernel(op, svm));
    svm->coefficients = hn_op_floats(op, "coefficients", &svm->n_coefficients);
    svm->rho = hn_op_floats(op, "rho", &svm->n_rho);
    svm->vectors = hn_op_floats(op, "support_vectors", &n);
    svm->n_vectors = n_vectors;
    if (!hn_mul(n_vectors, width, &needed) || (n_vectors && needed != n) || svm->n_rho == 0)
        return hn_op_fail(op, HN_E_FORMAT, "%zu support vectors of %zu features in %zu numbers",
                          n_vectors, width, n);
    if (n_vectors == 0) svm->kernel = LINEAR;
    return HN_OK;
}

static double kernel_of(const struct svm *svm, const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const double x = (double)a[i], y = (double)b[i];
        sum += svm->kernel == RBF ? (x - y) * (x - y) : x * y;
    }
    const double shifted = sum * (double)svm->gamma + (double)svm->coef0;
    switch (svm->kernel) {
    case POLY: return pow(shifted, (double)svm->degree);
    case RBF: return exp(-(double)svm->gamma * sum);
    case SIGMOID: return tanh(shifted);
    default: return sum;
    }
}

enum hn_status hn_op_svm_regressor(struct hn_op *op)
{
    const int64_t n_supports = hn_op_int(op, "n_supports", 0);
    const bool one_class = hn_op_int(op, "one_class", 0) != 0;
    struct hn_features f;
    struct svm svm = {.kernel = LINEAR};
    enum hn_post post;
    HN_TRY(hn_features_read(op, 0, &f));
    HN_TRY(hn_post_read(op, &post));
    HN_TRY(read_svm(op, n_supports > 0 ? (size_t)n_supports : 0, f.width, &svm));
    if (svm.n_coefficients != (svm.n_vectors ? svm.n_vectors : f.width))
        return hn_op_fail(op, HN_E_FORMAT, "%zu coefficients", svm.n_coefficients);
    const size_t shape[2] = {f.n, 1};
    float *y = hn_op_out(op, 0, HN_EL_F32, shape, 2);
    if (!y) return hn_op_failed(op);
    for (size_t i = 0; i < f.n; i++) {
        const float *x = f.x + i * f.width;
        double sum = svm.n_vectors ? 0 : kernel_of(&svm, x, svm.coefficients, f.width);
        for (size_t j = 0; j < svm.n_vectors; j++)
            sum += (double)svm.coefficients[j] *
                   kernel_of(&svm, x, svm.vectors + j * f.width, f.width);
        y[i] = (float)(sum + (double)svm.rho[0]);
        if (one_class) y[i] = y[i] > 0 ? 1 : -1;
        else hn_post_apply(post, y + i, 1);
    }
    return HN_OK;
}

/* A classifier: classes in pairs, each with the support vectors of its two, or (without any) one set of
 * coefficients per class. */
struct classifier {
    struct svm svm;
    struct hn_labels labels;
    size_t classes, pairs;
    size_t *counts, *starts;      /* support vectors of each class */
    const float *prob_a, *prob_b; /* [pairs], or NULL: scores are no probabilities */
    enum hn_post post;
    bool all_positive; /* no coefficient is negative */
    /* Of one row. */
    double *kernels, *votes, *scores, *matrix, *work;
};

static enum hn_status bad_model(struct hn_op *op, const char *what)
{
    return hn_op_fail(op, HN_E_FORMAT, "%s do not fit the classes", what);
}

static enum hn_status read_counts(struct hn_op *op, struct classifier *c, size_t *total)
{
    size_t n;
    const int64_t *given = hn_op_ints(op, "vectors_per_class", &n);
    *total = 0;
    c->counts = hn_op_scratch(op, c->classes, sizeof *c->counts);
    c->starts = hn_op_scratch(op, c->classes, sizeof *c->starts);
    if (!c->counts || !c->starts) return hn_op_failed(op);
    if (n && n != c->classes) return bad_model(op, "vectors_per_class");
    for (size_t i = 0; i < n; i++) {
        if (given[i] < 0 || given[i] > INT32_MAX) return bad_model(op, "vectors_per_class");
        c->starts[i] = *total;
        *total += c->counts[i] = (size_t)given[i];
    }
    return HN_OK;
}

static enum hn_status read_classifier(struct hn_op *op, size_t width, struct classifier *c)
{
    size_t vectors, n_a, n_b, needed;
    HN_TRY(hn_labels_read(op, "classlabels_ints", "classlabels_strings", &c->labels));
    HN_TRY(hn_post_read(op, &c->post));
    c->classes = c->labels.n;
    if (!hn_mul(c->classes, c->classes - 1, &c->pairs)) return bad_model(op, "labels");
    c->pairs /= 2;
    HN_TRY(read_counts(op, c, &vectors));
    HN_TRY(read_svm(op, vectors, width, &c->svm));
    const bool fits =
        vectors ? hn_mul(c->classes - 1, vectors, &needed) : hn_mul(c->classes, width, &needed);
    if (!fits || needed != c->svm.n_coefficients) return bad_model(op, "coefficients");
    if (vectors && (c->svm.n_rho < c->pairs || c->classes < 2)) return bad_model(op, "rho");
    c->prob_a = hn_op_floats(op, "prob_a", &n_a);
    c->prob_b = hn_op_floats(op, "prob_b", &n_b);
    if (n_a == 0 || !vectors) c->prob_a = NULL;
    if (c->prob_a && (n_a < c->pairs || n_b < c->pairs)) return bad_model(op, "prob_a and prob_b");
    c->all_positive = true;
    for (size_t i = 0; i < c->svm.n_coefficients; i++)
        c->all_positive &= c->svm.coefficients[i] >= 0;
    const size_t square = c->prob_a ? 2 * c->pairs + c->classes : 0; /* classes squared */
    c->kernels = hn_op_scratch(op, vectors, sizeof(double));
    c->votes = hn_op_scratch(op, c->classes, sizeof(double));
    c->scores = hn_op_scratch(op, hn_max(c->pairs, c->classes), sizeof(double));
    c->matrix = hn_op_scratch(op, 2 * square, sizeof(double));
    c->work = hn_op_scratch(op, 2 * c->classes, sizeof(double));
    if (!c->kernels || !c->votes || !c->scores || !c->matrix || !c->work) return hn_op_failed(op);
    return HN_OK;
}

static double dot_from(const float *coefficients, const double *kernels, size_t first, size_t n)
{
    double sum = 0;
    for (size_t i = first; i < first + n; i++)
        sum += (double)coefficients[i] * kernels[i];
    return sum;
}

/* Each pair of classes decides for one of them. */
static void vote(const struct classifier *c, const float *x, size_t width)
{
    const struct svm *svm = &c->svm;
    const size_t n = svm->n_vectors;
    for (size_t j = 0; j < n; j++)
        c->kernels[j] = kernel_of(svm, x, svm->vectors + j * width, width);
    memset(c->votes, 0, c->classes * sizeof *c->votes);
    size_t pair = 0;
    for (size_t i = 0; i < c->classes; i++)
        for (size_t j = i + 1; j < c->classes; j++, pair++) {
            const float *of_i = svm->coefficients + (j - 1) * n, *of_j = svm->coefficients + i * n;
            const double score = (double)svm->rho[pair] +
                                 dot_from(of_i, c->kernels, c->starts[i], c->counts[i]) +
                                 dot_from(of_j, c->kernels, c->starts[j], c->counts[j]);
            c->scores[pair] = score;
            c->votes[score > 0 ? i : j]++;
        }
}

/* Probabilities of the classes from those of the pairs: Wu, Lin and Weng's second method (2004), as in
 * LIBSVM. r: [classes][classes]. */
static void couple(size_t k, const double *r, double *q, double *qp, double *p)
{
    for (size_t t = 0; t < k; t++) {
        p[t] = 1 / (double)k;
        q[t * k + t] = 0;
        for (size_t j = 0; j < k; j++) {
            if (j == t) continue;
            q[t * k + t] += r[j * k + t] * r[j * k + t];
            q[t * k + j] = -r[j * k + t] * r[t * k + j];
        }
    }
    for (size_t round = 0; round < hn_max(100, k); round++) {
        double pqp = 0, worst = 0;
        for (size_t t = 0; t < k; t++) {
            qp[t] = 0;
            for (size_t j = 0; j < k; j++)
                qp[t] += q[t * k + j] * p[j];
            pqp += p[t] * qp[t];
        }
        for (size_t t = 0; t < k; t++)
            worst = fmax(worst, fabs(qp[t] - pqp));
        if (worst < 0.005 / (double)k) break;
        for (size_t t = 0; t < k; t++) {
            const double diff = (pqp - qp[t]) / q[t * k + t], whole = 1 + diff;
            p[t] += diff;
            pqp = (pqp + diff * (diff * q[t * k + t] + 2 * qp[t])) / (whole * whole);
            for (size_t j = 0; j < k; j++) {
                qp[j] = (qp[j] + diff * q[t * k + j]) / whole;
                p[j] /= whole;
            }
        }
    }
}

static void probabilities(const struct classifier *c)
{
    const size_t k = c->classes;
    double *r = c->matrix, *q = r + k * k;
    size_t pair = 0;
    for (size_t i = 0; i < k; i++)
        for (size_t j = i + 1; j < k; j++, pair++) {
            const double v = c->scores[pair] * (double)c->prob_a[pair] + (double)c->prob_b[pair];
            r[i * k + j] = fmin(fmax(1 / (1 + exp(v)), 1e-7), 1 - 1e-7);
            r[j * k + i] = 1 - r[i * k + j];
        }
    couple(k, r, q, c->work, c->work + k);
    memcpy(c->scores, c->work + k, k * sizeof *c->scores);
}

static size_t best(const double *values, size_t n)
{
    size_t at = 0;
    for (size_t i = 1; i < n; i++)
        if (values[i] > values[at]) at = i;
    return at;
}

/* Which class a row is of; -1 where one class alone has a label and the row is not of it. */
static ptrdiff_t decide(const struct classifier *c)
{
    const double *values = c->svm.n_vectors ? c->votes : c->scores;
    const size_t most = best(values, c->classes);
    if (c->classes == 1) return values[0] > 0 ? 0 : -1;
    if (c->classes == 2 && c->svm.n_rho == 1 && !c->prob_a && c->all_positive &&
        values[most] >= 0.5)
        return 1;
    return (ptrdiff_t)most;
}

static void score_classes(const struct classifier *c, const float *x, size_t width)
{
    if (c->svm.n_vectors) {
        vote(c, x, width);
        if (c->prob_a) probabilities(c);
        return;
    }
    for (size_t j = 0; j < c->classes; j++)
        c->scores[j] =
            (double)c->svm.rho[0] + kernel_of(&c->svm, x, c->svm.coefficients + j * width, width);
}

enum hn_status hn_op_svm_classifier(struct hn_op *op)
{
    struct hn_features f;
    struct classifier c = {.classes = 0};
    HN_TRY(hn_features_read(op, 0, &f));
    HN_TRY(read_classifier(op, f.width, &c));
    const size_t scores = c.svm.n_vectors && !c.prob_a ? c.pairs : c.classes;
    /* The score of the one pair there is, and before it its opposite. */
    const bool opposite = scores == 1 && c.classes == 2;
    const size_t n = opposite ? 2 : scores, shape[2] = {f.n, n};
    float *y = op->n_out > 1 ? hn_op_out(op, 1, HN_EL_F32, shape, 2)
                             : hn_op_scratch(op, f.n * n, sizeof *y);
    ptrdiff_t *classes = hn_op_scratch(op, f.n, sizeof *classes);
    if (!y || !classes) return hn_op_failed(op);
    for (size_t i = 0; i < f.n; i++, y += n) {
        score_classes(&c, f.x + i * f.width, f.width);
        for (size_t j = 0; j < scores; j++)
            y[j + opposite] = (float)c.scores[j];
        if (opposite) y[0] = -y[1];
        hn_post_apply(c.post, y, n);
        classes[i] = decide(&c);
    }
    return hn_labels_give(op, &c.labels, classes, f.n);
}
