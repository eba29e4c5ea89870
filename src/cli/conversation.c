#include "cli/conversation.h"

#include "base/file.h"
#include "base/json.h"
#include "model/open.h"
#include "text/utf8.h"

enum { MAX_FILE = 64 << 20 }; /* bytes of saved messages */

enum hn_status hn_conversation_init(struct hn_conversation *c, struct hn_error *err)
{
    c->messages = json_array();
    return c->messages ? HN_OK : hn_fail_nomem(err, "a conversation", sizeof *c);
}

void hn_conversation_free(struct hn_conversation *c)
{
    json_decref(c->messages);
    c->messages = NULL;
}

/* A JSON text of any bytes; NULL when out of memory. */
static json_t *text_of(struct hn_str text)
{
    struct hn_buf clean = {0};
    json_t *json = NULL;
    if (hn_utf8_repair(text, &clean) >= 0) json = json_stringn(clean.p ? clean.p : "", clean.n);
    hn_buf_free(&clean);
    return json;
}

static json_t *message_of(const char *role, struct hn_str text)
{
    return json_pack("{s:s, s:o}", "role", role, "content", text_of(text));
}

enum hn_status hn_conversation_add(struct hn_conversation *c, const char *role, struct hn_str text,
                                   struct hn_error *err)
{
    if (json_array_append_new(c->messages, message_of(role, text)) == 0) return HN_OK;
    return hn_fail_nomem(err, "a message", text.n);
}

size_t hn_conversation_size(const struct hn_conversation *c)
{
    return json_array_size(c->messages);
}

static const char *member(const struct hn_conversation *c, size_t i, const char *key)
{
    return json_string_value(json_object_get(json_array_get(c->messages, i), key));
}

const char *hn_conversation_role(const struct hn_conversation *c, size_t i)
{
    return member(c, i, "role");
}

const char *hn_conversation_text(const struct hn_conversation *c, size_t i)
{
    return member(c, i, "content");
}

void hn_conversation_cut(struct hn_conversation *c, size_t i)
{
    while (json_array_size(c->messages) > i)
        json_array_remove(c->messages, json_array_size(c->messages) - 1);
}

enum hn_status hn_conversation_system(struct hn_conversation *c, struct hn_str text,
                                      struct hn_error *err)
{
    const char *first = hn_conversation_role(c, 0);
    const bool has = first && strcmp(first, "system") == 0;
    if (!text.n) {
        if (has) json_array_remove(c->messages, 0);
        return HN_OK;
    }
    json_t *message = message_of("system", text);
    const int failed = has ? json_array_set_new(c->messages, 0, message)
                           : json_array_insert_new(c->messages, 0, message);
    return failed ? hn_fail_nomem(err, "a message", text.n) : HN_OK;
}

static enum hn_status check_messages(const json_t *messages, const char *path, struct hn_error *err)
{
    if (!json_is_array(messages))
        return hn_fail(err, HN_E_FORMAT, "%s: is no array of messages", path);
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *message = json_array_get(messages, i);
        if (!json_is_string(json_object_get(message, "role")) ||
            !json_is_string(json_object_get(message, "content")))
            return hn_fail(err, HN_E_FORMAT, "%s: message %zu has no role or content that is text",
                           path, i + 1);
    }
    return HN_OK;
}

enum hn_status hn_conversation_read(struct hn_conversation *c, const char *path,
                                    struct hn_error *err)
{
    struct hn_buf text = {0};
    json_t *messages = NULL;
    enum hn_status status = hn_file_read(path, MAX_FILE, &text, err);
    if (status >= 0) status = hn_json_parse(hn_buf_view(&text), path, &messages, err);
    if (status >= 0) status = check_messages(messages, path, err);
    hn_buf_free(&text);
    if (status < 0) {
        json_decref(messages);
        return status;
    }
    json_decref(c->messages);
    c->messages = messages;
    return HN_OK;
}

/* --- the prompt -------------------------------------------------------------------------------- */

enum hn_status hn_conversation_prompt(const struct hn_conversation *c, const struct hn_chat *chat,
                                      struct hn_tokens *out, struct hn_error *err)
{
    struct hn_buf text = {0};
    json_t *request = json_pack("{s:O, s:b}", "messages", c->messages, "add_generation_prompt", 1);
    if (!request) return hn_fail_nomem(err, "the conversation", json_array_size(c->messages));
    enum hn_status status = hn_chat_prompt(chat, request, NULL, &text, err);
    if (status >= 0) status = hn_chat_tokenize(chat, hn_buf_view(&text), out, err);
    json_decref(request);
    hn_buf_free(&text);
    return status;
}

enum hn_status hn_conversation_open(const struct hn_gguf *model, const char *path,
                                    const struct hn_tokenizer *tokenizer, struct hn_chat **out,
                                    struct hn_error *err)
{
    const struct hn_str none = {"", 0};
    struct hn_buf file = {0};
    struct hn_str source = none, tools = none;
    *out = NULL;
    if (path) {
        HN_TRY(hn_file_read(path, HN_TEMPLATE_MAX_BYTES, &file, err));
        source = hn_buf_view(&file);
    } else {
        HN_TRY(hn_model_template(model, NULL, &source, err));
        (void)hn_model_template(model, "tool_use", &tools, NULL);
    }
    const enum hn_status status =
        hn_chat_create(source, tools, path ? path : "chat template", tokenizer, out, err);
    hn_buf_free(&file);
    return status;
}
