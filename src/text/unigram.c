/* SentencePiece Unigram: the segmentation with the highest sum of scores (Viterbi). */
#include <float.h>
#include <stdlib.h>

#include "base/bits.h"
#include "text/tokenizer_impl.h"
#include "text/utf8.h"

/* What an unknown character costs beyond the worst token, as in sentencepiece. */
#define UNKNOWN_PENALTY 10.0f

enum hn_status hn_unigram_init(struct hn_tokenizer *tokenizer, struct hn_error *err)
{
    if (tokenizer->unk < 0)
        return hn_fail(err, HN_E_FORMAT, "a Unigram vocabulary needs an unknown token");
    const size_t n = (size_t)tokenizer->n;
    int32_t *ids = hn_arena_alloc(&tokenizer->arena, n, sizeof *ids);
    if (!ids) return hn_fail_nomem(err, "vocabulary", n * sizeof *ids);
    size_t n_words = 0;
    float worst = FLT_MAX;
    for (int32_t id = 0; id < tokenizer->n; id++) {
        const uint8_t type = tokenizer->types[id];
        if (type == HN_TOKEN_NORMAL && tokenizer->scores[id] < worst) worst = tokenizer->scores[id];
        if ((type == HN_TOKEN_NORMAL || type == HN_TOKEN_USER_DEFINED) && tokenizer->texts[id].n)
            ids[n_words++] = id;
    }
    tokenizer->unk_score = (worst == FLT_MAX ? 0.0f : worst) - UNKNOWN_PENALTY;
    hn_lexicon_build(&tokenizer->words, tokenizer->texts, ids, n_words);
    return HN_OK;
}

/* The best way to reach a place in the text: with which token, from where. */
struct reach {
    double score;
    int32_t id; /* -1: unknown character */
    uint32_t from;
};

static void offer(struct reach *place, double score, int32_t id, size_t from)
{
    if (score <= place->score) return;
    *place = (struct reach){score, id, (uint32_t)from};
}

/* Offers every token that starts at `at` to the place where it ends. */
static void extend(const struct hn_tokenizer *tokenizer, struct hn_str text, size_t at,
                   struct reach *places)
{
    const struct hn_lexicon *words = &tokenizer->words;
    const double score = places[at].score;
    const size_t character = hn_utf8_length((unsigned char)text.p[at]);
    bool whole_character = false;
    struct hn_lexicon_walk walk;
    bool more = hn_lexicon_start(words, (unsigned char)text.p[at], &walk);
    for (size_t end = at + 1; more; end++) {
        const int32_t id = hn_lexicon_hit(words, &walk);
        if (id >= 0) {
            const bool sure = tokenizer->types[id] == HN_TOKEN_USER_DEFINED;
            offer(&places[end], score + (sure ? 0.0 : (double)tokenizer->scores[id]), id, at);
            whole_character |= end - at == character;
        }
        more = end < text.n && hn_lexicon_step(words, (unsigned char)text.p[end], &walk);
    }
    if (!whole_character)
        offer(&places[at + character], score + (double)tokenizer->unk_score, -1, at);
}

/* Turns the links around, so that the best path can be walked from the start: from[] becomes to[]. */
static void reverse_path(struct reach *places, size_t n)
{
    size_t at = n;
    uint32_t to = 0;
    int32_t id = -1;
    for (;;) {
        const uint32_t from = places[at].from;
        const int32_t entered_by = places[at].id;
        places[at].from = to;
        places[at].id = id;
        if (at == 0) return;
        to = (uint32_t)at;
        id = entered_by;
        at = from;
    }
}

enum hn_status hn_unigram_text(struct hn_session *session, struct hn_str text)
{
    const struct hn_tokenizer *tokenizer = session->tokenizer;
    if (!text.n) return HN_OK;
    struct reach *places = malloc((text.n + 1) * sizeof *places);
    if (!places) return hn_fail_nomem(session->err, "segmentation", text.n * sizeof *places);
    for (size_t i = 0; i <= text.n; i++)
        places[i] = (struct reach){-DBL_MAX, -1, 0};
    places[0].score = 0;
    for (size_t at = 0; at < text.n; at += hn_utf8_length((unsigned char)text.p[at]))
        extend(tokenizer, text, at, places);
    reverse_path(places, text.n);

    enum hn_status status = HN_OK;
    bool unknown = false; /* a run of unknown characters is one token */
    for (size_t at = 0; at < text.n && status >= 0;) {
        const size_t to = places[at].from;
        const int32_t id = places[at].id;
        if (id >= 0) status = hn_session_add(session, id);
        else if (tokenizer->has_bytes)
            status = hn_session_bytes(session, (struct hn_str){text.p + at, to - at});
        else if (!unknown) status = hn_session_add(session, tokenizer->unk);
        unknown = id < 0;
        at = to;
    }
    free(places);
    return status;
}
