#include "text/grammar_trie.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/bits.h"

enum { MAX_NODES = 1 << 24 };

/* A token on its way into the tree. */
struct leaf {
    uint64_t first; /* its first bytes, as a number that sorts as they do */
    struct hn_str piece;
    int32_t id;
};

struct hn_str hn_trie_bytes(const struct hn_tokenizer *tokenizer, int32_t id,
                            char room[HN_TRIE_MAX_TOKEN])
{
    const struct hn_str none = {"", 0};
    if (hn_tokenizer_is_eog(tokenizer, id)) return none;
    if (hn_tokenizer_is_control(tokenizer, id)) {
        const struct hn_str text = hn_tokenizer_text(tokenizer, id);
        if (!text.n || text.n >= HN_TRIE_MAX_TOKEN) return none;
        room[0] = HN_CONTROL_MARK[0];
        memcpy(room + 1, text.p, text.n);
        return (struct hn_str){room, text.n + 1};
    }
    const struct hn_str piece = hn_tokenizer_piece(tokenizer, id);
    if (!piece.n || piece.n > HN_TRIE_MAX_TOKEN || memchr(piece.p, HN_CONTROL_MARK[0], piece.n))
        return none;
    return piece;
}

static uint64_t first_bytes(struct hn_str s)
{
    uint64_t v = 0;
    for (size_t i = 0; i < 8; i++)
        v = v << 8 | (i < s.n ? (unsigned char)s.p[i] : 0);
    return v;
}

static int by_bytes(const void *a, const void *b)
{
    const struct leaf *x = a, *y = b;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    const size_t n = hn_min(x->piece.n, y->piece.n);
    const int order = n ? memcmp(x->piece.p, y->piece.p, n) : 0;
    if (order) return order;
    if (x->piece.n != y->piece.n) return x->piece.n < y->piece.n ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static size_t common(struct hn_str a, struct hn_str b)
{
    size_t n = 0;
    while (n < a.n && n < b.n && a.p[n] == b.p[n])
        n++;
    return n;
}

/* Sorted leaves to nodes: each adds what it does not share with the one before. `open` has the node at
 * every depth of the one before; where a node is left, its subtree ends. */
static void fill(struct hn_trie *trie, const struct leaf *leaves, size_t n, int32_t *same)
{
    uint32_t open[HN_TRIE_MAX_TOKEN + 1] = {0};
    size_t depth = 0;
    trie->nodes[0] = (struct hn_trie_node){.token = -1};
    trie->n = 1;
    for (size_t i = 0; i < n; i++) {
        const struct hn_str piece = leaves[i].piece;
        const size_t shared = i ? common(piece, leaves[i - 1].piece) : 0;
        same[leaves[i].id] = -1;
        if (i && shared == piece.n && shared == leaves[i - 1].piece.n) {
            same[leaves[i - 1].id] = leaves[i].id;
            continue;
        }
        for (; depth > shared; depth--)
            trie->nodes[open[depth]].end = trie->n & 0xFFFFFF;
        while (depth < piece.n) {
            open[depth + 1] = trie->n;
            trie->nodes[trie->n++] =
                (struct hn_trie_node){.byte = (unsigned char)piece.p[depth++], .token = -1};
        }
        trie->nodes[open[depth]].token = leaves[i].id;
        if (trie->depth < depth) trie->depth = (uint32_t)depth;
    }
    for (; depth; depth--)
        trie->nodes[open[depth]].end = trie->n & 0xFFFFFF;
    trie->nodes[0].end = trie->n & 0xFFFFFF;
}

enum hn_status hn_trie_build(struct hn_trie *trie, const struct hn_tokenizer *tokenizer,
                             size_t least, size_t most, int32_t *same, struct hn_error *err)
{
    const size_t size = hn_tokenizer_size(tokenizer);
    struct leaf *leaves = calloc(size, sizeof *leaves);
    struct hn_arena texts = {0}; /* of control tokens */
    char room[HN_TRIE_MAX_TOKEN];
    size_t n = 0, nodes = 1;
    *trie = (struct hn_trie){0};
    if (!leaves) return hn_fail_nomem(err, "a tree of tokens", size * sizeof *leaves);
    for (size_t id = 0; id < size; id++) {
        struct hn_str bytes = hn_trie_bytes(tokenizer, (int32_t)id, room);
        if (bytes.n < hn_max(least, 1) || bytes.n > most) continue;
        if (bytes.p == room) bytes = hn_arena_str(&texts, bytes);
        if (!bytes.p) {
            hn_arena_free(&texts);
            free(leaves);
            return hn_fail_nomem(err, "a tree of tokens", HN_TRIE_MAX_TOKEN);
        }
        leaves[n++] = (struct leaf){first_bytes(bytes), bytes, (int32_t)id};
    }
    qsort(leaves, n, sizeof *leaves, by_bytes);
    for (size_t i = 0; i < n; i++)
        nodes += leaves[i].piece.n - (i ? common(leaves[i].piece, leaves[i - 1].piece) : 0);
    enum hn_status status = HN_OK;
    trie->nodes = nodes < MAX_NODES ? malloc(nodes * sizeof *trie->nodes) : NULL;
    if (trie->nodes) fill(trie, leaves, n, same);
    else if (nodes < MAX_NODES)
        status = hn_fail_nomem(err, "a tree of tokens", nodes * sizeof *trie->nodes);
    else
        status = hn_fail(err, HN_E_LIMIT, "the vocabulary's tokens have more than %d beginnings",
                         MAX_NODES);
    hn_arena_free(&texts);
    free(leaves);
    return status;
}

void hn_trie_free(struct hn_trie *trie)
{
    free(trie->nodes);
    *trie = (struct hn_trie){0};
}
