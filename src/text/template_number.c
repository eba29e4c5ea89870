#include "text/template_number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "text/template_text.h"

/* The base that a prefix says, or 0; *s loses the prefix. */
static int64_t take_prefix(struct hn_str *s, int64_t base)
{
    static const struct {
        char letter;
        int64_t base;
    } prefixes[] = {{'x', 16}, {'o', 8}, {'b', 2}};
    for (size_t i = 0; s->n > 2 && s->p[0] == '0' && i < HN_COUNT(prefixes); i++) {
        if ((s->p[1] | 0x20) != prefixes[i].letter) continue;
        if (base != 0 && base != prefixes[i].base) continue;
        s->p += 2;
        s->n -= 2;
        if (s->p[0] == '_') { /* allowed after a prefix */
            s->p++;
            s->n--;
        }
        return prefixes[i].base;
    }
    return base;
}

bool hn_text_to_int(struct hn_render *r, struct hn_str s, int64_t base, bool *ok, int64_t *out)
{
    *ok = false;
    if (base != 0 && (base < 2 || base > 36)) return true; /* a ValueError, as a bad digit is */
    s = hn_text_strip_left(hn_text_strip_right(s));
    const bool minus = s.n && s.p[0] == '-';
    if (s.n && (minus || s.p[0] == '+')) {
        s.p++;
        s.n--;
    }
    const bool automatic = base == 0;
    base = take_prefix(&s, base);
    const bool decimal = automatic && base == 0;
    if (decimal) base = 10;
    bool digit_before = false, over = false, zeros = true;
    int64_t value = 0;
    for (size_t i = 0; i < s.n; i++) {
        const int digit = hn_text_digit(s.p[i]);
        if (s.p[i] == '_' && digit_before && i + 1 < s.n) {
            digit_before = false;
            continue;
        }
        if (digit >= base) return true;
        digit_before = true;
        zeros &= digit == 0;
        over |= __builtin_mul_overflow(value, base, &value) ||
                __builtin_sub_overflow(value, digit, &value);
    }
    if (!digit_before) return true;
    if (decimal && s.n > 1 && s.p[0] == '0' && !zeros) return true; /* int("010", 0) */
    if (over || (!minus && value == INT64_MIN))
        return hn_render_fail_status(r, HN_E_LIMIT, "an integer past 64 bits");
    *out = minus ? value : -value;
    *ok = true;
    return true;
}

void hn_text_to_float(struct hn_str s, bool *ok, double *out)
{
    char text[400];
    size_t n = 0;
    *ok = false;
    s = hn_text_strip_left(hn_text_strip_right(s));
    if (s.n == 0 || s.n >= sizeof text) return;
    for (size_t i = 0; i < s.n; i++) {
        const bool between = i > 0 && i + 1 < s.n && hn_text_digit(s.p[i - 1]) < 10 &&
                             hn_text_digit(s.p[i + 1]) < 10;
        if (s.p[i] == '_' && between) continue;
        if (s.p[i] == '\0' || (s.p[i] | 0x20) == 'x' || s.p[i] == '(' || s.p[i] == '_') return;
        text[n++] = s.p[i];
    }
    text[n] = '\0';
    char *end;
    *out = strtod(text, &end);
    *ok = *end == '\0' && !hn_text_is_space((unsigned char)text[0]);
}

int64_t hn_round_int(int64_t i, int64_t digits)
{
    int64_t unit = 1;
    for (int64_t k = digits; k < 0; k++)
        if (__builtin_mul_overflow(unit, (int64_t)10, &unit)) return 0;
    int64_t rest = i % unit;
    if (rest < 0) rest += unit;
    int64_t down;
    if (__builtin_sub_overflow(i, rest, &down)) return i;
    const bool odd = (down / unit) % 2 != 0;
    const bool up = rest > unit - rest || (rest == unit - rest && odd && rest);
    if (up && __builtin_add_overflow(down, unit, &down)) return i;
    return down;
}

double hn_round_float(double f, int64_t digits)
{
    char text[400];
    if (!isfinite(f) || digits > 330) return f;
    if (digits < -308) return copysign(0, f);
    if (digits >= 0) {
        snprintf(text, sizeof text, "%.*f", (int)hn_min((size_t)digits, 60), f);
        return strtod(text, NULL);
    }
    const double unit = pow(10, (double)-digits);
    return nearbyint(f / unit) * unit;
}

bool hn_text_rfind(struct hn_render *r, struct hn_str s, struct hn_str part, size_t *out)
{
    *out = part.n == 0 ? s.n : SIZE_MAX;
    if (part.n == 0 || part.n > s.n) return true;
    if (!hn_render_scan(r, s.n)) return false;
    for (size_t at = s.n - part.n + 1; at-- > 0;) {
        if (s.p[at] != part.p[0]) continue;
        if (!hn_render_step(r, part.n / 64)) return false;
        if (memcmp(s.p + at, part.p, part.n) != 0) continue;
        *out = at;
        return true;
    }
    return true;
}

bool hn_text_strip(struct hn_render *r, struct hn_str s, const struct hn_val *chars, bool left,
                   bool right, struct hn_str *out)
{
    size_t work;
    *out = s;
    if (!hn_val_given(chars)) {
        if (left) *out = hn_text_strip_left(*out);
        if (right) *out = hn_text_strip_right(*out);
        return hn_render_scan(r, s.n - out->n);
    }
    if (chars->type != HN_V_STR) return hn_render_fail(r, "strip arg must be None or str");
    /* Each character of the one may be looked for in all of the other. */
    if (!hn_mul(s.n, chars->s.n, &work) || !hn_render_scan(r, work)) return hn_render_fail_steps(r);
    *out = hn_text_strip_chars(s, chars->s, left, right);
    return true;
}

bool hn_text_replace(struct hn_render *r, struct hn_str s, struct hn_str from, struct hn_str to,
                     int64_t count, struct hn_str *out)
{
    struct hn_buf buf = hn_render_buf(r);
    bool ok = hn_render_scan(r, s.n);
    if (from.n == 0 && s.n == 0 && count == 0) {
        *out = s;
        return true;
    }
    /* An empty `from` stands before every character and at the end. */
    size_t length = 0;
    while (ok && !buf.failed && count != 0) {
        size_t at = 0;
        if (from.n) at = hn_text_find(s, from);
        if (at == SIZE_MAX) break;
        ok = hn_render_step(r, 1);
        hn_buf_add(&buf, s.p, at);
        hn_buf_str(&buf, to);
        s.p += at + from.n;
        s.n -= at + from.n;
        if (count > 0) count--;
        if (from.n) continue;
        if (s.n == 0) break;
        hn_text_at(s, 0, &length);
        hn_buf_add(&buf, s.p, length);
        s.p += length;
        s.n -= length;
    }
    hn_buf_str(&buf, s);
    return hn_render_take(r, &buf, ok, out);
}

static void put_times(char **p, struct hn_str fill, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        memcpy(*p, fill.p, fill.n);
        *p += fill.n;
    }
}

bool hn_text_pad(struct hn_render *r, struct hn_str s, int64_t width, struct hn_str fill,
                 char align, struct hn_str *out)
{
    const int64_t length = (int64_t)hn_text_length(s);
    *out = s;
    if (!hn_render_step(r, s.n / 64)) return false;
    if (width <= length) return true;
    const size_t pad = (size_t)(width - length);
    size_t n, total;
    if (!hn_mul(pad, fill.n, &n) || !hn_add(n, s.n, &total)) return hn_render_fail_memory(r);
    char *text = hn_render_text(r, total), *p = text;
    if (!text) return false;
    /* An odd space is put at the left where the width is odd. */
    const size_t left = align == '<' ? 0 : align == '>' ? pad : pad / 2 + (pad & (size_t)width & 1);
    put_times(&p, fill, left);
    if (s.n) memcpy(p, s.p, s.n);
    p += s.n;
    put_times(&p, fill, pad - left);
    *out = (struct hn_str){text, total};
    return true;
}
