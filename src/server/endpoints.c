#include "server/endpoints.h"

#include <stdio.h>
#include <string.h>

#include "server/requests.h"

enum { HN_FAST, HN_SLOW };

const struct hn_endpoint hn_endpoints[HN_ENDPOINTS] = {
#define X(handler, method, path, who, body, where, summary)                                        \
    {#handler,           method, path, HN_FOR_##who, &hn_##body##_fields, HN_##where, summary,     \
     hn_answer_##handler},
#include "server/endpoints.def"
#undef X
};

/* "{name}" in a pattern is one character or more, slashes too. */
static bool matches(const char *pattern, struct hn_str path, struct hn_str *tail)
{
    const char *open = strchr(pattern, '{');
    if (!open) return hn_str_is(path, pattern);
    const struct hn_str head = {pattern, (size_t)(open - pattern)};
    const struct hn_str end = hn_str_from(strchr(open, '}') + 1);
    if (path.n <= head.n + end.n || !hn_str_starts(path, head) || !hn_str_ends(path, end))
        return false;
    *tail = (struct hn_str){path.p + head.n, path.n - head.n - end.n};
    return true;
}

/* HEAD is GET whose answer is sent without its body (server/http_conn.c). */
static bool fits(const struct hn_endpoint *e, const char *method)
{
    return strcmp(e->method, strcmp(method, "HEAD") == 0 ? "GET" : method) == 0;
}

const struct hn_endpoint *hn_endpoint_find(struct hn_str path, const char *method,
                                           struct hn_str *tail, char *allow, size_t allow_size)
{
    const char *pattern = NULL; /* the first that fits: "/v2/models/a/infer" is no model's name */
    size_t n = 0;
    *allow = '\0';
    *tail = (struct hn_str){"", 0};
    for (size_t i = 0; i < HN_ENDPOINTS; i++) {
        const struct hn_endpoint *e = &hn_endpoints[i];
        if (pattern ? strcmp(e->path, pattern) != 0 : !matches(e->path, path, tail)) continue;
        pattern = e->path;
        if (fits(e, method)) return e;
        if (n < allow_size)
            n += (size_t)snprintf(allow + n, allow_size - n, "%s%s%s", n ? ", " : "", e->method,
                                  fits(e, "HEAD") ? ", HEAD" : "");
    }
    return NULL;
}
