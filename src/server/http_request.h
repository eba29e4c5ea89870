/* Bytes of a connection to one request: http_parser with limits. No sockets, no clock. */
#ifndef HN_SERVER_HTTP_REQUEST_H
#define HN_SERVER_HTTP_REQUEST_H

#include <stdbool.h>

#include <http_parser.h>

#include "base/status.h"
#include "base/str.h"

enum hn_http_parse {
    HN_HTTP_MORE,     /* all bytes are taken and more are needed */
    HN_HTTP_COMPLETE, /* the rest belongs to the next request */
    HN_HTTP_REFUSED,  /* `status` and `text` say why; where the next request begins is not known */
};

struct hn_http_request {
    http_parser parser;
    struct hn_buf head; /* target NUL, then name NUL value NUL of every header */
    struct hn_buf body;
    struct hn_buf path;  /* decoded */
    struct hn_str query; /* within head */
    size_t headers_at;   /* where the headers begin in head */
    size_t max_body;     /* bytes */
    bool in_value;       /* the last piece belonged to a header's value */
    bool head_done;
    bool complete;
    bool wants_continue; /* sent "Expect: 100-continue" and waits; the caller clears it */
    bool keep_alive;
    int status; /* of a refusal: 400, 413, ... */
    const char *text;
};

/* An empty request. Limits in bytes. */
void hn_http_request_init(struct hn_http_request *r, size_t max_header, size_t max_body);
void hn_http_request_free(struct hn_http_request *r);

/* Takes bytes as they come, of any length; `used` says how many. */
enum hn_http_parse hn_http_request_feed(struct hn_http_request *r, const char *bytes, size_t n,
                                        size_t *used);

/* The first header of that name (any case); p NULL when there is none. */
struct hn_str hn_http_request_header(const struct hn_http_request *r, const char *name);

#endif
