/* Expressions that are one class of characters: X, X+, X{1,3}, and X+ after an optional space. On
 * ASCII a table decides; a place next to other characters is left to the compiled expression. */
#ifndef HN_TEXT_CLASSRUN_H
#define HN_TEXT_CLASSRUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct hn_classrun {
    size_t min, max;  /* characters of the class in a match; max 0: this is no such expression */
    bool at_end;      /* white space at the end of a line: only excludes */
    bool in[128];     /* the class */
    bool before[128]; /* may stand before it, once */
};

enum hn_classrun_answer {
    HN_CLASSRUN_NONE, /* no match at or after `from` */
    HN_CLASSRUN_HIT,
    HN_CLASSRUN_ASK, /* no match starts before *start; from there the expression has to say */
};

/* Reads an expression; one of another form leaves out->max 0. */
enum hn_status hn_classrun_init(struct hn_str pattern, struct hn_classrun *out,
                                struct hn_error *err);

/* The first match in `text` (valid UTF-8) that starts at or after `from`, a character's start. */
enum hn_classrun_answer hn_classrun_find(const struct hn_classrun *run, struct hn_str text,
                                         size_t from, size_t *start, size_t *end);

#endif
