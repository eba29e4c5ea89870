/* Finding the model that a request names. */
#ifndef HN_SERVER_MODELS_H
#define HN_SERVER_MODELS_H

#include "engine/service.h"
#include "server/call.h"

enum { HN_MAX_MODELS = 256 }; /* that are told of */

/* The language model of that name, or the first where it is empty, with a reference. 404
 * `model_not_found`, 400 `wrong_model_kind`; call->again is set where it has to be loaded first and the
 * call may not wait. */
enum hn_status hn_find_model(struct hn_call *call, struct hn_str name, struct hn_served **out,
                             struct hn_refusal *why);
/* The same for one of a set of kinds (engine/kinds.h). */
enum hn_status hn_find_kind(struct hn_call *call, struct hn_str name, unsigned kinds,
                            struct hn_served **out, struct hn_refusal *why);

#endif
