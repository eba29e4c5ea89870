/* From a whole HTTP request to the handler of its endpoint. */
#ifndef HN_SERVER_ROUTER_H
#define HN_SERVER_ROUTER_H

#include "server/http.h"

/* As struct hn_http_options wants them; ctx is the struct hn_server. */
void hn_router_handle(void *ctx, struct hn_exchange *x);
void hn_router_error_body(void *ctx, struct hn_str path, int status, const char *text,
                          struct hn_buf *body);

#endif
