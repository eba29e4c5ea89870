/* Operators that are written out as several others when a file is loaded: rows OP_LOWERED of ops.def, whose
 * functions hn_lower_<fn> stand in lower_<group>.c. What comes out is folded and fused as if the file had
 * held it. After the first error all that follows does nothing: a function need not look. */
#ifndef HN_MODEL_GRAPH_LOWER_H
#define HN_MODEL_GRAPH_LOWER_H

#include "model/graph/graph_impl.h"

enum {
    HN_LOWER_OPSET = 24, /* of the operators that come out, where nothing else is said */
    HN_LOWER_OUTS = 4,
    HN_LOWER_ATTRS = 16,
};

struct hn_lower {
    struct hn_body *body;
    const struct hn_node *call; /* as the file has it: in, attrs; counts fit the row */
    int32_t out[HN_LOWER_OUTS]; /* what the function makes of each output; HN_NO_SLOT: nothing */
    bool wanted[HN_LOWER_OUTS]; /* the node names it */
    int opset;                  /* of the next node in ai.onnx; then HN_LOWER_OPSET again */
    struct hn_attr attrs[HN_LOWER_ATTRS]; /* of the next node */
    size_t n_attrs;
    enum hn_status status;
    struct hn_error *err;
};

/* Input i of the call; HN_NO_SLOT where it has none. */
int32_t hn_lower_in(const struct hn_lower *l, size_t i);
/* Attributes of the node that is added next, be it an operand of another. */
void hn_lower_int(struct hn_lower *l, const char *name, int64_t value);
void hn_lower_float(struct hn_lower *l, const char *name, float value);
void hn_lower_ints(struct hn_lower *l, const char *name, const int64_t *values, size_t n);
void hn_lower_text(struct hn_lower *l, const char *name, const char *value); /* a literal */
/* Those of the names, up to NULL, that the call has. */
void hn_lower_keep(struct hn_lower *l, const char *const *names);
#define HN_LOWER_KEEP(l, ...) hn_lower_keep(l, (const char *const[]){__VA_ARGS__, NULL})
/* What a convolution has. */
void hn_lower_keep_conv(struct hn_lower *l);

/* Adds a node; its first output, the others follow. */
int32_t hn_lower_node(struct hn_lower *l, const char *domain, const char *op, size_t n_out,
                      const int32_t *in, size_t n_in);
/* An ai.onnx node with one output. */
#define HN_LOWER(l, op, ...)                                                                       \
    hn_lower_node(l, "", op, 1, (const int32_t[]){__VA_ARGS__},                                    \
                  sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

/* Constants: integers in a row, and a float; `as`: of the type of another value. */
int32_t hn_lower_list(struct hn_lower *l, const int64_t *values, size_t n);
int32_t hn_lower_real(struct hn_lower *l, float value);
int32_t hn_lower_real_as(struct hn_lower *l, float value, int32_t as);

/* x times a factor, left out where that is 1. */
int32_t hn_lower_scaled(struct hn_lower *l, int32_t x, float by);
/* x + y, where y may be absent. */
int32_t hn_lower_plus(struct hn_lower *l, int32_t x, int32_t y);
/* Images with channels last as channels first, and back: four dimensions. */
int32_t hn_lower_to_first(struct hn_lower *l, int32_t x);
int32_t hn_lower_to_last(struct hn_lower *l, int32_t x);
/* The last two dimensions swapped. */
int32_t hn_lower_turned(struct hn_lower *l, int32_t x);
/* An activation by name; parameters as it has them, in order; absent: the usual. */
int32_t hn_lower_activation(struct hn_lower *l, int32_t x, struct hn_str name, const float *params,
                            size_t n);
void hn_lower_fail(struct hn_lower *l, enum hn_status status, const char *what);

#endif
