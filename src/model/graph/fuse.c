/* Fewer and larger operators: patterns of nodes become one (fast.h). */
#include <math.h>
#include <stdlib.h>

#include "base/bits.h"
#include "model/graph/fast.h"
#include "model/graph/fuse_impl.h"

/* --- looking --- */

struct hn_node *hn_fuse_maker(const struct hn_fuse *f, int32_t slot)
{
    if (slot == HN_NO_SLOT || (size_t)slot >= f->slots || f->makers[slot] < 0) return NULL;
    return f->body->slots[slot].constant ? NULL : &f->body->nodes[f->makers[slot]];
}

bool hn_fuse_is(const struct hn_node *node, const char *op)
{
    return node && node->domain.n == 0 && hn_str_is(node->op, op) && node->n_out >= 1;
}

struct hn_node *hn_fuse_only(const struct hn_fuse *f, int32_t slot, const char *op)
{
    struct hn_node *node = hn_fuse_maker(f, slot);
    if (!hn_fuse_is(node, op) || node->first_out != slot) return NULL;
    const struct hn_slot *it = &f->body->slots[slot];
    return it->readers == 1 && !it->output ? node : NULL;
}

const struct hn_array *hn_fuse_constant(const struct hn_fuse *f, int32_t slot)
{
    return hn_body_constant(f->body, slot);
}

bool hn_fuse_scalar(const struct hn_fuse *f, int32_t slot, float *out)
{
    const struct hn_array *a = hn_fuse_constant(f, slot);
    if (!a || a->type != HN_EL_F32 || a->n != 1 || a->n_dims > 1) return false;
    *out = *(const float *)a->data;
    return true;
}

bool hn_fuse_floats(const struct hn_fuse *f, int32_t slot, size_t n_dims)
{
    const struct hn_array *a = hn_fuse_constant(f, slot);
    return a && a->type == HN_EL_F32 && a->n_dims == n_dims && a->n > 0;
}

bool hn_fuse_ints_are(const struct hn_node *node, const char *name, const int64_t *want, size_t n)
{
    const struct hn_onnx_attr *a = hn_node_attr_of(node, name, HN_ONNX_INTS);
    if (!a) return !hn_node_attr(node, name);
    return a->n == n && (n == 0 || memcmp(a->ints, want, n * sizeof *want) == 0);
}

/* --- rewriting --- */

enum { PARAMETERS = 12 };

enum hn_status hn_fuse_become(struct hn_fuse *f, struct hn_node *node, const struct hn_op_row *row,
                              const int32_t *in, size_t n_in)
{
    struct hn_arena *arena = &f->body->graph->arena;
    int32_t *list = hn_arena_alloc(arena, n_in, sizeof *list);
    struct hn_attr *attrs = hn_arena_alloc(arena, node->n_attrs + PARAMETERS, sizeof *attrs);
    if (!list || !attrs) return hn_fail_nomem(f->err, "a node", n_in * sizeof *list);
    memcpy(list, in, n_in * sizeof *list);
    node->row = row;
    node->in = list;
    node->n_in = n_in;
    if (node->n_attrs) memcpy(attrs, node->attrs, node->n_attrs * sizeof *attrs);
    node->attrs = attrs;
    node->op = hn_str_from(row->name);
    node->domain = hn_str_from(row->domain);
    return HN_OK;
}

static enum hn_status set(struct hn_fuse *f, struct hn_node *node, const char *name,
                          const struct hn_onnx_attr *value)
{
    struct hn_onnx_attr *copy = hn_arena_alloc(&f->body->graph->arena, 1, sizeof *copy);
    if (!copy) return hn_fail_nomem(f->err, "a node", sizeof *copy);
    *copy = *value;
    node->attrs[node->n_attrs++] = (struct hn_attr){.name = hn_str_from(name), .value = copy};
    return HN_OK;
}

enum hn_status hn_fuse_set_int(struct hn_fuse *f, struct hn_node *node, const char *name,
                               int64_t value)
{
    return set(f, node, name, &(struct hn_onnx_attr){.type = HN_ONNX_INT, .i = value});
}

enum hn_status hn_fuse_set_float(struct hn_fuse *f, struct hn_node *node, const char *name,
                                 float value)
{
    return set(f, node, name, &(struct hn_onnx_attr){.type = HN_ONNX_FLOAT, .f = value});
}

void *hn_fuse_new_constant(struct hn_fuse *f, enum hn_element type, const size_t *shape,
                           size_t n_dims, int32_t *slot)
{
    const size_t bytes = hn_element_info(type)->bytes;
    struct hn_graph *graph = f->body->graph;
    struct hn_array *array = hn_arena_alloc(&graph->arena, 1, sizeof *array);
    if (!array) return NULL;
    *array = (struct hn_array){.type = type, .n_dims = n_dims};
    memcpy(array->shape, shape, n_dims * sizeof *shape);
    if (!hn_shape_count(shape, n_dims, bytes, &array->n)) return NULL;
    if (hn_body_slot(f->body, hn_str_from(""), slot, f->err) < 0) return NULL;
    struct hn_slot *it = &f->body->slots[*slot];
    array->data = it->own = aligned_alloc(64, hn_round_up(array->n * bytes + 1, 64));
    if (!it->own) return NULL;
    it->constant = array;
    graph->folded_bytes += array->n * bytes;
    return array->data;
}

/* --- activations --- */

/* Clip's bounds: attributes at first, inputs later. */
static bool clip_bounds(const struct hn_fuse *f, const struct hn_node *node,
                        struct hn_epilogue *out)
{
    out->low = hn_node_float(node, "min", -INFINITY);
    out->high = hn_node_float(node, "max", INFINITY);
    if (hn_node_in(node, 1) != HN_NO_SLOT && !hn_fuse_scalar(f, node->in[1], &out->low))
        return false;
    if (hn_node_in(node, 2) != HN_NO_SLOT && !hn_fuse_scalar(f, node->in[2], &out->high))
        return false;
    return out->low <= out->high;
}

static enum hn_activation gelu_of(const struct hn_node *node)
{
    const bool tanh = hn_str_is(hn_node_text(node, "approximate", "none"), "tanh");
    return tanh ? HN_GELU_TANH : HN_GELU;
}

/* Activations with numbers of their own. */
static bool with_numbers(const struct hn_fuse *f, const struct hn_node *node,
                         struct hn_epilogue *out)
{
    out->high = 1;
    if (hn_fuse_is(node, "LeakyRelu")) {
        out->activation = HN_LEAKY_RELU;
        out->low = hn_node_float(node, "alpha", 0.01f);
    } else if (hn_fuse_is(node, "PRelu")) {
        out->activation = HN_LEAKY_RELU;
        const struct hn_array *slope = hn_fuse_constant(f, hn_node_in(node, 1));
        if (!slope || slope->type != HN_EL_F32 || slope->n != 1) return false;
        memcpy(&out->low, slope->data, sizeof out->low);
    } else if (hn_fuse_is(node, "Elu")) {
        out->activation = HN_ELU;
        out->low = hn_node_float(node, "alpha", 1);
    } else if (hn_fuse_is(node, "Selu")) {
        out->activation = HN_ELU;
        out->low = hn_node_float(node, "alpha", 1.67326319217681884765625f);
        out->high = hn_node_float(node, "gamma", 1.05070102214813232421875f);
    } else if (hn_fuse_is(node, "HardSigmoid")) {
        out->activation = HN_HARD_SIGMOID;
        out->low = hn_node_float(node, "alpha", 0.2f);
        out->high = hn_node_float(node, "beta", 0.5f);
    } else {
        return false;
    }
    return true;
}

bool hn_fuse_activation(const struct hn_fuse *f, const struct hn_node *node,
                        struct hn_epilogue *out)
{
    *out = (struct hn_epilogue){0};
    if (node->row == &hn_fast_activation) {
        out->activation = (enum hn_activation)hn_node_int(node, HN_FAST_ACTIVATION, HN_LINEAR);
        out->low = hn_node_float(node, HN_FAST_LOW, 0);
        out->high = hn_node_float(node, HN_FAST_HIGH, 0);
        return true;
    }
    if (hn_fuse_is(node, "Relu")) out->activation = HN_RELU;
    else if (hn_fuse_is(node, "Sigmoid")) out->activation = HN_SIGMOID;
    else if (hn_fuse_is(node, "Tanh")) out->activation = HN_TANH;
    else if (hn_fuse_is(node, "Erf")) out->activation = HN_ERF;
    else if (hn_fuse_is(node, "Clip") && clip_bounds(f, node, out)) out->activation = HN_CLIP;
    else if (hn_fuse_is(node, "HardSwish")) out->activation = HN_HARD_SWISH;
    else if (hn_fuse_is(node, "Mish")) out->activation = HN_MISH;
    else if (hn_fuse_is(node, "Gelu")) out->activation = gelu_of(node);
    else return with_numbers(f, node, out);
    return true;
}

enum hn_status hn_fuse_set_activation(struct hn_fuse *f, struct hn_node *node,
                                      const struct hn_epilogue *epilogue)
{
    if (epilogue->activation == HN_LINEAR) return HN_OK;
    HN_TRY(hn_fuse_set_int(f, node, HN_FAST_ACTIVATION, (int64_t)epilogue->activation));
    HN_TRY(hn_fuse_set_float(f, node, HN_FAST_LOW, epilogue->low));
    return hn_fuse_set_float(f, node, HN_FAST_HIGH, epilogue->high);
}

/* --- copies --- */

/* Pads that are all 0, as come before average pools. */
static bool pads_nothing(const struct hn_fuse *f, const struct hn_node *node)
{
    const struct hn_array *pads = hn_fuse_constant(f, hn_node_in(node, 1));
    if (!hn_fuse_is(node, "Pad") || !pads || pads->type != HN_EL_I64) return false;
    for (size_t i = 0; i < pads->n; i++)
        if (((const int64_t *)pads->data)[i] != 0) return false;
    return true;
}

/* Identity, and Dropout where nothing is trained. */
static bool copies(const struct hn_fuse *f, const struct hn_node *node)
{
    if (hn_fuse_is(node, "Identity") || pads_nothing(f, node)) return true;
    if (!hn_fuse_is(node, "Dropout") || hn_node_int(node, "is_test", 1) == 0) return false;
    const struct hn_array *training = hn_fuse_constant(f, hn_node_in(node, 2));
    const bool trains = hn_node_in(node, 2) != HN_NO_SLOT &&
                        !(training && training->type == HN_EL_BOOL && training->n == 1 &&
                          *(const uint8_t *)training->data == 0);
    return !trains && (node->n_out < 2 || f->body->slots[node->first_out + 1].readers == 0);
}

/* Readers read what was copied. Bodies inside keep to the copy. */
enum hn_status hn_fuse_copies(struct hn_fuse *f)
{
    struct hn_body *body = f->body;
    for (size_t i = 0; i < body->n_nodes; i++)
        for (size_t j = 0; j < body->nodes[i].n_in; j++) {
            int32_t *in = &body->nodes[i].in[j];
            for (const struct hn_node *made;
                 (made = hn_fuse_maker(f, *in)) && made->first_out == *in && copies(f, made);)
                *in = made->in[0];
        }
    return HN_OK;
}

/* --- passes --- */

static enum hn_status run_pass(struct hn_body *body, enum hn_status (*pass)(struct hn_fuse *f),
                               struct hn_error *err)
{
    struct hn_fuse f = {.body = body, .slots = body->n_slots, .err = err};
    f.makers = malloc((body->n_slots + 1) * sizeof *f.makers);
    if (!f.makers) return hn_fail_nomem(err, "values", body->n_slots * sizeof *f.makers);
    for (size_t i = 0; i < body->n_slots; i++)
        f.makers[i] = -1;
    for (size_t i = 0; i < body->n_nodes; i++)
        for (size_t o = 0; o < body->nodes[i].n_out; o++)
            f.makers[body->nodes[i].first_out + (int32_t)o] = (int32_t)i;
    const enum hn_status status = pass(&f);
    free(f.makers);
    return status;
}

enum hn_status hn_graph_fuse_bytes(struct hn_graph *graph, struct hn_error *err)
{
    for (size_t b = 0; b < graph->n_bodies; b++)
        HN_TRY(run_pass(graph->bodies[b], hn_fuse_bytes, err));
    HN_TRY(hn_graph_finish(graph, err));
    HN_TRY(hn_graph_fold(graph, err));
    return hn_graph_finish(graph, err);
}

enum hn_status hn_graph_fuse(struct hn_graph *graph, struct hn_error *err)
{
    static enum hn_status (*const passes[])(struct hn_fuse *) = {
        hn_fuse_copies,    hn_fuse_formulas,    hn_fuse_norms,
        hn_fuse_attention, hn_fuse_linear,      hn_fuse_convolutions,
        hn_fuse_tails,     hn_fuse_conv_chains, hn_fuse_places};
    for (size_t p = 0; p < HN_COUNT(passes); p++) {
        for (size_t b = 0; b < graph->n_bodies; b++)
            HN_TRY(run_pass(graph->bodies[b], passes[p], err));
        HN_TRY(hn_graph_finish(graph, err));
    }
    return HN_OK;
}
