#include "cli/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool hn_terminal_is(FILE *f)
{
    return isatty(fileno(f)) == 1;
}

size_t hn_terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return 80;
    return size.ws_col;
}

struct hn_style hn_terminal_style(FILE *f)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    if (!hn_terminal_is(f) || (no_color && *no_color) || !term || strcmp(term, "dumb") == 0)
        return (struct hn_style){"", "", "", "", ""};
    return (struct hn_style){"\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m"};
}
