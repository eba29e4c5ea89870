/* What the parts of a tokenizer share. Only the files of the tokenizer include this. */
#ifndef HN_TEXT_TOKENIZER_IMPL_H
#define HN_TEXT_TOKENIZER_IMPL_H

#include "base/arena.h"
#include "text/lexicon.h"
#include "text/merge.h"
#include "text/normalize.h"
#include "text/pretokenize.h"
#include "text/strindex.h"
#include "text/tokenizer.h"
#include "text/wordcache.h"

#define HN_SPACE_MARK "\xE2\x96\x81" /* U+2581, a space in sentencepiece vocabularies */

/* left << 32 | right -> the merged symbol, and its rank. */
struct hn_bpe_merge {
    uint64_t pair;
    uint32_t rank; /* HN_MERGE_NONE: empty slot */
    int32_t merged;
};

/* Symbols of a BPE vocabulary are its ids, and above them ids of texts that merges name but the
 * vocabulary lacks: such a symbol may merge further, and otherwise falls apart into bytes. */
struct hn_bpe {
    struct hn_bpe_merge *merges;
    size_t mask;
    const struct hn_str *texts; /* of all symbols */
    struct hn_strindex by_text;
    bool characters; /* symbols start as characters, not bytes */
    bool ignore_merges;
    bool fuse_unk;
    bool whole_breaks;           /* struct hn_pretok_preset */
    int32_t of_byte[256];        /* over bytes: the first symbol of each */
    struct hn_strindex by_piece; /* ignore_merges: tokens by the bytes they stand for */
};

struct hn_tokenizer {
    struct hn_arena arena;
    enum hn_vocab_kind kind;
    int32_t n;
    uint64_t seed;
    struct hn_str *texts;
    struct hn_str *pieces;
    float *scores; /* kinds with scores */
    uint8_t *types;
    uint8_t *attrs;
    bool *eog;
    struct hn_strindex by_text;
    int32_t bos, eos, eot, unk;
    bool strips_first_space; /* detokenizing: encoding put a space in front */
    size_t n_head, n_middle, n_tail;
    bool two_types;
    int32_t head[HN_VOCAB_MAX_FRAME], middle[HN_VOCAB_MAX_FRAME], tail[HN_VOCAB_MAX_FRAME];
    struct hn_lexicon specials; /* control, unknown and user-defined tokens */
    struct hn_normalizer *normalizer;
    struct hn_pretokenizer *pretokenizer;
    struct hn_lexicon words; /* WPM, UGM: the tokens text is made of */
    float unk_score;         /* UGM */
    int32_t of_byte[256];    /* SPM, UGM, BPE over characters: byte tokens, or -1 */
    bool has_bytes;          /* all 256 are there */
    bool splits_at_spaces;   /* no token has U+2581 after another character */
    size_t longest;          /* bytes of the longest token */
    struct hn_bpe bpe;
};

/* One call of hn_tokenize. */
struct hn_session {
    const struct hn_tokenizer *tokenizer;
    struct hn_tokens *out;
    struct hn_error *err;
    struct hn_merger merger;
    struct hn_wordcache cache;
    struct hn_normal_scratch normal;
    struct hn_buf repaired;
};

/* Filling the parts; called once by hn_tokenizer_create. */
enum hn_status hn_bpe_init(struct hn_tokenizer *tokenizer, const struct hn_vocab_spec *spec,
                           bool ignore_merges, bool characters, struct hn_error *err);
enum hn_status hn_unigram_init(struct hn_tokenizer *tokenizer, struct hn_error *err);
enum hn_status hn_wordpiece_init(struct hn_tokenizer *tokenizer, struct hn_error *err);

/* Tokens of one word (BPE, WPM, SPM) or of a whole normalized text (UGM), appended to session->out. */
enum hn_status hn_bpe_word(struct hn_session *session, struct hn_str word);
enum hn_status hn_spm_word(struct hn_session *session, struct hn_str word);
enum hn_status hn_wordpiece_word(struct hn_session *session, struct hn_str word);
enum hn_status hn_unigram_text(struct hn_session *session, struct hn_str text);

/* Appends the byte tokens of a text that is no token, or unk where there are none. */
enum hn_status hn_session_bytes(struct hn_session *session, struct hn_str text);
enum hn_status hn_session_add(struct hn_session *session, int32_t id);

/* The bytes that a GPT-2 style token text stands for; false when it is not in that encoding. */
bool hn_bytes_decode(struct hn_str text, char *out, size_t *n);

#endif
