/* Masks of tokens: equal to what trying every token says. */
#include <stdio.h>

#include "text/grammar.h"
#include "text/grammar_mask.h"
#include "unit.h"
#include "words.h"

static bool bit(const uint32_t *mask, size_t i)
{
    return mask[i / 32] >> (i % 32) & 1;
}

/* The mask, checked token by token; returns the tokens that it allows, end of text aside. */
static size_t check_mask(struct hn_matcher *m, struct hn_matcher *spare, int32_t *out)
{
    static uint32_t mask[WORDS_MAX / 32 + 1];
    const uint32_t *got;
    struct hn_error err = {.text = ""};
    size_t n = 0;
    ck_assert_msg(hn_matcher_mask(m, masker, &got, &err) == HN_OK, "%s", err.text);
    memcpy(mask, got, hn_div_up(hn_tokenizer_size(tokenizer), 32) * sizeof *mask);
    for (size_t id = 0; id < hn_tokenizer_size(tokenizer); id++) {
        hn_matcher_copy(spare, m);
        const bool may = hn_matcher_accept(spare, masker, (int32_t)id, NULL) == HN_OK;
        const struct hn_str piece = hn_tokenizer_piece(tokenizer, (int32_t)id);
        ck_assert_msg(may == bit(mask, id), "token %zu '%.*s': %d, the mask says %d", id,
                      HN_FMT(piece), may, bit(mask, id));
        if (may && id != WORDS_EOS) out[n++] = (int32_t)id;
    }
    ck_assert(bit(mask, WORDS_EOS) == hn_matcher_may_end(m));
    ck_assert(!bit(mask, WORDS_CONTROL) && !bit(mask, 0) && !bit(mask, 1));
    return n;
}

/* Random texts of a grammar, every mask on the way checked. */
static void check_texts(struct hn_grammar *g, unsigned texts, unsigned most, uint64_t seed)
{
    static int32_t may[WORDS_MAX];
    struct hn_matcher *m, *spare;
    struct hn_error err = {.text = ""};
    ck_assert_int_eq(hn_matcher_create(g, &spare, NULL), HN_OK);
    while (texts--) {
        ck_assert_int_eq(hn_matcher_create(g, &m, NULL), HN_OK);
        for (unsigned i = 0; i < most; i++) {
            const size_t n = check_mask(m, spare, may);
            ck_assert(n || hn_matcher_may_end(m));
            if (!n || (hn_matcher_may_end(m) && words_random(&seed) % 4 == 0)) break;
            const int32_t id = may[words_random(&seed) % n];
            ck_assert_msg(hn_matcher_accept(m, masker, id, &err) == HN_OK, "%s", err.text);
        }
        if (hn_matcher_may_end(m)) {
            ck_assert_int_eq(hn_matcher_accept(m, masker, WORDS_EOS, NULL), HN_OK);
            ck_assert_uint_eq(check_mask(m, spare, may), 0);
        }
        hn_matcher_destroy(m);
    }
    hn_matcher_destroy(spare);
}

static void check_gbnf(const char *source, unsigned texts, unsigned most)
{
    struct hn_grammar *g;
    struct hn_error err = {.text = ""};
    ck_assert_msg(hn_grammar_gbnf(hn_str_from(source), &g, &err) == HN_OK, "%s: %s", source,
                  err.text);
    check_texts(g, texts, most, 7);
    hn_grammar_release(g);
}

static const char json[] =
    "root ::= value\n"
    "object ::= \"{\" ws ( string \":\" ws value (\",\" ws string \":\" ws value)* )? \"}\" ws\n"
    "value ::= object | array | string | number | (\"true\" | \"false\" | \"null\") ws\n"
    "array ::= \"[\" ws ( value (\",\" ws value)* )? \"]\" ws\n"
    "string ::= \"\\\"\" ([^\"\\\\\\x7F\\x00-\\x1F] | \"\\\\\" ([\"\\\\bfnrt] | \"u\" "
    "[0-9a-fA-F]{4}))* "
    "\"\\\"\" ws\n"
    "number ::= (\"-\"? ([0-9] | [1-9] [0-9]{0,15})) (\".\" [0-9]+)? ([eE] [-+]? [0-9] "
    "[1-9]{0,15})? ws\n"
    "ws ::= | \" \" | \"\\n\" [ \\t]{0,20}\n";

START_TEST(json_masks)
{
    check_gbnf(json, 12, 40);
}
END_TEST

START_TEST(counted_masks)
{
    check_gbnf("root ::= \"\\\"\" [^\"]{3,60} \"\\\"\" \"!\"", 6, 60);
    check_gbnf("root ::= ([^\"\\\\] | \"\\\\\" [a-z\\\"]){20,40} \"!\"", 6, 60);
    check_gbnf("root ::= ([a-c]{2,3} \" \"?){4,50} [x-z]", 6, 60);
}
END_TEST

START_TEST(ambiguous_masks)
{
    check_gbnf("root ::= s\ns ::= \"a\" s \"b\" | \"a\" s \"c\" | \"a\" s | \"ab\" s | \"x\"", 6,
               30);
    check_gbnf(
        "root ::= p \"ab\" | q \"ac\"\np ::= \"(\" p \")\" | [a-z]*\nq ::= \"(\" q \")\" | [a-z]*",
        6, 30);
    check_gbnf("root ::= ((a | b) \"\\n\"?)*\na ::= [a-c]+ \"=\" e\nb ::= [a-z]+ \";\"\n"
               "e ::= t ([-+*] t)*\nt ::= [0-9]+ | [a-z]+ | \"(\" e \")\"\n",
               8, 40);
}
END_TEST

/* Random expressions over few letters, nested as they come, some rules recursive. */
static void add_expr(struct hn_buf *out, uint64_t *seed, unsigned depth)
{
    static const char *const atoms[] = {"\"a\"",    "\"b\"",    "\"ab\"", "[a-c]",       "[^a]",
                                        "\"\\\"\"", "r1",       "r2",     "\"{\"",       "\"}\"",
                                        "\"\"",     "\"name\"", "[0-9]",  "\"\xC3\xA9\""};
    const unsigned kind = depth ? words_random(seed) % 6 : 0;
    if (kind < 2) {
        hn_buf_printf(out, " %s", atoms[words_random(seed) % HN_COUNT(atoms)]);
        return;
    }
    hn_buf_text(out, " (");
    for (unsigned n = 1 + words_random(seed) % 3; n--;) {
        add_expr(out, seed, depth - 1);
        if (n && kind < 4) hn_buf_text(out, " |");
    }
    hn_buf_text(out, " )");
    if (kind == 5) {
        static const char *const repeats[] = {"*", "+", "?", "{2}", "{0,3}", "{2,}", "{7,20}"};
        hn_buf_text(out, repeats[words_random(seed) % HN_COUNT(repeats)]);
    }
}

START_TEST(random_masks)
{
    unsigned tried = 0;
    for (uint64_t seed = 1; tried < 60; seed++) {
        uint64_t random = seed;
        struct hn_buf source = {0};
        struct hn_grammar *g;
        for (int i = 0; i < 3; i++) {
            hn_buf_printf(&source, i ? "r%d ::= \"x\"" : "root ::=", i);
            add_expr(&source, &random, 4);
            hn_buf_text(&source, i ? " | \"yz\"\n" : "\n");
        }
        if (hn_grammar_gbnf(hn_buf_view(&source), &g, NULL) == HN_OK) {
            check_texts(g, 2, 12, seed);
            hn_grammar_release(g);
            tried++;
        }
        hn_buf_free(&source);
    }
}
END_TEST

/* With so little memory everything is forgotten again and again. */
START_TEST(little_memory)
{
    struct hn_error err = {.text = ""};
    hn_masker_destroy(masker);
    ck_assert_msg(hn_masker_create(tokenizer, 24 << 10, &masker, &err) == HN_OK, "%s", err.text);
    check_gbnf(json, 3, 30);
}
END_TEST

/* A text nested without end is an error, not a crash. */
START_TEST(depth_is_bounded)
{
    struct hn_grammar *g;
    struct hn_matcher *m;
    struct hn_error err = {.text = ""};
    const int32_t open = WORDS_BYTE + '(';
    ck_assert_int_eq(hn_grammar_gbnf(HN_STR("root ::= \"(\" root \")\" | \"x\""), &g, NULL), HN_OK);
    ck_assert_int_eq(hn_matcher_create(g, &m, NULL), HN_OK);
    size_t depth = 0;
    enum hn_status status = HN_OK;
    while (status == HN_OK && depth < 100000) {
        status = hn_matcher_accept(m, masker, open, &err);
        depth += status == HN_OK;
    }
    ck_assert_int_eq(status, HN_E_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.text, "nested"));
    ck_assert_uint_gt(depth, 1000);
    hn_matcher_destroy(m);
    hn_grammar_release(g);
}
END_TEST

/* Before the trigger all may come but tokens that go past it wrongly; behind it the grammar holds. */
START_TEST(triggers)
{
    static int32_t may[WORDS_MAX];
    struct hn_grammar *g;
    struct hn_matcher *m, *spare;
    struct hn_error err = {.text = ""};
    const uint32_t *mask;
    const struct hn_trigger_spec none = {.texts = {{"", 0}}}, spec = {.texts = {HN_STR("baba{\"")}};
    ck_assert_int_eq(hn_grammar_regex(HN_STR("a[bc]+\\}"), &g, NULL), HN_OK);
    ck_assert_int_eq(hn_matcher_create(g, &m, NULL), HN_OK);
    ck_assert_int_eq(hn_matcher_create(g, &spare, NULL), HN_OK);
    ck_assert_int_eq(hn_matcher_await(m, tokenizer, &none, &err), HN_E_ARG);
    /* A start that comes again within itself. */
    ck_assert_int_eq(hn_matcher_await(m, tokenizer, &spec, &err), HN_OK);
    ck_assert_int_eq(hn_matcher_await(spare, tokenizer, &spec, &err), HN_OK);
    const char *before = "x</s>[[bababa";
    for (; *before; before++)
        ck_assert_int_eq(hn_matcher_accept(m, masker, WORDS_BYTE + *before, &err), HN_OK);
    ck_assert(hn_matcher_may_end(m));
    unsigned refused = 0;
    for (size_t id = 0; id < hn_tokenizer_size(tokenizer); id++) {
        const struct hn_str piece = hn_tokenizer_piece(tokenizer, (int32_t)id);
        const struct hn_str rest = {piece.p + 2, piece.n - 2};
        ck_assert_int_eq(hn_matcher_mask(m, masker, &mask, &err), HN_OK);
        hn_matcher_copy(spare, m);
        const bool may_come = hn_matcher_accept(spare, masker, (int32_t)id, NULL) == HN_OK;
        ck_assert_ptr_nonnull(mask);
        ck_assert(bit(mask, id) == may_come);
        if (id == WORDS_CONTROL) { /* its text is {"a" */
            ck_assert(!may_come);
        } else if (hn_str_starts(piece, HN_STR("{\"")) && rest.n) {
            ck_assert(!may_come || rest.p[0] == 'a');
            refused += !may_come;
        } else {
            ck_assert_msg(may_come, "token %zu", id);
        }
    }
    ck_assert_uint_gt(refused, 5);
    ck_assert_int_eq(hn_matcher_accept(m, masker, WORDS_BYTE + '{', &err), HN_OK);
    ck_assert_int_eq(hn_matcher_accept(m, masker, WORDS_BYTE + '"', &err), HN_OK);
    ck_assert(!hn_matcher_may_end(m));
    ck_assert_uint_gt(check_mask(m, spare, may), 0);
    ck_assert_int_eq(hn_matcher_accept(m, masker, WORDS_BYTE + 'x', &err), HN_E_ARG);
    for (const char *then = "abcb}"; *then; then++)
        ck_assert_int_eq(hn_matcher_accept(m, masker, WORDS_BYTE + *then, &err), HN_OK);
    ck_assert_uint_eq(check_mask(m, spare, may), 0);
    ck_assert(hn_matcher_may_end(m));
    hn_matcher_destroy(m);
    hn_matcher_destroy(spare);
    hn_grammar_release(g);
}
END_TEST

/* A trigger does not count within what is skipped, which only white space may stand before. */
START_TEST(triggers_skip)
{
    static const struct {
        const char *text;
        bool skipping, awaited;
    } rows[] = {
        {"ab", false, false},          {"(ab", false, true},
        {" \n(ab--)ab", false, false}, {"(ab-)a--)(ab--) (ab--)x ab", false, false},
        {"x(ab", false, false},        {"(x--)a(ab", false, false},
        {"(x--)((ab", false, true},    {"ab", true, true},
        {"ab--) ab", true, false},     {"---)(ab", true, true},
    };
    struct hn_grammar *g;
    struct hn_error err;
    ck_assert_int_eq(hn_grammar_regex(HN_STR("c"), &g, NULL), HN_OK);
    for (size_t i = 0; i < HN_COUNT(rows); i++) {
        struct hn_matcher *m;
        const uint32_t *mask;
        struct hn_trigger_spec spec = {.texts = {HN_STR("ab")}, .skip_begin = HN_STR("(")};
        spec.skipping = rows[i].skipping;
        ck_assert_int_eq(hn_matcher_create(g, &m, NULL), HN_OK);
        ck_assert_int_eq(hn_matcher_await(m, tokenizer, &spec, &err), HN_E_ARG);
        spec.skip_ends[0] = HN_STR("--)");
        ck_assert_int_eq(hn_matcher_await(m, tokenizer, &spec, &err), HN_OK);
        for (const char *c = rows[i].text; *c; c++)
            ck_assert_int_eq(hn_matcher_accept(m, masker, WORDS_BYTE + *c, NULL), HN_OK);
        ck_assert_int_eq(hn_matcher_mask(m, masker, &mask, &err), HN_OK);
        ck_assert_msg(hn_matcher_may_end(m) == rows[i].awaited, "%s", rows[i].text);
        ck_assert(rows[i].awaited || !bit(mask, WORDS_BYTE + 'd'));
        hn_matcher_destroy(m);
    }
    hn_grammar_release(g);
}
END_TEST

/* One of two triggers, of which the grammar reads the end too; parts to be skipped that begin anywhere and
 * end in one of two ways. */
START_TEST(triggers_of_two)
{
    static const struct {
        const char *text;
        bool awaited;
        char next; /* the only byte that may come */
    } rows[] = {
        {"ab", true, 0},        {"ab{", false, 'c'},    {"xaab{", false, 'c'},
        {"--", false, '{'},     {"x(ab{", true, 0},     {"x(ab{]--", false, '{'},
        {"((x--", true, 0},     {"(x)ab{", false, 'c'}, {"(x) (--]a(b{)--", false, '{'},
        {"(()ab(ab{", true, 0},
    };
    struct hn_grammar *g;
    struct hn_error err;
    const struct hn_trigger_spec spec = {.texts = {HN_STR("ab{"), HN_STR("--")},
                                         .within = {1, 0},
                                         .skip_begin = HN_STR("("),
                                         .skip_ends = {HN_STR(")"), HN_STR("]")},
                                         .skip_anywhere = true};
    ck_assert_int_eq(hn_grammar_regex(HN_STR("\\{c"), &g, NULL), HN_OK);
    for (size_t i = 0; i < HN_COUNT(rows); i++) {
        struct hn_matcher *m;
        const uint32_t *mask;
        ck_assert_int_eq(hn_matcher_create(g, &m, NULL), HN_OK);
        ck_assert_int_eq(hn_matcher_await(m, tokenizer, &spec, &err), HN_OK);
        for (const char *c = rows[i].text; *c; c++)
            ck_assert_int_eq(hn_matcher_accept(m, masker, WORDS_BYTE + *c, NULL), HN_OK);
        ck_assert_int_eq(hn_matcher_mask(m, masker, &mask, &err), HN_OK);
        ck_assert_msg(hn_matcher_may_end(m) == rows[i].awaited, "%s", rows[i].text);
        for (int32_t c = 1; c < 128 && !rows[i].awaited; c++)
            ck_assert_msg(bit(mask, (size_t)(WORDS_BYTE + c)) == (c == rows[i].next), "%s: %c",
                          rows[i].text, (char)c);
        hn_matcher_destroy(m);
    }
    hn_grammar_release(g);
}
END_TEST

/* A second grammar that is the same uses what is known of the first. */
START_TEST(equal_grammars_share)
{
    static int32_t may[WORDS_MAX];
    for (int i = 0; i < 100; i++) {
        struct hn_grammar *g;
        struct hn_matcher *m, *spare;
        struct hn_buf source = {0};
        hn_buf_printf(&source, "a{%d}b", i % 40 + 1);
        ck_assert_int_eq(hn_grammar_regex(hn_buf_view(&source), &g, NULL), HN_OK);
        ck_assert_int_eq(hn_matcher_create(g, &m, NULL), HN_OK);
        ck_assert_int_eq(hn_matcher_create(g, &spare, NULL), HN_OK);
        hn_grammar_release(g);
        check_mask(m, spare, may);
        hn_matcher_destroy(m);
        hn_matcher_destroy(spare);
        hn_buf_free(&source);
    }
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("grammar_mask");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, words_start, words_stop);
    tcase_add_test(tcase, json_masks);
    tcase_add_test(tcase, counted_masks);
    tcase_add_test(tcase, ambiguous_masks);
    tcase_add_test(tcase, random_masks);
    tcase_add_test(tcase, little_memory);
    tcase_add_test(tcase, depth_is_bounded);
    tcase_add_test(tcase, triggers);
    tcase_add_test(tcase, triggers_skip);
    tcase_add_test(tcase, triggers_of_two);
    tcase_add_test(tcase, equal_grammars_share);
    return run_unit("grammar_mask", tcase);
}
