#include "model/graph/op_body.h"

#include "base/bits.h"

/* --- calling a body --- */

struct hn_body *hn_op_body(struct hn_op *op, const char *name)
{
    const struct hn_attr *attr = hn_node_attr(op->node, name);
    if (attr && attr->bodies && attr->value->n) return attr->bodies[0];
    (void)hn_op_fail(op, HN_E_FORMAT, "has no graph '%s'", name);
    return NULL;
}

static void put(struct hn_run *run, struct hn_frame *frame, int32_t slot, struct hn_item item)
{
    hn_hold_drop(run, &frame->holds[slot]);
    frame->arrays[slot] = item.array;
    frame->holds[slot] = item.hold;
}

struct hn_frame *hn_body_enter(struct hn_op *op, const struct hn_body *body)
{
    struct hn_run *run = op->run;
    const struct hn_frame *around = run->frame;
    struct hn_frame *frame = &run->frames[body->index];
    frame->dirty = true;
    for (size_t i = 0; i < body->n_captures; i++) {
        const struct hn_capture *c = &body->captures[i];
        if (body->slots[c->inner].constant) continue;
        const struct hn_array *constant = around->body->slots[c->outer].constant;
        struct hn_item item = {constant ? *constant : around->arrays[c->outer],
                               {.kind = HN_VALUE_TENSOR}};
        if (!constant) item.hold = hn_hold_share(&around->holds[c->outer]);
        put(run, frame, c->inner, item);
    }
    return frame;
}

void hn_frame_give(struct hn_run *run, struct hn_frame *frame, size_t i, struct hn_item item)
{
    put(run, frame, frame->body->inputs[i], item);
}

struct hn_item hn_frame_take(const struct hn_frame *frame, size_t i)
{
    const int32_t slot = frame->body->outputs[i];
    struct hn_item item = {.hold = {.kind = HN_VALUE_NONE}};
    if (slot == HN_NO_SLOT) return item;
    item.array = *frame->outputs[i];
    item.hold.kind = HN_VALUE_TENSOR;
    if (!frame->body->slots[slot].constant) item.hold = hn_hold_share(&frame->holds[slot]);
    return item;
}

void hn_frame_leave(struct hn_run *run, struct hn_frame *frame)
{
    const struct hn_body *body = frame->body;
    for (size_t i = 0; i < body->n_outputs; i++)
        if (body->outputs[i] != HN_NO_SLOT) hn_hold_drop(run, &frame->holds[body->outputs[i]]);
    for (size_t i = 0; i < body->n_inputs; i++)
        hn_hold_drop(run, &frame->holds[body->inputs[i]]);
    for (size_t i = 0; i < body->n_captures; i++)
        hn_hold_drop(run, &frame->holds[body->captures[i].inner]);
}

enum hn_status hn_frame_go(struct hn_op *op, struct hn_frame *frame)
{
    struct hn_run *run = op->run;
    /* A graph without nodes takes no time, but a loop around it might for ever. */
    if (run->nodes_left == 0) return hn_op_fail(op, HN_E_LIMIT, "runs too many times");
    run->nodes_left--;
    HN_TRY(hn_op_check(op));
    return hn_body_run(run, frame, op->err);
}

struct hn_item *hn_op_items(struct hn_op *op, size_t n)
{
    struct hn_run *run = op->run;
    size_t bytes;
    struct hn_block *block = NULL;
    if (hn_mul(n, sizeof(struct hn_item), &bytes)) block = hn_block_take(run, bytes);
    if (!block) {
        (void)hn_op_fail(op, HN_E_NOMEM, "no memory for %zu values", n);
        return NULL;
    }
    memset(block->data, 0, bytes);
    block->items = true;
    block->n_items = n;
    block->next = run->scratch;
    run->scratch = block;
    return block->data;
}

enum hn_status hn_op_call(struct hn_op *op, const char *name, const struct hn_array *const *in,
                          size_t n_in, const struct hn_array *const **out, size_t *n_out)
{
    const struct hn_body *body = hn_op_body(op, name);
    if (!body) return hn_op_failed(op);
    if (n_in != body->n_inputs)
        return hn_op_fail(op, HN_E_FORMAT, "'%s' has %zu inputs, not %zu", name, body->n_inputs,
                          n_in);
    hn_frame_leave(op->run, &op->run->frames[body->index]);
    struct hn_frame *frame = hn_body_enter(op, body);
    for (size_t i = 0; i < n_in; i++)
        hn_frame_give(op->run, frame, i, (struct hn_item){*in[i], {.kind = HN_VALUE_TENSOR}});
    HN_TRY(hn_frame_go(op, frame));
    for (size_t i = 0; i < body->n_outputs; i++) {
        const int32_t slot = body->outputs[i];
        if (slot == HN_NO_SLOT ||
            (!body->slots[slot].constant && frame->holds[slot].kind != HN_VALUE_TENSOR))
            return hn_op_fail(op, HN_E_ARG, "'%s' does not make tensors alone", name);
    }
    *out = frame->outputs;
    *n_out = body->n_outputs;
    return HN_OK;
}

struct hn_item hn_op_look(const struct hn_op *op, size_t j)
{
    const struct hn_hold *hold = hn_op_hold(op, j);
    const struct hn_hold constant = {.kind = HN_VALUE_TENSOR};
    return (struct hn_item){*op->in[j], hold ? *hold : constant};
}

/* --- piles --- */

enum hn_status hn_pile_add(struct hn_op *op, struct hn_pile *pile, const struct hn_item *item)
{
    const struct hn_array *a = &item->array;
    if (item->hold.kind != HN_VALUE_TENSOR)
        return hn_op_fail(op, HN_E_ARG, "its graph makes something else than a tensor");
    if (pile->n == 0) {
        pile->first = *a;
        pile->bytes = a->n * hn_element_info(a->type)->bytes;
    } else if (a->type != pile->first.type || a->n_dims != pile->first.n_dims ||
               memcmp(a->shape, pile->first.shape, a->n_dims * sizeof *a->shape) != 0) {
        return hn_op_fail(op, HN_E_ARG, "its graph makes tensors of several shapes");
    }
    if (pile->n == pile->room) {
        const size_t room = pile->room ? 2 * pile->room : 4;
        char *more = hn_op_scratch(op, room, pile->bytes);
        if (!more) return hn_op_failed(op);
        if (pile->n && pile->bytes) memcpy(more, pile->data, pile->n * pile->bytes);
        pile->data = more;
        pile->room = room;
    }
    if (pile->bytes) memcpy(pile->data + pile->n * pile->bytes, a->data, pile->bytes);
    pile->n++;
    return HN_OK;
}

void hn_body_declared(const struct hn_body *body, size_t i, struct hn_array *out)
{
    const struct hn_onnx_type *type = &body->file->outputs[i].type;
    *out = (struct hn_array){.type = type->known_element ? type->element : HN_EL_F32,
                             .n_dims = type->n_dims};
    for (size_t d = 0; d < type->n_dims; d++)
        out->shape[d] = type->shape[d] > 0 ? (size_t)type->shape[d] : 0;
}

enum hn_status hn_pile_out(struct hn_op *op, size_t i, const struct hn_pile *pile, size_t lead,
                           size_t count, size_t axis, bool backwards)
{
    const struct hn_array *first = &pile->first;
    size_t shape[HN_ARRAY_DIMS + 2], n = 0, outer = 1;
    if (first->n_dims + 2 > HN_ARRAY_DIMS) return hn_op_fail(op, HN_E_LIMIT, "too many dimensions");
    if (lead) shape[n++] = lead;
    for (size_t d = 0; d <= first->n_dims; d++) {
        if (d == axis) shape[n++] = count;
        if (d == first->n_dims) break;
        shape[n++] = first->shape[d];
        if (d < axis) outer *= first->shape[d];
    }
    char *out = hn_op_out(op, i, first->type, shape, n);
    if (!out) return hn_op_failed(op);
    if (op->out[i].n == 0) return HN_OK;
    const size_t inner = pile->bytes / outer;
    const size_t batches = lead ? lead : 1;
    for (size_t b = 0; b < batches; b++)
        for (size_t t = 0; t < count; t++)
            for (size_t o = 0; o < outer; o++) {
                const size_t to = ((b * outer + o) * count + (backwards ? count - 1 - t : t));
                memcpy(out + to * inner, pile->data + ((b * count + t) * outer + o) * inner, inner);
            }
    return HN_OK;
}

struct hn_pile *hn_op_piles(struct hn_op *op, size_t n)
{
    struct hn_pile *piles = hn_op_scratch(op, n, sizeof *piles);
    if (piles) memset(piles, 0, n * sizeof *piles);
    return piles;
}
