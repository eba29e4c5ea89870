#include "server/http_request.h"

#include <strings.h>

static const char too_large[] = "the request's body is too large";

static int refuse(struct hn_http_request *r, int status, const char *text)
{
    if (!r->status) {
        r->status = status;
        r->text = text;
    }
    return 1;
}

static int append(struct hn_http_request *r, struct hn_buf *to, const char *p, size_t n, int status,
                  const char *text)
{
    switch (hn_buf_add(to, p, n)) {
    case HN_OK: return 0;
    case HN_E_LIMIT: return refuse(r, status, text);
    default: return refuse(r, 503, "out of memory");
    }
}

static int append_head(struct hn_http_request *r, const char *p, size_t n)
{
    return append(r, &r->head, p, n, 431, "the request's headers are too large");
}

/* A NUL would end the text before its time. */
static int keep(struct hn_http_request *r, const char *p, size_t n)
{
    if (memchr(p, 0, n)) return refuse(r, 400, "a NUL in the request's head");
    return append_head(r, p, n);
}

static int end_text(struct hn_http_request *r)
{
    return append_head(r, "", 1);
}

static int on_url(http_parser *parser, const char *p, size_t n)
{
    return keep(parser->data, p, n);
}

static int on_field(http_parser *parser, const char *p, size_t n)
{
    struct hn_http_request *r = parser->data;
    if (r->head_done) return 0; /* trailers after the chunks; nothing here asks for any */
    /* The parser lets them pass where it was not built strict; others may read such a name otherwise. */
    if (memchr(p, ' ', n)) return refuse(r, 400, "a space in a header's name");
    if (!r->headers_at) {
        if (end_text(r)) return 1;
        r->headers_at = r->head.n;
    } else if (r->in_value && end_text(r)) {
        return 1;
    }
    r->in_value = false;
    return keep(r, p, n);
}

static int on_value(http_parser *parser, const char *p, size_t n)
{
    struct hn_http_request *r = parser->data;
    if (r->head_done) return 0;
    if (!r->in_value && end_text(r)) return 1;
    r->in_value = true;
    return keep(r, p, n);
}

static int decode_path(struct hn_http_request *r, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = p[i];
        if (c == '%') {
            uint32_t byte;
            if (!hn_str_hex((struct hn_str){p + i + 1, n - i - 1}, 2, &byte) || !byte)
                return refuse(r, 400, "a bad %-escape in the path");
            c = (char)byte;
            i += 2;
        }
        if (append(r, &r->path, &c, 1, 414, "the request's path is too long")) return 1;
    }
    return 0;
}

/* The request's target: "/path?query", the same behind "http://host" as proxies send it, or "*". */
static int split_target(struct hn_http_request *r)
{
    const char *p = r->head.p;
    if (*p != '/' && strcmp(p, "*") != 0) {
        const char *host = strstr(p, "://");
        if (r->parser.method == HTTP_CONNECT || !host)
            return refuse(r, 400, "the request's target is not a path");
        p = host + 3 + strcspn(host + 3, "/?#");
    }
    const size_t n = strcspn(p, "?#");
    if (p[n] == '?') r->query = (struct hn_str){p + n + 1, strcspn(p + n + 1, "#")};
    return n ? decode_path(r, p, n) : decode_path(r, "/", 1);
}

/* The next header, the first where *name is NULL; false: there is none. */
static bool next_header(const struct hn_http_request *r, const char **name, const char **value)
{
    *name = *name ? *value + strlen(*value) + 1 : r->head.p + r->headers_at;
    if (*name >= r->head.p + r->head.n) return false;
    *value = *name + strlen(*name) + 1;
    return true;
}

static size_t count_headers(const struct hn_http_request *r, const char *name)
{
    size_t n = 0;
    for (const char *one = NULL, *value; next_header(r, &one, &value);)
        n += strcasecmp(one, name) == 0;
    return n;
}

static int check_head(struct hn_http_request *r)
{
    const http_parser *parser = &r->parser;
    if (parser->http_major != 1) return refuse(r, 505, "HTTP/1.1 is spoken here");
    if (split_target(r)) return -1; /* first: errors have the form of the path's API */
    const size_t hosts = count_headers(r, "Host");
    if (parser->http_minor >= 1 && !hosts) return refuse(r, 400, "no Host header");
    if (hosts > 1) return refuse(r, 400, "several Host headers");
    /* What the parser takes as chunks may be packed within them. */
    const struct hn_str coding = hn_http_request_header(r, "Transfer-Encoding");
    if (coding.p &&
        (strcasecmp(coding.p, "chunked") != 0 || count_headers(r, "Transfer-Encoding") > 1))
        return refuse(r, 501, "a transfer coding that is not known here; 'chunked' is");
    if (parser->content_length != UINT64_MAX && parser->content_length > r->max_body)
        return refuse(r, 413, too_large);
    const struct hn_str expect = hn_http_request_header(r, "Expect");
    if (expect.p && parser->http_minor >= 1) {
        if (strcasecmp(expect.p, "100-continue") != 0)
            return refuse(r, 417, "an unknown expectation");
        r->wants_continue = true;
    }
    return 0;
}

static int on_head(http_parser *parser)
{
    struct hn_http_request *r = parser->data;
    if (end_text(r)) return -1;
    if (!r->headers_at) r->headers_at = r->head.n;
    r->head_done = true;
    parser->upgrade = 0;           /* never done, so the request goes on as it is */
    return check_head(r) ? -1 : 0; /* 1 would mean that there is no body */
}

static int on_body(http_parser *parser, const char *p, size_t n)
{
    struct hn_http_request *r = parser->data;
    r->wants_continue = false;
    return append(r, &r->body, p, n, 413, too_large);
}

/* Of a chunk the length is told before it comes, as that of a whole body is. */
static int on_chunk(http_parser *parser)
{
    struct hn_http_request *r = parser->data;
    return parser->content_length > r->max_body - r->body.n ? refuse(r, 413, too_large) : 0;
}

static int on_complete(http_parser *parser)
{
    struct hn_http_request *r = parser->data;
    r->complete = true;
    r->wants_continue = false;
    r->keep_alive = http_should_keep_alive(parser);
    http_parser_pause(parser, 1); /* the next request waits for its turn */
    return 0;
}

static const http_parser_settings callbacks = {
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_chunk_header = on_chunk,
    .on_message_complete = on_complete,
};

void hn_http_request_init(struct hn_http_request *r, size_t max_header, size_t max_body)
{
    *r = (struct hn_http_request){
        .head.limit = max_header, .body.limit = max_body, .max_body = max_body, .query.p = ""};
    http_parser_init(&r->parser, HTTP_REQUEST);
    r->parser.data = r;
}

void hn_http_request_free(struct hn_http_request *r)
{
    hn_buf_free(&r->head);
    hn_buf_free(&r->body);
    hn_buf_free(&r->path);
}

/* What the parser itself found wrong. */
static void refuse_malformed(struct hn_http_request *r)
{
    const enum http_errno error = HTTP_PARSER_ERRNO(&r->parser);
    if (error == HPE_HEADER_OVERFLOW) refuse(r, 431, "the request's headers are too large");
    else if (error == HPE_INVALID_METHOD)
        refuse(r, 501, "not a method known here, or not HTTP at all");
    else refuse(r, 400, http_errno_description(error));
}

enum hn_http_parse hn_http_request_feed(struct hn_http_request *r, const char *bytes, size_t n,
                                        size_t *used)
{
    *used = http_parser_execute(&r->parser, &callbacks, bytes, n);
    if (r->complete) return HN_HTTP_COMPLETE;
    if (HTTP_PARSER_ERRNO(&r->parser) == HPE_OK && *used == n) return HN_HTTP_MORE;
    refuse_malformed(r);
    return HN_HTTP_REFUSED;
}

struct hn_str hn_http_request_header(const struct hn_http_request *r, const char *name)
{
    for (const char *one = NULL, *value; next_header(r, &one, &value);)
        if (strcasecmp(one, name) == 0) return hn_str_from(value);
    return (struct hn_str){0};
}
