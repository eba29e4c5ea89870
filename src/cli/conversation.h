/* A conversation: its messages, and the prompt that a model's chat template makes of them. */
#ifndef HN_CLI_CONVERSATION_H
#define HN_CLI_CONVERSATION_H

#include <jansson.h>

#include "base/status.h"
#include "base/str.h"
#include "formats/gguf.h"
#include "text/chat_prompt.h"

struct hn_conversation {
    json_t *messages; /* array of {"role", "content"} */
};

/* Empty; freed by hn_conversation_free. */
enum hn_status hn_conversation_init(struct hn_conversation *c, struct hn_error *err);
void hn_conversation_free(struct hn_conversation *c);

/* Adds a message. Bytes that are no UTF-8 become U+FFFD. */
enum hn_status hn_conversation_add(struct hn_conversation *c, const char *role, struct hn_str text,
                                   struct hn_error *err);

size_t hn_conversation_size(const struct hn_conversation *c);
/* Role and text of message i; NULL when there is none. */
const char *hn_conversation_role(const struct hn_conversation *c, size_t i);
const char *hn_conversation_text(const struct hn_conversation *c, size_t i);

/* Drops the messages from i on. */
void hn_conversation_cut(struct hn_conversation *c, size_t i);

/* Sets the system message, which is always the first; an empty text removes it. */
enum hn_status hn_conversation_system(struct hn_conversation *c, struct hn_str text,
                                      struct hn_error *err);

/* Replaces the messages by those in a JSON file: an array of objects with "role" and "content", both
 * texts. Errors name the file; messages are as before then. */
enum hn_status hn_conversation_read(struct hn_conversation *c, const char *path,
                                    struct hn_error *err);

/* The tokens of the prompt for the next answer, appended to `out`. */
enum hn_status hn_conversation_prompt(const struct hn_conversation *c, const struct hn_chat *chat,
                                      struct hn_tokens *out, struct hn_error *err);

/* The chat template in the file at `path`, or, when that is NULL, the model's own. HN_E_NOTFOUND: the
 * model has none. `tokenizer` must outlive the result. */
enum hn_status hn_conversation_open(const struct hn_gguf *model, const char *path,
                                    const struct hn_tokenizer *tokenizer, struct hn_chat **out,
                                    struct hn_error *err);

#endif
