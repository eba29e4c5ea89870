/* The table of operators, from ops.def. */
#ifndef HN_MODEL_GRAPH_OP_LIST_H
#define HN_MODEL_GRAPH_OP_LIST_H

#include "model/graph/op.h"

enum {
    HN_OP_ANY = 255, /* as many inputs or outputs as the node lists */
};

/* Flags of a row. An input that may be loose (formats/onnx.h) when it is constant is read byte by byte, by
 * `prepare` or by each run. */
enum {
    HN_OP_TENSORS = 0,        /* inputs are tensors alone; the same inputs give the same outputs */
    HN_OP_VALUES = 1 << 0,    /* takes or makes sequences and optionals */
    HN_OP_RANDOM = 1 << 1,    /* gives something else each time: never folded */
    HN_OP_CALLS = 1 << 2,     /* runs graphs that are its attributes */
    HN_OP_LOOSE_0 = 1 << 3,   /* input 0 may be loose */
    HN_OP_LOOSE_1 = 1 << 4,   /* input 1 may */
    HN_OP_LOOSE_ALL = 1 << 5, /* all may */
};

struct hn_lower;
typedef void hn_lower_fn(struct hn_lower *l);

struct hn_op_row {
    const char *domain, *name; /* "" is ai.onnx */
    int since; /* first opset that this row serves; up to that of the next such row */
    hn_op_fn *fn;
    hn_op_prepare_fn *prepare; /* or NULL */
    hn_lower_fn *lower;        /* instead of fn: other operators take its place (lower.h) */
    unsigned char in_min, in_max, out_min, out_max;
    unsigned char flags;
};

#define OP(domain, name, since, fn, in_min, in_max, out_min, out_max, flags) hn_op_fn hn_op_##fn;
#define OP_PREPARED(domain, name, since, fn, in_min, in_max, out_min, out_max, flags)              \
    hn_op_fn hn_op_##fn;                                                                           \
    hn_op_prepare_fn hn_op_prepare_##fn;
#define OP_LOWERED(domain, name, since, fn, in_min, in_max, out_min, out_max)                      \
    hn_lower_fn hn_lower_##fn;
#include "model/graph/ops.def"
#undef OP
#undef OP_PREPARED
#undef OP_LOWERED

/* The row that serves `name` of `domain` at `opset`; NULL when there is none. */
const struct hn_op_row *hn_op_find(struct hn_str domain, struct hn_str name, int64_t opset);
/* All of them, in ops.def's order. */
const struct hn_op_row *hn_op_rows(size_t *n);

#endif
