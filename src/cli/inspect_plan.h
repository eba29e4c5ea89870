/* What a model would take and give on this machine: the part of `hence inspect` that is no reading. */
#ifndef HN_CLI_INSPECT_PLAN_H
#define HN_CLI_INSPECT_PLAN_H

#include "cli/inspect.h"
#include "text/json_write.h"

/* Fills the inspection's plan and, unless that is not wanted, measures what the machine can do. What
 * goes wrong is part of the result. */
void hn_inspect_plan(const struct hn_inspect_options *o, struct hn_inspection *in);

void hn_inspect_plan_text(const struct hn_inspection *in);
/* Adds "runs", "memory" and "speed_at_most" to an open object. */
void hn_inspect_plan_json(struct hn_json_writer *w, const struct hn_inspection *in);

#endif
