/* Tables of fields, and the table of endpoints. */
#include "server/endpoints.h"
#include "server/fields.h"
#include "unit.h"

struct body {
    bool flag;
    int64_t count;
    double share;
    struct hn_str name;
    int colour;
    const json_t *list, *map, *any;
};

#define AT(member) offsetof(struct body, member)
static const struct hn_field items[] = {
    {"flag", HN_FIELD_BOOL, AT(flag)},
    {"count", HN_FIELD_INT, AT(count), .min = -0x1p63, .max = 0x1p63},
    {"share", HN_FIELD_REAL, AT(share), .min = 0, .max = 1},
    {"name", HN_FIELD_TEXT, AT(name), .max = 4},
    {"colour", HN_FIELD_CHOICE, AT(colour), .words = "red|green"},
    {"list", HN_FIELD_ARRAY, AT(list), .min = 1, .max = 2},
    {"map", HN_FIELD_OBJECT, AT(map)},
    {"any", HN_FIELD_ANY, AT(any), .required = true},
    {"idle", HN_FIELD_IGNORED},
    {"old", HN_FIELD_REFUSED, .words = "false|[]", .about = "It is gone."},
};
#undef AT
static const struct hn_fields fields = {"Body", items, sizeof items / sizeof *items};

/* Reads {"any": 1, TEXT}; NULL: it was taken. Else the code of the refusal. */
static const char *read(const char *text, struct body *out, struct hn_refusal *why)
{
    char json[1000];
    json_t *value;
    snprintf(json, sizeof json, "{\"any\": 1%s%s}", *text ? ", " : "", text);
    ck_assert_int_eq(hn_json_parse(hn_str_from(json), "body", &value, NULL), HN_OK);
    const enum hn_status status = hn_fields_read(&fields, value, "a.", out, why);
    json_decref(value);
    return status < 0 ? why->code : NULL;
}

START_TEST(good_values_arrive)
{
    struct body b = {.share = 0.5, .colour = -1};
    struct hn_refusal why;
    ck_assert_ptr_null(read("\"flag\": true, \"count\": -9223372036854775808, \"name\": \"four\", "
                            "\"colour\": \"green\", \"share\": null, \"idle\": {}, \"old\": []",
                            &b, &why));
    ck_assert(b.flag && b.count == INT64_MIN && b.colour == 1);
    ck_assert_uint_eq(b.name.n, 4);
    ck_assert_double_eq(b.share, 0.5); /* null leaves the default */
    ck_assert_ptr_null(
        read("\"count\": 3.0, \"share\": 1, \"list\": [1, 2], \"map\": {}", &b, &why));
    ck_assert(b.count == 3 && b.share == 1 && b.list && b.map);
}
END_TEST

START_TEST(wrong_values_are_named)
{
    static const struct {
        const char *text, *code, *param, *says;
    } cases[] = {
        {"\"flag\": 1", "invalid_type", "a.flag", "expected a boolean, but got an integer"},
        {"\"count\": 1.5", "invalid_type", "a.count", "an integer, but got a decimal"},
        {"\"count\": 9223372036854775808", "integer_above_max_value", "a.count", "above maximum"},
        {"\"count\": 1e300", "integer_above_max_value", "a.count", "integer above maximum value"},
        {"\"share\": -0.1", "decimal_below_min_value", "a.share", "Expected a value >= 0"},
        {"\"share\": \"1\"", "invalid_type", "a.share", "got a string"},
        {"\"name\": \"fives\"", "string_above_max_length", "a.name", "at most 4 bytes"},
        {"\"colour\": \"blue\"", "invalid_value", "a.colour", "'red|green'"},
        {"\"list\": []", "empty_array", "a.list", "minimum length 1"},
        {"\"list\": [1, 2, 3]", "array_above_max_length", "a.list", "maximum length 2"},
        {"\"map\": []", "invalid_type", "a.map", "expected an object"},
        {"\"old\": true", "unsupported_parameter", "a.old", "It is gone."},
        {"\"old\": [[]]", "unsupported_parameter", "a.old", ""},
        {"\"b\\u0001\": 1", "unrecognized_argument", "a.b?", "supplied: a.b?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct body b = {0};
        struct hn_refusal why;
        ck_assert_str_eq(read(cases[i].text, &b, &why), cases[i].code);
        ck_assert_str_eq(why.param, cases[i].param);
        ck_assert_msg(strstr(why.message, cases[i].says) != NULL, "%s", why.message);
        ck_assert_int_eq(why.status, 400);
    }
    struct body b = {0};
    struct hn_refusal why;
    json_t *empty = json_object();
    ck_assert_int_eq(hn_fields_read(&fields, empty, "", &b, &why), HN_E_ARG);
    ck_assert_str_eq(why.code, "missing_required_parameter");
    json_decref(empty);
}
END_TEST

START_TEST(endpoints_are_found)
{
    char allow[40];
    struct hn_str tail;
    const struct hn_endpoint *e;
    e = hn_endpoint_find(HN_STR("/v1/models/a/b"), "GET", &tail, allow, sizeof allow);
    ck_assert(e == &hn_endpoints[HN_ENDPOINT_model] && hn_str_is(tail, "a/b"));
    ck_assert_ptr_null(hn_endpoint_find(HN_STR("/v1/models/"), "GET", &tail, allow, sizeof allow));
    ck_assert_str_eq(allow, "");
    ck_assert_ptr_null(hn_endpoint_find(HN_STR("/health"), "PUT", &tail, allow, sizeof allow));
    ck_assert_str_eq(allow, "GET, HEAD");
    ck_assert_ptr_null(
        hn_endpoint_find(HN_STR("/v1/admin/models"), "PUT", &tail, allow, sizeof allow));
    ck_assert_str_eq(allow, "GET, HEAD, POST");
    ck_assert_ptr_null(
        hn_endpoint_find(HN_STR("/v2/models/a/b/infer"), "GET", &tail, allow, sizeof allow));
    ck_assert_str_eq(allow, "POST");
    e = hn_endpoint_find(HN_STR("/v2/models/a/b/infer"), "POST", &tail, allow, sizeof allow);
    ck_assert(e == &hn_endpoints[HN_ENDPOINT_infer] && hn_str_is(tail, "a/b"));
    for (size_t i = 0; i < HN_ENDPOINTS; i++) /* rows of one path stand together: openapi.c */
        for (size_t j = i + 2; j < HN_ENDPOINTS; j++)
            if (strcmp(hn_endpoints[i].path, hn_endpoints[j].path) == 0)
                ck_assert_str_eq(hn_endpoints[j - 1].path, hn_endpoints[j].path);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("fields");
    tcase_add_test(tcase, good_values_arrive);
    tcase_add_test(tcase, wrong_values_are_named);
    tcase_add_test(tcase, endpoints_are_found);
    return run_unit("fields", tcase);
}
