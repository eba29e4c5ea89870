#include "cli/show.h"

#include "base/bits.h"
#include "text/utf8.h"

/* Three digits that count, and a unit. */
static const char *scaled(char out[HN_SHOW_BYTES], double x, const char *const *units, size_t n)
{
    size_t i = 0;
    while (x >= 999.5 && i + 1 < n) {
        x /= 1000;
        i++;
    }
    const int decimals = i == 0 || x >= 99.95 ? 0 : x >= 9.995 ? 1 : 2;
    snprintf(out, HN_SHOW_BYTES, "%.*f%s", decimals, x, units[i]);
    return out;
}

const char *hn_show_size(char out[HN_SHOW_BYTES], double bytes)
{
    static const char *const units[] = {" B", " kB", " MB", " GB", " TB"};
    return scaled(out, bytes, units, HN_COUNT(units));
}

const char *hn_show_count(char out[HN_SHOW_BYTES], double n)
{
    static const char *const units[] = {"", " K", " M", " B", " T"};
    return scaled(out, n, units, HN_COUNT(units));
}

const char *hn_show_seconds(char out[HN_SHOW_BYTES], double seconds)
{
    if (seconds < 0.9995) snprintf(out, HN_SHOW_BYTES, "%.3g ms", seconds * 1e3);
    else if (seconds < 59.95) snprintf(out, HN_SHOW_BYTES, "%.1f s", seconds);
    else if (seconds < 360000)
        snprintf(out, HN_SHOW_BYTES, "%ld:%02ld", (long)(seconds + 0.5) / 60,
                 (long)(seconds + 0.5) % 60);
    else snprintf(out, HN_SHOW_BYTES, "days");
    return out;
}

/* C0, DEL and C1; marks that turn the direction of what follows. */
bool hn_show_is_control(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7F && cp < 0xA0) || (cp >= 0x202A && cp <= 0x202E) ||
           (cp >= 0x2066 && cp <= 0x2069);
}

void hn_show_quoted(FILE *f, struct hn_str s, size_t limit)
{
    putc('"', f);
    for (size_t i = 0; i < s.n;) {
        uint32_t cp;
        const size_t n = hn_utf8_decode(s.p + i, s.n - i, &cp);
        const unsigned char first = (unsigned char)s.p[i];
        if (i + hn_max(n, 1) > limit) {
            fputs("\"...", f);
            return;
        }
        if (first == '\n') fputs("\\n", f);
        else if (first == '\t') fputs("\\t", f);
        else if (first == '\r') fputs("\\r", f);
        else if (first == '"' || first == '\\') fprintf(f, "\\%c", first);
        else if (n == 0 || hn_show_is_control(cp))
            for (size_t j = 0; j < hn_max(n, 1); j++)
                fprintf(f, "\\x%02X", (unsigned char)s.p[i + j]);
        else fwrite(s.p + i, 1, n, f);
        i += hn_max(n, 1);
    }
    putc('"', f);
}
