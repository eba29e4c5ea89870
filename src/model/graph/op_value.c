/* Operators that make values or pass them on: Constant, Identity. */
#include "model/graph/graph_impl.h"

enum hn_status hn_op_identity(struct hn_op *op)
{
    hn_op_pass(op, 0, 0);
    return HN_OK;
}

static enum hn_status constant_list(struct hn_op *op, const void *from, enum hn_element type,
                                    size_t n, bool scalar)
{
    void *to = hn_op_out(op, 0, type, &n, scalar ? 0 : 1);
    if (!to) return hn_op_failed(op);
    if (n) memcpy(to, from, n * hn_element_info(type)->bytes);
    return HN_OK;
}

enum hn_status hn_op_constant(struct hn_op *op)
{
    const struct hn_node *node = op->node;
    for (size_t i = 0; i < node->n_attrs; i++) {
        const struct hn_onnx_attr *a = node->attrs[i].value;
        const struct hn_str name = node->attrs[i].name;
        if (!hn_str_starts(name, HN_STR("value")) && !hn_str_is(name, "sparse_value")) continue;
        switch (a->type) {
        case HN_ONNX_TENSOR: {
            const struct hn_hold constant = {.kind = HN_VALUE_TENSOR};
            hn_op_set(op, 0, &a->tensors[0].array, constant);
            return HN_OK;
        }
        case HN_ONNX_FLOAT: return constant_list(op, &a->f, HN_EL_F32, 1, true);
        case HN_ONNX_INT: return constant_list(op, &a->i, HN_EL_I64, 1, true);
        case HN_ONNX_STRING: return constant_list(op, &a->s, HN_EL_STRING, 1, true);
        case HN_ONNX_FLOATS: return constant_list(op, a->floats, HN_EL_F32, a->n, false);
        case HN_ONNX_INTS: return constant_list(op, a->ints, HN_EL_I64, a->n, false);
        case HN_ONNX_STRINGS: return constant_list(op, a->strings, HN_EL_STRING, a->n, false);
        default: break;
        }
    }
    return hn_op_fail(op, HN_E_FORMAT, "has no value");
}
