/* The changes to a catalogue since it was written, in a file that survives whatever ends the program.
 *
 * Layout: 8 bytes "HNITEMS1"; then per change its length (u32), a checksum of length and bytes (u32, FNV-1a
 * folded), its bytes: a JSON text that stands for one atomic change. Integers are little-endian. A change is on the disk before
 * it is made; what a crash left of one that was not is cut off when the file is opened. */
#ifndef HN_MODEL_RECOMMEND_JOURNAL_H
#define HN_MODEL_RECOMMEND_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"

enum { HN_JOURNAL_RECORD = 64 << 20 /* bytes of a change, at most */ };

struct hn_journal {
    char *path;   /* owned */
    int fd;       /* locked; -1: nothing was added yet */
    size_t bytes; /* that hold whole changes */
    size_t size;  /* of the file when it was read */
    size_t records;
    bool broken; /* it could not be put back after a failure: nothing may be added */
};

typedef enum hn_status hn_journal_fn(void *ctx, struct hn_str record, struct hn_error *err);

/* Reads the changes in `bytes`, and calls `each` for them in order. *good gets how many bytes hold whole
 * changes; the rest is the torn end of the last one. Damage before the end is HN_E_FORMAT. */
enum hn_status hn_journal_parse(struct hn_str bytes, const char *name, hn_journal_fn *each,
                                void *ctx, size_t *good, struct hn_error *err);

/* Reads the file at `path` if there is one, and gives its changes to `each`. It is left as it is, since another
 * program may be adding to it. */
enum hn_status hn_journal_open(const char *path, hn_journal_fn *each, void *ctx,
                               struct hn_journal *out, struct hn_error *err);
/* Adds a change; it is on the disk on return. On failure (a full disk) the file is as it was. The first one
 * locks the file and cuts off its torn end; HN_E_BUSY: another program has it, or has added to it. */
enum hn_status hn_journal_add(struct hn_journal *journal, struct hn_str record,
                              struct hn_error *err);
/* Puts these changes in place of all there are, whole or not at all. */
enum hn_status hn_journal_replace(struct hn_journal *journal, const struct hn_str *records,
                                  size_t n, struct hn_error *err);
/* A zeroed one is not valid; a closed one is fine. */
void hn_journal_close(struct hn_journal *journal);

#endif
