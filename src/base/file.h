/* Files: read-only mappings and whole reads, with bounds. */
#ifndef HN_BASE_FILE_H
#define HN_BASE_FILE_H

#include <stddef.h>

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

/* Reads all of `path` ("-" is standard input) into `out`, at most `limit` bytes (HN_E_LIMIT past it). */
enum hn_status hn_file_read(const char *path, size_t limit, struct hn_buf *out,
                            struct hn_error *err);

/* Writes bytes to `path` through a temporary name in the same folder and a rename, so that a reader
 * never sees half a file. */
enum hn_status hn_file_write(const char *path, const void *bytes, size_t n, struct hn_error *err);

#endif
