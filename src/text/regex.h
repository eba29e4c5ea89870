/* Regular expressions over valid UTF-8, through PCRE2 with Unicode properties and its compiler.
 * Patterns are written for the engines of model tooling (Oniguruma, Rust's regex), which are close:
 * `^` and `$` match at lines, classes may nest. */
#ifndef HN_TEXT_REGEX_H
#define HN_TEXT_REGEX_H

#include <stdbool.h>

#include "base/str.h"

struct hn_regex; /* immutable, shared between threads */

/* HN_E_FORMAT: not a regular expression. HN_E_UNSUPPORTED: class intersections and nested negated
 * classes, which PCRE2 would read as something else. */
enum hn_status hn_regex_create(struct hn_str pattern, struct hn_regex **out, struct hn_error *err);
/* One in RE2's syntax, which matches whole texts alone. */
enum hn_status hn_regex_create_whole(struct hn_str pattern, struct hn_regex **out,
                                     struct hn_error *err);
void hn_regex_destroy(struct hn_regex *regex);

/* What one thread needs to match; usable with any number of expressions. Zero-initialised is empty:
 * the first use fills it. */
struct hn_regex_scratch {
    void *match;
    void *context;
    void *stack;
};
void hn_regex_scratch_free(struct hn_regex_scratch *scratch);

/* The first match in `text` that starts at or after `from`; it may be empty. Work is bounded: an
 * expression that backtracks without end is HN_E_LIMIT. */
enum hn_status hn_regex_find(const struct hn_regex *regex, struct hn_regex_scratch *scratch,
                             struct hn_str text, size_t from, bool *found, size_t *start,
                             size_t *end, struct hn_error *err);

#endif
