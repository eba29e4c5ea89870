/* The changes to a catalogue since it was written, in a file that survives whatever ends the program.
 *
 * Layout: 8 bytes "HNITEMS1"; then per change its length and the complement of that (so that damage to it
 * is not taken for a change that a crash cut short), a checksum of length and bytes (FNV-1a, folded), its
 * bytes: a JSON text that stands for one atomic change. Integers are u32, little-endian. A change is on the
 * disk before it is made; what a crash left of one that was not is cut off with the next one. */
#ifndef HN_MODEL_RECOMMEND_JOURNAL_H
#define HN_MODEL_RECOMMEND_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/file.h"
#include "base/status.h"
#include "base/str.h"

enum { HN_JOURNAL_RECORD = 64 << 20 /* bytes of a change, at most */ };

struct hn_journal {
    char *path;                  /* owned */
    int fd;                      /* locked; -1: nothing was added yet */
    size_t bytes;                /* that hold whole changes */
    struct hn_file_version seen; /* the file when it was read; its size is kept up */
    bool broken; /* it could not be put back after a failure: nothing may be added */
};

/* One that is to take the place of a journal: a file beside it. */
struct hn_journal_draft {
    char *path;            /* owned */
    int fd;                /* locked */
    struct hn_buf waiting; /* to be written */
    size_t bytes;
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
/* Changes that say the same as all there are, in their place, whole or not at all: begin, put, finish; and
 * free at the end, whatever happened: what was not finished goes. */
enum hn_status hn_journal_draft_begin(struct hn_journal *journal, struct hn_journal_draft *draft,
                                      struct hn_error *err);
enum hn_status hn_journal_draft_put(struct hn_journal_draft *draft, struct hn_str record,
                                    struct hn_error *err);
enum hn_status hn_journal_draft_finish(struct hn_journal *journal, struct hn_journal_draft *draft,
                                       struct hn_error *err);
void hn_journal_draft_free(struct hn_journal_draft *draft);
/* A zeroed one is not valid; a closed one is fine. */
void hn_journal_close(struct hn_journal *journal);

#endif
