/* A chat at the terminal: what its commands and its answers share. */
#ifndef HN_CLI_TALK_H
#define HN_CLI_TALK_H

#include "base/arena.h"
#include "cli/conversation.h"
#include "cli/line_editor.h"
#include "cli/sampling_options.h"
#include "cli/session.h"

struct hn_talk {
    struct hn_instance session;
    struct hn_chat *chat;
    struct hn_conversation messages;
    struct hn_sampling_options sampling;
    struct hn_editor *editor;
    struct hn_arena kept; /* texts that /set was given */
    uint64_t tries;       /* answers of /regen so far: each has another seed */
    bool over;
};

/* Writes the answer to the last message as it comes, and adds it to the conversation. Ctrl-C ends it
 * early. Messages are as before when nothing was answered. */
enum hn_status hn_talk_answer(struct hn_talk *t, struct hn_error *err);

/* Does what a line that begins with '/' says. The text of an error is for the person. */
enum hn_status hn_talk_command(struct hn_talk *t, const char *line, struct hn_error *err);

#endif
