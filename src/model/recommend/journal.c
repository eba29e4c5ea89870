#include "model/recommend/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/file.h"

static const char MAGIC[8] = "HNITEMS1";

enum { HEAD = 8 /* of a change: length, checksum */ };

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
        if (length > left) return HN_OK;
        const struct hn_str record = {bytes.p + at + HEAD, length};
        if (hn_load_u32(bytes.p + at + 4) != checksum(length, record)) {
            if (length == left) return HN_OK;
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

struct counting {
    hn_journal_fn *each;
    void *ctx;
    size_t n;
};

static enum hn_status count(void *ctx, struct hn_str record, struct hn_error *err)
{
    struct counting *c = ctx;
    c->n++;
    return c->each(c->ctx, record, err);
}

enum hn_status hn_journal_open(const char *path, hn_journal_fn *each, void *ctx,
                               struct hn_journal *out, struct hn_error *err)
{
    struct hn_map map;
    struct hn_file_version version;
    struct counting counting = {.each = each, .ctx = ctx};
    *out = (struct hn_journal){.path = strdup(path), .fd = -1};
    if (!out->path) return hn_fail_nomem(err, path, strlen(path));
    if (!hn_file_look(path, &version)) return HN_OK;
    enum hn_status status = hn_map_open(path, &map, err);
    if (status >= 0) {
        const struct hn_str bytes = {map.data ? (const char *)map.data : "", map.size};
        status = hn_journal_parse(bytes, path, count, &counting, &out->bytes, err);
        out->size = map.size;
        out->records = counting.n;
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

/* Makes the file this journal's alone, as it was read: its torn end goes, or its head comes. */
static enum hn_status take(struct hn_journal *j, int fd, struct hn_error *err)
{
    struct stat st;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return hn_fail(err, HN_E_BUSY, "%s: another program changes these items", j->path);
    if (fstat(fd, &st) < 0) return fail_errno(err, j->path, "cannot look at it");
    if ((uint64_t)st.st_size != j->size)
        return hn_fail(err, HN_E_BUSY, "%s: another program has changed these items", j->path);
    if (j->bytes < j->size && !cut(fd, j->bytes)) return fail_errno(err, j->path, "cannot cut it");
    j->size = j->bytes;
    if (j->bytes) return HN_OK;
    if (write_all(fd, 0, MAGIC, sizeof MAGIC) < 0 || fsync(fd) < 0) {
        const enum hn_status status = fail_errno(err, j->path, "cannot write");
        (void)cut(fd, 0);
        return status;
    }
    j->bytes = j->size = sizeof MAGIC;
    return sync_folder(j->path, err);
}

static enum hn_status own(struct hn_journal *j, struct hn_error *err)
{
    if (j->fd >= 0) return HN_OK;
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
    const uint32_t length = (uint32_t)record.n, sum = checksum(length, record);
    hn_buf_add(out, &length, sizeof length);
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
        j->records++;
    }
    hn_buf_free(&bytes);
    return status;
}

enum hn_status hn_journal_replace(struct hn_journal *j, const struct hn_str *records, size_t n,
                                  struct hn_error *err)
{
    struct hn_out out;
    HN_TRY(own(j, err));
    HN_TRY(hn_out_open(j->path, &out, err));
    enum hn_status status = hn_out_write(&out, MAGIC, sizeof MAGIC, err);
    uint64_t bytes = sizeof MAGIC;
    for (size_t i = 0; status >= 0 && i < n; i++) {
        struct hn_buf one = {0};
        status = put_record(&one, records[i]) < 0 ? hn_fail_nomem(err, "a change", records[i].n)
                                                  : hn_out_write(&out, one.p, one.n, err);
        bytes += one.n;
        hn_buf_free(&one);
    }
    const int fd = status < 0 ? -1 : fcntl(out.fd, F_DUPFD_CLOEXEC, 0);
    if (status >= 0 && (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fsync(fd) < 0))
        status = fail_errno(err, j->path, "cannot write");
    if (status < 0) hn_out_abandon(&out);
    else status = hn_out_commit(&out, err);
    if (status < 0) {
        if (fd >= 0) close(fd);
        return status;
    }
    /* From here on the new file is the one. */
    close(j->fd);
    j->fd = fd;
    j->bytes = bytes;
    j->records = n;
    j->broken = false;
    return sync_folder(j->path, err);
}

void hn_journal_close(struct hn_journal *j)
{
    if (j->fd >= 0) close(j->fd);
    free(j->path);
    *j = (struct hn_journal){.fd = -1};
}
