/* Tools for models whose template knows none: told in words, in messages of the kinds that every template
 * has. */
#ifndef HN_TEXT_CHAT_TOOLS_H
#define HN_TEXT_CHAT_TOOLS_H

#include "base/json.h"

/* Changes the variables of a template: the tools are told in the system message, calls become the
 * assistant's text, results the user's. The messages themselves are copied where they change. HN_E_NOMEM. */
enum hn_status hn_chat_tell_tools(json_t *variables);

#endif
