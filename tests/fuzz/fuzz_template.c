#include "fuzz.h"

#include "base/json.h"
#include "text/template.h"

/* What a template is given when the input brings nothing along. */
static const char variables[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \"Be <b>\"}, {\"role\": \"user\", "
    "\"content\": "
    "[{\"type\": \"text\", \"text\": \"h\\u00e9\"}]}, {\"role\": \"assistant\", \"tool_calls\": "
    "[{\"function\": {\"name\": \"f\", \"arguments\": {\"a\": [1, 2.5, null]}}}]}], \"tools\": "
    "[{}], "
    "\"add_generation_prompt\": true, \"bos_token\": \"<s>\", \"n\": 3, \"s\": \" a b \"}";

/* Two parts: the template, and the variables as JSON, which may be absent. */
void fuzz_one(const uint8_t *data, size_t n)
{
    /* Small enough for an input to take milliseconds. */
    const struct hn_template_env env = {
        .limits = {.steps = 20000, .memory = 4 << 20, .output = 1 << 18}, .now = 1782900000};
    struct hn_str parts[2];
    struct hn_template *tpl;
    json_t *given = NULL;
    struct hn_buf out = {0};
    struct hn_error err = {0};
    fuzz_split((struct hn_str){(const char *)data, n}, parts, 2);
    if (hn_template_compile(parts[0], "template", &tpl, &err) < 0) return;
    const struct hn_str json = parts[1].n ? parts[1] : hn_str_from(variables);
    if (hn_json_parse(json, "variables", &given, &err) >= 0 &&
        hn_template_render(tpl, given, &env, &out, &err) >= 0)
        fuzz_touch(out.p, out.n);
    json_decref(given);
    hn_buf_free(&out);
    hn_template_destroy(tpl);
}
