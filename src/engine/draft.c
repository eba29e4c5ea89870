#include "engine/draft.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/str.h"

/* The longest run that stood before wins; a run of one token says too little. */
enum { LONGEST = 4, SHORTEST = 2, RUNS = LONGEST - SHORTEST + 1, MAX_SLOTS = 1 << 16 };

/* One table per length: the hash of a run to the position after it, the latest; 0: none. A run that
 * falls on another's slot takes it, so what is found is compared. */
struct hn_draft {
    size_t slots; /* a power of two */
    size_t learned;
    uint32_t *after[RUNS];
};

enum hn_status hn_draft_create(size_t limit, struct hn_draft **out, struct hn_error *err)
{
    size_t slots = 64;
    while (slots < MAX_SLOTS && slots < limit)
        slots *= 2;
    const size_t bytes = sizeof(struct hn_draft) + RUNS * slots * sizeof(uint32_t);
    struct hn_draft *draft = calloc(1, bytes);
    *out = draft;
    if (!draft) return hn_fail_nomem(err, "drafts", bytes);
    draft->slots = slots;
    for (size_t i = 0; i < RUNS; i++)
        draft->after[i] = (uint32_t *)(draft + 1) + i * slots;
    return HN_OK;
}

void hn_draft_destroy(struct hn_draft *draft)
{
    free(draft);
}

/* Of the run of `length` tokens that ends before `end`. */
static size_t slot_of(const struct hn_draft *draft, const int32_t *end, size_t length)
{
    const struct hn_str run = {(const char *)(end - length), length * sizeof *end};
    return hn_str_hash(run, length) & (draft->slots - 1);
}

/* A run is learned once it has a token after it. */
void hn_draft_learn(struct hn_draft *draft, const int32_t *tokens, size_t n)
{
    for (size_t at = hn_max(draft->learned, SHORTEST); at < n; at++)
        for (size_t i = 0; i < RUNS && SHORTEST + i <= at; i++)
            draft->after[i][slot_of(draft, tokens + at, SHORTEST + i)] = (uint32_t)at;
    draft->learned = n;
}

/* Where the text's last `length` tokens stood before: the position after them; 0: nowhere. */
static size_t find(const struct hn_draft *draft, const int32_t *tokens, size_t n, size_t length)
{
    if (n < length) return 0;
    const size_t at = draft->after[length - SHORTEST][slot_of(draft, tokens + n, length)];
    if (at < length || at >= n) return 0;
    const bool same =
        memcmp(tokens + at - length, tokens + n - length, length * sizeof *tokens) == 0;
    return same ? at : 0;
}

size_t hn_draft_guess(const struct hn_draft *draft, const int32_t *tokens, size_t n, int32_t *out,
                      size_t max)
{
    size_t at = 0;
    for (size_t length = LONGEST; !at && length >= SHORTEST; length--)
        at = find(draft, tokens, n, length);
    if (!at) return 0;
    /* Past the end of the text the guess goes on with itself: a text that repeats is periodic. */
    for (size_t i = 0; i < max; i++)
        out[i] = at + i < n ? tokens[at + i] : out[at + i - n];
    return max;
}
