#include "text/scan.h"

#include <stdbool.h>

#include "base/bits.h"
#include "text/charclass.h"

enum {
    LETTER = HN_CHAR_LETTER,
    NUMBER = HN_CHAR_NUMBER,
    SPACE = HN_CHAR_SPACE,
    MARK = HN_CHAR_MARK,
};

/* Classes of the character at `at`, 0 and length 0 past the end. */
static inline uint16_t class_at(const unsigned char *p, size_t n, size_t at, size_t *length)
{
    if (at < n) return hn_charclass_at(p + at, length);
    *length = 0;
    return 0;
}

/* End of the run of characters from `at` that have one of the classes. */
static inline size_t run_of(const unsigned char *p, size_t n, size_t at, unsigned classes)
{
    size_t length;
    while (at < n && (hn_charclass_at(p + at, &length) & classes))
        at += length;
    return at;
}

/* End of the run of characters from `at` that have none of the classes. */
static inline size_t run_without(const unsigned char *p, size_t n, size_t at, unsigned classes)
{
    size_t length;
    while (at < n && !(hn_charclass_at(p + at, &length) & classes))
        at += length;
    return at;
}

/* Bytes of 's 't 're 've 'm 'll 'd at `at`, where an apostrophe stands; 0 when there is none. With
 * `fold`, in any case; U+017F (long s) folds to s. */
static size_t suffix_at(const unsigned char *p, size_t n, size_t at, bool fold)
{
    if (n - at < 2) return 0;
    const unsigned char bit = fold ? 0x20 : 0;
    const unsigned char a = p[at + 1] | bit;
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
    if (n - at < 3) return 0;
    if (fold && p[at + 1] == 0xC5 && p[at + 2] == 0xBF) return 3;
    const unsigned char b = p[at + 2] | bit;
    const bool two = (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l');
    return two ? 3 : 0;
}

/* \s+(?!\S)|\s+ at a white-space character: a run leaves its last character to the word after it. */
static size_t spaces_end(const unsigned char *p, size_t n, size_t at)
{
    size_t end = at, last = at, length;
    while (class_at(p, n, end, &length) & SPACE) {
        last = end;
        end += length;
    }
    return end == n || last == at ? end : last;
}

/* \s*[\r\n]+|\s+(?!\S)|\s+ at a white-space character: up to the run's last line break first. */
static size_t lines_end(const unsigned char *p, size_t n, size_t at)
{
    size_t end = at, last = at, after_break = 0, length;
    while (class_at(p, n, end, &length) & SPACE) {
        last = end;
        end += length;
        if (p[last] == '\n' || p[last] == '\r') after_break = end;
    }
    if (after_break) return after_break;
    return end == n || last == at ? end : last;
}

static size_t scan_gpt2(const unsigned char *p, size_t n, size_t at)
{
    if (p[at] == '\'') {
        const size_t suffix = suffix_at(p, n, at, false);
        if (suffix) return at + suffix;
    }
    size_t length;
    const size_t from = p[at] == ' ' && at + 1 < n ? at + 1 : at;
    const uint16_t class = class_at(p, n, from, &length);
    if (class & LETTER) return run_of(p, n, from + length, LETTER);
    if (class & NUMBER) return run_of(p, n, from + length, NUMBER);
    if (!(class & SPACE)) return run_without(p, n, from + length, LETTER | NUMBER | SPACE);
    return spaces_end(p, n, at);
}

/* Up to `most` numbers from `at`, where one stands. */
static size_t numbers_end(const unsigned char *p, size_t n, size_t at, unsigned most)
{
    size_t length;
    for (; most && (class_at(p, n, at, &length) & NUMBER); most--)
        at += length;
    return at;
}

/* " ?[^\s<word>\p{N}]+[<breaks>]*" at `at`; 0 when it does not match there. */
static size_t symbols_end(const unsigned char *p, size_t n, size_t at, unsigned word, bool slash)
{
    const size_t from = p[at] == ' ' ? at + 1 : at;
    size_t end = run_without(p, n, from, word | NUMBER | SPACE);
    if (end == from) return 0;
    while (end < n && (p[end] == '\n' || p[end] == '\r' || (slash && p[end] == '/')))
        end++;
    return end;
}

/* The llama 3 form; `word` are the classes of a word's characters. */
static inline size_t scan_llama(const unsigned char *p, size_t n, size_t at, unsigned word,
                                unsigned digits)
{
    if (p[at] == '\'') {
        const size_t suffix = suffix_at(p, n, at, true);
        if (suffix) return at + suffix;
    }
    size_t length, next;
    const uint16_t class = hn_charclass_at(p + at, &length);
    if (class & word) return run_of(p, n, at + length, word);
    if (class & NUMBER) return numbers_end(p, n, at, digits);
    if (p[at] != '\n' && p[at] != '\r' && (class_at(p, n, at + length, &next) & word))
        return run_of(p, n, at + length + next, word);
    const size_t end = symbols_end(p, n, at, word, false);
    return end ? end : lines_end(p, n, at);
}

static size_t scan_llama3(const unsigned char *p, size_t n, size_t at)
{
    return scan_llama(p, n, at, LETTER, 3);
}

static size_t scan_qwen2(const unsigned char *p, size_t n, size_t at)
{
    return scan_llama(p, n, at, LETTER, 1);
}

static size_t scan_qwen35(const unsigned char *p, size_t n, size_t at)
{
    return scan_llama(p, n, at, LETTER | MARK, 1);
}

/* The two forms of a word cut by case, from one place: upper* lower+, and, where that fails, upper+.
 * Letters without case and marks count as both. 0 where a form does not match. */
struct cased {
    size_t mixed, upper;
};

static struct cased cased_at(const unsigned char *p, size_t n, size_t at)
{
    size_t length, end = at;
    size_t after_both = 0; /* end of the last character of the upper run that is also lower */
    for (uint16_t class; (class = class_at(p, n, end, &length)) & (LETTER | MARK); end += length) {
        if (class & HN_CHAR_LOWER) break;
        if (!(class & HN_CHAR_UPPER)) after_both = end + length;
    }
    const size_t upper_end = end;
    for (uint16_t class; (class = class_at(p, n, end, &length)) & (LETTER | MARK); end += length)
        if (class & HN_CHAR_UPPER) break;
    /* No lower part after the longest upper part: the upper part gives back what is both. */
    return (struct cased){.mixed = end > upper_end ? end : after_both,
                          .upper = upper_end > at ? upper_end : 0};
}

/* A word cut by case, after an optional first character that is neither letter nor number nor line
 * break; 0 when there is none. */
static size_t cased_end(const unsigned char *p, size_t n, size_t at)
{
    size_t length;
    const uint16_t class = hn_charclass_at(p + at, &length);
    const struct cased bare = cased_at(p, n, at);
    if (class & LETTER) return bare.mixed ? bare.mixed : bare.upper;
    if (p[at] == '\n' || p[at] == '\r') return 0;
    /* The first character may be a mark: then both readings are possible, each form in turn. */
    const struct cased after = cased_at(p, n, at + length);
    if (after.mixed) return after.mixed;
    if (bare.mixed) return bare.mixed;
    return after.upper ? after.upper : bare.upper;
}

static inline size_t scan_cased(const unsigned char *p, size_t n, size_t at, bool suffixes,
                                unsigned digits)
{
    size_t length;
    if (hn_charclass_at(p + at, &length) & NUMBER) return numbers_end(p, n, at, digits);
    size_t end = cased_end(p, n, at);
    if (end) {
        if (suffixes && end < n && p[end] == '\'') end += suffix_at(p, n, end, true);
        return end;
    }
    end = symbols_end(p, n, at, LETTER, true);
    return end ? end : lines_end(p, n, at);
}

static size_t scan_gpt4o(const unsigned char *p, size_t n, size_t at)
{
    return scan_cased(p, n, at, true, 3);
}

static size_t scan_tekken(const unsigned char *p, size_t n, size_t at)
{
    return scan_cased(p, n, at, false, 1);
}

hn_scan_fn hn_scan_find(struct hn_str pattern)
{
    static const struct {
        const char *pattern;
        hn_scan_fn scan;
    } known[] = {
        {HN_RE_GPT2, scan_gpt2},     {HN_RE_LLAMA3, scan_llama3}, {HN_RE_QWEN2, scan_qwen2},
        {HN_RE_QWEN35, scan_qwen35}, {HN_RE_GPT4O, scan_gpt4o},   {HN_RE_TEKKEN, scan_tekken},
    };
    for (size_t i = 0; i < HN_COUNT(known); i++)
        if (hn_str_is(pattern, known[i].pattern)) return known[i].scan;
    return NULL;
}
