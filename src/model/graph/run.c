/* Running: node after node; a value's memory goes back once its last reader is done. */
#include "model/graph/graph_impl.h"

#include <stdlib.h>

#include "base/bits.h"

/* --- frames --- */

/* Points the operator's inputs at where they are. */
void hn_frame_point(struct hn_frame *frame, size_t at)
{
    const struct hn_body *body = frame->body;
    const struct hn_node *node = &body->nodes[at];
    const struct hn_array **in = (const struct hn_array **)(uintptr_t)frame->ops[at].in;
    for (size_t i = 0; i < node->n_in; i++) {
        const int32_t slot = node->in[i];
        if (slot == HN_NO_SLOT) in[i] = NULL;
        else if (body->slots[slot].constant) in[i] = body->slots[slot].constant;
        else in[i] = &frame->arrays[slot];
    }
}

static enum hn_status fill_frame(struct hn_run *run, const struct hn_body *body,
                                 struct hn_frame *frame, struct hn_error *err)
{
    size_t n_in = 0;
    for (size_t i = 0; i < body->n_nodes; i++)
        n_in += body->nodes[i].n_in;
    struct hn_arena *arena = &run->arena;
    frame->body = body;
    frame->arrays = hn_arena_alloc(arena, body->n_slots, sizeof *frame->arrays);
    frame->holds = hn_arena_alloc(arena, body->n_slots, sizeof *frame->holds);
    frame->wanted = hn_arena_alloc(arena, body->n_slots, sizeof *frame->wanted);
    frame->ops = hn_arena_alloc(arena, body->n_nodes, sizeof *frame->ops);
    frame->outputs = hn_arena_alloc(arena, body->n_outputs, sizeof *frame->outputs);
    const struct hn_array **in = hn_arena_alloc(arena, n_in, sizeof *in);
    if (!frame->arrays || !frame->holds || !frame->wanted || !frame->ops || !frame->outputs || !in)
        return hn_fail_nomem(err, "a run", body->n_slots * sizeof *frame->arrays);
    for (size_t i = 0; i < body->n_slots; i++)
        frame->wanted[i] = body->slots[i].readers > 0;
    for (size_t i = 0; i < body->n_nodes; i++) {
        const struct hn_node *node = &body->nodes[i];
        frame->ops[i] = (struct hn_op){.node = node,
                                       .opset = node->opset,
                                       .n_in = node->n_in,
                                       .n_out = node->n_out,
                                       .in = in,
                                       .out = &frame->arrays[node->first_out],
                                       .wanted = &frame->wanted[node->first_out],
                                       .state = node->state,
                                       .kernels = run->graph->kernels,
                                       .pool = run->pool,
                                       .run = run};
        in += node->n_in;
        hn_frame_point(frame, i);
    }
    for (size_t i = 0; i < body->n_outputs; i++) {
        const int32_t slot = body->outputs[i];
        if (slot == HN_NO_SLOT) continue;
        const struct hn_array *constant = body->slots[slot].constant;
        frame->outputs[i] = constant ? constant : &frame->arrays[slot];
    }
    return HN_OK;
}

enum hn_status hn_run_create(const struct hn_graph *graph, struct hn_pool *pool,
                             struct hn_run **out, struct hn_error *err)
{
    *out = NULL;
    struct hn_run *run = calloc(1, sizeof *run);
    if (!run) return hn_fail_nomem(err, "a run", sizeof *run);
    run->graph = graph;
    run->pool = pool;
    run->budget = graph->run_bytes;
    run->nodes_left = graph->run_nodes;
    enum hn_status status = HN_OK;
    run->frames = hn_arena_alloc(&run->arena, graph->n_bodies, sizeof *run->frames);
    if (!run->frames) status = hn_fail_nomem(err, "a run", graph->n_bodies);
    for (size_t i = 0; i < graph->n_bodies && status >= 0; i++)
        status = fill_frame(run, graph->bodies[i], &run->frames[i], err);
    if (status < 0) {
        hn_run_destroy(run);
        return status;
    }
    *out = run;
    return HN_OK;
}

void hn_frame_clear(struct hn_run *run, struct hn_frame *frame)
{
    for (size_t i = 0; i < frame->body->n_slots; i++)
        hn_hold_drop(run, &frame->holds[i]);
    frame->dirty = false;
}

/* Of the whole run, but for what waits for the next. */
static void clear(struct hn_run *run)
{
    for (size_t i = 0; run->frames && i < run->graph->n_bodies; i++) {
        if (run->frames[i].dirty) hn_frame_clear(run, &run->frames[i]);
    }
    while (run->chars) {
        struct hn_block *block = run->chars;
        run->chars = block->next;
        hn_block_give(run, block);
    }
    run->chars_used = 0;
}

void hn_run_destroy(struct hn_run *run)
{
    if (!run) return;
    clear(run);
    hn_blocks_free(run);
    free(run->items);
    hn_arena_free(&run->arena);
    free(run);
}

size_t hn_run_allocations(const struct hn_run *run)
{
    return run->allocations;
}

/* --- nodes --- */

static enum hn_status stopped(const struct hn_run *run, struct hn_error *err)
{
    if (hn_cancelled(&run->cancel)) return hn_fail(err, HN_E_CANCELLED, "it was stopped halfway");
    return hn_fail(err, HN_E_LIMIT, "more than %llu operators in one run",
                   (unsigned long long)run->graph->run_nodes);
}

enum hn_status hn_op_check(struct hn_op *op)
{
    struct hn_run *run = op->run;
    if (!hn_cancelled(&run->cancel)) return HN_OK;
    return stopped(run, op->err);
}

static void drop_scratch(struct hn_run *run, struct hn_block *until)
{
    while (run->scratch != until) {
        struct hn_block *block = run->scratch;
        run->scratch = block->next;
        hn_block_give(run, block);
    }
}

/* Operators that take tensors alone see no others. */
static bool all_tensors(const struct hn_frame *frame, const struct hn_op *op)
{
    const struct hn_node *node = op->node;
    for (size_t i = 0; i < node->n_in; i++) {
        const int32_t slot = node->in[i];
        if (slot == HN_NO_SLOT || op->in[i] != &frame->arrays[slot]) continue;
        if (frame->holds[slot].kind != HN_VALUE_TENSOR) return false;
    }
    return true;
}

enum hn_status hn_node_run(struct hn_run *run, struct hn_frame *frame, struct hn_op *op,
                           struct hn_error *err)
{
    const struct hn_node *node = op->node;
    if (run->nodes_left == 0 || hn_cancelled(&run->cancel)) return stopped(run, err);
    run->nodes_left--;
    op->err = err;
    if (!(node->row->flags & HN_OP_VALUES) && !all_tensors(frame, op))
        return hn_op_fail(op, HN_E_ARG, "takes tensors, not sequences, and none that is missing");
    struct hn_block *const before = run->scratch;
    const enum hn_status status = node->row->fn(op);
    if (run->scratch != before) drop_scratch(run, before);
    return status;
}

enum hn_status hn_body_run(struct hn_run *run, struct hn_frame *frame, struct hn_error *err)
{
    const struct hn_body *body = frame->body;
    const struct hn_frame *const outer = run->frame;
    enum hn_status status = HN_OK;
    run->frame = frame;
    frame->dirty = true;
    for (size_t i = 0; i < body->n_nodes; i++) {
        struct hn_op *op = &frame->ops[i];
        status = hn_node_run(run, frame, op, err);
        if (status < 0) break;
        const struct hn_node *node = op->node;
        for (size_t d = 0; d < node->n_dies; d++)
            hn_hold_drop(run, &frame->holds[node->dies[d]]);
    }
    run->frame = outer;
    return status;
}

/* --- the whole --- */

/* Sequences come in as blocks of items, whose memory is the caller's. */
static enum hn_status take_input(struct hn_run *run, const struct hn_value *from,
                                 struct hn_array *array, struct hn_hold *hold, unsigned depth,
                                 struct hn_error *err)
{
    *array = from->array;
    *hold = (struct hn_hold){.kind = from->kind};
    if (from->kind != HN_VALUE_SEQUENCE) return HN_OK;
    if (depth == 0) return hn_fail(err, HN_E_LIMIT, "sequences are nested too deep");
    struct hn_block *block = NULL;
    size_t bytes;
    if (hn_mul(from->n, sizeof(struct hn_item), &bytes)) block = hn_block_take(run, bytes);
    if (!block) return hn_fail(err, HN_E_NOMEM, "a sequence of %zu", from->n);
    struct hn_item *items = block->data;
    memset(items, 0, bytes);
    block->items = true;
    block->n_items = from->n;
    hold->block = block;
    array->data = items;
    array->n = from->n;
    for (size_t i = 0; i < from->n; i++)
        HN_TRY(take_input(run, &from->items[i], &items[i].array, &items[i].hold, depth - 1, err));
    return HN_OK;
}

static enum hn_status take_inputs(struct hn_run *run, const struct hn_value *in,
                                  struct hn_error *err)
{
    struct hn_frame *frame = &run->frames[0];
    const struct hn_body *body = frame->body;
    frame->dirty = true;
    for (size_t i = 0; i < body->n_inputs; i++) {
        const int32_t slot = body->inputs[i];
        HN_TRY(take_input(run, &in[i], &frame->arrays[slot], &frame->holds[slot], 4, err));
    }
    return HN_OK;
}

/* Items of sequences, for the caller; counted first so that the list does not move. */
static size_t count_items(const struct hn_array *array, const struct hn_hold *hold)
{
    if (hold->kind != HN_VALUE_SEQUENCE) return 0;
    const struct hn_item *items = array->data;
    size_t n = array->n;
    for (size_t i = 0; i < array->n; i++)
        n += count_items(&items[i].array, &items[i].hold);
    return n;
}

static void give_value(struct hn_run *run, size_t *used, const struct hn_array *array,
                       const struct hn_hold *hold, struct hn_value *out)
{
    *out = (struct hn_value){.kind = hold->kind, .array = *array};
    if (hold->kind != HN_VALUE_SEQUENCE || array->n == 0) return;
    const struct hn_item *items = array->data;
    struct hn_value *list = run->items + *used;
    *used += array->n;
    for (size_t i = 0; i < array->n; i++)
        give_value(run, used, &items[i].array, &items[i].hold, &list[i]);
    out->items = list;
    out->n = array->n;
}

/* Outputs that are somebody else's memory become the run's. */
static enum hn_status own_output(struct hn_run *run, struct hn_array *array, struct hn_hold *hold,
                                 struct hn_error *err)
{
    if (hold->kind == HN_VALUE_SEQUENCE) {
        struct hn_item *items = array->data;
        for (size_t i = 0; i < array->n; i++)
            HN_TRY(own_output(run, &items[i].array, &items[i].hold, err));
        return HN_OK;
    }
    if (hold->kind != HN_VALUE_TENSOR || hold->block) return HN_OK;
    const size_t bytes = array->n * hn_element_info(array->type)->bytes;
    struct hn_block *block = hn_block_take(run, bytes);
    if (!block) return hn_fail(err, HN_E_NOMEM, "no memory for an output of %zu bytes", bytes);
    if (bytes) memcpy(block->data, array->data, bytes);
    array->data = block->data;
    hold->block = block;
    return HN_OK;
}

static enum hn_status give_outputs(struct hn_run *run, struct hn_value *out, struct hn_error *err)
{
    struct hn_frame *frame = &run->frames[0];
    const struct hn_body *body = frame->body;
    const struct hn_hold constant = {.kind = HN_VALUE_TENSOR};
    size_t n = 0, used = 0;
    for (size_t i = 0; i < body->n_outputs; i++) {
        const int32_t slot = body->outputs[i];
        if (body->slots[slot].constant) continue;
        HN_TRY(own_output(run, &frame->arrays[slot], &frame->holds[slot], err));
        n += count_items(&frame->arrays[slot], &frame->holds[slot]);
    }
    if (n > run->items_room) {
        free(run->items);
        run->items_room = 0;
        run->items = calloc(n, sizeof *run->items);
        if (!run->items) return hn_fail_nomem(err, "outputs", n * sizeof *run->items);
        run->items_room = n;
    }
    for (size_t i = 0; i < body->n_outputs; i++) {
        const int32_t slot = body->outputs[i];
        const struct hn_array *array = frame->outputs[i];
        give_value(run, &used, array,
                   array == &frame->arrays[slot] ? &frame->holds[slot] : &constant, &out[i]);
    }
    return HN_OK;
}

enum hn_status hn_run_go(struct hn_run *run, const struct hn_value *in, struct hn_value *out,
                         const struct hn_cancel *cancel, struct hn_error *err)
{
    clear(run);
    run->cancel = cancel ? *cancel : (struct hn_cancel){0};
    run->nodes_left = run->graph->run_nodes;
    HN_TRY(take_inputs(run, in, err));
    HN_TRY(hn_body_run(run, &run->frames[0], err));
    return give_outputs(run, out, err);
}
