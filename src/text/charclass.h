/* The Unicode classes that pre-tokenizers are written in. */
#ifndef HN_TEXT_CHARCLASS_H
#define HN_TEXT_CHARCLASS_H

#include <stdint.h>

#include "text/utf8.h"

enum hn_charclass {
    HN_CHAR_LETTER = 1 << 0, /* L */
    HN_CHAR_UPPER = 1 << 1,  /* Lu, Lt */
    HN_CHAR_LOWER = 1 << 2,  /* Ll */
    HN_CHAR_MARK = 1 << 3,   /* M */
    HN_CHAR_NUMBER = 1 << 4, /* N */
    HN_CHAR_SPACE = 1 << 5,  /* White_Space: \s of the tokenizers' regex engines */
    HN_CHAR_PUNCT = 1 << 6,  /* P */
    HN_CHAR_SYMBOL = 1 << 7, /* S */
    HN_CHAR_OTHER = 1 << 8,  /* Cc, Cf, Co (not Cn: emoji newer than the tables are no controls) */
    HN_CHAR_MN = 1 << 9,     /* Mn: what accent stripping removes */
    HN_CHAR_DIGIT = 1 << 10, /* Nd: \d */
    HN_CHAR_WORD = 1 << 11,  /* L, M, N, Pc: \w of the tokenizers' regex engines */
};

extern const uint16_t hn_charclass_ascii[128];

/* Classes of any code point. */
uint16_t hn_charclass_of(uint32_t cp);

/* Classes of the character at p, in valid text; *length gets its bytes. */
static inline uint16_t hn_charclass_at(const unsigned char *p, size_t *length)
{
    if (*p < 0x80) {
        *length = 1;
        return hn_charclass_ascii[*p];
    }
    return hn_charclass_of(hn_utf8_peek(p, length));
}

#endif
