/* Files that are read again when they change: whoever comes by looks at them, once a second at most. */
#ifndef HN_BASE_WATCH_H
#define HN_BASE_WATCH_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/file.h"

enum { HN_WATCH_FILES = 2 };

struct hn_watch {
    const char *paths[HN_WATCH_FILES]; /* outlive it; the second may be NULL */
    struct hn_file_version versions[HN_WATCH_FILES];
    _Atomic uint64_t looked_ns;
};

/* Before the files are read for the first time. */
void hn_watch_begin(struct hn_watch *watch, const char *path, const char *second);

/* Whether it is time to look; of all threads that ask, one is told so. */
bool hn_watch_due(struct hn_watch *watch);

/* Whether a file is another than the last time; under a lock of the caller's. Before the files are read
 * again: what changes while they are read is seen the next time. */
bool hn_watch_changed(struct hn_watch *watch);

#endif
