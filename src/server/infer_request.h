/* The body of POST /v2/models/{model}/infer: JSON, and maybe raw tensors behind it. */
#ifndef HN_SERVER_INFER_REQUEST_H
#define HN_SERVER_INFER_REQUEST_H

#include "server/inference.h"

/* An output that was asked for. */
struct hn_infer_output {
    size_t index; /* of the model's outputs */
    bool binary;  /* as raw bytes behind the JSON */
};

struct hn_infer_request {
    struct hn_str id;                /* as JSON; p NULL: none */
    struct hn_infer_output *outputs; /* in the order of the answer */
    size_t n_outputs;
    bool binary_output; /* of those that do not say otherwise */
};

/* Reads a body into `f`, whose arrays become views of it or lie in its arena, and *r (zeroed). `json` is
 * how long the JSON part is. HN_E_FORMAT, HN_E_NOMEM. */
enum hn_status hn_infer_request_read(struct hn_str body, size_t json, struct hn_inference *f,
                                     struct hn_infer_request *r, struct hn_error *err);

#endif
