#include "cli/wrap.h"

#include <utf8proc.h>

#include "base/bits.h"
#include "cli/show.h"
#include "text/utf8.h"

static void write_word(struct hn_wrap *wrap)
{
    if (!wrap->n) return;
    if (wrap->column && wrap->column + wrap->blanks + wrap->columns > wrap->width) {
        putc('\n', wrap->f);
        wrap->column = wrap->blanks = 0;
    }
    fprintf(wrap->f, "%*s%.*s", (int)wrap->blanks, "", (int)wrap->n, wrap->word);
    wrap->column += wrap->blanks + wrap->columns;
    wrap->blanks = wrap->n = wrap->columns = 0;
}

static void add(struct hn_wrap *wrap, uint32_t cp, const char *p, size_t n)
{
    const size_t columns = (size_t)utf8proc_charwidth((utf8proc_int32_t)cp);
    /* What is wider than the terminal has to be broken somewhere. */
    if (wrap->n + n > sizeof wrap->word || (columns && wrap->columns + columns > wrap->width))
        write_word(wrap);
    memcpy(wrap->word + wrap->n, p, n);
    wrap->n += n;
    wrap->columns += columns;
    if (columns == 2) write_word(wrap); /* scripts that have no blanks between words */
}

bool hn_wrap_text(struct hn_wrap *wrap, struct hn_str text)
{
    for (size_t i = 0, n; i < text.n; i += hn_max(n, 1)) {
        uint32_t cp;
        n = hn_utf8_decode(text.p + i, text.n - i, &cp);
        if (n && cp == '\n') {
            write_word(wrap);
            putc('\n', wrap->f);
            wrap->column = wrap->blanks = 0;
        } else if (n && (cp == ' ' || cp == '\t')) {
            write_word(wrap);
            const size_t at = wrap->column + wrap->blanks;
            wrap->blanks += cp == '\t' ? 8 - at % 8 : 1;
        } else if (n && !hn_show_is_control(cp)) {
            add(wrap, cp, text.p + i, n);
        }
    }
    return !ferror(wrap->f);
}

bool hn_wrap_end(struct hn_wrap *wrap)
{
    write_word(wrap);
    return !ferror(wrap->f);
}
