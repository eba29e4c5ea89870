#include "base/json.h"

enum hn_status hn_json_parse(struct hn_str text, const char *what, json_t **out,
                             struct hn_error *err)
{
    json_error_t where;
    *out = json_loadb(text.p ? text.p : "", text.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &where);
    if (*out) return HN_OK;
    if (json_error_code(&where) == json_error_out_of_memory)
        return hn_fail_nomem(err, what, text.n);
    return hn_fail(err, HN_E_FORMAT, "%s: line %d, column %d: %s", what, where.line, where.column,
                   where.text);
}
