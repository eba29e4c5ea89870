/* A log that never stands in the way: lines go into memory, a thread of its own writes them. What a disk
 * is too slow or too full for is dropped and counted. */
#ifndef HN_METER_LOG_FILE_H
#define HN_METER_LOG_FILE_H

#include <stdint.h>

#include "base/status.h"
#include "base/str.h"

struct hn_log_file; /* any thread may use it */

struct hn_log_file_options {
    const char *path; /* appended to; "-": standard error */
    size_t max_bytes; /* that may wait to be written; 0: 4 MiB */
    /* Hears, on the log's thread, when lines begin to be lost and when none are any more. May be NULL. */
    void (*complain)(void *ctx, const char *text);
    void *ctx;
};

/* Opens the file and starts the thread that writes it; path and options are copied, `ctx` outlives it. HN_E_IO
 * names the path. */
enum hn_status hn_log_file_open(const struct hn_log_file_options *options, struct hn_log_file **out,
                                struct hn_error *err);
/* Writes what waits and ends the thread. NULL is fine. */
void hn_log_file_close(struct hn_log_file *log);

/* Adds a line, which has no newline. Takes a lock for as long as copying takes, never waits for a disk. */
void hn_log_file_write(struct hn_log_file *log, struct hn_str line);

/* Counts a line that could not be made. */
void hn_log_file_drop(struct hn_log_file *log);

/* Opens the path anew before the next line (the file has been renamed). */
void hn_log_file_reopen(struct hn_log_file *log);

/* Lines lost so far. */
uint64_t hn_log_file_dropped(struct hn_log_file *log);

#endif
