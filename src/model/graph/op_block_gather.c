/* com.microsoft: GatherBlockQuantized, rows of a table of small whole numbers whose blocks have scales. */
#include "base/bits.h"
#include "model/graph/op_args.h"
#include "model/graph/op_lane.h"
#include "model/graph/op_list.h"

struct table {
    const uint8_t *bytes, *zeros; /* of U8: packed, so many bits each; else a byte each */
    const float *scales;
    size_t bits, block;
    bool packed, is_signed;
    size_t outer, rows, inner; /* the table, around the axis that is gathered along */
    size_t along, after,
        n_blocks; /* the axis of the blocks, what lies behind it, blocks along it */
};

static int element(const struct table *t, const uint8_t *from, size_t i)
{
    if (!t->packed) return t->is_signed ? (int8_t)from[i] : from[i];
    return from[i * t->bits / 8] >> i * t->bits % 8 & ((1 << t->bits) - 1);
}

static float value(const struct table *t, size_t i)
{
    const size_t x = i / (t->along * t->after), y = i / t->after % t->along, z = i % t->after;
    const size_t block = (x * t->n_blocks + y / t->block) * t->after + z;
    int zero = t->packed ? 1 << (t->bits - 1) : 0;
    if (t->zeros && !t->packed) zero = element(t, t->zeros, block);
    if (t->zeros && t->packed) { /* each row of them begins with a byte */
        const size_t row = hn_div_up(t->n_blocks * t->bits, 8);
        zero = element(t, t->zeros + block / t->n_blocks * row, block % t->n_blocks);
    }
    return (float)(element(t, t->bytes, i) - zero) * t->scales[block];
}

static enum hn_status check_blocks(struct hn_op *op, struct table *t, size_t axis, size_t per_byte)
{
    const struct hn_array *data = op->in[0], *scales = op->in[2], *zeros = hn_op_in(op, 3);
    bool fits = scales->n_dims == data->n_dims && hn_element_is_float(scales->type);
    for (size_t d = 0; fits && d < data->n_dims; d++)
        fits = scales->shape[d] == (d == axis ? t->n_blocks : data->shape[d]);
    if (zeros) {
        fits = fits && zeros->type == data->type && zeros->n_dims == data->n_dims;
        for (size_t d = 0; fits && d < data->n_dims; d++)
            fits =
                zeros->shape[d] == (d == axis ? hn_div_up(t->n_blocks, per_byte) : data->shape[d]);
        t->zeros = zeros->data;
    }
    if (!fits) return hn_op_fail(op, HN_E_ARG, "scales or zero points do not fit the blocks");
    t->scales = hn_op_lane_in(op, 2, HN_LANE_F32);
    return t->scales ? HN_OK : hn_op_failed(op);
}

static enum hn_status table_of(struct hn_op *op, struct table *t, size_t *axis, size_t *per_byte)
{
    const struct hn_array *data = op->in[0];
    const int64_t bits = hn_op_int(op, "bits", 4), block = hn_op_int(op, "block_size", 128);
    size_t along;
    HN_TRY(hn_op_axis(op, hn_op_int(op, "gather_axis", 0), data->n_dims, axis));
    HN_TRY(hn_op_axis(op, hn_op_int(op, "quantize_axis", 1), data->n_dims, &along));
    *t = (struct table){.bytes = data->data,
                        .bits = (size_t)bits,
                        .block = (size_t)block,
                        .packed = data->type == HN_EL_U8,
                        .is_signed = data->type == HN_EL_I4};
    if (!t->packed && data->type != HN_EL_I4 && data->type != HN_EL_U4)
        return hn_op_fail_type(op, 0);
    if ((bits != 2 && bits != 4 && bits != 8) || (!t->packed && bits != 4) || block < 16 ||
        block > 1 << 20 || (block & (block - 1)))
        return hn_op_fail(op, HN_E_ARG, "%lld bits in blocks of %lld", (long long)bits,
                          (long long)block);
    *per_byte = t->packed ? 8 / t->bits : 1;
    if (t->packed && (*axis != 0 || along == 0 || along + 1 != data->n_dims))
        return hn_op_fail(op, HN_E_UNSUPPORTED,
                          "bytes with other axes than the first and the last");
    t->outer = hn_dims_before(data, *axis);
    t->rows = data->shape[*axis];
    t->inner = hn_dims_after(data, *axis) * *per_byte;
    t->along = data->shape[along] * *per_byte;
    t->after = hn_dims_after(data, along);
    t->n_blocks = hn_div_up(t->along, t->block);
    return check_blocks(op, t, along, *per_byte);
}

enum hn_status hn_op_gather_block_quantized(struct hn_op *op)
{
    const struct hn_array *data = op->in[0], *indices = op->in[1];
    struct table t;
    size_t axis = 0, per_byte = 1, n, n_dims = 0, shape[2 * HN_ARRAY_DIMS];
    const int64_t *at;
    HN_TRY(table_of(op, &t, &axis, &per_byte));
    HN_TRY(hn_op_ints_of(op, 1, &at, &n));
    for (size_t d = 0; d < data->n_dims; d++) {
        if (d != axis) shape[n_dims++] = data->shape[d];
        for (size_t k = 0; d == axis && k < indices->n_dims; k++)
            shape[n_dims++] = indices->shape[k];
    }
    if (per_byte > 1) shape[n_dims - 1] *= per_byte;
    float *to = hn_op_lane_out(op, 0, op->in[2]->type, shape, n_dims, HN_LANE_F32), *y = to;
    if (!to) return hn_op_failed(op);
    for (size_t o = 0; o < t.outer; o++)
        for (size_t i = 0; i < n; i++) {
            size_t row;
            if (!hn_index(at[i], t.rows, &row))
                return hn_op_fail(op, HN_E_ARG, "index %lld of %zu", (long long)at[i], t.rows);
            const size_t first = (o * t.rows + row) * t.inner;
            for (size_t k = 0; k < t.inner; k++)
                *y++ = value(&t, first + k);
        }
    hn_op_lane_done(op, 0, HN_LANE_F32, to);
    return HN_OK;
}
