/* Looking up a model's weights by name, checking them, and packing them. One walk over all of them
 * serves twice: without memory it checks and counts, with it, it packs. */
#ifndef HN_MODEL_BINDER_H
#define HN_MODEL_BINDER_H

#include "backend/backend.h"
#include "base/arena.h"
#include "formats/gguf.h"

/* Told while weights are packed; false stops (HN_E_CANCELLED). */
struct hn_load_progress {
    bool (*step)(void *ctx, size_t bytes_done, size_t bytes_all);
    void *ctx;
};

/* What the weights take: `bytes` of the backend's memory; `read_bytes` of them pass through the
 * processor for one token, and are multiplied with `macs` of its elements, by stored type. */
struct hn_weights_size {
    size_t bytes, read_bytes;
    double macs[HN_DTYPES];
    enum hn_dtype head_type; /* of the matrix that gives the logits, which is part of it all */
};

struct hn_binder {
    const struct hn_gguf *file;
    const struct hn_backend_ops *ops;
    struct hn_backend *backend;              /* NULL: only count */
    unsigned char *memory;                   /* of the backend, as much as was counted */
    struct hn_arena *arena;                  /* for tables */
    const struct hn_load_progress *progress; /* or NULL */
    struct hn_weights_size size;             /* so far */
    size_t expected;                         /* bytes in all, for the progress */
    struct hn_error *err;
    char name[96]; /* of the tensor last looked up */
};

/* In place of a layer's number: the tensor is of no layer, its stem is its name. */
#define HN_BIND_TOP SIZE_MAX

/* NULL when there is none of that name. */
const struct hn_tensor *hn_bind_find(struct hn_binder *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The error that the tensor last looked up is missing. */
enum hn_status hn_bind_missing(struct hn_binder *b);
enum hn_status hn_bind_check(struct hn_binder *b, const struct hn_tensor *t, size_t cols,
                             size_t rows, size_t depth);
/* Room in the model's memory, counted and, while packing, returned. */
enum hn_status hn_bind_room(struct hn_binder *b, size_t bytes, void **out);
/* Decodes t into part of a vector. `dst` NULL: nothing to do yet. */
void hn_bind_decode(const struct hn_tensor *t, float *dst);

/* "blk.LAYER.STEM" of `n` elements as a vector; *out stays NULL when an optional one is not there. */
enum hn_status hn_bind_vector(struct hn_binder *b, size_t layer, const char *stem, size_t n,
                              bool optional, const float **out);
/* The biases of stacked matrices: absent ones count as zeros, NULL when all are absent. */
enum hn_status hn_bind_biases(struct hn_binder *b, size_t layer, const char *const *stems,
                              const size_t *rows, size_t n_parts, const float **out);
/* Packs parts that were found and checked, of which each token reads `used` of `all`. */
enum hn_status hn_bind_parts(struct hn_binder *b, const struct hn_tensor *const *parts,
                             size_t n_parts, size_t used, size_t all, struct hn_matrix *out);
/* Stacks "blk.LAYER.STEM.weight" of rows[i] rows each. */
enum hn_status hn_bind_matrix(struct hn_binder *b, size_t layer, const char *const *stems,
                              const size_t *rows, size_t n_parts, size_t cols,
                              struct hn_matrix *out);
enum hn_status hn_bind_one(struct hn_binder *b, size_t layer, const char *stem, size_t rows,
                           size_t cols, struct hn_matrix *out);

#endif
