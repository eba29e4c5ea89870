/* Grammars that an answer has to follow, from three notations to one compiled form over bytes.
 *
 * A compiled grammar is a set of rules, each a deterministic automaton whose arcs are ranges of bytes
 * or calls of rules. It is immutable and counted, so that threads can share it. What follows it, one
 * token at a time, is a matcher (text/grammar_mask.h).
 *
 * Sources come from strangers: their size, nesting, states and the work of compiling them are bounded,
 * and what exceeds a bound is HN_E_LIMIT. Whatever a grammar accepts is valid UTF-8. */
#ifndef HN_TEXT_GRAMMAR_H
#define HN_TEXT_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"

enum {
    HN_GRAMMAR_MAX_SOURCE = 1 << 20, /* bytes */
    HN_GRAMMAR_MAX_DEPTH = 200,      /* of nested groups or schemas */
    HN_GRAMMAR_MAX_STATES = 1 << 18, /* of all automata together */
};

struct hn_grammar;

/* llama.cpp's notation (GBNF): rules `name ::= ...`, the first text comes from `root`. HN_E_FORMAT with
 * the line; HN_E_UNSUPPORTED: a rule that calls itself before it has read anything (left recursion), or
 * arcs that are tokens, not text. */
enum hn_status hn_grammar_gbnf(struct hn_str source, struct hn_grammar **out, struct hn_error *err);

/* A regular expression that the whole answer matches, `^` and `$` around it or not. Understood are
 * literals, escapes, `.`, classes, \d \w \s \p{L} (general categories), groups, `|`, `* + ? {m,n}`,
 * lazy ones too. Look-around, back references, word boundaries and flags are HN_E_UNSUPPORTED, by
 * name. */
enum hn_status hn_grammar_regex(struct hn_str pattern, struct hn_grammar **out,
                                struct hn_error *err);

/* Values of a JSON schema (draft 2020-12). Properties come in the order of the schema; one that is not
 * required may be left out; others come only where additionalProperties or patternProperties says so, or
 * none are named at all. Without a type, keywords that speak of some kind of value imply it. Strings
 * under a pattern or format are written with no more escapes than they need, numbers with a bounded
 * number of digits, and between values stands nothing, a space, or a line's end and its indentation.
 *
 * What is accepted satisfies the schema. A keyword that cannot be kept is HN_E_UNSUPPORTED, with its
 * place; so is one that is not known, but for annotations and names that begin with "x-". oneOf is taken
 * where its alternatives exclude each other by type, by constants or by bounds. */
enum hn_status hn_grammar_json_schema(const json_t *schema, struct hn_grammar **out,
                                      struct hn_error *err);

/* Any object of JSON. */
enum hn_status hn_grammar_json_object(struct hn_grammar **out, struct hn_error *err);

/* Takes and gives back a reference, from any thread. NULL is fine to release. */
struct hn_grammar *hn_grammar_retain(struct hn_grammar *grammar);
void hn_grammar_release(struct hn_grammar *grammar);

/* Whether both accept the same texts by the same automata. */
bool hn_grammar_same(const struct hn_grammar *a, const struct hn_grammar *b);

/* States of all automata: what a grammar weighs, about 40 bytes each. */
size_t hn_grammar_states(const struct hn_grammar *grammar);

#endif
