/* A sorted set of texts that is walked byte by byte, as one would walk a trie: at each step a range
 * of the sorted array holds exactly the texts that start with the bytes seen. Four bytes per text. */
#ifndef HN_TEXT_LEXICON_H
#define HN_TEXT_LEXICON_H

#include "base/arena.h"
#include "base/str.h"

struct hn_lexicon {
    const struct hn_str *texts; /* not owned; ids are positions in it */
    int32_t *order;             /* n ids, sorted by text, each text once */
    size_t n;
    uint32_t first[257]; /* order[first[b]..first[b+1]) start with byte b */
};

struct hn_lexicon_walk {
    uint32_t lo, hi; /* the texts that are still possible */
    uint32_t depth;  /* bytes seen */
};

/* Builds from `n` ids with non-empty texts; of equal texts the smallest id stays. `ids` becomes the
 * lexicon's order array: it must live (in an arena) as long as the lexicon. */
void hn_lexicon_build(struct hn_lexicon *lexicon, const struct hn_str *texts, int32_t *ids,
                      size_t n);

/* Starts a walk with its first byte; false when no text starts so. */
static inline bool hn_lexicon_start(const struct hn_lexicon *lexicon, unsigned char byte,
                                    struct hn_lexicon_walk *walk)
{
    *walk = (struct hn_lexicon_walk){lexicon->first[byte], lexicon->first[byte + 1], 1};
    return walk->lo < walk->hi;
}

/* One more byte; false when no text goes on so (the walk is then over). */
bool hn_lexicon_step(const struct hn_lexicon *lexicon, unsigned char byte,
                     struct hn_lexicon_walk *walk);

/* The id of the text that is exactly the bytes seen, or -1. */
static inline int32_t hn_lexicon_hit(const struct hn_lexicon *lexicon,
                                     const struct hn_lexicon_walk *walk)
{
    const int32_t id = lexicon->order[walk->lo]; /* the shortest sorts first */
    return lexicon->texts[id].n == walk->depth ? id : -1;
}

#endif
