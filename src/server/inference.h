/* A request for a predictor: its arrays, and the errand that has them computed. */
#ifndef HN_SERVER_INFERENCE_H
#define HN_SERVER_INFERENCE_H

#include "base/arena.h"
#include "engine/predict.h"
#include "server/errand.h"

struct hn_inference {
    struct hn_errand errand;
    struct hn_predict_job job;
    struct hn_oneshot_job *jobs[1];
    const struct hn_predictor_about *about;
    struct hn_arena arena; /* for whatever belongs to the request */

    /* Filled in by who reads the request. */
    struct hn_array *arrays;    /* [n_inputs] */
    const struct hn_array **in; /* [n_inputs] NULL, or that array */
    bool *wanted;               /* [n_outputs] */
    size_t rows;                /* for the receipt */
    void *mind;                 /* what the API keeps, in the arena */
    void (*forget)(void *mind); /* frees what that owns besides; or NULL */

    struct hn_array *out; /* [n_outputs], once it is computed; data NULL where it is not wanted */
};

/* For a model that was found, whose reference it takes, also when it fails. */
enum hn_status hn_inference_create(struct hn_call *call, struct hn_served *served,
                                   struct hn_inference **out, struct hn_refusal *why);
/* NULL is fine. */
void hn_inference_destroy(struct hn_inference *inference);

/* Checks that all inputs are there and submits; `answer` answers the call from the outputs (HN_OK) or says
 * why it cannot. Takes the inference, also when it fails. */
typedef enum hn_status hn_inference_answer(struct hn_inference *inference, struct hn_refusal *why);
enum hn_status hn_inference_start(struct hn_inference *inference, hn_inference_answer *answer,
                                  struct hn_refusal *why);

#endif
