/* Graphs of operators (ONNX): loaded once, run by many. */
#ifndef HN_MODEL_GRAPH_GRAPH_H
#define HN_MODEL_GRAPH_GRAPH_H

#include "base/cancel.h"
#include "base/pool.h"
#include "formats/onnx.h"
#include "model/predictor.h"

struct hn_graph;
struct hn_run; /* memory for running one; one thread's at a time */

enum hn_value_kind {
    HN_VALUE_NONE, /* an optional without a value; an input that is not given */
    HN_VALUE_TENSOR,
    HN_VALUE_SEQUENCE,
};

/* What goes into a graph and comes out. */
struct hn_value {
    enum hn_value_kind kind;
    struct hn_array array;        /* of a tensor; of a sequence its element type alone */
    const struct hn_value *items; /* of a sequence */
    size_t n;
};

/* Loads a file, or a parsed one (taken over, also on failure). Errors name it and the node. */
enum hn_status hn_graph_open(const char *path, const struct hn_predictor_options *options,
                             struct hn_graph **out, struct hn_error *err);
enum hn_status hn_graph_load(struct hn_onnx *file, const char *name,
                             const struct hn_predictor_options *options, struct hn_graph **out,
                             struct hn_error *err);
void hn_graph_close(struct hn_graph *graph);

/* Inputs that the caller gives (initialisers are none of them) and outputs; of an output's
 * type and shape what follows from the inputs', else what the file says. */
const struct hn_onnx_value *hn_graph_input(const struct hn_graph *graph, size_t i);
const struct hn_onnx_value *hn_graph_output(const struct hn_graph *graph, size_t i);
size_t hn_graph_inputs(const struct hn_graph *graph);
size_t hn_graph_outputs(const struct hn_graph *graph);

/* What the columns of a table stand for (op_map.c): features, which each row may lack, and classes. */
struct hn_column_labels {
    size_t n;                   /* 0: nobody says */
    const struct hn_str *texts; /* or */
    const int64_t *numbers;
};
const struct hn_column_labels *hn_graph_input_labels(const struct hn_graph *graph, size_t i);
const struct hn_column_labels *hn_graph_output_labels(const struct hn_graph *graph, size_t i);
/* Dimension 0 of all inputs and outputs counts rows that never meet: requests may be stacked. */
bool hn_graph_stacks(const struct hn_graph *graph);
/* Bytes that the loaded graph takes. */
size_t hn_graph_bytes(const struct hn_graph *graph);

/* Memory for one run at a time of the graph, which outlives it, as does the pool (NULL: the calling thread
 * alone). */
enum hn_status hn_run_create(const struct hn_graph *graph, struct hn_pool *pool,
                             struct hn_run **out, struct hn_error *err);
void hn_run_destroy(struct hn_run *run); /* NULL is fine */

/* Runs the graph. Outputs lie in the run's memory until it is used again. `cancel` (NULL: nothing ends it) is
 * looked at between operators; HN_E_CANCELLED. */
enum hn_status hn_run_go(struct hn_run *run, const struct hn_value *in, struct hn_value *out,
                         const struct hn_cancel *cancel, struct hn_error *err);
/* How often the run asked the system for memory. */
size_t hn_run_allocations(const struct hn_run *run);

#endif
