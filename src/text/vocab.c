/* From a vocabulary's description to a tokenizer: everything is checked and copied here. */
#include "text/vocab.h"

#include <math.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/bits.h"
#include "base/clock.h"
#include "text/tokenizer_impl.h"
#include "text/utf8.h"

struct hn_vocab_spec hn_vocab_spec_init(enum hn_vocab_kind kind)
{
    return (struct hn_vocab_spec){
        .kind = kind,
        .bos = -1,
        .eos = -1,
        .eot = -1,
        .unk = -1,
        .sep = -1,
        .pad = -1,
        .cls = -1,
        .mask = -1,
        .add_bos = HN_VOCAB_DEFAULT,
        .add_eos = HN_VOCAB_DEFAULT,
        .add_sep = HN_VOCAB_DEFAULT,
        .add_space_prefix = HN_VOCAB_DEFAULT,
        .ignore_merges = HN_VOCAB_DEFAULT,
        .lowercase = HN_VOCAB_DEFAULT,
        .strip_accents = HN_VOCAB_DEFAULT,
    };
}

/* Files choose the keys of the hash tables: an unpredictable seed keeps them from choosing collisions.
 * Nothing that is visible depends on it. */
static uint64_t random_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == (ssize_t)sizeof seed) return seed;
    return hn_clock_ns() * 0x9E3779B97F4A7C15u;
}

static bool starts_with_mark(struct hn_str s)
{
    return hn_str_starts(s, HN_STR(HN_SPACE_MARK));
}

/* True when U+2581 stands after a character that is not U+2581. */
static bool has_inner_mark(struct hn_str s)
{
    while (starts_with_mark(s))
        s = (struct hn_str){s.p + 3, s.n - 3};
    return s.n && memmem(s.p, s.n, HN_SPACE_MARK, 3) != NULL;
}

static enum hn_status copy_texts(struct hn_tokenizer *t, const struct hn_vocab_spec *spec,
                                 struct hn_error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < spec->n; i++) {
        const size_t n = spec->texts[i].n;
        if (n > HN_VOCAB_MAX_TEXT)
            return hn_fail(err, HN_E_LIMIT, "token %zu has %zu bytes; at most %d are supported", i,
                           n, HN_VOCAB_MAX_TEXT);
        total += n; /* at most 2^24 * 2^16 */
        t->longest = hn_max(t->longest, n);
    }
    t->texts = hn_arena_alloc(&t->arena, spec->n, sizeof *t->texts);
    t->types = hn_arena_alloc(&t->arena, spec->n, 1);
    t->attrs = hn_arena_alloc(&t->arena, spec->n, 1);
    t->eog = hn_arena_alloc(&t->arena, spec->n, sizeof *t->eog);
    t->scores = hn_arena_alloc(&t->arena, spec->n, sizeof *t->scores);
    char *p = hn_arena_alloc(&t->arena, total, 1);
    if (!t->texts || !t->types || !t->attrs || !t->eog || !t->scores || !p)
        return hn_fail_nomem(err, "vocabulary", total);
    t->splits_at_spaces = true;
    for (size_t i = 0; i < spec->n; i++) {
        const struct hn_str text = spec->texts[i];
        if (text.n) memcpy(p, text.p, text.n);
        t->texts[i] = (struct hn_str){p, text.n};
        p += text.n;
        t->types[i] = HN_TOKEN_NORMAL;
        if (spec->types && spec->types[i]) t->types[i] = spec->types[i];
        if (t->types[i] > HN_TOKEN_BYTE)
            return hn_fail(err, HN_E_FORMAT, "token %zu has the unknown type %d", i, t->types[i]);
        if (spec->attrs) t->attrs[i] = spec->attrs[i];
        if (spec->scores) t->scores[i] = spec->scores[i];
        if (!isfinite(t->scores[i]))
            return hn_fail(err, HN_E_FORMAT, "token %zu has a score that is no number", i);
        if (t->splits_at_spaces) t->splits_at_spaces = !has_inner_mark(text);
    }
    return HN_OK;
}

static enum hn_status index_texts(struct hn_tokenizer *t, struct hn_error *err)
{
    HN_TRY(hn_strindex_init(&t->by_text, &t->arena, t->texts, (size_t)t->n, t->seed, err));
    for (int32_t id = 0; id < t->n; id++)
        if (t->texts[id].n) hn_strindex_add(&t->by_text, id);
    return HN_OK;
}

/* The byte that "<0xE2>" stands for, or -1. */
static int byte_of_text(struct hn_str text)
{
    static const char digits[] = "0123456789ABCDEF";
    if (text.n != 6 || memcmp(text.p, "<0x", 3) != 0 || text.p[5] != '>') return -1;
    const char *high = memchr(digits, text.p[3], 16);
    const char *low = memchr(digits, text.p[4], 16);
    return high && low ? (int)((high - digits) * 16 + (low - digits)) : -1;
}

static void find_bytes(struct hn_tokenizer *t)
{
    memset(t->of_byte, -1, sizeof t->of_byte);
    for (int32_t id = 0; id < t->n; id++) {
        const int byte = byte_of_text(t->texts[id]);
        if (byte < 0 || t->of_byte[byte] >= 0 || t->types[id] == HN_TOKEN_CONTROL) continue;
        t->types[id] = HN_TOKEN_BYTE;
        t->of_byte[byte] = id;
    }
    t->has_bytes = true;
    for (unsigned byte = 0; byte < 256; byte++)
        t->has_bytes &= t->of_byte[byte] >= 0;
}

static enum hn_status check_id(const struct hn_tokenizer *t, const char *what, int32_t id,
                               struct hn_error *err)
{
    if (id >= -1 && id < t->n) return HN_OK;
    return hn_fail(err, HN_E_FORMAT, "%s token %d is outside the vocabulary of %d tokens", what, id,
                   t->n);
}

static enum hn_status check_ids(const struct hn_tokenizer *t, const struct hn_vocab_spec *spec,
                                struct hn_error *err)
{
    HN_TRY(check_id(t, "bos", spec->bos, err));
    HN_TRY(check_id(t, "eos", spec->eos, err));
    HN_TRY(check_id(t, "eot", spec->eot, err));
    HN_TRY(check_id(t, "unk", spec->unk, err));
    HN_TRY(check_id(t, "sep", spec->sep, err));
    HN_TRY(check_id(t, "cls", spec->cls, err));
    if (spec->n_head > HN_VOCAB_MAX_FRAME || spec->n_tail > HN_VOCAB_MAX_FRAME)
        return hn_fail(err, HN_E_LIMIT, "more than %d tokens around a text", HN_VOCAB_MAX_FRAME);
    for (size_t i = 0; i < spec->n_head; i++)
        HN_TRY(check_id(t, "first", spec->head[i], err));
    for (size_t i = 0; i < spec->n_tail; i++)
        HN_TRY(check_id(t, "last", spec->tail[i], err));
    if (spec->n_middle > HN_VOCAB_MAX_FRAME)
        return hn_fail(err, HN_E_LIMIT, "more than %d tokens between texts", HN_VOCAB_MAX_FRAME);
    for (size_t i = 0; i < spec->n_middle; i++)
        HN_TRY(check_id(t, "middle", spec->middle[i], err));
    return HN_OK;
}

/* A switch that says add, for a token that does not exist, is an error only when the file set it. */
static enum hn_status frame_token(const char *what, int8_t wanted, bool by_default, int32_t id,
                                  int32_t *list, size_t *n, struct hn_error *err)
{
    if (wanted == HN_VOCAB_DEFAULT ? !by_default : !wanted) return HN_OK;
    if (id >= 0) list[(*n)++] = id;
    else if (wanted == 1)
        return hn_fail(err, HN_E_FORMAT, "the vocabulary wants a %s token added but names none",
                       what);
    return HN_OK;
}

static enum hn_status set_frame(struct hn_tokenizer *t, const struct hn_vocab_spec *spec,
                                const struct hn_pretok_preset *preset, struct hn_error *err)
{
    if (spec->has_frame) {
        t->n_head = spec->n_head;
        t->n_tail = spec->n_tail;
        memcpy(t->head, spec->head, sizeof t->head);
        memcpy(t->tail, spec->tail, sizeof t->tail);
        return HN_OK;
    }
    const bool wpm = spec->kind == HN_VOCAB_WPM;
    const bool bos = wpm || spec->kind == HN_VOCAB_SPM || (preset && preset->add_bos);
    const bool insists = preset && preset->insists_on_bos;
    const bool eos = spec->kind == HN_VOCAB_UGM || (preset && preset->add_eos);
    const int32_t first = (wpm || spec->bos < 0) && spec->cls >= 0 ? spec->cls : spec->bos;
    const int32_t last = spec->eos < 0 ? spec->sep : spec->eos;
    HN_TRY(frame_token("bos", insists ? HN_VOCAB_DEFAULT : spec->add_bos, bos || insists, first,
                       t->head, &t->n_head, err));
    if (wpm) return frame_token("sep", spec->add_sep, true, spec->sep, t->tail, &t->n_tail, err);
    return frame_token("eos", spec->add_eos, eos, last, t->tail, &t->n_tail, err);
}

/* Between two texts stands what ends the first; where that is not [SEP], it stands there twice, as
 * RoBERTa has it. */
static void set_middle(struct hn_tokenizer *t, const struct hn_vocab_spec *spec)
{
    t->n_middle = spec->n_middle;
    memcpy(t->middle, spec->middle, sizeof t->middle);
    t->two_types = spec->has_middle ? spec->two_types : spec->kind == HN_VOCAB_WPM;
    if (spec->has_middle) return;
    const size_t times = spec->kind == HN_VOCAB_WPM ? 1 : 2;
    for (size_t i = 0; i < times * t->n_tail && t->n_middle < HN_VOCAB_MAX_FRAME; i++)
        t->middle[t->n_middle++] = t->tail[i % t->n_tail];
}

#define BAR "\xEF\xBD\x9C" /* U+FF5C, in the control tokens of DeepSeek */

/* Texts that end a turn or a document, by their names in the models that have them. */
static const char *const eog_texts[] = {
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|calls|>",
    "<|flush|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<" BAR "end" HN_SPACE_MARK "of" HN_SPACE_MARK "sentence" BAR ">",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
    "[e~[",
};

/* Without types in the file, the tokens it names by their role are no text. */
static void type_by_role(struct hn_tokenizer *t, const struct hn_vocab_spec *spec)
{
    if (spec->types) return;
    if (t->bos >= 0) t->types[t->bos] = HN_TOKEN_CONTROL;
    if (t->eos >= 0) t->types[t->eos] = HN_TOKEN_CONTROL;
    if (t->unk >= 0) t->types[t->unk] = HN_TOKEN_UNKNOWN;
}

/* The end of a turn where the file does not name it. */
static void find_eot(struct hn_tokenizer *t)
{
    static const char *const names[] = {"<|eot_id|>", "<|im_end|>", "<end_of_turn>", "<turn|>",
                                        "<|end|>"};
    for (size_t i = 0; t->eot < 0 && i < HN_COUNT(names); i++)
        t->eot = hn_strindex_find(&t->by_text, hn_str_from(names[i]));
}

static void mark_eog(struct hn_tokenizer *t)
{
    for (size_t i = 0; i < HN_COUNT(eog_texts); i++) {
        const int32_t id = hn_strindex_find(&t->by_text, hn_str_from(eog_texts[i]));
        if (id < 0) continue;
        t->eog[id] = true;
        /* A file that calls such a token ordinary text is mistaken. */
        if (t->types[id] == HN_TOKEN_NORMAL) t->types[id] = HN_TOKEN_CONTROL;
    }
    /* Where a channel's message ends with <|end|>, the answer goes on after it. */
    const int32_t end = hn_strindex_find(&t->by_text, HN_STR("<|end|>"));
    const int32_t call = hn_strindex_find(&t->by_text, HN_STR("<|call|>"));
    const int32_t calls = hn_strindex_find(&t->by_text, HN_STR("<|calls|>"));
    const bool ends_otherwise = hn_strindex_find(&t->by_text, HN_STR("<|return|>")) >= 0 ||
                                hn_strindex_find(&t->by_text, HN_STR("<|flush|>")) >= 0;
    if (end >= 0 && (call >= 0 || calls >= 0) && ends_otherwise) t->eog[end] = false;
    const int32_t response = hn_strindex_find(&t->by_text, HN_STR("<|tool_response>"));
    const int32_t s = hn_strindex_find(&t->by_text, HN_STR("</s>"));
    if (response >= 0 && s >= 0) t->eog[s] = false;
    if (t->eos >= 0) t->eog[t->eos] = true;
    if (t->eot >= 0) t->eog[t->eot] = true;
}

/* Tokens that are found in a text before anything else. One that begins or ends inside a character never
 * stands in a text: it would tear one in two. */
static bool is_special(const struct hn_tokenizer *t, int32_t id)
{
    const uint8_t type = t->types[id];
    const struct hn_str text = t->texts[id];
    return (type == HN_TOKEN_CONTROL || type == HN_TOKEN_USER_DEFINED ||
            type == HN_TOKEN_UNKNOWN) &&
           text.n && hn_utf8_valid(text) == text.n;
}

static enum hn_status collect_specials(struct hn_tokenizer *t, struct hn_error *err)
{
    size_t n = 0;
    int32_t *ids = NULL;
    for (int pass = 0; pass < 2; pass++) {
        if (pass && !(ids = hn_arena_alloc(&t->arena, n, sizeof *ids)))
            return hn_fail_nomem(err, "vocabulary", n * sizeof *ids);
        n = 0;
        for (int32_t id = 0; id < t->n; id++) {
            if (!is_special(t, id)) continue;
            if (ids) ids[n] = id;
            n++;
        }
    }
    hn_lexicon_build(&t->specials, t->texts, ids, n);
    return HN_OK;
}

/* The bytes a token stands for, written to `out` (room for the text's length). */
static size_t decode_piece(const struct hn_tokenizer *t, int32_t id, bool bytes, char *out)
{
    const struct hn_str text = t->texts[id];
    const uint8_t type = t->types[id];
    if (type == HN_TOKEN_BYTE) {
        const int byte = byte_of_text(text);
        if (byte >= 0) {
            *out = (char)byte;
            return 1;
        }
    }
    size_t n = 0;
    const bool plain = type == HN_TOKEN_CONTROL || type == HN_TOKEN_UNKNOWN ||
                       (type == HN_TOKEN_USER_DEFINED && bytes);
    if (!plain && bytes && hn_bytes_decode(text, out, &n)) return n;
    n = 0;
    for (size_t at = 0; at < text.n;) {
        const struct hn_str rest = {text.p + at, text.n - at};
        if (!plain && !bytes && starts_with_mark(rest)) {
            out[n++] = ' ';
            at += 3;
        } else {
            out[n++] = text.p[at++];
        }
    }
    return n;
}

static enum hn_status decode_pieces(struct hn_tokenizer *t, bool bytes, struct hn_error *err)
{
    size_t total = 0;
    for (int32_t id = 0; id < t->n; id++)
        total += t->texts[id].n;
    t->pieces = hn_arena_alloc(&t->arena, (size_t)t->n, sizeof *t->pieces);
    char *p = hn_arena_alloc(&t->arena, total, 1);
    if (!t->pieces || !p) return hn_fail_nomem(err, "vocabulary", total);
    for (int32_t id = 0; id < t->n; id++) {
        const size_t n = t->texts[id].n ? decode_piece(t, id, bytes, p) : 0;
        t->pieces[id] = (struct hn_str){p, n};
        p += n;
    }
    return HN_OK;
}

/* The normalization that a kind of vocabulary implies when the file spells out none. */
static size_t default_normals(const struct hn_vocab_spec *spec,
                              const struct hn_pretok_preset *preset, bool characters,
                              struct hn_normal steps[8])
{
    const struct hn_str mark = HN_STR(HN_SPACE_MARK);
    const struct hn_normal escape = {HN_NORMAL_REPLACE, HN_STR(" "), mark};
    size_t n = 0;
    switch (spec->kind) {
    case HN_VOCAB_SPM:
        if (spec->add_space_prefix) steps[n++] = (struct hn_normal){HN_NORMAL_PREPEND, .to = mark};
        steps[n++] = escape;
        break;
    case HN_VOCAB_BPE:
        if (preset && preset->nfc) steps[n++] = (struct hn_normal){HN_NORMAL_NFC};
        if (spec->add_space_prefix == 1)
            steps[n++] = (struct hn_normal){HN_NORMAL_PREPEND_UNLESS, .to = HN_STR(" ")};
        if (characters) steps[n++] = escape;
        break;
    case HN_VOCAB_WPM: {
        const bool strip = spec->strip_accents == HN_VOCAB_DEFAULT ? spec->lowercase != 0
                                                                   : spec->strip_accents != 0;
        steps[n++] = (struct hn_normal){HN_NORMAL_CLEAN};
        steps[n++] = (struct hn_normal){HN_NORMAL_SPACE_CJK};
        if (strip) steps[n++] = (struct hn_normal){HN_NORMAL_NFD};
        if (strip) steps[n++] = (struct hn_normal){HN_NORMAL_STRIP_ACCENTS};
        if (spec->lowercase) steps[n++] = (struct hn_normal){HN_NORMAL_LOWERCASE};
        break;
    }
    case HN_VOCAB_UGM:
        if (spec->charsmap.n)
            steps[n++] = (struct hn_normal){HN_NORMAL_CHARSMAP, .from = spec->charsmap};
        if (spec->remove_extra_whitespaces) steps[n++] = (struct hn_normal){HN_NORMAL_SQUEEZE};
        if (spec->add_space_prefix == 1)
            steps[n++] = (struct hn_normal){spec->treat_whitespace_as_suffix ? HN_NORMAL_APPEND
                                                                             : HN_NORMAL_PREPEND,
                                            .to = mark};
        steps[n++] = escape;
        break;
    }
    return n;
}

static size_t default_stages(const struct hn_vocab_spec *spec,
                             const struct hn_pretok_preset *preset,
                             struct hn_pretok_stage stages[HN_PRETOK_MAX_STAGES])
{
    size_t n = 0;
    if (spec->kind == HN_VOCAB_WPM) {
        stages[n++] =
            (struct hn_pretok_stage){.behaviour = HN_PRETOK_REMOVED, .pattern = HN_STR("\\s+")};
        stages[n++] = (struct hn_pretok_stage){.pattern = HN_STR("[\\p{P}$+<=>^`|~]")};
    }
    for (size_t i = 0; preset && i < HN_COUNT(preset->patterns) && preset->patterns[i]; i++)
        stages[n++] = (struct hn_pretok_stage){.pattern = hn_str_from(preset->patterns[i])};
    return n;
}

static enum hn_status set_pipeline(struct hn_tokenizer *t, const struct hn_vocab_spec *spec,
                                   const struct hn_pretok_preset *preset, bool characters,
                                   struct hn_error *err)
{
    if (spec->has_pipeline) {
        HN_TRY(hn_normalizer_create(spec->normals, spec->n_normals, &t->normalizer, err));
        return hn_pretokenizer_create(spec->stages, spec->n_stages, &t->pretokenizer, err);
    }
    struct hn_normal normals[8];
    struct hn_pretok_stage stages[HN_PRETOK_MAX_STAGES];
    HN_TRY(hn_normalizer_create(normals, default_normals(spec, preset, characters, normals),
                                &t->normalizer, err));
    return hn_pretokenizer_create(stages, default_stages(spec, preset, stages), &t->pretokenizer,
                                  err);
}

/* The pre-tokenizer that a BPE vocabulary names; NULL for other kinds and spelled-out pipelines. */
static enum hn_status find_preset(const struct hn_vocab_spec *spec,
                                  const struct hn_pretok_preset **out, struct hn_error *err)
{
    *out = NULL;
    if (spec->kind != HN_VOCAB_BPE || spec->has_pipeline) return HN_OK;
    *out = hn_pretok_preset_find(spec->pre);
    if (*out) return HN_OK;
    return hn_fail(err, HN_E_UNSUPPORTED,
                   "the pre-tokenizer '%.*s' (tokenizer.ggml.pre) is not known; to guess one would "
                   "cut words wrongly",
                   HN_FMT(spec->pre));
}

static enum hn_status build(struct hn_tokenizer *t, const struct hn_vocab_spec *spec,
                            struct hn_error *err)
{
    const struct hn_pretok_preset *preset;
    HN_TRY(find_preset(spec, &preset, err));
    const bool bpe = spec->kind == HN_VOCAB_BPE;
    const bool characters = spec->characters || (preset && preset->characters);
    HN_TRY(copy_texts(t, spec, err));
    HN_TRY(check_ids(t, spec, err));
    HN_TRY(index_texts(t, err));
    t->bos = spec->bos;
    t->eos = spec->eos;
    t->eot = spec->eot;
    t->unk = spec->unk;
    type_by_role(t, spec);
    mark_eog(t);
    find_eot(t);
    if (!bpe || characters) find_bytes(t);
    HN_TRY(set_frame(t, spec, preset, err));
    set_middle(t, spec);
    HN_TRY(collect_specials(t, err));
    HN_TRY(decode_pieces(t, bpe && !characters, err));
    t->strips_first_space = spec->kind == HN_VOCAB_WPM || spec->add_space_prefix == 1 ||
                            (spec->kind == HN_VOCAB_SPM && spec->add_space_prefix);
    HN_TRY(set_pipeline(t, spec, preset, characters, err));
    switch (spec->kind) {
    case HN_VOCAB_SPM: return HN_OK;
    case HN_VOCAB_BPE: {
        const bool whole = spec->ignore_merges == HN_VOCAB_DEFAULT ? preset && preset->ignore_merges
                                                                   : spec->ignore_merges != 0;
        t->bpe.whole_breaks = preset && preset->whole_breaks;
        return hn_bpe_init(t, spec, whole, characters, err);
    }
    case HN_VOCAB_WPM: return hn_wordpiece_init(t, err);
    case HN_VOCAB_UGM: return hn_unigram_init(t, err);
    }
    return hn_fail(err, HN_E_ARG, "vocabulary of the unknown kind %d", (int)spec->kind);
}

enum hn_status hn_tokenizer_create(const struct hn_vocab_spec *spec, struct hn_tokenizer **out,
                                   struct hn_error *err)
{
    if (spec->n == 0) return hn_fail(err, HN_E_FORMAT, "the vocabulary is empty");
    if (spec->n > HN_VOCAB_MAX_TOKENS)
        return hn_fail(err, HN_E_LIMIT, "a vocabulary of %zu tokens; at most %d are supported",
                       spec->n, HN_VOCAB_MAX_TOKENS);
    struct hn_tokenizer *made = calloc(1, sizeof *made);
    if (!made) return hn_fail_nomem(err, "tokenizer", sizeof *made);
    made->kind = spec->kind;
    made->n = (int32_t)spec->n;
    made->seed = random_seed();
    const enum hn_status status = build(made, spec, err);
    if (status < 0) {
        hn_tokenizer_destroy(made);
        return status;
    }
    *out = made;
    return HN_OK;
}

void hn_tokenizer_destroy(struct hn_tokenizer *tokenizer)
{
    if (!tokenizer) return;
    hn_normalizer_destroy(tokenizer->normalizer);
    hn_pretokenizer_destroy(tokenizer->pretokenizer);
    hn_arena_free(&tokenizer->arena);
    free(tokenizer);
}
