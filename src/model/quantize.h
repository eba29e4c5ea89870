/* Quantising a model: a plan (which tensor becomes what, how large the result is), then tensor by
 * tensor through buffers of bounded size. */
#ifndef HN_MODEL_QUANTIZE_H
#define HN_MODEL_QUANTIZE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/pool.h"
#include "base/status.h"
#include "formats/gguf.h"
#include "model/quantize_mix.h"
#include "tensor/meta.h"
#include "tensor/weights.h"

struct hn_quantize_plan {
    const struct hn_mix *mix;
    const struct hn_gguf *in;
    struct hn_meta meta;   /* of the result: file type and version set, split keys dropped */
    struct hn_tensor *out; /* [in->weights.n]: new types and sizes, no data */
    size_t elements;       /* of all tensors */
    size_t bytes_in, bytes_out;
    size_t fallbacks; /* tensors whose rows did not fit the wanted type's blocks */
};

/* Decides everything before anything is written. Tensors that are quantised already are an error
 * unless `requantize` or their type stays. `in` must outlive the plan; tables come from the arena.
 */
enum hn_status hn_quantize_plan(const struct hn_gguf *in, const struct hn_mix *mix, bool requantize,
                                struct hn_arena *arena, struct hn_quantize_plan *out,
                                struct hn_error *err);

/* Told before each tensor and after the last (t NULL), with the bytes of `in` dealt with so far.
 * False stops the work (HN_E_CANCELLED). */
struct hn_quantize_progress {
    bool (*step)(void *ctx, const struct hn_tensor *t, size_t bytes_done);
    void *ctx;
};

/* Writes the planned model to `path`; what was there before stays until the new file is whole. Rows
 * are encoded by the pool; the result does not depend on its size. `progress` may be NULL. */
enum hn_status hn_quantize_write(const struct hn_quantize_plan *plan, const char *path,
                                 struct hn_pool *pool, const struct hn_quantize_progress *progress,
                                 struct hn_error *err);

#endif
