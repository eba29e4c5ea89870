#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "cli/answer.h"
#include "cli/answer_json.h"
#include "cli/commands.h"
#include "cli/conversation.h"
#include "cli/door.h"
#include "cli/grammar_options.h"
#include "cli/interrupt.h"
#include "cli/prompt.h"
#include "cli/sampling_options.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "cli/trace_table.h"
#include "formats/npy.h"

struct options {
    struct hn_session_options session;
    struct hn_sampling_options sampling;
    struct hn_grammar_options grammar;
    struct hn_prompt_source prompt;
    const char *tokens_in, *system, *template, *logits_out;
    bool raw, chat, special, json, trace;
};

#define AT(field) offsetof(struct options, field)
static const struct hn_opt prompt_items[] = {
    {"prompt", 'p', "TEXT", HN_OPT_TEXT, AT(prompt.text), .help = "the prompt, instead of a word"},
    {"file", 'f', "FILE", HN_OPT_TEXT, AT(prompt.file),
     .help =
         "read the prompt from this file; - is standard input, where it is read from, too, when "
         "there is no prompt at all"},
    {"tokens-in", 0, "FILE.npy", HN_OPT_TEXT, AT(tokens_in),
     .help = "take the prompt's token ids from a NumPy array of integers"},
    {"raw", 0, NULL, HN_OPT_FLAG, AT(raw), .help = "take the prompt as it is, for a text to go on"},
    {"chat", 0, NULL, HN_OPT_FLAG, AT(chat),
     .help = "take it as a message to answer, by the model's chat template (the default where the "
             "model has one)"},
    {"system", 0, "TEXT", HN_OPT_TEXT, AT(system),
     .help = "the system message of such a chat, which says how to answer"},
    {"template", 0, "FILE.jinja", HN_OPT_TEXT, AT(template),
     .help = "a chat template instead of the model's own"},
};
static const struct hn_opt output_items[] = {
    {"json", 0, NULL, HN_OPT_FLAG, AT(json),
     .help = "print text, token ids, usage and timings as JSON, at the end"},
    {"logprobs", 0, "K", HN_OPT_INT, AT(sampling.params.top_logprobs), 0, HN_SAMPLE_MAX_TOP,
     .help = "with --json: each token's log-probability and those of the K likeliest"},
    {"special", 0, NULL, HN_OPT_FLAG, AT(special), .help = "show control tokens as text"},
    {"logits-out", 0, "FILE.npy", HN_OPT_TEXT, AT(logits_out),
     .help = "write the logits of every position of the prompt: float32, (positions, vocabulary)"},
    {"trace", 0, NULL, HN_OPT_FLAG, AT(trace),
     .help = "print what each stage took, its kernel, and its GB/s, on standard error"},
};
static const struct hn_opt_group groups[] = {
    {"Model", hn_session_items, HN_SESSION_ITEMS, AT(session)},
    {"Prompt", prompt_items, HN_COUNT(prompt_items), 0},
    {"Sampling", hn_sampling_items, HN_SAMPLING_ITEMS, AT(sampling)},
    {"Form of the answer", hn_grammar_items, HN_GRAMMAR_ITEMS, AT(grammar)},
    {"Output", output_items, HN_COUNT(output_items), 0},
};
#undef AT
static const struct hn_cli_spec spec = {
    .name = "run",
    .operands = "[PROMPT]",
    .max_operands = 1,
    .about = "Answers one prompt. The text alone goes to standard output, as it comes.",
    .groups = groups,
    .n_groups = HN_COUNT(groups),
    .more =
        "  hence run -m model.gguf \"Why is the sky blue?\"\n"
        "  hence run -m model.gguf --raw -p \"Once upon a time\" -n 100 --temp 0\n"
        "  hence run -m model.gguf --json --logprobs 3 \"Yes or no?\" | jq .logprobs\n"
        "  hence run -m model.gguf -f text.txt -n 0 --logits-out logits.npy\n"
        "\n"
        "Ctrl-C ends the answer; the exit status is 130 then. HENCE_CPU chooses an instruction\n"
        "set (see hence(1)).",
};

/* What the prompt is before there is a model: a text or token ids. */
struct prompt {
    struct hn_buf text;
    struct hn_tokens ids;
};

static enum hn_status read_prompt(const struct options *o, struct prompt *out, struct hn_error *err)
{
    if (o->tokens_in) return hn_prompt_read_ids(o->tokens_in, &out->ids, err);
    return hn_prompt_read(&o->prompt, &out->text, err);
}

/* The prompt as the only message of a chat. HN_E_NOTFOUND: the model has no template. */
static enum hn_status tokenize_chat(const struct options *o, const struct hn_instance *s,
                                    struct prompt *prompt, struct hn_error *err)
{
    struct hn_chat *chat = NULL;
    struct hn_conversation messages;
    HN_TRY(hn_conversation_init(&messages, err));
    enum hn_status status = hn_conversation_open(s->file, o->template, s->tokenizer, &chat, err);
    if (status >= 0 && o->system)
        status = hn_conversation_system(&messages, hn_str_from(o->system), err);
    if (status >= 0)
        status = hn_conversation_add(&messages, "user", hn_buf_view(&prompt->text), err);
    if (status >= 0) status = hn_conversation_prompt(&messages, chat, &prompt->ids, err);
    hn_chat_destroy(chat);
    hn_conversation_free(&messages);
    return status;
}

static enum hn_status tokenize(const struct options *o, const struct hn_instance *s,
                               struct prompt *prompt, struct hn_error *err)
{
    if (o->tokens_in) return HN_OK;
    if (!o->raw) {
        const bool wanted = o->chat || o->system || o->template;
        const enum hn_status status = tokenize_chat(o, s, prompt, err);
        if (status != HN_E_NOTFOUND || wanted) return status;
    }
    const unsigned flags = HN_TOKENIZE_ADD_SPECIAL | HN_TOKENIZE_PARSE_SPECIAL;
    HN_TRY(hn_tokenize(s->tokenizer, hn_buf_view(&prompt->text), flags, &prompt->ids, err));
    if (prompt->ids.n) return HN_OK;
    return hn_fail(err, HN_E_ARG, "the prompt is empty, and the model puts no token before it");
}

static enum hn_status begin_logits(const char *path, size_t positions, size_t vocabulary,
                                   struct hn_out *out, struct hn_error *err)
{
    struct hn_buf header = {0};
    const size_t shape[] = {positions, vocabulary};
    enum hn_status status = hn_npy_header(&header, "<f4", shape, 2);
    if (status < 0) hn_fail_nomem(err, "header", header.n);
    if (status >= 0) status = hn_out_open(path, out, err);
    if (status >= 0) status = hn_out_write(out, header.p, header.n, err);
    hn_buf_free(&header);
    return status;
}

static enum hn_status print_json(const struct options *o, const struct hn_answer *answer,
                                 const struct hn_instance *s, struct hn_error *err)
{
    struct hn_json_writer w = {0};
    hn_json_open(&w, NULL, '{');
    hn_json_put_text(&w, "model", hn_str_from(s->name));
    hn_answer_json(&w, answer, s);
    hn_json_put_uint(&w, "seed", o->sampling.params.seed);
    hn_json_put_uint(&w, "threads", s->threads);
    hn_json_close(&w, '}');
    return hn_door_print(&w, err);
}

/* What is said after the answer. */
static enum hn_status conclude(const struct options *o, const struct hn_answer *answer,
                               const struct hn_instance *s, struct hn_error *err)
{
    if (o->json) HN_TRY(print_json(o, answer, s, err));
    else if (answer->text.n && answer->text.p[answer->text.n - 1] != '\n') putchar('\n');
    fflush(stdout);
    if (hn_terminal_is(stderr)) {
        const struct hn_style style = hn_terminal_style(stderr);
        fputs(style.dim, stderr);
        hn_answer_stats(stderr, answer);
        fputs(style.plain, stderr);
    }
    if (answer->finish == HN_FINISH_CANCELLED) return hn_fail(err, HN_E_CANCELLED, "stopped");
    return HN_OK;
}

static enum hn_status answer_prompt(const struct options *o, const struct hn_instance *s,
                                    const struct hn_tokens *prompt, struct hn_grammar *grammar,
                                    struct hn_error *err)
{
    struct hn_out file = {0};
    struct hn_trace_table table = {0};
    const struct hn_trace trace = hn_trace_table_sink(&table);
    struct hn_request request = {.tokens = prompt->ids, .n_tokens = prompt->n, .grammar = grammar};
    struct hn_answer answer = {.stream = o->json ? NULL : stdout,
                               .logits = o->logits_out ? &file : NULL,
                               .keep_picks = o->sampling.params.top_logprobs >= 0};
    hn_sampling_apply(&o->sampling, &request);
    request.show_control = o->special;
    enum hn_status status = HN_OK;
    if (o->logits_out)
        status = begin_logits(o->logits_out, prompt->n, s->config.n_vocab, &file, err);
    if (o->trace) hn_engine_trace(s->engine, &trace);
    if (status >= 0) status = hn_answer_run(&answer, s->engine, &request, err);
    hn_engine_trace(s->engine, NULL);
    if (status >= 0) status = conclude(o, &answer, s, err);
    if (status >= 0 && o->logits_out) status = hn_out_commit(&file, err);
    hn_out_abandon(&file);
    if (o->trace) hn_trace_table_print(stderr, &table);
    hn_answer_free(&answer);
    return status;
}

static enum hn_status run(const struct options *o, struct hn_error *err)
{
    struct hn_instance session = {0};
    struct prompt prompt = {0};
    struct hn_grammar *grammar = NULL;
    hn_interrupt_catch();
    /* These first: what is wrong with them is told before a large model is loaded. */
    enum hn_status status = hn_grammar_options_compile(&o->grammar, &grammar, err);
    if (status >= 0) status = read_prompt(o, &prompt, err);
    if (status >= 0)
        status = hn_session_open(
            &o->session, &(struct hn_session_needs){.draft = o->sampling.draft}, &session, err);
    if (status >= 0) status = tokenize(o, &session, &prompt, err);
    if (status >= 0) status = answer_prompt(o, &session, &prompt.ids, grammar, err);
    hn_grammar_release(grammar);
    hn_buf_free(&prompt.text);
    hn_tokens_free(&prompt.ids);
    hn_instance_close(&session);
    return status;
}

int hn_cmd_run(int argc, char **argv)
{
    struct options o = {.session = hn_session_defaults()};
    struct hn_operands operands;
    int status;
    hn_sampling_defaults(&o.sampling);
    if (!hn_cli_parse(&spec, argc, argv, &o, &operands, &status)) return status;
    const int prompts = (operands.n > 0) + (o.prompt.text != NULL) + (o.prompt.file != NULL) +
                        (o.tokens_in != NULL);
    if (prompts > 1) return hn_cli_wrong(&spec, "give one prompt, not %d", prompts);
    if (operands.n) o.prompt.text = operands.words[0];
    if ((o.raw || o.tokens_in) && (o.chat || o.system || o.template))
        return hn_cli_wrong(&spec, "%s takes the prompt as it is, without a chat template",
                            o.raw ? "--raw" : "--tokens-in");
    if (hn_grammar_options_count(&o.grammar) > 1)
        return hn_cli_wrong(&spec, "give one form of the answer, not %d",
                            hn_grammar_options_count(&o.grammar));
    if (o.sampling.params.top_logprobs >= 0 && !o.json)
        return hn_cli_wrong(&spec, "--logprobs are part of --json");
    struct hn_error err;
    return hn_cli_end(&spec, run(&o, &err), &err);
}
