#include "load/reply.h"

#include <stdio.h>

#include "base/json.h"

static uint64_t count(const json_t *object, const char *key)
{
    const json_int_t n = json_integer_value(json_object_get(object, key));
    return n > 0 ? (uint64_t)n : 0;
}

static void read_usage(const json_t *usage, struct hn_reply *out)
{
    if (!json_is_object(usage)) return;
    out->usage = true;
    out->prompt_tokens = count(usage, "prompt_tokens");
    out->output_tokens = count(usage, "completion_tokens");
    out->cached_tokens = count(json_object_get(usage, "prompt_tokens_details"), "cached_tokens");
}

static bool says_something(const json_t *message)
{
    static const char *const texts[] = {"content", "reasoning_content", "reasoning", "text"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (json_string_length(json_object_get(message, texts[i]))) return true;
    return json_array_size(json_object_get(message, "tool_calls")) > 0;
}

static void read_choices(const json_t *choices, struct hn_reply *out)
{
    size_t i;
    json_t *choice;
    json_array_foreach(choices, i, choice)
    {
        out->text |= says_something(choice) || says_something(json_object_get(choice, "delta")) ||
                     says_something(json_object_get(choice, "message"));
        out->finished |= json_is_string(json_object_get(choice, "finish_reason"));
    }
}

/* {"error": {"message": ...}}, or a text in either place. */
static void read_error(const json_t *error, struct hn_reply *out)
{
    if (!error || json_is_null(error)) return;
    const json_t *message = json_object_get(error, "message");
    const char *text = json_string_value(message ? message : error);
    out->failed = true;
    snprintf(out->error, sizeof out->error, "%s", text ? text : "an error without a text");
}

static enum hn_status read_object(struct hn_str json, json_t **out, struct hn_error *err)
{
    HN_TRY(hn_json_parse(json, "the answer", out, err));
    if (json_is_object(*out)) return HN_OK;
    json_decref(*out);
    return hn_fail(err, HN_E_FORMAT, "the answer is no JSON object");
}

enum hn_status hn_reply_read(struct hn_str json, struct hn_reply *out, struct hn_error *err)
{
    json_t *root;
    *out = (struct hn_reply){0};
    HN_TRY(read_object(json, &root, err));
    read_usage(json_object_get(root, "usage"), out);
    read_choices(json_object_get(root, "choices"), out);
    read_error(json_object_get(root, "error"), out);
    json_decref(root);
    return HN_OK;
}

enum hn_status hn_reply_model(struct hn_str json, struct hn_buf *out, struct hn_error *err)
{
    json_t *root;
    HN_TRY(read_object(json, &root, err));
    const json_t *id = json_object_get(json_array_get(json_object_get(root, "data"), 0), "id");
    enum hn_status status;
    if (json_string_length(id)) status = hn_buf_str(out, hn_json_str(id));
    else status = hn_fail(err, HN_E_NOTFOUND, "the server names no model; give --model");
    json_decref(root);
    return status;
}
