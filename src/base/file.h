/* Files: read-only mappings and whole reads, with bounds. */
#ifndef HN_BASE_FILE_H
#define HN_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#include "base/status.h"
#include "base/str.h"

/* A read-only mapping of a whole regular file. The file must not shrink while mapped. */
struct hn_map {
    const unsigned char *data; /* page aligned; NULL for an empty file */
    size_t size;
};

/* Maps `path`. Errors name the path and the system's reason. */
enum hn_status hn_map_open(const char *path, struct hn_map *out, struct hn_error *err);
void hn_map_close(struct hn_map *map);
/* Its bytes, of an empty file as an empty text. */
struct hn_str hn_map_view(const struct hn_map *map);
/* Gives the pages back that were read; they come again when they are. */
void hn_map_rest(const struct hn_map *map);

/* Reads all of `path` ("-" is standard input) into `out`, at most `limit` bytes (HN_E_LIMIT past
 * it). */
enum hn_status hn_file_read(const char *path, size_t limit, struct hn_buf *out,
                            struct hn_error *err);

/* What tells one state of a file from another. */
struct hn_file_version {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

/* Looks at a file; all zeros and false where there is none. */
bool hn_file_look(const char *path, struct hn_file_version *out);
bool hn_file_same(const struct hn_file_version *a, const struct hn_file_version *b);

/* A file being written, under a temporary name in the same folder: a reader sees all of it or
 * nothing. Zero-initialised is closed. */
struct hn_out {
    int fd;
    char *path; /* owned; NULL when closed */
    char *temp; /* owned */
};

enum hn_status hn_out_open(const char *path, struct hn_out *out, struct hn_error *err);
/* Appends. An error (a full disk) names path and reason; the caller then abandons. */
enum hn_status hn_out_write(struct hn_out *out, const void *bytes, size_t n, struct hn_error *err);
/* Renames to the final name; closed afterwards, also when that failed. */
enum hn_status hn_out_commit(struct hn_out *out, struct hn_error *err);
/* Removes what was written. A closed one is fine. */
void hn_out_abandon(struct hn_out *out);

/* The three steps at once. */
enum hn_status hn_file_write(const char *path, const void *bytes, size_t n, struct hn_error *err);

#endif
