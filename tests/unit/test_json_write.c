#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/real.h"
#include "text/json_write.h"

START_TEST(a_document_reads_back)
{
    struct hn_json_writer w = {0};
    hn_json_open(&w, NULL, '{');
    hn_json_open(&w, "none", '[');
    hn_json_close(&w, ']');
    hn_json_put_text(&w, "text", HN_STR("a\"\\\n\t\x01 \xC3\xA9 \xF0\x9F\x99\x82"));
    hn_json_put_int(&w, "low", INT64_MIN);
    hn_json_put_uint(&w, "high", UINT64_MAX);
    hn_json_open(&w, "list", '[');
    hn_json_put_bool(&w, NULL, true);
    hn_json_put_null(&w, NULL);
    hn_json_open(&w, NULL, '{');
    hn_json_close(&w, '}');
    hn_json_close(&w, ']');
    hn_json_close(&w, '}');
    ck_assert_int_eq(w.out.failed, 0);
    ck_assert_str_eq(w.out.p, "{\"none\":[],\"text\":\"a\\\"\\\\\\n\\t\\u0001 \xC3\xA9 "
                              "\xF0\x9F\x99\x82\",\"low\":-9223372036854775808,"
                              "\"high\":18446744073709551615,\"list\":[true,null,{}]}");
    json_t *value;
    ck_assert_int_eq(hn_json_parse(hn_buf_view(&w.out), "it", &value, NULL), HN_OK);
    json_decref(value);
    hn_buf_free(&w.out);
}
END_TEST

START_TEST(bytes_that_are_no_utf8_are_replaced)
{
    struct hn_json_writer w = {0};
    hn_json_put_text(&w, NULL, (struct hn_str){"\xFFx\xC3\0", 4});
    ck_assert_str_eq(w.out.p, "\"\xEF\xBF\xBDx\xEF\xBF\xBD\\u0000\"");
    hn_buf_free(&w.out);
}
END_TEST

START_TEST(numbers_have_the_digits_they_need)
{
    static const struct {
        double x;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-0.0, "-0"},
        {0.5, "0.5"},
        {1e-5f, "1e-05"},
        {0.1f, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {3.6914874474821966, "3.6914874474821966"},
        {0x1.5555555555555p-14, "8.138020833333333e-05"},
        {-2.4514000000000003e-5, "-2.4514000000000003e-05"},
        {1e-6, "1e-06"},
        {9.999999999999999e-05, "9.999999999999999e-05"},
        {999999999999999.9, "999999999999999.9"},
        {1e300, "1e+300"},
        {123456789, "123456789"},
        {NAN, "null"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hn_json_writer w = {0};
        hn_json_put_real(&w, NULL, rows[i].x);
        ck_assert_str_eq(w.out.p, rows[i].text);
        hn_buf_free(&w.out);
    }
}
END_TEST

START_TEST(a_full_buffer_is_marked)
{
    struct hn_json_writer w = {.out.limit = 10};
    hn_json_open(&w, NULL, '[');
    for (int i = 0; i < 20; i++)
        hn_json_put_int(&w, NULL, i);
    hn_json_close(&w, ']');
    ck_assert_int_eq(w.out.failed, HN_E_LIMIT);
    hn_buf_free(&w.out);
}
END_TEST

/* Whatever the number, what is written is read back as it, and is no longer than printf's shortest. */
START_TEST(a_value_is_written_as_it_is)
{
    static const char text[] =
        "{\"a\":[1,-2.5,24.9,0.10000000149011612,1e+300,\"x\\n\",true,false,null,"
        "{}],\"b\":{\"c\":[]}}";
    struct hn_json_writer w = {0};
    json_t *value;
    ck_assert_int_ge(hn_json_parse(hn_str_from(text), "test", &value, NULL), 0);
    hn_json_open(&w, NULL, '{');
    hn_json_put_value(&w, "v", value);
    hn_json_put_value(&w, "w", json_object_get(value, "b"));
    hn_json_close(&w, '}');
    struct hn_buf want = {0};
    hn_buf_printf(&want, "{\"v\":%s,\"w\":{\"c\":[]}}", text);
    ck_assert_str_eq(w.out.p, want.p);
    hn_buf_free(&want);
    hn_buf_free(&w.out);
    json_decref(value);
}
END_TEST

START_TEST(numbers_come_back)
{
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < 50000; i++) {
        char text[HN_REAL_TEXT], shortest[HN_REAL_TEXT];
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        const bool single = i % 2;
        double real;
        float f;
        const uint32_t half = (uint32_t)x;
        memcpy(&real, &x, sizeof real);
        memcpy(&f, &half, sizeof f);
        if (i % 8 < 2) real = (double)(int64_t)(x >> 40) / 1000, f = (float)real;
        else if (i % 8 < 4) real = (double)(x >> 11) * 0x1p-53, f = (float)real;
        else if (i % 8 < 6) real = ldexp((double)(x >> 11), -(int)(x % 73) - 2), f = (float)real;
        if (single) real = (double)f;
        if (!isfinite(real)) continue;
        const size_t n = hn_real_text(real, single, text);
        ck_assert_uint_eq(n, strlen(text));
        if (single) ck_assert_msg(strtof(text, NULL) == f, "%s", text);
        else ck_assert_msg(strtod(text, NULL) == real, "%s", text);
        for (int digits = 6; digits <= 17; digits++) {
            snprintf(shortest, sizeof shortest, "%.*g", digits, real);
            if (single ? strtof(shortest, NULL) == f : strtod(shortest, NULL) == real) break;
        }
        if (!strchr(shortest, 'e')) ck_assert_uint_le(n, strlen(shortest) + 1);
        if (!single && fabs(real) >= 1e-6 && fabs(real) < 1e15 && !strstr(shortest, "e+"))
            ck_assert_str_eq(text, shortest);
    }
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("json_write");
    tcase_add_test(tc, a_document_reads_back);
    tcase_add_test(tc, bytes_that_are_no_utf8_are_replaced);
    tcase_add_test(tc, numbers_have_the_digits_they_need);
    tcase_add_test(tc, a_value_is_written_as_it_is);
    tcase_add_test(tc, numbers_come_back);
    tcase_add_test(tc, a_full_buffer_is_marked);
    return run_unit("json_write", tc);
}
