/* What can be said of values before a graph runs: types and shapes, in which a dimension may be a number, a
 * symbol (the same wherever it stands), or anything. What is not known is no error; what cannot be is.
 * Rules, hn_shape_NAME of ops.def, stand in shape_rules.c, shape_move.c and shape_product.c. */
#ifndef HN_MODEL_GRAPH_SHAPE_H
#define HN_MODEL_GRAPH_SHAPE_H

#include "model/graph/graph_impl.h"

/* A dimension: a number, or a symbol's number beyond HN_DIM_ANY. */
#define HN_DIM_ANY INT64_MIN
static inline bool hn_dim_is_number(int64_t dim)
{
    return dim > INT64_MIN / 2;
}

enum { HN_SHAPE_VALUES = 32 };

struct hn_fact {
    bool known_type, known_rank;
    enum hn_element type;
    size_t n_dims, n_values;
    const int64_t *dims;
    const int64_t
        *values; /* elements of a tensor of integers that has at most one dimension; or NULL */
};

/* The node that is looked at, with what is known of its inputs. */
struct hn_shaper {
    struct hn_body *body;
    const struct hn_node *node;
    struct hn_fact *facts; /* [n_slots] */
    size_t n_symbols;
    size_t n_looks; /* at nodes of graphs in graphs */
    struct hn_arena arena;
    struct hn_error *err;
};

/* Input i; nothing is known of one that is absent. */
const struct hn_fact *hn_shape_in(const struct hn_shaper *s, size_t i);
bool hn_shape_has(const struct hn_shaper *s, size_t i);
/* Output i, where the node has it; else a place that nobody reads. */
struct hn_fact *hn_shape_out(struct hn_shaper *s, size_t i);
/* Its shape. */
enum hn_status hn_shape_set(struct hn_shaper *s, size_t i, const int64_t *dims, size_t n);
/* Its elements. */
enum hn_status hn_shape_set_values(struct hn_shaper *s, size_t i, const int64_t *values, size_t n);
/* "node 'x' (MatMul): ..." */
enum hn_status hn_shape_fail(struct hn_shaper *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The node's outputs; what contradicts itself is an error. */
enum hn_status hn_shape_look(struct hn_shaper *s, const struct hn_node *node);
/* What is known of a slot, constant or not. */
enum hn_status hn_shape_of_slot(struct hn_shaper *s, int32_t slot, struct hn_fact *out);

/* A list of numbers: input i where the node has it, else the attribute. False: it is there and not known.
 * *out is NULL where it is not there. */
bool hn_shape_ints(const struct hn_shaper *s, size_t i, const char *name, const int64_t **out,
                   size_t *n);
/* An axis in [-rank, rank) as one in [0, rank); an error otherwise. */
enum hn_status hn_shape_axis(struct hn_shaper *s, int64_t axis, size_t rank, size_t *out);

/* HN_DIM_ANY unless both are numbers and the result is one. */
int64_t hn_dim_times(int64_t a, int64_t b);
int64_t hn_dim_plus(int64_t a, int64_t b);
/* Whether two dimensions cannot be the same. */
static inline bool hn_dims_differ(int64_t a, int64_t b)
{
    return hn_dim_is_number(a) && hn_dim_is_number(b) && a != b;
}
/* What both say together. */
static inline int64_t hn_dim_both(int64_t a, int64_t b)
{
    return a == HN_DIM_ANY || (!hn_dim_is_number(a) && hn_dim_is_number(b)) ? b : a;
}
/* NumPy's rules for the last dimensions of both; `dims` and `n` become the common ones. */
enum hn_status hn_shape_broadcast(struct hn_shaper *s, int64_t *dims, size_t *n,
                                  const int64_t *with, size_t n_with);

#endif
