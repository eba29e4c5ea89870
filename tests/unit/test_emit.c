#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "engine/emit.h"
#include "text/utf8.h"
#include "unit.h"

/* A vocabulary in which every byte is a token, and some longer texts that cut characters. Its texts
 * are plain bytes: SentencePiece's byte tokens and pieces. */
static const char *const pieces[] = {"ab",
                                     "ba",
                                     "abc",
                                     "aab",
                                     "\xC3\xA9",
                                     "\xE2\x82\xAC",
                                     "END",
                                     "stop",
                                     "\n\n",
                                     ("\xE2\x82\xAC"
                                      "a"),
                                     "<|x|>"};
enum {
    UNK,
    EOS,
    CONTROL,
    BYTES,
    PIECES = BYTES + 256,
    N_PIECES = sizeof pieces / sizeof pieces[0],
    N = PIECES + N_PIECES
};

static struct hn_tokenizer *make_tokenizer(void)
{
    static struct hn_str texts[N];
    static uint8_t types[N];
    static char bytes[256][7];
    for (int i = 0; i < N; i++)
        types[i] = HN_TOKEN_NORMAL;
    for (int i = 0; i < 256; i++) {
        snprintf(bytes[i], sizeof bytes[i], "<0x%02X>", i);
        texts[BYTES + i] = (struct hn_str){bytes[i], 6};
        types[BYTES + i] = HN_TOKEN_BYTE;
    }
    for (int i = 0; i < N_PIECES; i++)
        texts[PIECES + i] = hn_str_from(pieces[i]);
    texts[UNK] = HN_STR("<unk>");
    texts[EOS] = HN_STR("</s>");
    texts[CONTROL] = HN_STR("<c>");
    types[UNK] = HN_TOKEN_UNKNOWN;
    types[EOS] = types[CONTROL] = HN_TOKEN_CONTROL;
    struct hn_vocab_spec spec = hn_vocab_spec_init(HN_VOCAB_SPM);
    spec.n = N;
    spec.texts = texts;
    spec.types = types;
    spec.unk = UNK;
    spec.eos = EOS;
    struct hn_tokenizer *t = NULL;
    struct hn_error err = {0};
    ck_assert_msg(hn_tokenizer_create(&spec, &t, &err) == HN_OK, "%s", err.text);
    return t;
}

static struct hn_emitter *make(const struct hn_tokenizer *t, const struct hn_emit_params *params)
{
    struct hn_emitter *e = NULL;
    struct hn_error err = {0};
    ck_assert_msg(hn_emitter_create(t, params, &e, &err) == HN_OK, "%s", err.text);
    return e;
}

/* Pushes ids up to the end; every step has to give whole characters. */
static enum hn_finish emit(struct hn_emitter *e, const int32_t *ids, size_t n, struct hn_buf *out)
{
    enum hn_finish finish = HN_FINISH_NONE;
    struct hn_error err = {0};
    for (size_t i = 0; i < n && finish == HN_FINISH_NONE; i++) {
        struct hn_buf part = {0};
        ck_assert_msg(hn_emitter_push(e, ids[i], &part, &finish, &err) == HN_OK, "%s", err.text);
        ck_assert_uint_eq(hn_utf8_valid(hn_buf_view(&part)), part.n);
        ck_assert_int_eq(hn_buf_str(out, hn_buf_view(&part)), HN_OK);
        ck_assert_uint_eq(hn_emitter_count(e), i + 1);
        hn_buf_free(&part);
    }
    ck_assert_int_eq(hn_emitter_finish(e, out), HN_OK);
    return finish;
}

static void check(const struct hn_tokenizer *t, const struct hn_emit_params *params,
                  const int32_t *ids, size_t n, const char *text, enum hn_finish finish)
{
    struct hn_emitter *e = make(t, params);
    struct hn_buf out = {0};
    const enum hn_finish got = emit(e, ids, n, &out);
    ck_assert_str_eq(hn_buf_view(&out).p, text);
    ck_assert_int_eq(got, finish);
    hn_buf_free(&out);
    hn_emitter_destroy(e);
}

#define CHECK(t, params, text, finish, ...)                                                        \
    check(t, params, (const int32_t[]){__VA_ARGS__},                                               \
          sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t), text, finish)
#define BYTE(c) (BYTES + (unsigned char)(c))

START_TEST(the_reason_of_the_end_is_told)
{
    struct hn_tokenizer *t = make_tokenizer();
    const struct hn_str stop = HN_STR("c");
    const int32_t stop_id = BYTE('b');
    struct hn_emit_params p = {0};
    CHECK(t, &p, "ab", HN_FINISH_NONE, BYTE('a'), BYTE('b'));
    CHECK(t, &p, "a", HN_FINISH_EOG, BYTE('a'), EOS);
    CHECK(t, &p, "ab", HN_FINISH_NONE, BYTE('a'), CONTROL, BYTE('b'));
    p.show_control = true;
    CHECK(t, &p, "a<c>", HN_FINISH_EOG, BYTE('a'), CONTROL, EOS);
    p.ignore_eog = true;
    CHECK(t, &p, "a</s>b", HN_FINISH_NONE, BYTE('a'), EOS, BYTE('b'));
    p = (struct hn_emit_params){.stops = &stop, .n_stops = 1};
    CHECK(t, &p, "ab", HN_FINISH_STOP_STRING, BYTE('a'), BYTE('b'), BYTE('c'));
    p.show_stop = true;
    CHECK(t, &p, "abc", HN_FINISH_STOP_STRING, BYTE('a'), BYTE('b'), BYTE('c'), BYTE('d'));
    p = (struct hn_emit_params){.stop_ids = &stop_id, .n_stop_ids = 1};
    CHECK(t, &p, "a", HN_FINISH_STOP_TOKEN, BYTE('a'), BYTE('b'));
    p = (struct hn_emit_params){.max_tokens = 2, .stops = &stop, .n_stops = 1};
    CHECK(t, &p, "ab", HN_FINISH_LENGTH, BYTE('a'), BYTE('b'), BYTE('d'));
    /* The last token that may come ends with a stop string, or with the end. */
    CHECK(t, &p, "a", HN_FINISH_STOP_STRING, BYTE('a'), BYTE('c'));
    CHECK(t, &p, "a", HN_FINISH_EOG, BYTE('a'), EOS);
    ck_assert_str_eq(hn_finish_text(HN_FINISH_LENGTH), "length");
    ck_assert_str_eq(hn_finish_text(HN_FINISH_EOG), "stop");
    ck_assert_str_eq(hn_finish_text(HN_FINISH_NONE), "");
    hn_tokenizer_destroy(t);
}
END_TEST

START_TEST(what_may_begin_a_stop_string_is_held_back)
{
    struct hn_tokenizer *t = make_tokenizer();
    const struct hn_str stops[] = {HN_STR("\nUser:"), HN_STR("\xE2\x82\xAC!")};
    const struct hn_emit_params p = {.stops = stops, .n_stops = 2};
    struct hn_emitter *e = make(t, &p);
    struct hn_buf out = {0};
    enum hn_finish finish;
    static const char *const steps[][2] = {
        {"h", "h"},           {"i", "hi"},
        {"\n", "hi"},         {"U", "hi"},
        {"s", "hi"},          {"\n", "hi\nUs"},
        {"\xE2", "hi\nUs"},   {"\x82", "hi\nUs"},
        {"\xAC", "hi\nUs\n"}, {"?", "hi\nUs\n\xE2\x82\xAC?"},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        ck_assert_int_eq(hn_emitter_push(e, BYTE(steps[i][0][0]), &out, &finish, NULL), HN_OK);
        ck_assert_str_eq(hn_buf_view(&out).p, steps[i][1]);
        ck_assert_int_eq(finish, HN_FINISH_NONE);
    }
    hn_buf_clear(&out);
    ck_assert_int_eq(hn_emitter_push(e, BYTE('\n'), &out, &finish, NULL), HN_OK);
    ck_assert_int_eq(hn_emitter_push(e, BYTE('U'), &out, &finish, NULL), HN_OK);
    ck_assert_uint_eq(out.n, 0);
    ck_assert_int_eq(hn_emitter_finish(e, &out), HN_OK);
    ck_assert_str_eq(out.p, "\nU");
    struct hn_error err = {0};
    ck_assert_int_eq(hn_emitter_push(e, BYTE('U'), &out, &finish, &err), HN_E_ARG);
    hn_buf_free(&out);
    hn_emitter_destroy(e);
    hn_tokenizer_destroy(t);
}
END_TEST

START_TEST(the_stop_that_ends_first_wins)
{
    struct hn_tokenizer *t = make_tokenizer();
    const struct hn_str stops[] = {HN_STR("abcd"), HN_STR("bc"), HN_STR("xbc"), HN_STR("aaab")};
    const struct hn_emit_params p = {.stops = stops, .n_stops = 4};
    CHECK(t, &p, "a", HN_FINISH_STOP_STRING, BYTE('a'), BYTE('b'), BYTE('c'), BYTE('d'));
    CHECK(t, &p, "a", HN_FINISH_STOP_STRING, PIECES + 2, BYTE('d'));
    CHECK(t, &p, "", HN_FINISH_STOP_STRING, BYTE('x'), BYTE('b'), BYTE('c'));
    CHECK(t, &p, "aa", HN_FINISH_STOP_STRING, BYTE('a'), BYTE('a'), BYTE('a'), PIECES + 3);
    hn_tokenizer_destroy(t);
}
END_TEST

START_TEST(an_unfinished_character_ends_as_one_replacement)
{
    struct hn_tokenizer *t = make_tokenizer();
    struct hn_emit_params p = {0};
    CHECK(t, &p, "a\xEF\xBF\xBD", HN_FINISH_NONE, BYTE('a'), BYTE(0xE2), BYTE(0x82));
    CHECK(t, &p,
          "\xEF\xBF\xBD"
          "b",
          HN_FINISH_NONE, BYTE(0xE2), BYTE(0x82), BYTE('b'));
    const struct hn_str stops[] = {HN_STR("a\xEF\xBF\xBD")};
    p = (struct hn_emit_params){.stops = stops, .n_stops = 1};
    CHECK(t, &p, "b", HN_FINISH_NONE, BYTE('b'), BYTE('a'), BYTE(0xE2));
    CHECK(t, &p, "ba", HN_FINISH_NONE, BYTE('b'), BYTE('a'));
    hn_tokenizer_destroy(t);
}
END_TEST

START_TEST(a_leading_space_is_text_after_a_prompt)
{
    struct hn_tokenizer *t = make_tokenizer();
    struct hn_emit_params p = {0};
    CHECK(t, &p, "a", HN_FINISH_NONE, BYTE(' '), BYTE('a'));
    p.after_text = true;
    CHECK(t, &p, " a", HN_FINISH_NONE, BYTE(' '), BYTE('a'));
    hn_tokenizer_destroy(t);
}
END_TEST

static uint64_t counter;
static uint32_t below(uint32_t n)
{
    uint32_t out[4];
    hn_philox(5, counter++, 1, out);
    return out[0] % n;
}

/* Where the text is to be cut: at the first byte after which some stop string has just ended, before
 * the longest of those. SIZE_MAX: nowhere. */
static size_t plain_cut(struct hn_str text, const struct hn_str *stops, size_t n)
{
    for (size_t end = 1; end <= text.n; end++) {
        size_t longest = 0;
        for (size_t i = 0; i < n; i++)
            if (stops[i].n > longest && hn_str_ends((struct hn_str){text.p, end}, stops[i]))
                longest = stops[i].n;
        if (longest) return end - longest;
    }
    return SIZE_MAX;
}

START_TEST(any_split_gives_the_text_before_the_first_stop)
{
    struct hn_tokenizer *t = make_tokenizer();
    static const char *const atoms[] = {
        "a", "b", "c", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "END"};
    for (int round = 0; round < 20000; round++) {
        const uint32_t alphabet = 1 + below(7);
        struct hn_str stops[HN_STOPS_MAX];
        char store[HN_STOPS_MAX][64];
        const size_t n_stops = 1 + below(round % 10 ? 4 : HN_STOPS_MAX);
        for (size_t i = 0; i < n_stops; i++) {
            store[i][0] = '\0';
            for (uint32_t k = 1 + below(6); k; k--)
                strcat(store[i], atoms[below(alphabet)]);
            stops[i] = hn_str_from(store[i]);
        }
        int32_t ids[80];
        struct hn_buf text = {0};
        const size_t n = 1 + below(80);
        for (size_t i = 0; i < n; i++) {
            /* Mostly the bytes of an atom; now and then a longer token, or a byte out of place. */
            const uint32_t what = below(20);
            if (what == 0) ids[i] = PIECES + (int32_t)below(N_PIECES);
            else if (what == 1) ids[i] = BYTES + (int32_t)below(256);
            else {
                const char *atom = atoms[below(alphabet)];
                for (; atom[1] && i + 1 < n; atom++)
                    ids[i++] = BYTE(*atom);
                ids[i] = BYTE(*atom);
            }
        }
        struct hn_emit_params p = {.after_text = true};
        struct hn_emitter *e = make(t, &p);
        ck_assert_int_eq(emit(e, ids, n, &text), HN_FINISH_NONE);
        hn_emitter_destroy(e);
        const size_t at = plain_cut(hn_buf_view(&text), stops, n_stops);
        p.stops = stops;
        p.n_stops = n_stops;
        e = make(t, &p);
        struct hn_buf shown = {0};
        emit(e, ids, n, &shown);
        ck_assert_uint_eq(shown.n, at == SIZE_MAX ? text.n : at);
        if (shown.n) ck_assert_mem_eq(shown.p, text.p, shown.n);
        hn_emitter_destroy(e);
        hn_buf_free(&text);
        hn_buf_free(&shown);
    }
    hn_tokenizer_destroy(t);
}
END_TEST

static void check_refused(const struct hn_tokenizer *t, const struct hn_emit_params *params,
                          const char *text)
{
    struct hn_emitter *e = NULL;
    struct hn_error err = {0};
    ck_assert_int_eq(hn_emitter_create(t, params, &e, &err), HN_E_ARG);
    ck_assert_str_eq(err.text, text);
    ck_assert_ptr_null(e);
}

START_TEST(limits_are_named)
{
    struct hn_tokenizer *t = make_tokenizer();
    struct hn_str stops[HN_STOPS_MAX + 1];
    char full[HN_STOPS_MAX][HN_STOPS_MAX_BYTES + 1];
    for (int i = 0; i < HN_STOPS_MAX; i++) {
        memset(full[i], 'a' + i, sizeof full[i]);
        stops[i] = (struct hn_str){full[i], HN_STOPS_MAX_BYTES};
    }
    stops[HN_STOPS_MAX] = HN_STR("x");
    struct hn_emit_params p = {.stops = stops, .n_stops = HN_STOPS_MAX};
    struct hn_emitter *e = make(t, &p); /* the most that may be asked for */
    hn_emitter_destroy(e);
    p.n_stops++;
    check_refused(t, &p, "17 stop strings, at most 16");
    p.n_stops = 2;
    stops[1].n++;
    check_refused(t, &p, "stop string 1 has 257 bytes, at most 256");
    stops[1].n = 0;
    check_refused(t, &p, "stop string 1 is empty");
    stops[1] = HN_STR("\xE2\x82");
    check_refused(t, &p, "stop string 1 is not UTF-8");
    int32_t ids[HN_EMIT_MAX_STOP_IDS + 1] = {1, N};
    p = (struct hn_emit_params){.stop_ids = ids, .n_stop_ids = HN_EMIT_MAX_STOP_IDS + 1};
    check_refused(t, &p, "65 stop tokens, at most 64");
    p.n_stop_ids = 2;
    char expected[64];
    snprintf(expected, sizeof expected, "stop token %d, the vocabulary has %d", N, N);
    check_refused(t, &p, expected);

    p = (struct hn_emit_params){0};
    e = make(t, &p);
    struct hn_buf out = {.limit = 4};
    enum hn_finish finish;
    struct hn_error err = {0};
    ck_assert_int_eq(hn_emitter_push(e, N, &out, &finish, &err), HN_E_ARG);
    ck_assert_int_eq(hn_emitter_push(e, PIECES + 2, &out, &finish, &err), HN_OK);
    ck_assert_int_eq(hn_emitter_push(e, PIECES + 2, &out, &finish, &err), HN_E_LIMIT);
    ck_assert_str_eq(out.p, "abc");
    hn_buf_free(&out);
    hn_emitter_destroy(e);
    hn_tokenizer_destroy(t);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("emit");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, the_reason_of_the_end_is_told);
    tcase_add_test(tc, what_may_begin_a_stop_string_is_held_back);
    tcase_add_test(tc, the_stop_that_ends_first_wins);
    tcase_add_test(tc, an_unfinished_character_ends_as_one_replacement);
    tcase_add_test(tc, a_leading_space_is_text_after_a_prompt);
    tcase_add_test(tc, any_split_gives_the_text_before_the_first_stop);
    tcase_add_test(tc, limits_are_named);
    return run_unit("emit", tc);
}
