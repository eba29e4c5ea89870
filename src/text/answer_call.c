/* Calls: {"name": ..., "arguments": {...}} and lists of it, and NAME{...} with the name before. */
#include "base/rng.h"
#include "text/answer_reader_impl.h"

enum { ID_STREAM = 0x63616C6C }; /* of random numbers, apart from those that choose tokens */

/* "call_" and 24 letters and digits that depend on the request's seed and the call's place alone. */
static void make_id(struct hn_answer *a)
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    memcpy(a->id, "call_", 5);
    for (unsigned i = 0; i < 24; i++) {
        uint32_t draw[4];
        hn_philox(a->params.seed, a->n_calls * 24 + i, ID_STREAM, draw);
        a->id[5 + i] = letters[draw[0] % 62];
    }
    a->id[29] = '\0';
}

const json_t *hn_answer_tool(const struct hn_answer *a, struct hn_str name)
{
    for (size_t i = 0; i < json_array_size(a->params.tools); i++) {
        const json_t *tool = json_array_get(a->params.tools, i);
        const json_t *function = json_object_get(tool, "function");
        const json_t *text = json_object_get(function, "name");
        if (json_is_string(text) && hn_str_eq(hn_json_str(text), name)) return function;
    }
    return NULL;
}

static void clear_call(struct hn_answer *a)
{
    struct hn_buf *const bufs[] = {&a->name, &a->arguments, &a->text, &a->part};
    for (size_t i = 0; i < sizeof bufs / sizeof bufs[0]; i++)
        hn_buf_clear(bufs[i]);
    a->named = a->nested = a->begun = false;
}

void hn_answer_call_begin(struct hn_answer *a, bool bare)
{
    clear_call(a);
    a->n_held = 0;
    a->bare = bare;
    a->list = false;
    a->quote = '\0';
    a->state = HN_ANSWER_AT_CALL;
}

static bool name_is_good(struct hn_str name)
{
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] <= ' ' || strchr("\"'`<>{}[]()", name.p[i])) return false;
    return name.n && name.n <= HN_ANSWER_NAME_MAX;
}

static bool set_name(struct hn_answer *a, struct hn_str name)
{
    if (!name_is_good(name) || a->named) return false;
    if (a->bare && !hn_answer_tool(a, name)) return false;
    hn_answer_put(a, &a->name, name);
    a->named = true;
    return true;
}

static struct hn_str trim(struct hn_str s)
{
    while (s.n && hn_answer_is_space(s.p[s.n - 1]))
        s.n--;
    while (s.n && hn_answer_is_space(*s.p))
        s = (struct hn_str){s.p + 1, s.n - 1};
    return s;
}

/* The name out of "functions.NAME:0<|tool_call_argument_begin|>", "function<sep>NAME\n```json\n",
 * "NAME[ARGS]", "NAME>". */
bool hn_answer_call_name(struct hn_answer *a, struct hn_str header)
{
    static const char fence[] = "```json", prefix[] = "functions.";
    header = trim(header);
    if (hn_str_ends(header, hn_str_from(fence))) {
        header.n -= sizeof fence - 1;
        header = trim(header);
    }
    const char *separator = a->calls->separator;
    const char *at =
        separator && header.n ? memmem(header.p, header.n, separator, strlen(separator)) : NULL;
    if (at) {
        const size_t before = (size_t)(at - header.p), skip = before + strlen(separator);
        const struct hn_str behind = {header.p + skip, header.n - skip};
        header = behind.n ? behind : (struct hn_str){header.p, before};
    }
    struct hn_str name = {header.p, 0};
    while (name.n < header.n && !strchr("[<>:", header.p[name.n]))
        name.n++;
    if (hn_str_starts(name, hn_str_from(prefix)))
        name = (struct hn_str){name.p + sizeof prefix - 1, name.n - (sizeof prefix - 1)};
    return set_name(a, trim(name));
}

void hn_answer_call_arguments(struct hn_answer *a)
{
    a->scan = (struct hn_scan){0};
    a->state = HN_ANSWER_IN_ARGUMENTS;
}

/* Replaces the text of a JSON string by what it says. */
static bool decode(struct hn_answer *a, struct hn_buf *buf)
{
    json_t *value = NULL;
    const enum hn_status status = hn_json_parse(hn_buf_view(buf), "call", &value, NULL);
    if (status == HN_E_NOMEM) a->failed = status;
    hn_buf_clear(buf);
    const bool ok = status >= 0 && json_is_string(value);
    if (ok) hn_answer_put(a, buf, hn_json_str(value));
    json_decref(value);
    return ok;
}

/* Arguments may come as a string that holds their JSON, or not at all. */
static bool arguments_are_good(struct hn_answer *a)
{
    struct hn_buf *arguments = &a->arguments;
    if (arguments->n && *arguments->p == '"' && !decode(a, arguments)) return false;
    if (!arguments->n || hn_str_is(hn_buf_view(arguments), "null")) {
        hn_buf_clear(arguments);
        hn_answer_put(a, arguments, HN_STR("{}"));
    }
    json_t *value = NULL;
    const enum hn_status status = hn_json_parse(hn_buf_view(arguments), "arguments", &value, NULL);
    const bool ok = status >= 0 && json_is_object(value);
    if (status == HN_E_NOMEM) a->failed = status;
    json_decref(value);
    return ok;
}

static void tell_begin(struct hn_answer *a)
{
    make_id(a);
    hn_answer_tell(a, HN_ANSWER_CALL, (struct hn_str){0});
    a->begun = true;
    hn_buf_clear(&a->raw);
}

void hn_answer_call_flush(struct hn_answer *a)
{
    if (!a->begun || !a->arguments.n) return;
    hn_answer_tell(a, HN_ANSWER_ARGUMENTS, hn_buf_view(&a->arguments));
    hn_buf_clear(&a->arguments);
}

bool hn_answer_call_whole(struct hn_answer *a)
{
    if (!a->named) return false;
    if (!a->begun) {
        if (!arguments_are_good(a)) return false;
        tell_begin(a);
    }
    hn_answer_call_flush(a);
    hn_answer_tell(a, HN_ANSWER_CALL_END, (struct hn_str){0});
    a->n_calls++;
    a->after_call = true;
    clear_call(a);
    hn_answer_resume(a);
    if (a->list) a->state = HN_ANSWER_IN_LIST;
    return true;
}

/* Adds a byte of JSON to a buffer; *result says whether the value goes on. Models write raw line ends
 * into strings. */
static void json_byte(struct hn_answer *a, char c, struct hn_buf *buf, enum hn_scan_result *result)
{
    const bool escape = hn_scan_in_string(&a->scan) && (unsigned char)c < ' ';
    *result = hn_scan_byte(&a->scan, c);
    if (!buf || *result == HN_SCAN_BAD || *result == HN_SCAN_BEFORE) return;
    if (!escape) {
        hn_answer_put_char(a, buf, c);
        return;
    }
    char text[8];
    snprintf(text, sizeof text, "\\u%04x", (unsigned)c);
    hn_answer_put(a, buf,
                  c == '\n'   ? HN_STR("\\n")
                  : c == '\t' ? HN_STR("\\t")
                              : hn_str_from(text));
}

static bool arguments_byte(struct hn_answer *a, char c)
{
    enum hn_scan_result result;
    json_byte(a, c, &a->arguments, &result);
    if (result == HN_SCAN_DONE) return hn_answer_call_whole(a);
    return result == HN_SCAN_MORE;
}

static bool call_byte_first(struct hn_answer *a, char c)
{
    if (hn_answer_is_space(c)) return true;
    if (a->calls->literal) {
        hn_answer_unwatch(a);
        hn_answer_watch(a, a->calls->literal->end, HN_MARK_END);
        a->state = HN_ANSWER_IN_LITERAL;
        return hn_answer_literal_byte(a, c);
    }
    if (c == '[' && !a->list) {
        a->list = true;
        a->state = HN_ANSWER_IN_LIST;
        return true;
    }
    if (c == '{') {
        a->state = HN_ANSWER_AT_KEY;
        return true;
    }
    if (a->bare) return false;
    if (a->calls->parts) {
        a->state = HN_ANSWER_IN_PART_NAME;
        return hn_answer_part_byte(a, c);
    }
    if (!a->calls->named) return false;
    a->state = HN_ANSWER_IN_NAME;
    return hn_answer_call_byte(a, c);
}

static bool name_byte(struct hn_answer *a, char c)
{
    if (c != '{') {
        hn_answer_put_char(a, &a->text, c);
        return a->text.n <= HN_ANSWER_NAME_MAX;
    }
    if (!hn_answer_call_name(a, hn_buf_view(&a->text))) return false;
    hn_answer_call_arguments(a);
    return arguments_byte(a, c);
}

/* What the key in `text` means; false: a call without a marker has no such key. */
static bool role_of_key(struct hn_answer *a)
{
    const struct hn_str key = hn_buf_view(&a->text);
    a->role = HN_ROLE_NONE;
    if (hn_str_is(key, "name") || hn_str_is(key, "tool_name")) a->role = HN_ROLE_NAME;
    else if (hn_str_is(key, "arguments") || hn_str_is(key, "parameters"))
        a->role = HN_ROLE_ARGUMENTS;
    else if (hn_str_is(key, "function")) a->role = HN_ROLE_FUNCTION;
    else return !a->bare || hn_str_is(key, "type") || hn_str_is(key, "id");
    return true;
}

static bool key_byte(struct hn_answer *a, char c)
{
    enum hn_scan_result result;
    json_byte(a, c, &a->text, &result);
    if (result == HN_SCAN_DONE) {
        a->state = HN_ANSWER_AT_COLON;
        return decode(a, &a->text) && role_of_key(a);
    }
    return result == HN_SCAN_MORE && a->text.n <= HN_ANSWER_NAME_MAX;
}

static bool value_begins(struct hn_answer *a, char c)
{
    if (hn_answer_is_space(c)) return true;
    if (a->role == HN_ROLE_FUNCTION && c == '{' && !a->nested) {
        a->nested = true;
        a->state = HN_ANSWER_AT_KEY;
        return true;
    }
    if (a->role == HN_ROLE_FUNCTION) a->role = HN_ROLE_NAME;
    if (a->role == HN_ROLE_ARGUMENTS && (a->arguments.n || a->begun)) return false;
    if (a->role == HN_ROLE_NAME && c != '"') return false;
    hn_buf_clear(&a->text);
    a->scan = (struct hn_scan){0};
    a->state = HN_ANSWER_IN_VALUE;
    return hn_answer_call_byte(a, c);
}

static bool value_byte(struct hn_answer *a, char c)
{
    enum hn_scan_result result;
    json_byte(a, c,
              a->role == HN_ROLE_NAME        ? &a->text
              : a->role == HN_ROLE_ARGUMENTS ? &a->arguments
                                             : NULL,
              &result);
    if (result == HN_SCAN_BAD) return false;
    if (result == HN_SCAN_MORE) return true;
    a->state = HN_ANSWER_BEHIND_VALUE;
    if (result == HN_SCAN_BEFORE) return hn_answer_call_byte(a, c);
    return a->role != HN_ROLE_NAME || (decode(a, &a->text) && set_name(a, hn_buf_view(&a->text)));
}

static bool object_ends(struct hn_answer *a)
{
    a->state = HN_ANSWER_BEHIND_VALUE;
    if (!a->nested) return hn_answer_call_whole(a);
    a->nested = false;
    return true;
}

static bool list_byte(struct hn_answer *a, char c)
{
    const bool empty = !a->after_call;
    if (hn_answer_is_space(c) || (c == ',' && !empty)) return true;
    if (c == '{') a->state = HN_ANSWER_AT_KEY;
    else if (c == ']' && !empty) hn_answer_resume(a);
    else return false;
    return true;
}

static bool state_byte(struct hn_answer *a, char c)
{
    const bool space = hn_answer_is_space(c);
    switch (a->state) {
    case HN_ANSWER_AT_CALL: return call_byte_first(a, c);
    case HN_ANSWER_IN_NAME: return name_byte(a, c);
    case HN_ANSWER_IN_ARGUMENTS: return arguments_byte(a, c);
    case HN_ANSWER_IN_KEY: return key_byte(a, c);
    case HN_ANSWER_AT_VALUE: return value_begins(a, c);
    case HN_ANSWER_IN_VALUE: return value_byte(a, c);
    case HN_ANSWER_IN_LIST: return list_byte(a, c);
    case HN_ANSWER_IN_LITERAL: return hn_answer_literal_byte(a, c);
    case HN_ANSWER_AT_KEY:
        if (c == '}') return object_ends(a);
        if (space || c != '"') return space;
        hn_buf_clear(&a->text);
        a->scan = (struct hn_scan){0};
        a->state = HN_ANSWER_IN_KEY;
        return key_byte(a, c);
    case HN_ANSWER_AT_COLON:
        if (c == ':') a->state = HN_ANSWER_AT_VALUE;
        return space || c == ':';
    case HN_ANSWER_BEHIND_VALUE:
        if (c == '}') return object_ends(a);
        if (c == ',') a->state = HN_ANSWER_AT_KEY;
        return space || c == ',';
    default: return hn_answer_part_byte(a, c);
    }
}

bool hn_answer_call_byte(struct hn_answer *a, char c)
{
    if (!state_byte(a, c)) return false;
    if (a->params.eager && !a->begun && a->named && a->arguments.n && *a->arguments.p == '{')
        tell_begin(a);
    return true;
}
