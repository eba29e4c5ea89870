/* Memory of runs: blocks of a few sizes per power of two, kept for the next that asks, so that a run like
 * the one before asks the system for nothing. */
#include <stdlib.h>

#include "base/bits.h"
#include "model/graph/graph_impl.h"

enum { ALIGN = 64, SMALLEST = 6 /* 2^6 bytes */, LARGE = 1 << 16 };

_Static_assert(sizeof(struct hn_block) <= ALIGN, "a block's head fits before its data");

/* The bin of a size, which is rounded up to that bin's: quarters between powers of two. */
static unsigned bin_of(size_t *bytes)
{
    size_t n = *bytes < 1u << SMALLEST ? 1u << SMALLEST : *bytes;
    unsigned power = 63u - (unsigned)__builtin_clzll(n);
    const size_t step = ((size_t)1 << power) / 4;
    const size_t quarters = (n - ((size_t)1 << power) + step - 1) / step; /* 0 to 4 */
    *bytes = ((size_t)1 << power) + quarters * step;
    return (power - SMALLEST) * 4 + (unsigned)quarters;
}

void hn_blocks_free(struct hn_run *run)
{
    for (size_t i = 0; i < HN_BINS; i++) {
        while (run->bins[i]) {
            struct hn_block *block = run->bins[i];
            run->bins[i] = block->next;
            run->bytes -= block->bytes;
            free(block);
        }
    }
}

/* A free block of the bin; for large pieces of one up to eight times as large, where what an early layer
 * needed serves the later, smaller ones. */
static struct hn_block *take_free(struct hn_run *run, unsigned bin, size_t bytes)
{
    const unsigned last = bytes < LARGE ? bin : bin + 12;
    for (unsigned b = bin; b <= last; b++) {
        struct hn_block *block = run->bins[b];
        if (!block) continue;
        run->bins[b] = block->next;
        return block;
    }
    return NULL;
}

struct hn_block *hn_block_take(struct hn_run *run, size_t bytes)
{
    if (bytes > (size_t)1 << 46) return NULL;
    const unsigned bin = bin_of(&bytes);
    struct hn_block *block = take_free(run, bin, bytes);
    if (!block) {
        if (bytes > run->budget - run->bytes) hn_blocks_free(run);
        if (bytes > run->budget - run->bytes) return NULL;
        block = aligned_alloc(ALIGN, ALIGN + hn_round_up(bytes, ALIGN));
        if (!block) return NULL;
        run->bytes += bytes;
        run->allocations++;
        *block =
            (struct hn_block){.data = (char *)block + ALIGN, .bytes = bytes, .bin = (uint16_t)bin};
    }
    block->references = 1;
    block->next = NULL;
    return block;
}

void hn_block_give(struct hn_run *run, struct hn_block *block)
{
    if (--block->references) return;
    if (block->items) {
        struct hn_item *items = block->data;
        for (size_t i = 0; i < block->n_items; i++)
            hn_hold_drop(run, &items[i].hold);
        block->items = false;
        block->n_items = 0;
    }
    block->next = run->bins[block->bin];
    run->bins[block->bin] = block;
}
