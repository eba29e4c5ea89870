#include "cli/answer.h"

#include <stdlib.h>

#include "base/bits.h"
#include "cli/interrupt.h"
#include "cli/show.h"
#include "cli/terminal.h"

static bool keep_pick(struct hn_answer *a, const struct hn_pick *pick)
{
    const size_t n = a->ids.n - 1;
    if (n == a->cap_picks) {
        const size_t cap = hn_max(64, 2 * a->cap_picks);
        struct hn_pick *grown = reallocarray(a->picks, cap, sizeof *grown);
        if (!grown) return false;
        a->picks = grown;
        a->cap_picks = cap;
    }
    a->picks[n] = *pick;
    return true;
}

static bool add_text(struct hn_answer *a, struct hn_str text)
{
    if (!text.n) return true;
    if (hn_buf_str(&a->text, text) < 0) return false;
    if (!a->stream) return true;
    /* Each piece at once: somebody watches, or reads from a pipe. */
    const bool written =
        a->wrap.f ? hn_wrap_text(&a->wrap, text) : fwrite(text.p, 1, text.n, a->stream) == text.n;
    return written && fflush(a->stream) == 0;
}

static bool on_token(void *ctx, const struct hn_token_event *event)
{
    struct hn_answer *a = ctx;
    if (hn_tokens_add(&a->ids, event->id) < 0 ||
        (a->keep_picks && event->pick && !keep_pick(a, event->pick)) || a->text.failed) {
        a->status = hn_fail_nomem(&a->err, "the answer", a->text.n);
        return false;
    }
    if (!add_text(a, event->text)) {
        a->status = a->text.failed ? hn_fail_nomem(&a->err, "the answer", a->text.n)
                                   : hn_fail(&a->err, HN_E_IO, "cannot write the answer");
        return false;
    }
    return !hn_interrupted();
}

static void on_done(void *ctx, enum hn_finish finish, struct hn_str text,
                    const struct hn_usage *usage, const struct hn_error *err)
{
    struct hn_answer *a = ctx;
    if ((!add_text(a, text) || (a->wrap.f && !hn_wrap_end(&a->wrap))) && a->status >= 0)
        a->status = hn_fail(&a->err, HN_E_IO, "cannot write the answer");
    a->finish = finish;
    a->usage = *usage;
    if (finish == HN_FINISH_ERROR && a->status >= 0) {
        a->status = err->status;
        a->err = *err;
    }
}

static void on_logits(void *ctx, size_t position, const float *logits, size_t n)
{
    struct hn_answer *a = ctx;
    (void)position; /* they come in order */
    if (a->status >= 0) a->status = hn_out_write(a->logits, logits, n * sizeof *logits, &a->err);
}

enum hn_status hn_answer_run(struct hn_answer *a, struct hn_engine *engine,
                             struct hn_request *request, struct hn_error *err)
{
    uint64_t id;
    bool cancelled = false;
    request->sink = (struct hn_sink){.ctx = a,
                                     .token = on_token,
                                     .done = on_done,
                                     .prompt_logits = a->logits ? on_logits : NULL};
    a->status = HN_OK;
    if (a->stream && hn_terminal_is(a->stream))
        a->wrap = (struct hn_wrap){.f = a->stream, .width = hn_terminal_width()};
    HN_TRY(hn_engine_submit(engine, request, &id, err));
    while (hn_engine_busy(engine)) {
        if (!cancelled && (hn_interrupted() || a->status < 0)) {
            hn_engine_cancel(engine, id);
            cancelled = true;
        }
        hn_engine_step(engine);
    }
    if (a->status < 0 && err) *err = a->err;
    return a->status;
}

void hn_answer_free(struct hn_answer *a)
{
    hn_buf_free(&a->text);
    hn_tokens_free(&a->ids);
    free(a->picks);
    a->picks = NULL;
    a->cap_picks = 0;
}

void hn_answer_stats(FILE *f, const struct hn_answer *a)
{
    const struct hn_usage *u = &a->usage;
    const size_t read = u->prompt_tokens - u->cached_tokens;
    char prefill[HN_SHOW_BYTES], decode[HN_SHOW_BYTES];
    fprintf(f, "prompt %zu tokens", u->prompt_tokens);
    if (u->cached_tokens) fprintf(f, " (%zu known)", u->cached_tokens);
    fprintf(f, " in %s", hn_show_seconds(prefill, u->prefill_s));
    if (u->prefill_s > 0) fprintf(f, ", %.0f/s", (double)read / u->prefill_s);
    fprintf(f, "; answer %zu tokens in %s", u->completion_tokens,
            hn_show_seconds(decode, u->decode_s));
    if (u->completion_tokens > 1 && u->decode_s > 0)
        fprintf(f, ", %.0f/s", (double)(u->completion_tokens - 1) / u->decode_s);
    if (u->right_tokens) fprintf(f, " (%zu guessed right)", u->right_tokens);
    fprintf(f, "; %s\n", hn_finish_text(a->finish));
}
