/* WordPiece: a word is cut greedily into the longest pieces; one that cannot be cut is unknown. */
#include "base/bits.h"
#include "text/tokenizer_impl.h"
#include "text/utf8.h"

enum { LONGEST_WORD = 100 }; /* characters; longer words are unknown, as BERT has it */

enum hn_status hn_wordpiece_init(struct hn_tokenizer *tokenizer, struct hn_error *err)
{
    if (tokenizer->unk < 0) return hn_fail(err, HN_E_FORMAT, "a WordPiece vocabulary needs [UNK]");
    const size_t n = (size_t)tokenizer->n;
    int32_t *ids = hn_arena_alloc(&tokenizer->arena, n, sizeof *ids);
    if (!ids) return hn_fail_nomem(err, "vocabulary", n * sizeof *ids);
    size_t n_words = 0;
    for (int32_t id = 0; id < tokenizer->n; id++)
        if (tokenizer->texts[id].n) ids[n_words++] = id;
    hn_lexicon_build(&tokenizer->words, tokenizer->texts, ids, n_words);
    return HN_OK;
}

/* The longest piece that `mark` and then `rest` start with, with at least one byte of `rest`; *length
 * gets the bytes of `rest` it takes. -1 when there is none. */
static int32_t longest_piece(const struct hn_lexicon *words, const char *mark, struct hn_str rest,
                             size_t *length)
{
    struct hn_lexicon_walk walk;
    const size_t n_mark = strlen(mark);
    int32_t best = -1;
    for (size_t i = 0; i < n_mark + rest.n; i++) {
        const unsigned char byte = (unsigned char)(i < n_mark ? mark[i] : rest.p[i - n_mark]);
        if (!(i ? hn_lexicon_step(words, byte, &walk) : hn_lexicon_start(words, byte, &walk)))
            break;
        const int32_t id = i >= n_mark ? hn_lexicon_hit(words, &walk) : -1;
        if (id < 0) continue;
        best = id;
        *length = i + 1 - n_mark;
    }
    return best;
}

static size_t count_characters(struct hn_str word)
{
    size_t n = 0;
    for (size_t i = 0; i < word.n; i++)
        n += ((unsigned char)word.p[i] & 0xC0) != 0x80;
    return n;
}

enum hn_status hn_wordpiece_word(struct hn_session *session, struct hn_str word)
{
    const struct hn_tokenizer *tokenizer = session->tokenizer;
    const size_t before = session->out->n;
    if (count_characters(word) > LONGEST_WORD) return hn_session_add(session, tokenizer->unk);
    /* The first piece carries the mark of a word's start, which is no part of the text. */
    for (size_t at = 0, length = 0; at < word.n; at += length) {
        const struct hn_str rest = {word.p + at, word.n - at};
        const int32_t id = longest_piece(&tokenizer->words, at ? "" : HN_SPACE_MARK, rest, &length);
        if (id < 0) {
            session->out->n = before;
            return hn_session_add(session, tokenizer->unk);
        }
        HN_TRY(hn_session_add(session, id));
    }
    return HN_OK;
}
