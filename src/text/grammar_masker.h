/* Inside of the masker and the matcher: what their files share. */
#ifndef HN_TEXT_GRAMMAR_MASKER_H
#define HN_TEXT_GRAMMAR_MASKER_H

#include "text/grammar_mask.h"
#include "text/grammar_stacks.h"
#include "text/grammar_trie.h"

enum {
    HN_MASKER_TRIES = 2, /* tokens up to the horizon of twins, and longer ones */
    HN_MASKER_KNOWN = 32,
    HN_STACKS_WORDS = 4 + 2 * HN_STACKS_MAX_HEADS + HN_STACKS_MAX_NODES + 2 * HN_STACKS_MAX_LINKS,
};

struct hn_situation;

struct hn_masker {
    const struct hn_tokenizer *tokenizer;
    struct hn_trie tries[HN_MASKER_TRIES];
    size_t n_words;
    int32_t *same;     /* [tokens] the next token of the same bytes, -1: none */
    uint32_t *eog;     /* [n_words] those that end a generation */
    uint32_t *allowed; /* [n_words] the mask that is given out */
    uint32_t *noted;   /* [n_words] of a part that is being made */
    uint32_t *exits;   /* [nodes of a tree] the same */
    uint32_t n_exits;
    uint32_t refs[HN_TRIE_MAX_TOKEN + 1], ends[HN_TRIE_MAX_TOKEN + 1]; /* of a walk, by depth */
    uint32_t callers[HN_STACKS_MAX_HEADS]; /* states to come back to, for a moment */
    uint32_t steps;

    struct hn_situation *situations; /* 0 is none */
    uint32_t n_situations;
    uint32_t *slots; /* of a hash table of them */
    char *pool;
    size_t used, memory;

    struct hn_stacks before, work, after;
    uint32_t data[HN_STACKS_WORDS];

    struct hn_grammar *known[HN_MASKER_KNOWN]; /* equal grammars become one */
    uint32_t next_known;
};

/* A text that is looked for as Knuth, Morris and Pratt do. */
struct hn_needle {
    char text[HN_TRIGGER_MAX];
    uint8_t back[HN_TRIGGER_MAX]; /* how much of it still matches where the next byte does not */
    uint8_t n;
};

/* Several of them; the first that comes counts. */
struct hn_needles {
    struct hn_needle list[HN_TRIGGER_TEXTS];
    size_t n;
};

enum hn_trigger_phase {
    HN_TRIGGER_DONE,  /* it has come, or there is none */
    HN_TRIGGER_LOOK,  /* it is looked for ... */
    HN_TRIGGER_BOTH,  /* ... and what begins a part to be skipped ... */
    HN_TRIGGER_FRESH, /* ... which only space has come before */
    HN_TRIGGER_SKIP,  /* the end of such a part is looked for */
};

/* How far a text is: how much of each needle has come, of those looked for and of what is looked for
 * beside them. DONE: at[0] is the number of the trigger that has come. */
struct hn_trigger_place {
    uint8_t phase, at[HN_TRIGGER_TEXTS], aside;
};

struct hn_trigger {
    struct hn_needles texts, skip_ends;
    struct hn_needle skip_begin;
    bool skip_anywhere;
    uint8_t within[HN_TRIGGER_TEXTS];
    struct hn_trigger_place now;
    int32_t *risky; /* tokens that could go past its end: n_whole of them hold all of it */
    size_t n_risky, n_whole;
};

struct hn_matcher {
    const struct hn_masker *masker; /* that knows the grammar; NULL: none yet */
    struct hn_grammar *grammar;
    bool ended;
    uint64_t steps,
        allowance; /* work done for its masks, and what may be beside that of the start */
    struct hn_trigger trigger;
    struct hn_stacks stacks;
};

/* How many of the bytes may come; goes past them. *fits turns false where the stacks have no room. */
size_t hn_stacks_read(const struct hn_grammar *grammar, struct hn_stacks *stacks,
                      struct hn_masker *masker, struct hn_str bytes, bool *fits);

static inline bool hn_trigger_waits(const struct hn_matcher *matcher)
{
    return matcher->trigger.now.phase != HN_TRIGGER_DONE;
}

/* The mask and the acceptance of a matcher that waits for its trigger. Mask: false, all may come. */
bool hn_trigger_mask(const struct hn_matcher *matcher, struct hn_masker *masker);
bool hn_trigger_accept(struct hn_matcher *matcher, struct hn_masker *masker, int32_t id);

#endif
