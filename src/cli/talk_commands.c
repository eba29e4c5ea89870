#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/file.h"
#include "cli/talk.h"
#include "cli/terminal.h"

static enum hn_status help(struct hn_talk *t, const char *rest, struct hn_error *err);

/* /clear: everything but the system message. */
static enum hn_status clear(struct hn_talk *t, const char *rest, struct hn_error *err)
{
    const char *first = hn_conversation_role(&t->messages, 0);
    (void)rest;
    (void)err;
    hn_conversation_cut(&t->messages, first && strcmp(first, "system") == 0);
    fprintf(stderr, "a new conversation\n");
    return HN_OK;
}

static enum hn_status system_message(struct hn_talk *t, const char *rest, struct hn_error *err)
{
    if (*rest) {
        const bool none = strcmp(rest, "none") == 0;
        HN_TRY(hn_conversation_system(&t->messages, hn_str_from(none ? "" : rest), err));
    }
    const char *first = hn_conversation_role(&t->messages, 0);
    const bool has = first && strcmp(first, "system") == 0;
    fprintf(stderr, "system message: %s\n", has ? hn_conversation_text(&t->messages, 0) : "none");
    return HN_OK;
}

static void show_setting(const struct hn_opt *opt, const struct hn_sampling_options *all)
{
    const char *field = (const char *)all + opt->at;
    if (opt->kind == HN_OPT_CALL) return;
    fprintf(stderr, "  %-18s ", opt->name);
    switch (opt->kind) {
    case HN_OPT_FLAG: fputs(*(const bool *)field ? "on" : "off", stderr); break;
    case HN_OPT_INT: fprintf(stderr, "%d", *(const int32_t *)field); break;
    case HN_OPT_REAL: fprintf(stderr, "%g", (double)*(const float *)field); break;
    case HN_OPT_SEED: fprintf(stderr, "%llu", *(const unsigned long long *)field); break;
    default:
        if (*(const size_t *)field == SIZE_MAX) fputs("as many as it takes", stderr);
        else fprintf(stderr, "%zu", *(const size_t *)field);
    }
    putc('\n', stderr);
}

static enum hn_status set(struct hn_talk *t, const char *rest, struct hn_error *err)
{
    const size_t n = strcspn(rest, " \t");
    char name[64];
    if (!*rest) {
        for (size_t i = 0; i < HN_SAMPLING_ITEMS; i++)
            show_setting(&hn_sampling_items[i], &t->sampling);
        return HN_OK;
    }
    snprintf(name, sizeof name, "%.*s", (int)hn_min(n, sizeof name - 1), rest);
    rest += n;
    rest += strspn(rest, " \t");
    /* The options keep views. */
    char *value = hn_arena_alloc(&t->kept, strlen(rest) + 1, 1);
    if (!value) return hn_fail_nomem(err, "a setting", strlen(rest));
    memcpy(value, rest, strlen(rest) + 1);
    return hn_opt_set(hn_sampling_items, HN_SAMPLING_ITEMS, &t->sampling, name, value, err);
}

/* The number of messages before the last one of the user; SIZE_MAX when there is none. */
static size_t last_question(const struct hn_talk *t)
{
    for (size_t i = hn_conversation_size(&t->messages); i-- > 0;)
        if (strcmp(hn_conversation_role(&t->messages, i), "user") == 0) return i;
    return SIZE_MAX;
}

static enum hn_status regenerate(struct hn_talk *t, const char *rest, struct hn_error *err)
{
    const size_t at = last_question(t);
    (void)rest;
    if (at == SIZE_MAX) return hn_fail(err, HN_E_ARG, "there is nothing to answer yet");
    hn_conversation_cut(&t->messages, at + 1);
    t->tries++;
    return hn_talk_answer(t, err);
}

static enum hn_status undo(struct hn_talk *t, const char *rest, struct hn_error *err)
{
    const size_t at = last_question(t);
    (void)rest;
    if (at == SIZE_MAX) return hn_fail(err, HN_E_ARG, "there is nothing to take back");
    hn_conversation_cut(&t->messages, at);
    fprintf(stderr, "the last exchange is taken back; %zu messages left\n",
            hn_conversation_size(&t->messages));
    return HN_OK;
}

static enum hn_status save(struct hn_talk *t, const char *rest, struct hn_error *err)
{
    if (!*rest) return hn_fail(err, HN_E_ARG, "name a file: /save FILE.json");
    char *text = json_dumps(t->messages.messages, JSON_INDENT(2));
    if (!text) return hn_fail_nomem(err, "the conversation", 0);
    const enum hn_status status = hn_file_write(rest, text, strlen(text), err);
    free(text);
    if (status >= 0)
        fprintf(stderr, "%zu messages in %s\n", hn_conversation_size(&t->messages), rest);
    return status;
}

static enum hn_status load(struct hn_talk *t, const char *rest, struct hn_error *err)
{
    if (!*rest) return hn_fail(err, HN_E_ARG, "name a file: /load FILE.json");
    HN_TRY(hn_conversation_read(&t->messages, rest, err));
    fprintf(stderr, "%zu messages from %s\n", hn_conversation_size(&t->messages), rest);
    return HN_OK;
}

static enum hn_status context(struct hn_talk *t, const char *rest, struct hn_error *err)
{
    struct hn_tokens tokens = {0};
    (void)rest;
    HN_TRY(hn_conversation_prompt(&t->messages, t->chat, &tokens, err));
    fprintf(stderr, "%zu messages, %zu of the context's %zu tokens\n",
            hn_conversation_size(&t->messages), tokens.n, t->session.plan.context);
    hn_tokens_free(&tokens);
    return HN_OK;
}

static enum hn_status quit(struct hn_talk *t, const char *rest, struct hn_error *err)
{
    (void)rest;
    (void)err;
    t->over = true;
    return HN_OK;
}

static const struct command {
    const char *name, *value, *summary;
    enum hn_status (*run)(struct hn_talk *t, const char *rest, struct hn_error *err);
} commands[] = {
    {"help", "", "this list", help},
    {"regen", "", "answer the last message anew", regenerate},
    {"undo", "", "take the last message and its answer back", undo},
    {"clear", "", "begin a new conversation; the system message stays", clear},
    {"system", "[TEXT|none]", "show or set the system message", system_message},
    {"set", "[NAME VALUE]", "show or change how tokens are chosen: /set temp 0.2", set},
    {"context", "", "how much of the context is used", context},
    {"save", "FILE.json", "write the conversation", save},
    {"load", "FILE.json", "go on with a conversation that was saved", load},
    {"quit", "", "end, as Ctrl-D does", quit},
};

static enum hn_status help(struct hn_talk *t, const char *rest, struct hn_error *err)
{
    (void)t;
    (void)rest;
    (void)err;
    for (size_t i = 0; i < HN_COUNT(commands); i++) {
        char form[40];
        snprintf(form, sizeof form, "/%s %s", commands[i].name, commands[i].value);
        fprintf(stderr, "  %-21s %s\n", form, commands[i].summary);
    }
    fputs(
        "A line that ends in \\ goes on in the next one; \"\"\" begins and ends a message of many\n"
        "lines. Ctrl-C ends an answer, the arrow keys bring lines back. A message that begins\n"
        "with / wants a blank before it.\n",
        stderr);
    return HN_OK;
}

enum hn_status hn_talk_command(struct hn_talk *t, const char *line, struct hn_error *err)
{
    const char *names[HN_COUNT(commands)];
    char name[32];
    const size_t n = strcspn(++line, " \t");
    snprintf(name, sizeof name, "%.*s", (int)hn_min(n, sizeof name - 1), line);
    const char *rest = line + n + strspn(line + n, " \t");
    for (size_t i = 0; i < HN_COUNT(commands); i++) {
        names[i] = commands[i].name;
        if (strcmp(name, commands[i].name) == 0) return commands[i].run(t, rest, err);
    }
    const char *near = hn_cli_nearest(name, names, HN_COUNT(names));
    if (near)
        return hn_fail(err, HN_E_ARG, "there is no command /%s; did you mean /%s?", name, near);
    return hn_fail(err, HN_E_ARG,
                   "there is no command /%s: /help lists them; a message that begins with / wants "
                   "a blank before it",
                   name);
}
