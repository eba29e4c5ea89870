/* Perplexity: how well a model foretells a text.
 *
 * By llama.cpp's definition, so that figures can be compared with published ones: the text's tokens are
 * cut into windows of n tokens that the model reads one by one, each by itself; what is left over at the
 * end is not used. Where the tokenizer begins a text with a token (adds_bos), that takes the place of
 * each window's first. Of a window the tokens from n/2 + 1 on are scored, which have at least half a
 * window before them: with p the model's probability of a scored token after those before it,
 *
 *     PPL = exp(mean of -ln p),    standard error = PPL * sqrt(variance of -ln p / (N - 1))
 *
 * over all N scored tokens (the second is the first order of the error of the mean, as if tokens were
 * independent). */
#ifndef HN_ENGINE_PERPLEXITY_H
#define HN_ENGINE_PERPLEXITY_H

#include "engine/engine.h"

struct hn_perplexity {
    size_t windows; /* read so far */
    size_t scored;  /* tokens */
    double ppl;
    double error; /* standard error of ppl */
};

struct hn_perplexity_options {
    size_t window;      /* tokens, at least 4 and at most the context */
    size_t max_windows; /* 0: all that the text has */
    /* Told after each window; false stops (HN_E_CANCELLED). May be NULL. */
    bool (*progress)(void *ctx, const struct hn_perplexity *so_far, size_t windows);
    void *ctx;
};

/* Reads `n` tokens of a text through an engine that has nothing else to do. HN_E_ARG when the text has
 * no whole window; HN_E_FORMAT when the model gives logits that are no numbers. */
enum hn_status hn_perplexity_run(struct hn_engine *engine, const struct hn_tokenizer *tokenizer,
                                 const int32_t *tokens, size_t n,
                                 const struct hn_perplexity_options *options,
                                 struct hn_perplexity *out, struct hn_error *err);

#endif
