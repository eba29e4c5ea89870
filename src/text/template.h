/* Chat templates: the Jinja language, rendered as Jinja2 renders it in the environment that model hubs
 * use: the immutable sandbox, trim_blocks, lstrip_blocks, loop controls, the tag `generation`,
 * `raise_exception`, `strftime_now`, and `tojson` as json.dumps without HTML escapes. */
#ifndef HN_TEXT_TEMPLATE_H
#define HN_TEXT_TEMPLATE_H

#include <jansson.h>
#include <time.h>

#include "base/status.h"
#include "base/str.h"

struct hn_template; /* immutable after compilation, shared between threads */

enum { HN_TEMPLATE_MAX_BYTES = 1 << 20 };

/* Parses UTF-8 `source`, at most HN_TEMPLATE_MAX_BYTES. Errors read "NAME:LINE: what is wrong". */
enum hn_status hn_template_compile(struct hn_str source, const char *name, struct hn_template **out,
                                   struct hn_error *err);
void hn_template_destroy(struct hn_template *tpl);

/* Whether the template mentions a variable of this name anywhere. */
bool hn_template_mentions(const struct hn_template *tpl, const char *name);

/* What one rendering may use; 0 stands for the default. Beyond it: HN_E_LIMIT. */
struct hn_template_limits {
    size_t
        steps; /* 20 million, each about a tenth of a microsecond: nodes, items, bytes by the block */
    size_t memory; /* 256 MiB of values, held until the rendering ends */
    size_t output; /* 64 MiB, captured blocks included */
};

struct hn_template_env {
    struct hn_template_limits limits;
    time_t now; /* what strftime_now formats, as local time; 0 is the present */
};

/* Appends the text to `out`. `variables` is a JSON object; it is only read. `env` may be NULL. Errors
 * read "NAME:LINE: what is wrong"; HN_E_ARG is what the template refuses by raise_exception, its message
 * as it gives it. On failure `out` is as it was. */
enum hn_status hn_template_render(const struct hn_template *tpl, const json_t *variables,
                                  const struct hn_template_env *env, struct hn_buf *out,
                                  struct hn_error *err);

#endif
