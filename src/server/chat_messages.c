#include "server/chat_messages.h"

#include <stdio.h>

#include "base/bits.h"
#include "server/fields.h"

enum { MAX_PARAM = sizeof((struct hn_refusal *)0)->param };

static enum hn_status no_memory(struct hn_refusal *why)
{
    return hn_refuse(why, 503, "out_of_memory", NULL, "There is no memory for the messages.");
}

/* --- contents ---------------------------------------------------------------------------------- */

static enum hn_status add_part(const json_t *part, const char *param, struct hn_buf *out,
                               struct hn_refusal *why)
{
    if (!json_is_object(part)) return hn_refuse_type(why, param, "an object", part);
    const json_t *type = json_object_get(part, "type");
    const char *kind = json_is_string(type) ? json_string_value(type) : "";
    const bool text = strcmp(kind, "text") == 0;
    if (!text && strcmp(kind, "refusal") != 0)
        return hn_refuse(why, 400, "unsupported_value", param,
                         "Invalid '%s': only parts of type 'text' are supported, and this one is "
                         "of type '%.40s'.",
                         param, kind);
    const json_t *value = json_object_get(part, kind);
    if (!json_is_string(value))
        return hn_refuse(why, 400, "invalid_type", param,
                         "Invalid '%s': a part of type '%s' has a string '%s'.", param, kind, kind);
    return hn_buf_str(out, hn_json_str(value)) < 0 ? no_memory(why) : HN_OK;
}

/* A content as one text; null and none are empty. */
static enum hn_status read_content(const json_t *content, const char *param, struct hn_buf *out,
                                   struct hn_refusal *why)
{
    if (!content || json_is_null(content)) return HN_OK;
    if (json_is_string(content))
        return hn_buf_str(out, hn_json_str(content)) < 0 ? no_memory(why) : HN_OK;
    if (!json_is_array(content))
        return hn_refuse_type(why, param, "a string or an array of parts", content);
    for (size_t i = 0; i < json_array_size(content); i++) {
        char part[MAX_PARAM];
        snprintf(part, sizeof part, "%.70s[%zu]", param, i);
        HN_TRY(add_part(json_array_get(content, i), part, out, why));
    }
    return HN_OK;
}

static enum hn_status set_content(json_t *message, const json_t *content, const char *param,
                                  struct hn_refusal *why)
{
    struct hn_buf text = {0};
    enum hn_status status = read_content(content, param, &text, why);
    const struct hn_str view = hn_buf_view(&text);
    if (status >= 0 && json_object_set_new(message, "content", json_stringn(view.p, view.n)) != 0)
        status = no_memory(why);
    hn_buf_free(&text);
    return status;
}

/* --- tool calls -------------------------------------------------------------------------------- */

/* A copy of a call whose arguments are an object, as the templates of models take them; what is no JSON
 * object stays the text that it is. */
static json_t *open_arguments(const json_t *call)
{
    json_t *copy = json_deep_copy(call);
    json_t *function = json_object_get(copy, "function");
    const json_t *arguments = json_object_get(function, "arguments");
    json_t *value = NULL;
    if (!json_is_string(arguments)) return copy;
    if (hn_json_parse(hn_json_str(arguments), "arguments", &value, NULL) < 0) return copy;
    if (json_is_object(value)) json_object_set(function, "arguments", value);
    json_decref(value);
    return copy;
}

static enum hn_status set_calls(json_t *message, const json_t *calls, const char *param,
                                struct hn_refusal *why)
{
    if (!json_is_array(calls)) return hn_refuse_type(why, param, "an array", calls);
    json_t *copies = json_array();
    if (json_object_set_new(message, "tool_calls", copies) != 0) return no_memory(why);
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const json_t *call = json_array_get(calls, i);
        const json_t *function = json_object_get(call, "function");
        if (!json_is_string(json_object_get(function, "name")))
            return hn_refuse(why, 400, "invalid_value", param,
                             "Invalid '%s[%zu]': a tool call has a 'function' with a 'name'.",
                             param, i);
        if (json_array_append_new(copies, open_arguments(call)) != 0) return no_memory(why);
    }
    return HN_OK;
}

/* --- messages ---------------------------------------------------------------------------------- */

/* Members that go on as they are. */
static const char *const plain[] = {"name", "tool_call_id", "reasoning_content"};

static enum hn_status read_message(const json_t *in, const char *param, json_t *message,
                                   struct hn_refusal *why)
{
    char name[MAX_PARAM];
    static const char *const roles[] = {"system", "user", "assistant", "tool"};
    const char *role = json_string_value(json_object_get(in, "role"));
    snprintf(name, sizeof name, "%.80s.role", param);
    if (!role)
        return hn_refuse(why, 400, "missing_required_parameter", name,
                         "Missing required parameter: '%s'.", name);
    if (strcmp(role, "developer") == 0) role = "system";
    size_t i = 0;
    while (i < HN_COUNT(roles) && strcmp(roles[i], role) != 0)
        i++;
    if (i == HN_COUNT(roles))
        return hn_refuse(why, 400, "invalid_value", name,
                         "Invalid value: '%.40s'. Supported values are: 'system', 'developer', "
                         "'user', 'assistant', and 'tool'.",
                         role);
    if (json_object_set_new(message, "role", json_string(role)) != 0) return no_memory(why);
    for (i = 0; i < HN_COUNT(plain); i++) {
        json_t *value = json_object_get(in, plain[i]);
        if (json_is_string(value) && json_object_set(message, plain[i], value) != 0)
            return no_memory(why);
    }
    const json_t *content = json_object_get(in, "content");
    const json_t *calls = json_object_get(in, "tool_calls");
    const bool assistant = strcmp(role, "assistant") == 0;
    snprintf(name, sizeof name, "%.80s.content", param);
    if (!assistant && (!content || json_is_null(content)))
        return hn_refuse(why, 400, "missing_required_parameter", name,
                         "Missing required parameter: '%s'.", name);
    HN_TRY(set_content(message, content, name, why));
    snprintf(name, sizeof name, "%.80s.tool_calls", param);
    return calls && !json_is_null(calls) ? set_calls(message, calls, name, why) : HN_OK;
}

enum hn_status hn_chat_messages(const json_t *messages, json_t *out, struct hn_refusal *why)
{
    for (size_t i = 0; i < json_array_size(messages); i++) {
        char param[MAX_PARAM];
        const json_t *in = json_array_get(messages, i);
        json_t *message = json_object();
        snprintf(param, sizeof param, "messages[%zu]", i);
        if (json_array_append_new(out, message) != 0) return no_memory(why);
        if (!json_is_object(in)) return hn_refuse_type(why, param, "an object", in);
        HN_TRY(read_message(in, param, message, why));
    }
    return HN_OK;
}
