/* A chat as the text that its model was trained to go on from. */
#ifndef HN_TEXT_CHAT_PROMPT_H
#define HN_TEXT_CHAT_PROMPT_H

#include "text/answer_format.h"
#include "text/template.h"
#include "text/tokenizer.h"

struct hn_chat; /* immutable after creation, shared between threads */

/* `source` is the model's template; `tool_source`, where not empty, the one it has for chats with
 * tools. `name` begins errors. The tokenizer must outlive the chat. */
enum hn_status hn_chat_create(struct hn_str source, struct hn_str tool_source, const char *name,
                              const struct hn_tokenizer *tokenizer, struct hn_chat **out,
                              struct hn_error *err);
void hn_chat_destroy(struct hn_chat *chat);

/* How the model writes its answers, as far as the template shows it. */
struct hn_answer_format hn_chat_format(const struct hn_chat *chat);
/* Or as somebody says. Before the chat is shared. */
void hn_chat_choose_format(struct hn_chat *chat, const struct hn_answer_choice *choice);

/* Appends the prompt of a request: an object with `messages`, and `tools`, `add_generation_prompt` and
 * any further variables of the template. A template that knows no tools has them told in the system message. `bos_token`, `eos_token`, ... are the vocabulary's where the
 * request has none. `env` may be NULL. HN_E_ARG: the template refuses the chat, and says why. */
enum hn_status hn_chat_prompt(const struct hn_chat *chat, const json_t *request,
                              const struct hn_template_env *env, struct hn_buf *out,
                              struct hn_error *err);

/* Appends the ids of such a prompt: control tokens are recognised in it, and the token that begins a
 * text stands there once, whether the template writes it or the vocabulary adds it. */
enum hn_status hn_chat_tokenize(const struct hn_chat *chat, struct hn_str prompt,
                                struct hn_tokens *out, struct hn_error *err);

/* A request of these messages, {"messages": [...], "add_generation_prompt": true}, for callers that have
 * plain texts: `system` may be empty. NULL: out of memory. The caller's (json_decref). */
json_t *hn_chat_request(struct hn_str system, struct hn_str user);

#endif
