/* What models of ai.onnx.ml have in common: rows of features in, scores and labels out. */
#ifndef HN_MODEL_GRAPH_OP_SCORES_H
#define HN_MODEL_GRAPH_OP_SCORES_H

#include "model/graph/op.h"

/* What is done with the scores of a row at last. */
enum hn_post {
    HN_POST_NONE,
    HN_POST_SOFTMAX,
    HN_POST_LOGISTIC,
    HN_POST_SOFTMAX_ZERO,
    HN_POST_PROBIT
};

/* From the text attribute "post_transform". */
enum hn_status hn_post_read(struct hn_op *op, enum hn_post *out);
void hn_post_apply(enum hn_post post, float *scores, size_t n);

/* Rows of features as floats, [n][width]; a single row may lack its first dimension. Any type that
 * counts. Lives until the operator returns. */
struct hn_features {
    size_t n, width;
    const float *x;
};
enum hn_status hn_features_read(struct hn_op *op, size_t input, struct hn_features *out);

/* Labels of classes: integers or strings, from the attributes of these names. */
struct hn_labels {
    size_t n;
    const int64_t *numbers; /* NULL: `texts` */
    const struct hn_str *texts;
};
enum hn_status hn_labels_read(struct hn_op *op, const char *numbers, const char *texts,
                              struct hn_labels *out);
/* Output 0: the label of each row's class. Class -1 is none: 0, or an empty string. */
enum hn_status hn_labels_give(struct hn_op *op, const struct hn_labels *labels,
                              const ptrdiff_t *classes, size_t n);

/* The first of the largest. */
size_t hn_best_score(const float *scores, size_t n);

#endif
