#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/json.h"
#include "base/json_read.h"

static json_t *read_good(const char *text)
{
    json_t *value;
    struct hn_error err = {0};
    ck_assert_msg(hn_json_parse(hn_str_from(text), "t", &value, &err) == HN_OK, "%s", err.text);
    return value;
}

START_TEST(reads_what_jansson_reads)
{
    static const char *const texts[] = {
        "null",
        " true ",
        "[]",
        "{}",
        "[1, -2, 0, -0, 9223372036854775807, -9223372036854775808]",
        "[0.5, -1e3, 2E-2, 1.25e+2, 0.1, 123456789.123456789]",
        "\"plain\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"",
        "\"caf\xc3\xa9 \xf0\x9f\x98\x80\"",
        "{\"a\": {\"b\": [1, {\"c\": \"d\"}, \"e\\n\"], \"\": null}, \"a2\": [[[]]], \"z\": false}",
        "\n[\t1\r,2 ]\n",
    };
    for (size_t i = 0; i < HN_COUNT(texts); i++) {
        json_t *ours = read_good(texts[i]);
        json_t *theirs = json_loads(texts[i], JSON_DECODE_ANY, NULL);
        ck_assert_ptr_nonnull(theirs);
        ck_assert_msg(json_equal(ours, theirs), "%s", texts[i]);
        json_decref(ours);
        json_decref(theirs);
    }
}
END_TEST

START_TEST(differs_from_jansson_where_it_says_so)
{
    json_t *value =
        read_good("[1000000000000000019884624838656, \"a\\u0000b\", {\"k\":1,\"k\":2}]");
    ck_assert(json_real_value(json_array_get(value, 0)) == 1000000000000000019884624838656.0);
    ck_assert_uint_eq(hn_json_str(json_array_get(value, 1)).n, 3);
    ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(value, 2), "k")), 2);
    json_decref(value);
}
END_TEST

START_TEST(takes_words_for_numbers_when_loose)
{
    struct hn_json_reader r = hn_json_reader_of(HN_STR("[NaN, -Infinity,Infinity, -1]"), "t", NULL);
    struct hn_json_number n[4];
    r.loose = true;
    ck_assert_int_eq(hn_json_enter(&r, '['), HN_OK);
    for (int i = 0; i < 4; i++) {
        bool more;
        ck_assert_int_eq(hn_json_next(&r, ']', &more), HN_OK);
        ck_assert_int_eq(hn_json_peek(&r), 0);
        ck_assert_int_eq(hn_json_read_number(&r, &n[i]), HN_OK);
    }
    ck_assert(isnan(n[0].real) && n[1].real == -INFINITY && n[2].real == INFINITY);
    ck_assert(n[3].real == -1 && n[3].integer && !n[0].integer);
    r = hn_json_reader_of(HN_STR("NaN"), "t", NULL);
    ck_assert_int_eq(hn_json_read_number(&r, &n[0]), HN_E_FORMAT);
}
END_TEST

START_TEST(refuses_what_is_not_json)
{
    static const char *const texts[] = {
        "",
        " ",
        "[1,]",
        "[1 2]",
        "{\"a\" 1}",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\":}",
        "[",
        "{",
        "\"",
        "\"\\",
        "\"\\u12\"",
        "\"\\x\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"\n\"",
        "\"\xff\"",
        "\"\xed\xa0\x80\"",
        "\"\xc0\x80\"",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e400",
        "nul",
        "truE",
        "NaN",
        "Infinity",
        "-Infinity",
        "1 1",
        "[1]]",
        "{\"a\\u0000\":1}",
        "tru",
        "\"\xf0\x9f\"",
    };
    for (size_t i = 0; i < HN_COUNT(texts); i++) {
        json_t *value;
        ck_assert_msg(hn_json_parse(hn_str_from(texts[i]), "t", &value, NULL) == HN_E_FORMAT, "%s",
                      texts[i]);
        ck_assert_ptr_null(value);
    }
    struct hn_error err;
    json_t *value;
    ck_assert_int_eq(hn_json_parse(HN_STR("{\n \"a\": 1,\n \"b\" 2}"), "f.json", &value, &err),
                     HN_E_FORMAT);
    ck_assert_str_eq(err.text, "f.json: line 3, column 6: expected ':'");
}
END_TEST

START_TEST(bounds_depth)
{
    struct hn_buf text = {0};
    json_t *value;
    for (int i = 0; i < HN_JSON_MAX_DEPTH; i++)
        hn_buf_char(&text, '[');
    for (int i = 0; i < HN_JSON_MAX_DEPTH; i++)
        hn_buf_char(&text, ']');
    ck_assert_int_eq(hn_json_parse(hn_buf_view(&text), "t", &value, NULL), HN_OK);
    json_decref(value);
    hn_buf_clear(&text);
    for (int i = 0; i < 1000000; i++)
        hn_buf_text(&text, "{\"a\":[");
    ck_assert_int_eq(hn_json_parse(hn_buf_view(&text), "t", &value, NULL), HN_E_FORMAT);
    hn_buf_free(&text);
}
END_TEST

/* What a program reads that knows what it wants. */
START_TEST(streams_values)
{
    static const char text[] =
        "{\"a\": [1, [2.5, -3e2], null], \"b\\n\": \"x\\ty\", \"c\": {\"d\": [ ]},"
        " \"e\": false, \"f\": 18446744073709551615, \"g\": {}}";
    struct hn_error err = {.text = ""};
    struct hn_json_reader r = hn_json_reader_of(hn_str_from(text), "t", &err);
    struct hn_json_number number;
    struct hn_str key, word;
    bool more, truth = true;
    ck_assert_int_eq(hn_json_enter(&r, '{'), HN_OK);
    ck_assert(hn_json_next(&r, '}', &more) == HN_OK && more);
    ck_assert(hn_json_read_key(&r, &key) == HN_OK && hn_str_is(key, "a"));
    ck_assert_int_eq(hn_json_peek(&r), '[');
    ck_assert_int_eq(hn_json_enter(&r, '['), HN_OK);
    ck_assert(hn_json_next(&r, ']', &more) == HN_OK && more);
    ck_assert_int_eq(hn_json_peek(&r), 0);
    ck_assert(hn_json_read_number(&r, &number) == HN_OK && number.integer && number.whole == 1);
    ck_assert(hn_json_next(&r, ']', &more) == HN_OK && more);
    ck_assert(hn_json_skip(&r, &word) == HN_OK && hn_str_is(word, "[2.5, -3e2]"));
    ck_assert(hn_json_next(&r, ']', &more) == HN_OK && more);
    ck_assert(hn_json_peek(&r) == 'n' && hn_json_read_null(&r) == HN_OK);
    ck_assert(hn_json_next(&r, ']', &more) == HN_OK && !more);
    ck_assert(hn_json_next(&r, '}', &more) == HN_OK && more);
    ck_assert(hn_json_read_key(&r, &key) == HN_OK && hn_str_is(key, "b\n"));
    ck_assert(hn_json_read_text(&r, &word) == HN_OK && hn_str_is(word, "x\ty"));
    ck_assert(hn_json_next(&r, '}', &more) == HN_OK && more);
    ck_assert(hn_json_read_key(&r, &key) == HN_OK && hn_json_skip(&r, NULL) == HN_OK);
    ck_assert(hn_json_next(&r, '}', &more) == HN_OK && more);
    ck_assert(hn_json_read_key(&r, &key) == HN_OK && hn_str_is(key, "e"));
    ck_assert(hn_json_read_bool(&r, &truth) == HN_OK && !truth);
    ck_assert(hn_json_next(&r, '}', &more) == HN_OK && more);
    ck_assert(hn_json_read_key(&r, &key) == HN_OK);
    ck_assert(hn_json_read_number(&r, &number) == HN_OK && number.whole == UINT64_MAX);
    ck_assert(hn_json_next(&r, '}', &more) == HN_OK && more);
    ck_assert(hn_json_read_key(&r, &key) == HN_OK && hn_json_skip(&r, &word) == HN_OK);
    ck_assert(hn_json_next(&r, '}', &more) == HN_OK && !more);
    ck_assert_int_eq(hn_json_read_end(&r), HN_OK);
    hn_buf_free(&r.text);

    r = hn_json_reader_of(HN_STR("{\"a\": x}"), "t", &err);
    ck_assert_int_eq(hn_json_enter(&r, '['), HN_E_FORMAT);
    ck_assert_str_eq(err.text, "t: line 1, column 1: expected an array");
    ck_assert_int_eq(hn_json_skip(&r, NULL), HN_E_FORMAT);
    ck_assert_str_eq(err.text, "t: line 1, column 7: not a JSON value");
}
END_TEST

/* The short way to a double gives what the C library gives. */
START_TEST(numbers_are_rounded_once)
{
    uint64_t x = 88172645463325252u;
    for (int i = 0; i < 40000; i++) {
        char text[64];
        struct hn_json_number number;
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        const uint64_t whole = x >> (x % 61);
        const int form = (int)((x >> 8) % 4);
        if (form == 0) snprintf(text, sizeof text, "-%llu", (unsigned long long)whole);
        else if (form == 1)
            snprintf(text, sizeof text, "%llue%d", (unsigned long long)whole,
                     (int)((x >> 20) % 80) - 40);
        else if (form == 2)
            snprintf(text, sizeof text, "0.%llue-%d", (unsigned long long)whole,
                     (int)((x >> 20) % 30));
        else
            snprintf(text, sizeof text, "%llu.%04d", (unsigned long long)whole / 1000,
                     (int)(x % 9999));
        struct hn_json_reader r = hn_json_reader_of(hn_str_from(text), "t", NULL);
        ck_assert_int_eq(hn_json_read_number(&r, &number), HN_OK);
        ck_assert_int_eq(hn_json_read_end(&r), HN_OK);
        ck_assert_msg(number.real == strtod(text, NULL), "%s", text);
    }
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("json");
    tcase_add_test(tc, streams_values);
    tcase_add_test(tc, numbers_are_rounded_once);
    tcase_add_test(tc, reads_what_jansson_reads);
    tcase_add_test(tc, differs_from_jansson_where_it_says_so);
    tcase_add_test(tc, takes_words_for_numbers_when_loose);
    tcase_add_test(tc, refuses_what_is_not_json);
    tcase_add_test(tc, bounds_depth);
    return run_unit("json", tc);
}
