/* ONNX graphs as predictors. */
#ifndef HN_MODEL_GRAPH_GRAPH_PREDICTOR_H
#define HN_MODEL_GRAPH_GRAPH_PREDICTOR_H

#include "model/predictor.h"

bool hn_graph_is(struct hn_str head);
enum hn_status hn_graph_predictor_open(const char *path, const struct hn_predictor_options *options,
                                       struct hn_predictor **out, struct hn_error *err);

#endif
