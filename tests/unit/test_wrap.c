#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "cli/wrap.h"

/* What `text` becomes on a terminal of `width` columns when it comes in pieces of `step` characters of
 * ASCII, or whole (0). */
static const char *wrapped(const char *text, size_t width, size_t step)
{
    static char out[4096];
    memset(out, 0, sizeof out);
    FILE *f = fmemopen(out, sizeof out, "w");
    ck_assert_ptr_nonnull(f);
    struct hn_wrap wrap = {.f = f, .width = width};
    const size_t n = strlen(text);
    if (!step) step = n;
    for (size_t i = 0; i < n; i += step)
        ck_assert(hn_wrap_text(&wrap, (struct hn_str){text + i, n - i < step ? n - i : step}));
    ck_assert(hn_wrap_end(&wrap));
    fclose(f);
    return out;
}

START_TEST(breaks_between_words)
{
    for (size_t step = 0; step < 6; step++) {
        ck_assert_str_eq(wrapped("one two three", 8, step), "one two\nthree");
        ck_assert_str_eq(wrapped("one two three", 7, step), "one two\nthree");
        ck_assert_str_eq(wrapped("one two three", 13, step), "one two three");
        ck_assert_str_eq(wrapped("a  b\n\n  c d", 4, step), "a  b\n\n  c\nd");
        ck_assert_str_eq(wrapped("", 4, step), "");
    }
}
END_TEST

START_TEST(long_words_are_broken)
{
    ck_assert_str_eq(wrapped("a verylongword", 4, 0), "a\nvery\nlong\nword");
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    ck_assert_uint_eq(strlen(wrapped(text, 10000, 0)), sizeof text - 1);
}
END_TEST

START_TEST(columns_are_not_bytes)
{
    ck_assert_str_eq(wrapped("äöü äöü äöü", 7, 0), "äöü äöü\näöü");
    ck_assert_str_eq(wrapped("你好世界", 4, 0), "你好\n世界");
    ck_assert_str_eq(wrapped("e\u0301e\u0301 e\u0301e\u0301", 5, 0),
                     "e\u0301e\u0301 e\u0301e\u0301");
    ck_assert_str_eq(wrapped("\tx", 80, 0), "        x");
    ck_assert_str_eq(wrapped("ab\tx", 80, 0), "ab      x");
}
END_TEST

START_TEST(controls_are_left_out)
{
    ck_assert_str_eq(wrapped("a\033[31mb\x07\xc2\x9b"
                             "c\u202ed\r\n",
                             80, 0),
                     "a[31mbcd\n");
    ck_assert_str_eq(wrapped("bad \xff byte", 80, 0), "bad  byte");
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("wrap");
    tcase_add_test(tcase, breaks_between_words);
    tcase_add_test(tcase, long_words_are_broken);
    tcase_add_test(tcase, columns_are_not_bytes);
    tcase_add_test(tcase, controls_are_left_out);
    return run_unit("wrap", tcase);
}
