/* Numbers from text and to it, and what filters and methods of strings share. */
#ifndef HN_TEXT_TEMPLATE_NUMBER_H
#define HN_TEXT_TEMPLATE_NUMBER_H

#include "text/template_render.h"

/* int(s, base): *ok false when s is none. Fails past 64 bits, and for a base that is none. */
bool hn_text_to_int(struct hn_render *r, struct hn_str s, int64_t base, bool *ok, int64_t *out);
/* float(s) */
void hn_text_to_float(struct hn_str s, bool *ok, double *out);
/* round(), half to even; digits below zero round to tens. */
int64_t hn_round_int(int64_t i, int64_t digits);
double hn_round_float(double f, int64_t digits);

/* Last place of `part` in s, in bytes; SIZE_MAX when it is not there. Charges what it compares, which may
 * be the length of the one times that of the other. */
bool hn_text_rfind(struct hn_render *r, struct hn_str s, struct hn_str part, size_t *out);
/* s without the characters of `chars` at its ends, or, where that is no string, without space. */
bool hn_text_strip(struct hn_render *r, struct hn_str s, const struct hn_val *chars, bool left,
                   bool right, struct hn_str *out);
/* The first `count` (below zero: all) places of `from` replaced. */
bool hn_text_replace(struct hn_render *r, struct hn_str s, struct hn_str from, struct hn_str to,
                     int64_t count, struct hn_str *out);
/* s in a field of `width` characters, filled with `fill`, one character: at its left '<', right '>' or
 * centre '^' as str.center has it. */
bool hn_text_pad(struct hn_render *r, struct hn_str s, int64_t width, struct hn_str fill,
                 char align, struct hn_str *out);

#endif
