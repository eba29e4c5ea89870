/* The engine of byte pair encoding: a text's symbols, and a heap of the pairs that may merge. The best
 * pair (smallest key, then leftmost) merges first; O(n log n) for n symbols. */
#ifndef HN_TEXT_MERGE_H
#define HN_TEXT_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct hn_symbol {
    int32_t id;         /* -1: text that is no token */
    int32_t prev, next; /* -1 at the ends */
    uint32_t at, n;     /* its bytes in the text; n is 0 once it was merged into another */
    uint32_t key;       /* of the pair with `next` */
    int32_t merged;     /* id of that pair */
};

#define HN_MERGE_NONE UINT32_MAX /* key of a pair that does not merge */

/* Key and id of the merge of two neighbours; HN_MERGE_NONE when there is none. */
typedef uint32_t (*hn_merge_pair)(const void *context, const struct hn_symbol *left,
                                  const struct hn_symbol *right, int32_t *merged);

/* Working memory, kept between texts. Zero-initialised is empty. */
struct hn_merger {
    struct hn_symbol *symbols;
    size_t n, cap;
    uint64_t *heap; /* key in the upper half, symbol in the lower */
    size_t n_heap;
};

/* Makes room for n symbols; the caller fills symbols[0..n) (id, at, n) and calls hn_merge. */
enum hn_status hn_merger_reserve(struct hn_merger *merger, size_t n);
/* Links the symbols and merges until no pair is left; the rest is the list that starts at symbol 0. */
enum hn_status hn_merge(struct hn_merger *merger, hn_merge_pair pair, const void *context);
void hn_merger_free(struct hn_merger *merger);

#endif
