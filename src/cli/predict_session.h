/* `hence predict`: a model, and what it is given and asked for. */
#ifndef HN_CLI_PREDICT_SESSION_H
#define HN_CLI_PREDICT_SESSION_H

#include "model/predictor.h"
#include "text/json_write.h"

enum { HN_PREDICT_MAX_INPUTS = 1024 };

struct hn_predict_options {
    const char *model, *out_dir, *csv, *out, *outputs, *keep;
    size_t threads; /* 0: all cores */
    bool json;
    size_t n_inputs;
    const char *inputs[HN_PREDICT_MAX_INPUTS]; /* "[NAME=]FILE" */
};

/* A model that is open, with what it is asked for. */
struct hn_predict_session {
    struct hn_predictor *predictor;
    const struct hn_predictor_about *about;
    struct hn_pool *pool; /* NULL: one thread */
    struct hn_prediction *run;
    bool *wanted;         /* [n_outputs] */
    struct hn_array *out; /* [n_outputs], the run's */
    double load_s, run_s; /* run_s adds up */
};

/* One run. */
enum hn_status hn_predict_go(struct hn_predict_session *s, const struct hn_array *const *in,
                             struct hn_error *err);

/* Arrays in (--in), arrays out (--out-dir, or shown). */
enum hn_status hn_predict_arrays(const struct hn_predict_options *o, struct hn_predict_session *s,
                                 struct hn_json_writer *w, struct hn_error *err);
/* A table in, a table out. */
enum hn_status hn_predict_csv(const struct hn_predict_options *o, struct hn_predict_session *s,
                              struct hn_json_writer *w, struct hn_error *err);

/* {"name", "type", "shape"} of an array, left open for more. */
void hn_predict_put_array(struct hn_json_writer *w, const char *name, const struct hn_array *a);

#endif
