/* Scan, today's and that of opset 8. */
#include <inttypes.h>

#include "model/graph/op_body.h"

struct scan {
    const struct hn_body *body;
    size_t n_states, n_scans, n_piles, first; /* input where states begin */
    struct hn_item *states;
    struct hn_array *scans; /* that are taken apart */
    size_t *axes;           /* [n_scans] */
    bool *backwards;
    struct hn_pile *piles;
};

static int64_t listed(const struct hn_op *op, const char *name, size_t i)
{
    size_t n;
    const int64_t *list = hn_op_ints(op, name, &n);
    return i < n ? list[i] : 0;
}

static enum hn_status scan_step(struct hn_op *op, const struct scan *s, size_t t, size_t n)
{
    struct hn_run *run = op->run;
    struct hn_frame *frame = hn_body_enter(op, s->body);
    struct hn_item item;
    for (size_t i = 0; i < s->n_states; i++) {
        hn_frame_give(run, frame, i, s->states[i]);
        s->states[i].hold = (struct hn_hold){0};
    }
    for (size_t i = 0; i < s->n_scans; i++) {
        const size_t at = s->backwards[i] ? n - 1 - t : t;
        HN_TRY(hn_op_part(op, &s->scans[i], s->axes[i], at, 1, false, &item));
        hn_frame_give(run, frame, s->n_states + i, item);
    }
    HN_TRY(hn_frame_go(op, frame));
    for (size_t i = 0; i < s->n_states; i++)
        s->states[i] = hn_frame_take(frame, i);
    for (size_t i = 0; i < s->n_piles; i++) {
        item = hn_frame_take(frame, s->n_states + i);
        const enum hn_status status = hn_pile_add(op, &s->piles[i], &item);
        hn_hold_drop(run, &item.hold);
        HN_TRY(status);
    }
    hn_frame_leave(run, frame);
    return HN_OK;
}

static enum hn_status begin_scan(struct hn_op *op, struct scan *s, size_t first)
{
    *s = (struct scan){.body = hn_op_body(op, "body"), .first = first};
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
    s->states = hn_op_items(op, s->n_states);
    s->scans = s->states ? hn_op_scratch(op, s->n_scans, sizeof *s->scans) : NULL;
    s->axes = s->scans ? hn_op_scratch(op, s->n_scans, sizeof *s->axes) : NULL;
    s->backwards = s->axes ? hn_op_scratch(op, s->n_scans, sizeof *s->backwards) : NULL;
    s->piles = s->backwards ? hn_op_piles(op, s->n_piles) : NULL;
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
        if (n == 0) hn_body_declared(s.body, i, &s.piles[k].first);
        HN_TRY(
            hn_op_axis(op, listed(op, "scan_output_axes", k), s.piles[k].first.n_dims + 1, &axis));
        HN_TRY(hn_pile_out(op, i, &s.piles[k], 0, n, axis,
                           listed(op, "scan_output_directions", k) != 0));
    }
    return HN_OK;
}

/* Of opset 8: everything has a batch first, each with its own length; what is beyond that is 0. */
static enum hn_status scan_batch(struct hn_op *op, struct scan *s, struct hn_pile *finals, size_t b,
                                 size_t length, size_t n)
{
    for (size_t i = 0; i < s->n_states; i++) {
        hn_hold_drop(op->run, &s->states[i].hold);
        HN_TRY(hn_op_part(op, op->in[s->first + i], 0, b, 1, false, &s->states[i]));
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
        HN_TRY(hn_pile_add(op, &finals[i], &s->states[i]));
    for (size_t k = 0; k < s->n_piles; k++) {
        struct hn_pile *pile = &s->piles[k];
        if (length == n || pile->n == 0) continue;
        struct hn_item blank = {pile->first, {.kind = HN_VALUE_TENSOR}};
        blank.array.data = hn_op_scratch(op, pile->bytes, 1);
        if (!blank.array.data) return hn_op_failed(op);
        memset(blank.array.data, 0, pile->bytes);
        for (size_t t = length; t < n; t++)
            HN_TRY(hn_pile_add(op, pile, &blank));
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
    struct hn_pile *finals = hn_op_piles(op, s.n_states);
    if (!finals) return hn_op_failed(op);
    for (size_t b = 0; b < batch; b++) {
        const int64_t length = lengths ? lengths[b] : (int64_t)n;
        if (length < 0 || (size_t)length > n)
            return hn_op_fail(op, HN_E_ARG, "a length of %" PRId64, length);
        HN_TRY(scan_batch(op, &s, finals, b, (size_t)length, n));
    }
    for (size_t i = 0; i < op->n_out; i++) {
        if (i < s.n_states) {
            HN_TRY(hn_pile_out(op, i, &finals[i], 0, batch, 0, false));
            continue;
        }
        struct hn_pile *pile = &s.piles[i - s.n_states];
        if (pile->n != batch * n)
            return hn_op_fail(op, HN_E_ARG, "lengths of 0 leave its outputs without a shape");
        HN_TRY(hn_pile_out(op, i, pile, batch, n, 0, false));
    }
    return HN_OK;
}
