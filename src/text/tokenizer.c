#include "text/tokenizer.h"

#include <stdlib.h>

#include "base/bits.h"
#include "text/charclass.h"
#include "text/tokenizer_impl.h"
#include "text/utf8.h"

enum hn_status hn_tokens_add(struct hn_tokens *tokens, int32_t id)
{
    if (tokens->limit && tokens->n >= tokens->limit) return HN_E_LIMIT;
    if (tokens->n == tokens->cap) {
        size_t bytes;
        const size_t cap = tokens->cap ? tokens->cap * 2 : 64;
        if (!hn_mul(cap, sizeof *tokens->ids, &bytes)) return HN_E_NOMEM;
        int32_t *ids = realloc(tokens->ids, bytes);
        if (!ids) return HN_E_NOMEM;
        tokens->ids = ids;
        tokens->cap = cap;
    }
    tokens->ids[tokens->n++] = id;
    return HN_OK;
}

void hn_tokens_free(struct hn_tokens *tokens)
{
    free(tokens->ids);
    *tokens = (struct hn_tokens){.limit = tokens->limit};
}

enum hn_status hn_session_add(struct hn_session *session, int32_t id)
{
    return hn_tokens_add(session->out, id);
}

enum hn_status hn_session_bytes(struct hn_session *session, struct hn_str text)
{
    const struct hn_tokenizer *t = session->tokenizer;
    bool known = true; /* vocabularies exist that lack a few bytes: those that are tokens as text */
    for (size_t i = 0; i < text.n; i++)
        known &= t->of_byte[(unsigned char)text.p[i]] >= 0;
    if (!known) {
        /* A run of unknown characters may count once. */
        const struct hn_tokens *out = session->out;
        const bool fused = t->bpe.fuse_unk && out->n && out->ids[out->n - 1] == t->unk;
        return t->unk < 0 || fused ? HN_OK : hn_session_add(session, t->unk);
    }
    for (size_t i = 0; i < text.n; i++)
        HN_TRY(hn_session_add(session, t->of_byte[(unsigned char)text.p[i]]));
    return HN_OK;
}

static enum hn_status encode_word(struct hn_session *session, struct hn_str word)
{
    struct hn_tokens *out = session->out;
    struct hn_wordcache_slot *slot = hn_wordcache_slot(&session->cache, word);
    if (slot && hn_wordcache_hit(slot, word)) {
        for (size_t i = 0; i < slot->n_ids; i++)
            HN_TRY(hn_tokens_add(out, slot->ids[i]));
        return HN_OK;
    }
    const size_t before = out->n;
    switch (session->tokenizer->kind) {
    case HN_VOCAB_SPM: HN_TRY(hn_spm_word(session, word)); break;
    case HN_VOCAB_BPE: HN_TRY(hn_bpe_word(session, word)); break;
    case HN_VOCAB_WPM: HN_TRY(hn_wordpiece_word(session, word)); break;
    case HN_VOCAB_UGM: return hn_unigram_text(session, word);
    }
    if (slot && out->n > before) hn_wordcache_put(slot, word, out->ids + before, out->n - before);
    return HN_OK;
}

/* Cuts before every U+2581 that follows another character. No token reaches over such a place (the
 * vocabulary was checked), so no merge does: the parts can be encoded, and remembered, alone. */
static enum hn_status encode_at_spaces(struct hn_session *session, struct hn_str text)
{
    const struct hn_str mark = HN_STR(HN_SPACE_MARK);
    while (text.n) {
        size_t at = 0;
        while (hn_str_starts((struct hn_str){text.p + at, text.n - at}, mark))
            at += mark.n;
        const char *next = memmem(text.p + at, text.n - at, mark.p, mark.n);
        const size_t n = next ? (size_t)(next - text.p) : text.n;
        HN_TRY(encode_word(session, (struct hn_str){text.p, n}));
        text = (struct hn_str){text.p + n, text.n - n};
    }
    return HN_OK;
}

static enum hn_status on_word(void *context, struct hn_str word)
{
    struct hn_session *session = context;
    const struct hn_tokenizer *t = session->tokenizer;
    const bool marked = t->kind == HN_VOCAB_SPM || (t->kind == HN_VOCAB_BPE && t->bpe.characters);
    const bool apart = t->splits_at_spaces && (t->has_bytes || !t->bpe.fuse_unk);
    return marked && apart ? encode_at_spaces(session, word) : encode_word(session, word);
}

/* Text between special tokens. `first`: it is the start of the input. */
static enum hn_status encode_section(struct hn_session *session, struct hn_str text, bool first)
{
    const struct hn_tokenizer *t = session->tokenizer;
    struct hn_str normal;
    HN_TRY(hn_normalize(t->normalizer, text, first, &session->normal, &normal, session->err));
    return hn_pretokenize(t->pretokenizer, normal, on_word, session, session->err);
}

static bool is_word_at(struct hn_str text, size_t at)
{
    size_t length;
    const unsigned char *p = (const unsigned char *)text.p + at;
    return *p == '_' || (hn_charclass_at(p, &length) & (HN_CHAR_LETTER | HN_CHAR_NUMBER));
}

/* True when no word character touches text[at..end). */
static bool stands_alone(struct hn_str text, size_t at, size_t end)
{
    size_t before = at;
    while (before && ((unsigned char)text.p[--before] & 0xC0) == 0x80) {
    }
    return !(at && is_word_at(text, before)) && !(end < text.n && is_word_at(text, end));
}

static bool may_match(const struct hn_tokenizer *t, int32_t id, bool parse, struct hn_str text,
                      size_t at, size_t end)
{
    if (!parse && t->types[id] != HN_TOKEN_USER_DEFINED) return false;
    return !(t->attrs[id] & HN_TOKEN_SINGLE_WORD) || stands_alone(text, at, end);
}

/* The leftmost, there the longest, special token at or after `from`: its id and place; -1 when there
 * is none. */
static int32_t find_special(const struct hn_tokenizer *t, struct hn_str text, bool parse,
                            size_t from, size_t *start, size_t *end)
{
    const struct hn_lexicon *specials = &t->specials;
    for (size_t at = from; at < text.n; at++) {
        struct hn_lexicon_walk walk;
        bool more = hn_lexicon_start(specials, (unsigned char)text.p[at], &walk);
        int32_t best = -1;
        for (size_t i = at + 1; more; i++) {
            const int32_t id = hn_lexicon_hit(specials, &walk);
            if (id >= 0 && may_match(t, id, parse, text, at, i)) {
                best = id;
                *end = i;
            }
            more = i < text.n && hn_lexicon_step(specials, (unsigned char)text.p[i], &walk);
        }
        if (best < 0) continue;
        *start = at;
        return best;
    }
    return -1;
}

static size_t skip_spaces(struct hn_str text, size_t at)
{
    size_t length;
    while (at < text.n &&
           (hn_charclass_at((const unsigned char *)text.p + at, &length) & HN_CHAR_SPACE))
        at += length;
    return at;
}

/* Where the white space that ends at `at` begins, not before `from`. */
static size_t back_over_spaces(struct hn_str text, size_t from, size_t at)
{
    while (at > from) {
        size_t before = at - 1, length;
        while (before > from && ((unsigned char)text.p[before] & 0xC0) == 0x80)
            before--;
        if (!(hn_charclass_at((const unsigned char *)text.p + before, &length) & HN_CHAR_SPACE))
            break;
        at = before;
    }
    return at;
}

static enum hn_status encode_text(struct hn_session *session, struct hn_str text, bool parse)
{
    const struct hn_tokenizer *t = session->tokenizer;
    size_t done = 0;
    for (;;) {
        size_t start = text.n, end = text.n;
        const int32_t id = find_special(t, text, parse, done, &start, &end);
        const uint8_t attrs = id < 0 ? 0 : t->attrs[id];
        const size_t stop = attrs & HN_TOKEN_LSTRIP ? back_over_spaces(text, done, start) : start;
        if (stop > done)
            HN_TRY(encode_section(session, (struct hn_str){text.p + done, stop - done}, done == 0));
        if (id < 0) return HN_OK;
        HN_TRY(hn_session_add(session, id));
        done = attrs & HN_TOKEN_RSTRIP ? skip_spaces(text, end) : end;
    }
}

static enum hn_status encode_framed(struct hn_session *session, struct hn_str text, unsigned flags)
{
    const struct hn_tokenizer *t = session->tokenizer;
    const bool framed = flags & HN_TOKENIZE_ADD_SPECIAL;
    for (size_t i = 0; framed && i < t->n_head; i++)
        HN_TRY(hn_session_add(session, t->head[i]));
    if (text.n && hn_utf8_valid(text) != text.n) {
        HN_TRY(hn_utf8_repair(text, &session->repaired));
        text = hn_buf_view(&session->repaired);
    }
    HN_TRY(encode_text(session, text, flags & HN_TOKENIZE_PARSE_SPECIAL));
    for (size_t i = 0; framed && i < t->n_tail; i++)
        HN_TRY(hn_session_add(session, t->tail[i]));
    return HN_OK;
}

enum hn_status hn_tokenize(const struct hn_tokenizer *tokenizer, struct hn_str text, unsigned flags,
                           struct hn_tokens *out, struct hn_error *err)
{
    if (text.n > HN_TOKENIZE_MAX_BYTES)
        return hn_fail(err, HN_E_LIMIT, "a text of %zu bytes; at most %d are supported", text.n,
                       HN_TOKENIZE_MAX_BYTES);
    struct hn_error inner = {0};
    struct hn_session session = {.tokenizer = tokenizer, .out = out, .err = &inner};
    if (tokenizer->kind != HN_VOCAB_UGM) hn_wordcache_init(&session.cache, text.n, tokenizer->seed);
    const enum hn_status status = encode_framed(&session, text, flags);
    hn_merger_free(&session.merger);
    hn_wordcache_free(&session.cache);
    hn_normal_scratch_free(&session.normal);
    hn_buf_free(&session.repaired);
    if (status >= 0) return HN_OK;
    if (inner.status < 0) return hn_fail(err, status, "%s", inner.text);
    if (status == HN_E_LIMIT)
        return hn_fail(err, status, "the text has more than %zu tokens", out->limit);
    return hn_fail(err, status, "tokenizing %zu bytes", text.n);
}

struct hn_frame hn_tokenizer_frame(const struct hn_tokenizer *tokenizer)
{
    return (struct hn_frame){.head = tokenizer->head,
                             .middle = tokenizer->middle,
                             .tail = tokenizer->tail,
                             .n_head = tokenizer->n_head,
                             .n_middle = tokenizer->n_middle,
                             .two_types = tokenizer->two_types,
                             .n_tail = tokenizer->n_tail};
}

size_t hn_tokenizer_size(const struct hn_tokenizer *tokenizer)
{
    return (size_t)tokenizer->n;
}

enum hn_status hn_tokenizer_same(const struct hn_tokenizer *a, const struct hn_tokenizer *b,
                                 struct hn_error *err)
{
    if (a->n != b->n)
        return hn_fail(err, HN_E_ARG, "the vocabularies differ: %d tokens and %d", (int)a->n,
                       (int)b->n);
    for (int32_t id = 0; id < (int32_t)a->n; id++) {
        const struct hn_str x = hn_tokenizer_text(a, id), y = hn_tokenizer_text(b, id);
        if (!hn_str_eq(x, y))
            return hn_fail(err, HN_E_ARG,
                           "the vocabularies differ: token %d is \"%.*s\" and \"%.*s\"", (int)id,
                           (int)hn_min(x.n, 60), x.p, (int)hn_min(y.n, 60), y.p);
    }
    return HN_OK;
}

int32_t hn_tokenizer_find(const struct hn_tokenizer *tokenizer, struct hn_str text)
{
    return text.n ? hn_strindex_find(&tokenizer->by_text, text) : -1;
}

static bool is_valid(const struct hn_tokenizer *tokenizer, int32_t id)
{
    return id >= 0 && id < tokenizer->n;
}

struct hn_str hn_tokenizer_text(const struct hn_tokenizer *tokenizer, int32_t id)
{
    return is_valid(tokenizer, id) ? tokenizer->texts[id] : HN_STR("");
}

struct hn_str hn_tokenizer_piece(const struct hn_tokenizer *tokenizer, int32_t id)
{
    return is_valid(tokenizer, id) ? tokenizer->pieces[id] : HN_STR("");
}

bool hn_tokenizer_is_control(const struct hn_tokenizer *tokenizer, int32_t id)
{
    return is_valid(tokenizer, id) &&
           (tokenizer->types[id] == HN_TOKEN_CONTROL || tokenizer->types[id] == HN_TOKEN_UNKNOWN);
}

bool hn_tokenizer_is_eog(const struct hn_tokenizer *tokenizer, int32_t id)
{
    return is_valid(tokenizer, id) && tokenizer->eog[id];
}

int32_t hn_tokenizer_bos(const struct hn_tokenizer *tokenizer)
{
    return tokenizer->bos;
}

int32_t hn_tokenizer_eos(const struct hn_tokenizer *tokenizer)
{
    return tokenizer->eos;
}

int32_t hn_tokenizer_eot(const struct hn_tokenizer *tokenizer)
{
    return tokenizer->eot;
}

int32_t hn_tokenizer_unk(const struct hn_tokenizer *tokenizer)
{
    return tokenizer->unk;
}

bool hn_tokenizer_adds_bos(const struct hn_tokenizer *tokenizer)
{
    return tokenizer->n_head && tokenizer->head[0] == tokenizer->bos;
}
