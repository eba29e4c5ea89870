/* A hash index from texts to their positions in an array of views. Built once, then read-only. */
#ifndef HN_TEXT_STRINDEX_H
#define HN_TEXT_STRINDEX_H

#include "base/arena.h"
#include "base/str.h"

struct hn_strindex_slot {
    uint32_t tag; /* upper half of the hash: most misses never touch the text */
    int32_t id;   /* -1: empty */
};

struct hn_strindex {
    const struct hn_str *texts; /* not owned; positions in it are what the index returns */
    struct hn_strindex_slot *slots;
    size_t mask;
    uint64_t seed;
};

/* An empty index with room for `n` texts. The seed should be unpredictable: files choose the keys. */
enum hn_status hn_strindex_init(struct hn_strindex *index, struct hn_arena *arena,
                                const struct hn_str *texts, size_t n, uint64_t seed,
                                struct hn_error *err);

/* Enters texts[id]; the first of several equal texts stays. At most n calls. */
void hn_strindex_add(struct hn_strindex *index, int32_t id);

/* -1 when absent. */
int32_t hn_strindex_find(const struct hn_strindex *index, struct hn_str text);

#endif
