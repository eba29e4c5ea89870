#include "engine/perplexity.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "engine/mass.h"

enum { LEAST_WINDOW = 4 };

struct scores {
    const int32_t *window; /* its tokens ... */
    size_t n;              /* ... and how many */
    double sum, squares;   /* of -ln p */
    size_t scored;
    enum hn_status status;
    struct hn_error err;
};

/* -ln of the probability that the softmax of the logits gives `id`. False when they are no numbers. */
static bool surprise(const float *logits, size_t n, int32_t id, double *out)
{
    float max = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (!(logits[i] <= FLT_MAX)) return false;
        max = fmaxf(max, logits[i]);
    }
    if (max == -INFINITY) return false;
    const struct hn_mass mass = hn_mass_init(max, 1, n);
    uint64_t sum = 0, weights[HN_MASS_BLOCK];
    for (size_t i = 0; i < n; i += HN_MASS_BLOCK)
        sum += hn_mass_block(&mass, logits + i, hn_min(HN_MASS_BLOCK, n - i), weights);
    *out = hn_mass_log(ldexp((double)sum, -mass.shift)) + (double)max - (double)logits[id];
    return true;
}

static void on_logits(void *ctx, size_t position, const float *logits, size_t n)
{
    struct scores *s = ctx;
    double nll;
    if (s->status < 0 || position + 1 == s->n) return;
    if (!surprise(logits, n, s->window[position + 1], &nll)) {
        s->status = hn_fail(&s->err, HN_E_FORMAT,
                            "the model's logits are no numbers at position %zu", position);
        return;
    }
    s->sum += nll;
    s->squares += nll * nll;
    s->scored++;
}

static void on_done(void *ctx, enum hn_finish finish, struct hn_str text,
                    const struct hn_usage *usage, const struct hn_error *err)
{
    struct scores *s = ctx;
    (void)text;
    (void)usage;
    if (finish != HN_FINISH_ERROR || s->status < 0) return;
    s->status = err->status;
    s->err = *err;
}

static enum hn_status read_window(struct hn_engine *engine, struct scores *s, struct hn_error *err)
{
    const struct hn_request request = {
        .tokens = s->window,
        .n_tokens = s->n,
        .sample = hn_sample_defaults(),
        .sink = {.ctx = s, .done = on_done, .prompt_logits = on_logits, .first_logits = s->n / 2},
    };
    HN_TRY(hn_engine_submit(engine, &request, NULL, err));
    while (hn_engine_busy(engine))
        hn_engine_step(engine);
    if (s->status < 0 && err) *err = s->err;
    return s->status;
}

static void conclude(const struct scores *s, struct hn_perplexity *out)
{
    const double n = (double)s->scored, mean = s->sum / n;
    const double variance = fmax(0, s->squares / n - mean * mean);
    out->scored = s->scored;
    out->ppl = exp(mean);
    out->error = s->scored > 1 ? out->ppl * sqrt(variance / (n - 1)) : 0;
}

static enum hn_status read_all(struct hn_engine *engine, const struct hn_tokenizer *tokenizer,
                               const int32_t *tokens, size_t windows, int32_t *window,
                               const struct hn_perplexity_options *options,
                               struct hn_perplexity *out, struct hn_error *err)
{
    struct scores scores = {.window = window, .n = options->window};
    for (size_t i = 0; i < windows; i++) {
        memcpy(window, tokens + i * scores.n, scores.n * sizeof *window);
        if (hn_tokenizer_adds_bos(tokenizer)) window[0] = hn_tokenizer_bos(tokenizer);
        HN_TRY(read_window(engine, &scores, err));
        out->windows++;
        conclude(&scores, out);
        if (options->progress && !options->progress(options->ctx, out, windows))
            return hn_fail(err, HN_E_CANCELLED, "stopped");
    }
    return HN_OK;
}

enum hn_status hn_perplexity_run(struct hn_engine *engine, const struct hn_tokenizer *tokenizer,
                                 const int32_t *tokens, size_t n,
                                 const struct hn_perplexity_options *options,
                                 struct hn_perplexity *out, struct hn_error *err)
{
    *out = (struct hn_perplexity){0};
    if (options->window < LEAST_WINDOW)
        return hn_fail(err, HN_E_ARG, "a window of %zu tokens: give at least %d", options->window,
                       LEAST_WINDOW);
    size_t windows = n / options->window;
    if (!windows)
        return hn_fail(err, HN_E_ARG,
                       "the text has %zu tokens and a window %zu: take a longer text or a smaller "
                       "window",
                       n, options->window);
    if (options->max_windows) windows = hn_min(windows, options->max_windows);
    int32_t *window = calloc(options->window, sizeof *window);
    if (!window) return hn_fail_nomem(err, "a window", options->window * sizeof *window);
    const enum hn_status status =
        read_all(engine, tokenizer, tokens, windows, window, options, out, err);
    free(window);
    return status;
}
