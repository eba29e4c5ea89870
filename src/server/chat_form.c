#include "server/chat_form.h"

#include <stdio.h>

/* References from the root of a schema, in a copy of it that stands elsewhere: `place` goes before them.
 * False: no memory. */
static bool move_references(json_t *schema, const char *place)
{
    const char *key;
    json_t *value;
    size_t i;
    bool ok = true;
    json_array_foreach(schema, i, value) ok = ok && move_references(value, place);
    json_object_foreach(schema, key, value)
    {
        const char *text = json_string_value(value);
        if (!text || strcmp(key, "$ref") != 0 || text[0] != '#')
            ok = ok && move_references(value, place);
        else
            ok =
                ok && json_object_set_new(schema, key, json_sprintf("#%s%s", place, text + 1)) == 0;
    }
    return ok;
}

/* What the arguments of a tool have to satisfy, for the place "#PLACE" of a schema. NULL: no memory. */
static json_t *arguments_schema(const json_t *function, const char *place)
{
    const json_t *parameters = json_object_get(function, "parameters");
    if (!json_is_object(parameters)) return json_pack("{s:s}", "type", "object");
    json_t *copy = json_deep_copy(parameters);
    if (copy && move_references(copy, place)) return copy;
    json_decref(copy);
    return NULL;
}

/* The i-th alternative: {"name": NAME, "arguments": PARAMETERS}. */
static json_t *call_schema(const json_t *function, size_t i)
{
    char place[60];
    snprintf(place, sizeof place, "/anyOf/%zu/properties/arguments", i);
    return json_pack("{s:s, s:{s:{s:O}, s:o}, s:[s, s], s:b}", "type", "object", "properties",
                     "name", "const", json_object_get(function, "name"), "arguments",
                     arguments_schema(function, place), "required", "name", "arguments",
                     "additionalProperties", 0);
}

/* A call of one of the tools that may be called. */
static json_t *calls_schema(const struct hn_chat_request *r)
{
    json_t *any = json_array();
    for (size_t i = 0; i < json_array_size(r->tools); i++) {
        const json_t *function = json_object_get(json_array_get(r->tools, i), "function");
        const struct hn_str name = hn_json_str(json_object_get(function, "name"));
        if (r->choice == HN_TOOLS_NAMED && !hn_str_eq(name, r->named)) continue;
        if (json_array_append_new(any, call_schema(function, json_array_size(any))) != 0) {
            json_decref(any);
            return NULL;
        }
    }
    return json_pack("{s:o}", "anyOf", any);
}

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

enum hn_status hn_chat_form(const struct hn_chat_request *r, struct hn_form *out, json_t **calls,
                            struct hn_refusal *why)
{
    *calls = NULL;
    HN_TRY(hn_openai_form(&r->common, out, why));
    if (r->response_format) HN_TRY(response_form(r->response_format, out, why));
    if (r->choice != HN_TOOLS_REQUIRED && r->choice != HN_TOOLS_NAMED) return HN_OK;
    *calls = calls_schema(r);
    if (!*calls) return hn_refuse(why, 503, "out_of_memory", NULL, "There is no memory.");
    return hn_form_set(
        out, (struct hn_form){.kind = HN_FORM_SCHEMA, .schema = *calls, .param = "tool_choice"},
        why);
}
