#include "model/chat_load.h"

#include <stdio.h>

#include "model/open.h"

enum hn_status hn_chat_load(const struct hn_gguf *file, const char *path,
                            const struct hn_tokenizer *tokenizer, struct hn_chat **out,
                            struct hn_error *err)
{
    struct hn_str plain, tools = {0};
    HN_TRY(hn_model_template(file, NULL, &plain, err));
    const enum hn_status status = hn_model_template(file, "tool_use", &tools, err);
    if (status < 0 && status != HN_E_NOTFOUND) return status;
    char name[300];
    snprintf(name, sizeof name, "%s: chat template", path);
    return hn_chat_create(plain, tools, name, tokenizer, out, err);
}
