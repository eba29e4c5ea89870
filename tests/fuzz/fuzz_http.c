#include "fuzz.h"

#include "server/http_request.h"

enum { MAX_HEADER = 512, MAX_BODY = 1024 };

static void use(const struct hn_http_request *r)
{
    const struct hn_str host = hn_http_request_header(r, "host");
    const struct hn_str length = hn_http_request_header(r, "content-length");
    fuzz_touch(r->path.p, r->path.n);
    fuzz_touch(r->query.p, r->query.n);
    fuzz_touch(r->body.p, r->body.n);
    fuzz_touch(host.p, host.n);
    fuzz_touch(length.p, length.n);
    if (!r->path.n || memchr(r->path.p, 0, r->path.n)) __builtin_trap();
    if (r->body.n > MAX_BODY || r->head.n > MAX_HEADER) __builtin_trap();
}

/* The first byte says in pieces of which size the rest arrives: a connection's bytes, one request after
 * the other until one is refused. */
void fuzz_one(const uint8_t *data, size_t n)
{
    if (!n) return;
    const size_t piece = data[0] ? data[0] : n;
    const char *p = (const char *)data + 1, *end = (const char *)data + n;
    enum hn_http_parse parse = HN_HTTP_COMPLETE;
    struct hn_http_request r;
    while (p < end && parse != HN_HTTP_REFUSED) {
        if (parse == HN_HTTP_COMPLETE) hn_http_request_init(&r, MAX_HEADER, MAX_BODY);
        const size_t left = (size_t)(end - p);
        size_t used;
        parse = hn_http_request_feed(&r, p, left < piece ? left : piece, &used);
        if (parse == HN_HTTP_COMPLETE) use(&r);
        if (parse == HN_HTTP_REFUSED && (r.status < 400 || !r.text)) __builtin_trap();
        if (parse != HN_HTTP_MORE) hn_http_request_free(&r);
        p += used;
    }
    if (parse == HN_HTTP_MORE) hn_http_request_free(&r);
}
