/* Graphs that are attributes of operators: what the operators that run them share. A body is entered, its inputs
 * are given, it goes, its outputs are taken, and it is left. */
#ifndef HN_MODEL_GRAPH_OP_BODY_H
#define HN_MODEL_GRAPH_OP_BODY_H

#include "model/graph/graph_impl.h"

/* The graph that is attribute `name`. NULL where there is none: return hn_op_failed(op). */
struct hn_body *hn_op_body(struct hn_op *op, const char *name);

/* The frame of a run of the body, with what the body takes from around. */
struct hn_frame *hn_body_enter(struct hn_op *op, const struct hn_body *body);
/* Input i becomes what `item` holds. */
void hn_frame_give(struct hn_run *run, struct hn_frame *frame, size_t i, struct hn_item item);
/* Runs it; an error when this graph has run too many times. */
enum hn_status hn_frame_go(struct hn_op *op, struct hn_frame *frame);
/* Output i, shared: the caller drops it. */
struct hn_item hn_frame_take(const struct hn_frame *frame, size_t i);
/* Lets go of what a run of the body leaves: its outputs and the inputs that it did not read. */
void hn_frame_leave(struct hn_run *run, struct hn_frame *frame);

/* Room for n values that the operator holds until it returns. NULL: return hn_op_failed(op). */
struct hn_item *hn_op_items(struct hn_op *op, size_t n);
/* Input j for as long as the operator runs; not counted as held. */
struct hn_item hn_op_look(const struct hn_op *op, size_t j);
/* What the file says of output i of a body that never ran: unknown dimensions are 0. */
void hn_body_declared(const struct hn_body *body, size_t i, struct hn_array *out);

/* Tensors of one shape, one behind the other. */
struct hn_pile {
    struct hn_array first; /* type and shape of each */
    size_t n, room, bytes; /* of each */
    char *data;
};

/* n empty ones, until the operator returns. NULL: return hn_op_failed(op). */
struct hn_pile *hn_op_piles(struct hn_op *op, size_t n);
/* Copies the item's tensor onto the pile. */
enum hn_status hn_pile_add(struct hn_op *op, struct hn_pile *pile, const struct hn_item *item);
/* Output i: `count` of the pile's tensors along a new dimension `axis`; with `lead` (a batch), so many times
 * `count`, and a first dimension for them. */
enum hn_status hn_pile_out(struct hn_op *op, size_t i, const struct hn_pile *pile, size_t lead,
                           size_t count, size_t axis, bool backwards);

#endif
