#include "cli/line_editor.h"

#include <errno.h>
#include <histedit.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "cli/interrupt.h"
#include "cli/terminal.h"

enum { HISTORY_LINES = 1000 };

struct hn_editor {
    EditLine *edit; /* NULL: plain reading */
    History *history;
    char *history_path; /* NULL: not kept */
    const char *prompt;
};

/* --- history ----------------------------------------------------------------------------------- */

enum hn_status hn_editor_history_path(const char *name, struct hn_buf *out, struct hn_error *err)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    enum hn_status status = HN_OK;
    if (state && *state == '/') status = hn_buf_printf(out, "%s/hence/%s", state, name);
    else if (home && *home == '/')
        status = hn_buf_printf(out, "%s/.local/state/hence/%s", home, name);
    else return hn_fail(err, HN_E_NOTFOUND, "neither XDG_STATE_HOME nor HOME names a folder");
    return status < 0 ? hn_fail_nomem(err, "path", PATH_MAX) : HN_OK;
}

/* Makes the folders above a file. What goes wrong shows when the file is written. */
static void make_folders(const char *path)
{
    char folder[PATH_MAX];
    const int n = snprintf(folder, sizeof folder, "%s", path);
    if (n < 0 || (size_t)n >= sizeof folder) return;
    for (char *at = folder + 1; (at = strchr(at, '/')); *at++ = '/') {
        *at = '\0';
        (void)mkdir(folder, 0700);
    }
}

static void load_history(struct hn_editor *editor, const char *path)
{
    HistEvent event;
    editor->history = history_init();
    if (!editor->history) return;
    history(editor->history, &event, H_SETSIZE, HISTORY_LINES);
    history(editor->history, &event, H_SETUNIQUE, 1);
    el_set(editor->edit, EL_HIST, history, editor->history);
    if (!path) return;
    editor->history_path = strdup(path);
    history(editor->history, &event, H_LOAD, path);
}

static void save_history(const struct hn_editor *editor)
{
    HistEvent event;
    if (!editor->history || !editor->history_path) return;
    make_folders(editor->history_path);
    const mode_t before = umask(077);
    history(editor->history, &event, H_SAVE, editor->history_path);
    umask(before);
}

void hn_editor_remember(struct hn_editor *editor, struct hn_str text)
{
    HistEvent event;
    char *copy = editor->history && text.n ? strndup(text.p, text.n) : NULL;
    if (copy) history(editor->history, &event, H_ENTER, copy);
    free(copy);
}

/* --- terminal ---------------------------------------------------------------------------------- */

/* One character for the editor. libedit's own reader would go on after a signal. */
static int read_character(EditLine *edit, wchar_t *out)
{
    mbstate_t state = {0};
    int fd;
    FILE *in;
    el_get(edit, EL_GETFP, 0, &in);
    fd = fileno(in);
    for (;;) {
        char byte;
        const ssize_t n = hn_interrupted() ? -1 : read(fd, &byte, 1);
        if (n == 0) return 0;
        if (n < 0) {
            if (errno == EINTR && !hn_interrupted()) continue; /* the window's size, say */
            return -1;
        }
        const size_t used = mbrtowc(out, &byte, 1, &state);
        if (used == (size_t)-2) continue; /* more bytes to come */
        if (used != (size_t)-1) return 1;
        state = (mbstate_t){0}; /* no character: the byte is dropped */
    }
}

static char *show_prompt(EditLine *edit)
{
    struct hn_editor *editor;
    el_get(edit, EL_CLIENTDATA, &editor);
    return (char *)(uintptr_t)editor->prompt;
}

static bool start_editing(struct hn_editor *editor)
{
    /* Characters are more than bytes: the editor needs to know how wide they are. */
    const char *locale = setlocale(LC_CTYPE, "");
    if (!locale || !strcmp(locale, "C") || !strcmp(locale, "POSIX")) setlocale(LC_CTYPE, "C.UTF-8");
    editor->edit = el_init("hence", stdin, stdout, stderr);
    if (!editor->edit) return false;
    el_set(editor->edit, EL_CLIENTDATA, editor);
    el_set(editor->edit, EL_PROMPT, show_prompt);
    el_set(editor->edit, EL_EDITOR, "emacs");
    el_set(editor->edit, EL_GETCFN, read_character);
    el_set(editor->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(editor->edit, NULL); /* ~/.editrc */
    return true;
}

enum hn_status hn_editor_create(const char *history, struct hn_editor **out, struct hn_error *err)
{
    struct hn_editor *editor = calloc(1, sizeof *editor);
    *out = editor;
    if (!editor) return hn_fail_nomem(err, "the line editor", sizeof *editor);
    if (!hn_terminal_is(stdin) || !hn_terminal_is(stdout)) return HN_OK;
    if (start_editing(editor)) load_history(editor, history);
    return HN_OK;
}

void hn_editor_destroy(struct hn_editor *editor)
{
    if (!editor) return;
    save_history(editor);
    if (editor->history) history_end(editor->history);
    if (editor->edit) el_end(editor->edit);
    free(editor->history_path);
    free(editor);
}

void hn_editor_echo(const struct hn_editor *editor, bool on)
{
    struct termios mode;
    if (!editor->edit || tcgetattr(STDIN_FILENO, &mode) != 0) return;
    if (on) mode.c_lflag |= ECHO;
    else mode.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &mode);
}

bool hn_editor_is_terminal(const struct hn_editor *editor)
{
    return editor->edit != NULL;
}

static enum hn_line edit_line(struct hn_editor *editor, const char *prompt, struct hn_buf *out)
{
    int n = 0;
    editor->prompt = prompt;
    hn_interrupt_watch();
    errno = 0;
    /* Before the prompt is shown: el_gets alone would do it after, and lose a Ctrl-D in between. */
    el_set(editor->edit, EL_PREP_TERM, 1);
    const char *line = el_gets(editor->edit, &n);
    if (hn_interrupted()) {
        putchar('\n');
        el_reset(editor->edit);
        return HN_LINE_INTERRUPTED;
    }
    if (!line || n <= 0) return HN_LINE_END;
    if (line[n - 1] == '\n') n--;
    return hn_buf_add(out, line, (size_t)n) < 0 ? HN_LINE_FAILED : HN_LINE_TEXT;
}

/* --- anything else ----------------------------------------------------------------------------- */

static enum hn_line read_line(struct hn_buf *out)
{
    int c;
    bool any = false;
    while ((c = getc(stdin)) != EOF) {
        any = true;
        if (c == '\n') return HN_LINE_TEXT;
        if (hn_buf_char(out, (char)c) < 0) return HN_LINE_FAILED;
    }
    if (hn_interrupted()) return HN_LINE_INTERRUPTED;
    if (ferror(stdin)) return HN_LINE_FAILED;
    return any ? HN_LINE_TEXT : HN_LINE_END;
}

enum hn_line hn_editor_line(struct hn_editor *editor, const char *prompt, struct hn_buf *out)
{
    hn_buf_clear(out);
    out->limit = HN_LINE_MAX;
    return editor->edit ? edit_line(editor, prompt, out) : read_line(out);
}
