/* Building JSON values member by member, where any step may lack memory: what is made is put into its place
 * at once, so that nothing is lost when a later step fails. NULL for an object stands for a failure before
 * and is passed on. */
#ifndef HN_SERVER_JSON_BUILD_H
#define HN_SERVER_JSON_BUILD_H

#include "base/json.h"

/* A member; `value` is taken, and NULL where there was no memory for it. */
static inline bool hn_json_set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

static inline bool hn_json_set_text(json_t *object, const char *key, struct hn_str s)
{
    return hn_json_set(object, key, json_stringn(s.p ? s.p : "", s.n));
}

/* A member that is also a part of another value, if it is there at all. */
static inline bool hn_json_share(json_t *object, const char *key, const json_t *value)
{
    if (!value || json_is_null(value)) return object != NULL;
    return json_object_set(object, key, (json_t *)value) == 0;
}

/* New objects in their places, not the caller's; NULL: there is no memory. */
static inline json_t *hn_json_object_in(json_t *object, const char *key)
{
    json_t *value = json_object();
    return hn_json_set(object, key, value) ? value : NULL;
}

static inline json_t *hn_json_object_at_end(json_t *array)
{
    json_t *value = json_object();
    return json_array_append_new(array, value) == 0 ? value : NULL;
}

#endif
