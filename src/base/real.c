#include "base/real.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* The exponent of ten of the first digit. */
static int exponent_of(double x)
{
    int e = 0;
    while (x >= powers[e + 1])
        e++;
    while (x < 1 && x * powers[-e] < 1)
        e--;
    return e;
}

/* Whether whole / 10^point, read by anybody, is x. Both are exact, so that the division rounds once, as
 * reading does; a float must lie well inside what rounds to it, lest it be rounded twice. */
static bool gives_back(uint64_t whole, int point, double x, bool single)
{
    const double value =
        point >= 0 ? (double)whole / powers[point] : (double)whole * powers[-point];
    if (!single) return !(value < x) && !(value > x);
    const float f = (float)x;
    return fabs(value - x) < 0.49999 * (double)(f - nextafterf(f, 0));
}

/* whole / 10^point, without zeros at its end. */
static size_t write_plain(uint64_t whole, int point, bool negative, char *out)
{
    char digits[24];
    int n = 0;
    for (; point > 0 && whole % 10 == 0; point--)
        whole /= 10;
    for (; whole || n <= point; whole /= 10)
        digits[n++] = (char)('0' + whole % 10);
    char *p = out;
    if (negative) *p++ = '-';
    while (n-- > 0) {
        *p++ = digits[n];
        if (n == point && point > 0) *p++ = '.';
    }
    *p = '\0';
    return (size_t)(p - out);
}

/* The usual sizes, by arithmetic that is exact; 0 where it does not do. */
static size_t write_quickly(double x, bool single, char *out)
{
    const double size = fabs(x);
    if (!(size >= 1e-4 && size < 1e15)) return 0;
    const int e = exponent_of(size);
    for (int digits = single ? 6 : 15; digits <= (single ? 9 : 15); digits++) {
        const int point = digits - 1 - e; /* behind the point, or so many zeros before it */
        const double scaled = point >= 0 ? size * powers[point] : size / powers[-point];
        const uint64_t whole = (uint64_t)(scaled + 0.5);
        if (whole > UINT64_C(1) << 53 || !gives_back(whole, point, size, single)) continue;
        if (point >= 0) return write_plain(whole, point, x < 0, out);
        return write_plain(whole * (uint64_t)powers[-point], 0, x < 0, out);
    }
    return 0;
}

size_t hn_real_text(double x, bool single, char out[HN_REAL_TEXT])
{
    size_t n = write_quickly(x, single, out);
    for (int digits = 6; !n; digits++) {
        const int length = snprintf(out, HN_REAL_TEXT, "%.*g", digits, x);
        const bool same =
            isnan(x) || (single ? strtof(out, NULL) == (float)x : strtod(out, NULL) == x);
        if (same || digits == 17) n = (size_t)length;
    }
    return n;
}
