#include "server/access.h"

#include <math.h>

#include "base/bits.h"
#include "base/clock.h"

/* Microseconds and millijoules are as fine as anything here is measured. */
static void put_seconds(struct hn_json_writer *w, const char *key, double s)
{
    hn_json_put_real(w, key, round(s * 1e6) / 1e6);
}

static void put_joules(struct hn_json_writer *w, double joules)
{
    hn_json_put_real(w, "joules", round(joules * 1e3) / 1e3);
}

static void put_text(struct hn_json_writer *w, const char *key, const char *text)
{
    if (text) hn_json_put_text(w, key, hn_str_from(text));
    else hn_json_put_null(w, key);
}

static void put_tokens(struct hn_json_writer *w, const struct hn_receipt *receipt)
{
    hn_json_open(w, "tokens", '{');
    hn_json_put_uint(w, "prompt", receipt->prompt_tokens);
    hn_json_put_uint(w, "cached", receipt->cached_tokens);
    hn_json_put_uint(w, "completion", receipt->completion_tokens);
    hn_json_put_uint(w, "reasoning", receipt->reasoning_tokens);
    hn_json_close(w, '}');
}

static void put_times(struct hn_json_writer *w, const struct hn_receipt *receipt)
{
    hn_json_open(w, "seconds", '{');
    put_seconds(w, "queue", receipt->queue_s);
    put_seconds(w, "prefill", receipt->prefill_s);
    put_seconds(w, "decode", receipt->decode_s);
    put_seconds(w, "total", receipt->total_s);
    put_seconds(w, "ttft", receipt->ttft_s);
    put_seconds(w, "itl", hn_receipt_itl_s(receipt));
    put_seconds(w, "core", receipt->core_s);
    hn_json_close(w, '}');
}

void hn_receipt_put(struct hn_json_writer *w, const char *key, const struct hn_receipt *receipt)
{
    hn_json_open(w, key, '{');
    put_text(w, "class", receipt->klass);
    put_tokens(w, receipt);
    put_times(w, receipt);
    put_joules(w, receipt->joules);
    hn_json_close(w, '}');
}

static void put_beginning(struct hn_json_writer *w, const char *key, struct hn_str text)
{
    text.n = hn_min(text.n, HN_ACCESS_TEXT);
    if (text.n) hn_json_put_text(w, key, text);
}

static void put_trace(struct hn_json_writer *w, const struct hn_traceparent *trace)
{
    put_text(w, "trace_id", trace->trace);
    put_text(w, "span_id", trace->span);
    put_text(w, "parent_id", *trace->parent ? trace->parent : NULL);
}

void hn_access_line_put(struct hn_json_writer *w, const struct hn_access_line *line, bool texts)
{
    const struct hn_receipt *receipt = line->receipt;
    char time[HN_CLOCK_TEXT];
    hn_clock_text(line->wall_ms, true, time);
    hn_json_open(w, NULL, '{');
    put_text(w, "time", time);
    put_text(w, "id", receipt->id);
    if (line->trace) put_trace(w, line->trace);
    put_text(w, "peer", line->peer);
    put_text(w, "method", line->method);
    hn_json_put_text(w, "path", line->path);
    hn_json_put_int(w, "status", receipt->status);
    put_text(w, "key", receipt->key);
    put_text(w, "model", receipt->model);
    put_text(w, "class", receipt->klass);
    put_text(w, "finish", receipt->finish);
    if (receipt->rows) hn_json_put_uint(w, "rows", receipt->rows);
    put_tokens(w, receipt);
    put_times(w, receipt);
    put_joules(w, receipt->joules);
    if (texts) put_beginning(w, "request", line->request);
    if (texts) put_beginning(w, "answer", line->answer);
    hn_json_close(w, '}');
}

void hn_access_log(struct hn_log_file *log, const struct hn_access_line *line, bool texts)
{
    struct hn_json_writer w = {0};
    hn_access_line_put(&w, line, texts);
    if (w.out.failed) hn_log_file_drop(log);
    else hn_log_file_write(log, hn_buf_view(&w.out));
    hn_buf_free(&w.out);
}
