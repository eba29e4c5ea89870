#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "cli/answer.h"
#include "cli/talk.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"

struct options {
    struct hn_session_options session;
    struct hn_sampling_options sampling;
    const char *system, *template;
    bool no_history;
};

#define AT(field) offsetof(struct options, field)
static const struct hn_opt chat_items[] = {
    {"system", 0, "TEXT", HN_OPT_TEXT, AT(system),
     .help = "the system message, which says how to answer"},
    {"template", 0, "FILE.jinja", HN_OPT_TEXT, AT(template),
     .help = "a chat template instead of the model's own"},
    {"no-history", 0, NULL, HN_OPT_FLAG, AT(no_history),
     .help = "do not keep what is typed for the next time"},
};
static const struct hn_opt_group groups[] = {
    {"Model", hn_session_items, HN_SESSION_ITEMS, AT(session)},
    {"Chat", chat_items, HN_COUNT(chat_items), 0},
    {"Sampling", hn_sampling_items, HN_SAMPLING_ITEMS, AT(sampling)},
};
#undef AT
static const struct hn_cli_spec spec = {
    .name = "chat",
    .operands = "",
    .about =
        "Talks with a model. Each line is a message, also from a pipe; /help lists what else a\n"
        "line can be.",
    .groups = groups,
    .n_groups = HN_COUNT(groups),
    .more = "  hence chat -m model.gguf\n"
            "  hence chat -m model.gguf --system \"Answer in one sentence.\" --temp 0.3\n"
            "  printf '%s\\n' 'Who are you?' 'Since when?' | hence chat -m model.gguf\n"
            "\n"
            "Ctrl-C ends an answer, Ctrl-D the chat. What is typed is kept in\n"
            "$XDG_STATE_HOME/hence/chat_history (by default below ~/.local/state).",
};

static const char in_lines[] = "\"\"\"";

/* After an answer: its speed, and how much of the context is used. */
static void show_stats(const struct hn_talk *t, const struct hn_answer *a)
{
    const struct hn_usage *u = &a->usage;
    const struct hn_style style = hn_terminal_style(stderr);
    const size_t used = u->prompt_tokens + a->ids.n;
    if (!hn_editor_is_terminal(t->editor)) return;
    fprintf(stderr, "%s[%zu tokens", style.dim, u->completion_tokens);
    if (u->completion_tokens > 1 && u->decode_s > 0)
        fprintf(stderr, ", %.0f/s", (double)(u->completion_tokens - 1) / u->decode_s);
    fprintf(stderr, "; context %zu of %zu", used, t->session.plan.context);
    if (a->finish == HN_FINISH_CANCELLED) fputs("; stopped", stderr);
    if (a->finish == HN_FINISH_LENGTH)
        fputs(used >= t->session.plan.context ? "; it is full" : "; cut at -n tokens", stderr);
    fprintf(stderr, "]%s\n", style.plain);
}

static enum hn_status generate(struct hn_talk *t, const struct hn_tokens *prompt,
                               struct hn_error *err)
{
    struct hn_request request = {.tokens = prompt->ids, .n_tokens = prompt->n};
    struct hn_answer answer = {.stream = stdout};
    hn_sampling_apply(&t->sampling, &request);
    request.sample.seed += t->tries;
    enum hn_status status = hn_answer_run(&answer, t->session.engine, &request, err);
    if (status >= 0) {
        if (!answer.text.n || answer.text.p[answer.text.n - 1] != '\n') putchar('\n');
        fflush(stdout);
        show_stats(t, &answer);
        if (answer.text.n)
            status = hn_conversation_add(&t->messages, "assistant", hn_buf_view(&answer.text), err);
    }
    hn_answer_free(&answer);
    return status;
}

enum hn_status hn_talk_answer(struct hn_talk *t, struct hn_error *err)
{
    struct hn_tokens prompt = {0};
    hn_interrupt_watch();
    enum hn_status status = hn_conversation_prompt(&t->messages, t->chat, &prompt, err);
    hn_editor_echo(t->editor, false);
    if (status >= 0) status = generate(t, &prompt, err);
    hn_editor_echo(t->editor, true);
    hn_tokens_free(&prompt);
    if (status == HN_E_CONTEXT)
        return hn_fail(
            err, status,
            "the conversation is too long for the context of %zu tokens: /undo takes the "
            "last message back, /clear begins anew, -c N gives more room where the model "
            "has it",
            t->session.plan.context);
    return status;
}

/* The lines of a message after its first, which is in `message`. */
static enum hn_line read_rest(struct hn_talk *t, struct hn_buf *line, struct hn_buf *message)
{
    const struct hn_str quote = hn_str_from(in_lines);
    bool open = hn_str_starts(hn_buf_view(message), quote);
    if (open) {
        struct hn_str first = {message->p + quote.n, message->n - quote.n};
        if (hn_str_ends(first, quote)) { /* all on one line */
            memmove(message->p, first.p, message->n = first.n - quote.n);
            message->p[message->n] = '\0';
            return HN_LINE_TEXT;
        }
        memmove(message->p, first.p, message->n = first.n);
    }
    while (open || (message->n && message->p[message->n - 1] == '\\')) {
        if (!open) message->n--;
        const enum hn_line got = hn_editor_line(t->editor, ". ", line);
        if (got != HN_LINE_TEXT) return got;
        struct hn_str more = hn_buf_view(line);
        const bool last = open && hn_str_ends(more, quote);
        if (last) more.n -= quote.n;
        if ((message->n && hn_buf_char(message, '\n') < 0) || hn_buf_str(message, more) < 0)
            return HN_LINE_FAILED;
        if (last) return HN_LINE_TEXT;
    }
    return HN_LINE_TEXT;
}

static enum hn_line read_message(struct hn_talk *t, struct hn_buf *line, struct hn_buf *message)
{
    hn_buf_clear(message);
    enum hn_line got = hn_editor_line(t->editor, "> ", line);
    if (got != HN_LINE_TEXT) return got;
    message->limit = HN_LINE_MAX;
    if (hn_buf_str(message, hn_buf_view(line)) < 0) return HN_LINE_FAILED;
    if (message->n && message->p[0] != '/') got = read_rest(t, line, message);
    if (got == HN_LINE_TEXT) hn_editor_remember(t->editor, hn_buf_view(message));
    return got;
}

static bool is_blank(struct hn_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!strchr(" \t\r", s.p[i])) return false;
    return true;
}

/* Answers a message or does what it says. */
static enum hn_status take(struct hn_talk *t, const struct hn_buf *message, struct hn_error *err)
{
    const struct hn_str text = hn_buf_view(message);
    if (is_blank(text)) return HN_OK;
    if (text.p[0] == '/') return hn_talk_command(t, text.p, err);
    const size_t before = hn_conversation_size(&t->messages);
    HN_TRY(hn_conversation_add(&t->messages, "user", text, err));
    const enum hn_status status = hn_talk_answer(t, err);
    if (hn_conversation_size(&t->messages) == before + 1) hn_conversation_cut(&t->messages, before);
    return status;
}

/* Messages until the end. With a person there an error is told and the chat goes on; from a pipe it is
 * the end. */
static enum hn_status talk(struct hn_talk *t, struct hn_error *err)
{
    struct hn_buf line = {0}, message = {0};
    const bool person = hn_editor_is_terminal(t->editor);
    enum hn_status status = HN_OK;
    while (status >= 0 && !t->over) {
        const enum hn_line got = read_message(t, &line, &message);
        if (got == HN_LINE_END) break;
        if (got == HN_LINE_FAILED)
            status =
                hn_fail(err, HN_E_LIMIT, "a message that cannot be read, or of more than %d bytes",
                        HN_LINE_MAX);
        else if (got == HN_LINE_TEXT) status = take(t, &message, err);
        if (!person && hn_interrupted()) status = hn_fail(err, HN_E_CANCELLED, "stopped");
        if (!person || status >= 0 || status == HN_E_IO) continue;
        fprintf(stderr, "%s\n", err->text);
        status = HN_OK;
    }
    if (person && status >= 0 && !t->over) putchar('\n');
    if (person) hn_interrupt_catch(); /* what came last was for the answer, not for the program */
    hn_buf_free(&line);
    hn_buf_free(&message);
    return status;
}

static enum hn_status begin(const struct options *o, struct hn_talk *t, struct hn_error *err)
{
    struct hn_buf history = {0};
    HN_TRY(hn_conversation_init(&t->messages, err));
    if (o->system) HN_TRY(hn_conversation_system(&t->messages, hn_str_from(o->system), err));
    HN_TRY(hn_session_open(&o->session, &(struct hn_session_needs){.draft = o->sampling.draft},
                           &t->session, err));
    const enum hn_status found =
        hn_conversation_open(t->session.file, o->template, t->session.tokenizer, &t->chat, err);
    if (found == HN_E_NOTFOUND && !o->template)
        return hn_fail(err, found,
                       "%s has no chat template: give one with --template FILE.jinja, or let it go "
                       "on with a text by hence run --raw",
                       t->session.name);
    HN_TRY(found);
    const bool keep = !o->no_history && hn_editor_history_path("chat_history", &history, NULL) >= 0;
    const enum hn_status status = hn_editor_create(keep ? history.p : NULL, &t->editor, err);
    hn_buf_free(&history);
    if (status >= 0 && hn_editor_is_terminal(t->editor))
        fprintf(stderr, "%s, context of %zu tokens; /help explains, Ctrl-D ends\n", t->session.name,
                t->session.plan.context);
    return status;
}

static enum hn_status chat(const struct options *o, struct hn_error *err)
{
    struct hn_talk t = {.sampling = o->sampling};
    hn_interrupt_catch();
    enum hn_status status = begin(o, &t, err);
    if (status >= 0) status = talk(&t, err);
    hn_editor_destroy(t.editor);
    hn_chat_destroy(t.chat);
    hn_conversation_free(&t.messages);
    hn_arena_free(&t.kept);
    hn_instance_close(&t.session);
    return status;
}

int hn_cmd_chat(int argc, char **argv)
{
    struct options o = {.session = hn_session_defaults()};
    struct hn_operands operands;
    int status;
    hn_sampling_defaults(&o.sampling);
    if (!hn_cli_parse(&spec, argc, argv, &o, &operands, &status)) return status;
    struct hn_error err;
    return hn_cli_end(&spec, chat(&o, &err), &err);
}
