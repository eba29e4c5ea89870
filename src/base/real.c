#include "base/real.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned __int128 wide;

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

/* whole / 10^point, without zeros at its end: as printf's %g, with an exponent below 1e-4. */
static size_t write_number(uint64_t whole, int point, bool negative, char *out)
{
    char digits[24];
    int n = 0, exponent = 0;
    for (; point > 0 && whole % 10 == 0; point--)
        whole /= 10;
    for (; whole; whole /= 10)
        digits[n++] = (char)('0' + whole % 10);
    if (n && n - 1 - point < -4) { /* one digit before the point */
        exponent = point - (n - 1);
        point = n - 1;
    }
    while (n <= point)
        digits[n++] = '0';
    char *p = out;
    if (negative) *p++ = '-';
    while (n-- > 0) {
        *p++ = digits[n];
        if (n == point && point > 0) *p++ = '.';
    }
    if (exponent) p = mempcpy(p, (char[]){'e', '-', '0', (char)('0' + exponent)}, 4);
    *p = '\0';
    return (size_t)(p - out);
}

/* The 16 or 17 digits that a double may need. It is m / 2^e, and m 10^point has at most 127 bits here. */
static size_t write_exactly(double size, int first, bool negative, char *out)
{
    int e;
    const uint64_t m = (uint64_t)ldexp(frexp(size, &e), 53);
    e = 53 - e;
    for (int digits = 16; digits <= 17; digits++) {
        const int point = digits - 1 - first;
        const wide power = (wide)powers[point], scaled = m * power, half = (wide)1 << (e - 1);
        wide whole = scaled >> e;
        const wide rest = scaled - (whole << e);
        whole += rest > half || (rest == half && whole % 2);
        const wide back = whole << e, off = back > scaled ? back - scaled : scaled - back;
        /* Nearer to it than half the way to the next; below a power of two those lie closer. */
        if (off * (m == UINT64_C(1) << 52 ? 4 : 2) < power)
            return write_number((uint64_t)whole, point, negative, out);
    }
    return 0;
}

/* The usual sizes, by arithmetic that is exact; 0 where it does not do. */
static size_t write_quickly(double x, bool single, char *out)
{
    const double size = fabs(x);
    if (size <= 0) return write_number(0, 0, signbit(x), out);
    if (!(size >= 1e-6 && size < 1e15)) return 0;
    const int e = exponent_of(size);
    for (int digits = single ? 6 : 15; digits <= (single ? 9 : 15); digits++) {
        const int point = digits - 1 - e; /* behind the point, or so many zeros before it */
        const double scaled = point >= 0 ? size * powers[point] : size / powers[-point];
        const uint64_t whole = (uint64_t)(scaled + 0.5);
        if (whole > UINT64_C(1) << 53 || !gives_back(whole, point, size, single)) continue;
        if (point >= 0) return write_number(whole, point, x < 0, out);
        return write_number(whole * (uint64_t)powers[-point], 0, x < 0, out);
    }
    return single ? 0 : write_exactly(size, e, x < 0, out);
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
