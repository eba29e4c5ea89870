#include "cli/answer_json.h"

static void put_token(struct hn_json_writer *w, const struct hn_tokenizer *tokenizer, int32_t id,
                      float logprob)
{
    hn_json_put_int(w, "id", id);
    hn_json_put_text(w, "token",
                     hn_tokenizer_is_control(tokenizer, id) ? hn_tokenizer_text(tokenizer, id)
                                                            : hn_tokenizer_piece(tokenizer, id));
    hn_json_put_real(w, "logprob", logprob);
}

static void put_logprobs(struct hn_json_writer *w, const struct hn_answer *a,
                         const struct hn_tokenizer *tokenizer)
{
    hn_json_open(w, "logprobs", '[');
    for (size_t i = 0; i < a->ids.n; i++) {
        const struct hn_pick *pick = &a->picks[i];
        hn_json_open(w, NULL, '{');
        put_token(w, tokenizer, pick->id, pick->logprob);
        hn_json_open(w, "top", '[');
        for (int32_t t = 0; t < pick->n_top; t++) {
            hn_json_open(w, NULL, '{');
            put_token(w, tokenizer, pick->top[t].id, pick->top[t].logprob);
            hn_json_close(w, '}');
        }
        hn_json_close(w, ']');
        hn_json_close(w, '}');
    }
    hn_json_close(w, ']');
}

void hn_answer_json(struct hn_json_writer *w, const struct hn_answer *a,
                    const struct hn_instance *session)
{
    const struct hn_usage *u = &a->usage;
    hn_json_put_text(w, "text", hn_buf_view(&a->text));
    hn_json_open(w, "token_ids", '[');
    for (size_t i = 0; i < a->ids.n; i++)
        hn_json_put_int(w, NULL, a->ids.ids[i]);
    hn_json_close(w, ']');
    if (a->keep_picks) put_logprobs(w, a, session->tokenizer);
    hn_json_put_text(w, "finish_reason", hn_str_from(hn_finish_text(a->finish)));

    hn_json_open(w, "usage", '{');
    hn_json_put_uint(w, "prompt_tokens", u->prompt_tokens);
    hn_json_put_uint(w, "cached_tokens", u->cached_tokens);
    hn_json_put_uint(w, "completion_tokens", u->completion_tokens);
    hn_json_put_uint(w, "total_tokens", u->prompt_tokens + u->completion_tokens);
    hn_json_put_uint(w, "guessed_tokens", u->guessed_tokens);
    hn_json_put_uint(w, "right_tokens", u->right_tokens);
    hn_json_close(w, '}');

    hn_json_open(w, "timings", '{');
    hn_json_put_real(w, "load_s", session->load_s);
    hn_json_put_real(w, "queue_s", u->queue_s);
    hn_json_put_real(w, "prefill_s", u->prefill_s);
    hn_json_put_real(w, "decode_s", u->decode_s);
    if (u->prefill_s > 0)
        hn_json_put_real(w, "prefill_tokens_per_s",
                         (double)(u->prompt_tokens - u->cached_tokens) / u->prefill_s);
    if (u->completion_tokens > 1 && u->decode_s > 0)
        hn_json_put_real(w, "decode_tokens_per_s",
                         (double)(u->completion_tokens - 1) / u->decode_s);
    hn_json_close(w, '}');
}
