#include "server/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/file.h"

static const char first_lines[] =
    "# API keys of hence, one a line; `hence keys` adds, lists and revokes them.\n"
    "# A server that runs reads this file again when it changes.\n"
    "# ID  NAME  ROLE  CREATED  HASH  [rpm=N] [tpm=N] [concurrent=N] [weight=X] [revoked=TIME]\n";

void hn_key_list_free(struct hn_key_list *list)
{
    free(list->keys);
    free(list->lines);
    *list = (struct hn_key_list){0};
}

/* Takes the next line off *text; the view is without its end. */
static struct hn_str next_line(struct hn_str *text)
{
    const char *end = memchr(text->p, '\n', text->n);
    const struct hn_str line = {text->p, end ? (size_t)(end - text->p) : text->n};
    const size_t taken = line.n + (end ? 1 : 0);
    *text = (struct hn_str){text->p + taken, text->n - taken};
    return line;
}

static bool says_nothing(struct hn_str line)
{
    size_t i = 0;
    while (i < line.n && strchr(" \t\r", line.p[i]) && line.p[i])
        i++;
    return i == line.n || line.p[i] == '#';
}

static enum hn_status reserve(struct hn_key_list *list, size_t n, struct hn_error *err)
{
    list->keys = calloc(n ? n : 1, sizeof *list->keys);
    list->lines = calloc(n ? n : 1, sizeof *list->lines);
    return list->keys && list->lines ? HN_OK : hn_fail_nomem(err, "keys", n * sizeof *list->keys);
}

static int by_id(const void *a, const void *b, void *keys)
{
    const struct hn_key *list = keys;
    const size_t *i = a, *j = b;
    const int order = strcmp(list[*i].id, list[*j].id);
    return order ? order : (*i > *j) - (*i < *j);
}

static enum hn_status refuse_twins(const struct hn_key_list *list, const char *what,
                                   struct hn_error *err)
{
    size_t *order = calloc(list->n ? list->n : 1, sizeof *order);
    if (!order) return hn_fail_nomem(err, "keys", list->n * sizeof *order);
    for (size_t i = 0; i < list->n; i++)
        order[i] = i;
    qsort_r(order, list->n, sizeof *order, by_id, list->keys);
    enum hn_status status = HN_OK;
    for (size_t i = 1; i < list->n && status == HN_OK; i++)
        if (strcmp(list->keys[order[i - 1]].id, list->keys[order[i]].id) == 0)
            status = hn_fail(err, HN_E_FORMAT, "%s: line %zu: the id of line %zu again", what,
                             list->lines[order[i]], list->lines[order[i - 1]]);
    free(order);
    return status;
}

static enum hn_status read_lines(struct hn_str text, const char *what, struct hn_key_list *out,
                                 struct hn_error *err)
{
    for (size_t number = 1; text.n; number++) {
        const struct hn_str line = next_line(&text);
        if (says_nothing(line)) continue;
        const enum hn_status status = hn_key_parse(line, &out->keys[out->n], err);
        if (status < 0) return hn_fail_in(err, status, "%s: line %zu", what, number);
        out->lines[out->n++] = number;
    }
    return refuse_twins(out, what, err);
}

enum hn_status hn_key_list_parse(struct hn_str text, const char *what, struct hn_key_list *out,
                                 struct hn_error *err)
{
    size_t n = 0;
    *out = (struct hn_key_list){0};
    for (struct hn_str rest = text; rest.n;)
        n += !says_nothing(next_line(&rest));
    if (n > HN_KEYS_MAX)
        return hn_fail(err, HN_E_LIMIT, "%s: more than %d keys", what, HN_KEYS_MAX);
    enum hn_status status = reserve(out, n, err);
    if (status >= 0) status = read_lines(text, what, out, err);
    if (status < 0) hn_key_list_free(out);
    return status;
}

enum hn_status hn_key_list_read(const char *path, struct hn_key_list *out, struct hn_error *err)
{
    struct hn_buf text = {0};
    *out = (struct hn_key_list){0};
    enum hn_status status = hn_file_read(path, HN_KEYS_MAX_BYTES, &text, err);
    if (status >= 0) status = hn_key_list_parse(hn_buf_view(&text), path, out, err);
    hn_buf_free(&text);
    return status;
}

static enum hn_status fail_errno(struct hn_error *err, const char *path, const char *what)
{
    char text[128];
    return hn_fail(err, HN_E_IO, "%s: %s: %s", path, what, strerror_r(errno, text, sizeof text));
}

/* Replaces the file: whole on the disk before it has its name, readable by its owner alone (and by its
 * group where that is so already), and its owner's as before, who may be a server's user. */
static enum hn_status replace(const char *path, struct hn_str text, struct hn_error *err)
{
    struct stat old;
    const bool existed = stat(path, &old) == 0;
    struct hn_out out;
    HN_TRY(hn_out_open(path, &out, err));
    enum hn_status status = HN_OK;
    if (existed && fchown(out.fd, old.st_uid, old.st_gid) < 0)
        status = fail_errno(err, path, "cannot keep its owner");
    if (status >= 0 && fchmod(out.fd, existed ? (old.st_mode & 0040) | 0600 : 0600) < 0)
        status = fail_errno(err, path, "cannot set its permissions");
    if (status >= 0) status = hn_out_write(&out, text.p, text.n, err);
    if (status >= 0 && fsync(out.fd) < 0) status = fail_errno(err, path, "cannot write");
    if (status >= 0) return hn_out_commit(&out, err);
    hn_out_abandon(&out);
    return status;
}

/* A change: the folder is locked, so that of two changes at a time none is lost. */
struct edit {
    char *path; /* the file itself, where `path` as given leads over links */
    int folder;
    struct hn_buf text;
    struct hn_key_list list;
};

static void edit_close(struct edit *edit)
{
    if (edit->folder >= 0) close(edit->folder);
    free(edit->path);
    hn_buf_free(&edit->text);
    hn_key_list_free(&edit->list);
}

static enum hn_status lock_folder(struct edit *edit, const char *path, struct hn_error *err)
{
    edit->path = realpath(path, NULL);
    if (!edit->path) edit->path = strdup(path); /* not there yet */
    char *copy = edit->path ? strdup(edit->path) : NULL;
    if (!copy) return hn_fail_nomem(err, path, strlen(path));
    edit->folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(copy);
    if (edit->folder < 0) return fail_errno(err, path, "cannot open its folder");
    while (flock(edit->folder, LOCK_EX) < 0)
        if (errno != EINTR) return fail_errno(err, path, "cannot lock its folder");
    return HN_OK;
}

/* Locks and reads; a file that is not there is empty. edit_close afterwards, also after an error. */
static enum hn_status edit_open(struct edit *edit, const char *path, struct hn_error *err)
{
    *edit = (struct edit){.folder = -1};
    HN_TRY(lock_folder(edit, path, err));
    const enum hn_status status = hn_file_read(edit->path, HN_KEYS_MAX_BYTES, &edit->text, err);
    if (status < 0 && status != HN_E_NOTFOUND) return status;
    return hn_key_list_parse(hn_buf_view(&edit->text), path, &edit->list, err);
}

/* Writes `text` if it reads as keys again; syncs the folder, so that the new name survives a crash. */
static enum hn_status edit_save(struct edit *edit, const struct hn_buf *text, struct hn_error *err)
{
    struct hn_key_list again;
    if (text->failed) return hn_fail_nomem(err, edit->path, text->n);
    HN_TRY(hn_key_list_parse(hn_buf_view(text), edit->path, &again, err));
    hn_key_list_free(&again);
    HN_TRY(replace(edit->path, hn_buf_view(text), err));
    if (fsync(edit->folder) < 0) return fail_errno(err, edit->path, "cannot sync its folder");
    return HN_OK;
}

static const struct hn_key *find_named(const struct hn_key_list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (!list->keys[i].revoked_ms && strcmp(list->keys[i].name, name) == 0)
            return &list->keys[i];
    return NULL;
}

static const struct hn_key *find_any(const struct hn_key_list *list, const char *who)
{
    for (size_t i = 0; i < list->n; i++)
        if (!list->keys[i].revoked_ms && strcmp(list->keys[i].id, who) == 0) return &list->keys[i];
    return find_named(list, who);
}

static enum hn_status append(struct edit *edit, struct hn_key *key, char text[HN_KEY_TEXT + 1],
                             struct hn_error *err)
{
    const struct hn_key *twin = find_named(&edit->list, key->name);
    if (twin)
        return hn_fail(err, HN_E_ARG, "%s: there is a key of the name %s already, %s", edit->path,
                       key->name, twin->id);
    do
        HN_TRY(hn_key_make(key, text, err));
    while (find_any(&edit->list, key->id));
    key->created_ms = hn_clock_wall_ms();
    if (!edit->text.n) hn_buf_text(&edit->text, first_lines);
    else if (edit->text.p[edit->text.n - 1] != '\n') hn_buf_char(&edit->text, '\n');
    hn_key_print(key, &edit->text);
    hn_buf_char(&edit->text, '\n');
    return edit_save(edit, &edit->text, err);
}

enum hn_status hn_keys_add(const char *path, struct hn_key *key, char text[HN_KEY_TEXT + 1],
                           struct hn_error *err)
{
    struct edit edit;
    HN_TRY(hn_key_check_name(key->name, err));
    enum hn_status status = edit_open(&edit, path, err);
    if (status >= 0) status = append(&edit, key, text, err);
    edit_close(&edit);
    return status;
}

/* Puts a word behind a line; all else stays as people wrote it. */
static enum hn_status append_to_line(struct edit *edit, size_t number, const char *word,
                                     struct hn_error *err)
{
    struct hn_buf out = {0};
    struct hn_str rest = hn_buf_view(&edit->text);
    for (size_t i = 1; rest.n; i++) {
        struct hn_str line = next_line(&rest);
        if (line.n && line.p[line.n - 1] == '\r') line.n--;
        hn_buf_str(&out, line);
        if (i == number) hn_buf_text(&out, word);
        hn_buf_char(&out, '\n');
    }
    const enum hn_status status = edit_save(edit, &out, err);
    hn_buf_free(&out);
    return status;
}

static enum hn_status mark_revoked(struct edit *edit, const char *who, struct hn_key *out,
                                   struct hn_error *err)
{
    const struct hn_key *key = find_any(&edit->list, who);
    char time[HN_CLOCK_TEXT], word[HN_CLOCK_TEXT + 16];
    if (!key)
        return hn_fail(err, HN_E_NOTFOUND, "%s: no key in use has the id or name %.80s", edit->path,
                       who);
    *out = *key;
    out->revoked_ms = hn_clock_wall_ms();
    hn_clock_text(out->revoked_ms, false, time);
    snprintf(word, sizeof word, "  revoked=%s", time);
    return append_to_line(edit, edit->list.lines[key - edit->list.keys], word, err);
}

enum hn_status hn_keys_revoke(const char *path, const char *who, struct hn_key *out,
                              struct hn_error *err)
{
    struct edit edit;
    enum hn_status status = edit_open(&edit, path, err);
    if (status >= 0) status = mark_revoked(&edit, who, out, err);
    edit_close(&edit);
    return status;
}
