#include "unit.h"

#include "text/chat_tools.h"

static json_t *parse(const char *text)
{
    json_t *value;
    ck_assert_int_eq(hn_json_parse(hn_str_from(text), "it", &value, NULL), HN_OK);
    return value;
}

static const char *content(const json_t *variables, size_t i)
{
    const json_t *message = json_array_get(json_object_get(variables, "messages"), i);
    return json_string_value(json_object_get(message, "content"));
}

static const char *role(const json_t *variables, size_t i)
{
    const json_t *message = json_array_get(json_object_get(variables, "messages"), i);
    return json_string_value(json_object_get(message, "role"));
}

START_TEST(tools_are_told_in_the_system_message)
{
    json_t *v =
        parse("{\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\"}}], "
              "\"messages\": [{\"role\": \"system\", \"content\": \"Be brief.\"}, {\"role\": "
              "\"user\", \"content\": \"Hi\"}]}");
    json_t *own = json_incref(json_object_get(v, "messages"));
    json_t *before = json_deep_copy(own);
    ck_assert_int_eq(hn_chat_tell_tools(v), HN_OK);
    ck_assert_uint_eq(json_array_size(json_object_get(v, "messages")), 2);
    ck_assert_int_eq(strncmp(content(v, 0), "Be brief.\n\nYou can call", 23), 0);
    ck_assert_ptr_nonnull(strstr(content(v, 0), "\n{\"name\": \"f\"}\n"));
    ck_assert_str_eq(content(v, 1), "Hi");
    ck_assert(json_equal(own, before)); /* the caller's messages are as they were */
    json_decref(own);
    json_decref(before);
    json_decref(v);
}
END_TEST

START_TEST(a_system_message_is_put_first_where_there_is_none)
{
    json_t *v = parse("{\"tools\": [{\"function\": {\"name\": \"f\"}}], \"messages\": [{\"role\": "
                      "\"user\", \"content\": \"Hi\"}]}");
    ck_assert_int_eq(hn_chat_tell_tools(v), HN_OK);
    ck_assert_str_eq(role(v, 0), "system");
    ck_assert_str_eq(content(v, 1), "Hi");
    json_decref(v);
}
END_TEST

START_TEST(calls_and_results_become_texts)
{
    json_t *v = parse(
        "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}, {\"role\": \"assistant\", "
        "\"content\": \"See:\", \"tool_calls\": [{\"function\": {\"name\": \"f\", \"arguments\": "
        "{\"n\": 1}}}, {\"function\": {\"name\": \"g\", \"arguments\": \"{}\"}}]}, {\"role\": "
        "\"tool\", \"name\": \"f\", \"content\": \"7\"}]}");
    ck_assert_int_eq(hn_chat_tell_tools(v), HN_OK);
    ck_assert_str_eq(content(v, 0), "Hi");
    ck_assert_str_eq(content(v, 1),
                     "See:\n[{\"name\": \"f\", \"arguments\": {\"n\": 1}}, {\"name\": "
                     "\"g\", \"arguments\": {}}]");
    ck_assert_str_eq(role(v, 2), "user");
    ck_assert_str_eq(content(v, 2), "Returned by f:\n7");
    json_decref(v);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("chat_tools");
    tcase_add_test(tc, tools_are_told_in_the_system_message);
    tcase_add_test(tc, a_system_message_is_put_first_where_there_is_none);
    tcase_add_test(tc, calls_and_results_become_texts);
    return run_unit("chat_tools", tc);
}
