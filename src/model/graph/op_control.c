/* Operators that run graphs: If, Loop, SequenceMap. */
#include "model/graph/op_body.h"

/* A single truth. */
static enum hn_status truth(struct hn_op *op, const struct hn_item *item, bool *out)
{
    if (item->hold.kind != HN_VALUE_TENSOR || item->array.type != HN_EL_BOOL || item->array.n != 1)
        return hn_op_fail(op, HN_E_ARG, "a condition must be a single bool");
    *out = *(const uint8_t *)item->array.data != 0;
    return HN_OK;
}

/* --- If --- */

enum hn_status hn_op_if(struct hn_op *op)
{
    bool yes = false;
    const struct hn_item condition = hn_op_look(op, 0);
    HN_TRY(truth(op, &condition, &yes));
    const struct hn_body *body = hn_op_body(op, yes ? "then_branch" : "else_branch");
    if (!body) return hn_op_failed(op);
    if (body->n_outputs < op->n_out || body->n_inputs)
        return hn_op_fail(op, HN_E_FORMAT, "a branch does not make %zu values of none", op->n_out);
    struct hn_frame *frame = hn_body_enter(op, body);
    HN_TRY(hn_frame_go(op, frame));
    for (size_t i = 0; i < op->n_out; i++) {
        const struct hn_item item = hn_frame_take(frame, i);
        hn_op_set(op, i, &item.array, item.hold);
    }
    hn_frame_leave(op->run, frame);
    return HN_OK;
}

/* --- Loop --- */

/* The number of the iteration; of its own, since the body may keep it. */
static enum hn_status count_item(struct hn_op *op, int64_t value, struct hn_item *out)
{
    struct hn_block *block = hn_block_take(op->run, sizeof value);
    if (!block) return hn_op_fail(op, HN_E_NOMEM, "no memory");
    *(int64_t *)block->data = value;
    *out = (struct hn_item){{.type = HN_EL_I64, .n = 1, .data = block->data},
                            {.kind = HN_VALUE_TENSOR, .block = block}};
    return HN_OK;
}

static enum hn_status truth_item(struct hn_op *op, bool value, struct hn_item *out)
{
    HN_TRY(count_item(op, 0, out));
    out->array.type = HN_EL_BOOL;
    *(uint8_t *)out->array.data = value;
    return HN_OK;
}

struct loop {
    const struct hn_body *body;
    size_t n_states, n_piles;
    struct hn_item *states;
    struct hn_pile *piles;
};

/* One iteration; *again is the body's condition. */
static enum hn_status iterate(struct hn_op *op, const struct loop *loop, int64_t count, bool *again)
{
    struct hn_run *run = op->run;
    struct hn_frame *frame = hn_body_enter(op, loop->body);
    struct hn_item item;
    HN_TRY(count_item(op, count, &item));
    hn_frame_give(run, frame, 0, item);
    HN_TRY(truth_item(op, true, &item));
    hn_frame_give(run, frame, 1, item);
    for (size_t i = 0; i < loop->n_states; i++) {
        hn_frame_give(run, frame, 2 + i, loop->states[i]);
        loop->states[i].hold = (struct hn_hold){0};
    }
    HN_TRY(hn_frame_go(op, frame));
    item = hn_frame_take(frame, 0);
    const enum hn_status status = truth(op, &item, again);
    hn_hold_drop(run, &item.hold);
    HN_TRY(status);
    for (size_t i = 0; i < loop->n_states; i++)
        loop->states[i] = hn_frame_take(frame, 1 + i);
    for (size_t i = 0; i < loop->n_piles; i++) {
        item = hn_frame_take(frame, 1 + loop->n_states + i);
        const enum hn_status piled = hn_pile_add(op, &loop->piles[i], &item);
        hn_hold_drop(run, &item.hold);
        HN_TRY(piled);
    }
    hn_frame_leave(run, frame);
    return HN_OK;
}

static enum hn_status begin_loop(struct hn_op *op, struct loop *loop, int64_t *most, bool *again)
{
    loop->body = hn_op_body(op, "body");
    if (!loop->body) return hn_op_failed(op);
    if (op->n_in < 2) return hn_op_fail(op, HN_E_FORMAT, "a loop without a condition");
    loop->n_states = op->n_in > 2 ? op->n_in - 2 : 0;
    if (loop->body->n_inputs != 2 + loop->n_states || loop->body->n_outputs < 1 + loop->n_states ||
        op->n_out > loop->body->n_outputs - 1)
        return hn_op_fail(op, HN_E_FORMAT, "its graph has %zu inputs and %zu outputs",
                          loop->body->n_inputs, loop->body->n_outputs);
    loop->n_piles = loop->body->n_outputs - 1 - loop->n_states;
    loop->states = hn_op_items(op, loop->n_states);
    loop->piles = loop->states ? hn_op_piles(op, loop->n_piles) : NULL;
    if (!loop->piles) return hn_op_failed(op);
    for (size_t i = 0; i < loop->n_states; i++)
        if (op->in[2 + i]) loop->states[i] = hn_op_item(op, 2 + i);
    *most = INT64_MAX;
    *again = true;
    if (op->in[0]) {
        const int64_t *n;
        size_t count;
        HN_TRY(hn_op_ints_of(op, 0, &n, &count));
        if (count != 1) return hn_op_fail(op, HN_E_ARG, "M must be a single number");
        *most = n[0];
    }
    if (op->in[1]) {
        const struct hn_item condition = hn_op_look(op, 1);
        HN_TRY(truth(op, &condition, again));
    }
    return HN_OK;
}

enum hn_status hn_op_loop(struct hn_op *op)
{
    struct loop loop = {0};
    int64_t most;
    bool again;
    HN_TRY(begin_loop(op, &loop, &most, &again));
    for (int64_t i = 0; i < most && again; i++)
        HN_TRY(iterate(op, &loop, i, &again));
    for (size_t i = 0; i < op->n_out; i++) {
        if (i < loop.n_states) {
            hn_op_set(op, i, &loop.states[i].array, hn_hold_share(&loop.states[i].hold));
            continue;
        }
        struct hn_pile *pile = &loop.piles[i - loop.n_states];
        if (pile->n == 0) hn_body_declared(loop.body, 1 + i, &pile->first);
        HN_TRY(hn_pile_out(op, i, pile, 0, pile->n, 0, false));
    }
    return HN_OK;
}

/* --- SequenceMap --- */

static enum hn_status map_item(struct hn_op *op, const struct hn_body *body, size_t at)
{
    struct hn_run *run = op->run;
    struct hn_frame *frame = hn_body_enter(op, body);
    for (size_t j = 0; j < op->n_in; j++) {
        struct hn_item item = hn_op_look(op, j);
        if (item.hold.kind == HN_VALUE_SEQUENCE) {
            if (item.array.n <= at)
                return hn_op_fail(op, HN_E_ARG, "its sequences have different lengths");
            item = ((const struct hn_item *)item.array.data)[at];
        }
        item.hold = hn_hold_share(&item.hold);
        hn_frame_give(run, frame, j, item);
    }
    HN_TRY(hn_frame_go(op, frame));
    for (size_t i = 0; i < op->n_out; i++) {
        struct hn_item *items = op->out[i].data;
        items[at] = hn_frame_take(frame, i);
        op->out[i].type = items[at].array.type;
    }
    hn_frame_leave(run, frame);
    return HN_OK;
}

enum hn_status hn_op_sequence_map(struct hn_op *op)
{
    const struct hn_body *body = hn_op_body(op, "body");
    if (!body) return hn_op_failed(op);
    if (hn_op_kind(op, 0) != HN_VALUE_SEQUENCE) return hn_op_fail_type(op, 0);
    if (body->n_inputs != op->n_in || body->n_outputs < op->n_out)
        return hn_op_fail(op, HN_E_FORMAT, "its graph has %zu inputs and %zu outputs",
                          body->n_inputs, body->n_outputs);
    const size_t n = op->in[0]->n;
    for (size_t i = 0; i < op->n_out; i++) {
        struct hn_array type;
        hn_body_declared(body, i, &type);
        if (!hn_op_make_sequence(op, i, n, type.type)) return hn_op_failed(op);
    }
    for (size_t at = 0; at < n; at++)
        HN_TRY(map_item(op, body, at));
    return HN_OK;
}
