#include "load/stream.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"

enum { MAX_WHOLE = 4 << 20 };

/* --- counting ---------------------------------------------------------------------------------- */

static void add(struct hn_stream *s, enum hn_load_measure what, uint64_t ns)
{
    struct hn_load_report *r = s->report;
    hn_spread_add(&r->groups[0].of[what], ns / 1000);
    if (r->n_groups > 1) hn_spread_add(&r->groups[1 + s->ask.tier].of[what], ns / 1000);
}

static void count_text(struct hn_stream *s)
{
    const uint64_t now = s->wire.now;
    s->report->events++;
    s->texts++;
    if (s->first) {
        const uint64_t gap = now - s->last;
        add(s, HN_LOAD_ITL, gap);
        if (gap > s->longest) s->longest = gap;
    } else {
        s->first = now;
    }
    s->last = now;
}

static bool is_good(const struct hn_stream *s, uint64_t ttft, double per_token)
{
    const struct hn_load_options *o = s->options;
    return (!(o->good_ttft_ms > 0) || (double)ttft <= (double)o->good_ttft_ms * 1e6) &&
           (!(o->good_itl_ms > 0) || per_token <= (double)o->good_itl_ms * 1e6);
}

static void count_answer(struct hn_stream *s)
{
    struct hn_load_report *r = s->report;
    const uint64_t tokens = s->told.usage ? s->told.output_tokens : s->texts;
    const uint64_t end = s->wire.now;
    /* An answer that is no stream has its first token when it has all. */
    const uint64_t ttft = (s->first ? s->first : end) - s->due;
    double per_token = 0;
    if (!s->options->post) {
        hn_spread_add(&r->prompt, s->told.prompt_tokens);
        hn_spread_add(&r->cached, s->told.cached_tokens);
        hn_spread_add(&r->output, tokens);
        r->uncounted += !s->told.usage;
    }
    add(s, HN_LOAD_E2E, end - s->due);
    if (s->first) add(s, HN_LOAD_TTFT, ttft);
    if (s->texts > 1) add(s, HN_LOAD_GAP, s->longest);
    if (s->texts > 1 && tokens > 1) {
        per_token = (double)(s->last - s->first) / (double)(tokens - 1);
        add(s, HN_LOAD_TPOT, (uint64_t)per_token);
    }
    const bool good = is_good(s, ttft, per_token);
    for (size_t i = 0; i < r->n_groups; i++)
        if (i == 0 || i == 1 + s->ask.tier) {
            r->groups[i].answered++;
            r->groups[i].good += good;
        }
}

static void fail(struct hn_stream *s, const char *kind, const char *text)
{
    s->report->failed++;
    hn_load_count_error(s->report, kind, text);
    s->busy = false;
}

/* --- the answer -------------------------------------------------------------------------------- */

/* An event, or the whole answer. */
static void take(struct hn_stream *s, struct hn_str json)
{
    struct hn_reply part;
    if (hn_str_is(json, "[DONE]")) return;
    const enum hn_status status = hn_reply_read(json, &part, NULL);
    if (status < 0) {
        s->broken = status;
        return;
    }
    if (part.text && !s->options->whole) count_text(s);
    s->told.finished |= part.finished;
    if (part.usage) {
        s->told.usage = true;
        s->told.prompt_tokens = part.prompt_tokens;
        s->told.cached_tokens = part.cached_tokens;
        s->told.output_tokens = part.output_tokens;
    }
    if (part.failed && !s->told.failed) {
        s->told.failed = true;
        memcpy(s->told.error, part.error, sizeof part.error);
    }
}

static void on_event(void *ctx, struct hn_str data)
{
    take(ctx, data);
}

static bool on_body(void *ctx, struct hn_str bytes)
{
    struct hn_stream *s = ctx;
    if (s->wire.status == 200 && !s->options->whole) {
        const enum hn_status status = hn_sse_feed(&s->sse, bytes.p, bytes.n, on_event, s);
        if (status < 0) s->broken = status;
    } else {
        s->whole.limit = MAX_WHOLE;
        s->broken = hn_buf_str(&s->whole, bytes);
    }
    return s->broken >= 0;
}

/* The status is not 200: what the server says of it. */
static void count_refusal(struct hn_stream *s)
{
    char kind[32];
    struct hn_reply reply;
    snprintf(kind, sizeof kind, "http %d", s->wire.status);
    if (hn_reply_read(hn_buf_view(&s->whole), &reply, NULL) < 0 || !reply.failed)
        snprintf(reply.error, sizeof reply.error, "%.*s", HN_FMT(hn_buf_view(&s->whole)));
    fail(s, kind, reply.error);
}

static void count_end(struct hn_stream *s, enum hn_wire_end end)
{
    if (s->broken == HN_E_NOMEM) fail(s, "no memory", "of this program");
    else if (end == HN_WIRE_CONNECT) fail(s, "connect", "no connection");
    else if (end == HN_WIRE_CUT) fail(s, "cut off", "the connection ended before the answer did");
    else if (end == HN_WIRE_GARBLED || s->broken < 0)
        fail(s, "garbled", s->broken < 0 ? "the answer is not what OpenAI's API has" : "no HTTP");
    else if (s->wire.status != 200) count_refusal(s);
    else if (s->told.failed) fail(s, "error in the answer", s->told.error);
    else if (!s->told.finished && !s->options->post)
        fail(s, "unfinished", "the answer has no finish_reason");
    else count_answer(s);
    s->busy = false;
}

static void on_end(void *ctx, enum hn_wire_end end)
{
    struct hn_stream *s = ctx;
    if (end == HN_WIRE_STALE) {
        s->on_over(s, true);
        return;
    }
    if (end == HN_WIRE_ANSWERED && s->wire.status == 200 && s->options->whole && !s->options->post)
        take(s, hn_buf_view(&s->whole));
    count_end(s, end);
    s->on_over(s, false);
}

enum hn_status hn_stream_start(struct hn_stream *s, struct hn_str head, struct hn_str body)
{
    s->wire.on_body = on_body;
    s->wire.on_end = on_end;
    s->wire.ctx = s;
    s->first = s->last = s->longest = s->texts = 0;
    s->told = (struct hn_reply){0};
    s->broken = HN_OK;
    s->busy = true;
    hn_sse_clear(&s->sse);
    hn_buf_clear(&s->whole);
    const enum hn_status status = hn_wire_ask(&s->wire, head, body);
    if (status < 0) fail(s, "connect", strerror(errno));
    return status;
}

void hn_stream_fail(struct hn_stream *s, const char *kind, const char *text)
{
    hn_wire_close(&s->wire);
    fail(s, kind, text);
}

void hn_stream_free(struct hn_stream *s)
{
    hn_wire_close(&s->wire);
    hn_sse_free(&s->sse);
    hn_buf_free(&s->whole);
}
