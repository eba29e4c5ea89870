#include "text/detokenize.h"

#include "text/tokenizer_impl.h"
#include "text/utf8.h"

/* Appends what of `bytes` is whole, with one U+FFFD for every maximal run of bytes that begins a
 * character and breaks off; keeps an unfinished character at the end. */
static enum hn_status add_whole(struct hn_detokenizer *state, struct hn_str bytes,
                                struct hn_buf *out)
{
    while (bytes.n) {
        const size_t good = hn_utf8_valid(bytes);
        HN_TRY(hn_buf_add(out, bytes.p, good));
        bytes = (struct hn_str){bytes.p + good, bytes.n - good};
        if (!bytes.n) break;
        /* Of the bytes after the valid ones, the longest part that could begin a character. */
        size_t part = 1, start;
        for (size_t n = 2; n <= 3 && n <= bytes.n; n++)
            if (hn_utf8_missing((struct hn_str){bytes.p, n}, &start) && start == 0) part = n;
        if (part == bytes.n && hn_utf8_missing(bytes, &start) && start == 0) {
            memcpy(state->pending, bytes.p, part);
            state->n_pending = (uint8_t)part;
            return HN_OK;
        }
        HN_TRY(hn_buf_text(out, HN_UTF8_REPLACEMENT));
        bytes = (struct hn_str){bytes.p + part, bytes.n - part};
    }
    return HN_OK;
}

enum hn_status hn_detokenize(const struct hn_tokenizer *tokenizer, struct hn_detokenizer *state,
                             int32_t id, unsigned flags, struct hn_buf *out)
{
    if (id < 0 || id >= tokenizer->n) return HN_E_ARG;
    const bool control = hn_tokenizer_is_control(tokenizer, id);
    if (control && !(flags & HN_DETOKENIZE_SPECIAL)) return HN_OK;
    struct hn_str piece = tokenizer->pieces[id];
    if (!control && !state->started) {
        if (tokenizer->strips_first_space && piece.n && piece.p[0] == ' ')
            piece = (struct hn_str){piece.p + 1, piece.n - 1};
        state->started = true;
    }
    /* The unfinished character takes bytes of the piece until it is one, or is none. */
    while (state->n_pending && piece.n) {
        char joined[sizeof state->pending + 1];
        const size_t n = state->n_pending;
        memcpy(joined, state->pending, n);
        joined[n] = piece.p[0];
        piece = (struct hn_str){piece.p + 1, piece.n - 1};
        state->n_pending = 0;
        HN_TRY(add_whole(state, (struct hn_str){joined, n + 1}, out));
    }
    return add_whole(state, piece, out);
}

enum hn_status hn_detokenize_finish(struct hn_detokenizer *state, struct hn_buf *out)
{
    const bool unfinished = state->n_pending;
    *state = (struct hn_detokenizer){0};
    return unfinished ? hn_buf_text(out, HN_UTF8_REPLACEMENT) : HN_OK;
}
