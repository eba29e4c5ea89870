/* Operators that put blocks and pooled elements back to where they came from. */
#include "model/graph/op_args.h"
#include "model/graph/op_list.h"

#include "base/bits.h"

/* One axis of an image and of the blocks that go over it. */
struct axis {
    size_t image, block, positions;
    int64_t stride, dilation, pad;
};

static int64_t at_or(const int64_t *values, size_t n, size_t i, int64_t fallback)
{
    return i < n ? values[i] : fallback;
}

static enum hn_status read_axes(struct hn_op *op, struct axis *axes, size_t *n)
{
    const int64_t *image, *block;
    const int64_t limit = INT32_MAX;
    size_t n_block, n_strides, n_dilations, n_pads;
    HN_TRY(hn_op_ints_of(op, 1, &image, n));
    HN_TRY(hn_op_ints_of(op, 2, &block, &n_block));
    const int64_t *strides = hn_op_ints(op, "strides", &n_strides);
    const int64_t *dilations = hn_op_ints(op, "dilations", &n_dilations);
    const int64_t *pads = hn_op_ints(op, "pads", &n_pads);
    if (*n < 1 || *n > HN_ARRAY_DIMS - 2 || n_block != *n || (n_strides && n_strides != *n) ||
        (n_dilations && n_dilations != *n) || (n_pads && n_pads != 2 * *n))
        return hn_op_fail(op, HN_E_FORMAT, "the image has %zu dimensions, its blocks %zu", *n,
                          n_block);
    for (size_t i = 0; i < *n; i++) {
        const int64_t stride = at_or(strides, n_strides, i, 1);
        const int64_t dilation = at_or(dilations, n_dilations, i, 1);
        const int64_t before = at_or(pads, n_pads, i, 0), after = at_or(pads, n_pads, *n + i, 0);
        if (image[i] < 0 || block[i] < 1 || stride < 1 || dilation < 1 || before < 0 || after < 0 ||
            image[i] > limit || block[i] > limit || stride > limit || dilation > limit ||
            before > limit || after > limit)
            return hn_op_fail(op, HN_E_FORMAT, "sizes of dimension %zu", i);
        const int64_t room = image[i] + before + after - dilation * (block[i] - 1) - 1;
        axes[i] = (struct axis){.image = (size_t)image[i],
                                .block = (size_t)block[i],
                                .positions = room < 0 ? 0 : (size_t)(room / stride + 1),
                                .stride = stride,
                                .dilation = dilation,
                                .pad = before};
    }
    return HN_OK;
}

/* The element of the image that an element of a block at a position is; SIZE_MAX outside. */
static size_t image_place(const struct axis *axes, size_t n, size_t in_block, size_t position)
{
    size_t place = 0, step = 1;
    for (size_t i = n; i-- > 0;) {
        const struct axis *a = &axes[i];
        const int64_t at = (int64_t)(position % a->positions) * a->stride - a->pad +
                           (int64_t)(in_block % a->block) * a->dilation;
        if (at < 0 || (size_t)at >= a->image) return SIZE_MAX;
        place += (size_t)at * step;
        step *= a->image;
        position /= a->positions, in_block /= a->block;
    }
    return place;
}

enum hn_status hn_op_col2im(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    struct axis axes[HN_ARRAY_DIMS];
    size_t n, shape[HN_ARRAY_DIMS], block = 1, positions = 1;
    HN_TRY(read_axes(op, axes, &n));
    if (!hn_element_is_number(x->type)) return hn_op_fail_type(op, 0);
    bool fits = x->n_dims == 3;
    for (size_t i = 0; i < n && fits; i++) {
        fits = hn_mul(block, axes[i].block, &block) &&
               hn_mul(positions, axes[i].positions, &positions);
        shape[2 + i] = axes[i].image;
    }
    if (!fits || x->shape[1] % block || x->shape[2] != positions)
        return hn_op_fail(op, HN_E_FORMAT, "blocks do not make up the image");
    shape[0] = x->shape[0], shape[1] = x->shape[1] / block;
    void *y = hn_op_out(op, 0, x->type, shape, 2 + n);
    if (!y) return hn_op_failed(op);
    const size_t size = hn_dims_after(&op->out[0], 1), images = shape[0] * shape[1];
    double *image = hn_op_scratch(op, size, sizeof *image);
    if (!image) return hn_op_failed(op);
    const size_t bytes = hn_element_info(x->type)->bytes;
    for (size_t i = 0; i < images && size; i++) {
        memset(image, 0, size * sizeof *image);
        for (size_t k = 0; k < block * positions; k++) {
            const size_t place = image_place(axes, n, k / positions, k % positions);
            if (place != SIZE_MAX) image[place] += hn_array_real(x, i * block * positions + k);
        }
        (void)hn_element_convert(x->type, (char *)y + i * size * bytes, HN_EL_F64, image, size,
                                 (struct hn_convert){0});
    }
    return HN_OK;
}

/* The shape that was pooled, as far as the pooled one tells. */
static enum hn_status unpooled_shape(struct hn_op *op, size_t *shape)
{
    const struct hn_array *x = op->in[0];
    size_t n, n_strides, n_pads;
    const int64_t *kernel = hn_op_ints(op, "kernel_shape", &n);
    const int64_t *strides = hn_op_ints(op, "strides", &n_strides);
    const int64_t *pads = hn_op_ints(op, "pads", &n_pads);
    if (x->n_dims < 3 || n != x->n_dims - 2 || (n_strides && n_strides != n) ||
        (n_pads && n_pads != 2 * n))
        return hn_op_fail(op, HN_E_FORMAT, "a kernel of %zu dimensions", n);
    shape[0] = x->shape[0], shape[1] = x->shape[1];
    for (size_t i = 0; i < n; i++) {
        const int64_t before = at_or(pads, n_pads, i, 0), after = at_or(pads, n_pads, n + i, 0);
        int64_t size;
        if (__builtin_mul_overflow((int64_t)x->shape[2 + i] - 1, at_or(strides, n_strides, i, 1),
                                   &size) ||
            __builtin_add_overflow(size, kernel[i], &size) ||
            __builtin_sub_overflow(size, before, &size) ||
            __builtin_sub_overflow(size, after, &size) || size < 0)
            return hn_op_fail(op, HN_E_FORMAT, "sizes of dimension %zu", i);
        shape[2 + i] = (size_t)size;
    }
    return HN_OK;
}

enum hn_status hn_op_max_unpool(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    const int64_t *places, *given = NULL;
    size_t n, n_given, pooled[HN_ARRAY_DIMS], shape[HN_ARRAY_DIMS], count;
    if (!hn_element_is_float(x->type)) return hn_op_fail_type(op, 0);
    HN_TRY(unpooled_shape(op, pooled));
    HN_TRY(hn_op_ints_of(op, 1, &places, &n));
    memcpy(shape, pooled, x->n_dims * sizeof *shape);
    if (hn_op_in(op, 2)) {
        HN_TRY(hn_op_ints_of(op, 2, &given, &n_given));
        if (n_given != x->n_dims)
            return hn_op_fail(op, HN_E_FORMAT, "an output_shape of %zu", n_given);
        for (size_t i = 0; i < n_given; i++) {
            if (given[i] < 0) return hn_op_fail(op, HN_E_FORMAT, "a negative output_shape");
            shape[i] = (size_t)given[i];
        }
    }
    if (n != x->n || !hn_shape_count(pooled, x->n_dims, 1, &count))
        return hn_op_fail(op, HN_E_FORMAT, "%zu indices for %zu elements", n, x->n);
    char *y = hn_op_out(op, 0, x->type, shape, x->n_dims);
    if (!y) return hn_op_failed(op);
    const size_t bytes = hn_element_info(x->type)->bytes;
    memset(y, 0, op->out[0].n * bytes);
    for (size_t i = 0; i < n; i++) {
        size_t place, at = 0, step = 1, rest;
        bool fits = places[i] >= 0 && hn_index(places[i], count, &place);
        rest = fits ? place : 0;
        for (size_t d = x->n_dims; d-- > 0 && fits; rest /= pooled[d], step *= shape[d]) {
            fits = rest % pooled[d] < shape[d];
            at += rest % pooled[d] * step;
        }
        if (!fits)
            return hn_op_fail(op, HN_E_FORMAT, "index %lld of %zu", (long long)places[i], count);
        memcpy(y + at * bytes, (const char *)x->data + i * bytes, bytes);
    }
    return HN_OK;
}
