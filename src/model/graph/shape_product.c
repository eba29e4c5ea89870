/* Shapes of products, convolutions and what else slides over images. */
#include <string.h>

#include "base/bits.h"
#include "model/graph/shape.h"

static enum hn_status fail_inner(struct hn_shaper *s, int64_t a, int64_t b)
{
    return hn_shape_fail(s, "rows of %lld elements by a matrix of %lld rows", (long long)a,
                         (long long)b);
}

/* Where the second factor is: behind scale and zero point of the first, where those are inputs. */
static size_t second(const struct hn_shaper *s)
{
    return hn_str_starts(s->node->op, HN_STR("QLinear")) ? 3 : 1;
}

/* Vectors count as a row, and as a column. */
enum hn_status hn_shape_matmul(struct hn_shaper *s)
{
    const struct hn_fact *a = hn_shape_in(s, 0), *b = hn_shape_in(s, second(s));
    int64_t dims[HN_ARRAY_DIMS + 2];
    if (!a->known_rank || !b->known_rank || !a->n_dims || !b->n_dims) return HN_OK;
    const bool row = a->n_dims == 1, column = b->n_dims == 1;
    const int64_t inner = b->dims[column ? 0 : b->n_dims - 2];
    if (hn_dims_differ(a->dims[a->n_dims - 1], inner))
        return fail_inner(s, a->dims[a->n_dims - 1], inner);
    size_t n = row ? 0 : a->n_dims - 2;
    memcpy(dims, a->dims, n * sizeof *dims);
    HN_TRY(hn_shape_broadcast(s, dims, &n, b->dims, column ? 0 : b->n_dims - 2));
    if (!row) dims[n++] = a->dims[a->n_dims - 2];
    if (!column) dims[n++] = b->dims[b->n_dims - 1];
    return hn_shape_set(s, 0, dims, n);
}

enum hn_status hn_shape_gemm(struct hn_shaper *s)
{
    const struct hn_fact *a = hn_shape_in(s, 0), *b = hn_shape_in(s, 1);
    const bool ta = hn_node_int(s->node, "transA", 0) != 0,
               tb = hn_node_int(s->node, "transB", 0) != 0;
    if (!a->known_rank || !b->known_rank || a->n_dims != 2 || b->n_dims != 2) return HN_OK;
    if (hn_dims_differ(a->dims[!ta], b->dims[tb])) return fail_inner(s, a->dims[!ta], b->dims[tb]);
    const int64_t dims[] = {a->dims[ta], b->dims[!tb]};
    return hn_shape_set(s, 0, dims, 2);
}

/* --- windows --- */

struct window {
    const int64_t *kernel, *strides, *dilations, *pads;
    struct hn_str padding;
    bool up; /* a last window that is only partly inside counts */
};

/* A list of `n` numbers, or of none; false where it is of another length. */
static bool list(const struct hn_shaper *s, const char *name, size_t n, const int64_t **out)
{
    const struct hn_onnx_attr *attr = hn_node_attr_of(s->node, name, HN_ONNX_INTS);
    *out = attr && attr->n ? attr->ints : NULL;
    return !*out || attr->n == n;
}

static bool read_window(const struct hn_shaper *s, size_t n, struct window *w)
{
    const struct hn_onnx_attr *padding = hn_node_attr_of(s->node, "auto_pad", HN_ONNX_STRING);
    w->padding = padding ? padding->s : HN_STR("NOTSET");
    w->up = hn_node_int(s->node, "ceil_mode", 0) != 0;
    return list(s, "kernel_shape", n, &w->kernel) && list(s, "strides", n, &w->strides) &&
           list(s, "dilations", n, &w->dilations) && list(s, "pads", 2 * n, &w->pads);
}

/* How many windows there are along spatial dimension i of n. */
static int64_t windows(const struct window *w, size_t i, size_t n, int64_t in, int64_t kernel)
{
    const int64_t stride = w->strides ? w->strides[i] : 1;
    const int64_t dilation = w->dilations ? w->dilations[i] : 1;
    const int64_t most = INT32_MAX;
    if (stride < 1 || stride > most || dilation < 1 || dilation > most || kernel < 1 ||
        kernel > most)
        return HN_DIM_ANY;
    const int64_t span = dilation * (kernel - 1);
    int64_t pads = 0;
    if (hn_str_starts(w->padding, HN_STR("SAME"))) {
        if (stride == 1) return in;
        return hn_dim_is_number(in) ? in / stride + (in % stride != 0) : HN_DIM_ANY;
    }
    if (hn_str_is(w->padding, "NOTSET") && w->pads) {
        if (w->pads[i] < 0 || w->pads[i] > most || w->pads[n + i] < 0 || w->pads[n + i] > most)
            return HN_DIM_ANY;
        pads = w->pads[i] + w->pads[n + i];
    }
    if (stride == 1 && pads == span) return in;
    if (!hn_dim_is_number(in) || in > INT64_MAX / 4) return HN_DIM_ANY;
    const int64_t room = in + pads - span - 1;
    if (room < 0 || (w->up && room % stride)) return HN_DIM_ANY;
    return room / stride + 1;
}

enum hn_status hn_shape_conv(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0), *w = hn_shape_in(s, second(s));
    const int64_t groups = hn_node_int(s->node, "group", 1);
    struct window window;
    if (!x->known_rank || !w->known_rank || x->n_dims < 3 || w->n_dims != x->n_dims) return HN_OK;
    const size_t n = x->n_dims - 2;
    const int64_t channels = hn_dim_times(w->dims[1], groups);
    if (hn_dims_differ(x->dims[1], channels))
        return hn_shape_fail(s, "%lld channels where weights are for %lld", (long long)x->dims[1],
                             (long long)channels);
    if (!read_window(s, n, &window)) return HN_OK;
    int64_t dims[HN_ARRAY_DIMS] = {x->dims[0], w->dims[0]};
    for (size_t i = 0; i < n; i++)
        dims[2 + i] = windows(&window, i, n, x->dims[2 + i], w->dims[2 + i]);
    return hn_shape_set(s, 0, dims, x->n_dims);
}

enum hn_status hn_shape_pool(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0);
    struct window window;
    if (!x->known_rank || x->n_dims < 3) return HN_OK;
    const size_t n = x->n_dims - 2;
    if (!read_window(s, n, &window) || !window.kernel) return HN_OK;
    int64_t dims[HN_ARRAY_DIMS] = {x->dims[0], x->dims[1]};
    for (size_t i = 0; i < n; i++)
        dims[2 + i] = windows(&window, i, n, x->dims[2 + i], window.kernel[i]);
    struct hn_fact *places = hn_shape_out(s, 1);
    places->known_type = true;
    places->type = HN_EL_I64;
    HN_TRY(hn_shape_set(s, 1, dims, x->n_dims));
    return hn_shape_set(s, 0, dims, x->n_dims);
}

enum hn_status hn_shape_global_pool(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0);
    int64_t dims[HN_ARRAY_DIMS];
    if (!x->known_rank) return HN_OK;
    for (size_t i = 0; i < x->n_dims; i++)
        dims[i] = i < 2 ? x->dims[i] : 1;
    return hn_shape_set(s, 0, dims, x->n_dims);
}

/* [batch, heads, length, width], or [batch, length, heads * width]. */
enum hn_status hn_shape_attention(struct hn_shaper *s)
{
    const struct hn_fact *q = hn_shape_in(s, 0), *v = hn_shape_in(s, 2);
    const int64_t heads = hn_node_int(s->node, "q_num_heads", 0),
                  of = hn_node_int(s->node, "kv_num_heads", 0);
    int64_t dims[4];
    if (!q->known_rank || !v->known_rank || q->n_dims != v->n_dims || q->n_dims < 3 ||
        q->n_dims > 4)
        return HN_OK;
    memcpy(dims, q->dims, q->n_dims * sizeof *dims);
    const int64_t width = v->dims[v->n_dims - 1];
    dims[q->n_dims - 1] = width;
    if (q->n_dims == 3 && heads != of)
        dims[2] = hn_dim_is_number(width) && of > 0 && heads > 0 ? hn_dim_times(width / of, heads)
                                                                 : HN_DIM_ANY;
    return hn_shape_set(s, 0, dims, q->n_dims);
}

/* --- images in other sizes --- */

static const struct hn_array *constant(const struct hn_shaper *s, size_t i)
{
    return hn_shape_has(s, i) ? s->body->slots[s->node->in[i]].constant : NULL;
}

enum hn_status hn_shape_resize(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0), *sizes = hn_shape_in(s, 3);
    const size_t at = s->node->n_in > 2 ? 2 : 1; /* Upsample and the first Resize have no region */
    const struct hn_array *scales = constant(s, at);
    int64_t dims[HN_ARRAY_DIMS];
    if (!x->known_rank || hn_node_attr(s->node, "axes") ||
        hn_node_attr(s->node, "keep_aspect_ratio_policy"))
        return HN_OK;
    if (sizes->n_values == x->n_dims && sizes->values)
        return hn_shape_set(s, 0, sizes->values, sizes->n_values);
    const bool known = scales && scales->type == HN_EL_F32 && scales->n_dims == 1 &&
                       scales->n == x->n_dims && !hn_shape_has(s, 3);
    for (size_t i = 0; i < x->n_dims; i++) {
        const double scale = known ? (double)((const float *)scales->data)[i] : 0;
        dims[i] = HN_DIM_ANY;
        if (scale == 1) dims[i] = x->dims[i];
        else if (scale > 0 && scale < INT32_MAX && x->dims[i] >= 0 && x->dims[i] < INT32_MAX)
            dims[i] = (int64_t)((double)x->dims[i] * scale);
    }
    return hn_shape_set(s, 0, dims, x->n_dims);
}

/* The grid's places, of all channels. */
enum hn_status hn_shape_grid_sample(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0), *grid = hn_shape_in(s, 1);
    int64_t dims[HN_ARRAY_DIMS];
    if (!x->known_rank || !grid->known_rank || x->n_dims < 3 || grid->n_dims != x->n_dims)
        return HN_OK;
    memcpy(dims, x->dims, 2 * sizeof *dims);
    memcpy(dims + 2, grid->dims + 1, (x->n_dims - 2) * sizeof *dims);
    return hn_shape_set(s, 0, dims, x->n_dims);
}
