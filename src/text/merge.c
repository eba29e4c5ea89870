#include "text/merge.h"

#include <stdlib.h>

#include "base/bits.h"

enum hn_status hn_merger_reserve(struct hn_merger *merger, size_t n)
{
    merger->n = n;
    if (n <= merger->cap) return HN_OK;
    size_t cap = 64;
    while (cap < n)
        cap *= 2;
    size_t bytes;
    if (cap > INT32_MAX || !hn_mul(cap, sizeof *merger->symbols, &bytes)) return HN_E_LIMIT;
    /* Every merge takes one entry out and puts at most two in: 2n hold. */
    uint64_t *heap = realloc(merger->heap, 2 * cap * sizeof *heap);
    if (!heap) return HN_E_NOMEM;
    merger->heap = heap;
    struct hn_symbol *symbols = realloc(merger->symbols, bytes);
    if (!symbols) return HN_E_NOMEM;
    merger->symbols = symbols;
    merger->cap = cap;
    return HN_OK;
}

void hn_merger_free(struct hn_merger *merger)
{
    free(merger->symbols);
    free(merger->heap);
    *merger = (struct hn_merger){0};
}

static void sift_down(uint64_t *heap, size_t n, size_t at)
{
    const uint64_t item = heap[at];
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= item) break;
        heap[at] = heap[child];
    }
    heap[at] = item;
}

static void push(struct hn_merger *merger, uint64_t item)
{
    size_t at = merger->n_heap++;
    for (; at && merger->heap[(at - 1) / 2] > item; at = (at - 1) / 2)
        merger->heap[at] = merger->heap[(at - 1) / 2];
    merger->heap[at] = item;
}

static uint64_t pop(struct hn_merger *merger)
{
    const uint64_t top = merger->heap[0];
    merger->heap[0] = merger->heap[--merger->n_heap];
    if (merger->n_heap) sift_down(merger->heap, merger->n_heap, 0);
    return top;
}

/* Looks the pair of symbol `at` and its right neighbour up; true when it merges. */
static bool find_pair(struct hn_merger *merger, hn_merge_pair pair, const void *context, size_t at)
{
    struct hn_symbol *left = &merger->symbols[at];
    left->key = HN_MERGE_NONE;
    if (left->next >= 0)
        left->key = pair(context, left, &merger->symbols[left->next], &left->merged);
    return left->key != HN_MERGE_NONE;
}

static uint64_t entry_of(const struct hn_merger *merger, size_t at)
{
    return (uint64_t)merger->symbols[at].key << 32 | at;
}

enum hn_status hn_merge(struct hn_merger *merger, hn_merge_pair pair, const void *context)
{
    struct hn_symbol *symbols = merger->symbols;
    const size_t n = merger->n;
    merger->n_heap = 0;
    for (size_t i = 0; i < n; i++) {
        symbols[i].prev = (int32_t)i - 1;
        symbols[i].next = i + 1 < n ? (int32_t)i + 1 : -1;
    }
    for (size_t i = 0; i < n; i++)
        if (find_pair(merger, pair, context, i))
            merger->heap[merger->n_heap++] = entry_of(merger, i);
    for (size_t i = merger->n_heap / 2; i-- > 0;)
        sift_down(merger->heap, merger->n_heap, i);

    while (merger->n_heap) {
        const uint64_t top = pop(merger);
        const int32_t at = (int32_t)(top & UINT32_MAX);
        struct hn_symbol *left = &symbols[at];
        /* Entries of pairs that are gone stay in the heap until they surface. */
        if (!left->n || left->key != top >> 32) continue;
        struct hn_symbol *right = &symbols[left->next];
        left->id = left->merged;
        left->n += right->n;
        right->n = 0;
        left->next = right->next;
        if (left->next >= 0) symbols[left->next].prev = at;
        if (find_pair(merger, pair, context, (size_t)at))
            push(merger, entry_of(merger, (size_t)at));
        if (left->prev >= 0 && find_pair(merger, pair, context, (size_t)left->prev))
            push(merger, entry_of(merger, (size_t)left->prev));
    }
    return HN_OK;
}
