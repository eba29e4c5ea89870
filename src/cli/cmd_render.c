#include <stdio.h>

#include "base/bits.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/door.h"
#include "cli/options.h"
#include "text/template.h"

enum { MAX_INPUT = 256 << 20 };

struct options {
    const char *template_file, *file;
};

static const struct hn_opt items[] = {
    {"template", 0, "FILE.jinja", HN_OPT_TEXT, offsetof(struct options, template_file),
     .help = "the template"},
    {"file", 'f', "FILE", HN_OPT_TEXT, offsetof(struct options, file),
     .help = "read the variables from this file instead of standard input"},
};
static const struct hn_opt_group groups[] = {{"Options", items, HN_COUNT(items), 0}};
static const struct hn_cli_spec spec = {
    .name = "render",
    .operands = "",
    .about =
        "Reads a JSON object and prints the prompt that a chat template makes of it, and nothing\n"
        "more. The object's members are the template's variables.",
    .groups = groups,
    .n_groups = HN_COUNT(groups),
};

static enum hn_status render(const struct options *o, struct hn_error *err)
{
    struct hn_buf source = {0}, input = {0}, text = {0};
    struct hn_template *tpl = NULL;
    json_t *variables = NULL;
    enum hn_status status = hn_file_read(o->template_file, HN_TEMPLATE_MAX_BYTES, &source, err);
    if (status >= 0)
        status = hn_template_compile(hn_buf_view(&source), o->template_file, &tpl, err);
    if (status >= 0) status = hn_file_read(o->file ? o->file : "-", MAX_INPUT, &input, err);
    if (status >= 0) status = hn_json_parse(hn_buf_view(&input), "variables", &variables, err);
    if (status >= 0) status = hn_template_render(tpl, variables, NULL, &text, err);
    if (status >= 0) fwrite(text.p, 1, text.n, stdout);
    json_decref(variables);
    hn_template_destroy(tpl);
    hn_buf_free(&source);
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
    if (!o.template_file) return hn_cli_wrong(&spec, "give a template");
    struct hn_error err;
    return hn_cli_end(&spec, render(&o, &err), &err);
}
