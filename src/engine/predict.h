/* Predictors (trees, graphs) in service: requests for the same model are stacked where their rows are
 * independent. */
#ifndef HN_ENGINE_PREDICT_H
#define HN_ENGINE_PREDICT_H

#include "engine/instance.h"
#include "engine/lane.h"
#include "model/predictor.h"

/* As struct hn_kind_row wants them. */
bool hn_predict_is(const char *path);
enum hn_status hn_predict_open(const struct hn_instance_options *options, unsigned seats,
                               struct hn_oneshot **out, struct hn_error *err);

/* What it can be asked. NULL: the model is of another kind. */
const struct hn_predictor_about *hn_predict_about(const struct hn_oneshot *model);

struct hn_predict_job {
    struct hn_oneshot_job job;
    const struct hn_array *const
        *in;            /* [n_inputs], NULL where absent; the caller's until it is done */
    const bool *wanted; /* [n_outputs], or NULL, as hn_prediction_run has it */
    /* [n_outputs], the caller's; the data belong to the lane, and last until `done` returns. */
    struct hn_array *out;
    size_t rows; /* of each input where they can be stacked, else 1 */
};

/* Says how much work a job is whose inputs and wishes are set, and its rows. */
void hn_predict_weigh(const struct hn_predictor_about *about, struct hn_predict_job *job);

#endif
