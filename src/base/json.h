/* JSON through jansson, with the project's bounds and errors. */
#ifndef HN_BASE_JSON_H
#define HN_BASE_JSON_H

#include <jansson.h>

#include "base/status.h"
#include "base/str.h"

/* Parses one JSON value that is the whole of `text`. Depth is bounded by the library (2048); the
 * caller bounds the size. Errors name `what`, line and column. The result is the caller's
 * (json_decref). */
enum hn_status hn_json_parse(struct hn_str text, const char *what, json_t **out,
                             struct hn_error *err);

/* A view of a JSON string's bytes (may hold NULs), valid while the value lives. */
static inline struct hn_str hn_json_str(const json_t *value)
{
    return (struct hn_str){json_string_value(value), json_string_length(value)};
}

#endif
