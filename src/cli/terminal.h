/* Terminals: whether one is there, how wide it is, whether it wants colours. */
#ifndef HN_CLI_TERMINAL_H
#define HN_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

bool hn_terminal_is(FILE *f);

/* Columns of the terminal behind standard error; 80 when that is not known. */
size_t hn_terminal_width(void);

/* What to print around words on `f`: escape sequences on a terminal with colours (not TERM=dumb, not
 * with NO_COLOR set), else empty texts. */
struct hn_style {
    const char *bold, *dim, *good, *bad, *plain;
};

struct hn_style hn_terminal_style(FILE *f);

#endif
