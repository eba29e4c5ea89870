#include "text/lexicon.h"

#include <stdlib.h>

#include "base/bits.h"

static int by_text(const void *left, const void *right, void *context)
{
    const struct hn_str *texts = context;
    const int32_t a = *(const int32_t *)left, b = *(const int32_t *)right;
    const struct hn_str x = texts[a], y = texts[b];
    const int order = memcmp(x.p, y.p, hn_min(x.n, y.n));
    if (order) return order;
    if (x.n != y.n) return x.n < y.n ? -1 : 1;
    return a < b ? -1 : a > b;
}

void hn_lexicon_build(struct hn_lexicon *lexicon, const struct hn_str *texts, int32_t *ids,
                      size_t n)
{
    qsort_r(ids, n, sizeof *ids, by_text, (void *)(uintptr_t)texts);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!kept || !hn_str_eq(texts[ids[kept - 1]], texts[ids[i]])) ids[kept++] = ids[i];
    *lexicon = (struct hn_lexicon){.texts = texts, .order = ids, .n = kept};
    size_t at = 0;
    for (unsigned byte = 0; byte <= 256; byte++) {
        while (at < kept && (unsigned char)texts[ids[at]].p[0] < byte)
            at++;
        lexicon->first[byte] = (uint32_t)at;
    }
}

/* First position in [lo, hi) whose text has a byte not below `byte` at `depth`; all are longer. */
static uint32_t lower_bound(const struct hn_lexicon *lexicon, uint32_t lo, uint32_t hi,
                            uint32_t depth, unsigned byte)
{
    while (lo < hi) {
        const uint32_t middle = lo + (hi - lo) / 2;
        if ((unsigned char)lexicon->texts[lexicon->order[middle]].p[depth] < byte) lo = middle + 1;
        else hi = middle;
    }
    return lo;
}

bool hn_lexicon_step(const struct hn_lexicon *lexicon, unsigned char byte,
                     struct hn_lexicon_walk *walk)
{
    uint32_t lo = walk->lo;
    if (lexicon->texts[lexicon->order[lo]].n == walk->depth) lo++;
    lo = lower_bound(lexicon, lo, walk->hi, walk->depth, byte);
    walk->hi = lower_bound(lexicon, lo, walk->hi, walk->depth, byte + 1u);
    walk->lo = lo;
    walk->depth++;
    return walk->lo < walk->hi;
}
