/* Tokenizers: text to token ids. */
#ifndef HN_TEXT_TOKENIZER_H
#define HN_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "text/vocab.h"

struct hn_tokenizer; /* immutable after creation, shared between threads */

/* Checks everything the description claims and copies what it needs. */
enum hn_status hn_tokenizer_create(const struct hn_vocab_spec *spec, struct hn_tokenizer **out,
                                   struct hn_error *err);
void hn_tokenizer_destroy(struct hn_tokenizer *tokenizer);

/* A growable list of ids. Zero-initialised is empty. Growing past `limit` (0 = none) is
 * HN_E_LIMIT. */
struct hn_tokens {
    int32_t *ids;
    size_t n;
    size_t cap;
    size_t limit;
};

enum hn_status hn_tokens_add(struct hn_tokens *tokens, int32_t id);
void hn_tokens_free(struct hn_tokens *tokens);

enum hn_tokenize_flags {
    HN_TOKENIZE_ADD_SPECIAL = 1,   /* put the tokens around the text that the model wants there */
    HN_TOKENIZE_PARSE_SPECIAL = 2, /* the text of a control token becomes that token */
};

enum { HN_TOKENIZE_MAX_BYTES = 1 << 30 };

/* Appends the ids of `text`. User-defined tokens are always recognised, control tokens only with
 * HN_TOKENIZE_PARSE_SPECIAL: text from outside must not be able to forge them. Bytes that are no valid
 * UTF-8 count as U+FFFD, each. On failure `out` may hold a part. */
enum hn_status hn_tokenize(const struct hn_tokenizer *tokenizer, struct hn_str text, unsigned flags,
                           struct hn_tokens *out, struct hn_error *err);

/* The tokens that a model wants around a text, and between the two of a pair. Views of the tokenizer. */
struct hn_frame {
    const int32_t *head, *middle, *tail;
    size_t n_head, n_middle, n_tail;
    bool
        two_types; /* the second text of a pair is of another type than the first, as BERT has it */
};
struct hn_frame hn_tokenizer_frame(const struct hn_tokenizer *tokenizer);

/* Number of ids; valid ids are 0 .. size-1. */
size_t hn_tokenizer_size(const struct hn_tokenizer *tokenizer);

/* HN_E_ARG, with the first difference, unless both have the same tokens under the same numbers. */
enum hn_status hn_tokenizer_same(const struct hn_tokenizer *a, const struct hn_tokenizer *b,
                                 struct hn_error *err);
/* The id whose text in the vocabulary is exactly this; -1 when there is none. */
int32_t hn_tokenizer_find(const struct hn_tokenizer *tokenizer, struct hn_str text);
/* The text as the vocabulary has it (byte-encoded, with U+2581); empty for an invalid id. */
struct hn_str hn_tokenizer_text(const struct hn_tokenizer *tokenizer, int32_t id);
/* The bytes the token stands for; empty for an invalid id. A token may be a part of a character. */
struct hn_str hn_tokenizer_piece(const struct hn_tokenizer *tokenizer, int32_t id);
/* Control and unknown tokens: not shown as text unless asked for. */
bool hn_tokenizer_is_control(const struct hn_tokenizer *tokenizer, int32_t id);
/* Tokens that end a generation: eos, eot and the texts models use for the end of a turn. */
bool hn_tokenizer_is_eog(const struct hn_tokenizer *tokenizer, int32_t id);
/* -1 when the vocabulary has none. */
int32_t hn_tokenizer_bos(const struct hn_tokenizer *tokenizer);
int32_t hn_tokenizer_eos(const struct hn_tokenizer *tokenizer);
int32_t hn_tokenizer_eot(const struct hn_tokenizer *tokenizer);
int32_t hn_tokenizer_unk(const struct hn_tokenizer *tokenizer);
/* True when HN_TOKENIZE_ADD_SPECIAL puts bos first. */
bool hn_tokenizer_adds_bos(const struct hn_tokenizer *tokenizer);

#endif
