/* The memory plan: what a model will need, known before anything big is allocated. */
#ifndef HN_MODEL_PLAN_H
#define HN_MODEL_PLAN_H

#include "backend/backend.h"
#include "base/status.h"
#include "model/config.h"

#define HN_POOL_FULL SIZE_MAX

/* What the user may choose. */
struct hn_plan_options {
    size_t context;   /* positions of one sequence; 0: what the model was trained for, or as much
                         of it as fits (KV in half of the memory that weights leave) */
    size_t sequences; /* that run at once, at least 1 */
    size_t pool;  /* positions that all of them share; HN_POOL_FULL: the context of each; 0: as much
                         of that as fits (as above), but of one at least */
    size_t batch; /* tokens of one step; 0: 512, or as many as sequences */
    enum hn_kv_type kv_type;
};

/* "f16", ... and back; false when there is no such type. */
const char *hn_kv_type_name(enum hn_kv_type type);
bool hn_kv_type_from_name(const char *name, enum hn_kv_type *out);

/* Defaults: the model's context, one sequence, F16. */
struct hn_plan_options hn_plan_defaults(void);

struct hn_plan {
    size_t context;
    size_t sequences;
    size_t pool; /* a multiple of HN_KV_PAGE */
    size_t batch;
    enum hn_kv_type kv_type;
    size_t file_bytes;       /* mapped; can be dropped by the system, but for the embeddings */
    size_t weight_bytes;     /* packed */
    size_t kv_bytes;         /* of all pages */
    size_t kv_token_bytes;   /* of one position of one sequence */
    size_t scratch_bytes;    /* activations and logits of one step */
    size_t logit_rows;       /* of which a step can give the logits */
    size_t total_bytes;      /* weights, KV and scratch */
    size_t read_bytes;       /* of weights that one token of one sequence passes through */
    double macs[HN_DTYPES];  /* multiply-adds with them, by stored type ... */
    enum hn_dtype head_type; /* ... the logits' matrix among them */
    size_t machine_bytes; /* of memory that this process may use now (free and reclaimable, within
                              the limits of its control group) */
};

/* Plans for a model whose weights are in `file`, on the backend of `ops` (NULL: the CPU's). HN_E_LIMIT when it does not fit, with what would:
 * the text names sizes and the options to change; *out is filled then, too. */
enum hn_status hn_plan_make(const struct hn_config *config, const struct hn_gguf *file,
                            const struct hn_backend_ops *ops, const struct hn_plan_options *options,
                            struct hn_plan *out, struct hn_error *err);

#endif
