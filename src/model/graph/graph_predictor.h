/* ONNX graphs as predictors. */
#ifndef HN_MODEL_GRAPH_GRAPH_PREDICTOR_H
#define HN_MODEL_GRAPH_GRAPH_PREDICTOR_H

#include "model/predictor.h"

/* Whether a file that begins so may be one. */
bool hn_graph_is(struct hn_str head);
/* Errors name the path and the node. Close it as any predictor. */
enum hn_status hn_graph_predictor_open(const char *path, const struct hn_predictor_options *options,
                                       struct hn_predictor **out, struct hn_error *err);

#endif
