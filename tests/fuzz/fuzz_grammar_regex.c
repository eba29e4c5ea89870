#include "fuzz.h"

#include "following.h"
#include "text/grammar.h"

void fuzz_one(const uint8_t *data, size_t n)
{
    struct hn_grammar *grammar;
    struct hn_error err;
    const struct hn_str source = {(const char *)data, n};
    if (hn_grammar_regex(source, &grammar, &err) >= 0) fuzz_follow(grammar, source);
}
