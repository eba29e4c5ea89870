/* What has to be known of a server before the load: its model's name, how it counts tokens. */
#ifndef HN_LOAD_PROBE_H
#define HN_LOAD_PROBE_H

#include <event2/event.h>

#include "load/ask.h"

/* Asks the server for its models, when options->model is NULL, and twice for one token, and fills the
 * asker; `name` keeps the model's name. HN_E_CANCELLED: options->tick said so, which `report` is for. */
enum hn_status hn_probe(struct hn_asker *asker, struct event_base *base, struct hn_buf *name,
                        const struct hn_load_report *report, struct hn_error *err);

#endif
