/* Normalisation of text before it is cut and merged: a list of steps, each from text to text. */
#ifndef HN_TEXT_NORMALIZE_H
#define HN_TEXT_NORMALIZE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum hn_normal_kind {
    HN_NORMAL_NFC,
    HN_NORMAL_NFD,
    HN_NORMAL_NFKC,
    HN_NORMAL_NFKD,
    HN_NORMAL_LOWERCASE,
    HN_NORMAL_STRIP_ACCENTS,  /* drops non-spacing marks (Mn) */
    HN_NORMAL_CLEAN,          /* BERT: drops controls, white space becomes U+0020 */
    HN_NORMAL_SPACE_CJK,      /* BERT: a space on both sides of every CJK ideograph */
    HN_NORMAL_REPLACE,        /* `from` by `to` */
    HN_NORMAL_REPLACE_REGEX,  /* matches of the expression `from` by `to` */
    HN_NORMAL_PREPEND,        /* `to` before a text that is not empty */
    HN_NORMAL_PREPEND_UNLESS, /* the same, unless the text starts with it */
    HN_NORMAL_PREPEND_FIRST,  /* the same, and only at the very start of the input */
    HN_NORMAL_APPEND,         /* `to` after a text that is not empty */
    HN_NORMAL_STRIP_LEFT,     /* drops white space at the start */
    HN_NORMAL_STRIP_RIGHT,    /* drops white space at the end */
    HN_NORMAL_SQUEEZE,        /* spaces (U+0020): runs become one, none at the start and the end */
    HN_NORMAL_CHARSMAP,       /* `from` is sentencepiece's compiled map (precompiled_charsmap) */
};

struct hn_normal {
    enum hn_normal_kind kind;
    struct hn_str from, to;
};

enum { HN_NORMAL_MAX_STEPS = 32 };

/* Immutable once made; shared between threads. */
struct hn_normalizer;

/* Copies the steps' texts. */
enum hn_status hn_normalizer_create(const struct hn_normal *steps, size_t n,
                                    struct hn_normalizer **out, struct hn_error *err);
void hn_normalizer_destroy(struct hn_normalizer *normalizer);

/* Two buffers that the steps write in turn. Zero-initialised is empty. */
struct hn_normal_scratch {
    struct hn_buf buffers[2];
};
void hn_normal_scratch_free(struct hn_normal_scratch *scratch);

/* Runs the steps over `text` (valid UTF-8). *out is a view of the text or of the scratch, valid until
 * the scratch is used again; it is valid UTF-8. `first`: the text is the start of the input. */
enum hn_status hn_normalize(const struct hn_normalizer *normalizer, struct hn_str text, bool first,
                            struct hn_normal_scratch *scratch, struct hn_str *out,
                            struct hn_error *err);

#endif
