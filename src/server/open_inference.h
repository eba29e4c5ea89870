/* What the Open Inference Protocol says in its own words. */
#ifndef HN_SERVER_OPEN_INFERENCE_H
#define HN_SERVER_OPEN_INFERENCE_H

#include "server/refusal.h"

/* Whether a path is that API's, where errors have its form. */
bool hn_open_inference_path(struct hn_str path);

/* {"error": "text"}. */
void hn_open_inference_refusal(struct hn_json_writer *w, const struct hn_refusal *why);

#endif
