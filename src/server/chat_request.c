#include "server/chat_request.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "server/chat_messages.h"
#include "server/requests.h"

enum { MAX_MESSAGES = 10000, MAX_TOOLS = 1024, MAX_TOOL_NAME = 64 };

#define AT(member)   offsetof(struct hn_openai_common, member)
#define HERE(member) offsetof(struct hn_chat_request, member)
static const struct hn_field items[] = {
    {"messages", HN_FIELD_ARRAY, HERE(messages), .required = true, .min = 1, .max = MAX_MESSAGES,
     .schema = "{\"type\": \"array\", \"minItems\": 1, \"items\": {\"$ref\": "
               "\"#/components/schemas/Message\"}}",
     .about = "The chat so far. Contents are texts, or arrays of parts of type `text`."},
#include "server/openai_fields.def"
    {"max_completion_tokens", HN_FIELD_INT, AT(max_tokens), .min = 1, .max = INT32_MAX,
     .about = "Tokens to generate at most; as the context allows when it is not given."},
    {"max_tokens", HN_FIELD_INT, AT(max_tokens), .min = 1, .max = INT32_MAX,
     .about = "The older name of `max_completion_tokens`."},
    {"logprobs", HN_FIELD_BOOL, HERE(logprobs), .fallback = "false",
     .about = "Give each token's log-probability."},
    {"top_logprobs", HN_FIELD_INT, HERE(top_logprobs), .min = 0, .max = HN_SAMPLE_MAX_TOP,
     .about = "And those of so many of the likeliest; `logprobs` must be true."},
    {"tools", HN_FIELD_ARRAY, HERE(tools), .max = MAX_TOOLS,
     .schema = "{\"type\": \"array\", \"items\": {\"$ref\": \"#/components/schemas/Tool\"}}",
     .about =
         "Functions that the model may call. Arguments are sure to satisfy their schema where a "
         "call has to be made, and where it begins with a marker of the model's format. A schema "
         "that cannot be kept is refused if it is `strict`, otherwise any object will do."},
    {"tool_choice", HN_FIELD_ANY, HERE(tool_choice),
     .schema = "{\"anyOf\": [{\"type\": \"string\", \"enum\": [\"none\", \"auto\", \"required\"]}, "
               "{\"$ref\": \"#/components/schemas/NamedTool\"}]}",
     .about =
         "Whether tools are called: `none`, `auto` (the default), `required`, or the one that "
         "is to be called. With the last two the answer is nothing but calls, in the model's own "
         "format where it has one that allows it; with the last it is one call."},
    {"parallel_tool_calls", HN_FIELD_BOOL, HERE(parallel_tool_calls), .fallback = "true",
     .about = "Whether there may be several calls in one answer."},
    {"response_format", HN_FIELD_OBJECT, HERE(response_format),
     .schema = "{\"$ref\": \"#/components/schemas/ResponseFormat\"}",
     .about =
         "What the content must be: `text`, `json_object`, or `json_schema` with a schema. Where "
         "tools may be called, the answer is that or calls."},
    {"reasoning_effort", HN_FIELD_TEXT, HERE(reasoning_effort), .max = 20,
     .about = "Given to the chat template as its variable `reasoning_effort`."},
    {"chat_template_kwargs", HN_FIELD_OBJECT, HERE(template_kwargs),
     .about = "Further variables for the chat template, `enable_thinking` for instance. An "
              "extension."},
    {"add_generation_prompt", HN_FIELD_BOOL, HERE(generation_prompt), .fallback = "true",
     .about = "Whether the prompt ends with the beginning of an answer. An extension."},
    {"metadata", HN_FIELD_IGNORED, .schema = "{\"type\": \"object\"}",
     .about = "The client's notes. Taken without effect: nothing is stored."},
#include "server/openai_ignored.def"
    {"store", HN_FIELD_REFUSED, .words = "false", .about = "Nothing is stored here."},
    {"modalities", HN_FIELD_REFUSED, .words = "[\"text\"]", .about = "Answers are text."},
    {"audio", HN_FIELD_REFUSED, .words = "", .about = "Answers are text."},
    {"prediction", HN_FIELD_REFUSED, .words = "", .about = "What is likely is guessed without it."},
    {"web_search_options", HN_FIELD_REFUSED, .words = "", .about = "Nothing is searched for."},
    {"verbosity", HN_FIELD_REFUSED, .words = "\"medium\"",
     .about = "Say in the messages how long answers are to be."},
    {"functions", HN_FIELD_REFUSED, .words = "[]", .about = "Use 'tools' instead."},
    {"function_call", HN_FIELD_REFUSED, .words = "\"none\"|\"auto\"",
     .about = "Use 'tool_choice' instead."},
};
#undef HERE
#undef AT
const struct hn_fields hn_chat_fields = {"ChatCompletionRequest", items, HN_COUNT(items)};

/* --- tools ------------------------------------------------------------------------------------- */

static bool good_name(const json_t *name)
{
    const struct hn_str s = hn_json_str(name);
    if (!json_is_string(name) || !s.n || s.n > MAX_TOOL_NAME) return false;
    for (size_t i = 0; i < s.n; i++)
        if (!isalnum((unsigned char)s.p[i]) && s.p[i] != '_' && s.p[i] != '-') return false;
    return true;
}

static const json_t *function_of(const json_t *tool)
{
    return json_object_get(tool, "function");
}

static enum hn_status check_tools(const json_t *tools, struct hn_refusal *why)
{
    for (size_t i = 0; i < json_array_size(tools); i++) {
        char param[60];
        const json_t *tool = json_array_get(tools, i);
        const json_t *type = json_object_get(tool, "type");
        const json_t *parameters = json_object_get(function_of(tool), "parameters");
        snprintf(param, sizeof param, "tools[%zu].type", i);
        if (!json_is_string(type) || strcmp(json_string_value(type), "function") != 0)
            return hn_refuse(why, 400, "invalid_value", param,
                             "Invalid value for '%s'. Supported values are: 'function'.", param);
        snprintf(param, sizeof param, "tools[%zu].function.name", i);
        if (!good_name(json_object_get(function_of(tool), "name")))
            return hn_refuse(why, 400, "invalid_value", param,
                             "Invalid '%s': expected 1 to %d letters, digits, '_' and '-'.", param,
                             MAX_TOOL_NAME);
        snprintf(param, sizeof param, "tools[%zu].function.parameters", i);
        if (parameters && !json_is_null(parameters) && !json_is_object(parameters))
            return hn_refuse_type(why, param, "an object", parameters);
    }
    return HN_OK;
}

static bool has_tool(const json_t *tools, struct hn_str name)
{
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *own = json_object_get(function_of(json_array_get(tools, i)), "name");
        if (hn_str_eq(hn_json_str(own), name)) return true;
    }
    return false;
}

static enum hn_status read_choice(struct hn_chat_request *r, struct hn_refusal *why)
{
    const json_t *value = r->tool_choice;
    const bool some = json_array_size(r->tools) > 0;
    r->choice = some ? HN_TOOLS_AUTO : HN_TOOLS_NONE;
    if (!value) return HN_OK;
    if (!some)
        return hn_refuse(why, 400, "invalid_value", "tool_choice",
                         "Invalid value for 'tool_choice': it is only allowed when 'tools' are "
                         "specified.");
    if (json_is_string(value)) {
        static const char *const names[] = {"none", "auto", "required"};
        for (int i = 0; i < 3; i++) {
            r->choice = (enum hn_tool_choice)i;
            if (strcmp(json_string_value(value), names[i]) == 0) return HN_OK;
        }
    }
    const json_t *name = json_object_get(function_of(value), "name");
    r->choice = HN_TOOLS_NAMED;
    r->named = hn_json_str(name);
    if (json_is_string(name) && has_tool(r->tools, r->named)) return HN_OK;
    return hn_refuse(why, 400, "invalid_value", "tool_choice",
                     "Invalid value for 'tool_choice': expected 'none', 'auto', 'required', or a "
                     "function among the 'tools'.");
}

/* --- the template's variables ------------------------------------------------------------------ */

static bool set_variables(struct hn_chat_request *r)
{
    json_t *v = r->variables;
    if (r->template_kwargs && json_object_update(v, (json_t *)r->template_kwargs) != 0)
        return false;
    if (r->reasoning_effort.p &&
        json_object_set_new(v, "reasoning_effort",
                            json_stringn(r->reasoning_effort.p, r->reasoning_effort.n)) != 0)
        return false;
    if (r->choice != HN_TOOLS_NONE && json_object_set(v, "tools", (json_t *)r->tools) != 0)
        return false;
    return json_object_set_new(v, "messages", json_array()) == 0 &&
           json_object_set_new(v, "add_generation_prompt", json_boolean(r->generation_prompt)) == 0;
}

enum hn_status hn_chat_request_read(const json_t *body, struct hn_chat_request *out,
                                    struct hn_refusal *why)
{
    *out = (struct hn_chat_request){
        .top_logprobs = HN_NOT_GIVEN, .parallel_tool_calls = true, .generation_prompt = true};
    hn_openai_defaults(&out->common);
    HN_TRY(hn_fields_read(&hn_chat_fields, body, "", out, why));
    if (out->top_logprobs != HN_NOT_GIVEN && !out->logprobs)
        return hn_refuse(why, 400, "invalid_value", "top_logprobs",
                         "The 'top_logprobs' parameter is only allowed when 'logprobs' is "
                         "enabled.");
    HN_TRY(check_tools(out->tools, why));
    HN_TRY(read_choice(out, why));
    out->variables = json_object();
    if (!set_variables(out))
        return hn_refuse(why, 503, "out_of_memory", NULL, "There is no memory for the chat.");
    return hn_chat_messages(out->messages, json_object_get(out->variables, "messages"), why);
}

enum hn_status hn_chat_request_render(const struct hn_chat_request *request,
                                      const struct hn_served *served, struct hn_buf *out,
                                      struct hn_refusal *why)
{
    struct hn_error err;
    const struct hn_chat *chat = hn_served_chat(served);
    if (!chat)
        return hn_refuse(why, 400, "unsupported_model", "model",
                         "The model '%.200s' has no chat template; use /v1/completions.",
                         hn_served_name(served));
    const enum hn_status status = hn_chat_prompt(chat, request->variables, NULL, out, &err);
    return status < 0 ? hn_refuse_by(why, status, &err) : HN_OK;
}

void hn_chat_request_free(struct hn_chat_request *request)
{
    json_decref(request->variables);
}
