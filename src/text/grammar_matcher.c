#include <stdlib.h>

#include "text/grammar_masker.h"

size_t hn_stacks_read(const struct hn_grammar *grammar, struct hn_stacks *stacks,
                      struct hn_masker *m, struct hn_str bytes, bool *fits)
{
    for (size_t i = 0; i < bytes.n; i++) {
        *fits = hn_stacks_step(grammar, stacks, (uint8_t)bytes.p[i], &m->work, &m->after);
        if (!m->after.n_heads && !m->after.bottom) return i;
        hn_stacks_copy(stacks, &m->after);
    }
    return bytes.n;
}

static enum hn_status refused(struct hn_error *err, int32_t id)
{
    return hn_fail(err, HN_E_ARG, "token %d may not come here, says the grammar", id);
}

enum hn_status hn_matcher_accept(struct hn_matcher *matcher, struct hn_masker *m, int32_t id,
                                 struct hn_error *err)
{
    char room[HN_TRIE_MAX_TOKEN];
    bool fits = true;
    if (hn_trigger_waits(matcher)) {
        if (hn_trigger_accept(matcher, m, id)) return HN_OK;
        return refused(err, id);
    }
    if (hn_tokenizer_is_eog(m->tokenizer, id) && hn_matcher_may_end(matcher)) {
        matcher->ended = true;
        return HN_OK;
    }
    const struct hn_str bytes = hn_trie_bytes(m->tokenizer, id, room);
    if (!bytes.n || matcher->ended) return refused(err, id);
    hn_stacks_copy(&m->before, &matcher->stacks);
    if (hn_stacks_read(matcher->grammar, &matcher->stacks, m, bytes, &fits) == bytes.n)
        return HN_OK;
    hn_stacks_copy(&matcher->stacks, &m->before);
    if (!fits) return hn_fail(err, HN_E_LIMIT, "the answer is nested too deeply for its grammar");
    return refused(err, id);
}

size_t hn_matcher_read(struct hn_matcher *matcher, struct hn_masker *masker, struct hn_str bytes)
{
    bool fits;
    return hn_stacks_read(matcher->grammar, &matcher->stacks, masker, bytes, &fits);
}

bool hn_matcher_may_end(const struct hn_matcher *matcher)
{
    return matcher->ended || hn_trigger_waits(matcher) || matcher->stacks.bottom;
}

void hn_matcher_copy(struct hn_matcher *to, const struct hn_matcher *from)
{
    to->ended = from->ended;
    to->trigger.now = from->trigger.now;
    hn_stacks_copy(&to->stacks, &from->stacks);
}

enum hn_status hn_matcher_create(struct hn_grammar *grammar, struct hn_matcher **out,
                                 struct hn_error *err)
{
    struct hn_matcher *matcher = malloc(sizeof *matcher);
    *out = matcher;
    if (!matcher) return hn_fail_nomem(err, "a matcher", sizeof *matcher);
    matcher->masker = NULL;
    matcher->grammar = hn_grammar_retain(grammar);
    matcher->ended = false;
    matcher->steps = matcher->allowance = 0;
    matcher->trigger = (struct hn_trigger){.now.phase = HN_TRIGGER_DONE};
    hn_stacks_begin(grammar, &grammar->rules[0].start, 1, &matcher->stacks);
    return HN_OK;
}

void hn_matcher_destroy(struct hn_matcher *matcher)
{
    if (!matcher) return;
    hn_grammar_release(matcher->grammar);
    free(matcher->trigger.risky);
    free(matcher);
}
