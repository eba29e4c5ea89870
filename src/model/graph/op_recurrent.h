/* RNN, GRU and LSTM: what the general form and the fast one share. */
#ifndef HN_MODEL_GRAPH_OP_RECURRENT_H
#define HN_MODEL_GRAPH_OP_RECURRENT_H

#include "model/graph/op_activation.h"
#include "model/graph/op_lane.h"

enum hn_cell { HN_CELL_RNN, HN_CELL_GRU, HN_CELL_LSTM };

enum { HN_CELL_ACTS = 3 };

/* Of each kind: what weights have of each unit, and the activations where the node names none. */
struct hn_cell_form {
    size_t gates, acts;
    const char *usual[HN_CELL_ACTS];
};
extern const struct hn_cell_form hn_cell_forms[];

struct hn_recurrent {
    enum hn_cell cell;
    enum hn_lane lane;
    size_t steps, batch, inputs, hidden, directions;
    bool batch_first, backward; /* `backward`: the first direction */
    bool linear_before_reset, input_forget;
    double clip; /* 0: none */
    struct hn_cell_activation acts[2][HN_CELL_ACTS];
    int32_t *lengths; /* [batch] */
    const char *x;
    const char *w, *r;       /* turned: [directions, inputs or hidden, gates x hidden] */
    const double *b;         /* [directions, 2 x gates x hidden], or NULL */
    const double *peepholes; /* [directions, 3 x hidden], or NULL */
    char *y;                 /* or NULL */
    double *gates, *carry;   /* a row of sums; what the reset gate left of the state */
};

/* Where a row of the batch stands in states, [directions][batch] or the other way round. */
static inline size_t hn_state_row(const struct hn_recurrent *r, size_t d, size_t b)
{
    return r->batch_first ? b * r->directions + d : d * r->batch + b;
}

/* Cells of floats as they usually are, by fast products: the usual activations, no clip, no peepholes, and
 * weights that are constant. Decides at load; leaves *out NULL where they are not so. */
enum hn_status hn_plain_cells_prepare(struct hn_op *op, enum hn_cell cell,
                                      struct hn_op_state **out);
/* The node's state is that of plain cells. */
bool hn_plain_cells(const struct hn_op *op);
/* Runs them; `r` is what the node says. */
enum hn_status hn_plain_cells_run(struct hn_op *op, const struct hn_recurrent *r);

#endif
