/* A vocabulary as a plain description: what a GGUF file's metadata or a tokenizer.json says, before
 * anything is built from it. Views point into the file or the caller's arena; hn_tokenizer_create
 * copies what it keeps. */
#ifndef HN_TEXT_VOCAB_H
#define HN_TEXT_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "text/normalize.h"
#include "text/pretokenize.h"

enum hn_vocab_kind {
    HN_VOCAB_SPM, /* SentencePiece BPE: merges by score, U+2581 for spaces, byte fallback */
    HN_VOCAB_BPE, /* merges by rank; over bytes (GPT-2 style) unless `characters` is set */
    HN_VOCAB_WPM, /* WordPiece; pieces that start a word carry U+2581 in front */
    HN_VOCAB_UGM, /* SentencePiece Unigram: the most probable segmentation */
};

/* The values are GGUF's tokenizer.ggml.token_type. */
enum hn_token_type {
    HN_TOKEN_NORMAL = 1,
    HN_TOKEN_UNKNOWN = 2,
    HN_TOKEN_CONTROL = 3,
    HN_TOKEN_USER_DEFINED = 4,
    HN_TOKEN_UNUSED = 5,
    HN_TOKEN_BYTE = 6,
};

/* How a special token behaves next to text. */
enum hn_token_attr {
    HN_TOKEN_LSTRIP = 1,      /* swallows white space on its left */
    HN_TOKEN_RSTRIP = 2,      /* swallows white space on its right */
    HN_TOKEN_SINGLE_WORD = 4, /* matches only between non-word characters */
};

/* Limits on what a file may claim. */
enum {
    HN_VOCAB_MAX_TOKENS = 1 << 24,
    HN_VOCAB_MAX_MERGES = 1 << 24,
    HN_VOCAB_MAX_TEXT = 1 << 16, /* bytes of one token */
    HN_VOCAB_MAX_FRAME = 8,      /* tokens put before or after a text */
};

/* "As the kind of vocabulary and its pre-tokenizer imply", for the three-valued switches. */
enum { HN_VOCAB_DEFAULT = -1 };

struct hn_vocab_spec {
    enum hn_vocab_kind kind;
    /* Name of the pre-tokenizer of a BPE vocabulary ("gpt-2", "llama-bpe", ...); empty means
     * "default". An unknown name is an error. Ignored when `stages` is given. */
    struct hn_str pre;

    size_t n;
    const struct hn_str *texts; /* n; an empty text is a hole that never matches */
    const float *scores;        /* n or NULL (all 0) */
    const uint8_t *types;       /* n of hn_token_type or NULL (all normal) */
    const uint8_t *attrs;       /* n sets of hn_token_attr or NULL */

    size_t n_merges;
    const struct hn_str *merges;       /* "left right", the earliest first; or ... */
    const struct hn_str *merge_rights; /* ... when not NULL: merges[i] is left, this is right */

    /* Ids of special tokens; -1 when there is none. */
    int32_t bos, eos, eot, unk, sep, pad, cls, mask;

    /* Three-valued: 0, 1 or HN_VOCAB_DEFAULT. */
    int8_t add_bos, add_eos, add_sep;
    int8_t add_space_prefix;
    int8_t ignore_merges; /* a word that is a token as a whole is not built from merges */
    int8_t lowercase;     /* WPM; by default on */
    int8_t strip_accents; /* WPM; by default as `lowercase` */

    bool remove_extra_whitespaces;   /* UGM */
    bool treat_whitespace_as_suffix; /* UGM */
    bool characters;        /* BPE over characters with U+2581 for spaces, not over bytes */
    bool fuse_unk;          /* a run of unknown characters is one unknown token */
    struct hn_str charsmap; /* UGM: sentencepiece's compiled normalisation, or empty */

    /* From tokenizer.json: these replace what kind and `pre` would imply. */
    bool has_pipeline;
    size_t n_normals;
    const struct hn_normal *normals;
    size_t n_stages;
    const struct hn_pretok_stage *stages;
    bool has_frame; /* head and tail replace add_bos, add_eos, add_sep */
    size_t n_head, n_tail;
    int32_t head[HN_VOCAB_MAX_FRAME], tail[HN_VOCAB_MAX_FRAME];
    bool has_middle; /* what stands between two texts, else it follows from the kind */
    size_t n_middle;
    int32_t middle[HN_VOCAB_MAX_FRAME];
    bool two_types; /* with has_middle: the second of a pair is of another type than the first */
};

/* A description with no tokens, no special ids, and every three-valued switch at its default. */
struct hn_vocab_spec hn_vocab_spec_init(enum hn_vocab_kind kind);

#endif
