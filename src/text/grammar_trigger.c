/* Grammars that begin in the middle of a text, behind a trigger. */
#include <stdlib.h>

#include "text/grammar_masker.h"

/* What a token counts as before the trigger: its bytes, or its text where it is never shown. */
static struct hn_str bytes_of(const struct hn_tokenizer *tokenizer, int32_t id)
{
    return hn_tokenizer_is_control(tokenizer, id) ? hn_tokenizer_text(tokenizer, id)
                                                  : hn_tokenizer_piece(tokenizer, id);
}

/* How much of the trigger there is after one more byte. */
static uint8_t advance(const struct hn_trigger *t, uint8_t at, char byte)
{
    while (at && t->text[at] != byte)
        at = t->back[at - 1];
    return (uint8_t)(at + (t->text[at] == byte));
}

/* Reads up to the end of the trigger, or all; returns how many bytes. */
static size_t scan(const struct hn_trigger *t, uint8_t *at, struct hn_str bytes)
{
    size_t i = 0;
    while (i < bytes.n && *at < t->n)
        *at = advance(t, *at, bytes.p[i++]);
    return i;
}

static bool is_risky(const struct hn_trigger *t, struct hn_str bytes)
{
    return bytes.n > 1 && memchr(bytes.p, t->text[t->n - 1], bytes.n - 1);
}

enum hn_status hn_matcher_await(struct hn_matcher *matcher, const struct hn_tokenizer *tokenizer,
                                struct hn_str trigger, struct hn_error *err)
{
    struct hn_trigger *t = &matcher->trigger;
    if (trigger.n < 1 || trigger.n > HN_TRIGGER_MAX)
        return hn_fail(err, HN_E_ARG, "a trigger of %zu bytes; it may have 1 to %d", trigger.n,
                       HN_TRIGGER_MAX);
    t->n = (uint8_t)trigger.n;
    memcpy(t->text, trigger.p, trigger.n);
    for (uint8_t i = 1; i < t->n; i++)
        t->back[i] = advance(t, t->back[i - 1], t->text[i]);
    const int32_t size = (int32_t)hn_tokenizer_size(tokenizer);
    size_t n = 0;
    for (int32_t id = 0; id < size; id++)
        n += is_risky(t, bytes_of(tokenizer, id));
    t->risky = malloc((n + 1) * sizeof *t->risky);
    if (!t->risky) return hn_fail_nomem(err, "a matcher", n * sizeof *t->risky);
    for (int32_t id = 0; id < size; id++)
        if (is_risky(t, bytes_of(tokenizer, id))) t->risky[t->n_risky++] = id;
    t->waiting = true;
    return HN_OK;
}

/* Whether a token may come; `at` and `stacks`, which are at their start, go past it. */
static bool read_token(const struct hn_matcher *matcher, struct hn_masker *m, int32_t id,
                       uint8_t *at, struct hn_stacks *stacks)
{
    bool fits;
    const struct hn_str bytes = bytes_of(m->tokenizer, id);
    const size_t n = scan(&matcher->trigger, at, bytes);
    const struct hn_str rest = {bytes.p + n, bytes.n - n};
    return !rest.n || hn_stacks_read(matcher->grammar, stacks, m, rest, &fits) == rest.n;
}

void hn_trigger_mask(const struct hn_matcher *matcher, struct hn_masker *m)
{
    const struct hn_trigger *t = &matcher->trigger;
    memset(m->allowed, 0xFF, m->n_words * sizeof *m->allowed);
    for (size_t i = 0; i < t->n_risky; i++) {
        uint8_t at = t->at;
        hn_stacks_copy(&m->before, &matcher->stacks);
        if (!read_token(matcher, m, t->risky[i], &at, &m->before))
            m->allowed[t->risky[i] / 32] &= ~(1u << (t->risky[i] % 32));
    }
}

bool hn_trigger_accept(struct hn_matcher *matcher, struct hn_masker *m, int32_t id)
{
    struct hn_trigger *t = &matcher->trigger;
    uint8_t at = t->at;
    hn_stacks_copy(&m->before, &matcher->stacks);
    if (!read_token(matcher, m, id, &at, &m->before)) return false;
    t->at = at;
    t->waiting = at < t->n;
    hn_stacks_copy(&matcher->stacks, &m->before);
    return true;
}
