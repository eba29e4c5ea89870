#include "cli/grammar_options.h"

#include "base/file.h"

#define AT(field) offsetof(struct hn_grammar_options, field)
const struct hn_opt hn_grammar_items[HN_GRAMMAR_ITEMS] = {
    {"grammar", 0, "FILE", HN_OPT_TEXT, AT(gbnf),
     .help = "the answer follows this grammar, in llama.cpp's notation (GBNF)"},
    {"json-schema", 0, "FILE|TEXT", HN_OPT_TEXT, AT(schema),
     .help = "the answer is JSON that satisfies this schema: a file, or the schema itself, which "
             "begins "
             "with {"},
    {"regex", 0, "TEXT", HN_OPT_TEXT, AT(regex),
     .help = "the whole answer matches this regular expression"},
};
#undef AT

int hn_grammar_options_count(const struct hn_grammar_options *options)
{
    return (options->gbnf != NULL) + (options->schema != NULL) + (options->regex != NULL);
}

static enum hn_status compile_schema(struct hn_str source, const char *what,
                                     struct hn_grammar **out, struct hn_error *err)
{
    json_t *schema;
    HN_TRY(hn_json_parse(source, what, &schema, err));
    const enum hn_status status = hn_grammar_json_schema(schema, out, err);
    json_decref(schema);
    return status;
}

enum hn_status hn_grammar_options_compile(const struct hn_grammar_options *options,
                                          struct hn_grammar **out, struct hn_error *err)
{
    struct hn_buf source = {0};
    *out = NULL;
    if (options->regex) return hn_grammar_regex(hn_str_from(options->regex), out, err);
    if (options->schema && options->schema[0] == '{')
        return compile_schema(hn_str_from(options->schema), "--json-schema", out, err);
    const char *path = options->gbnf ? options->gbnf : options->schema;
    if (!path) return HN_OK;
    enum hn_status status = hn_file_read(path, HN_GRAMMAR_MAX_SOURCE, &source, err);
    if (status >= 0 && options->schema)
        status = compile_schema(hn_buf_view(&source), path, out, err);
    else if (status >= 0 && (status = hn_grammar_gbnf(hn_buf_view(&source), out, err)) < 0)
        hn_fail_in(err, status, "%s", path);
    hn_buf_free(&source);
    return status;
}
