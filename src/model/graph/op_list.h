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

/* The type of a first output, as far as it follows without the shape rule: an input's, or one of its own. */
enum hn_op_type {
    HN_OP_TYPE_UNTOLD,
    HN_OP_TYPE_FIRST,
    HN_OP_TYPE_SECOND,
    HN_OP_TYPE_THIRD,
    HN_OP_TYPE_BOOL,
    HN_OP_TYPE_I32,
    HN_OP_TYPE_I64,
    HN_OP_TYPE_U8,
    HN_OP_TYPE_F32,
    HN_OP_TYPE_TEXT,
};

/* What an operator does to the rows of a batch (stack.c). */
enum hn_op_rows {
    HN_OP_ROWS_MIXED, /* rows may meet, or nothing is known */
    HN_OP_ROWS_EACH,  /* element by element, operands broadcast */
    HN_OP_ROWS_ALONG, /* along dimension 0 of its first input, with the others the same for all */
    HN_OP_ROWS_MATMUL,
    HN_OP_ROWS_GEMM,
    HN_OP_ROWS_NORM,    /* over dimensions from attribute `axis` on */
    HN_OP_ROWS_SOFTMAX, /* over dimension `axis` */
    HN_OP_ROWS_GATHER,
    HN_OP_ROWS_CONCAT,
    HN_OP_ROWS_FLATTEN,
    HN_OP_ROWS_RESHAPE,
    HN_OP_ROWS_TRANSPOSE,
    HN_OP_ROWS_REDUCE,
    HN_OP_ROWS_AXES, /* Squeeze, Unsqueeze */
    HN_OP_ROWS_SHAPE,
    HN_OP_ROWS_EXPAND,
    HN_OP_ROWS_RANGE,
    HN_OP_ROWS_PICK, /* along the last dimension, by indices that are the same for all */
    /* Of ai.onnx.ml; what these know as a single row, a list, is not known to be rows here. */
    HN_OP_ROWS_TABLE,    /* rows of numbers, all inputs, to rows of numbers */
    HN_OP_ROWS_CLASSIFY, /* rows of numbers to a label and scores for each */
    HN_OP_ROWS_ONE_HOT,
};

struct hn_lower;
typedef void hn_lower_fn(struct hn_lower *l);
struct hn_shaper;
typedef enum hn_status hn_shape_rule(struct hn_shaper *s);

struct hn_op_row {
    const char *domain, *name; /* "" is ai.onnx */
    int since; /* first opset that this row serves; up to that of the next such row */
    hn_op_fn *fn;
    hn_op_prepare_fn *prepare; /* or NULL */
    hn_lower_fn *lower;        /* instead of fn: other operators take its place (lower.h) */
    unsigned char in_min, in_max, out_min, out_max;
    unsigned char flags;
    hn_shape_rule *shape; /* unless the operator is lowered, or made by fusing (fast.h) */
    enum hn_op_type type;
    enum hn_op_rows rows;
};

#define OP(domain, name, since, fn, in_min, in_max, out_min, out_max, flags, shape, type, rows)    \
    hn_op_fn hn_op_##fn;                                                                           \
    hn_shape_rule hn_shape_##shape;
#define OP_PREPARED(domain, name, since, fn, ...)                                                  \
    OP(domain, name, since, fn, __VA_ARGS__)                                                       \
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
