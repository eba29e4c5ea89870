#include "text/answer_scan.h"

#include <string.h>

enum state {
    VALUE,        /* a value has to come */
    VALUE_OR_END, /* or the list ends */
    KEY_OR_END,   /* a key, or the object ends */
    KEY,
    COLON,
    NEXT, /* a comma, or the end of what is open */
    STRING,
    ESCAPE,
    HEX,
    LITERAL,
    MINUS,
    ZERO,
    DIGITS,
    POINT,
    FRACTION,
    EXPONENT,
    SIGN,
    POWER,
};

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool hn_scan_in_string(const struct hn_scan *scan)
{
    return scan->state == STRING;
}

static bool in_object(const struct hn_scan *scan)
{
    const unsigned at = scan->depth - 1u;
    return scan->objects[at / 64] >> (at % 64) & 1;
}

static enum hn_scan_result to(struct hn_scan *scan, enum state state)
{
    scan->state = (uint8_t)state;
    return HN_SCAN_MORE;
}

static enum hn_scan_result open(struct hn_scan *scan, bool object)
{
    if (scan->depth == HN_SCAN_DEPTH) return HN_SCAN_BAD;
    const uint64_t bit = 1ull << (scan->depth % 64);
    uint64_t *word = &scan->objects[scan->depth / 64];
    *word = object ? *word | bit : *word & ~bit;
    scan->depth++;
    return to(scan, object ? KEY_OR_END : VALUE_OR_END);
}

static enum hn_scan_result value_ends(struct hn_scan *scan)
{
    to(scan, NEXT);
    return scan->depth ? HN_SCAN_MORE : HN_SCAN_DONE;
}

static enum hn_scan_result close(struct hn_scan *scan)
{
    scan->depth--;
    return value_ends(scan);
}

static enum hn_scan_result value_begins(struct hn_scan *scan, char c)
{
    scan->key = false;
    switch (c) {
    case '{': return open(scan, true);
    case '[': return open(scan, false);
    case '"': return to(scan, STRING);
    case '-': return to(scan, MINUS);
    case '0': return to(scan, ZERO);
    case 't': scan->literal = "rue"; return to(scan, LITERAL);
    case 'f': scan->literal = "alse"; return to(scan, LITERAL);
    case 'n': scan->literal = "ull"; return to(scan, LITERAL);
    default: return is_digit(c) ? to(scan, DIGITS) : HN_SCAN_BAD;
    }
}

static enum hn_scan_result key_begins(struct hn_scan *scan, char c)
{
    scan->key = true;
    return c == '"' ? to(scan, STRING) : HN_SCAN_BAD;
}

static enum hn_scan_result next(struct hn_scan *scan, char c)
{
    if (!scan->depth) return HN_SCAN_BAD;
    const bool object = in_object(scan);
    if (c == ',') return to(scan, object ? KEY : VALUE);
    return c == (object ? '}' : ']') ? close(scan) : HN_SCAN_BAD;
}

/* Within a string. */
static enum hn_scan_result text(struct hn_scan *scan, char c)
{
    switch (scan->state) {
    case ESCAPE:
        scan->left = 4;
        if (c == 'u') return to(scan, HEX);
        return c && strchr("\"\\/bfnrt", c) ? to(scan, STRING) : HN_SCAN_BAD;
    case HEX:
        if (!c || !strchr("0123456789abcdefABCDEF", c)) return HN_SCAN_BAD;
        return --scan->left ? HN_SCAN_MORE : to(scan, STRING);
    default: break;
    }
    if (c == '\\') return to(scan, ESCAPE);
    if (c != '"') return HN_SCAN_MORE;
    return scan->key ? to(scan, COLON) : value_ends(scan);
}

/* A number goes on, or has ended before this byte. */
static enum hn_scan_result number(struct hn_scan *scan, char c)
{
    const uint8_t state = scan->state;
    const bool digit = is_digit(c), power = c == 'e' || c == 'E';
    if (state == MINUS) return c == '0' ? to(scan, ZERO) : digit ? to(scan, DIGITS) : HN_SCAN_BAD;
    if (state == POINT) return digit ? to(scan, FRACTION) : HN_SCAN_BAD;
    if (state == EXPONENT && (c == '+' || c == '-')) return to(scan, SIGN);
    if (state == EXPONENT || state == SIGN) return digit ? to(scan, POWER) : HN_SCAN_BAD;
    if (digit && state != ZERO) return HN_SCAN_MORE;
    if (c == '.' && (state == ZERO || state == DIGITS)) return to(scan, POINT);
    if (power && state != POWER) return to(scan, EXPONENT);
    to(scan, NEXT);
    return scan->depth ? hn_scan_byte(scan, c) : HN_SCAN_BEFORE;
}

enum hn_scan_result hn_scan_byte(struct hn_scan *scan, char c)
{
    if (scan->state >= MINUS) return number(scan, c);
    if (scan->state >= STRING && scan->state <= HEX) return text(scan, c);
    if (scan->state == LITERAL) {
        if (c != *scan->literal) return HN_SCAN_BAD;
        return *++scan->literal ? HN_SCAN_MORE : value_ends(scan);
    }
    if (is_space(c)) return HN_SCAN_MORE;
    switch (scan->state) {
    case VALUE: return value_begins(scan, c);
    case VALUE_OR_END: return c == ']' ? close(scan) : value_begins(scan, c);
    case KEY_OR_END: return c == '}' ? close(scan) : key_begins(scan, c);
    case KEY: return key_begins(scan, c);
    case COLON: return c == ':' ? to(scan, VALUE) : HN_SCAN_BAD;
    default: return next(scan, c);
    }
}
