#include <stdio.h>

#include "base/bits.h"
#include "text/pretokenize.h"
#include "text/vocab.h"
#include "unit.h"

/* Appends the word and a bar to the buffer that is the context. */
static enum hn_status on_word(void *context, struct hn_str word)
{
    hn_buf_str(context, word);
    return hn_buf_char(context, '|');
}

static void check_words(const struct hn_pretok_stage *stages, size_t n, const char *text,
                        const char *expected)
{
    struct hn_pretokenizer *pretokenizer = NULL;
    struct hn_error err = {0};
    struct hn_buf got = {0};
    ck_assert_msg(hn_pretokenizer_create(stages, n, &pretokenizer, &err) == HN_OK, "%s", err.text);
    ck_assert_int_eq(hn_pretokenize(pretokenizer, hn_str_from(text), on_word, &got, &err), HN_OK);
    ck_assert_str_eq(got.p ? got.p : "", expected);
    hn_buf_free(&got);
    hn_pretokenizer_destroy(pretokenizer);
}

/* Through the stages of a name that GGUF files use. */
static void check_preset(const char *name, const char *text, const char *expected)
{
    const struct hn_pretok_preset *preset = hn_pretok_preset_find(hn_str_from(name));
    struct hn_pretok_stage stages[HN_COUNT(preset->patterns)] = {0};
    size_t n = 0;
    ck_assert_msg(preset != NULL, "no preset '%s'", name);
    while (n < HN_COUNT(stages) && preset->patterns[n]) {
        stages[n].pattern = hn_str_from(preset->patterns[n]);
        n++;
    }
    check_words(stages, n, text, expected);
}

/* The cuts are those of the models' own tokenizers. */
START_TEST(names_cut_as_the_models_that_have_them)
{
    check_preset("gpt-2", "It's 1234 x", "It|'s| 1234| x|");
    check_preset("llama-bpe", "IT'S 12345\n\n x", "IT|'S| |123|45|\n\n| x|");
    check_preset("qwen2", "a12  b", "a|1|2| | b|");
    check_preset("gpt-4o", "iPhone's CamelCase", "i|Phone's| Camel|Case|");
    check_preset("tekken", "iPhone's 12", "i|Phone|'s| |1|2|");
    check_preset("deepseek-v3", "#include 1234", "#include| |123|4|");
    check_preset("deepseek-coder", "ab 12", "ab| |1|2|");
    check_preset("falcon", "a 12345", "a| |123|45|");
    check_preset("starcoder", "x 12", "x| |1|2|");
    check_preset("laguna", "a\r\nb", "a|\r|\n|b|");
    check_preset("minicpm5", "a1234", "a|123|4|");
    check_preset("ufakzeka", "I's", "I|'s|");
    check_preset("gemma4", "a b\n\nc", "a b|\n\n|c|");
}
END_TEST

START_TEST(numbers_are_cut_in_thirds_from_the_right)
{
    /* Any numbers; what lies between them stays whole. */
    check_preset("afmoe", "1234567", "1|234|567|");
    /* Only up to the end of a word. */
    check_preset("tiny_aya", "12345 678", "12|345| |678|");
    check_preset("tiny_aya", "12345a", "123|45|a|");
    /* Whole groups start a piece, other numbers stay with the text before them. */
    check_preset("superbpe", "a1234567\xC2\xBD", "a|1|234|567\xC2\xBD|");
    const struct hn_pretok_stage removed = {.behaviour = HN_PRETOK_REMOVED,
                                            .pattern = HN_STR("\\d{1,3}(?=(?:\\d{3})*\\b)")};
    check_words(&removed, 1, "a 1234 b 12c", "a | b 12c|");
}
END_TEST

/* The pieces of a text under one expression, each followed by a bar. */
static struct hn_buf cut(const char *pattern, struct hn_str text)
{
    struct hn_pretokenizer *pretokenizer = NULL;
    struct hn_error err = {0};
    struct hn_buf got = {0};
    const struct hn_pretok_stage stage = {.pattern = hn_str_from(pattern)};
    ck_assert_msg(hn_pretokenizer_create(&stage, 1, &pretokenizer, &err) == HN_OK, "%s", err.text);
    ck_assert_int_eq(hn_pretokenize(pretokenizer, text, on_word, &got, &err), HN_OK);
    hn_pretokenizer_destroy(pretokenizer);
    return got;
}

/* Expressions that tables help with, against the same ones in brackets, which they leave alone. */
START_TEST(tables_cut_as_the_expressions_they_stand_for)
{
    static const char *const patterns[] = {
        "[\r\n]",
        "\\s?\\p{L}+",
        "\\s?[!-/:-~\\x{3000}]+",
        "\\s?[\\s!a]+",
        " ?[^(\\s|.,!?\\x{2026})]+",
        "[\\p{P}\\$\\+<=>\\^~\\|`]+",
        "\\p{N}",
        "\\p{N}+",
        "\\p{N}{1,3}",
        "[0-9][0-9][0-9]",
        "\\d\\d",
        "(?<!\\s)\\s++$",
        "\\s+$",
        "[]a]+",
        "[^]a]+",
    };
    static const char *const parts[] = {
        "a",      "Z",      "0",      "7",      " ",      "  ",     "\n",     "\r",
        "\t",     "!",      ".",      "|",      "]",      "(",      "$",      "\x1f",
        "\u00e9", "\u3000", "\u0663", "\u00bd", "\u2026", "\u00a0", "\u4e00", "\U0001F600"};
    uint32_t state = 7;
    for (size_t i = 0; i < HN_COUNT(patterns); i++) {
        char bracketed[128];
        snprintf(bracketed, sizeof bracketed, "(?:%s)", patterns[i]);
        for (int round = 0; round < 300; round++) {
            struct hn_buf text = {0};
            for (uint32_t n = round % 24; n-- > 0;) {
                state = state * 1664525u + 1013904223u;
                /* Half of the texts are ASCII. */
                hn_buf_text(&text, parts[(state >> 16) % (round % 2 ? HN_COUNT(parts) : 16)]);
            }
            struct hn_buf fast = cut(patterns[i], hn_buf_view(&text));
            struct hn_buf plain = cut(bracketed, hn_buf_view(&text));
            ck_assert_msg(hn_str_eq(hn_buf_view(&fast), hn_buf_view(&plain)),
                          "%s cuts '%.*s', not '%.*s'", patterns[i], (int)fast.n, fast.p,
                          (int)plain.n, plain.p);
            hn_buf_free(&fast);
            hn_buf_free(&plain);
            hn_buf_free(&text);
        }
    }
}
END_TEST

START_TEST(behaviours_decide_where_a_match_goes)
{
    struct hn_pretok_stage stage = {.pattern = HN_STR("-")};
    check_words(&stage, 1, "a--b", "a|-|-|b|");
    stage.behaviour = HN_PRETOK_REMOVED;
    check_words(&stage, 1, "a--b", "a|b|");
    stage.behaviour = HN_PRETOK_PREVIOUS;
    check_words(&stage, 1, "a--b", "a-|-|b|");
    stage.behaviour = HN_PRETOK_NEXT;
    check_words(&stage, 1, "a--b", "a|-|-b|");
    stage.behaviour = HN_PRETOK_CONTIGUOUS;
    check_words(&stage, 1, "a--b", "a|--|b|");
    stage.invert = true;
    stage.behaviour = HN_PRETOK_REMOVED;
    check_words(&stage, 1, "a--b", "-|-|");
}
END_TEST

START_TEST(what_is_no_expression_is_an_error)
{
    struct hn_pretokenizer *pretokenizer;
    struct hn_error err = {0};
    const struct hn_pretok_stage bad = {.pattern = HN_STR("[a")};
    ck_assert_int_eq(hn_pretokenizer_create(&bad, 1, &pretokenizer, &err), HN_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "[a"));
    const struct hn_pretok_stage crossed = {.pattern = HN_STR("[a-z&&[^b]]")};
    ck_assert_int_eq(hn_pretokenizer_create(&crossed, 1, &pretokenizer, &err), HN_E_UNSUPPORTED);
    const struct hn_pretok_stage many[HN_PRETOK_MAX_STAGES + 1] = {0};
    ck_assert_int_eq(hn_pretokenizer_create(many, HN_COUNT(many), &pretokenizer, &err), HN_E_LIMIT);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("pretokenize");
    tcase_add_test(tc, names_cut_as_the_models_that_have_them);
    tcase_add_test(tc, numbers_are_cut_in_thirds_from_the_right);
    tcase_add_test(tc, tables_cut_as_the_expressions_they_stand_for);
    tcase_add_test(tc, behaviours_decide_where_a_match_goes);
    tcase_add_test(tc, what_is_no_expression_is_an_error);
    return run_unit("pretokenize", tc);
}
