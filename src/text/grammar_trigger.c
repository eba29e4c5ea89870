/* Grammars that begin in the middle of a text, behind a trigger. */
#include <stdlib.h>

#include "text/grammar_masker.h"

/* What a token counts as before the trigger: its bytes, or its text where it is never shown. */
static struct hn_str bytes_of(const struct hn_tokenizer *tokenizer, int32_t id)
{
    return hn_tokenizer_is_control(tokenizer, id) ? hn_tokenizer_text(tokenizer, id)
                                                  : hn_tokenizer_piece(tokenizer, id);
}

/* How much of a text there is after one more byte. */
static uint8_t advance(const struct hn_needle *t, uint8_t at, char byte)
{
    while (at && t->text[at] != byte)
        at = t->back[at - 1];
    return (uint8_t)(at + (t->text[at] == byte));
}

static enum hn_status set(struct hn_needle *t, struct hn_str text, struct hn_error *err)
{
    if (text.n < 1 || text.n > HN_TRIGGER_MAX)
        return hn_fail(err, HN_E_ARG, "a trigger of %zu bytes; it may have 1 to %d", text.n,
                       HN_TRIGGER_MAX);
    t->n = (uint8_t)text.n;
    memcpy(t->text, text.p, text.n);
    for (uint8_t i = 1; i < t->n; i++)
        t->back[i] = advance(t, t->back[i - 1], t->text[i]);
    return HN_OK;
}

static void read_byte(const struct hn_trigger *t, struct hn_trigger_place *p, char byte)
{
    const bool space = byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r';
    if (p->phase == HN_TRIGGER_SKIP) {
        p->aside = advance(&t->skip_end, p->aside, byte);
        if (p->aside == t->skip_end.n) *p = (struct hn_trigger_place){.phase = HN_TRIGGER_FRESH};
        return;
    }
    if (p->phase == HN_TRIGGER_FRESH && (p->aside || !space)) {
        if (byte != t->skip_begin.text[p->aside]) p->phase = HN_TRIGGER_LOOK;
        else if (++p->aside == t->skip_begin.n) {
            *p = (struct hn_trigger_place){.phase = HN_TRIGGER_SKIP};
            return;
        }
    }
    p->at = advance(&t->trigger, p->at, byte);
    if (p->at == t->trigger.n) p->phase = HN_TRIGGER_DONE;
}

/* Reads up to the end of the trigger, or all; returns how many bytes. */
static size_t scan(const struct hn_trigger *t, struct hn_trigger_place *p, struct hn_str bytes)
{
    size_t i = 0;
    while (i < bytes.n && p->phase != HN_TRIGGER_DONE)
        read_byte(t, p, bytes.p[i++]);
    return i;
}

static enum hn_status add_risky(struct hn_trigger *t, int32_t id, bool whole, struct hn_error *err)
{
    if ((t->n_risky & (t->n_risky - 1)) == 0) { /* full: it holds a power of two, or none */
        const size_t room = t->n_risky ? 2 * t->n_risky : 1;
        int32_t *risky = reallocarray(t->risky, room, sizeof *risky);
        if (!risky) return hn_fail_nomem(err, "a matcher", room * sizeof *risky);
        t->risky = risky;
    }
    t->risky[t->n_risky++] = id;
    if (!whole) return HN_OK;
    t->risky[t->n_risky - 1] = t->risky[t->n_whole];
    t->risky[t->n_whole++] = id;
    return HN_OK;
}

/* The tokens that could go past the end of the trigger. */
static enum hn_status find_risky(struct hn_trigger *t, const struct hn_tokenizer *tokenizer,
                                 struct hn_error *err)
{
    const struct hn_needle *text = &t->trigger;
    const int32_t size = (int32_t)hn_tokenizer_size(tokenizer);
    for (int32_t id = 0; id < size; id++) {
        const struct hn_str bytes = bytes_of(tokenizer, id);
        if (bytes.n < 2 || !memchr(bytes.p, text->text[text->n - 1], bytes.n - 1)) continue;
        const bool whole = memmem(bytes.p, bytes.n - 1, text->text, text->n);
        HN_TRY(add_risky(t, id, whole, err));
    }
    return HN_OK;
}

enum hn_status hn_matcher_await(struct hn_matcher *matcher, const struct hn_tokenizer *tokenizer,
                                const struct hn_trigger_spec *spec, struct hn_error *err)
{
    struct hn_trigger *t = &matcher->trigger;
    const bool skips = spec->skip_begin.n || spec->skip_end.n;
    HN_TRY(set(&t->trigger, spec->text, err));
    if (skips) {
        HN_TRY(set(&t->skip_begin, spec->skip_begin, err));
        HN_TRY(set(&t->skip_end, spec->skip_end, err));
    }
    HN_TRY(find_risky(t, tokenizer, err));
    t->now.phase = !skips ? HN_TRIGGER_LOOK : spec->skipping ? HN_TRIGGER_SKIP : HN_TRIGGER_FRESH;
    return HN_OK;
}

/* Whether a token may come. `place` goes past it; *behind says whether that is past the trigger's end:
 * m->before is where the grammar is then. */
static bool read_token(const struct hn_matcher *matcher, struct hn_masker *m, int32_t id,
                       struct hn_trigger_place *place, bool *behind)
{
    bool fits;
    const struct hn_str bytes = bytes_of(m->tokenizer, id);
    const size_t n = scan(&matcher->trigger, place, bytes);
    const struct hn_str rest = {bytes.p + n, bytes.n - n};
    *behind = rest.n > 0;
    if (!rest.n) return true;
    hn_stacks_copy(&m->before, &matcher->stacks);
    return hn_stacks_read(matcher->grammar, &m->before, m, rest, &fits) == rest.n;
}

bool hn_trigger_mask(const struct hn_matcher *matcher, struct hn_masker *m)
{
    const struct hn_trigger *t = &matcher->trigger;
    /* A token that does not hold all of the trigger can only end one that has begun. */
    const size_t n = t->now.at ? t->n_risky : t->n_whole;
    bool some = false, behind;
    for (size_t i = 0; i < n; i++) {
        struct hn_trigger_place place = t->now;
        if (read_token(matcher, m, t->risky[i], &place, &behind)) continue;
        if (!some) memset(m->allowed, 0xFF, m->n_words * sizeof *m->allowed);
        some = true;
        m->allowed[t->risky[i] / 32] &= ~(1u << (t->risky[i] % 32));
    }
    return some;
}

bool hn_trigger_accept(struct hn_matcher *matcher, struct hn_masker *m, int32_t id)
{
    struct hn_trigger_place place = matcher->trigger.now;
    bool behind;
    if (!read_token(matcher, m, id, &place, &behind)) return false;
    if (behind) hn_stacks_copy(&matcher->stacks, &m->before);
    matcher->trigger.now = place;
    return true;
}
