/* What the fuzz targets of vocabularies do with a tokenizer that was built. */
#ifndef HN_TESTS_TOKENIZING_H
#define HN_TESTS_TOKENIZING_H

#include "text/tokenizer.h"

/* Tokenizes the text under every set of flags and puts it together again: ids exist, the same text
 * gives the same ids, what comes back is valid UTF-8. */
void fuzz_tokenizing(const struct hn_tokenizer *tokenizer, struct hn_str text);

#endif
