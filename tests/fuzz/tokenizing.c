#include "tokenizing.h"

#include "text/detokenize.h"
#include "text/utf8.h"

#include "faults.h"
#include "fuzz.h"

static void check(bool good)
{
    if (!good) __builtin_trap();
}

static void put_together(const struct hn_tokenizer *tokenizer, const struct hn_tokens *tokens,
                         unsigned flags)
{
    struct hn_detokenizer state = {0};
    struct hn_buf out = {0};
    for (size_t i = 0; i < tokens->n; i++)
        if (hn_detokenize(tokenizer, &state, tokens->ids[i], flags, &out) < 0)
            check(faults_armed());
    if (hn_detokenize_finish(&state, &out) < 0) check(faults_armed());
    check(hn_utf8_valid(hn_buf_view(&out)) == out.n);
    hn_buf_free(&out);
}

static void take_apart(const struct hn_tokenizer *tokenizer, struct hn_str text, unsigned flags)
{
    struct hn_tokens tokens = {0}, again = {0};
    struct hn_error err;
    const enum hn_status status = hn_tokenize(tokenizer, text, flags, &tokens, &err);
    for (size_t i = 0; i < tokens.n; i++)
        check(tokens.ids[i] >= 0 && (size_t)tokens.ids[i] < hn_tokenizer_size(tokenizer));
    if (!faults_armed()) {
        check(hn_tokenize(tokenizer, text, flags, &again, &err) == status && again.n == tokens.n);
        check(!tokens.n || !memcmp(tokens.ids, again.ids, tokens.n * sizeof *tokens.ids));
    }
    put_together(tokenizer, &tokens, 0);
    put_together(tokenizer, &tokens, HN_DETOKENIZE_SPECIAL);
    hn_tokens_free(&tokens);
    hn_tokens_free(&again);
}

void fuzz_tokenizing(const struct hn_tokenizer *tokenizer, struct hn_str text)
{
    const size_t n = hn_tokenizer_size(tokenizer);
    for (size_t i = 0; i < n; i++) {
        const struct hn_str stored = hn_tokenizer_text(tokenizer, (int32_t)i);
        const struct hn_str piece = hn_tokenizer_piece(tokenizer, (int32_t)i);
        fuzz_touch(stored.p, stored.n);
        fuzz_touch(piece.p, piece.n);
        if (stored.n) check(hn_tokenizer_find(tokenizer, stored) >= 0);
    }
    take_apart(tokenizer, text, 0);
    take_apart(tokenizer, text, HN_TOKENIZE_ADD_SPECIAL | HN_TOKENIZE_PARSE_SPECIAL);
}
