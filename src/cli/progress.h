/* A progress bar on standard error, when that is a terminal. */
#ifndef HN_CLI_PROGRESS_H
#define HN_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct hn_bar {
    const char *what; /* "loading" */
    size_t total;
    uint64_t start, shown; /* times; shown is 0 while nothing is on the screen */
    bool terminal;
};

struct hn_bar hn_bar_start(const char *what, size_t total);

/* Redraws at most ten times a second, and not at all for work that is over in a moment. `detail` may
 * be empty. */
void hn_bar_step(struct hn_bar *bar, size_t done, struct hn_str detail);

/* Wipes the line. */
void hn_bar_end(struct hn_bar *bar);

#endif
