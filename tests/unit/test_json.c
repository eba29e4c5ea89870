#include "unit.h"

#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "base/json.h"

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

int main(void)
{
    TCase *tc = tcase_create("json");
    tcase_add_test(tc, reads_what_jansson_reads);
    tcase_add_test(tc, differs_from_jansson_where_it_says_so);
    tcase_add_test(tc, refuses_what_is_not_json);
    tcase_add_test(tc, bounds_depth);
    return run_unit("json", tc);
}
