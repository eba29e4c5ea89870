#include "load/sse.h"

static enum hn_status add_data(struct hn_sse *sse, struct hn_str value)
{
    if (sse->has_data) HN_TRY(hn_buf_char(&sse->data, '\n'));
    sse->has_data = true;
    return hn_buf_str(&sse->data, value);
}

/* A line without its end: "field: value", a comment, or nothing, which ends the event. */
static enum hn_status take_line(struct hn_sse *sse, struct hn_str line, hn_sse_event_fn *event,
                                void *ctx)
{
    if (!line.n) {
        if (sse->has_data) event(ctx, hn_buf_view(&sse->data));
        hn_buf_clear(&sse->data);
        sse->has_data = false;
        return HN_OK;
    }
    if (hn_str_is(line, "data")) return add_data(sse, (struct hn_str){"", 0});
    if (!hn_str_starts(line, HN_STR("data:"))) return HN_OK;
    const size_t from = line.n > 5 && line.p[5] == ' ' ? 6 : 5;
    return add_data(sse, (struct hn_str){line.p + from, line.n - from});
}

static size_t line_length(const char *p, size_t n)
{
    const char *lf = memchr(p, '\n', n);
    if (lf) n = (size_t)(lf - p);
    const char *cr = memchr(p, '\r', n);
    return cr ? (size_t)(cr - p) : n;
}

enum hn_status hn_sse_feed(struct hn_sse *sse, const char *p, size_t n, hn_sse_event_fn *event,
                           void *ctx)
{
    sse->line.limit = sse->data.limit = HN_SSE_MAX;
    while (n) {
        if (sse->after_cr && *p == '\n') p++, n--;
        sse->after_cr = false;
        const size_t length = line_length(p, n);
        if (length == n) return hn_buf_add(&sse->line, p, n);
        struct hn_str line = {p, length};
        if (sse->line.n) {
            HN_TRY(hn_buf_str(&sse->line, line));
            line = hn_buf_view(&sse->line);
        }
        HN_TRY(take_line(sse, line, event, ctx));
        hn_buf_clear(&sse->line);
        sse->after_cr = p[length] == '\r';
        p += length + 1;
        n -= length + 1;
    }
    return HN_OK;
}

void hn_sse_clear(struct hn_sse *sse)
{
    hn_buf_clear(&sse->line);
    hn_buf_clear(&sse->data);
    sse->after_cr = sse->has_data = false;
}

void hn_sse_free(struct hn_sse *sse)
{
    hn_buf_free(&sse->line);
    hn_buf_free(&sse->data);
}
