/* com.microsoft: CropAndResize. */
#include <math.h>

#include "model/graph/op_lane.h"
#include "model/graph/op_list.h"

/* Point i of n between two ends, which are parts of the way to the last of `size` pixels. */
static float point(float from, float to, size_t i, size_t n, size_t size)
{
    const float last = (float)size - 1;
    if (n == 1) return (float)(0.5 * (double)(from + to) * (double)last);
    if (i == 0) return from * last;
    if (i == n - 1) return to * last;
    return from * last + (float)i * ((to - from) * last / (float)(n - 1));
}

static bool inside(float at, size_t size)
{
    return at >= 0 && at <= (float)size - 1;
}

static float between(const float *image, size_t width, float y, float x)
{
    const size_t top = (size_t)floorf(y), bottom = (size_t)ceilf(y);
    const size_t left = (size_t)floorf(x), right = (size_t)ceilf(x);
    const float down = y - (float)top, across = x - (float)left;
    const float *a = image + top * width, *b = image + bottom * width;
    const float above = a[left] + (a[right] - a[left]) * across;
    const float below = b[left] + (b[right] - b[left]) * across;
    return above + (below - above) * down;
}

static enum hn_status check(struct hn_op *op, size_t shape[4], const int64_t **batch)
{
    const struct hn_array *x = op->in[0], *rois = op->in[1];
    const int64_t *size;
    size_t n_size, n;
    HN_TRY(hn_op_ints_of(op, 2, batch, &n));
    HN_TRY(hn_op_ints_of(op, 3, &size, &n_size));
    if (x->n_dims != 4 || rois->n_dims != 2 || rois->shape[1] != 4 || rois->shape[0] != n)
        return hn_op_fail(op, HN_E_ARG,
                          "images [N, C, H, W] and a box and an image for each part are expected");
    if (n_size != 2 || size[0] < 1 || size[1] < 1)
        return hn_op_fail(op, HN_E_ARG, "crop_size is not two numbers above 0");
    for (size_t i = 0; i < n; i++)
        if ((*batch)[i] < 0 || (size_t)(*batch)[i] >= x->shape[0])
            return hn_op_fail(op, HN_E_ARG, "part %zu is of an image that is not there", i);
    shape[0] = n, shape[1] = x->shape[1];
    shape[2] = (size_t)size[0], shape[3] = (size_t)size[1];
    return HN_OK;
}

enum hn_status hn_op_crop_and_resize(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    const struct hn_str mode = hn_op_text(op, "mode", "bilinear");
    const float other = hn_op_float(op, "extrapolation_value", 0);
    const bool nearest = hn_str_is(mode, "nearest");
    const int64_t *batch;
    size_t shape[4];
    if (!nearest && !hn_str_is(mode, "bilinear"))
        return hn_op_fail(op, HN_E_UNSUPPORTED, "mode '%.*s'", HN_FMT(mode));
    HN_TRY(check(op, shape, &batch));
    const size_t height = x->shape[2], width = x->shape[3];
    const float *from = hn_op_lane_in(op, 0, HN_LANE_F32), *box = hn_op_lane_in(op, 1, HN_LANE_F32);
    float *to = hn_op_lane_out(op, 0, x->type, shape, 4, HN_LANE_F32), *out = to;
    if (!from || !box || !to) return hn_op_failed(op);
    for (size_t i = 0; i < shape[0]; i++, box += 4)
        for (size_t c = 0; c < shape[1]; c++) {
            const float *image = from + ((size_t)batch[i] * shape[1] + c) * height * width;
            HN_TRY(hn_op_check(op));
            for (size_t j = 0; j < shape[2] * shape[3]; j++) {
                const float y = point(box[0], box[2], j / shape[3], shape[2], height);
                const float z = point(box[1], box[3], j % shape[3], shape[3], width);
                if (!inside(y, height) || !inside(z, width)) *out++ = other;
                else if (!nearest) *out++ = between(image, width, y, z);
                else *out++ = image[(size_t)roundf(y) * width + (size_t)roundf(z)];
            }
        }
    hn_op_lane_done(op, 0, HN_LANE_F32, to);
    return HN_OK;
}
