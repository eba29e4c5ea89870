#include "server/responses_request.h"

#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "server/json_build.h"
#include "server/requests.h"

enum { MAX_ITEMS = 10000, MAX_TOOLS = 1024, MAX_PARAM = sizeof((struct hn_refusal *)0)->param };

#define AT(member) offsetof(struct hn_responses_request, member)
static const struct hn_field items[] = {
    {"model", HN_FIELD_TEXT, AT(model), .max = 1000,
     .about = "The model's name; the first one in service when it is not given."},
    {"input", HN_FIELD_ANY, AT(input), .required = true,
     .schema = "{\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"array\", \"items\": {\"type\": "
               "\"object\"}}]}",
     .about = "A text of the user, or items: messages, `function_call`, `function_call_output` and "
              "`reasoning`."},
    {"instructions", HN_FIELD_ANY, AT(instructions), .schema = "{\"type\": \"string\"}",
     .about = "What the model is told first."},
    {"max_output_tokens", HN_FIELD_INT, AT(max_output_tokens), .min = 1, .max = INT32_MAX,
     .about = "Tokens to generate at most; as the context allows when it is not given."},
    {"stream", HN_FIELD_BOOL, AT(stream), .fallback = "false",
     .about = "Send the answer as server-sent events while it is made."},
    {"stream_options", HN_FIELD_IGNORED, .schema = "{\"type\": \"object\"}",
     .about = "Taken without effect: events are never obfuscated."},
    {"temperature", HN_FIELD_REAL, AT(temperature), .min = 0, .max = 2, .fallback = "1",
     .about = "0 takes the likeliest token always, 1 the model's own chances."},
    {"top_p", HN_FIELD_REAL, AT(top_p), .min = 0, .max = 1, .fallback = "1",
     .about = "Only the likeliest tokens that have so much of the chances together."},
    {"seed", HN_FIELD_INT, AT(seed), .min = -0x1p63, .max = 0x1p63,
     .about = "Of the random numbers. An extension."},
    {"tools", HN_FIELD_ARRAY, AT(tools), .max = MAX_TOOLS,
     .schema = "{\"type\": \"array\", \"items\": {\"type\": \"object\"}}",
     .about =
         "Functions that the model may call: `type` is `function`, with `name`, `description`, "
         "`parameters`, `strict`."},
    {"tool_choice", HN_FIELD_ANY, AT(tool_choice),
     .schema = "{\"anyOf\": [{\"type\": \"string\", \"enum\": [\"none\", \"auto\", \"required\"]}, "
               "{\"type\": \"object\"}]}",
     .about = "Whether tools are called: `none`, `auto` (the default), `required`, or `{\"type\": "
              "\"function\", \"name\": ...}`."},
    {"parallel_tool_calls", HN_FIELD_BOOL, AT(parallel_tool_calls), .fallback = "true",
     .about = "Whether there may be several calls in one answer."},
    {"text", HN_FIELD_OBJECT, AT(text),
     .about = "`format`: what the text must be, `text`, `json_object`, or `json_schema` with a "
              "schema."},
    {"reasoning", HN_FIELD_OBJECT, AT(reasoning),
     .about = "`effort` is given to the chat template as its variable `reasoning_effort`."},
    {"metadata", HN_FIELD_OBJECT, AT(metadata), .about = "Given back as it is."},
    {"include", HN_FIELD_IGNORED, .schema = "{\"type\": \"array\"}",
     .about = "Taken without effect: reasoning is always told."},
    {"user", HN_FIELD_IGNORED, .schema = "{\"type\": \"string\"}",
     .about = "Taken without effect."},
#include "server/openai_ignored.def"
    {"service_tier", HN_FIELD_ANY, AT(service_tier), .schema = "{\"type\": \"string\"}",
     .about = "How urgent it is, as in chats."},
    {"store", HN_FIELD_REFUSED, .words = "false", .about = "Nothing is stored here."},
    {"previous_response_id", HN_FIELD_REFUSED, .words = "",
     .about = "Nothing is stored here; send the whole conversation as 'input'."},
    {"conversation", HN_FIELD_REFUSED, .words = "",
     .about = "Nothing is stored here; send the whole conversation as 'input'."},
    {"background", HN_FIELD_REFUSED, .words = "false", .about = "Nothing is stored here."},
    {"prompt", HN_FIELD_REFUSED, .words = "", .about = "Nothing is stored here."},
    {"truncation", HN_FIELD_REFUSED, .words = "\"disabled\"",
     .about = "What does not fit into the context is refused."},
    {"top_logprobs", HN_FIELD_REFUSED, .words = "0", .about = "Use /v1/chat/completions for them."},
    {"max_tool_calls", HN_FIELD_REFUSED, .words = "", .about = "No tools are run here."},
};
#undef AT
const struct hn_fields hn_responses_fields = {"ResponsesRequest", items, HN_COUNT(items)};

static enum hn_status no_memory(struct hn_refusal *why)
{
    return hn_refuse(why, 503, "out_of_memory", NULL, "There is no memory for the request.");
}

/* Puts a member of `from` into `to` as it is, if it is there. */
static bool copy(json_t *to, const char *key, const json_t *from, const char *name)
{
    return hn_json_share(to, key, json_object_get(from, name));
}

static const char *type_of(const json_t *item)
{
    const char *type = json_string_value(json_object_get(item, "type"));
    return type ? type : "";
}

/* --- texts ------------------------------------------------------------------------------------- */

static enum hn_status add_part(const json_t *part, const char *param, struct hn_buf *out,
                               struct hn_refusal *why)
{
    static const char *const types[] = {"input_text", "output_text", "text", "summary_text",
                                        "reasoning_text"};
    const char *type = type_of(part);
    const json_t *text = json_object_get(part, "text");
    size_t i = 0;
    while (i < HN_COUNT(types) && strcmp(types[i], type) != 0)
        i++;
    if (i == HN_COUNT(types))
        return hn_refuse(why, 400, "unsupported_value", param,
                         "Invalid '%s': this server takes text only, and this part is of type "
                         "'%.40s'.",
                         param, type);
    if (!json_is_string(text))
        return hn_refuse_type(why, param, "a part with a string 'text'", text);
    return hn_buf_str(out, hn_json_str(text)) < 0 ? no_memory(why) : HN_OK;
}

/* A text, or parts of text. */
static enum hn_status add_content(const json_t *content, const char *param, struct hn_buf *out,
                                  struct hn_refusal *why)
{
    if (json_is_string(content))
        return hn_buf_str(out, hn_json_str(content)) < 0 ? no_memory(why) : HN_OK;
    if (!json_is_array(content))
        return hn_refuse_type(why, param, "a string or an array of parts", content);
    for (size_t i = 0; i < json_array_size(content); i++) {
        char name[MAX_PARAM];
        snprintf(name, sizeof name, "%.70s[%zu]", param, i);
        HN_TRY(add_part(json_array_get(content, i), name, out, why));
    }
    return HN_OK;
}

/* --- items ------------------------------------------------------------------------------------- */

/* The messages so far. What a model gave in one answer, reasoning, text and calls, is one message. */
struct chat {
    json_t *messages;
    json_t *open; /* the assistant's, still growing; a view. NULL: there is none */
    struct hn_buf text;
};

static json_t *add_message(struct chat *chat, const char *role)
{
    json_t *message = json_object();
    if (json_array_append_new(chat->messages, message) != 0) return NULL;
    return hn_json_set(message, "role", json_string(role)) &&
                   hn_json_set_text(message, "content", HN_STR(""))
               ? message
               : NULL;
}

/* The assistant's message that an item belongs to; a text begins a new one if there is one in it. */
static json_t *assistants(struct chat *chat, bool text)
{
    const bool full = json_object_get(chat->open, "tool_calls") ||
                      json_string_length(json_object_get(chat->open, "content"));
    if (!chat->open || (text && full)) chat->open = add_message(chat, "assistant");
    return chat->open;
}

static enum hn_status need_text(const json_t *item, const char *key, const char *param,
                                struct hn_refusal *why)
{
    char name[MAX_PARAM];
    const json_t *value = json_object_get(item, key);
    snprintf(name, sizeof name, "%.70s.%s", param, key);
    if (json_is_string(value)) return HN_OK;
    return value ? hn_refuse_type(why, name, "a string", value)
                 : hn_refuse(why, 400, "missing_required_parameter", name,
                             "Missing required parameter: '%s'.", name);
}

static enum hn_status read_message(struct chat *chat, const json_t *item, const char *param,
                                   struct hn_refusal *why)
{
    char name[MAX_PARAM];
    HN_TRY(need_text(item, "role", param, why));
    const char *role = json_string_value(json_object_get(item, "role"));
    const bool assistant = strcmp(role, "assistant") == 0;
    snprintf(name, sizeof name, "%.70s.content", param);
    HN_TRY(add_content(json_object_get(item, "content"), name, &chat->text, why));
    if (!assistant) chat->open = NULL;
    json_t *message = assistant ? assistants(chat, true) : add_message(chat, role);
    return message && hn_json_set_text(message, "content", hn_buf_view(&chat->text))
               ? HN_OK
               : no_memory(why);
}

static enum hn_status read_call(struct chat *chat, const json_t *item, const char *param,
                                struct hn_refusal *why)
{
    HN_TRY(need_text(item, "call_id", param, why));
    HN_TRY(need_text(item, "name", param, why));
    HN_TRY(need_text(item, "arguments", param, why));
    json_t *message = assistants(chat, false);
    if (!message) return no_memory(why);
    if (!json_object_get(message, "tool_calls") &&
        !hn_json_set(message, "tool_calls", json_array()))
        return no_memory(why);
    json_t *call = hn_json_object_at_end(json_object_get(message, "tool_calls"));
    json_t *function = hn_json_object_in(call, "function");
    const bool ok =
        copy(call, "id", item, "call_id") && hn_json_set(call, "type", json_string("function")) &&
        copy(function, "name", item, "name") && copy(function, "arguments", item, "arguments");
    return ok ? HN_OK : no_memory(why);
}

static enum hn_status read_output(struct chat *chat, const json_t *item, const char *param,
                                  struct hn_refusal *why)
{
    char name[MAX_PARAM];
    HN_TRY(need_text(item, "call_id", param, why));
    snprintf(name, sizeof name, "%.70s.output", param);
    HN_TRY(add_content(json_object_get(item, "output"), name, &chat->text, why));
    chat->open = NULL;
    json_t *message = add_message(chat, "tool");
    const bool ok = message && hn_json_set_text(message, "content", hn_buf_view(&chat->text)) &&
                    copy(message, "tool_call_id", item, "call_id");
    return ok ? HN_OK : no_memory(why);
}

static enum hn_status read_reasoning(struct chat *chat, const json_t *item, const char *param,
                                     struct hn_refusal *why)
{
    char name[MAX_PARAM];
    const json_t *content = json_object_get(item, "content");
    if (!json_array_size(content)) content = json_object_get(item, "summary");
    snprintf(name, sizeof name, "%.70s.content", param);
    if (!json_array_size(content)) return HN_OK;
    HN_TRY(add_content(content, name, &chat->text, why));
    json_t *message = assistants(chat, true);
    return message && hn_json_set_text(message, "reasoning_content", hn_buf_view(&chat->text))
               ? HN_OK
               : no_memory(why);
}

static enum hn_status read_item(struct chat *chat, const json_t *item, const char *param,
                                struct hn_refusal *why)
{
    const char *type = type_of(item);
    hn_buf_clear(&chat->text);
    if (!json_is_object(item)) return hn_refuse_type(why, param, "an object", item);
    if (!*type || strcmp(type, "message") == 0) return read_message(chat, item, param, why);
    if (strcmp(type, "function_call") == 0) return read_call(chat, item, param, why);
    if (strcmp(type, "function_call_output") == 0) return read_output(chat, item, param, why);
    if (strcmp(type, "reasoning") == 0) return read_reasoning(chat, item, param, why);
    return hn_refuse(why, 400, "unsupported_value", param,
                     "Invalid '%s': items of type '%.60s' are not supported. Supported are: "
                     "'message', 'function_call', 'function_call_output', and 'reasoning'.",
                     param, type);
}

static enum hn_status set_messages(struct hn_responses_request *r, struct hn_refusal *why)
{
    enum hn_status status = HN_OK;
    struct chat chat = {.messages = json_array()};
    if (!hn_json_set(r->chat, "messages", chat.messages)) return no_memory(why);
    if (r->instructions) {
        if (!json_is_string(r->instructions))
            return hn_refuse_type(why, "instructions", "a string", r->instructions);
        json_t *message = add_message(&chat, "system");
        if (!message || !hn_json_set_text(message, "content", hn_json_str(r->instructions)))
            return no_memory(why);
    }
    if (json_is_string(r->input)) {
        json_t *message = add_message(&chat, "user");
        return message && hn_json_set_text(message, "content", hn_json_str(r->input))
                   ? HN_OK
                   : no_memory(why);
    }
    const size_t n = json_array_size(r->input);
    if (!n || n > MAX_ITEMS)
        return hn_refuse(why, 400, "invalid_type", "input",
                         "Invalid 'input': expected a string or an array of 1 to %d items.",
                         MAX_ITEMS);
    for (size_t i = 0; status >= 0 && i < n; i++) {
        char param[MAX_PARAM];
        snprintf(param, sizeof param, "input[%zu]", i);
        status = read_item(&chat, json_array_get(r->input, i), param, why);
    }
    hn_buf_free(&chat.text);
    return status;
}

/* --- tools and formats ------------------------------------------------------------------------- */

static enum hn_status set_tools(struct hn_responses_request *r, struct hn_refusal *why)
{
    json_t *tools = json_array();
    if (!json_array_size(r->tools)) {
        json_decref(tools);
        return HN_OK;
    }
    if (!hn_json_set(r->chat, "tools", tools)) return no_memory(why);
    for (size_t i = 0; i < json_array_size(r->tools); i++) {
        const json_t *tool = json_array_get(r->tools, i);
        const char *type = type_of(tool);
        char param[MAX_PARAM];
        snprintf(param, sizeof param, "tools[%zu].type", i);
        if (strcmp(type, "function") != 0)
            return hn_refuse(why, 400, "unsupported_value", param,
                             "Invalid value: '%.60s'. Supported values are: 'function'.", type);
        json_t *whole = hn_json_object_at_end(tools);
        json_t *function = hn_json_object_in(whole, "function");
        const bool ok = hn_json_set(whole, "type", json_string("function")) &&
                        copy(function, "name", tool, "name") &&
                        copy(function, "description", tool, "description") &&
                        copy(function, "parameters", tool, "parameters") &&
                        copy(function, "strict", tool, "strict");
        if (!ok) return no_memory(why);
    }
    return HN_OK;
}

static enum hn_status set_choice(struct hn_responses_request *r, struct hn_refusal *why)
{
    if (!r->tool_choice) return HN_OK;
    if (!json_is_object(r->tool_choice))
        return json_object_set(r->chat, "tool_choice", (json_t *)r->tool_choice) == 0
                   ? HN_OK
                   : no_memory(why);
    json_t *named = hn_json_object_in(r->chat, "tool_choice");
    json_t *function = hn_json_object_in(named, "function");
    const bool ok = copy(named, "type", r->tool_choice, "type") &&
                    copy(function, "name", r->tool_choice, "name");
    return ok ? HN_OK : no_memory(why);
}

/* {"type": "json_schema", "name": ..., "schema": ...} has its members a level higher than in chats. */
static enum hn_status set_format(struct hn_responses_request *r, struct hn_refusal *why)
{
    const json_t *format = json_object_get(r->text, "format");
    const json_t *verbosity = json_object_get(r->text, "verbosity");
    if (json_is_string(verbosity) && strcmp(json_string_value(verbosity), "medium") != 0)
        return hn_refuse(why, 400, "unsupported_parameter", "text.verbosity",
                         "Unsupported parameter: 'text.verbosity'. Say in the input how long "
                         "answers are to be.");
    if (!format || json_is_null(format)) return HN_OK;
    if (!json_is_object(format)) return hn_refuse_type(why, "text.format", "an object", format);
    if (strcmp(type_of(format), "json_schema") != 0)
        return json_object_set(r->chat, "response_format", (json_t *)format) == 0 ? HN_OK
                                                                                  : no_memory(why);
    json_t *whole = hn_json_object_in(r->chat, "response_format");
    json_t *schema = hn_json_object_in(whole, "json_schema");
    const bool ok = copy(whole, "type", format, "type") && copy(schema, "name", format, "name") &&
                    copy(schema, "schema", format, "schema") &&
                    copy(schema, "strict", format, "strict");
    return ok ? HN_OK : no_memory(why);
}

/* --- all of it --------------------------------------------------------------------------------- */

static bool set_sampling(const struct hn_responses_request *r)
{
    json_t *chat = r->chat;
    bool ok = hn_json_set(chat, "stream", json_boolean(r->stream)) &&
              hn_json_set(chat, "temperature", json_real(r->temperature)) &&
              hn_json_set(chat, "top_p", json_real(r->top_p)) &&
              hn_json_set(chat, "parallel_tool_calls", json_boolean(r->parallel_tool_calls)) &&
              copy(chat, "reasoning_effort", r->reasoning, "effort") &&
              hn_json_share(chat, "service_tier", r->service_tier);
    if (r->model.p) ok = ok && hn_json_set_text(chat, "model", r->model);
    if (r->seed != HN_NOT_GIVEN) ok = ok && hn_json_set(chat, "seed", json_integer(r->seed));
    if (r->max_output_tokens != HN_NOT_GIVEN)
        ok = ok && hn_json_set(chat, "max_tokens", json_integer(r->max_output_tokens));
    return ok;
}

enum hn_status hn_responses_request_read(const json_t *body, struct hn_responses_request *out,
                                         struct hn_refusal *why)
{
    *out = (struct hn_responses_request){.temperature = 1,
                                         .top_p = 1,
                                         .parallel_tool_calls = true,
                                         .seed = HN_NOT_GIVEN,
                                         .max_output_tokens = HN_NOT_GIVEN};
    HN_TRY(hn_fields_read(&hn_responses_fields, body, "", out, why));
    out->chat = json_object();
    if (!set_sampling(out)) return no_memory(why);
    HN_TRY(set_messages(out, why));
    HN_TRY(set_tools(out, why));
    HN_TRY(set_choice(out, why));
    HN_TRY(set_format(out, why));
    return hn_chat_request_read(out->chat, &out->request, why);
}

void hn_responses_request_free(struct hn_responses_request *request)
{
    hn_chat_request_free(&request->request);
    json_decref(request->chat);
}
