/* Token ids back to text, one at a time, never half a character. */
#ifndef HN_TEXT_DETOKENIZE_H
#define HN_TEXT_DETOKENIZE_H

#include "text/tokenizer.h"

/* The state of one stream. Zero-initialised is the start of a text; set `started` to go on after a
 * prompt, where a leading space is part of the text. Nothing to free. */
struct hn_detokenizer {
    char pending[4]; /* the start of a character whose rest has not come */
    uint8_t n_pending;
    bool started;
};

enum hn_detokenize_flags {
    HN_DETOKENIZE_SPECIAL = 1, /* show control tokens as their text */
};

/* Appends the whole characters that `id` completes; bytes that are no UTF-8 become U+FFFD. HN_E_ARG:
 * no such id. */
enum hn_status hn_detokenize(const struct hn_tokenizer *tokenizer, struct hn_detokenizer *state,
                             int32_t id, unsigned flags, struct hn_buf *out);

/* The end of the stream: an unfinished character becomes one U+FFFD. The state is a fresh start. */
enum hn_status hn_detokenize_finish(struct hn_detokenizer *state, struct hn_buf *out);

#endif
