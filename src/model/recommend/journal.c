#include "model/recommend/journal.h"

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
#include "base/file.h"

static const char MAGIC[8] = "HNITEMS1";

enum { HEAD = 12 /* of a change: length, its complement, checksum */ };

static enum hn_status fail_errno(struct hn_error *err, const char *path, const char *what)
{
    return hn_fail(err, HN_E_IO, "%s: %s: %s", path, what, strerror(errno));
}

static uint32_t checksum(uint32_t length, struct hn_str record)
{
    return (uint32_t)hn_str_hash(record, length + 1ull);
}

static bool only_zeros(struct hn_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i]) return false;
    return true;
}

enum hn_status hn_journal_parse(struct hn_str bytes, const char *name, hn_journal_fn *each,
                                void *ctx, size_t *good, struct hn_error *err)
{
    *good = 0;
    if (bytes.n < sizeof MAGIC && memcmp(bytes.p, MAGIC, bytes.n) == 0) return HN_OK;
    if (bytes.n < sizeof MAGIC || memcmp(bytes.p, MAGIC, sizeof MAGIC) != 0)
        return hn_fail(err, HN_E_FORMAT, "%s: this is no journal of items", name);
    size_t at = sizeof MAGIC;
    while (true) {
        *good = at;
        if (bytes.n - at < HEAD) return HN_OK;
        const uint32_t length = hn_load_u32(bytes.p + at);
        const size_t left = bytes.n - at - HEAD;
        /* The end of the file may hold a part of a change, or pages that were never written. */
        if (only_zeros((struct hn_str){bytes.p + at, bytes.n - at})) return HN_OK;
        const bool sized = hn_load_u32(bytes.p + at + 4) == ~length;
        if (sized && length > left) return HN_OK;
        const struct hn_str record = {bytes.p + at + HEAD, hn_min(length, left)};
        if (!sized || hn_load_u32(bytes.p + at + 8) != checksum(length, record)) {
            if (sized && length == left) return HN_OK;
            return hn_fail(err, HN_E_FORMAT, "%s: the change at byte %zu is damaged", name, at);
        }
        HN_TRY(each(ctx, record, err));
        at += HEAD + length;
    }
}

/* Makes the folder's entry of the file last. */
static enum hn_status sync_folder(const char *path, struct hn_error *err)
{
    char *copy = strdup(path);
    if (!copy) return hn_fail_nomem(err, path, strlen(path));
    const int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool good = fd >= 0 && fsync(fd) == 0;
    const enum hn_status status = good ? HN_OK : fail_errno(err, path, "cannot sync its folder");
    if (fd >= 0) close(fd);
    free(copy);
    return status;
}

/* The file is to be so long again, also on the disk. */
static bool cut(int fd, uint64_t bytes)
{
    return ftruncate(fd, (off_t)bytes) == 0 && fsync(fd) == 0;
}

enum hn_status hn_journal_open(const char *path, hn_journal_fn *each, void *ctx,
                               struct hn_journal *out, struct hn_error *err)
{
    struct hn_map map;
    *out = (struct hn_journal){.path = strdup(path), .fd = -1};
    if (!out->path) return hn_fail_nomem(err, path, strlen(path));
    if (!hn_file_look(path, &out->seen)) return HN_OK;
    enum hn_status status = hn_map_open(path, &map, err);
    if (status >= 0) {
        status = hn_journal_parse(hn_map_view(&map), path, each, ctx, &out->bytes, err);
        out->seen.size = (off_t)map.size;
        hn_map_close(&map);
    }
    if (status < 0) hn_journal_close(out);
    return status;
}

static enum hn_status write_all(int fd, uint64_t at, const void *bytes, size_t n)
{
    const char *p = bytes;
    while (n) {
        const ssize_t done = pwrite(fd, p, n, (off_t)at);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return HN_E_IO;
        p += done;
        at += (uint64_t)done;
        n -= (size_t)done;
    }
    return HN_OK;
}

/* Whether the open file is the one that was read, and still the one of that name: a journal that was made
 * smaller is another. */
static bool is_as_read(const struct hn_journal *j, int fd)
{
    struct hn_file_version named;
    struct stat st;
    if (fstat(fd, &st) < 0 || !hn_file_look(j->path, &named)) return false;
    return named.device == st.st_dev && named.inode == st.st_ino && st.st_size == j->seen.size &&
           (!j->seen.inode || (j->seen.device == st.st_dev && j->seen.inode == st.st_ino));
}

/* Makes the file this journal's alone, as it was read: its torn end goes, or its head comes. */
static enum hn_status take(struct hn_journal *j, int fd, struct hn_error *err)
{
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return hn_fail(err, HN_E_BUSY, "%s: another program changes these items", j->path);
    if (!is_as_read(j, fd))
        return hn_fail(err, HN_E_BUSY, "%s: another program has changed these items", j->path);
    if ((off_t)j->bytes < j->seen.size && !cut(fd, j->bytes))
        return fail_errno(err, j->path, "cannot cut it");
    j->seen.size = (off_t)j->bytes;
    if (j->bytes) return HN_OK;
    if (write_all(fd, 0, MAGIC, sizeof MAGIC) < 0 || fsync(fd) < 0) {
        const enum hn_status status = fail_errno(err, j->path, "cannot write");
        (void)cut(fd, 0);
        return status;
    }
    j->bytes = sizeof MAGIC;
    j->seen.size = sizeof MAGIC;
    return sync_folder(j->path, err);
}

/* Opens and locks the file, once. What is added to a file without a name would be gone with the program. */
static enum hn_status own(struct hn_journal *j, struct hn_error *err)
{
    struct stat st;
    if (j->fd >= 0 && fstat(j->fd, &st) == 0 && st.st_nlink) return HN_OK;
    if (j->fd >= 0)
        return hn_fail(err, HN_E_IO, "%s: somebody removed it; start again without it", j->path);
    const int fd = open(j->path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return fail_errno(err, j->path, "cannot open it for writing");
    const enum hn_status status = take(j, fd, err);
    if (status < 0) close(fd);
    else j->fd = fd;
    return status;
}

/* A change as it stands in the file. */
static enum hn_status put_record(struct hn_buf *out, struct hn_str record)
{
    const uint32_t length = (uint32_t)record.n, complement = ~length;
    const uint32_t sum = checksum(length, record);
    hn_buf_add(out, &length, sizeof length);
    hn_buf_add(out, &complement, sizeof complement);
    hn_buf_add(out, &sum, sizeof sum);
    return hn_buf_str(out, record);
}

enum hn_status hn_journal_add(struct hn_journal *j, struct hn_str record, struct hn_error *err)
{
    if (j->broken)
        return hn_fail(err, HN_E_IO, "%s: a failed write could not be undone; start again",
                       j->path);
    if (record.n > HN_JOURNAL_RECORD) return hn_fail(err, HN_E_LIMIT, "the change is too large");
    HN_TRY(own(j, err));
    struct hn_buf bytes = {0};
    if (put_record(&bytes, record) < 0) {
        hn_buf_free(&bytes);
        return hn_fail_nomem(err, "a change", record.n);
    }
    enum hn_status status = HN_OK;
    if (write_all(j->fd, j->bytes, bytes.p, bytes.n) < 0 || fdatasync(j->fd) < 0) {
        status = fail_errno(err, j->path, "cannot write");
        j->broken = !cut(j->fd, j->bytes);
    } else {
        j->bytes += bytes.n;
    }
    hn_buf_free(&bytes);
    return status;
}

/* --- a smaller one ----------------------------------------------------------------------------- */

enum { WRITE_BYTES = 1 << 20 /* at once */ };

enum hn_status hn_journal_draft_begin(struct hn_journal *j, struct hn_journal_draft *draft,
                                      struct hn_error *err)
{
    struct hn_buf path = {0};
    *draft = (struct hn_journal_draft){.fd = -1};
    HN_TRY(own(j, err));
    /* A name that is always the same: what a crash leaves is overwritten, and only the owner comes here. */
    hn_buf_printf(&path, "%s.new", j->path);
    if (path.failed) return hn_fail_nomem(err, j->path, path.n);
    draft->path = path.p;
    draft->fd = open(draft->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (draft->fd < 0 || flock(draft->fd, LOCK_EX | LOCK_NB) < 0)
        return fail_errno(err, draft->path, "cannot open it for writing");
    hn_buf_add(&draft->waiting, MAGIC, sizeof MAGIC);
    return HN_OK;
}

static enum hn_status write_waiting(struct hn_journal_draft *draft, struct hn_error *err)
{
    if (draft->waiting.failed) return hn_fail_nomem(err, "a journal", draft->waiting.n);
    if (write_all(draft->fd, draft->bytes, draft->waiting.p, draft->waiting.n) < 0)
        return fail_errno(err, draft->path, "cannot write");
    draft->bytes += draft->waiting.n;
    hn_buf_clear(&draft->waiting);
    return HN_OK;
}

enum hn_status hn_journal_draft_put(struct hn_journal_draft *draft, struct hn_str record,
                                    struct hn_error *err)
{
    (void)put_record(&draft->waiting, record);
    return draft->waiting.n < WRITE_BYTES ? HN_OK : write_waiting(draft, err);
}

enum hn_status hn_journal_draft_finish(struct hn_journal *j, struct hn_journal_draft *draft,
                                       struct hn_error *err)
{
    HN_TRY(write_waiting(draft, err));
    if (fsync(draft->fd) < 0 || rename(draft->path, j->path) < 0)
        return fail_errno(err, draft->path, "cannot put it in place");
    /* From here on the new file is the one. */
    close(j->fd);
    j->fd = draft->fd;
    j->bytes = draft->bytes;
    draft->fd = -1;
    /* Where the folder may still show the old file after a crash, what is added now would be lost. */
    const enum hn_status status = sync_folder(j->path, err);
    j->broken = status < 0;
    return status;
}

void hn_journal_draft_free(struct hn_journal_draft *draft)
{
    if (draft->fd >= 0) {
        unlink(draft->path);
        close(draft->fd);
    }
    hn_buf_free(&draft->waiting);
    free(draft->path);
    *draft = (struct hn_journal_draft){.fd = -1};
}

void hn_journal_close(struct hn_journal *j)
{
    if (j->fd >= 0) close(j->fd);
    free(j->path);
    *j = (struct hn_journal){.fd = -1};
}
