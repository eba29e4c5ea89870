#include "cli/grammar_options.h"

#include "base/file.h"

#define AT(field) offsetof(struct hn_grammar_options, field)
const struct hn_opt hn_grammar_items[HN_GRAMMAR_ITEMS] = {
    {"grammar", 0, "FILE", HN_OPT_TEXT, AT(gbnf),
     .help = "the answer follows this grammar, in llama.cpp's notation (GBNF)"},
    {"regex", 0, "TEXT", HN_OPT_TEXT, AT(regex),
     .help = "the whole answer matches this regular expression"},
};
#undef AT

int hn_grammar_options_count(const struct hn_grammar_options *options)
{
    return (options->gbnf != NULL) + (options->regex != NULL);
}

enum hn_status hn_grammar_options_compile(const struct hn_grammar_options *options,
                                          struct hn_grammar **out, struct hn_error *err)
{
    struct hn_buf source = {0};
    *out = NULL;
    if (options->regex) return hn_grammar_regex(hn_str_from(options->regex), out, err);
    if (!options->gbnf) return HN_OK;
    enum hn_status status = hn_file_read(options->gbnf, HN_GRAMMAR_MAX_SOURCE, &source, err);
    if (status >= 0) {
        status = hn_grammar_gbnf(hn_buf_view(&source), out, err);
        if (status < 0) hn_fail_in(err, status, "%s", options->gbnf);
    }
    hn_buf_free(&source);
    return status;
}
