/* Operators of ai.onnx.ml that prepare features. */
#include "model/graph/op_args.h"
#include "model/graph/op_list.h"

#include <math.h>

#include "base/bits.h"

enum hn_status hn_op_array_feature_extractor(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    const int64_t *indices;
    size_t n, shape[HN_ARRAY_DIMS];
    HN_TRY(hn_op_ints_of(op, 1, &indices, &n));
    if (x->n_dims == 0) return hn_op_fail(op, HN_E_FORMAT, "no dimension to pick from");
    const size_t bytes = hn_element_info(x->type)->bytes, width = x->shape[x->n_dims - 1];
    for (size_t i = 0; i < n; i++)
        if (indices[i] < 0 || (size_t)indices[i] >= width)
            return hn_op_fail(op, HN_E_FORMAT, "index %lld of %zu", (long long)indices[i], width);
    memcpy(shape, x->shape, sizeof shape);
    const size_t n_dims = hn_max(x->n_dims, 2); /* a row is a matrix of one */
    if (x->n_dims == 1) shape[0] = 1;
    shape[n_dims - 1] = n;
    char *y = hn_op_out(op, 0, x->type, shape, n_dims);
    if (!y) return hn_op_failed(op);
    const size_t rows = n ? op->out[0].n / n : 0;
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < n; i++, y += bytes)
            memcpy(y, (const char *)x->data + (r * width + (size_t)indices[i]) * bytes, bytes);
    return HN_OK;
}

enum hn_status hn_op_binarizer(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    const double threshold = (double)hn_op_float(op, "threshold", 0);
    if (!hn_element_is_number(x->type)) return hn_op_fail_type(op, 0);
    if (!hn_op_out(op, 0, x->type, x->shape, x->n_dims)) return hn_op_failed(op);
    for (size_t i = 0; i < x->n; i++)
        hn_array_set_real(&op->out[0], i, hn_array_real(x, i) > threshold);
    return HN_OK;
}

/* What an input of a feature vector is: rows of `width`, of which `take` are asked for. */
struct part {
    size_t rows, width, take;
};

static struct part part_of(const struct hn_array *x, const int64_t *dims, size_t n, size_t i)
{
    struct part p = {.rows = x->n_dims == 2 ? x->shape[0] : 1};
    p.width = x->n_dims ? x->shape[x->n_dims - 1] : 1;
    p.take = i < n && dims[i] >= 0 ? (size_t)dims[i] : p.width;
    return p;
}

enum hn_status hn_op_feature_vectorizer(struct hn_op *op)
{
    size_t n_dims, width = 0, start = 0, rows = 0;
    const int64_t *dims = hn_op_ints(op, "inputdimensions", &n_dims);
    for (size_t i = 0; i < op->n_in; i++) {
        const struct hn_array *x = op->in[i];
        if (!x || x->n_dims > 2 || !hn_element_is_number(x->type)) return hn_op_fail_type(op, i);
        const struct part p = part_of(x, dims, n_dims, i);
        if (i == 0) rows = p.rows;
        if (p.rows != rows || !hn_add(width, p.take, &width))
            return hn_op_fail(op, HN_E_FORMAT, "input %zu has %zu rows, the first %zu", i, p.rows,
                              rows);
    }
    float *y = hn_op_out(op, 0, HN_EL_F32, (const size_t[]){rows, width}, 2);
    if (!y) return hn_op_failed(op);
    if (op->out[0].n) memset(y, 0, op->out[0].n * sizeof *y); /* where an input is too short */
    for (size_t i = 0; i < op->n_in; i++) {
        const struct hn_array *x = op->in[i];
        const struct part p = part_of(x, dims, n_dims, i);
        const size_t bytes = hn_element_info(x->type)->bytes;
        for (size_t r = 0; r < rows; r++)
            (void)hn_element_convert(HN_EL_F32, y + r * width + start, x->type,
                                     (const char *)x->data + r * p.width * bytes,
                                     hn_min(p.width, p.take), (struct hn_convert){0});
        start += p.take;
    }
    return HN_OK;
}

enum hn_status hn_op_imputer(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    size_t n_floats, n_ints;
    const float *floats = hn_op_floats(op, "imputed_value_floats", &n_floats);
    const int64_t *ints = hn_op_ints(op, "imputed_value_int64s", &n_ints);
    if (!hn_element_is_number(x->type)) return hn_op_fail_type(op, 0);
    const bool real = hn_element_is_float(x->type);
    const size_t n = real ? n_floats : n_ints, width = x->n_dims ? x->shape[x->n_dims - 1] : 1;
    if (n != 1 && (n != width || n == 0))
        return hn_op_fail(op, HN_E_FORMAT, "%zu values for %zu features", n, width);
    char *y = hn_op_out_like(op, 0, 0);
    if (!y) return hn_op_failed(op);
    const size_t bytes = hn_element_info(x->type)->bytes;
    if (x->n && y != x->data) memcpy(y, x->data, x->n * bytes);
    struct hn_array *out = &op->out[0];
    const double missing = (double)hn_op_float(op, "replaced_value_float", 0);
    const int64_t missing_int = hn_op_int(op, "replaced_value_int64", 0);
    for (size_t i = 0; i < x->n; i++) {
        const size_t k = n == 1 ? 0 : i % width;
        if (real) {
            const double v = hn_array_real(out, i);
            if (v == missing || (isnan(v) && isnan(missing)))
                hn_array_set_real(out, i, (double)floats[k]);
        } else if (hn_array_integer(out, i) == missing_int) {
            (void)hn_element_convert(x->type, y + i * bytes, HN_EL_I64, &ints[k], 1,
                                     (struct hn_convert){0});
        }
    }
    return HN_OK;
}

enum hn_status hn_op_normalizer(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    const struct hn_str norm = hn_op_text(op, "norm", "MAX");
    const bool l1 = hn_str_is(norm, "L1"), l2 = hn_str_is(norm, "L2");
    if (!l1 && !l2 && !hn_str_is(norm, "MAX"))
        return hn_op_fail(op, HN_E_UNSUPPORTED, "norm '%.*s'", HN_FMT(norm));
    if (!hn_element_is_number(x->type)) return hn_op_fail_type(op, 0);
    if (x->n_dims < 1 || x->n_dims > 2)
        return hn_op_fail(op, HN_E_FORMAT, "rows of features are expected, [N, C] or [C]");
    float *y = hn_op_out(op, 0, HN_EL_F32, x->shape, x->n_dims);
    if (!y) return hn_op_failed(op);
    (void)hn_element_convert(HN_EL_F32, y, x->type, x->data, x->n, (struct hn_convert){0});
    const size_t width = x->shape[x->n_dims - 1];
    for (float *row = y; row < y + x->n; row += width) {
        double size = 0;
        for (size_t i = 0; i < width; i++) {
            const double v = fabs((double)row[i]);
            size = l1 ? size + v : l2 ? size + v * v : fmax(size, v);
        }
        if (l2) size = sqrt(size);
        for (size_t i = 0; i < width && size != 0; i++)
            row[i] = (float)((double)row[i] / size);
    }
    return HN_OK;
}

enum hn_status hn_op_scaler(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    size_t n_offset, n_scale;
    const float *offset = hn_op_floats(op, "offset", &n_offset);
    const float *scale = hn_op_floats(op, "scale", &n_scale);
    const size_t width = x->n_dims ? x->shape[x->n_dims - 1] : 1;
    if (!hn_element_is_number(x->type)) return hn_op_fail_type(op, 0);
    if ((n_offset > 1 && n_offset != width) || (n_scale > 1 && n_scale != width))
        return hn_op_fail(op, HN_E_FORMAT, "%zu offsets and %zu scales for %zu features", n_offset,
                          n_scale, width);
    float *y = hn_op_out(op, 0, HN_EL_F32, x->shape, x->n_dims);
    if (!y) return hn_op_failed(op);
    for (size_t i = 0; i < x->n; i++) {
        const size_t k = i % width;
        const double less = n_offset ? (double)offset[n_offset > 1 ? k : 0] : 0;
        const double times = n_scale ? (double)scale[n_scale > 1 ? k : 0] : 1;
        y[i] = (float)((hn_array_real(x, i) - less) * times);
    }
    return HN_OK;
}
