/* The body of POST /v1/predictions. */
#ifndef HN_SERVER_PREDICTIONS_H
#define HN_SERVER_PREDICTIONS_H

#include "server/catalogue.h"
#include "server/inference.h"

/* A body, read once over: what has to wait for the model is kept as JSON, a view; p NULL: not there. */
struct hn_prediction_body {
    struct hn_str model, rows, columns, outputs;
    char name[HN_MODEL_NAME + 1]; /* what `model` is a view of */
    bool why;
};

/* HN_E_FORMAT, HN_E_NOMEM. */
enum hn_status hn_prediction_body_read(struct hn_str text, struct hn_prediction_body *out,
                                       struct hn_error *err);
/* Makes the inputs of a model of what was kept. */
enum hn_status hn_prediction_fill(struct hn_inference *f, const struct hn_prediction_body *b,
                                  struct hn_str text, struct hn_refusal *why);

#endif
