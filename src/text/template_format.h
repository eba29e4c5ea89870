/* A format specification, as of format() and of %. */
#ifndef HN_TEXT_TEMPLATE_FORMAT_H
#define HN_TEXT_TEMPLATE_FORMAT_H

#include "base/str.h"

struct hn_format {
    struct hn_str fill; /* one character */
    char align;         /* '<' '>' '^' '=', 0: by the kind of value */
    char sign;          /* '+' ' ' '-', 0 */
    char grouping;      /* ',' '_', 0 */
    char type;          /* 0: by the kind of value */
    bool alternate, zero, filled;
    size_t width;
    int precision; /* -1: none */
};

#endif
