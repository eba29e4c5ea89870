#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"

static enum hn_status fail_errno(struct hn_error *err, const char *path, const char *what)
{
    const int reason = errno;
    const enum hn_status status = reason == ENOENT ? HN_E_NOTFOUND : HN_E_IO;
    char text[128];
    return hn_fail(err, status, "%s: %s: %s", path, what, strerror_r(reason, text, sizeof text));
}

enum hn_status hn_map_open(const char *path, struct hn_map *out, struct hn_error *err)
{
    *out = (struct hn_map){0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_errno(err, path, "cannot open");
    struct stat st;
    enum hn_status status = HN_OK;
    if (fstat(fd, &st) < 0) {
        status = fail_errno(err, path, "cannot stat");
    } else if (!S_ISREG(st.st_mode)) {
        status = hn_fail(err, HN_E_ARG, "%s: not a regular file", path);
    } else if (st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED) status = fail_errno(err, path, "cannot map");
        else *out = (struct hn_map){p, (size_t)st.st_size};
    }
    close(fd);
    return status;
}

void hn_map_close(struct hn_map *map)
{
    /* munmap takes a non-const pointer; nothing is written. */
    if (map->data) munmap((void *)(uintptr_t)map->data, map->size);
    *map = (struct hn_map){0};
}

struct hn_str hn_map_view(const struct hn_map *map)
{
    return (struct hn_str){map->data ? (const char *)map->data : "", map->size};
}

void hn_map_rest(const struct hn_map *map)
{
    if (map->data) (void)madvise((void *)(uintptr_t)map->data, map->size, MADV_DONTNEED);
}

static enum hn_status read_all(int fd, const char *path, size_t limit, struct hn_buf *out,
                               struct hn_error *err)
{
    for (;;) {
        if (hn_buf_reserve(out, 64 * 1024) < 0) return hn_fail_nomem(err, path, out->n + 64 * 1024);
        const ssize_t n = read(fd, out->p + out->n, 64 * 1024);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno(err, path, "cannot read");
        if (n == 0) break;
        out->n += (size_t)n;
        if (out->n > limit)
            return hn_fail(err, HN_E_LIMIT, "%s: larger than the limit of %zu bytes", path, limit);
    }
    out->p[out->n] = '\0';
    return HN_OK;
}

enum hn_status hn_file_read(const char *path, size_t limit, struct hn_buf *out,
                            struct hn_error *err)
{
    if (strcmp(path, "-") == 0) return read_all(STDIN_FILENO, "standard input", limit, out, err);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_errno(err, path, "cannot open");
    const enum hn_status status = read_all(fd, path, limit, out, err);
    close(fd);
    return status;
}

enum hn_status hn_out_open(const char *path, struct hn_out *out, struct hn_error *err)
{
    struct hn_buf temp = {0};
    *out = (struct hn_out){.fd = -1, .path = strdup(path)};
    hn_buf_printf(&temp, "%s.XXXXXX", path);
    out->temp = temp.p;
    enum hn_status status = HN_OK;
    if (temp.failed || !out->path) {
        status = hn_fail_nomem(err, path, strlen(path));
        goto fail;
    }
    out->fd = mkstemp(out->temp);
    if (out->fd < 0) {
        status = fail_errno(err, path, "cannot create a temporary file beside it");
        goto fail;
    }
    fchmod(out->fd, 0644);
    return HN_OK;
fail:
    free(out->temp);
    free(out->path);
    *out = (struct hn_out){0};
    return status;
}

enum hn_status hn_out_write(struct hn_out *out, const void *bytes, size_t n, struct hn_error *err)
{
    const char *p = bytes;
    while (n) {
        const ssize_t done = write(out->fd, p, n);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return fail_errno(err, out->path, "cannot write");
        p += done;
        n -= (size_t)done;
    }
    return HN_OK;
}

/* Frees the names; `remove` also the file behind the temporary one. */
static void out_close(struct hn_out *out, bool remove)
{
    if (remove && out->temp) unlink(out->temp);
    free(out->temp);
    free(out->path);
    *out = (struct hn_out){0};
}

enum hn_status hn_out_commit(struct hn_out *out, struct hn_error *err)
{
    enum hn_status status = HN_OK;
    if (close(out->fd) < 0) status = fail_errno(err, out->path, "cannot close");
    else if (rename(out->temp, out->path) < 0) status = fail_errno(err, out->path, "cannot rename");
    out_close(out, status < 0);
    return status;
}

void hn_out_abandon(struct hn_out *out)
{
    if (out->path) close(out->fd);
    out_close(out, true);
}

enum hn_status hn_file_write(const char *path, const void *bytes, size_t n, struct hn_error *err)
{
    struct hn_out out;
    HN_TRY(hn_out_open(path, &out, err));
    const enum hn_status status = hn_out_write(&out, bytes, n, err);
    if (status == HN_OK) return hn_out_commit(&out, err);
    hn_out_abandon(&out);
    return status;
}

bool hn_file_look(const char *path, struct hn_file_version *out)
{
    struct stat st;
    *out = (struct hn_file_version){0};
    if (stat(path, &st) < 0) return false;
    out->device = st.st_dev;
    out->inode = st.st_ino;
    out->size = st.st_size;
    out->changed = st.st_mtim;
    return true;
}

bool hn_file_same(const struct hn_file_version *a, const struct hn_file_version *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}
