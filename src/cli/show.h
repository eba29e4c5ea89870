/* Numbers and texts as people read them. */
#ifndef HN_CLI_SHOW_H
#define HN_CLI_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/str.h"

enum { HN_SHOW_BYTES = 32 };

/* Each writes into `out` and returns it. */
const char *hn_show_size(char out[HN_SHOW_BYTES], double bytes); /* "1.18 MB", powers of 1000 */
const char *hn_show_count(char out[HN_SHOW_BYTES], double n);    /* "260 K", "1.10 B" */
const char *hn_show_seconds(char out[HN_SHOW_BYTES], double seconds); /* "12 ms", "3.2 s", "2:05" */

/* Prints `s` in double quotes; control characters, quotes and bytes that are no UTF-8 are escaped, so
 * that texts of strangers do nothing to a terminal. At most `limit` bytes of it are shown. */
void hn_show_quoted(FILE *f, struct hn_str s, size_t limit);

/* Whether a character does something to a terminal instead of standing there. */
bool hn_show_is_control(uint32_t cp);

#endif
