#include "server/openapi.h"

#include <stdio.h>
#include <string.h>

#include "hence/version.h"
#include "server/endpoints.h"

/* --- schemas of bodies ------------------------------------------------------------------------- */

static void put_raw(struct hn_json_writer *w, const char *key, const char *json)
{
    hn_json_put_raw(w, key, hn_str_from(json));
}

static void put_words(struct hn_json_writer *w, const char *words)
{
    hn_json_open(w, "enum", '[');
    while (*words) {
        const size_t n = strcspn(words, "|");
        hn_json_put_text(w, NULL, (struct hn_str){words, n});
        words += n + (words[n] == '|');
    }
    hn_json_close(w, ']');
}

static const char *type_of(const struct hn_field *f)
{
    switch (f->kind) {
    case HN_FIELD_BOOL: return "boolean";
    case HN_FIELD_INT: return "integer";
    case HN_FIELD_REAL: return "number";
    case HN_FIELD_TEXT:
    case HN_FIELD_CHOICE: return "string";
    case HN_FIELD_ARRAY: return "array";
    case HN_FIELD_OBJECT: return "object";
    default: return NULL;
    }
}

static void put_type(struct hn_json_writer *w, const struct hn_field *f)
{
    const char *type = type_of(f);
    if (type) hn_json_put_text(w, "type", hn_str_from(type));
    if (f->kind == HN_FIELD_INT || f->kind == HN_FIELD_REAL) {
        hn_json_put_real(w, "minimum", f->min);
        hn_json_put_real(w, "maximum", f->max);
    }
    if (f->kind == HN_FIELD_CHOICE) put_words(w, f->words);
}

static void put_field(struct hn_json_writer *w, const struct hn_field *f)
{
    hn_json_open(w, f->name, '{');
    if (f->schema) {
        hn_json_open(w, "allOf", '[');
        put_raw(w, NULL, f->schema);
        hn_json_close(w, ']');
    } else {
        put_type(w, f);
    }
    if (f->fallback) put_raw(w, "default", f->fallback);
    if (f->about) hn_json_put_text(w, "description", hn_str_from(f->about));
    hn_json_close(w, '}');
}

static void put_fields(struct hn_json_writer *w, const struct hn_fields *fields)
{
    hn_json_open(w, fields->name, '{');
    hn_json_put_text(w, "type", HN_STR("object"));
    hn_json_open(w, "properties", '{');
    for (size_t i = 0; i < fields->n; i++)
        if (fields->items[i].kind != HN_FIELD_REFUSED) put_field(w, &fields->items[i]);
    hn_json_close(w, '}');
    hn_json_open(w, "required", '[');
    for (size_t i = 0; i < fields->n; i++)
        if (fields->items[i].required)
            hn_json_put_text(w, NULL, hn_str_from(fields->items[i].name));
    hn_json_close(w, ']');
    hn_json_put_bool(w, "additionalProperties", false);
    hn_json_open(w, "x-unsupported", '{');
    for (size_t i = 0; i < fields->n; i++)
        if (fields->items[i].kind == HN_FIELD_REFUSED)
            hn_json_put_text(w, fields->items[i].name, hn_str_from(fields->items[i].about));
    hn_json_close(w, '}');
    hn_json_close(w, '}');
}

static const char message_schema[] =
    "{\"type\": \"object\", \"required\": [\"role\"], \"properties\": {\"role\": {\"type\": "
    "\"string\", \"enum\": [\"system\", \"developer\", \"user\", \"assistant\", \"tool\"]}, "
    "\"content\": {\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"array\", \"items\": {\"type\": "
    "\"object\", \"required\": [\"type\", \"text\"], \"properties\": {\"type\": {\"const\": "
    "\"text\"}, \"text\": {\"type\": \"string\"}}}}, {\"type\": \"null\"}]}, \"name\": {\"type\": "
    "\"string\"}, \"tool_call_id\": {\"type\": \"string\"}, \"tool_calls\": {\"type\": \"array\"}, "
    "\"reasoning_content\": {\"type\": \"string\"}}}";

static const char tool_schema[] =
    "{\"type\": \"object\", \"required\": [\"type\", \"function\"], \"properties\": {\"type\": "
    "{\"const\": \"function\"}, \"function\": {\"type\": \"object\", \"required\": [\"name\"], "
    "\"properties\": {\"name\": {\"type\": \"string\", \"pattern\": \"^[A-Za-z0-9_-]{1,64}$\"}, "
    "\"description\": {\"type\": \"string\"}, \"parameters\": {\"type\": \"object\"}, \"strict\": "
    "{\"type\": \"boolean\"}}}}}";

static const char named_tool_schema[] =
    "{\"type\": \"object\", \"required\": [\"type\", \"function\"], \"properties\": {\"type\": "
    "{\"const\": \"function\"}, \"function\": {\"type\": \"object\", \"required\": [\"name\"], "
    "\"properties\": {\"name\": {\"type\": \"string\"}}}}}";

static const char format_schema[] =
    "{\"type\": \"object\", \"required\": [\"type\"], \"properties\": {\"type\": {\"type\": "
    "\"string\", \"enum\": [\"text\", \"json_object\", \"json_schema\"]}, \"json_schema\": "
    "{\"type\": "
    "\"object\", \"properties\": {\"name\": {\"type\": \"string\"}, \"description\": {\"type\": "
    "\"string\"}, \"schema\": {\"type\": \"object\"}, \"strict\": {\"type\": \"boolean\"}}}}}";

static const char error_schema[] =
    "{\"type\": \"object\", \"required\": [\"error\"], \"properties\": {\"error\": {\"type\": "
    "\"object\", \"required\": [\"message\", \"type\", \"param\", \"code\"], \"properties\": "
    "{\"message\": {\"type\": \"string\"}, \"type\": {\"type\": \"string\"}, \"param\": {\"type\": "
    "[\"string\", \"null\"]}, \"code\": {\"type\": \"string\"}}}}}";

/* Whether an earlier row has the same body. */
static bool told_before(size_t row)
{
    for (size_t i = 0; i < row; i++)
        if (hn_endpoints[i].body == hn_endpoints[row].body) return true;
    return false;
}

static void put_components(struct hn_json_writer *w)
{
    hn_json_open(w, "components", '{');
    hn_json_open(w, "schemas", '{');
    for (size_t i = 0; i < HN_ENDPOINTS; i++)
        if (hn_endpoints[i].body->name && !told_before(i)) put_fields(w, hn_endpoints[i].body);
    put_raw(w, "Message", message_schema);
    put_raw(w, "Tool", tool_schema);
    put_raw(w, "NamedTool", named_tool_schema);
    put_raw(w, "ResponseFormat", format_schema);
    put_raw(w, "Error", error_schema);
    hn_json_close(w, '}');
    put_raw(w, "securitySchemes", "{\"key\": {\"type\": \"http\", \"scheme\": \"bearer\"}}");
    hn_json_close(w, '}');
}

/* --- endpoints --------------------------------------------------------------------------------- */

static void put_parameter(struct hn_json_writer *w, const char *path)
{
    const char *open = strchr(path, '{');
    if (!open) return;
    hn_json_open(w, "parameters", '[');
    hn_json_open(w, NULL, '{');
    hn_json_put_text(w, "name", (struct hn_str){open + 1, strcspn(open + 1, "}")});
    hn_json_put_text(w, "in", HN_STR("path"));
    hn_json_put_bool(w, "required", true);
    put_raw(w, "schema", "{\"type\": \"string\"}");
    hn_json_close(w, '}');
    hn_json_close(w, ']');
}

static void put_body(struct hn_json_writer *w, const struct hn_fields *body)
{
    if (!body->name) return;
    hn_json_open(w, "requestBody", '{');
    hn_json_put_bool(w, "required", true);
    hn_json_open(w, "content", '{');
    hn_json_open(w, "application/json", '{');
    hn_json_open(w, "schema", '{');
    char ref[100];
    snprintf(ref, sizeof ref, "#/components/schemas/%s", body->name);
    hn_json_put_text(w, "$ref", hn_str_from(ref));
    for (int i = 0; i < 4; i++)
        hn_json_close(w, '}');
}

static void put_operation(struct hn_json_writer *w, const struct hn_endpoint *e)
{
    char method[16] = "";
    for (size_t i = 0; e->method[i] && i + 1 < sizeof method; i++)
        method[i] = (char)(e->method[i] | 0x20);
    hn_json_open(w, method, '{');
    hn_json_put_text(w, "operationId", hn_str_from(e->name));
    hn_json_put_text(w, "summary", hn_str_from(e->summary));
    put_parameter(w, e->path);
    put_body(w, e->body);
    put_raw(w, "security", e->who == HN_FOR_ANYONE ? "[]" : "[{\"key\": []}]");
    put_raw(
        w, "responses",
        "{\"200\": {\"description\": \"The answer.\"}, \"default\": {\"description\": \"Why there "
        "is none.\", \"content\": {\"application/json\": {\"schema\": {\"$ref\": "
        "\"#/components/schemas/Error\"}}}}}");
    hn_json_close(w, '}');
}

void hn_openapi_write(struct hn_json_writer *w)
{
    hn_json_open(w, NULL, '{');
    hn_json_put_text(w, "openapi", HN_STR("3.1.0"));
    hn_json_open(w, "info", '{');
    hn_json_put_text(w, "title", HN_STR("hence"));
    hn_json_put_text(w, "version", hn_str_from(hence_version()));
    hn_json_close(w, '}');
    hn_json_open(w, "paths", '{');
    for (size_t i = 0; i < HN_ENDPOINTS; i++) {
        /* Rows of one path stand together. */
        const bool same = i > 0 && strcmp(hn_endpoints[i].path, hn_endpoints[i - 1].path) == 0;
        if (!same && i > 0) hn_json_close(w, '}');
        if (!same) hn_json_open(w, hn_endpoints[i].path, '{');
        put_operation(w, &hn_endpoints[i]);
    }
    hn_json_close(w, '}');
    hn_json_close(w, '}');
    put_components(w);
    hn_json_close(w, '}');
}

enum hn_status hn_answer_openapi(struct hn_call *call, struct hn_refusal *why)
{
    struct hn_json_writer w = {0};
    (void)why;
    hn_openapi_write(&w);
    hn_call_json(call, 200, &w);
    return HN_OK;
}
