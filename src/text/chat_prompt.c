#include "text/chat_prompt.h"

#include <stdlib.h>

#include "text/chat_tools.h"

struct hn_chat {
    const struct hn_tokenizer *tokenizer;
    struct hn_template *plain, *with_tools; /* with_tools: NULL where plain serves all */
    struct hn_answer_format format;
};

static const struct hn_template *template_for(const struct hn_chat *chat, bool tools)
{
    return tools && chat->with_tools ? chat->with_tools : chat->plain;
}

static bool knows_tools(const struct hn_template *tpl)
{
    return hn_template_mentions(tpl, "tools");
}

enum hn_status hn_chat_create(struct hn_str source, struct hn_str tool_source, const char *name,
                              const struct hn_tokenizer *tokenizer, struct hn_chat **out,
                              struct hn_error *err)
{
    struct hn_chat *chat = calloc(1, sizeof *chat);
    if (!chat) return hn_fail_nomem(err, "chat", sizeof *chat);
    chat->tokenizer = tokenizer;
    chat->format = hn_answer_format_of(tool_source.n ? tool_source : source);
    enum hn_status status = hn_template_compile(source, name, &chat->plain, err);
    if (status >= 0 && tool_source.n)
        status = hn_template_compile(tool_source, name, &chat->with_tools, err);
    if (status < 0) {
        hn_chat_destroy(chat);
        return status;
    }
    if (!knows_tools(template_for(chat, true)))
        (void)hn_answer_calls_named(HN_STR("json"), &chat->format.calls, NULL);
    *out = chat;
    return HN_OK;
}

void hn_chat_destroy(struct hn_chat *chat)
{
    if (!chat) return;
    hn_template_destroy(chat->plain);
    hn_template_destroy(chat->with_tools);
    free(chat);
}

struct hn_answer_format hn_chat_format(const struct hn_chat *chat)
{
    return chat->format;
}

void hn_chat_choose_format(struct hn_chat *chat, const struct hn_answer_choice *choice)
{
    if (choice->calls_given) chat->format.calls = choice->format.calls;
    if (choice->reasoning_given) chat->format.reasoning = choice->format.reasoning;
}

/* Sets a variable to the text of a token, unless the request has it or there is no such token. */
static bool add_token(json_t *variables, const char *name, const struct hn_tokenizer *tokenizer,
                      int32_t id)
{
    if (id < 0 || json_object_get(variables, name)) return true;
    const struct hn_str text = hn_tokenizer_text(tokenizer, id);
    return json_object_set_new(variables, name, json_stringn(text.p, text.n)) == 0;
}

static bool add_tokens(json_t *variables, const struct hn_tokenizer *t)
{
    return add_token(variables, "bos_token", t, hn_tokenizer_bos(t)) &&
           add_token(variables, "eos_token", t, hn_tokenizer_eos(t)) &&
           add_token(variables, "unk_token", t, hn_tokenizer_unk(t));
}

enum hn_status hn_chat_prompt(const struct hn_chat *chat, const json_t *request,
                              const struct hn_template_env *env, struct hn_buf *out,
                              struct hn_error *err)
{
    if (!json_is_object(request) || !json_is_array(json_object_get(request, "messages")))
        return hn_fail(err, HN_E_ARG, "a chat is an object with an array \"messages\"");
    json_t *variables = json_copy((json_t *)request);
    if (!variables || !add_tokens(variables, chat->tokenizer)) {
        json_decref(variables);
        return hn_fail_nomem(err, "chat", json_object_size(request));
    }
    const bool tools = json_array_size(json_object_get(request, "tools")) > 0;
    const struct hn_template *tpl = template_for(chat, tools);
    enum hn_status status = HN_OK;
    if (!knows_tools(tpl) && hn_chat_tell_tools(variables) < 0)
        status = hn_fail_nomem(err, "chat", json_object_size(request));
    if (status >= 0) status = hn_template_render(tpl, variables, env, out, err);
    json_decref(variables);
    return status;
}

enum hn_status hn_chat_tokenize(const struct hn_chat *chat, struct hn_str prompt,
                                struct hn_tokens *out, struct hn_error *err)
{
    const struct hn_tokenizer *t = chat->tokenizer;
    if (hn_tokenizer_adds_bos(t)) {
        const struct hn_str bos = hn_tokenizer_text(t, hn_tokenizer_bos(t));
        if (bos.n && hn_str_starts(prompt, bos)) {
            prompt.p += bos.n;
            prompt.n -= bos.n;
        }
    }
    return hn_tokenize(t, prompt, HN_TOKENIZE_ADD_SPECIAL | HN_TOKENIZE_PARSE_SPECIAL, out, err);
}

static bool add_message(json_t *messages, const char *role, struct hn_str content)
{
    json_t *message = json_object();
    json_t *text = json_stringn(content.p ? content.p : "", content.n);
    const bool ok =
        message && text && json_object_set_new(message, "role", json_string(role)) == 0 &&
        json_object_set(message, "content", text) == 0 && json_array_append(messages, message) == 0;
    json_decref(text);
    json_decref(message);
    return ok;
}

json_t *hn_chat_request(struct hn_str system, struct hn_str user)
{
    json_t *request = json_object();
    json_t *messages = json_array();
    const bool ok = request && messages && (!system.n || add_message(messages, "system", system)) &&
                    add_message(messages, "user", user) &&
                    json_object_set(request, "messages", messages) == 0 &&
                    json_object_set_new(request, "add_generation_prompt", json_true()) == 0;
    json_decref(messages);
    if (ok) return request;
    json_decref(request);
    return NULL;
}
