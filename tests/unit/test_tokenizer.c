#include <stdio.h>

#include "base/bits.h"
#include "text/detokenize.h"
#include "text/tokenizer.h"
#include "unit.h"

static struct hn_tokenizer *make(const struct hn_vocab_spec *spec)
{
    struct hn_tokenizer *tokenizer = NULL;
    struct hn_error err = {0};
    ck_assert_msg(hn_tokenizer_create(spec, &tokenizer, &err) == HN_OK, "%s", err.text);
    return tokenizer;
}

static void check_ids(const struct hn_tokenizer *tokenizer, struct hn_str text, unsigned flags,
                      size_t n, const int32_t *ids)
{
    struct hn_tokens got = {0};
    struct hn_error err = {0};
    ck_assert_msg(hn_tokenize(tokenizer, text, flags, &got, &err) == HN_OK, "%s", err.text);
    ck_assert_msg(got.n == n, "'%.*s' gives %zu ids, not %zu", HN_FMT(text), got.n, n);
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(got.ids[i] == ids[i], "'%.*s': id %zu is %d, not %d", HN_FMT(text), i,
                      got.ids[i], ids[i]);
    hn_tokens_free(&got);
}

#define CHECK_IDS(tokenizer, text, flags, ...)                                                     \
    check_ids(tokenizer, HN_STR(text), flags,                                                      \
              sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t),                            \
              (const int32_t[]){__VA_ARGS__})

static void check_text(const struct hn_tokenizer *tokenizer, size_t n, const int32_t *ids,
                       unsigned flags, const char *expected)
{
    struct hn_detokenizer state = {0};
    struct hn_buf out = {0};
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(hn_detokenize(tokenizer, &state, ids[i], flags, &out), HN_OK);
    ck_assert_int_eq(hn_detokenize_finish(&state, &out), HN_OK);
    ck_assert_str_eq(out.p ? out.p : "", expected);
    hn_buf_free(&out);
}

#define CHECK_TEXT(tokenizer, expected, flags, ...)                                                \
    check_text(tokenizer, sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t),                \
               (const int32_t[]){__VA_ARGS__}, flags, expected)

/* U+0120 is a space, U+00C3 U+00A9 are the bytes of U+00E9. */
enum { A, B, C, SPACE, E1, E2, AB, ABC, SPACE_A, END, USER, BPE_N };
static const struct hn_str bpe_texts[BPE_N] = {
    [A] = HN_STR("a"),
    [B] = HN_STR("b"),
    [C] = HN_STR("c"),
    [SPACE] = HN_STR("\xC4\xA0"),
    [E1] = HN_STR("\xC3\x83"),
    [E2] = HN_STR("\xC2\xA9"),
    [AB] = HN_STR("ab"),
    [ABC] = HN_STR("abc"),
    [SPACE_A] = HN_STR("\xC4\xA0"
                       "a"),
    [END] = HN_STR("<|im_end|>"),
    [USER] = HN_STR("<tool>"),
};
static const uint8_t bpe_types[BPE_N] = {[END] = HN_TOKEN_CONTROL, [USER] = HN_TOKEN_USER_DEFINED};
static const struct hn_str bpe_merges[] = {HN_STR("a b"), HN_STR("ab c"), HN_STR("\xC4\xA0 a")};

static struct hn_vocab_spec bpe_spec(void)
{
    struct hn_vocab_spec spec = hn_vocab_spec_init(HN_VOCAB_BPE);
    spec.pre = HN_STR("gpt-2");
    spec.n = BPE_N;
    spec.texts = bpe_texts;
    spec.types = bpe_types;
    spec.n_merges = 3;
    spec.merges = bpe_merges;
    spec.eos = END;
    return spec;
}

START_TEST(bytes_merge_by_rank)
{
    const struct hn_vocab_spec spec = bpe_spec();
    struct hn_tokenizer *t = make(&spec);
    CHECK_IDS(t, "abc", 0, ABC);
    CHECK_IDS(t, "abab", 0, AB, AB);
    CHECK_IDS(t, "cab", 0, C, AB);
    /* "a b" ranks before the space: the space stays alone. */
    CHECK_IDS(t, "c abc", 0, C, SPACE, ABC);
    CHECK_IDS(t, "c a", 0, C, SPACE_A);
    CHECK_IDS(t, "\xC3\xA9", 0, E1, E2);
    hn_tokenizer_destroy(t);
}
END_TEST

START_TEST(control_tokens_are_text_unless_asked_for)
{
    const struct hn_vocab_spec spec = bpe_spec();
    struct hn_tokenizer *t = make(&spec);
    CHECK_IDS(t, "ab<|im_end|>c", HN_TOKENIZE_PARSE_SPECIAL, AB, END, C);
    CHECK_IDS(t, "ab<tool>c", 0, AB, USER, C);
    struct hn_tokens got = {0};
    ck_assert_int_eq(hn_tokenize(t, HN_STR("<|im_end|>"), 0, &got, NULL), HN_OK);
    for (size_t i = 0; i < got.n; i++)
        ck_assert_int_ne(got.ids[i], END);
    hn_tokens_free(&got);
    ck_assert(hn_tokenizer_is_eog(t, END));
    ck_assert(hn_tokenizer_is_control(t, END));
    ck_assert(!hn_tokenizer_is_eog(t, USER));
    hn_tokenizer_destroy(t);
}
END_TEST

START_TEST(the_limit_of_tokens_holds)
{
    const struct hn_vocab_spec spec = bpe_spec();
    struct hn_tokenizer *t = make(&spec);
    struct hn_tokens got = {.limit = 2};
    struct hn_error err = {0};
    ck_assert_int_eq(hn_tokenize(t, HN_STR("ab c ab"), 0, &got, &err), HN_E_LIMIT);
    ck_assert_uint_le(got.n, 2);
    ck_assert_str_eq(err.text, "the text has more than 2 tokens");
    hn_tokens_free(&got);
    hn_tokenizer_destroy(t);
}
END_TEST

START_TEST(characters_are_never_cut_in_two)
{
    const struct hn_vocab_spec spec = bpe_spec();
    struct hn_tokenizer *t = make(&spec);
    struct hn_detokenizer state = {0};
    struct hn_buf out = {0};
    ck_assert_int_eq(hn_detokenize(t, &state, E1, 0, &out), HN_OK);
    ck_assert_uint_eq(out.n, 0);
    ck_assert_int_eq(hn_detokenize(t, &state, E2, 0, &out), HN_OK);
    ck_assert_str_eq(out.p, "\xC3\xA9");
    hn_buf_free(&out);
    CHECK_TEXT(t, "\xEF\xBF\xBD", 0, E1);
    CHECK_TEXT(t,
               "\xEF\xBF\xBD"
               "a",
               0, E1, A);
    CHECK_TEXT(t,
               "\xEF\xBF\xBD"
               "a",
               0, E2, A);
    CHECK_TEXT(t, " ab", 0, SPACE, AB, END);
    CHECK_TEXT(t, " ab<|im_end|>", HN_DETOKENIZE_SPECIAL, SPACE, AB, END);
    ck_assert_int_eq(hn_detokenize(t, &state, BPE_N, 0, &out), HN_E_ARG);
    ck_assert_int_eq(hn_detokenize(t, &state, -1, 0, &out), HN_E_ARG);
    hn_tokenizer_destroy(t);
}
END_TEST

/* A special token may be the end of a character and more; it is not found inside one. */
START_TEST(a_special_token_tears_no_character)
{
    const struct hn_str texts[] = {HN_STR("<unk>"), HN_STR("\xBDx"), HN_STR("x"),
                                   HN_STR("\xEF\xBF")};
    const uint8_t types[] = {HN_TOKEN_UNKNOWN, HN_TOKEN_USER_DEFINED, HN_TOKEN_NORMAL,
                             HN_TOKEN_USER_DEFINED};
    const float scores[] = {0, 0, -1, 0};
    struct hn_vocab_spec spec = hn_vocab_spec_init(HN_VOCAB_UGM);
    spec.n = HN_COUNT(texts);
    spec.texts = texts;
    spec.types = types;
    spec.scores = scores;
    spec.unk = 0;
    struct hn_tokenizer *tokenizer = make(&spec);
    CHECK_IDS(tokenizer, "\xEF\xBF\xBDx", 0, 0, 2);
    CHECK_IDS(tokenizer, "x\xEF\xBF\xBD", 0, 2, 0);
    hn_tokenizer_destroy(tokenizer);
}
END_TEST

START_TEST(an_unknown_pre_tokenizer_is_an_error)
{
    struct hn_vocab_spec spec = bpe_spec();
    struct hn_tokenizer *t;
    struct hn_error err = {0};
    spec.pre = HN_STR("no-such-thing");
    ck_assert_int_eq(hn_tokenizer_create(&spec, &t, &err), HN_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "'no-such-thing'"));
}
END_TEST

#define MARK "\xE2\x96\x81"
enum { UNK, BOS, EOS, BYTES, SP = BYTES + 256, SA, SB, SAB, SPAB, SPM_N };

static struct hn_vocab_spec spm_spec(void)
{
    static struct hn_str texts[SPM_N];
    static float scores[SPM_N];
    static char bytes[256][7];
    for (int i = 0; i < 256; i++) {
        snprintf(bytes[i], sizeof bytes[i], "<0x%02X>", i);
        texts[BYTES + i] = (struct hn_str){bytes[i], 6};
    }
    texts[UNK] = HN_STR("<unk>");
    texts[BOS] = HN_STR("<s>");
    texts[EOS] = HN_STR("</s>");
    texts[SP] = HN_STR(MARK);
    texts[SA] = HN_STR("a");
    texts[SB] = HN_STR("b");
    texts[SAB] = HN_STR("ab");
    texts[SPAB] = HN_STR(MARK "ab");
    scores[SAB] = -1;
    scores[SPAB] = -2;
    struct hn_vocab_spec spec = hn_vocab_spec_init(HN_VOCAB_SPM);
    spec.n = SPM_N;
    spec.texts = texts;
    spec.scores = scores;
    static uint8_t types[SPM_N];
    types[UNK] = HN_TOKEN_UNKNOWN;
    types[BOS] = types[EOS] = HN_TOKEN_CONTROL;
    spec.types = types;
    spec.unk = UNK;
    spec.bos = BOS;
    spec.eos = EOS;
    return spec;
}

START_TEST(pieces_merge_by_score)
{
    struct hn_vocab_spec spec = spm_spec();
    struct hn_tokenizer *t = make(&spec);
    CHECK_IDS(t, "ab", 0, SPAB);
    CHECK_IDS(t, "ab", HN_TOKENIZE_ADD_SPECIAL, BOS, SPAB);
    CHECK_IDS(t, "abab ab", 0, SPAB, SAB, SPAB);
    CHECK_IDS(t, "  ab", 0, SP, SP, SPAB);
    CHECK_IDS(t, "\xC3\xA9", 0, SP, BYTES + 0xC3, BYTES + 0xA9);
    /* A section after a special token gets its space too. */
    CHECK_IDS(t, "b<s>b", HN_TOKENIZE_PARSE_SPECIAL, SP, SB, BOS, SP, SB);
    /* Bytes that are no UTF-8 are U+FFFD. */
    CHECK_IDS(t, "\xFF", 0, SP, BYTES + 0xEF, BYTES + 0xBF, BYTES + 0xBD);
    /* Text that spells a byte token is text. */
    CHECK_IDS(t, "a<", 0, SP, SA, BYTES + '<');
    CHECK_TEXT(t, "ab ab", 0, BOS, SPAB, SPAB);
    CHECK_TEXT(t, "\xC3\xA9", 0, BYTES + 0xC3, BYTES + 0xA9);
    hn_tokenizer_destroy(t);

    spec.add_space_prefix = 0;
    t = make(&spec);
    CHECK_IDS(t, "abab ab", 0, SAB, SAB, SPAB);
    CHECK_TEXT(t, " ab", 0, SPAB);
    hn_tokenizer_destroy(t);
}
END_TEST

/* A vocabulary may lack a byte that is a token as text; the other bytes serve all the same. */
START_TEST(a_missing_byte_does_not_stop_the_others)
{
    struct hn_vocab_spec spec = spm_spec();
    struct hn_str texts[SPM_N];
    memcpy(texts, spec.texts, sizeof texts);
    texts[BYTES + 0xA9] = HN_STR("\t");
    spec.texts = texts;
    struct hn_tokenizer *t = make(&spec);
    CHECK_IDS(t, "\xC3\xA8", 0, SP, BYTES + 0xC3, BYTES + 0xA8);
    CHECK_IDS(t, "\xC3\xA9", 0, SP, UNK);
    CHECK_IDS(t, "\t", 0, SP, BYTES + 0xA9);
    hn_tokenizer_destroy(t);
}
END_TEST

enum { W_UNK, W_CLS, W_SEP, W_E, W_E_UPPER, W_E_ACUTE, WPM_N };

START_TEST(a_word_piece_vocabulary_may_keep_case_and_accents)
{
    static const struct hn_str texts[WPM_N] = {HN_STR("[UNK]"),  HN_STR("[CLS]"),
                                               HN_STR("[SEP]"),  HN_STR(MARK "e"),
                                               HN_STR(MARK "E"), HN_STR(MARK "\xC3\xA9")};
    struct hn_vocab_spec spec = hn_vocab_spec_init(HN_VOCAB_WPM);
    spec.n = WPM_N;
    spec.texts = texts;
    spec.unk = W_UNK;
    spec.cls = W_CLS;
    spec.sep = W_SEP;
    struct hn_tokenizer *t = make(&spec);
    CHECK_IDS(t, "e E \xC3\xA9 x", HN_TOKENIZE_ADD_SPECIAL, W_CLS, W_E, W_E, W_E, W_UNK, W_SEP);
    hn_tokenizer_destroy(t);
    spec.lowercase = 0; /* accents follow */
    t = make(&spec);
    CHECK_IDS(t, "e E \xC3\xA9", 0, W_E, W_E_UPPER, W_E_ACUTE);
    hn_tokenizer_destroy(t);
    spec.lowercase = 1;
    spec.strip_accents = 0;
    t = make(&spec);
    CHECK_IDS(t, "e E \xC3\x89", 0, W_E, W_E, W_E_ACUTE);
    hn_tokenizer_destroy(t);
}
END_TEST

/* BPE over characters: a run of line feeds that is a token needs no merges. */
START_TEST(line_breaks_are_looked_up_whole)
{
    static const struct hn_str texts[] = {HN_STR("\n"), HN_STR("\n\n"), HN_STR("a"), HN_STR("<s>")};
    struct hn_vocab_spec spec = hn_vocab_spec_init(HN_VOCAB_BPE);
    spec.n = 4;
    spec.texts = texts;
    spec.bos = 3;
    spec.add_bos = 0; /* files that say so are mistaken */
    spec.pre = HN_STR("gemma4");
    struct hn_tokenizer *t = make(&spec);
    CHECK_IDS(t, "a\n\na\n", HN_TOKENIZE_ADD_SPECIAL, 3, 2, 1, 2, 0);
    hn_tokenizer_destroy(t);
    spec.pre = HN_STR("sarvam-moe");
    t = make(&spec);
    CHECK_IDS(t, "a\n\na\n", HN_TOKENIZE_ADD_SPECIAL, 2, 0, 0, 2, 0);
    hn_tokenizer_destroy(t);
}
END_TEST

/* Encoders want a frame, whether the file says so or not; its tokens go by either name. */
START_TEST(bytes_of_encoders_are_framed)
{
    static const struct hn_str texts[] = {HN_STR("a"), HN_STR("b"), HN_STR("<s>"), HN_STR("</s>")};
    struct hn_vocab_spec spec = hn_vocab_spec_init(HN_VOCAB_BPE);
    spec.n = 4;
    spec.texts = texts;
    spec.bos = 2;
    spec.eos = 3;
    spec.pre = HN_STR("roberta-bpe");
    struct hn_tokenizer *t = make(&spec);
    CHECK_IDS(t, "ab", HN_TOKENIZE_ADD_SPECIAL, 2, 0, 1, 3);
    ck_assert_uint_eq(hn_tokenizer_frame(t).n_middle, 2);
    ck_assert(!hn_tokenizer_frame(t).two_types);
    hn_tokenizer_destroy(t);
    spec.pre = HN_STR("modern-bert");
    spec.bos = spec.eos = -1;
    spec.cls = 2;
    spec.sep = 3;
    t = make(&spec);
    CHECK_IDS(t, "ab", HN_TOKENIZE_ADD_SPECIAL, 2, 0, 1, 3);
    hn_tokenizer_destroy(t);
    spec.add_eos = 0;
    t = make(&spec);
    CHECK_IDS(t, "ab", HN_TOKENIZE_ADD_SPECIAL, 2, 0, 1);
    hn_tokenizer_destroy(t);
    spec.pre = HN_STR("gpt-2");
    t = make(&spec);
    CHECK_IDS(t, "ab", HN_TOKENIZE_ADD_SPECIAL, 0, 1);
    hn_tokenizer_destroy(t);
}
END_TEST

START_TEST(what_a_description_claims_is_checked)
{
    struct hn_tokenizer *t;
    struct hn_vocab_spec spec = spm_spec();
    spec.bos = SPM_N;
    ck_assert_int_eq(hn_tokenizer_create(&spec, &t, NULL), HN_E_FORMAT);
    spec = spm_spec();
    spec.eos = -7;
    ck_assert_int_eq(hn_tokenizer_create(&spec, &t, NULL), HN_E_FORMAT);
    spec = spm_spec();
    spec.n = 0;
    ck_assert_int_eq(hn_tokenizer_create(&spec, &t, NULL), HN_E_FORMAT);
    spec = spm_spec();
    float scores[SPM_N] = {[SB] = __builtin_nanf("")};
    spec.scores = scores;
    ck_assert_int_eq(hn_tokenizer_create(&spec, &t, NULL), HN_E_FORMAT);
    spec = spm_spec();
    const uint8_t types[SPM_N] = {[SB] = 7};
    spec.types = types;
    ck_assert_int_eq(hn_tokenizer_create(&spec, &t, NULL), HN_E_FORMAT);
    spec = spm_spec();
    spec.bos = -1;
    spec.add_bos = 1;
    ck_assert_int_eq(hn_tokenizer_create(&spec, &t, NULL), HN_E_FORMAT);
    spec = bpe_spec();
    const struct hn_str merges[] = {HN_STR("a b"), HN_STR("ab")};
    spec.merges = merges;
    spec.n_merges = 2;
    ck_assert_int_eq(hn_tokenizer_create(&spec, &t, NULL), HN_E_FORMAT);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("tokenizer");
    tcase_add_test(tc, bytes_merge_by_rank);
    tcase_add_test(tc, control_tokens_are_text_unless_asked_for);
    tcase_add_test(tc, the_limit_of_tokens_holds);
    tcase_add_test(tc, characters_are_never_cut_in_two);
    tcase_add_test(tc, a_special_token_tears_no_character);
    tcase_add_test(tc, an_unknown_pre_tokenizer_is_an_error);
    tcase_add_test(tc, pieces_merge_by_score);
    tcase_add_test(tc, a_missing_byte_does_not_stop_the_others);
    tcase_add_test(tc, a_word_piece_vocabulary_may_keep_case_and_accents);
    tcase_add_test(tc, line_breaks_are_looked_up_whole);
    tcase_add_test(tc, bytes_of_encoders_are_framed);
    tcase_add_test(tc, what_a_description_claims_is_checked);
    return run_unit("tokenizer", tc);
}
