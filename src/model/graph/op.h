/* What an operator of a graph sees and does.
 *
 * Operators compute shapes themselves when they run: one function per operator reads inputs and
 * attributes, says what shape its outputs have (hn_op_out gives the memory) and fills them. The graph
 * runs constants once at load (folding).
 *
 * ops.def has one row per operator; the functions stand in op_<group>.c, which include op_list.h.
 * Whatever a file or a client may say must end in an error at worst: axes, indices, negative and
 * enormous sizes, dimensions of 0, division by 0, types that the specification does not allow. */
#ifndef HN_MODEL_GRAPH_OP_H
#define HN_MODEL_GRAPH_OP_H

#include "base/pool.h"
#include "kernels/kernels.h"
#include "tensor/array.h"
#include "tensor/element.h"

struct hn_node;
struct hn_run;

/* What a row's `prepare` made at load: the first member of its own struct. */
struct hn_op_state {
    void (*free)(struct hn_op_state *state);
    size_t bytes; /* that it takes */
};

struct hn_op {
    const struct hn_node *node;       /* graph_impl.h; operators have no need to look inside */
    int opset;                        /* version of the node's domain that the model imports */
    size_t n_in, n_out;               /* as the node lists them; trailing absent ones count */
    const struct hn_array *const *in; /* NULL where absent (optional inputs) */
    struct hn_array *out;             /* filled through hn_op_out */
    const bool *wanted;               /* per output: somebody uses it */
    const void *state;                /* what the row's `prepare` made at load, or NULL */
    const struct hn_kernels *kernels; /* fast functions of this processor */
    struct hn_pool *pool;             /* NULL: this thread alone */
    struct hn_run *run;
    struct hn_error *err;
};
typedef enum hn_status hn_op_fn(struct hn_op *op);

/* Called once at load, after folding; op->in[j] is NULL where the input is not constant. Leaves *out NULL
 * when there is nothing to prepare. States are read by many runs at a time. */
typedef enum hn_status hn_op_prepare_fn(struct hn_op *op, struct hn_op_state **out);

/* In `prepare`: the operator will not read the data of constant input j again (its type and shape stay);
 * freed when every reader says so. */
void hn_op_release(struct hn_op *op, size_t j);

/* Whether the node names input i at all. */
bool hn_op_given(const struct hn_op *op, size_t i);

/* Memory for output i, not cleared, aligned to 64 bytes; its address. NULL when there is none, or
 * shape and type make too much (the error is set then: return hn_op_failed(op)). */
void *hn_op_out(struct hn_op *op, size_t i, enum hn_element type, const size_t *shape,
                size_t n_dims);
/* The same shape and type as input j. May be the memory of input j itself where nobody else reads it:
 * for operators that read an element of it before they write that element. */
void *hn_op_out_like(struct hn_op *op, size_t i, size_t j);
/* Likewise, of any type and shape; in the memory of input j where that has the same number of bytes. */
void *hn_op_out_over(struct hn_op *op, size_t i, size_t j, enum hn_element type,
                     const size_t *shape, size_t n_dims);
/* Memory until the operator returns, aligned to 64 bytes, not cleared; NULL as above. */
void *hn_op_scratch(struct hn_op *op, size_t n, size_t size);
/* Bytes of strings in an output; they live as long as the run's outputs. NULL as above. */
char *hn_op_chars(struct hn_op *op, size_t n);
/* Output i is input j seen in another shape (of as many elements): no copy where possible. */
enum hn_status hn_op_alias(struct hn_op *op, size_t i, size_t j, const size_t *shape,
                           size_t n_dims);
/* The status that hn_op_out, hn_op_scratch or hn_op_chars put into the error. */
enum hn_status hn_op_failed(const struct hn_op *op);

/* Attributes. Those of another type than asked for are refused at load where the row's users ask at
 * load, else they count as absent. Text and arrays live as long as the graph. */
int64_t hn_op_int(const struct hn_op *op, const char *name, int64_t fallback);
float hn_op_float(const struct hn_op *op, const char *name, float fallback);
struct hn_str hn_op_text(const struct hn_op *op, const char *name, const char *fallback);
bool hn_op_has(const struct hn_op *op, const char *name);
/* NULL and *n = 0 when absent; not NULL when there and empty. */
const int64_t *hn_op_ints(const struct hn_op *op, const char *name, size_t *n);
const float *hn_op_floats(const struct hn_op *op, const char *name, size_t *n);
const struct hn_str *hn_op_texts(const struct hn_op *op, const char *name, size_t *n);
const struct hn_array *hn_op_tensor(const struct hn_op *op, const char *name);
/* An axis in [-rank, rank) as one in [0, rank); error otherwise. `rank` may be one more than an input has,
 * for operators that take the place past the last. */
enum hn_status hn_op_axis(struct hn_op *op, int64_t axis, size_t rank, size_t *out);
/* Elements of an integer input (int32 or int64, any rank) as int64_t, until the operator returns. */
enum hn_status hn_op_ints_of(struct hn_op *op, size_t i, const int64_t **out, size_t *n);
/* Dimensions that broadcast to each other (NumPy's rules); error when these do not. `n_dims` and `shape`
 * hold one operand's and become the common ones. */
enum hn_status hn_op_broadcast(struct hn_op *op, size_t *shape, size_t *n_dims,
                               const struct hn_array *with);
/* "node 'x' (Softmax): ..." */
enum hn_status hn_op_fail(struct hn_op *op, enum hn_status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* That input i has a type that the operator does not take. */
enum hn_status hn_op_fail_type(struct hn_op *op, size_t i);

/* Whether the node has a graph as attribute `name`. */
bool hn_op_has_graph(const struct hn_op *op, const char *name);
/* Runs it on `n_in` inputs; *out are its outputs (tensors), until it is called again or the operator
 * returns. The row needs the flag CALLS. */
enum hn_status hn_op_call(struct hn_op *op, const char *name, const struct hn_array *const *in,
                          size_t n_in, const struct hn_array *const **out, size_t *n_out);

/* For loops inside of an operator that take long: HN_E_CANCELLED or HN_E_LIMIT when it should end. */
enum hn_status hn_op_check(struct hn_op *op);

/* Tiles in [0, n) on the operator's threads (as hn_pool_run), or one after the other. */
void hn_op_parallel(struct hn_op *op, size_t n, hn_pool_fn *fn, void *arg);

#endif
