/* Text for a terminal, as it comes: broken between words, without what would do something to it. */
#ifndef HN_CLI_WRAP_H
#define HN_CLI_WRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/str.h"

/* Begin with {.f = ..., .width = columns}. */
struct hn_wrap {
    FILE *f;
    size_t width;
    size_t column; /* where the next character goes */
    size_t blanks; /* that came after it and are not written yet */
    char word[512];
    size_t n, columns; /* of the word that is not written yet: its bytes, and how wide it is */
};

/* Takes whole characters. A word is written when it is complete; control characters but tabs and
 * newlines are left out. False when the stream cannot be written. */
bool hn_wrap_text(struct hn_wrap *wrap, struct hn_str text);

/* Writes what is held back. */
bool hn_wrap_end(struct hn_wrap *wrap);

#endif
