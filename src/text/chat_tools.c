#include "text/chat_tools.h"

#include <stdlib.h>

static bool add_json(struct hn_buf *out, const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    const bool ok = text && hn_buf_text(out, text) >= 0;
    free(text);
    return ok;
}

static bool set_content(json_t *message, const struct hn_buf *text)
{
    const struct hn_str view = hn_buf_view(text);
    return json_object_set_new(message, "content", json_stringn(view.p, view.n)) == 0;
}

static bool has_role(const json_t *message, const char *role)
{
    return hn_str_is(hn_json_str(json_object_get(message, "role")), role);
}

/* --- the tools --------------------------------------------------------------------------------- */

static bool describe(const json_t *tools, struct hn_buf *out)
{
    hn_buf_text(out, "You can call functions. There are these, one a line:\n");
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i);
        const json_t *function = json_object_get(tool, "function");
        if (!add_json(out, function ? function : tool)) return false;
        hn_buf_char(out, '\n');
    }
    return hn_buf_text(out,
                       "To call one, answer with nothing but {\"name\": its name, "
                       "\"arguments\": {...}}, or with a list of such objects to call several. "
                       "What they return comes as the next message.") >= 0;
}

/* Behind the system's own text, or as a message before all others. */
static bool tell(json_t *messages, const json_t *tools)
{
    struct hn_buf text = {0};
    json_t *first = json_array_get(messages, 0);
    const bool system = has_role(first, "system");
    json_t *message = system ? json_copy(first) : json_object();
    const json_t *content = json_object_get(message, "content");
    if (json_string_length(content)) {
        hn_buf_str(&text, hn_json_str(content));
        hn_buf_text(&text, "\n\n");
    }
    bool ok = message && describe(tools, &text) && !text.failed && set_content(message, &text) &&
              json_object_set_new(message, "role", json_string("system")) == 0;
    if (ok)
        ok = (system ? json_array_set(messages, 0, message)
                     : json_array_insert(messages, 0, message)) == 0;
    json_decref(message);
    hn_buf_free(&text);
    return ok;
}

/* --- the messages ------------------------------------------------------------------------------ */

/* Calls as the model was told to write them. */
static bool write_calls(const json_t *calls, struct hn_buf *out)
{
    hn_buf_char(out, '[');
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const json_t *function = json_object_get(json_array_get(calls, i), "function");
        const json_t *arguments = json_object_get(function, "arguments");
        hn_buf_text(out, i ? ", {\"name\": " : "{\"name\": ");
        if (!add_json(out, json_object_get(function, "name"))) return false;
        hn_buf_text(out, ", \"arguments\": ");
        if (json_is_string(arguments)) hn_buf_str(out, hn_json_str(arguments));
        else if (arguments && !add_json(out, arguments)) return false;
        else if (!arguments) hn_buf_text(out, "{}");
        hn_buf_char(out, '}');
    }
    return hn_buf_char(out, ']') >= 0;
}

static bool write_result(const json_t *message, struct hn_buf *out)
{
    const json_t *name = json_object_get(message, "name");
    hn_buf_text(out, "Returned");
    if (json_is_string(name)) {
        hn_buf_text(out, " by ");
        hn_buf_str(out, hn_json_str(name));
    }
    hn_buf_text(out, ":\n");
    const json_t *content = json_object_get(message, "content");
    if (json_is_string(content)) return hn_buf_str(out, hn_json_str(content)) >= 0;
    return !content || add_json(out, content);
}

/* The message as a text of the assistant or the user; *out is NULL where it is one already. False: there
 * is no memory. */
static bool translate(const json_t *message, json_t **out)
{
    const json_t *calls = json_object_get(message, "tool_calls");
    const bool result = has_role(message, "tool");
    const json_t *content = json_object_get(message, "content");
    struct hn_buf text = {0};
    *out = NULL;
    if (!result && !json_array_size(calls)) return true;
    if (!result && json_string_length(content)) {
        hn_buf_str(&text, hn_json_str(content));
        hn_buf_char(&text, '\n');
    }
    *out = json_copy((json_t *)message);
    bool ok = *out && (result ? write_result(message, &text) : write_calls(calls, &text)) &&
              !text.failed && set_content(*out, &text);
    if (ok && result) ok = json_object_set_new(*out, "role", json_string("user")) == 0;
    if (ok) (void)json_object_del(*out, "tool_calls");
    if (!ok) json_decref(*out);
    hn_buf_free(&text);
    return ok;
}

enum hn_status hn_chat_tell_tools(json_t *variables)
{
    const json_t *tools = json_object_get(variables, "tools");
    json_t *messages = json_copy(json_object_get(variables, "messages"));
    bool ok = messages != NULL;
    for (size_t i = 0; ok && i < json_array_size(messages); i++) {
        json_t *message;
        ok = translate(json_array_get(messages, i), &message);
        if (ok && message) ok = json_array_set_new(messages, i, message) == 0;
    }
    if (ok && json_array_size(tools)) ok = tell(messages, tools);
    ok = ok && json_object_set(variables, "messages", messages) == 0;
    json_decref(messages);
    return ok ? HN_OK : HN_E_NOMEM;
}
