#include "server/chat_form.h"

static enum hn_status response_form(const json_t *format, struct hn_form *out,
                                    struct hn_refusal *why)
{
    const char *type = json_string_value(json_object_get(format, "type"));
    const json_t *schema = json_object_get(format, "schema"); /* as llama.cpp's server has it */
    if (!type)
        return hn_refuse(why, 400, "missing_required_parameter", "response_format.type",
                         "Missing required parameter: 'response_format.type'.");
    if (strcmp(type, "text") == 0) return HN_OK;
    if (strcmp(type, "json_schema") == 0) {
        const json_t *inner = json_object_get(format, "json_schema");
        if (inner) schema = json_object_get(inner, "schema");
        if (!schema)
            return hn_refuse(why, 400, "missing_required_parameter",
                             "response_format.json_schema.schema",
                             "Missing required parameter: 'response_format.json_schema.schema'.");
    } else if (strcmp(type, "json_object") != 0) {
        return hn_refuse(why, 400, "invalid_value", "response_format.type",
                         "Invalid value: '%.40s'. Supported values are: 'text', 'json_object', and "
                         "'json_schema'.",
                         type);
    }
    return hn_form_set(out,
                       (struct hn_form){.kind = schema ? HN_FORM_SCHEMA : HN_FORM_OBJECT,
                                        .schema = schema,
                                        .param = "response_format"},
                       why);
}

/* Calls that have to be made, or those that are made; or else what `content` says. */
static enum hn_status calls_form(const struct hn_chat_request *r, const struct hn_chat *chat,
                                 const struct hn_tokenizer *tokenizer,
                                 const struct hn_form *content, struct hn_form *out,
                                 struct hn_refusal *why)
{
    struct hn_error err;
    const bool forced = r->choice != HN_TOOLS_AUTO;
    const bool or_content = !forced && content->kind != HN_FORM_NONE;
    const struct hn_answer_calls *format = hn_chat_format(chat).calls;
    if (((or_content && !format) || (forced && (!format || format->bare))) &&
        hn_answer_calls_named(HN_STR("json"), &format, &err) < 0)
        return hn_refuse_by(why, HN_E_INTERNAL, &err);
    if (!forced && !or_content && (!format || !format->first)) return HN_OK;
    struct hn_form form = {.kind = HN_FORM_CALLS,
                           .param = forced       ? "tool_choice"
                                    : or_content ? content->param
                                                 : "tools"};
    form.calls = (struct hn_calls_spec){
        .format = format,
        .tools = r->tools,
        .behind = !forced && !or_content,
        .many = r->parallel_tool_calls && r->choice != HN_TOOLS_NAMED,
        .or_content = or_content,
        .content = content->schema,
        .control = hn_answer_control_marks(format, tokenizer),
    };
    if (r->choice == HN_TOOLS_NAMED) form.calls.only = r->named;
    return hn_form_set(out, form, why);
}

enum hn_status hn_chat_form(const struct hn_chat_request *r, const struct hn_chat *chat,
                            const struct hn_tokenizer *tokenizer, struct hn_form *out,
                            struct hn_refusal *why)
{
    struct hn_form content = {.kind = HN_FORM_NONE};
    HN_TRY(hn_openai_form(&r->common, out, why));
    const bool free_form = out->kind == HN_FORM_NONE;
    const bool calls =
        chat && r->choice != HN_TOOLS_NONE && (free_form || r->choice != HN_TOOLS_AUTO);
    if (r->response_format)
        HN_TRY(response_form(r->response_format, calls && free_form ? &content : out, why));
    return calls ? calls_form(r, chat, tokenizer, &content, out, why) : HN_OK;
}
