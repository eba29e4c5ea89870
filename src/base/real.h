/* Numbers as text: as few digits as give the same number back. */
#ifndef HN_BASE_REAL_H
#define HN_BASE_REAL_H

#include <stdbool.h>
#include <stddef.h>

enum { HN_REAL_TEXT = 32 };

/* Writes x and a NUL, returns the length: "0.1", "-3e+20", "inf", "nan". `single`: x is a float, and as a
 * float it is given back. */
size_t hn_real_text(double x, bool single, char out[HN_REAL_TEXT]);

#endif
