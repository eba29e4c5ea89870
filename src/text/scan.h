/* Hand-written equivalents of the regular expressions that most vocabularies cut text with. They are
 * found by the expression's own text, so a file that carries its expression gets them too. */
#ifndef HN_TEXT_SCAN_H
#define HN_TEXT_SCAN_H

#include <stddef.h>

#include "base/str.h"

/* End of the match that starts at `at` < n in the valid UTF-8 text p[0..n); always > at: these
 * expressions match at every position. */
typedef size_t (*hn_scan_fn)(const unsigned char *p, size_t n, size_t at);

/* NULL when the expression has no scanner. */
hn_scan_fn hn_scan_find(struct hn_str pattern);

/* The expressions, as the models' own files write them (without JSON's escapes). */
#define HN_RE_ENGLISH_SUFFIXES "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define HN_RE_GPT2_TAIL        " ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)"
#define HN_RE_GPT2             "'s|'t|'re|'ve|'m|'ll|'d|" HN_RE_GPT2_TAIL "|\\s+"
#define HN_RE_SPACES           "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define HN_RE_LLAMA3_(digits)                                                                      \
    HN_RE_ENGLISH_SUFFIXES "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits                                \
                           "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" HN_RE_SPACES
#define HN_RE_LLAMA3 HN_RE_LLAMA3_("\\p{N}{1,3}")
#define HN_RE_QWEN2  HN_RE_LLAMA3_("\\p{N}")
#define HN_RE_QWEN35                                                                               \
    HN_RE_ENGLISH_SUFFIXES "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}"                         \
                           "| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" HN_RE_SPACES
#define HN_RE_CASED_(suffixes, digits)                                                             \
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*"                                  \
    "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+" suffixes "|[^\\r\\n\\p{L}\\p{N}]?"                            \
    "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*" suffixes "|" digits      \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" HN_RE_SPACES
#define HN_RE_GPT4O  HN_RE_CASED_(HN_RE_ENGLISH_SUFFIXES "?", "\\p{N}{1,3}")
#define HN_RE_TEKKEN HN_RE_CASED_("", "\\p{N}")

#endif
