/* An answer as JSON. */
#ifndef HN_CLI_ANSWER_JSON_H
#define HN_CLI_ANSWER_JSON_H

#include "cli/answer.h"
#include "cli/session.h"
#include "text/json_write.h"

/* Adds text, token_ids, logprobs (when kept), finish_reason, usage and timings to an open object. */
void hn_answer_json(struct hn_json_writer *w, const struct hn_answer *answer,
                    const struct hn_instance *session);

#endif
