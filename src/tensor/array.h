/* Arrays of any number of dimensions: what goes into and comes out of models that are one function of
 * their inputs (trees, graphs). */
#ifndef HN_TENSOR_ARRAY_H
#define HN_TENSOR_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"

enum hn_element {
#define X(name, text, onnx, bytes, descr) HN_EL_##name,
#include "tensor/element.def"
#undef X
    HN_ELEMENTS
};

struct hn_element_info {
    const char *name;  /* as ONNX calls it: "float", "int64" */
    int onnx;          /* its number there */
    size_t bytes;      /* of one in memory */
    const char *descr; /* NumPy's, or "" */
};

/* Never NULL for a value below HN_ELEMENTS. */
const struct hn_element_info *hn_element_info(enum hn_element type);

/* By ONNX's number; false when unknown. */
bool hn_element_from_onnx(int64_t number, enum hn_element *out);

enum { HN_ARRAY_DIMS = 16 };

/* Elements in C order (the last dimension runs fastest), without gaps; `n` of them, 1 for a scalar.
 * Whoever made it owns the data. */
struct hn_array {
    enum hn_element type;
    size_t n_dims;
    size_t shape[HN_ARRAY_DIMS];
    size_t n;
    void *data; /* aligned for its type at least; never NULL, also where n is 0 */
};

/* The product of the dimensions; false when it, times `bytes`, exceeds PTRDIFF_MAX. No dimensions: 1. */
bool hn_shape_count(const size_t *shape, size_t n_dims, size_t bytes, size_t *out);

/* "[2, 3]"; cut where it does not fit. Returns `text`. */
const char *hn_shape_text(const size_t *shape, size_t n_dims, char *text, size_t room);

#endif
