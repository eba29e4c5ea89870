/* What can be computed at load: nodes whose inputs are constant, and what rows prepare of constants. */
#include <stdlib.h>

#include "base/bits.h"
#include "model/graph/fast.h"
#include "model/graph/graph_impl.h"

enum {
    FOLD_SMALL = 1 << 20,     /* bytes of a result that is kept whatever it was made of */
    FOLD_GROWTH = 4,          /* larger ones: at most so many times what they were made of */
    FOLD_RUN_BYTES = 1 << 30, /* memory while folding */
    FOLD_TOTAL = 1 << 30,     /* bytes of all results beyond the small */
};

static size_t bytes_of(const struct hn_array *a)
{
    return a->n * hn_element_info(a->type)->bytes;
}

/* --- folding --- */

/* Whether only products that follow soon read a matrix that is turned: they can do without. */
static bool turned_for_products(const struct hn_body *body, const struct hn_node *node)
{
    enum { SOON = 64 };
    if (node->domain.n || !hn_str_is(node->op, "Transpose") || node->n_out != 1) return false;
    const struct hn_slot *turned = &body->slots[node->first_out];
    const struct hn_array *a = body->slots[node->in[0]].constant;
    if (turned->output || !a || a->type != HN_EL_F32 || a->n_dims != 2 || a->n == 0) return false;
    size_t found = 0;
    const struct hn_node *end = body->nodes + body->n_nodes;
    for (const struct hn_node *n = node + 1; n < end && n <= node + SOON; n++)
        if (n->domain.n == 0 && hn_str_is(n->op, "MatMul") && n->in[1] == node->first_out &&
            n->in[0] != node->first_out)
            found++;
    return found == turned->readers;
}

static bool foldable(const struct hn_body *body, const struct hn_node *node)
{
    if (turned_for_products(body, node)) return false;
    if (node->row->flags & (HN_OP_RANDOM | HN_OP_CALLS)) return false;
    for (size_t i = 0; i < node->n_in; i++)
        if (node->in[i] != HN_NO_SLOT && !body->slots[node->in[i]].constant) return false;
    if (body->graph->bytes_done || !hn_str_is(node->op, "DequantizeLinear")) return true;
    body->graph->has_bytes = true; /* weights that may stay what they are */
    return false;
}

/* A copy of its own; strings with their bytes. */
static void *copy_of(const struct hn_array *a, size_t *bytes)
{
    *bytes = bytes_of(a);
    const struct hn_str *strings = a->type == HN_EL_STRING ? a->data : NULL;
    for (size_t i = 0; strings && i < a->n; i++)
        *bytes += strings[i].n;
    void *copy = aligned_alloc(64, hn_round_up(*bytes + 1, 64));
    if (!copy || a->n == 0) return copy;
    memcpy(copy, a->data, bytes_of(a));
    char *chars = (char *)copy + bytes_of(a);
    for (size_t i = 0; strings && i < a->n; i++) {
        if (strings[i].n) memcpy(chars, strings[i].p, strings[i].n);
        ((struct hn_str *)copy)[i].p = chars;
        chars += strings[i].n;
    }
    return copy;
}

static bool worth_keeping(const struct hn_graph *graph, const struct hn_op *op)
{
    size_t in = 0, out = 0;
    for (size_t i = 0; i < op->n_in; i++)
        if (op->in[i]) in += bytes_of(op->in[i]);
    for (size_t i = 0; i < op->n_out; i++) {
        const struct hn_hold *hold = &op->run->frame->holds[op->node->first_out + (int32_t)i];
        if (op->wanted[i] && hold->kind != HN_VALUE_TENSOR) return false;
        if (op->wanted[i] && hold->block) out += bytes_of(&op->out[i]);
    }
    if (out <= FOLD_SMALL) return true;
    return out / FOLD_GROWTH <= in && out <= FOLD_TOTAL && graph->folded_bytes <= FOLD_TOTAL - out;
}

static enum hn_status keep_output(struct hn_graph *graph, struct hn_body *body,
                                  const struct hn_op *op, size_t i, struct hn_error *err)
{
    struct hn_slot *slot = &body->slots[op->node->first_out + (int32_t)i];
    struct hn_array *array = hn_arena_alloc(&graph->arena, 1, sizeof *array);
    if (!array) return hn_fail_nomem(err, "a constant", sizeof *array);
    *array = op->out[i];
    if (op->run->frame->holds[op->node->first_out + (int32_t)i].block) {
        size_t bytes;
        slot->own = copy_of(array, &bytes);
        if (!slot->own) return hn_fail_nomem(err, "a constant", bytes);
        array->data = slot->own;
        graph->folded_bytes += bytes;
    } else {
        /* A view of an input: neither may go. */
        for (size_t j = 0; j < op->n_in; j++)
            if (op->node->in[j] != HN_NO_SLOT) body->slots[op->node->in[j]].pinned = true;
        slot->pinned = true;
    }
    slot->constant = array;
    return HN_OK;
}

static enum hn_status settle(struct hn_body *body, int32_t slot, struct hn_error *err)
{
    struct hn_onnx_tensor *tensor = slot == HN_NO_SLOT ? NULL : body->slots[slot].tensor;
    return tensor ? hn_onnx_settle(body->graph->file, tensor, err) : HN_OK;
}

/* A node that fails is left to fail when it is run, if it ever is. */
static enum hn_status fold_node(struct hn_run *run, struct hn_body *body, size_t at,
                                struct hn_error *err)
{
    struct hn_frame *frame = &run->frames[body->index];
    struct hn_node *node = &body->nodes[at];
    struct hn_op *op = &frame->ops[at];
    struct hn_error ignored;
    enum hn_status status = HN_OK;
    for (size_t i = 0; i < node->n_in; i++)
        HN_TRY(settle(body, node->in[i], err));
    hn_frame_point(frame, at);
    run->frame = frame;
    run->nodes_left = 1;
    if (hn_node_run(run, frame, op, &ignored) >= 0 && worth_keeping(body->graph, op)) {
        for (size_t i = 0; i < op->n_out && status >= 0; i++)
            if (op->wanted[i]) status = keep_output(body->graph, body, op, i, err);
        node->dead = status >= 0;
    }
    for (size_t i = 0; i < op->n_out; i++)
        hn_hold_drop(run, &frame->holds[node->first_out + (int32_t)i]);
    run->frame = NULL;
    return status;
}

enum hn_status hn_graph_fold(struct hn_graph *graph, struct hn_error *err)
{
    struct hn_run *run;
    HN_TRY(hn_run_create(graph, NULL, &run, err));
    run->budget = hn_min(run->budget, FOLD_RUN_BYTES);
    enum hn_status status = HN_OK;
    for (size_t b = 0; b < graph->n_bodies && status >= 0; b++) {
        struct hn_body *body = graph->bodies[b];
        for (size_t i = 0; i < body->n_captures; i++) {
            const struct hn_capture *c = &body->captures[i];
            if (status >= 0) status = settle(body->outer, c->outer, err);
            body->slots[c->inner].constant = body->outer->slots[c->outer].constant;
        }
        for (size_t i = 0; i < body->n_nodes && status >= 0; i++)
            if (foldable(body, &body->nodes[i])) status = fold_node(run, body, i, err);
    }
    hn_run_destroy(run);
    return status;
}

/* --- constants that are no longer read --- */

static void release(struct hn_graph *graph, struct hn_slot *slot)
{
    if (slot->pinned) return;
    if (slot->tensor && --slot->tensor->users == 0) hn_onnx_release(slot->tensor);
    if (slot->own) {
        graph->folded_bytes -= bytes_of(slot->constant);
        free(slot->own);
        slot->own = NULL;
    }
}

void hn_graph_release_unread(struct hn_graph *graph)
{
    for (size_t b = 0; b < graph->n_bodies; b++) {
        struct hn_body *body = graph->bodies[b];
        for (size_t i = 0; i < body->n_slots; i++)
            if (body->slots[i].constant && body->slots[i].readers == 0)
                release(graph, &body->slots[i]);
    }
}

void hn_op_release(struct hn_op *op, size_t j)
{
    struct hn_body *body = op->run->graph->bodies[op->run->frame->body->index];
    struct hn_slot *slot = &body->slots[op->node->in[j]];
    if (++slot->released == slot->readers) release(body->graph, slot);
}

void hn_op_share_packed(struct hn_op *op, size_t j, const struct hn_packed *packed)
{
    struct hn_body *body = op->run->graph->bodies[op->run->frame->body->index];
    struct hn_slot *slot = &body->slots[op->node->in[j]];
    if (slot->gathers) slot->packed = packed;
}

const struct hn_packed *hn_op_packed(const struct hn_op *op, size_t j)
{
    return op->run->frame->body->slots[op->node->in[j]].packed;
}

/* --- preparing --- */

/* Whether a node can do with elements at any address. */
static bool takes_loose(const struct hn_node *node, size_t i)
{
    const unsigned flags = node->row->flags;
    return flags & HN_OP_LOOSE_ALL || (i < 2 && flags & (HN_OP_LOOSE_0 << i));
}

static enum hn_status settle_inputs(struct hn_body *body, const struct hn_node *node,
                                    struct hn_error *err)
{
    for (size_t i = 0; i < node->n_in; i++)
        if (!takes_loose(node, i)) HN_TRY(settle(body, node->in[i], err));
    return HN_OK;
}

/* For all that reads constants without having prepared them. */
static enum hn_status settle_read(struct hn_body *body, struct hn_error *err)
{
    for (size_t i = 0; i < body->n_nodes; i++)
        HN_TRY(settle_inputs(body, &body->nodes[i], err));
    for (size_t i = 0; i < body->n_outputs; i++)
        HN_TRY(settle(body, body->outputs[i], err));
    return HN_OK;
}

static enum hn_status prepare_node(struct hn_run *run, struct hn_body *body, size_t at,
                                   struct hn_error *err)
{
    struct hn_frame *frame = &run->frames[body->index];
    struct hn_node *node = &body->nodes[at];
    struct hn_op *op = &frame->ops[at];
    const struct hn_array **in = (const struct hn_array **)(uintptr_t)op->in;
    HN_TRY(settle_inputs(body, node, err));
    for (size_t i = 0; i < node->n_in; i++)
        in[i] = node->in[i] == HN_NO_SLOT ? NULL : body->slots[node->in[i]].constant;
    op->err = err;
    run->frame = frame;
    const enum hn_status status = node->row->prepare(op, &node->state);
    while (run->scratch) {
        struct hn_block *block = run->scratch;
        run->scratch = block->next;
        hn_block_give(run, block);
    }
    run->frame = NULL;
    if (node->state) body->graph->state_bytes += node->state->bytes;
    return status;
}

enum hn_status hn_graph_prepare(struct hn_graph *graph, struct hn_error *err)
{
    struct hn_run *run;
    HN_TRY(hn_run_create(graph, NULL, &run, err));
    enum hn_status status = HN_OK;
    for (size_t b = 0; b < graph->n_bodies; b++) {
        struct hn_body *body = graph->bodies[b];
        for (size_t i = 0; i < body->n_nodes && status >= 0; i++)
            if (body->nodes[i].row->prepare && !body->nodes[i].state)
                status = prepare_node(run, body, i, err);
        if (status >= 0) status = settle_read(body, err);
    }
    hn_run_destroy(run);
    return status;
}
