/* What `hence inspect` found out about a model, and its two ways to say it. */
#ifndef HN_CLI_INSPECT_H
#define HN_CLI_INSPECT_H

#include <stdbool.h>

#include "cli/session.h"
#include "cli/yardstick.h"
#include "formats/gguf.h"
#include "model/encoder.h"
#include "text/tokenizer.h"

struct hn_inspect_options {
    struct hn_session_options session; /* what to plan for */
    bool all, json, quick;
};

struct hn_inspection {
    const char *path;
    const struct hn_gguf *file;
    struct hn_tokenizer *tokenizer; /* NULL when tokenizer_status is a failure */
    enum hn_status tokenizer_status;
    struct hn_error tokenizer_error;

    struct hn_config config; /* family is NULL when it could not be read, or it is an encoder: */
    struct hn_encoder_config encoder; /* family is NULL when it is none */
    struct hn_plan plan;              /* of an encoder, its weights alone; all zeros without one */
    enum hn_status plan_status;
    struct hn_error plan_error;
    bool measured;
    struct hn_yardstick yardstick; /* when measured */
    struct hn_error measure_error; /* when not */
};

/* Tensors that differ in the number of their layer only: "blk.*.attn_q.weight". */
struct hn_tensor_group {
    struct hn_str before, after; /* the name around the number; `after` is empty without one */
    bool numbered;
    const struct hn_tensor *first;
    size_t n;
    size_t bytes; /* of all */
};

/* Groups the tensors in the order of their first ones. The caller frees the array. */
enum hn_status hn_tensor_groups(const struct hn_weights *weights, struct hn_tensor_group **out,
                                size_t *n, struct hn_error *err);

/* Parameters and bytes of all tensors. */
struct hn_tensor_sum {
    size_t elements, bytes;
};
struct hn_tensor_sum hn_tensor_total(const struct hn_weights *weights);

void hn_inspect_text(const struct hn_inspect_options *o, const struct hn_inspection *in);
enum hn_status hn_inspect_json(const struct hn_inspect_options *o, const struct hn_inspection *in,
                               struct hn_error *err);

#endif
