/* Byte pair encoding by merge ranks. */
#include <stdlib.h>

#include "base/bits.h"
#include "text/hash.h"
#include "text/tokenizer_impl.h"
#include "text/utf8.h"

/* GPT-2 writes bytes as printable characters: most of Latin-1 as itself, the 68 others from U+0100. */
static uint32_t character_of_byte(unsigned byte)
{
    if (byte <= 32) return 0x100 + byte;
    if (byte >= 127 && byte <= 160) return 0x121 + byte - 127;
    return byte == 173 ? 0x143 : byte;
}

/* -1 when the character stands for no byte. */
static int byte_of_character(uint32_t cp)
{
    if (cp >= 0x100 && cp <= 0x120) return (int)(cp - 0x100);
    if (cp >= 0x121 && cp <= 0x142) return (int)(cp - 0x121 + 127);
    if (cp == 0x143) return 173;
    return cp <= 255 && character_of_byte(cp) == cp ? (int)cp : -1;
}

bool hn_bytes_decode(struct hn_str text, char *out, size_t *n)
{
    size_t written = 0;
    for (size_t at = 0; at < text.n;) {
        uint32_t cp;
        const size_t length = hn_utf8_decode(text.p + at, text.n - at, &cp);
        const int byte = length ? byte_of_character(cp) : -1;
        if (byte < 0) return false;
        out[written++] = (char)byte;
        at += length;
    }
    *n = written;
    return true;
}

/* The three symbols of a merge, -1 where the vocabulary lacks the text. */
struct rule {
    int32_t left, right, merged;
};

/* Building the table: symbols that merges name but the vocabulary lacks get ids of their own. */
struct builder {
    struct hn_tokenizer *tokenizer;
    const struct hn_vocab_spec *spec;
    struct rule *rules;
    struct hn_str *texts; /* all symbols, room for `cap` */
    size_t n_symbols;
    struct hn_buf joined;
    struct hn_error *err;
};

static enum hn_status merge_sides(const struct builder *b, size_t i, struct hn_str *left,
                                  struct hn_str *right)
{
    const struct hn_str merge = b->spec->merges[i];
    if (b->spec->merge_rights) {
        *left = merge;
        *right = b->spec->merge_rights[i];
    } else {
        /* The first character may itself be a space. */
        const char *space = merge.n > 1 ? memchr(merge.p + 1, ' ', merge.n - 1) : NULL;
        if (!space) return hn_fail(b->err, HN_E_FORMAT, "merge %zu has no second part", i);
        *left = (struct hn_str){merge.p, (size_t)(space - merge.p)};
        *right = (struct hn_str){space + 1, merge.n - left->n - 1};
    }
    if (left->n && right->n && left->n + right->n <= HN_VOCAB_MAX_TEXT) return HN_OK;
    return hn_fail(b->err, HN_E_FORMAT, "merge %zu has parts of %zu and %zu bytes", i, left->n,
                   right->n);
}

static enum hn_status join(struct builder *b, struct hn_str left, struct hn_str right)
{
    hn_buf_clear(&b->joined);
    hn_buf_str(&b->joined, left);
    hn_buf_str(&b->joined, right);
    return b->joined.failed ? hn_fail_nomem(b->err, "merges", left.n + right.n) : HN_OK;
}

/* First pass: what the vocabulary knows. *missing counts the rest, with repetitions. */
static enum hn_status resolve_known(struct builder *b, size_t *missing)
{
    const struct hn_strindex *by_text = &b->tokenizer->by_text;
    *missing = 0;
    for (size_t i = 0; i < b->spec->n_merges; i++) {
        struct hn_str left, right;
        HN_TRY(merge_sides(b, i, &left, &right));
        HN_TRY(join(b, left, right));
        struct rule *rule = &b->rules[i];
        rule->left = hn_strindex_find(by_text, left);
        rule->right = hn_strindex_find(by_text, right);
        rule->merged = hn_strindex_find(by_text, hn_buf_view(&b->joined));
        *missing += (rule->left < 0) + (rule->right < 0) + (rule->merged < 0);
    }
    return HN_OK;
}

/* The symbol of `text` among those the vocabulary lacks, made when it is new. */
static enum hn_status extra_symbol(struct builder *b, struct hn_str text, int32_t *id)
{
    struct hn_bpe *bpe = &b->tokenizer->bpe;
    *id = hn_strindex_find(&bpe->by_text, text);
    if (*id >= 0) return HN_OK;
    const struct hn_str copy = hn_arena_str(&b->tokenizer->arena, text);
    if (!copy.p) return hn_fail_nomem(b->err, "merges", text.n);
    *id = (int32_t)b->n_symbols;
    b->texts[b->n_symbols++] = copy;
    hn_strindex_add(&bpe->by_text, *id);
    return HN_OK;
}

static enum hn_status resolve_missing(struct builder *b)
{
    for (size_t i = 0; i < b->spec->n_merges; i++) {
        struct rule *rule = &b->rules[i];
        if (rule->left >= 0 && rule->right >= 0 && rule->merged >= 0) continue;
        struct hn_str left, right;
        HN_TRY(merge_sides(b, i, &left, &right));
        if (rule->left < 0) HN_TRY(extra_symbol(b, left, &rule->left));
        if (rule->right < 0) HN_TRY(extra_symbol(b, right, &rule->right));
        if (rule->merged >= 0) continue;
        HN_TRY(join(b, left, right));
        HN_TRY(extra_symbol(b, hn_buf_view(&b->joined), &rule->merged));
    }
    return HN_OK;
}

/* A first symbol for every byte, whether the vocabulary has it or not. */
static enum hn_status resolve_bytes(struct builder *b)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[4];
        const struct hn_str character = {text, hn_utf8_encode(character_of_byte(byte), text)};
        int32_t id = hn_strindex_find(&b->tokenizer->by_text, character);
        if (id < 0) HN_TRY(extra_symbol(b, character, &id));
        b->tokenizer->bpe.of_byte[byte] = id;
    }
    return HN_OK;
}

static struct hn_bpe_merge *merge_slot(const struct hn_tokenizer *tokenizer, int32_t left,
                                       int32_t right)
{
    const struct hn_bpe *bpe = &tokenizer->bpe;
    const uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    for (size_t i = hn_hash_pair(pair, tokenizer->seed) & bpe->mask;; i = (i + 1) & bpe->mask) {
        struct hn_bpe_merge *slot = &bpe->merges[i];
        if (slot->pair == pair || slot->rank == HN_MERGE_NONE) return slot;
    }
}

static enum hn_status fill_merges(struct builder *b)
{
    struct hn_tokenizer *tokenizer = b->tokenizer;
    size_t size = 16;
    while (size / 2 < b->spec->n_merges)
        size *= 2;
    tokenizer->bpe.merges = hn_arena_alloc(&tokenizer->arena, size, sizeof *tokenizer->bpe.merges);
    if (!tokenizer->bpe.merges)
        return hn_fail_nomem(b->err, "merges", size * sizeof *tokenizer->bpe.merges);
    tokenizer->bpe.mask = size - 1;
    for (size_t i = 0; i < size; i++)
        tokenizer->bpe.merges[i] = (struct hn_bpe_merge){.pair = UINT64_MAX, .rank = HN_MERGE_NONE};
    for (size_t i = 0; i < b->spec->n_merges; i++) {
        const struct rule rule = b->rules[i];
        struct hn_bpe_merge *slot = merge_slot(tokenizer, rule.left, rule.right);
        if (slot->rank != HN_MERGE_NONE) continue; /* the earlier one counts */
        *slot = (struct hn_bpe_merge){(uint64_t)(uint32_t)rule.left << 32 | (uint32_t)rule.right,
                                      (uint32_t)i, rule.merged};
    }
    return HN_OK;
}

static enum hn_status build(struct builder *b)
{
    struct hn_tokenizer *tokenizer = b->tokenizer;
    struct hn_bpe *bpe = &tokenizer->bpe;
    size_t missing;
    HN_TRY(resolve_known(b, &missing));
    /* Symbols outside the vocabulary were not looked at for spaces within. */
    if (missing) tokenizer->splits_at_spaces = false;
    const size_t n = (size_t)tokenizer->n;
    const size_t room = n + missing + 256;
    b->texts = hn_arena_alloc(&tokenizer->arena, room, sizeof *b->texts);
    if (!b->texts) return hn_fail_nomem(b->err, "merges", room * sizeof *b->texts);
    memcpy(b->texts, tokenizer->texts, n * sizeof *b->texts);
    b->n_symbols = n;
    bpe->texts = b->texts;
    /* Only the extra symbols are entered: the others are found through the vocabulary's index. */
    HN_TRY(hn_strindex_init(&bpe->by_text, &tokenizer->arena, b->texts, room - n, tokenizer->seed,
                            b->err));
    HN_TRY(resolve_missing(b));
    if (!bpe->characters) HN_TRY(resolve_bytes(b));
    return fill_merges(b);
}

/* Tokens by the bytes they stand for, for words that are looked up whole. */
static enum hn_status index_pieces(struct hn_tokenizer *tokenizer, struct hn_error *err)
{
    struct hn_strindex *by_piece = &tokenizer->bpe.by_piece;
    HN_TRY(hn_strindex_init(by_piece, &tokenizer->arena, tokenizer->pieces, (size_t)tokenizer->n,
                            tokenizer->seed, err));
    for (int32_t id = 0; id < tokenizer->n; id++)
        if (tokenizer->pieces[id].n && tokenizer->types[id] == HN_TOKEN_NORMAL)
            hn_strindex_add(by_piece, id);
    return HN_OK;
}

enum hn_status hn_bpe_init(struct hn_tokenizer *tokenizer, const struct hn_vocab_spec *spec,
                           bool ignore_merges, bool characters, struct hn_error *err)
{
    if (spec->n_merges > HN_VOCAB_MAX_MERGES)
        return hn_fail(err, HN_E_LIMIT, "%zu merges; at most %d are supported", spec->n_merges,
                       HN_VOCAB_MAX_MERGES);
    tokenizer->bpe.ignore_merges = ignore_merges;
    tokenizer->bpe.characters = characters;
    tokenizer->bpe.fuse_unk = spec->fuse_unk;
    struct builder b = {.tokenizer = tokenizer, .spec = spec, .err = err};
    b.rules = calloc(spec->n_merges + 1, sizeof *b.rules);
    const enum hn_status status =
        b.rules ? build(&b) : hn_fail_nomem(err, "merges", spec->n_merges * sizeof *b.rules);
    free(b.rules);
    hn_buf_free(&b.joined);
    if (status < 0) return status;
    return ignore_merges && !characters ? index_pieces(tokenizer, err) : HN_OK;
}

static uint32_t find_merge(const void *context, const struct hn_symbol *left,
                           const struct hn_symbol *right, int32_t *merged)
{
    if (left->id < 0 || right->id < 0) return HN_MERGE_NONE;
    const struct hn_bpe_merge *slot = merge_slot(context, left->id, right->id);
    *merged = slot->merged;
    return slot->rank;
}

/* A symbol that is no token: its bytes, each by its own token where there is one. */
static enum hn_status add_apart(struct hn_session *session, struct hn_str text)
{
    const struct hn_tokenizer *tokenizer = session->tokenizer;
    if (tokenizer->bpe.characters) return hn_session_bytes(session, text);
    for (size_t i = 0; i < text.n; i++) {
        int32_t id = tokenizer->bpe.of_byte[(unsigned char)text.p[i]];
        if (id >= tokenizer->n) id = tokenizer->unk;
        if (id >= 0) HN_TRY(hn_session_add(session, id));
    }
    return HN_OK;
}

static size_t split_bytes(const struct hn_bpe *bpe, struct hn_str word, struct hn_symbol *symbols)
{
    for (size_t i = 0; i < word.n; i++)
        symbols[i] = (struct hn_symbol){
            .id = bpe->of_byte[(unsigned char)word.p[i]], .at = (uint32_t)i, .n = 1};
    return word.n;
}

static size_t split_characters(const struct hn_tokenizer *tokenizer, struct hn_str word,
                               struct hn_symbol *symbols)
{
    size_t n = 0;
    for (size_t at = 0, length; at < word.n; at += length) {
        length = hn_utf8_length((unsigned char)word.p[at]);
        const struct hn_str character = {word.p + at, length};
        int32_t id = hn_strindex_find(&tokenizer->by_text, character);
        if (id < 0) id = hn_strindex_find(&tokenizer->bpe.by_text, character);
        symbols[n++] = (struct hn_symbol){.id = id, .at = (uint32_t)at, .n = (uint32_t)length};
    }
    return n;
}

static bool is_breaks(struct hn_str word)
{
    for (size_t i = 0; i < word.n; i++)
        if (word.p[i] != '\n') return false;
    return true;
}

enum hn_status hn_bpe_word(struct hn_session *session, struct hn_str word)
{
    const struct hn_tokenizer *tokenizer = session->tokenizer;
    const struct hn_bpe *bpe = &tokenizer->bpe;
    if (bpe->ignore_merges || (bpe->whole_breaks && is_breaks(word))) {
        const int32_t id =
            hn_strindex_find(bpe->characters ? &tokenizer->by_text : &bpe->by_piece, word);
        if (id >= 0) return hn_session_add(session, id);
    }
    struct hn_merger *merger = &session->merger;
    HN_TRY(hn_merger_reserve(merger, word.n));
    merger->n = bpe->characters ? split_characters(tokenizer, word, merger->symbols)
                                : split_bytes(bpe, word, merger->symbols);
    HN_TRY(hn_merge(merger, find_merge, tokenizer));
    for (int32_t i = 0; i >= 0;) {
        const struct hn_symbol *symbol = &merger->symbols[i];
        if (symbol->id >= 0 && symbol->id < tokenizer->n)
            HN_TRY(hn_session_add(session, symbol->id));
        else HN_TRY(add_apart(session, (struct hn_str){word.p + symbol->at, symbol->n}));
        i = symbol->next;
    }
    return HN_OK;
}
