/* JSON: our reader, jansson's values. Its own reader aborts when memory runs out inside a token and
 * refuses integers past 64 bits, which files of the wild have. */
#ifndef HN_BASE_JSON_H
#define HN_BASE_JSON_H

#include <jansson.h>

#include "base/status.h"
#include "base/str.h"

enum { HN_JSON_MAX_DEPTH = 1000 };

/* Parses one JSON value that is the whole of `text`; the caller bounds the size. As RFC 8259, and:
 * integers past 64 bits become reals, of equal keys the last counts, strings may hold NULs but keys
 * may not, NaN and infinity are refused. Errors name `what`, line and column. The result is the
 * caller's (json_decref). */
enum hn_status hn_json_parse(struct hn_str text, const char *what, json_t **out,
                             struct hn_error *err);

/* A view of a JSON string's bytes (may hold NULs), valid while the value lives. */
static inline struct hn_str hn_json_str(const json_t *value)
{
    return (struct hn_str){json_string_value(value), json_string_length(value)};
}

#endif
