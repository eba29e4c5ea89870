#include "text/charclass.h"

#include <utf8proc.h>

enum {
    A = HN_CHAR_LETTER | HN_CHAR_WORD,
    U = A | HN_CHAR_UPPER,
    L = A | HN_CHAR_LOWER,
    M = HN_CHAR_MARK | HN_CHAR_WORD,
    N = HN_CHAR_NUMBER | HN_CHAR_WORD,
    D = N | HN_CHAR_DIGIT,
    P = HN_CHAR_PUNCT,
    J = P | HN_CHAR_WORD,
    S = HN_CHAR_SYMBOL,
    C = HN_CHAR_OTHER,
    W = HN_CHAR_SPACE,
};

const uint16_t hn_charclass_ascii[128] =
    {
        [0 ... 8] = C,     [9 ... 13] = W | C, [14 ... 31] = C,   [' '] = W,
        ['!' ... '#'] = P, ['$'] = S,          ['%' ... '*'] = P, ['+'] = S,
        [',' ... '/'] = P, ['0' ... '9'] = D,  [':' ... ';'] = P, ['<' ... '>'] = S,
        ['?' ... '@'] = P, ['A' ... 'Z'] = U,  ['[' ... ']'] = P, ['^'] = S,
        ['_'] = J,         ['`'] = S,          ['a' ... 'z'] = L, ['{'] = P,
        ['|'] = S,         ['}'] = P,          ['~'] = S,         [127] = C,
};

static const uint16_t of_category[] = {
    [UTF8PROC_CATEGORY_CN] = 0,
    [UTF8PROC_CATEGORY_LU] = U,
    [UTF8PROC_CATEGORY_LL] = L,
    [UTF8PROC_CATEGORY_LT] = U,
    [UTF8PROC_CATEGORY_LM] = A,
    [UTF8PROC_CATEGORY_LO] = A,
    [UTF8PROC_CATEGORY_MN] = M | HN_CHAR_MN,
    [UTF8PROC_CATEGORY_MC] = M,
    [UTF8PROC_CATEGORY_ME] = M,
    [UTF8PROC_CATEGORY_ND] = D,
    [UTF8PROC_CATEGORY_NL] = N,
    [UTF8PROC_CATEGORY_NO] = N,
    [UTF8PROC_CATEGORY_PC] = J,
    [UTF8PROC_CATEGORY_PD] = P,
    [UTF8PROC_CATEGORY_PS] = P,
    [UTF8PROC_CATEGORY_PE] = P,
    [UTF8PROC_CATEGORY_PI] = P,
    [UTF8PROC_CATEGORY_PF] = P,
    [UTF8PROC_CATEGORY_PO] = P,
    [UTF8PROC_CATEGORY_SM] = S,
    [UTF8PROC_CATEGORY_SC] = S,
    [UTF8PROC_CATEGORY_SK] = S,
    [UTF8PROC_CATEGORY_SO] = S,
    [UTF8PROC_CATEGORY_ZS] = W,
    [UTF8PROC_CATEGORY_ZL] = W,
    [UTF8PROC_CATEGORY_ZP] = W,
    [UTF8PROC_CATEGORY_CC] = C,
    [UTF8PROC_CATEGORY_CF] = C,
    [UTF8PROC_CATEGORY_CS] = C,
    [UTF8PROC_CATEGORY_CO] = C,
};

uint16_t hn_charclass_of(uint32_t cp)
{
    if (cp < 128) return hn_charclass_ascii[cp];
    if (cp == 0x85) return W | C; /* NEL is white space though its category is Cc */
    return of_category[utf8proc_category((utf8proc_int32_t)cp)];
}
