/* Regular expressions as part of a grammar: hn_grammar_regex, and the patterns of JSON schemas. */
#ifndef HN_TEXT_GRAMMAR_REGEX_H
#define HN_TEXT_GRAMMAR_REGEX_H

#include "text/grammar_expr.h"

struct hn_regex_style {
    bool json;   /* the text is written within a JSON string */
    bool search; /* without `^` or `$` anything may stand before or after */
};

/* The texts that `pattern` matches, as a tree of classes without calls. Errors name the place in the
 * pattern; they are those of hn_grammar_regex. */
enum hn_status hn_regex_expr(struct hn_rules *rules, struct hn_str pattern,
                             struct hn_regex_style style, struct hn_expr **out,
                             struct hn_error *err);

#endif
