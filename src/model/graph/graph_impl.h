/* The inside of graphs, for the files of this folder that load, rewrite and run them; operators see op.h
 * alone. */
#ifndef HN_MODEL_GRAPH_GRAPH_IMPL_H
#define HN_MODEL_GRAPH_GRAPH_IMPL_H

#include "base/arena.h"
#include "model/graph/graph.h"
#include "model/graph/op_list.h"

enum {
    HN_GRAPH_NODES = 1 << 22,  /* after functions have been written out */
    HN_GRAPH_VALUES = 1 << 24, /* slots of all bodies */
    HN_GRAPH_DEPTH = 24,       /* graphs in graphs, functions in functions */
};

struct hn_body;
struct hn_packed;

/* An attribute of a node: under the name that the operator knows, with the value of the file, which in a
 * function may be its caller's. */
struct hn_attr {
    struct hn_str name;
    const struct hn_onnx_attr *value;
    struct hn_body **bodies; /* of GRAPH and GRAPHS: [value->n] */
};

/* Values are numbered within their body; a node's outputs follow each other. */
struct hn_node {
    const struct hn_op_row *row;
    struct hn_str name, op, domain;
    int opset;
    size_t n_in, n_out, n_attrs, n_dies;
    int32_t *in; /* HN_NO_SLOT: absent */
    int32_t first_out;
    struct hn_attr *attrs;
    int32_t *dies; /* slots that nobody reads after this node */
    struct hn_op_state *state;
    const struct hn_node *before; /* nodes that this one took over, from the first on */
    size_t n_before;
    bool dead; /* folded, or replaced by another: never run, and taken out at the end of loading */
};

enum { HN_NO_SLOT = -1 };

struct hn_slot {
    struct hn_str name;
    const struct hn_array *constant; /* or NULL: computed by each run */
    struct hn_onnx_tensor *tensor;   /* where the constant is the file's */
    void *own;                       /* or folded: freed with the graph */
    size_t readers;                  /* inputs of nodes, captures and outputs of the body */
    size_t released;                 /* readers that have prepared it and need it no more */
    const struct hn_packed *packed;  /* its rows as columns, where a node has them so */
    bool pinned;                     /* another constant is a view of it */
    bool output;                     /* of the body: keeps its memory */
    bool packs, gathers;             /* `packed` will be there; is read */
    bool floats;                     /* known to be of 32-bit floats */
    uint8_t rank;                    /* dimensions and one; 0: not known */
    const int64_t *dims; /* of three or four: [rank - 1], negative where not known; or NULL */
};

/* A value of the body around that one inside uses. */
struct hn_capture {
    int32_t outer, inner;
};

/* A graph: the model's own, or the attribute of a node. */
struct hn_body {
    struct hn_graph *graph;
    struct hn_body *outer;
    const struct hn_onnx_graph *file;
    size_t index; /* in graph->bodies */
    struct hn_node *nodes;
    struct hn_slot *slots;
    int32_t *inputs, *outputs;
    struct hn_capture *captures;
    size_t n_nodes, n_slots, n_inputs, n_outputs, n_captures;
    size_t nodes_room, slots_room, captures_room;
};

struct hn_graph {
    struct hn_onnx *file;
    struct hn_arena arena;
    struct hn_body **bodies; /* the model's own first */
    size_t n_bodies, bodies_room;
    size_t n_nodes, n_values;     /* in all, for the limits */
    struct hn_onnx_value *inputs; /* without those that are constants in old files */
    size_t n_inputs;
    struct hn_onnx_value *outputs; /* as the file has them, completed by what is inferred */
    struct hn_column_labels *input_labels, *output_labels;
    size_t run_bytes;
    uint64_t run_nodes;
    const struct hn_kernels *kernels;
    size_t folded_bytes, state_bytes;
    bool
        bytes_done; /* operators on bytes have been fused; until then their weights are not folded */
    bool has_bytes; /* there are such weights */
    bool stacks;
};

/* --- memory of runs --- */

/* Reference-counted memory. */
struct hn_block {
    void *data;
    size_t bytes;          /* room at data */
    struct hn_block *next; /* in a list of free ones */
    uint32_t references;
    uint16_t bin; /* where it lies when it is free */
    bool items;   /* data are struct hn_item, to be let go with it */
    size_t n_items;
};

/* Who has the memory of an array. */
struct hn_hold {
    enum hn_value_kind kind;
    struct hn_block *block; /* NULL: a constant's or the caller's, which outlive the run */
};

struct hn_item {
    struct hn_array array;
    struct hn_hold hold;
};

/* A body's values in one run. */
struct hn_frame {
    const struct hn_body *body;
    struct hn_array *arrays; /* [n_slots] */
    struct hn_hold *holds;
    struct hn_op *ops;               /* [n_nodes] */
    const struct hn_array **in;      /* of all nodes */
    const struct hn_array **outputs; /* [n_outputs] */
    bool *wanted;                    /* [n_slots] */
    bool dirty;                      /* holds something */
};

enum { HN_BINS = 4 * 64 }; /* quarters of powers of two */

struct hn_run {
    const struct hn_graph *graph;
    struct hn_pool *pool;
    struct hn_frame *frames; /* [n_bodies] */
    struct hn_arena arena;   /* of the frames */
    struct hn_block *bins[HN_BINS];
    size_t bytes, budget, allocations;
    struct hn_block *scratch; /* of the operator that runs */
    struct hn_block *chars;   /* of strings, until the next run */
    size_t chars_used;
    uint64_t nodes_left;
    struct hn_cancel cancel;
    struct hn_value *items; /* of output sequences, made for the caller */
    size_t items_room;
    enum hn_status failed;
    const struct hn_frame *frame; /* that runs */
};

/* NULL when there is none or the budget is spent. One reference. */
struct hn_block *hn_block_take(struct hn_run *run, size_t bytes);
void hn_block_give(struct hn_run *run, struct hn_block *block);
static inline void hn_hold_drop(struct hn_run *run, struct hn_hold *hold)
{
    if (hold->block) hn_block_give(run, hold->block);
    *hold = (struct hn_hold){0};
}
/* One more reference. */
static inline struct hn_hold hn_hold_share(const struct hn_hold *hold)
{
    if (hold->block) hold->block->references++;
    return *hold;
}
void hn_blocks_free(struct hn_run *run);

/* --- loading, in this order --- */

/* Nodes of the file, functions written out, names as slots. */
enum hn_status hn_graph_build(struct hn_graph *graph, struct hn_error *err);
/* A slot more. Moves body->slots. */
enum hn_status hn_body_slot(struct hn_body *body, struct hn_str name, int32_t *out,
                            struct hn_error *err);
/* A node more. Moves body->nodes. */
enum hn_status hn_body_node(struct hn_body *body, const struct hn_node *node, struct hn_error *err);
/* Makes tables of maps, in graph->inputs and graph->outputs, and finds what their columns stand for; of tables
 * of scores, too. HN_E_UNSUPPORTED: there are maps where they cannot be. */
enum hn_status hn_graph_tabulate(struct hn_graph *graph, struct hn_error *err);
/* Runs what has constant inputs alone. */
enum hn_status hn_graph_fold(struct hn_graph *graph, struct hn_error *err);
/* Takes out what is dead or unread, counts readers, finds where values die. */
enum hn_status hn_graph_finish(struct hn_graph *graph, struct hn_error *err);
/* Finds shapes through the model's own body, and completes graph->outputs by them. HN_E_FORMAT: those of a
 * node cannot be. */
enum hn_status hn_graph_infer(struct hn_graph *graph, struct hn_error *err);
/* Whether rows of the inputs make rows of the outputs, each by itself; before nodes are fused. */
bool hn_graph_rows_apart(const struct hn_graph *graph);
/* Operators between quantized values become those of whole numbers; then folds what was left. */
enum hn_status hn_graph_fuse_bytes(struct hn_graph *graph, struct hn_error *err);
/* Puts several nodes into one where a faster operator does the same (fast.h). */
enum hn_status hn_graph_fuse(struct hn_graph *graph, struct hn_error *err);
/* Lets rows prepare constants. */
enum hn_status hn_graph_prepare(struct hn_graph *graph, struct hn_error *err);
/* Frees constants that nobody reads any more. */
void hn_graph_release_unread(struct hn_graph *graph);

const struct hn_attr *hn_node_attr(const struct hn_node *node, const char *name);
/* Those of another type count as absent. */
const struct hn_onnx_attr *hn_node_attr_of(const struct hn_node *node, const char *name,
                                           enum hn_onnx_attr_type type);
int64_t hn_node_int(const struct hn_node *node, const char *name, int64_t fallback);
float hn_node_float(const struct hn_node *node, const char *name, float fallback);
struct hn_str hn_node_text(const struct hn_node *node, const char *name, const char *fallback);

/* Input i; HN_NO_SLOT where there is none. */
int32_t hn_node_in(const struct hn_node *node, size_t i);
/* The constant in a slot, or NULL; of HN_NO_SLOT, too. */
const struct hn_array *hn_body_constant(const struct hn_body *body, int32_t slot);

/* --- running --- */

/* Runs a body whose inputs have been set; its outputs are in frame->outputs. */
enum hn_status hn_body_run(struct hn_run *run, struct hn_frame *frame, struct hn_error *err);
/* One node of it. */
enum hn_status hn_node_run(struct hn_run *run, struct hn_frame *frame, struct hn_op *op,
                           struct hn_error *err);
/* Points the inputs of node `at` at where they are. */
void hn_frame_point(struct hn_frame *frame, size_t at);
/* Lets go of all that it holds. */
void hn_frame_clear(struct hn_run *run, struct hn_frame *frame);

/* For operators of sequences and control flow: whole values. */
struct hn_hold *hn_op_hold(const struct hn_op *op, size_t j); /* of input j; NULL: a constant's */
enum hn_value_kind hn_op_kind(const struct hn_op *op, size_t j); /* of input j */
void hn_op_set(struct hn_op *op, size_t i, const struct hn_array *array, struct hn_hold hold);
/* Input j, shared. */
struct hn_item hn_op_item(const struct hn_op *op, size_t j);
/* A sequence of n items, which the caller fills, as output i; NULL: the error is set. */
struct hn_item *hn_op_make_sequence(struct hn_op *op, size_t i, size_t n, enum hn_element type);
/* Slices [first, first + count) of dimension `axis` of `whole`, in memory of their own; without that dimension
 * unless `keep`. */
enum hn_status hn_op_part(struct hn_op *op, const struct hn_array *whole, size_t axis, size_t first,
                          size_t count, bool keep, struct hn_item *out);
/* Output i is input j, shared. */
void hn_op_pass(struct hn_op *op, size_t i, size_t j);

#endif
