/* Following a grammar token by token: which tokens may come next, as a set of bits.
 *
 * A masker belongs to one vocabulary and remembers what it found out, for all grammars and texts: the
 * tokens that a state of a rule allows whatever called the rule, and the beginnings of tokens with
 * which the rule ends, whose rest depends on the caller (Dong et al., "XGrammar", 2024). Its memory is
 * bounded; when it is full, everything is found out anew. A masker belongs to one thread; so does a
 * matcher, from when it is first used with it. */
#ifndef HN_TEXT_GRAMMAR_MASK_H
#define HN_TEXT_GRAMMAR_MASK_H

#include "text/grammar.h"
#include "text/tokenizer.h"

struct hn_masker;  /* of a vocabulary */
struct hn_matcher; /* of a text */

enum {
    HN_MASKER_MEMORY = 32 << 20
}; /* bytes, what is usual: taken from the system as they are used */

/* The tokenizer must outlive it. Takes some tens of milliseconds for 100,000 tokens. */
enum hn_status hn_masker_create(const struct hn_tokenizer *tokenizer, size_t memory,
                                struct hn_masker **out, struct hn_error *err);
/* NULL is fine. */
void hn_masker_destroy(struct hn_masker *masker);

/* A matcher at the start of a text, from any thread. The grammar is retained. Nothing is allocated
 * later. */
enum hn_status hn_matcher_create(struct hn_grammar *grammar, struct hn_matcher **out,
                                 struct hn_error *err);
void hn_matcher_destroy(struct hn_matcher *matcher);

enum {
    HN_TRIGGER_MAX = 64,  /* bytes of a text */
    HN_TRIGGER_TEXTS = 2, /* that may stand for each other; fewer end with an empty one */
};

/* What a grammar waits for. */
struct hn_trigger_spec {
    struct hn_str texts[HN_TRIGGER_TEXTS]; /* the first that comes */
    /* How many bytes at the end of a text are the grammar's first. */
    size_t within[HN_TRIGGER_TEXTS];
    /* A part of the answer in which they do not count: what begins it, and what ends it. Both empty: there
     * is none. */
    struct hn_str skip_begin, skip_ends[HN_TRIGGER_TEXTS];
    bool
        skip_anywhere; /* it may begin at any place; otherwise only where nothing but white space or other
                           such parts came before */
    bool skipping; /* the answer begins within such a part */
};

/* Has the grammar begin only behind the first place where the trigger has been generated. Before, anything
 * may come and the text may end; control tokens count as their text. A token that holds the end of the
 * trigger and goes on may come where the grammar allows its rest. Once, before the first use, from any
 * thread. HN_E_ARG: one of the texts is empty or too long. */
enum hn_status hn_matcher_await(struct hn_matcher *matcher, const struct hn_tokenizer *tokenizer,
                                const struct hn_trigger_spec *spec, struct hn_error *err);

/* The tokens that may come next, 32 to a word, the lowest bit of the first word for token 0: as many
 * words as the vocabulary takes, valid until the masker is used again; NULL: all of them. Those that end a
 * generation come exactly when the text may end (or has), other control tokens where the grammar names
 * them (text/answer_grammar.h) and before a trigger. HN_E_LIMIT: the grammar is so ambiguous
 * here, or has been on average, that the masker's memory or patience does not suffice. */
enum hn_status hn_matcher_mask(struct hn_matcher *matcher, struct hn_masker *masker,
                               const uint32_t **allowed, struct hn_error *err);

/* The next token. HN_E_ARG: it may not come; HN_E_LIMIT: it may, but the text is then nested more than
 * about a thousand levels deep. In both cases nothing has changed. */
enum hn_status hn_matcher_accept(struct hn_matcher *matcher, struct hn_masker *masker, int32_t id,
                                 struct hn_error *err);

/* The same for bytes: returns how many, of those from the first on, may come, and goes past them. */
size_t hn_matcher_read(struct hn_matcher *matcher, struct hn_masker *masker, struct hn_str bytes);

/* Whether the text may end here. */
bool hn_matcher_may_end(const struct hn_matcher *matcher);

/* Puts `to`, of the same grammar, where `from` is in the text. */
void hn_matcher_copy(struct hn_matcher *to, const struct hn_matcher *from);

#endif
