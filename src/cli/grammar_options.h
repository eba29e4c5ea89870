/* The options that give the form of an answer. */
#ifndef HN_CLI_GRAMMAR_OPTIONS_H
#define HN_CLI_GRAMMAR_OPTIONS_H

#include "cli/options.h"
#include "text/grammar.h"

enum { HN_GRAMMAR_ITEMS = 3 };

struct hn_grammar_options {
    const char *gbnf;   /* a file */
    const char *schema; /* a file, or the schema itself */
    const char *regex;  /* the expression */
};

extern const struct hn_opt hn_grammar_items[HN_GRAMMAR_ITEMS];

/* How many of them are given. */
int hn_grammar_options_count(const struct hn_grammar_options *options);

/* The grammar that they ask for, the caller's to release; NULL when there is none. */
enum hn_status hn_grammar_options_compile(const struct hn_grammar_options *options,
                                          struct hn_grammar **out, struct hn_error *err);

#endif
