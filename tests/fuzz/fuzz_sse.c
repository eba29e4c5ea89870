#include "fuzz.h"

#include "load/reply.h"
#include "load/sse.h"

static void use(void *ctx, struct hn_str data)
{
    struct hn_reply reply;
    struct hn_error err;
    struct hn_buf name = {0};
    (void)ctx;
    fuzz_touch(data.p, data.n);
    if (data.n > HN_SSE_MAX) __builtin_trap();
    if (hn_reply_read(data, &reply, &err) >= 0) fuzz_touch(reply.error, strlen(reply.error));
    hn_reply_model(data, &name, &err);
    hn_buf_free(&name);
}

/* The first byte says in pieces of which size the rest arrives. */
void fuzz_one(const uint8_t *data, size_t n)
{
    if (!n) return;
    struct hn_sse sse = {0};
    const size_t piece = data[0] ? data[0] : n;
    const char *p = (const char *)data + 1;
    enum hn_status status = HN_OK;
    for (size_t left = n - 1; left && status >= 0;) {
        const size_t take = left < piece ? left : piece;
        status = hn_sse_feed(&sse, p, take, use, NULL);
        p += take;
        left -= take;
    }
    hn_sse_free(&sse);
}
