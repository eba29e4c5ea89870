/* A model that is one function of its inputs: trees, a graph. */
#ifndef HN_MODEL_PREDICTOR_H
#define HN_MODEL_PREDICTOR_H

#include "base/cancel.h"
#include "base/pool.h"
#include "model/categories.h"
#include "tensor/array.h"

/* The output that tells what each column contributed, where a model can. */
#define HN_CONTRIBUTIONS "contributions"

/* An input or an output. */
struct hn_port {
    const char *name;
    enum hn_element type;
    bool any_number; /* an input: every numeric type is taken, and converted to `type` */
    bool known_rank; /* else n_dims and shape say nothing */
    size_t n_dims;
    int64_t shape[HN_ARRAY_DIMS];         /* -1: any */
    const char *dim_names[HN_ARRAY_DIMS]; /* of those that are any, or NULL */
    const char *const *labels;            /* [n_labels]: what the columns of [rows][n_labels] stand
                                             for, features or classes; or NULL */
    size_t n_labels;
    const struct hn_categories
        *categories; /* [n_labels] of an input's columns, where these have names; or NULL */
    bool strict;     /* a name that is no category's is an error; else it counts as missing */
    bool keyed;      /* an input whose rows are maps: columns that a row lacks are 0 */
    bool optional;   /* an input that may be absent */
    bool on_request; /* an output that is computed only when asked for: "margin", "contributions" */
};

struct hn_predictor_about {
    const char *kind; /* "xgboost", "lightgbm", "onnx" */
    const struct hn_port *inputs, *outputs;
    size_t n_inputs, n_outputs;
    bool stacks; /* dimension 0 of all inputs and outputs counts independent rows: requests may be
                    stacked, each row's result being a function of that row alone, bit for bit */
    const char *unexplained; /* why HN_CONTRIBUTIONS is no output; NULL where it is */
    size_t bytes;            /* memory taken by the loaded model */
};

/* Zero-initialised: the usual. */
struct hn_predictor_options {
    const char *cpu;    /* lowers the instruction set, as HENCE_CPU does; NULL: the best */
    size_t run_bytes;   /* memory that one run may take; 0: half of what there is */
    uint64_t run_nodes; /* operators that one run may execute, loops counted; 0: 2^32 */
};

struct hn_predictor;
struct hn_prediction; /* memory for running it: one thread's at a time */

/* What a kind of model does. */
struct hn_predictor_ops {
    void (*close)(struct hn_predictor *p);
    enum hn_status (*begin)(struct hn_predictor *p, struct hn_pool *pool,
                            struct hn_prediction **out, struct hn_error *err);
    void (*end)(struct hn_prediction *run);
    enum hn_status (*run)(struct hn_prediction *run, const struct hn_array *const *in,
                          const bool *wanted, struct hn_array *out, struct hn_error *err);
};

/* The first member of each kind's struct; `about` is filled by its open. */
struct hn_predictor {
    const struct hn_predictor_ops *ops;
    struct hn_predictor_about about;
};

/* Likewise, of its runs; begin of the kind fills nothing of it. */
struct hn_prediction {
    struct hn_predictor *predictor;
    struct hn_cancel cancel;
    struct hn_array *converted; /* of inputs that came in another type; owned, as are their data */
    size_t *room;               /* bytes that each of them has */
    const struct hn_array **in;
};

/* Whether a file looks like one of these. */
bool hn_predictor_is(const char *path);
/* Opens a file by what is in it (XGBoost JSON and UBJSON, LightGBM text, ONNX). Errors name it.
 * `options` may be NULL. */
enum hn_status hn_predictor_open(const char *path, const struct hn_predictor_options *options,
                                 struct hn_predictor **out, struct hn_error *err);
void hn_predictor_close(struct hn_predictor *p);

/* An input or output by its name; SIZE_MAX: there is none. */
size_t hn_port_find(const struct hn_port *ports, size_t n, struct hn_str name);
/* The same, or HN_E_ARG, which says what there is. HN_E_UNSUPPORTED: contributions of a model that cannot
 * explain. */
enum hn_status hn_predictor_input(const struct hn_predictor_about *about, struct hn_str name,
                                  size_t *out, struct hn_error *err);
enum hn_status hn_predictor_output(const struct hn_predictor_about *about, struct hn_str name,
                                   size_t *out, struct hn_error *err);
/* The output of contributions. HN_E_UNSUPPORTED: the model cannot explain, and why. */
enum hn_status hn_predictor_explains(const struct hn_predictor_about *about, size_t *out,
                                     struct hn_error *err);

/* Whether an output has a number for each of its port's labels: [rows][n_labels]. */
bool hn_port_classifies(const struct hn_port *port, const struct hn_array *out);
/* The label with the greatest of them, the first of several; `out` is such an output. */
const char *hn_port_label(const struct hn_port *port, const struct hn_array *out, size_t row);
const struct hn_predictor_about *hn_predictor_about(const struct hn_predictor *p);

/* `pool` may be NULL: the calling thread alone. */
enum hn_status hn_prediction_begin(struct hn_predictor *p, struct hn_pool *pool,
                                   struct hn_prediction **out, struct hn_error *err);
void hn_prediction_end(struct hn_prediction *run);

/* Computes outputs from inputs (NULL: absent). `wanted[i]` says whether output i is needed; NULL: those
 * that are not on_request. Outputs lie in the run's memory until it is used again. Inputs are checked
 * against the ports (type, rank, fixed dimensions) before the kind sees them. */
enum hn_status hn_prediction_run(struct hn_prediction *run, const struct hn_array *const *in,
                                 const bool *wanted, struct hn_array *out, struct hn_error *err);

/* What ends the runs that follow, soon and with HN_E_CANCELLED. */
void hn_prediction_cancel_by(struct hn_prediction *run, struct hn_cancel cancel);

#endif
