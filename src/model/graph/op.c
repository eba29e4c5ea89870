#include "model/graph/op.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/bits.h"
#include "model/graph/graph_impl.h"

/* --- errors --- */

enum hn_status hn_op_fail(struct hn_op *op, enum hn_status status, const char *fmt, ...)
{
    char text[300];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    op->run->failed = status;
    return hn_fail(op->err, status, "node '%.*s' (%.*s): %s", HN_FMT(op->node->name),
                   HN_FMT(op->node->op), text);
}

enum hn_status hn_op_fail_type(struct hn_op *op, size_t i)
{
    return hn_op_fail(op, HN_E_UNSUPPORTED, "input %zu is %s, which it does not take", i,
                      op->in[i] ? hn_element_info(op->in[i]->type)->name : "absent");
}

enum hn_status hn_op_failed(const struct hn_op *op)
{
    return op->run->failed;
}

static void *no_memory(struct hn_op *op, size_t bytes)
{
    (void)hn_op_fail(op, HN_E_NOMEM, "%zu bytes are more than there are for a run", bytes);
    return NULL;
}

/* --- memory --- */

bool hn_op_given(const struct hn_op *op, size_t i)
{
    return i < op->node->n_in && op->node->in[i] != HN_NO_SLOT;
}

static struct hn_frame *frame_of(const struct hn_op *op)
{
    return (struct hn_frame *)(uintptr_t)op->run->frame;
}

static struct hn_hold *hold_of_out(const struct hn_op *op, size_t i)
{
    return &frame_of(op)->holds[op->node->first_out + (int32_t)i];
}

struct hn_hold *hn_op_hold(const struct hn_op *op, size_t j)
{
    struct hn_frame *frame = frame_of(op);
    const int32_t slot = op->node->in[j];
    if (slot == HN_NO_SLOT || op->in[j] != &frame->arrays[slot]) return NULL;
    return &frame->holds[slot];
}

enum hn_value_kind hn_op_kind(const struct hn_op *op, size_t j)
{
    if (j >= op->n_in || !op->in[j]) return HN_VALUE_NONE;
    const struct hn_hold *hold = hn_op_hold(op, j);
    return hold ? hold->kind : HN_VALUE_TENSOR;
}

void hn_op_set(struct hn_op *op, size_t i, const struct hn_array *array, struct hn_hold hold)
{
    struct hn_hold *to = hold_of_out(op, i);
    struct hn_array *out = &op->out[i];
    hn_hold_drop(op->run, to);
    out->type = array->type;
    out->n = array->n;
    out->data = array->data;
    out->n_dims = array->n_dims;
    for (size_t d = 0; d < array->n_dims; d++)
        out->shape[d] = array->shape[d];
    *to = hold;
}

void hn_op_pass(struct hn_op *op, size_t i, size_t j)
{
    const struct hn_hold constant = {.kind = HN_VALUE_TENSOR};
    const struct hn_hold *hold = hn_op_hold(op, j);
    hn_op_set(op, i, op->in[j], hold ? hn_hold_share(hold) : constant);
}

/* Shape and count of output i; false with the error set. */
static bool shape_out(struct hn_op *op, struct hn_array *to, enum hn_element type,
                      const size_t *shape, size_t n_dims)
{
    if (n_dims > HN_ARRAY_DIMS) {
        (void)hn_op_fail(op, HN_E_LIMIT, "%zu dimensions, more than %d", n_dims, HN_ARRAY_DIMS);
        return false;
    }
    if (!hn_shape_count(shape, n_dims, hn_element_info(type)->bytes, &to->n)) {
        (void)hn_op_fail(op, HN_E_LIMIT, "an output with too many elements");
        return false;
    }
    to->type = type;
    to->n_dims = n_dims;
    for (size_t i = 0; i < n_dims; i++)
        to->shape[i] = shape[i];
    return true;
}

void *hn_op_out(struct hn_op *op, size_t i, enum hn_element type, const size_t *shape,
                size_t n_dims)
{
    struct hn_hold *hold = hold_of_out(op, i);
    struct hn_array *to = &op->out[i];
    hn_hold_drop(op->run, hold);
    if (!shape_out(op, to, type, shape, n_dims)) return NULL;
    const size_t bytes = to->n * hn_element_info(type)->bytes;
    struct hn_block *block = hn_block_take(op->run, bytes);
    if (!block) return no_memory(op, bytes);
    to->data = block->data;
    *hold = (struct hn_hold){.kind = HN_VALUE_TENSOR, .block = block};
    return to->data;
}

/* Input j's memory, when this node is the last to read it. */
static struct hn_block *dying(const struct hn_op *op, size_t j)
{
    const struct hn_hold *hold = hn_op_hold(op, j);
    if (!hold || !hold->block || hold->block->references != 1) return NULL;
    const struct hn_node *node = op->node;
    for (size_t i = 0; i < node->n_dies; i++)
        if (node->dies[i] == node->in[j]) return hold->block;
    return NULL;
}

void *hn_op_out_over(struct hn_op *op, size_t i, size_t j, enum hn_element type,
                     const size_t *shape, size_t n_dims)
{
    const struct hn_array *in = op->in[j];
    struct hn_block *block = dying(op, j);
    struct hn_array made;
    if (!block || type == HN_EL_STRING) return hn_op_out(op, i, type, shape, n_dims);
    if (!shape_out(op, &made, type, shape, n_dims)) return NULL;
    if (made.n * hn_element_info(type)->bytes != in->n * hn_element_info(in->type)->bytes ||
        in->data != block->data)
        return hn_op_out(op, i, type, shape, n_dims);
    made.data = block->data;
    block->references++;
    hn_op_set(op, i, &made, (struct hn_hold){.kind = HN_VALUE_TENSOR, .block = block});
    return made.data;
}

void *hn_op_out_like(struct hn_op *op, size_t i, size_t j)
{
    const struct hn_array *in = op->in[j];
    return hn_op_out_over(op, i, j, in->type, in->shape, in->n_dims);
}

enum hn_status hn_op_alias(struct hn_op *op, size_t i, size_t j, const size_t *shape, size_t n_dims)
{
    struct hn_array made;
    const struct hn_array *in = op->in[j];
    if (!shape_out(op, &made, in->type, shape, n_dims)) return hn_op_failed(op);
    if (made.n != in->n)
        return hn_op_fail(op, HN_E_ARG, "%zu elements do not make a shape of %zu", in->n, made.n);
    made.data = in->data;
    const struct hn_hold constant = {.kind = HN_VALUE_TENSOR};
    const struct hn_hold *hold = hn_op_hold(op, j);
    hn_op_set(op, i, &made, hold ? hn_hold_share(hold) : constant);
    return HN_OK;
}

void *hn_op_scratch(struct hn_op *op, size_t n, size_t size)
{
    struct hn_run *run = op->run;
    size_t bytes;
    if (!hn_mul(n, size, &bytes)) return no_memory(op, SIZE_MAX);
    struct hn_block *block = hn_block_take(run, bytes);
    if (!block) return no_memory(op, bytes);
    block->next = run->scratch;
    run->scratch = block;
    return block->data;
}

char *hn_op_chars(struct hn_op *op, size_t n)
{
    struct hn_run *run = op->run;
    if (!run->chars || n > run->chars->bytes - run->chars_used) {
        struct hn_block *block = hn_block_take(run, hn_max(n, 4096));
        if (!block) return no_memory(op, n);
        block->next = run->chars;
        run->chars = block;
        run->chars_used = 0;
    }
    char *p = (char *)run->chars->data + run->chars_used;
    run->chars_used += n;
    return p;
}

/* --- attributes --- */

int64_t hn_op_int(const struct hn_op *op, const char *name, int64_t fallback)
{
    return hn_node_int(op->node, name, fallback);
}

float hn_op_float(const struct hn_op *op, const char *name, float fallback)
{
    return hn_node_float(op->node, name, fallback);
}

struct hn_str hn_op_text(const struct hn_op *op, const char *name, const char *fallback)
{
    return hn_node_text(op->node, name, fallback);
}

bool hn_op_has(const struct hn_op *op, const char *name)
{
    return hn_node_attr(op->node, name) != NULL;
}

/* The lists of a file may be NULL when they are empty. */
static const int64_t no_ints[1];
static const float no_floats[1];
static const struct hn_str no_texts[1];

const int64_t *hn_op_ints(const struct hn_op *op, const char *name, size_t *n)
{
    const struct hn_onnx_attr *a = hn_node_attr_of(op->node, name, HN_ONNX_INTS);
    *n = a ? a->n : 0;
    return !a ? NULL : a->n ? a->ints : no_ints;
}

const float *hn_op_floats(const struct hn_op *op, const char *name, size_t *n)
{
    const struct hn_onnx_attr *a = hn_node_attr_of(op->node, name, HN_ONNX_FLOATS);
    *n = a ? a->n : 0;
    return !a ? NULL : a->n ? a->floats : no_floats;
}

const struct hn_str *hn_op_texts(const struct hn_op *op, const char *name, size_t *n)
{
    const struct hn_onnx_attr *a = hn_node_attr_of(op->node, name, HN_ONNX_STRINGS);
    *n = a ? a->n : 0;
    return !a ? NULL : a->n ? a->strings : no_texts;
}

const struct hn_array *hn_op_tensor(const struct hn_op *op, const char *name)
{
    const struct hn_onnx_attr *a = hn_node_attr_of(op->node, name, HN_ONNX_TENSOR);
    return a ? &a->tensors[0].array : NULL;
}

bool hn_op_has_graph(const struct hn_op *op, const char *name)
{
    return hn_node_attr_of(op->node, name, HN_ONNX_GRAPH) != NULL;
}

/* --- shapes --- */

enum hn_status hn_op_axis(struct hn_op *op, int64_t axis, size_t rank, size_t *out)
{
    if (axis < -(int64_t)rank || axis >= (int64_t)rank)
        return hn_op_fail(op, HN_E_ARG, "axis %" PRId64 " of %zu dimensions", axis, rank);
    *out = (size_t)(axis < 0 ? axis + (int64_t)rank : axis);
    return HN_OK;
}

enum hn_status hn_op_ints_of(struct hn_op *op, size_t i, const int64_t **out, size_t *n)
{
    const struct hn_array *in = op->in[i];
    if (hn_op_kind(op, i) != HN_VALUE_TENSOR) return hn_op_fail_type(op, i);
    *n = in->n;
    if (in->type == HN_EL_I64) {
        *out = in->data;
        return HN_OK;
    }
    if (in->type != HN_EL_I32) return hn_op_fail_type(op, i);
    int64_t *made = hn_op_scratch(op, in->n, sizeof *made);
    if (!made) return hn_op_failed(op);
    for (size_t k = 0; k < in->n; k++)
        made[k] = ((const int32_t *)in->data)[k];
    *out = made;
    return HN_OK;
}

enum hn_status hn_op_broadcast(struct hn_op *op, size_t *shape, size_t *n_dims,
                               const struct hn_array *with)
{
    const size_t n = hn_max(*n_dims, with->n_dims);
    for (size_t i = n; i-- > 0;) { /* from the last dimension; missing ones are 1 */
        const size_t from_end = n - 1 - i;
        const size_t a = from_end < *n_dims ? shape[*n_dims - 1 - from_end] : 1;
        const size_t b = from_end < with->n_dims ? with->shape[with->n_dims - 1 - from_end] : 1;
        if (a != b && a != 1 && b != 1)
            return hn_op_fail(op, HN_E_ARG, "dimensions %zu and %zu do not go together", a, b);
    }
    size_t made[HN_ARRAY_DIMS];
    for (size_t i = 0; i < n; i++) {
        const size_t from_end = n - 1 - i;
        const size_t a = from_end < *n_dims ? shape[*n_dims - 1 - from_end] : 1;
        const size_t b = from_end < with->n_dims ? with->shape[with->n_dims - 1 - from_end] : 1;
        made[i] = a == 1 ? b : a;
    }
    memcpy(shape, made, n * sizeof *made);
    *n_dims = n;
    return HN_OK;
}

void hn_op_parallel(struct hn_op *op, size_t n, hn_pool_fn *fn, void *arg)
{
    if (op->pool && n > 1) {
        hn_pool_run(op->pool, n, fn, arg);
        return;
    }
    for (size_t i = 0; i < n; i++)
        fn(arg, i, 0);
}
