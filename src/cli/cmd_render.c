#include <stdio.h>

#include "base/bits.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/door.h"
#include "cli/options.h"
#include "model/chat_load.h"

enum { MAX_INPUT = 256 << 20 };

struct options {
    const char *model, *template_file, *file;
};

static const struct hn_opt items[] = {
    HN_OPT_MODEL(struct options, model),
    {"template", 0, "FILE.jinja", HN_OPT_TEXT, offsetof(struct options, template_file),
     .help = "take the template from this file, not from a model"},
    {"file", 'f', "FILE", HN_OPT_TEXT, offsetof(struct options, file),
     .help = "read this file instead of standard input"},
};
static const struct hn_opt_group groups[] = {{"Options", items, HN_COUNT(items), 0}};
static const struct hn_cli_spec spec = {
    .name = "render",
    .operands = "",
    .about = "Reads a JSON object and prints the prompt that a chat template makes of it, nothing "
             "added.\n"
             "The members of the object are the template's variables: messages, tools,\n"
             "add_generation_prompt, bos_token, eos_token, and what else the template knows.",
    .groups = groups,
    .n_groups = HN_COUNT(groups),
    .more =
        "  echo '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}],\n"
        "         \"add_generation_prompt\": true}' | hence render -m model.gguf\n"
        "  hence render --template chat_template.jinja < request.json\n"
        "\n"
        "The language is Jinja as Jinja2 has it in the sandbox that model hubs use. Of a model\n"
        "come its tokens' texts, too: bos_token and eos_token where the object has none.",
};

static enum hn_status render_file(const char *path, const json_t *variables, struct hn_buf *out,
                                  struct hn_error *err)
{
    struct hn_buf source = {0};
    struct hn_template *tpl = NULL;
    enum hn_status status = hn_file_read(path, HN_TEMPLATE_MAX_BYTES, &source, err);
    if (status >= 0) status = hn_template_compile(hn_buf_view(&source), path, &tpl, err);
    if (status >= 0) status = hn_template_render(tpl, variables, NULL, out, err);
    hn_template_destroy(tpl);
    hn_buf_free(&source);
    return status;
}

static enum hn_status render_model(const char *path, const json_t *variables, struct hn_buf *out,
                                   struct hn_error *err)
{
    struct hn_gguf *file;
    struct hn_tokenizer *tokenizer = NULL;
    struct hn_chat *chat = NULL;
    const char *name = path ? path : "starter model";
    HN_TRY(hn_door_open(path, &file, err));
    enum hn_status status = hn_door_tokenizer(file, path, &tokenizer, err);
    if (status >= 0) status = hn_chat_load(file, name, tokenizer, &chat, err);
    if (status >= 0) status = hn_chat_prompt(chat, variables, NULL, out, err);
    hn_chat_destroy(chat);
    hn_tokenizer_destroy(tokenizer);
    hn_gguf_close(file);
    return status;
}

static enum hn_status render(const struct options *o, struct hn_error *err)
{
    struct hn_buf input = {0}, text = {0};
    json_t *variables = NULL;
    const char *from = o->file ? o->file : "-";
    enum hn_status status = hn_file_read(from, MAX_INPUT, &input, err);
    if (status >= 0)
        status = hn_json_parse(hn_buf_view(&input), o->file ? o->file : "standard input",
                               &variables, err);
    if (status >= 0)
        status = o->template_file ? render_file(o->template_file, variables, &text, err)
                                  : render_model(o->model, variables, &text, err);
    if (status >= 0 && text.n) fwrite(text.p, 1, text.n, stdout);
    json_decref(variables);
    hn_buf_free(&input);
    hn_buf_free(&text);
    return status;
}

int hn_cmd_render(int argc, char **argv)
{
    struct options o = {0};
    struct hn_operands operands;
    int status;
    if (!hn_cli_parse(&spec, argc, argv, &o, &operands, &status)) return status;
    if (o.model && o.template_file)
        return hn_cli_wrong(&spec, "-m and --template: give one of them");
    struct hn_error err;
    return hn_cli_end(&spec, render(&o, &err), &err);
}
