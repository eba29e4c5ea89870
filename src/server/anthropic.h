/* What Anthropic's API says in its own words. */
#ifndef HN_SERVER_ANTHROPIC_H
#define HN_SERVER_ANTHROPIC_H

#include "server/refusal.h"

/* Whether a path is that API's, where errors have its form. */
bool hn_anthropic_path(struct hn_str path);

/* {"type": "error", "error": {"type", "message"}, "request_id"}. */
void hn_anthropic_refusal(struct hn_json_writer *w, const struct hn_refusal *why, const char *id);

#endif
