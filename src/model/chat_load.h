/* A model's way to chat. */
#ifndef HN_MODEL_CHAT_LOAD_H
#define HN_MODEL_CHAT_LOAD_H

#include "formats/gguf.h"
#include "text/chat_prompt.h"

/* From the metadata tokenizer.chat_template and, for chats with tools, tokenizer.chat_template.tool_use.
 * HN_E_NOTFOUND: the model has no template. `path` begins errors. The tokenizer must outlive the chat.
 * Free with hn_chat_destroy. */
enum hn_status hn_chat_load(const struct hn_gguf *file, const char *path,
                            const struct hn_tokenizer *tokenizer, struct hn_chat **out,
                            struct hn_error *err);

#endif
