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

/* Those up to an empty one; there is one at least. */
static enum hn_status set_all(struct hn_needles *t, const struct hn_str texts[HN_TRIGGER_TEXTS],
                              struct hn_error *err)
{
    t->n = 0;
    do
        HN_TRY(set(&t->list[t->n], texts[t->n], err));
    while (++t->n < HN_TRIGGER_TEXTS && texts[t->n].n);
    return HN_OK;
}

/* One more byte for each of them; the number of the first that is whole, or how many there are. */
static size_t look(const struct hn_needles *t, uint8_t at[HN_TRIGGER_TEXTS], char byte)
{
    size_t found = t->n;
    for (size_t i = t->n; i-- > 0;) {
        at[i] = advance(&t->list[i], at[i], byte);
        if (at[i] == t->list[i].n) found = i;
    }
    return found;
}

/* Whether a part to be skipped has begun. */
static bool skip_begins(const struct hn_trigger *t, struct hn_trigger_place *p, char byte)
{
    const bool space = byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r';
    if (p->phase == HN_TRIGGER_LOOK || (p->phase == HN_TRIGGER_FRESH && !p->aside && space))
        return false;
    const uint8_t before = p->aside;
    p->aside = advance(&t->skip_begin, before, byte);
    if (p->phase == HN_TRIGGER_FRESH && p->aside != before + 1) p->phase = HN_TRIGGER_LOOK;
    return p->phase != HN_TRIGGER_LOOK && p->aside == t->skip_begin.n;
}

static void read_byte(const struct hn_trigger *t, struct hn_trigger_place *p, char byte)
{
    if (p->phase == HN_TRIGGER_SKIP) {
        if (look(&t->skip_ends, p->at, byte) < t->skip_ends.n)
            *p = (struct hn_trigger_place){.phase = t->skip_anywhere ? HN_TRIGGER_BOTH
                                                                     : HN_TRIGGER_FRESH};
        return;
    }
    if (skip_begins(t, p, byte)) {
        *p = (struct hn_trigger_place){.phase = HN_TRIGGER_SKIP};
        return;
    }
    const size_t found = look(&t->texts, p->at, byte);
    if (found == t->texts.n) return;
    p->at[0] = (uint8_t)found;
    p->phase = HN_TRIGGER_DONE;
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
    const int32_t size = (int32_t)hn_tokenizer_size(tokenizer);
    for (int32_t id = 0; id < size; id++) {
        const struct hn_str bytes = bytes_of(tokenizer, id);
        bool whole = false, ends = false;
        for (size_t i = 0; i < t->texts.n && bytes.n > 1; i++) {
            const struct hn_needle *text = &t->texts.list[i];
            ends |= memchr(bytes.p, text->text[text->n - 1], bytes.n - 1) != NULL;
            whole |= memmem(bytes.p, bytes.n - 1, text->text, text->n) != NULL;
        }
        if (ends) HN_TRY(add_risky(t, id, whole, err));
    }
    return HN_OK;
}

enum hn_status hn_matcher_await(struct hn_matcher *matcher, const struct hn_tokenizer *tokenizer,
                                const struct hn_trigger_spec *spec, struct hn_error *err)
{
    struct hn_trigger *t = &matcher->trigger;
    const bool skips = spec->skip_begin.n || spec->skip_ends[0].n;
    HN_TRY(set_all(&t->texts, spec->texts, err));
    for (size_t i = 0; i < t->texts.n; i++)
        t->within[i] = (uint8_t)spec->within[i];
    if (skips) {
        HN_TRY(set(&t->skip_begin, spec->skip_begin, err));
        HN_TRY(set_all(&t->skip_ends, spec->skip_ends, err));
    }
    t->skip_anywhere = spec->skip_anywhere;
    HN_TRY(find_risky(t, tokenizer, err));
    t->now.phase = !skips                ? HN_TRIGGER_LOOK
                   : spec->skipping      ? HN_TRIGGER_SKIP
                   : spec->skip_anywhere ? HN_TRIGGER_BOTH
                                         : HN_TRIGGER_FRESH;
    return HN_OK;
}

/* Whether a token may come. `place` goes past it; where that is past the trigger's end, m->before is where
 * the grammar is then. */
static bool read_token(const struct hn_matcher *matcher, struct hn_masker *m, int32_t id,
                       struct hn_trigger_place *place)
{
    bool fits;
    const struct hn_trigger *t = &matcher->trigger;
    const struct hn_str bytes = bytes_of(m->tokenizer, id);
    const size_t n = scan(t, place, bytes);
    if (place->phase != HN_TRIGGER_DONE) return true;
    const struct hn_needle *text = &t->texts.list[place->at[0]];
    const uint8_t within = t->within[place->at[0]];
    const struct hn_str first = {text->text + text->n - within, within};
    const struct hn_str rest = {bytes.p + n, bytes.n - n};
    hn_stacks_copy(&m->before, &matcher->stacks);
    return hn_stacks_read(matcher->grammar, &m->before, m, first, &fits) == first.n &&
           hn_stacks_read(matcher->grammar, &m->before, m, rest, &fits) == rest.n;
}

bool hn_trigger_mask(const struct hn_matcher *matcher, struct hn_masker *m)
{
    const struct hn_trigger *t = &matcher->trigger;
    bool begun = false, some = false;
    for (size_t i = 0; i < t->texts.n; i++)
        begun |= t->now.at[i] != 0;
    /* A token that does not hold all of a trigger can only end one that has begun. */
    const size_t n = begun ? t->n_risky : t->n_whole;
    for (size_t i = 0; i < n; i++) {
        struct hn_trigger_place place = t->now;
        if (read_token(matcher, m, t->risky[i], &place)) continue;
        if (!some) memset(m->allowed, 0xFF, m->n_words * sizeof *m->allowed);
        some = true;
        m->allowed[t->risky[i] / 32] &= ~(1u << (t->risky[i] % 32));
    }
    return some;
}

bool hn_trigger_accept(struct hn_matcher *matcher, struct hn_masker *m, int32_t id)
{
    struct hn_trigger_place place = matcher->trigger.now;
    if (!read_token(matcher, m, id, &place)) return false;
    if (place.phase == HN_TRIGGER_DONE) hn_stacks_copy(&matcher->stacks, &m->before);
    matcher->trigger.now = place;
    return true;
}
