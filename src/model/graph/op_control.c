/* Operators that run graphs: If, Loop, Scan, SequenceMap; and hn_op_call for those of other files. */
#include <inttypes.h>

#include "base/bits.h"
#include "model/graph/graph_impl.h"

/* --- calling a body --- */

static struct hn_body *body_of(struct hn_op *op, const char *name)
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

/* Brings what the body takes from around; inputs come after that. */
static struct hn_frame *enter(struct hn_op *op, const struct hn_body *body)
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

/* Input i becomes what `item` holds. */
static void give(struct hn_run *run, struct hn_frame *frame, size_t i, struct hn_item item)
{
    put(run, frame, frame->body->inputs[i], item);
}

/* Output i, shared. */
static struct hn_item take(const struct hn_frame *frame, size_t i)
{
    const int32_t slot = frame->body->outputs[i];
    struct hn_item item = {.hold = {.kind = HN_VALUE_NONE}};
    if (slot == HN_NO_SLOT) return item;
    item.array = *frame->outputs[i];
    item.hold.kind = HN_VALUE_TENSOR;
    if (!frame->body->slots[slot].constant) item.hold = hn_hold_share(&frame->holds[slot]);
    return item;
}

/* Lets go of what a run of the body leaves: its outputs and the inputs that it did not read. */
static void leave(struct hn_run *run, struct hn_frame *frame)
{
    const struct hn_body *body = frame->body;
    for (size_t i = 0; i < body->n_outputs; i++)
        if (body->outputs[i] != HN_NO_SLOT) hn_hold_drop(run, &frame->holds[body->outputs[i]]);
    for (size_t i = 0; i < body->n_inputs; i++)
        hn_hold_drop(run, &frame->holds[body->inputs[i]]);
    for (size_t i = 0; i < body->n_captures; i++)
        hn_hold_drop(run, &frame->holds[body->captures[i].inner]);
}

static enum hn_status go(struct hn_op *op, struct hn_frame *frame)
{
    struct hn_run *run = op->run;
    /* A graph without nodes takes no time, but a loop around it might for ever. */
    if (run->nodes_left == 0) return hn_op_fail(op, HN_E_LIMIT, "runs too many times");
    run->nodes_left--;
    HN_TRY(hn_op_check(op));
    return hn_body_run(run, frame, op->err);
}

/* Values that the operator holds until it returns. */
static struct hn_item *items_for(struct hn_op *op, size_t n)
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
    const struct hn_body *body = body_of(op, name);
    if (!body) return hn_op_failed(op);
    if (n_in != body->n_inputs)
        return hn_op_fail(op, HN_E_FORMAT, "'%s' has %zu inputs, not %zu", name, body->n_inputs,
                          n_in);
    leave(op->run, &op->run->frames[body->index]);
    struct hn_frame *frame = enter(op, body);
    for (size_t i = 0; i < n_in; i++)
        give(op->run, frame, i, (struct hn_item){*in[i], {.kind = HN_VALUE_TENSOR}});
    HN_TRY(go(op, frame));
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

/* A single truth. */
static enum hn_status truth(struct hn_op *op, const struct hn_item *item, bool *out)
{
    if (item->hold.kind != HN_VALUE_TENSOR || item->array.type != HN_EL_BOOL || item->array.n != 1)
        return hn_op_fail(op, HN_E_ARG, "a condition must be a single bool");
    *out = *(const uint8_t *)item->array.data != 0;
    return HN_OK;
}

/* Input j for as long as the operator runs; not counted as held. */
static struct hn_item look(const struct hn_op *op, size_t j)
{
    const struct hn_hold *hold = hn_op_hold(op, j);
    const struct hn_hold constant = {.kind = HN_VALUE_TENSOR};
    return (struct hn_item){*op->in[j], hold ? *hold : constant};
}

/* --- If --- */

enum hn_status hn_op_if(struct hn_op *op)
{
    bool yes = false;
    const struct hn_item condition = look(op, 0);
    HN_TRY(truth(op, &condition, &yes));
    const struct hn_body *body = body_of(op, yes ? "then_branch" : "else_branch");
    if (!body) return hn_op_failed(op);
    if (body->n_outputs < op->n_out || body->n_inputs)
        return hn_op_fail(op, HN_E_FORMAT, "a branch does not make %zu values of none", op->n_out);
    struct hn_frame *frame = enter(op, body);
    HN_TRY(go(op, frame));
    for (size_t i = 0; i < op->n_out; i++) {
        const struct hn_item item = take(frame, i);
        hn_op_set(op, i, &item.array, item.hold);
    }
    leave(op->run, frame);
    return HN_OK;
}

/* --- what loops put together --- */

/* Tensors of one shape, one behind the other. */
struct pile {
    struct hn_array first; /* type and shape of each */
    size_t n, room, bytes; /* of each */
    char *data;
};

static enum hn_status pile_up(struct hn_op *op, struct pile *pile, const struct hn_item *item)
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

/* What the file says of an output of a body that never ran: unknown dimensions are 0. */
static void declared(const struct hn_body *body, size_t i, struct hn_array *out)
{
    const struct hn_onnx_type *type = &body->file->outputs[i].type;
    *out = (struct hn_array){.type = type->known_element ? type->element : HN_EL_F32,
                             .n_dims = type->n_dims};
    for (size_t d = 0; d < type->n_dims; d++)
        out->shape[d] = type->shape[d] > 0 ? (size_t)type->shape[d] : 0;
}

/* Output i: the pile's tensors along a new dimension `axis`, where `lead` dimensions come first (a batch).
 */
static enum hn_status unpile(struct hn_op *op, size_t i, const struct pile *pile, size_t lead,
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

static struct pile *piles_for(struct hn_op *op, size_t n)
{
    struct pile *piles = hn_op_scratch(op, n, sizeof *piles);
    if (piles) memset(piles, 0, n * sizeof *piles);
    return piles;
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
    struct pile *piles;
};

/* One iteration; *again is the body's condition. */
static enum hn_status iterate(struct hn_op *op, const struct loop *loop, int64_t count, bool *again)
{
    struct hn_run *run = op->run;
    struct hn_frame *frame = enter(op, loop->body);
    struct hn_item item;
    HN_TRY(count_item(op, count, &item));
    give(run, frame, 0, item);
    HN_TRY(truth_item(op, true, &item));
    give(run, frame, 1, item);
    for (size_t i = 0; i < loop->n_states; i++) {
        give(run, frame, 2 + i, loop->states[i]);
        loop->states[i].hold = (struct hn_hold){0};
    }
    HN_TRY(go(op, frame));
    item = take(frame, 0);
    const enum hn_status status = truth(op, &item, again);
    hn_hold_drop(run, &item.hold);
    HN_TRY(status);
    for (size_t i = 0; i < loop->n_states; i++)
        loop->states[i] = take(frame, 1 + i);
    for (size_t i = 0; i < loop->n_piles; i++) {
        item = take(frame, 1 + loop->n_states + i);
        const enum hn_status piled = pile_up(op, &loop->piles[i], &item);
        hn_hold_drop(run, &item.hold);
        HN_TRY(piled);
    }
    leave(run, frame);
    return HN_OK;
}

static enum hn_status begin_loop(struct hn_op *op, struct loop *loop, int64_t *most, bool *again)
{
    loop->body = body_of(op, "body");
    if (!loop->body) return hn_op_failed(op);
    if (op->n_in < 2) return hn_op_fail(op, HN_E_FORMAT, "a loop without a condition");
    loop->n_states = op->n_in > 2 ? op->n_in - 2 : 0;
    if (loop->body->n_inputs != 2 + loop->n_states || loop->body->n_outputs < 1 + loop->n_states ||
        op->n_out > loop->body->n_outputs - 1)
        return hn_op_fail(op, HN_E_FORMAT, "its graph has %zu inputs and %zu outputs",
                          loop->body->n_inputs, loop->body->n_outputs);
    loop->n_piles = loop->body->n_outputs - 1 - loop->n_states;
    loop->states = items_for(op, loop->n_states);
    loop->piles = loop->states ? piles_for(op, loop->n_piles) : NULL;
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
        const struct hn_item condition = look(op, 1);
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
        struct pile *pile = &loop.piles[i - loop.n_states];
        if (pile->n == 0) declared(loop.body, 1 + i, &pile->first);
        HN_TRY(unpile(op, i, pile, 0, pile->n, 0, false));
    }
    return HN_OK;
}

/* --- Scan --- */

struct scan {
    const struct hn_body *body;
    size_t n_states, n_scans, n_piles, first; /* input where states begin */
    struct hn_item *states;
    struct hn_array *scans; /* that are taken apart */
    size_t *axes;           /* [n_scans] */
    bool *backwards;
    struct pile *piles;
};

static int64_t listed(const struct hn_op *op, const char *name, size_t i)
{
    size_t n;
    const int64_t *list = hn_op_ints(op, name, &n);
    return i < n ? list[i] : 0;
}

/* What stands at `t` of dimension `axis`. */
static enum hn_status slice(struct hn_op *op, const struct hn_array *from, size_t axis, size_t t,
                            struct hn_item *out)
{
    struct hn_array part = *from;
    size_t outer = 1, inner = hn_element_info(from->type)->bytes;
    for (size_t d = 0; d < axis; d++)
        outer *= from->shape[d];
    for (size_t d = axis + 1; d < from->n_dims; d++) {
        inner *= from->shape[d];
        part.shape[d - 1] = from->shape[d];
    }
    part.n_dims--;
    part.n = from->shape[axis] ? from->n / from->shape[axis] : 0;
    struct hn_block *block = hn_block_take(op->run, outer * inner);
    if (!block) return hn_op_fail(op, HN_E_NOMEM, "no memory for a slice");
    part.data = block->data;
    for (size_t o = 0; o < outer && inner; o++)
        memcpy((char *)part.data + o * inner,
               (const char *)from->data + (o * from->shape[axis] + t) * inner, inner);
    *out = (struct hn_item){part, {.kind = HN_VALUE_TENSOR, .block = block}};
    return HN_OK;
}

static enum hn_status scan_step(struct hn_op *op, const struct scan *s, size_t t, size_t n)
{
    struct hn_run *run = op->run;
    struct hn_frame *frame = enter(op, s->body);
    struct hn_item item;
    for (size_t i = 0; i < s->n_states; i++) {
        give(run, frame, i, s->states[i]);
        s->states[i].hold = (struct hn_hold){0};
    }
    for (size_t i = 0; i < s->n_scans; i++) {
        HN_TRY(slice(op, &s->scans[i], s->axes[i], s->backwards[i] ? n - 1 - t : t, &item));
        give(run, frame, s->n_states + i, item);
    }
    HN_TRY(go(op, frame));
    for (size_t i = 0; i < s->n_states; i++)
        s->states[i] = take(frame, i);
    for (size_t i = 0; i < s->n_piles; i++) {
        item = take(frame, s->n_states + i);
        const enum hn_status status = pile_up(op, &s->piles[i], &item);
        hn_hold_drop(run, &item.hold);
        HN_TRY(status);
    }
    leave(run, frame);
    return HN_OK;
}

static enum hn_status begin_scan(struct hn_op *op, struct scan *s, size_t first)
{
    *s = (struct scan){.body = body_of(op, "body"), .first = first};
    if (!s->body) return hn_op_failed(op);
    const int64_t n_scans = hn_op_int(op, "num_scan_inputs", 0);
    if (n_scans < 1 || op->n_in < first || (size_t)n_scans > op->n_in - first)
        return hn_op_fail(op, HN_E_FORMAT, "num_scan_inputs is %" PRId64, n_scans);
    s->n_scans = (size_t)n_scans;
    s->n_states = op->n_in - first - s->n_scans;
    if (s->body->n_inputs != s->n_states + s->n_scans || s->body->n_outputs < s->n_states ||
        op->n_out > s->body->n_outputs)
        return hn_op_fail(op, HN_E_FORMAT, "its graph has %zu inputs and %zu outputs",
                          s->body->n_inputs, s->body->n_outputs);
    s->n_piles = s->body->n_outputs - s->n_states;
    s->states = items_for(op, s->n_states);
    s->scans = s->states ? hn_op_scratch(op, s->n_scans, sizeof *s->scans) : NULL;
    s->axes = s->scans ? hn_op_scratch(op, s->n_scans, sizeof *s->axes) : NULL;
    s->backwards = s->axes ? hn_op_scratch(op, s->n_scans, sizeof *s->backwards) : NULL;
    s->piles = s->backwards ? piles_for(op, s->n_piles) : NULL;
    if (!s->piles) return hn_op_failed(op);
    for (size_t i = first; i < op->n_in; i++)
        if (hn_op_kind(op, i) != HN_VALUE_TENSOR)
            return hn_op_fail(op, HN_E_ARG, "input %zu is no tensor", i);
    return HN_OK;
}

static enum hn_status steps_of(struct hn_op *op, const struct scan *s, size_t *out)
{
    *out = s->scans[0].shape[s->axes[0]];
    for (size_t i = 1; i < s->n_scans; i++)
        if (s->scans[i].shape[s->axes[i]] != *out)
            return hn_op_fail(op, HN_E_ARG, "its inputs have different lengths");
    return HN_OK;
}

enum hn_status hn_op_scan(struct hn_op *op)
{
    struct scan s;
    size_t n;
    HN_TRY(begin_scan(op, &s, 0));
    for (size_t i = 0; i < s.n_scans; i++) {
        s.scans[i] = *op->in[s.n_states + i];
        s.backwards[i] = listed(op, "scan_input_directions", i) != 0;
        HN_TRY(hn_op_axis(op, listed(op, "scan_input_axes", i), s.scans[i].n_dims, &s.axes[i]));
    }
    HN_TRY(steps_of(op, &s, &n));
    for (size_t i = 0; i < s.n_states; i++)
        s.states[i] = hn_op_item(op, i);
    for (size_t t = 0; t < n; t++)
        HN_TRY(scan_step(op, &s, t, n));
    for (size_t i = 0; i < op->n_out; i++) {
        if (i < s.n_states) {
            hn_op_set(op, i, &s.states[i].array, hn_hold_share(&s.states[i].hold));
            continue;
        }
        const size_t k = i - s.n_states;
        size_t axis;
        if (n == 0) declared(s.body, i, &s.piles[k].first);
        HN_TRY(
            hn_op_axis(op, listed(op, "scan_output_axes", k), s.piles[k].first.n_dims + 1, &axis));
        HN_TRY(
            unpile(op, i, &s.piles[k], 0, n, axis, listed(op, "scan_output_directions", k) != 0));
    }
    return HN_OK;
}

/* Of opset 8: everything has a batch first, each with its own length; what is beyond that is 0. */
static enum hn_status scan_batch(struct hn_op *op, struct scan *s, struct pile *finals, size_t b,
                                 size_t length, size_t n)
{
    for (size_t i = 0; i < s->n_states; i++) {
        hn_hold_drop(op->run, &s->states[i].hold);
        HN_TRY(slice(op, op->in[s->first + i], 0, b, &s->states[i]));
    }
    for (size_t i = 0; i < s->n_scans; i++) {
        const struct hn_array *in = op->in[s->first + s->n_states + i];
        struct hn_array *one = &s->scans[i];
        *one = *in;
        memmove(one->shape, one->shape + 1, (in->n_dims - 1) * sizeof *one->shape);
        one->n_dims--;
        one->n = in->n / in->shape[0];
        one->data = (char *)in->data + b * one->n * hn_element_info(in->type)->bytes;
    }
    for (size_t t = 0; t < length; t++)
        HN_TRY(scan_step(op, s, t, length));
    for (size_t i = 0; i < s->n_states; i++)
        HN_TRY(pile_up(op, &finals[i], &s->states[i]));
    for (size_t k = 0; k < s->n_piles; k++) {
        struct pile *pile = &s->piles[k];
        if (length == n || pile->n == 0) continue;
        struct hn_item blank = {pile->first, {.kind = HN_VALUE_TENSOR}};
        blank.array.data = hn_op_scratch(op, pile->bytes, 1);
        if (!blank.array.data) return hn_op_failed(op);
        memset(blank.array.data, 0, pile->bytes);
        for (size_t t = length; t < n; t++)
            HN_TRY(pile_up(op, pile, &blank));
    }
    return HN_OK;
}

enum hn_status hn_op_scan_8(struct hn_op *op)
{
    struct scan s;
    HN_TRY(begin_scan(op, &s, 1));
    const int64_t *lengths = NULL;
    size_t n_lengths = 0, n = 0;
    if (op->in[0]) HN_TRY(hn_op_ints_of(op, 0, &lengths, &n_lengths));
    const size_t batch = op->in[1]->n_dims ? op->in[1]->shape[0] : 0;
    for (size_t i = 1; i < op->n_in; i++) {
        const bool scanned = i > s.n_states;
        if (op->in[i]->n_dims < (scanned ? 2 : 1) || op->in[i]->shape[0] != batch || batch == 0)
            return hn_op_fail(op, HN_E_ARG, "input %zu has another batch", i);
        if (!scanned) continue;
        s.axes[i - 1 - s.n_states] = 0;
        s.backwards[i - 1 - s.n_states] = listed(op, "directions", i - 1 - s.n_states) != 0;
        if (i > 1 + s.n_states && op->in[i]->shape[1] != n)
            return hn_op_fail(op, HN_E_ARG, "its inputs have different lengths");
        n = op->in[i]->shape[1];
    }
    if (lengths && n_lengths != batch) return hn_op_fail(op, HN_E_ARG, "not a length for each");
    struct pile *finals = piles_for(op, s.n_states);
    if (!finals) return hn_op_failed(op);
    for (size_t b = 0; b < batch; b++) {
        const int64_t length = lengths ? lengths[b] : (int64_t)n;
        if (length < 0 || (size_t)length > n)
            return hn_op_fail(op, HN_E_ARG, "a length of %" PRId64, length);
        HN_TRY(scan_batch(op, &s, finals, b, (size_t)length, n));
    }
    for (size_t i = 0; i < op->n_out; i++) {
        if (i < s.n_states) {
            HN_TRY(unpile(op, i, &finals[i], 0, batch, 0, false));
            continue;
        }
        struct pile *pile = &s.piles[i - s.n_states];
        if (pile->n != batch * n)
            return hn_op_fail(op, HN_E_ARG, "lengths of 0 leave its outputs without a shape");
        HN_TRY(unpile(op, i, pile, batch, n, 0, false));
    }
    return HN_OK;
}

/* --- SequenceMap --- */

static enum hn_status map_item(struct hn_op *op, const struct hn_body *body, size_t at)
{
    struct hn_run *run = op->run;
    struct hn_frame *frame = enter(op, body);
    for (size_t j = 0; j < op->n_in; j++) {
        struct hn_item item = look(op, j);
        if (item.hold.kind == HN_VALUE_SEQUENCE) {
            if (item.array.n <= at)
                return hn_op_fail(op, HN_E_ARG, "its sequences have different lengths");
            item = ((const struct hn_item *)item.array.data)[at];
        }
        item.hold = hn_hold_share(&item.hold);
        give(run, frame, j, item);
    }
    HN_TRY(go(op, frame));
    for (size_t i = 0; i < op->n_out; i++) {
        struct hn_item *items = op->out[i].data;
        items[at] = take(frame, i);
        op->out[i].type = items[at].array.type;
    }
    leave(run, frame);
    return HN_OK;
}

enum hn_status hn_op_sequence_map(struct hn_op *op)
{
    const struct hn_body *body = body_of(op, "body");
    if (!body) return hn_op_failed(op);
    if (hn_op_kind(op, 0) != HN_VALUE_SEQUENCE) return hn_op_fail_type(op, 0);
    if (body->n_inputs != op->n_in || body->n_outputs < op->n_out)
        return hn_op_fail(op, HN_E_FORMAT, "its graph has %zu inputs and %zu outputs",
                          body->n_inputs, body->n_outputs);
    const size_t n = op->in[0]->n;
    for (size_t i = 0; i < op->n_out; i++) {
        struct hn_array type;
        declared(body, i, &type);
        if (!hn_op_make_sequence(op, i, n, type.type)) return hn_op_failed(op);
    }
    for (size_t at = 0; at < n; at++)
        HN_TRY(map_item(op, body, at));
    return HN_OK;
}
