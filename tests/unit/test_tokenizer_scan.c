/* The hand-written scanners against the expressions they stand for, on random text. */
#include "base/bits.h"
#include "base/rng.h"
#include "text/charclass.h"
#include "text/regex.h"
#include "text/scan.h"
#include "unit.h"

static struct hn_regex *compile(const char *pattern)
{
    struct hn_regex *regex = NULL;
    struct hn_error err = {0};
    ck_assert_msg(hn_regex_create(hn_str_from(pattern), &regex, &err) == HN_OK, "%s", err.text);
    return regex;
}

static bool matches(const struct hn_regex *regex, struct hn_regex_scratch *scratch,
                    struct hn_str text)
{
    bool found;
    size_t start, end;
    ck_assert_int_eq(hn_regex_find(regex, scratch, text, 0, &found, &start, &end, NULL), HN_OK);
    return found;
}

/* The two Unicode libraries may be of different versions, and PCRE2 counts U+180E as white space, which
 * the models' own engines do not: random characters are taken from those that all agree on. */
static const struct {
    const char *pattern;
    unsigned class;
} classes[] = {
    {"\\p{L}", HN_CHAR_LETTER}, {"[\\p{Lu}\\p{Lt}]", HN_CHAR_UPPER}, {"\\p{Ll}", HN_CHAR_LOWER},
    {"\\p{M}", HN_CHAR_MARK},   {"\\p{N}", HN_CHAR_NUMBER},          {"\\s", HN_CHAR_SPACE},
    {"\\p{P}", HN_CHAR_PUNCT},  {"\\p{S}", HN_CHAR_SYMBOL},          {"\\p{Mn}", HN_CHAR_MN},
};

struct draw {
    uint64_t counter;
    struct hn_regex *regexes[HN_COUNT(classes)];
    struct hn_regex_scratch scratch;
};

static uint32_t draw(struct draw *d, uint32_t n)
{
    uint32_t out[4];
    hn_philox(7, d->counter++, 0, out);
    return out[0] % n;
}

static bool agree(struct draw *d, uint32_t cp)
{
    char bytes[4];
    const struct hn_str text = {bytes, hn_utf8_encode(cp, bytes)};
    for (size_t i = 0; i < HN_COUNT(classes); i++)
        if (matches(d->regexes[i], &d->scratch, text) !=
            ((hn_charclass_of(cp) & classes[i].class) != 0))
            return false;
    return true;
}

static uint32_t draw_character(struct draw *d)
{
    /* What the expressions name, and neighbours of every class. */
    static const uint32_t often[] = {
        ' ',    ' ',     '\n',   '\r',   '\t',   '\'',  '\'',  's',    'S',   't',
        'r',    'e',     'L',    'l',    'v',    'V',   'E',   'd',    'M',   'a',
        'B',    '1',     '2',    '!',    '/',    '.',   '$',   0x17F,  0xA0,  0x85,
        0x3000, 0x2028,  0x1C5,  0x2B0,  0x4E2D, 0x301, 0x903, 0x20DD, 0x660, 0x2167,
        0xBD,   0x1F600, 0x200D, 0xFE0F, 0xE9,   0xC9,  0x416, 0x436,  0x130, 0x10400};
    if (draw(d, 4)) return often[draw(d, HN_COUNT(often))];
    for (;;) {
        const uint32_t cp = draw(d, draw(d, 2) ? 0x3000 : 0x20000);
        if ((cp < 0xD800 || cp > 0xDFFF) && agree(d, cp)) return cp;
    }
}

START_TEST(every_character_has_the_classes_of_pcre2)
{
    struct draw d = {0};
    for (size_t i = 0; i < HN_COUNT(classes); i++)
        d.regexes[i] = compile(classes[i].pattern);
    unsigned differ = 0;
    for (uint32_t cp = 0; cp < 0x30000; cp++)
        if ((cp < 0xD800 || cp > 0xDFFF) && hn_charclass_of(cp) && !agree(&d, cp)) {
            /* Only characters that one of the libraries does not know yet, and U+180E. */
            char bytes[4];
            const struct hn_str text = {bytes, hn_utf8_encode(cp, bytes)};
            struct hn_regex *unassigned = compile("\\p{Cn}");
            ck_assert_msg(cp == 0x180E || matches(unassigned, &d.scratch, text), "U+%04X", cp);
            hn_regex_destroy(unassigned);
            differ++;
        }
    ck_assert_uint_lt(differ, 6000);
    for (size_t i = 0; i < HN_COUNT(classes); i++)
        hn_regex_destroy(d.regexes[i]);
    hn_regex_scratch_free(&d.scratch);
}
END_TEST

static const char *const patterns[] = {HN_RE_GPT2,   HN_RE_LLAMA3, HN_RE_QWEN2,
                                       HN_RE_QWEN35, HN_RE_GPT4O,  HN_RE_TEKKEN};

static void compare(struct draw *d, const char *pattern, const struct hn_regex *regex,
                    struct hn_str text)
{
    const hn_scan_fn scan = hn_scan_find(hn_str_from(pattern));
    ck_assert_ptr_nonnull(scan);
    for (size_t at = 0; at < text.n;) {
        bool found;
        size_t start, end;
        ck_assert_int_eq(hn_regex_find(regex, &d->scratch, text, at, &found, &start, &end, NULL),
                         HN_OK);
        const size_t got = scan((const unsigned char *)text.p, text.n, at);
        ck_assert_msg(found && start == at && end == got,
                      "'%.*s' at %zu: the expression %s ends at %zu, the scanner at %zu",
                      (int)text.n, text.p, at, pattern, found ? end : 0, got);
        at = got;
    }
}

START_TEST(scanners_cut_as_their_expressions)
{
    struct draw d = {.counter = (uint64_t)_i << 32};
    for (size_t i = 0; i < HN_COUNT(classes); i++)
        d.regexes[i] = compile(classes[i].pattern);
    struct hn_regex *regex = compile(patterns[_i]);
    for (int round = 0; round < 20000; round++) {
        struct hn_buf text = {0};
        const uint32_t n = 1 + draw(&d, 24);
        for (uint32_t i = 0; i < n; i++) {
            char bytes[4];
            hn_buf_add(&text, bytes, hn_utf8_encode(draw_character(&d), bytes));
        }
        compare(&d, patterns[_i], regex, hn_buf_view(&text));
        hn_buf_free(&text);
    }
    hn_regex_destroy(regex);
    for (size_t i = 0; i < HN_COUNT(classes); i++)
        hn_regex_destroy(d.regexes[i]);
    hn_regex_scratch_free(&d.scratch);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("scan");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, every_character_has_the_classes_of_pcre2);
    tcase_add_loop_test(tc, scanners_cut_as_their_expressions, 0, HN_COUNT(patterns));
    return run_unit("tokenizer_scan", tc);
}
