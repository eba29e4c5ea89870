/* Lines from a person or from a pipe: editing and history on a terminal, plain reading elsewhere. */
#ifndef HN_CLI_LINE_EDITOR_H
#define HN_CLI_LINE_EDITOR_H

#include <stdbool.h>

#include "base/status.h"
#include "base/str.h"

struct hn_editor;

enum { HN_LINE_MAX = 1 << 20 }; /* bytes */

/* Edits when standard input and output are terminals. `history` (NULL: none) is a file that keeps the
 * lines from one time to the next; it and its folder are made when missing, for the user alone. What is
 * wrong with it is no error: the history then lasts as long as the program. */
enum hn_status hn_editor_create(const char *history, struct hn_editor **out, struct hn_error *err);
/* Writes the history. NULL is fine. */
void hn_editor_destroy(struct hn_editor *editor);

bool hn_editor_is_terminal(const struct hn_editor *editor);

enum hn_line {
    HN_LINE_TEXT,
    HN_LINE_END,         /* Ctrl-D, or the end of the file */
    HN_LINE_INTERRUPTED, /* Ctrl-C: what was typed is gone */
    HN_LINE_FAILED,      /* could not be read, or is longer than HN_LINE_MAX */
};

/* Reads a line into `out` (emptied first), without its newline, after showing `prompt` on a terminal. */
enum hn_line hn_editor_line(struct hn_editor *editor, const char *prompt, struct hn_buf *out);

/* Whether a terminal shows what is typed between lines; off while an answer is written, so that what is
 * typed ahead does not mix with it. It stands in the next line then. */
void hn_editor_echo(const struct hn_editor *editor, bool on);

/* Adds a text, of several lines maybe, to the history. */
void hn_editor_remember(struct hn_editor *editor, struct hn_str text);

/* Appends the path of the file that keeps the history of NAME: $XDG_STATE_HOME/hence/NAME, by default
 * below ~/.local/state. HN_E_NOTFOUND when the environment names no home. */
enum hn_status hn_editor_history_path(const char *name, struct hn_buf *out, struct hn_error *err);

#endif
