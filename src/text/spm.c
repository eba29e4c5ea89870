/* SentencePiece BPE: the neighbours whose joined text is the token with the highest score merge first. */
#include "base/bits.h"
#include "text/tokenizer_impl.h"
#include "text/utf8.h"

struct spm_pair {
    const struct hn_tokenizer *tokenizer;
    const char *text;
};

/* Order-reversing map of finite scores to integers: the best score is the smallest key. */
static uint32_t key_of_score(float score)
{
    uint32_t bits;
    score += 0.0f; /* -0 and 0 are one score */
    memcpy(&bits, &score, sizeof bits);
    return bits & 0x80000000u ? bits : ~bits & 0x7FFFFFFFu;
}

/* Tokens that text may become; control and byte tokens are not text. */
static int32_t find_text(const struct hn_tokenizer *tokenizer, struct hn_str text)
{
    const int32_t id = hn_strindex_find(&tokenizer->by_text, text);
    if (id < 0) return -1;
    const uint8_t type = tokenizer->types[id];
    return type == HN_TOKEN_NORMAL || type == HN_TOKEN_USER_DEFINED || type == HN_TOKEN_UNUSED ? id
                                                                                               : -1;
}

static uint32_t find_pair(const void *context, const struct hn_symbol *left,
                          const struct hn_symbol *right, int32_t *merged)
{
    const struct spm_pair *pair = context;
    const struct hn_str text = {pair->text + left->at, (size_t)left->n + right->n};
    if (text.n > pair->tokenizer->longest) return HN_MERGE_NONE;
    *merged = find_text(pair->tokenizer, text);
    return *merged < 0 ? HN_MERGE_NONE : key_of_score(pair->tokenizer->scores[*merged]);
}

enum hn_status hn_spm_word(struct hn_session *session, struct hn_str word)
{
    const struct hn_tokenizer *tokenizer = session->tokenizer;
    struct hn_merger *merger = &session->merger;
    HN_TRY(hn_merger_reserve(merger, word.n));
    merger->n = 0;
    for (size_t at = 0, length; at < word.n; at += length) {
        length = hn_utf8_length((unsigned char)word.p[at]);
        merger->symbols[merger->n++] =
            (struct hn_symbol){.id = find_text(tokenizer, (struct hn_str){word.p + at, length}),
                               .at = (uint32_t)at,
                               .n = (uint32_t)length};
    }
    HN_TRY(hn_merge(merger, find_pair, &(struct spm_pair){tokenizer, word.p}));
    for (int32_t i = 0; i >= 0;) {
        const struct hn_symbol *symbol = &merger->symbols[i];
        if (symbol->id >= 0) HN_TRY(hn_session_add(session, symbol->id));
        else HN_TRY(hn_session_bytes(session, (struct hn_str){word.p + symbol->at, symbol->n}));
        i = symbol->next;
    }
    return HN_OK;
}
