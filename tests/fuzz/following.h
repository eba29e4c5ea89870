/* What the targets of grammars share. */
#ifndef HN_TESTS_FOLLOWING_H
#define HN_TESTS_FOLLOWING_H

#include "base/str.h"

struct hn_grammar;

/* Follows the grammar, token by token, each chosen among the allowed ones by a byte; stops the program
 * where an allowed token is not accepted, or nothing is allowed. Releases the grammar. */
void fuzz_follow(struct hn_grammar *grammar, struct hn_str bytes);

#endif
