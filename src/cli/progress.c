#include "cli/progress.h"

#include <stdio.h>

#include "base/bits.h"
#include "base/clock.h"
#include "cli/show.h"
#include "cli/terminal.h"

enum { CELLS = 30 };
static const uint64_t tick = 100000000u, patience = 300000000u; /* nanoseconds */

struct hn_bar hn_bar_start(const char *what, size_t total)
{
    return (struct hn_bar){what, total, hn_clock_ns(), 0, hn_terminal_is(stderr)};
}

void hn_bar_step(struct hn_bar *bar, size_t done, struct hn_str detail)
{
    const uint64_t now = hn_clock_ns();
    if (!bar->terminal || now - bar->start < patience || now - bar->shown < tick) return;
    const double share = bar->total ? (double)hn_min(done, bar->total) / (double)bar->total : 1;
    const double spent = hn_clock_seconds(bar->start, now);
    char cells[CELLS + 1], left[HN_SHOW_BYTES] = "";
    for (size_t i = 0; i < CELLS; i++)
        cells[i] = (double)i < share * CELLS ? '#' : '.';
    cells[CELLS] = '\0';
    if (share > 0.02) hn_show_seconds(left, spent / share - spent);
    fprintf(stderr, "\r\033[K%s [%s] %3.0f%%", bar->what, cells, share * 100);
    size_t used = strlen(bar->what) + CELLS + 8;
    if (*left) {
        fprintf(stderr, ", %s left", left);
        used += strlen(left) + 7;
    }
    const size_t width = hn_terminal_width();
    /* A line that wraps could not be wiped. */
    if (detail.n && used + 3 < width)
        fprintf(stderr, "  %.*s", (int)hn_min(detail.n, width - used - 3), detail.p);
    fflush(stderr);
    bar->shown = now;
}

void hn_bar_end(struct hn_bar *bar)
{
    if (bar->shown) fputs("\r\033[K", stderr);
    bar->shown = 0;
}
