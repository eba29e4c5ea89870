#include "server/anthropic_request.h"

#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "server/json_build.h"
#include "server/requests.h"

enum { MAX_MESSAGES = 10000, MAX_TOOLS = 1024, MAX_PARAM = sizeof((struct hn_refusal *)0)->param };

/* The fields of a body, as they stand there. */
struct sent {
    struct hn_str model;
    const json_t *messages, *system, *tools, *tool_choice, *stop_sequences, *thinking;
    int64_t max_tokens, top_k, seed;
    double temperature, top_p;
    bool stream;
};

#define AT(member) offsetof(struct sent, member)
#define PROMPT_FIELDS                                                                              \
    {"model",     HN_FIELD_TEXT,                                                                   \
     AT(model),   .required = true,                                                                \
     .max = 1000, .about = "The model's name; one that is not in service is refused."},            \
        {"messages",                                                                               \
         HN_FIELD_ARRAY,                                                                           \
         AT(messages),                                                                             \
         .required = true,                                                                         \
         .min = 1,                                                                                 \
         .max = MAX_MESSAGES,                                                                      \
         .schema = "{\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": \"object\"}}",    \
         .about = "The chat so far, `user` and `assistant`: texts, or blocks of type `text`, "     \
                  "`tool_use`, `tool_result` and `thinking`. If the last is the assistant's, the " \
                  "answer goes on from it."},                                                      \
        {"system", HN_FIELD_ANY, AT(system),                                                       \
         .schema = "{\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"array\"}]}",                 \
         .about = "What the model is told first: a text, or blocks of type `text`."},              \
        {"tools",                                                                                  \
         HN_FIELD_ARRAY,                                                                           \
         AT(tools),                                                                                \
         .max = MAX_TOOLS,                                                                         \
         .schema = "{\"type\": \"array\", \"items\": {\"type\": \"object\"}}",                     \
         .about = "Functions that the model may call: `name`, `description`, `input_schema`."},    \
        {"tool_choice", HN_FIELD_OBJECT, AT(tool_choice),                                          \
         .about = "Whether tools are called: `auto` (the default), `any`, `none`, or `tool` with " \
                  "its `name`; `disable_parallel_tool_use`."},                                     \
        {"thinking", HN_FIELD_OBJECT, AT(thinking),                                                \
         .about = "`enabled`, `adaptive` or `disabled` (the default), given to the chat template " \
                  "as its variable `enable_thinking`. The budget has no effect."},                 \
        {"cache_control", HN_FIELD_IGNORED, .schema = "{\"type\": \"object\"}",                    \
         .about = "Taken without effect: prompts are cached always."},                             \
        {"context_management", HN_FIELD_IGNORED, .schema = "{\"type\": \"object\"}",               \
         .about = "Taken without effect: nothing is left out of the messages."},                   \
        {"output_config", HN_FIELD_IGNORED, .schema = "{\"type\": \"object\"}",                    \
         .about = "Taken without effect."},                                                        \
    {                                                                                              \
        "mcp_servers", HN_FIELD_REFUSED, .words = "[]",                                            \
                                         .about = "No servers are called from here."               \
    }

static const struct hn_field message_items[] = {
    PROMPT_FIELDS,
    {"max_tokens", HN_FIELD_INT, AT(max_tokens), .required = true, .min = 1, .max = INT32_MAX,
     .about = "Tokens to generate at most."},
    {"stream", HN_FIELD_BOOL, AT(stream), .fallback = "false",
     .about = "Send the answer as server-sent events while it is made."},
    {"stop_sequences", HN_FIELD_ARRAY, AT(stop_sequences), .max = HN_STOPS_MAX,
     .schema = "{\"type\": \"array\", \"items\": {\"type\": \"string\"}}",
     .about = "The answer ends before any of these texts."},
    {"temperature", HN_FIELD_REAL, AT(temperature), .min = 0, .max = 1, .fallback = "1",
     .about = "0 takes the likeliest token always, 1 the model's own chances."},
    {"top_p", HN_FIELD_REAL, AT(top_p), .min = 0, .max = 1, .fallback = "1",
     .about = "Only the likeliest tokens that have so much of the chances together."},
    {"top_k", HN_FIELD_INT, AT(top_k), .min = -1, .max = INT32_MAX, .fallback = "0",
     .about = "Only so many of the likeliest tokens; 0 or -1: all."},
    {"seed", HN_FIELD_INT, AT(seed), .min = -0x1p63, .max = 0x1p63,
     .about = "Of the random numbers. An extension."},
    {"metadata", HN_FIELD_IGNORED, .schema = "{\"type\": \"object\"}",
     .about = "Who asks. Taken without effect."},
    {"service_tier", HN_FIELD_IGNORED, .schema = "{\"type\": \"string\"}",
     .about = "Taken without effect."},
    {"container", HN_FIELD_REFUSED, .words = "", .about = "No code is run here."},
};
static const struct hn_field count_items[] = {PROMPT_FIELDS};
#undef PROMPT_FIELDS
#undef AT
const struct hn_fields hn_messages_fields = {"MessagesRequest", message_items,
                                             HN_COUNT(message_items)};
const struct hn_fields hn_count_tokens_fields = {"CountTokensRequest", count_items,
                                                 HN_COUNT(count_items)};

static enum hn_status no_memory(struct hn_refusal *why)
{
    return hn_refuse(why, 503, "out_of_memory", NULL, "There is no memory for the messages.");
}

/* --- blocks ------------------------------------------------------------------------------------ */

static const char *type_of(const json_t *block)
{
    const char *type = json_string_value(json_object_get(block, "type"));
    return type ? type : "";
}

static enum hn_status wrong_block(const json_t *block, const char *param, const char *where,
                                  struct hn_refusal *why)
{
    const char *type = type_of(block);
    const bool picture = strcmp(type, "image") == 0 || strcmp(type, "document") == 0;
    return hn_refuse(why, 400, picture ? "unsupported_value" : "invalid_value", param,
                     picture ? "%s: blocks of type '%.40s' are not supported; this server takes "
                               "text only.%s"
                             : "%s: a block of type '%.40s' cannot stand in %s.",
                     param, type, picture ? "" : where);
}

static enum hn_status text_of(const json_t *block, const char *key, const char *param,
                              struct hn_str *out, struct hn_refusal *why)
{
    const json_t *text = json_object_get(block, key);
    *out = hn_json_str(text);
    if (json_is_string(text)) return HN_OK;
    return hn_refuse(why, 400, "invalid_type", param, "%s.%s: Input should be a valid string.",
                     param, key);
}

/* Text, or blocks of text with line ends between them. */
static enum hn_status plain_text(const json_t *value, const char *param, const char *where,
                                 struct hn_buf *out, struct hn_refusal *why)
{
    if (!value || json_is_null(value)) return HN_OK;
    if (json_is_string(value))
        return hn_buf_str(out, hn_json_str(value)) < 0 ? no_memory(why) : HN_OK;
    if (!json_is_array(value))
        return hn_refuse_type(why, param, "a string or an array of blocks", value);
    for (size_t i = 0; i < json_array_size(value); i++) {
        char name[MAX_PARAM];
        struct hn_str text;
        const json_t *block = json_array_get(value, i);
        snprintf(name, sizeof name, "%.70s.%zu", param, i);
        if (strcmp(type_of(block), "text") != 0) return wrong_block(block, name, where, why);
        HN_TRY(text_of(block, "text", name, &text, why));
        if (i && hn_buf_char(out, '\n') < 0) return no_memory(why);
        if (hn_buf_str(out, text) < 0) return no_memory(why);
    }
    return HN_OK;
}

/* --- messages ---------------------------------------------------------------------------------- */

/* The messages of a chat, as far as they are made. */
struct chat {
    json_t *messages; /* of the body that is made */
    struct hn_buf text, reasoning;
    json_t *calls; /* of the message that is read; NULL: none */
};

static bool add_message(struct chat *chat, const char *role, struct hn_str content)
{
    json_t *message = json_object();
    return json_array_append_new(chat->messages, message) == 0 &&
           hn_json_set(message, "role", json_string(role)) &&
           hn_json_set_text(message, "content", content);
}

static json_t *last_message(struct chat *chat)
{
    return json_array_get(chat->messages, json_array_size(chat->messages) - 1);
}

static enum hn_status add_result(struct chat *chat, const json_t *block, const char *param,
                                 struct hn_refusal *why)
{
    char name[MAX_PARAM];
    struct hn_str id;
    struct hn_buf text = {0};
    HN_TRY(text_of(block, "tool_use_id", param, &id, why));
    snprintf(name, sizeof name, "%.80s.content", param);
    enum hn_status status =
        plain_text(json_object_get(block, "content"), name, "a result", &text, why);
    if (status >= 0 && !(add_message(chat, "tool", hn_buf_view(&text)) &&
                         hn_json_set_text(last_message(chat), "tool_call_id", id)))
        status = no_memory(why);
    hn_buf_free(&text);
    return status;
}

static enum hn_status add_call(struct chat *chat, const json_t *block, const char *param,
                               struct hn_refusal *why)
{
    struct hn_str id, name;
    HN_TRY(text_of(block, "id", param, &id, why));
    HN_TRY(text_of(block, "name", param, &name, why));
    const json_t *input = json_object_get(block, "input");
    if (!json_is_object(input))
        return hn_refuse(why, 400, "invalid_type", param,
                         "%s.input: Input should be a valid dictionary.", param);
    if (!chat->calls) chat->calls = json_array();
    json_t *call = hn_json_object_at_end(chat->calls);
    json_t *function = hn_json_object_in(call, "function");
    const bool ok =
        hn_json_set_text(call, "id", id) && hn_json_set(call, "type", json_string("function")) &&
        hn_json_set_text(function, "name", name) && hn_json_share(function, "arguments", input);
    return ok ? HN_OK : no_memory(why);
}

static enum hn_status add_text(struct hn_buf *buf, const json_t *block, const char *key,
                               const char *param, struct hn_refusal *why)
{
    struct hn_str text;
    HN_TRY(text_of(block, key, param, &text, why));
    if (buf->n && text.n && hn_buf_char(buf, '\n') < 0) return no_memory(why);
    return hn_buf_str(buf, text) < 0 ? no_memory(why) : HN_OK;
}

static enum hn_status add_block(struct chat *chat, const json_t *block, bool assistant,
                                const char *param, struct hn_refusal *why)
{
    const char *type = type_of(block);
    if (!json_is_object(block)) return hn_refuse_type(why, param, "an object", block);
    if (strcmp(type, "text") == 0) return add_text(&chat->text, block, "text", param, why);
    if (!assistant && strcmp(type, "tool_result") == 0) return add_result(chat, block, param, why);
    if (assistant && strcmp(type, "tool_use") == 0) return add_call(chat, block, param, why);
    if (assistant && strcmp(type, "thinking") == 0)
        return add_text(&chat->reasoning, block, "thinking", param, why);
    if (assistant && strcmp(type, "redacted_thinking") == 0) return HN_OK;
    return wrong_block(block, param, assistant ? "an assistant's message" : "a user's message",
                       why);
}

static enum hn_status read_blocks(struct chat *chat, const json_t *content, bool assistant,
                                  const char *param, struct hn_refusal *why)
{
    for (size_t i = 0; i < json_array_size(content); i++) {
        char name[MAX_PARAM];
        snprintf(name, sizeof name, "%.70s.content.%zu", param, i);
        HN_TRY(add_block(chat, json_array_get(content, i), assistant, name, why));
    }
    return HN_OK;
}

/* Puts together what the blocks of a message left. */
static enum hn_status end_message(struct chat *chat, bool assistant, size_t before,
                                  struct hn_refusal *why)
{
    const bool only_results = !assistant && json_array_size(chat->messages) > before;
    bool ok = true;
    if (assistant || chat->text.n || !only_results)
        ok = add_message(chat, assistant ? "assistant" : "user", hn_buf_view(&chat->text));
    if (chat->reasoning.n)
        ok = ok && hn_json_set_text(last_message(chat), "reasoning_content",
                                    hn_buf_view(&chat->reasoning));
    if (chat->calls) ok = ok && json_object_set(last_message(chat), "tool_calls", chat->calls) == 0;
    json_decref(chat->calls);
    chat->calls = NULL;
    hn_buf_clear(&chat->text);
    hn_buf_clear(&chat->reasoning);
    return ok ? HN_OK : no_memory(why);
}

static enum hn_status read_message(struct chat *chat, const json_t *message, size_t i,
                                   struct hn_refusal *why)
{
    char param[MAX_PARAM];
    snprintf(param, sizeof param, "messages.%zu", i);
    if (!json_is_object(message)) return hn_refuse_type(why, param, "an object", message);
    const char *role = json_string_value(json_object_get(message, "role"));
    const bool assistant = role && strcmp(role, "assistant") == 0;
    if (!role || (!assistant && strcmp(role, "user") != 0))
        return hn_refuse(why, 400, "invalid_value", param,
                         "%s.role: Input should be 'user' or 'assistant'.", param);
    const json_t *content = json_object_get(message, "content");
    const size_t before = json_array_size(chat->messages);
    if (json_is_string(content)) {
        if (hn_buf_str(&chat->text, hn_json_str(content)) < 0) return no_memory(why);
    } else if (json_is_array(content)) {
        HN_TRY(read_blocks(chat, content, assistant, param, why));
    } else {
        return hn_refuse(why, 400, "invalid_type", param,
                         "%s.content: Input should be a valid string or a list of blocks.", param);
    }
    return end_message(chat, assistant, before, why);
}

static enum hn_status read_messages(const struct sent *sent, json_t *messages,
                                    struct hn_refusal *why)
{
    struct chat chat = {.messages = messages};
    enum hn_status status = plain_text(sent->system, "system", "'system'", &chat.text, why);
    if (status >= 0 && chat.text.n && !add_message(&chat, "system", hn_buf_view(&chat.text)))
        status = no_memory(why);
    hn_buf_clear(&chat.text);
    for (size_t i = 0; status >= 0 && i < json_array_size(sent->messages); i++)
        status = read_message(&chat, json_array_get(sent->messages, i), i, why);
    json_decref(chat.calls);
    hn_buf_free(&chat.text);
    hn_buf_free(&chat.reasoning);
    return status;
}

/* The last message, if it is the assistant's, is how the answer begins, not a part of the chat. */
static enum hn_status take_start(json_t *messages, struct hn_buf *start, struct hn_refusal *why)
{
    const size_t last = json_array_size(messages) - 1;
    const json_t *message = json_array_get(messages, last);
    if (strcmp(json_string_value(json_object_get(message, "role")), "assistant") != 0) return HN_OK;
    if (json_object_get(message, "tool_calls"))
        return hn_refuse(why, 400, "invalid_value", "messages",
                         "messages: the last message has 'tool_use' blocks, whose 'tool_result' "
                         "blocks have to follow.");
    if (hn_buf_str(start, hn_json_str(json_object_get(message, "content"))) < 0)
        return no_memory(why);
    return json_array_remove(messages, last) == 0 ? HN_OK : no_memory(why);
}

/* --- tools ------------------------------------------------------------------------------------- */

static enum hn_status add_tool(json_t *tools, const json_t *tool, size_t i, struct hn_refusal *why)
{
    char param[MAX_PARAM];
    const char *type = type_of(tool);
    snprintf(param, sizeof param, "tools.%zu", i);
    if (*type && strcmp(type, "custom") != 0)
        return hn_refuse(why, 400, "unsupported_value", param,
                         "%s: tools of type '%.60s' are run by Anthropic's own service and not "
                         "supported here.",
                         param, type);
    const json_t *schema = json_object_get(tool, "input_schema");
    if (!json_is_object(schema))
        return hn_refuse(why, 400, "missing_required_parameter", param,
                         "%s.input_schema: Field required.", param);
    if (!json_object_get(tool, "name"))
        return hn_refuse(why, 400, "missing_required_parameter", param, "%s.name: Field required.",
                         param);
    json_t *copy = hn_json_object_at_end(tools);
    json_t *function = hn_json_object_in(copy, "function");
    const bool ok = hn_json_set(copy, "type", json_string("function")) &&
                    hn_json_share(function, "name", json_object_get(tool, "name")) &&
                    hn_json_share(function, "description", json_object_get(tool, "description")) &&
                    hn_json_share(function, "parameters", schema);
    return ok ? HN_OK : no_memory(why);
}

static enum hn_status set_tools(const struct sent *sent, json_t *chat, struct hn_refusal *why)
{
    if (!json_array_size(sent->tools)) return HN_OK;
    json_t *tools = json_array();
    if (!hn_json_set(chat, "tools", tools)) return no_memory(why);
    for (size_t i = 0; i < json_array_size(sent->tools); i++)
        HN_TRY(add_tool(tools, json_array_get(sent->tools, i), i, why));
    return HN_OK;
}

static enum hn_status set_choice(const struct sent *sent, json_t *chat, struct hn_refusal *why)
{
    const json_t *choice = sent->tool_choice;
    if (!choice) return HN_OK;
    static const char *const rows[][2] = {
        {"auto", "auto"}, {"any", "required"}, {"none", "none"}, {"tool", NULL}};
    size_t i = 0;
    while (i < HN_COUNT(rows) && strcmp(rows[i][0], type_of(choice)) != 0)
        i++;
    if (i == HN_COUNT(rows))
        return hn_refuse(why, 400, "invalid_value", "tool_choice",
                         "tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'.");
    const bool alone = json_is_true(json_object_get(choice, "disable_parallel_tool_use"));
    bool ok = !alone || hn_json_set(chat, "parallel_tool_calls", json_false());
    if (rows[i][1]) {
        ok = ok && hn_json_set(chat, "tool_choice", json_string(rows[i][1]));
    } else {
        struct hn_str name;
        HN_TRY(text_of(choice, "name", "tool_choice", &name, why));
        json_t *named = hn_json_object_in(chat, "tool_choice");
        ok = ok && hn_json_set(named, "type", json_string("function")) &&
             hn_json_set_text(hn_json_object_in(named, "function"), "name", name);
    }
    return ok ? HN_OK : no_memory(why);
}

/* --- all of it --------------------------------------------------------------------------------- */

static bool set_sampling(const struct sent *sent, bool counting, json_t *chat)
{
    bool ok = hn_json_set(chat, "stream", json_boolean(sent->stream)) &&
              hn_json_set(chat, "temperature", json_real(sent->temperature)) &&
              hn_json_set(chat, "top_p", json_real(sent->top_p)) &&
              hn_json_set(chat, "top_k", json_integer(sent->top_k));
    if (!counting) ok = ok && hn_json_set(chat, "max_tokens", json_integer(sent->max_tokens));
    if (sent->seed != HN_NOT_GIVEN) ok = ok && hn_json_set(chat, "seed", json_integer(sent->seed));
    if (sent->stop_sequences)
        ok = ok && json_object_set(chat, "stop", (json_t *)sent->stop_sequences) == 0;
    return ok;
}

static enum hn_status set_thinking(const struct sent *sent, json_t *chat, struct hn_refusal *why)
{
    const char *type = type_of(sent->thinking);
    const bool thinks = strcmp(type, "enabled") == 0 || strcmp(type, "adaptive") == 0;
    if (sent->thinking && !thinks && strcmp(type, "disabled") != 0)
        return hn_refuse(why, 400, "invalid_value", "thinking",
                         "thinking.type: Input should be 'enabled', 'adaptive' or 'disabled'.");
    json_t *variables = json_object();
    const bool ok = hn_json_set(chat, "chat_template_kwargs", variables) &&
                    hn_json_set(variables, "enable_thinking", json_boolean(thinks));
    return ok ? HN_OK : no_memory(why);
}

static enum hn_status make_chat(const struct sent *sent, bool counting,
                                struct hn_messages_request *out, struct hn_refusal *why)
{
    json_t *messages = json_array();
    out->chat = json_object();
    if (!hn_json_set(out->chat, "messages", messages) ||
        !hn_json_set_text(out->chat, "model", sent->model) ||
        !set_sampling(sent, counting, out->chat))
        return no_memory(why);
    HN_TRY(read_messages(sent, messages, why));
    HN_TRY(take_start(messages, &out->start, why));
    HN_TRY(set_tools(sent, out->chat, why));
    HN_TRY(set_choice(sent, out->chat, why));
    HN_TRY(set_thinking(sent, out->chat, why));
    if (json_array_size(messages)) return HN_OK;
    return hn_refuse(why, 400, "invalid_value", "messages",
                     "messages: a message of the user has to come first.");
}

enum hn_status hn_messages_request_read(const json_t *body, bool counting,
                                        struct hn_messages_request *out, struct hn_refusal *why)
{
    struct sent sent = {.temperature = 1, .top_p = 1, .seed = HN_NOT_GIVEN};
    *out = (struct hn_messages_request){0};
    HN_TRY(hn_fields_read(counting ? &hn_count_tokens_fields : &hn_messages_fields, body, "", &sent,
                          why));
    out->model = sent.model;
    if (json_array_size(sent.stop_sequences) == 1)
        out->stop = hn_json_str(json_array_get(sent.stop_sequences, 0));
    HN_TRY(make_chat(&sent, counting, out, why));
    return hn_chat_request_read(out->chat, &out->request, why);
}

void hn_messages_request_free(struct hn_messages_request *request)
{
    hn_chat_request_free(&request->request);
    json_decref(request->chat);
    hn_buf_free(&request->start);
}
