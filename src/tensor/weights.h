/* The weight table: name -> view. Weights are views into a mapped file, or into memory owned by
 * whoever made the table. */
#ifndef HN_TENSOR_WEIGHTS_H
#define HN_TENSOR_WEIGHTS_H

#include <stddef.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"
#include "tensor/dtype.h"

enum { HN_MAX_DIMS = 4 };

/* A read-only array. ne[0] runs fastest (GGUF's order): a matrix y = W x of R rows and C columns has
 * ne = {C, R, 1, 1}. Row i starts at data + i * row bytes. */
struct hn_tensor {
    struct hn_str name;
    enum hn_dtype type;
    int n_dims;
    size_t ne[HN_MAX_DIMS]; /* unused dimensions are 1 */
    const void *data;       /* little-endian; alignment is not promised */
    size_t bytes;
};

/* Zero-initialised is empty. Memory comes from the arena the table was built with. */
struct hn_weights {
    struct hn_tensor *items;
    size_t n;
    size_t cap;
    uint32_t *slots; /* open hash over names: index + 1, 0 = empty; made by hn_weights_index */
    size_t n_slots;
};

static inline size_t hn_tensor_elements(const struct hn_tensor *t)
{
    return t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];
}

/* Rows of ne[0] elements each. */
static inline size_t hn_tensor_rows(const struct hn_tensor *t)
{
    return t->ne[1] * t->ne[2] * t->ne[3];
}

/* Appends a copy of *t (the name's bytes are not copied). Doubles its array inside the arena. */
enum hn_status hn_weights_add(struct hn_weights *w, struct hn_arena *arena,
                              const struct hn_tensor *t, struct hn_error *err);

/* Builds the name index. HN_E_FORMAT names the first duplicate. */
enum hn_status hn_weights_index(struct hn_weights *w, struct hn_arena *arena, struct hn_error *err);

/* NULL when there is none of that name. The table must be indexed. */
const struct hn_tensor *hn_weights_find(const struct hn_weights *w, struct hn_str name);

#endif
