/* The rows of endpoints.def, finding one of them, and their handlers. */
#ifndef HN_SERVER_ENDPOINTS_H
#define HN_SERVER_ENDPOINTS_H

#include "server/call.h"

enum {
#define X(handler, ...) HN_ENDPOINT_##handler,
#include "server/endpoints.def"
#undef X
    HN_ENDPOINTS
};
extern const struct hn_endpoint hn_endpoints[HN_ENDPOINTS];

#define X(handler, ...)                                                                            \
    enum hn_status hn_answer_##handler(struct hn_call *call, struct hn_refusal *why);
#include "server/endpoints.def"
#undef X

/* The row for a path and a method; *tail gets what stood for "{name}". NULL: there is none, and `allow`
 * gets the methods that the path has, "GET, POST", or is empty. */
const struct hn_endpoint *hn_endpoint_find(struct hn_str path, const char *method,
                                           struct hn_str *tail, char *allow, size_t allow_size);

#endif
