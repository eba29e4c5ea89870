/* Pre-tokenizers: they cut a text into the words that merges never cross. A pre-tokenizer is a list
 * of stages; each cuts the pieces that the one before left, as if each piece were a text alone. */
#ifndef HN_TEXT_PRETOKENIZE_H
#define HN_TEXT_PRETOKENIZE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* What happens to a match; the names and meanings are those of tokenizer.json. */
enum hn_pretok_behaviour {
    HN_PRETOK_ISOLATED,   /* matches and what lies between them are pieces */
    HN_PRETOK_REMOVED,    /* matches vanish */
    HN_PRETOK_PREVIOUS,   /* a match joins the piece before it */
    HN_PRETOK_NEXT,       /* a match joins the piece after it */
    HN_PRETOK_CONTIGUOUS, /* neighbouring matches are one piece */
};

struct hn_pretok_stage {
    enum hn_pretok_behaviour behaviour;
    bool invert;           /* matches and what lies between them swap their roles */
    struct hn_str pattern; /* PCRE2 syntax, UTF and Unicode properties on */
};

enum { HN_PRETOK_MAX_STAGES = 16 };

/* What GGUF files call a pre-tokenizer (tokenizer.ggml.pre). */
struct hn_pretok_preset {
    const char *names; /* separated by spaces */
    bool ignore_merges;
    bool add_bos, add_eos;   /* when the file does not say */
    bool nfc;                /* the model's own tokenizer composes characters first */
    bool insists_on_bos;     /* even where the file says no: such files are mistaken */
    bool characters;         /* merges work on characters, not on bytes */
    bool whole_breaks;       /* a run of line feeds that is a token is not built from merges */
    const char *patterns[8]; /* NULL ends the list */
};

/* NULL when unknown. An empty name is "default". */
const struct hn_pretok_preset *hn_pretok_preset_find(struct hn_str name);

/* Immutable once made; shared between threads. */
struct hn_pretokenizer;

/* Compiles; patterns are copied. HN_E_FORMAT names the pattern that is no regular expression,
 * HN_E_UNSUPPORTED the one that uses what PCRE2 reads differently. */
enum hn_status hn_pretokenizer_create(const struct hn_pretok_stage *stages, size_t n,
                                      struct hn_pretokenizer **out, struct hn_error *err);
void hn_pretokenizer_destroy(struct hn_pretokenizer *pretokenizer);

/* Receives one word; a negative status ends the walk and is returned. */
typedef enum hn_status (*hn_pretok_emit)(void *context, struct hn_str word);

/* Cuts `text` (valid UTF-8) and hands the words over in order. No stages: the text is one word. */
enum hn_status hn_pretokenize(const struct hn_pretokenizer *pretokenizer, struct hn_str text,
                              hn_pretok_emit emit, void *context, struct hn_error *err);

#endif
