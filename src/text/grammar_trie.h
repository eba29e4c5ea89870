/* The tokens of a vocabulary by their bytes: a tree whose walks meet each common beginning once. */
#ifndef HN_TEXT_GRAMMAR_TRIE_H
#define HN_TEXT_GRAMMAR_TRIE_H

#include "text/tokenizer.h"

/* Longer tokens are never part of a text that follows a grammar. */
enum { HN_TRIE_MAX_TOKEN = 512 };

/* Control tokens are letters of their own: this byte, which no text has, and then what they are called.
 * Only grammars that are made here speak of them: others accept UTF-8 alone. */
#define HN_CONTROL_MARK "\xFF"

/* The bytes that a token counts as within a grammar, perhaps in `room`; none: it never comes. */
struct hn_str hn_trie_bytes(const struct hn_tokenizer *tokenizer, int32_t id,
                            char room[HN_TRIE_MAX_TOKEN]);

/* A node's children follow it; its subtree ends before `end`. */
struct hn_trie_node {
    uint32_t end : 24;
    uint32_t byte : 8; /* that leads here */
    int32_t token;     /* one that ends here; -1: none */
};

/* Node 0 is the root. */
struct hn_trie {
    struct hn_trie_node *nodes;
    uint32_t n;
    uint32_t depth; /* bytes of the longest token */
};

/* Tokens of at least `least` and at most `most` bytes (hn_trie_bytes). `same` [size of the
 * vocabulary] gets, for each of them, the next token with the same bytes, or -1. HN_E_LIMIT: more than
 * 2^24 nodes. */
enum hn_status hn_trie_build(struct hn_trie *trie, const struct hn_tokenizer *tokenizer,
                             size_t least, size_t most, int32_t *same, struct hn_error *err);
void hn_trie_free(struct hn_trie *trie);

#endif
