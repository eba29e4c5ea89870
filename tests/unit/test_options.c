#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "cli/options.h"
#include "cli/show.h"

struct shared {
    float warmth;
};
struct words {
    bool flag;
    const char *text;
    size_t size;
    uint64_t seed;
    struct shared shared;
    size_t sum;
};

static enum hn_status add(void *field, const char *text, struct hn_error *err)
{
    if (*text == '!') return hn_fail(err, HN_E_ARG, "no shouting");
    *(size_t *)field += strlen(text);
    return HN_OK;
}

static const struct hn_opt items[] = {
    {"flag", 'f', NULL, HN_OPT_FLAG, offsetof(struct words, flag), .help = "a flag"},
    {"text", 0, "TEXT", HN_OPT_TEXT, offsetof(struct words, text), .help = "a text"},
    {"size", 's', "N", HN_OPT_SIZE, offsetof(struct words, size), 2, 9, .help = "a size"},
    {"seed", 0, "S", HN_OPT_SEED, offsetof(struct words, seed), .help = "a seed"},
    {"sum", 0, "WORD", HN_OPT_CALL, offsetof(struct words, sum), .take = add, .help = "adds up"},
};
static const struct hn_opt shared[] = {
    {"warmth", 'w', "X", HN_OPT_REAL, offsetof(struct shared, warmth), -1, 2.5, .help = "warmth"},
};
static const struct hn_opt_group groups[] = {
    {"Own", items, HN_COUNT(items), 0},
    {"Shared", shared, HN_COUNT(shared), offsetof(struct words, shared)},
};
static const struct hn_cli_spec spec = {
    .name = "try",
    .operands = "[WORD]",
    .max_operands = 1,
    .about = "Tries.",
    .groups = groups,
    .n_groups = HN_COUNT(groups),
};

/* Parses the words; -1 to go on, else the exit status. What is said goes nowhere. */
static int parse(struct words *out, struct hn_operands *operands, const char *const *words)
{
    static char kept[16][32], *argv[16]; /* getopt reorders, and fields point into them */
    int argc = 0, status;
    for (; words[argc]; argc++) {
        ck_assert_uint_lt(strlen(words[argc]), sizeof kept[argc]);
        argv[argc] = strcpy(kept[argc], words[argc]);
    }
    argv[argc] = NULL;
    *out = (struct words){0};
    return hn_cli_parse(&spec, argc, argv, out, operands, &status) ? -1 : status;
}

#define PARSE(...) parse(&w, &operands, (const char *const[]){"try", __VA_ARGS__, NULL})

START_TEST(words_land_in_their_fields)
{
    struct words w;
    struct hn_operands operands;
    ck_assert_int_eq(PARSE("-f", "--text=a b", "here", "-s9", "--seed", "0xFFFFFFFFFFFFFFFF",
                           "--warmth", "-0.5", "--sum", "abc", "--sum=de"),
                     -1);
    ck_assert(w.flag);
    ck_assert_str_eq(w.text, "a b");
    ck_assert_uint_eq(w.size, 9);
    ck_assert_uint_eq(w.seed, UINT64_MAX);
    ck_assert(w.shared.warmth == -0.5f);
    ck_assert_uint_eq(w.sum, 5);
    ck_assert_uint_eq(operands.n, 1);
    ck_assert_str_eq(operands.words[0], "here");
    ck_assert_int_eq(PARSE("--", "-f"), -1);
    ck_assert(!w.flag);
    ck_assert_str_eq(operands.words[0], "-f");
}
END_TEST

START_TEST(wrong_words_are_wrong_use)
{
    struct words w;
    struct hn_operands operands;
    static const char *const bad[][3] = {
        {"-x"},         {"--nothing"}, {"-s"},
        {"--size"},     {"-s", "1"},   {"-s", "10"},
        {"-s", "2x"},   {"-s", ""},    {"-s", "-3"},
        {"-s", " 3 "},  {"--flag=1"},  {"--seed", "1.5"},
        {"--seed", ""}, {"-w", "2.6"}, {"-w", "nan"},
        {"-w", "inf"},  {"-w", "1,5"}, {"--sum", "!"},
        {"a", "b"},     {"--s", "3"},  {"--seed", "99999999999999999999"},
    };
    for (size_t i = 0; i < HN_COUNT(bad); i++)
        ck_assert_int_eq(PARSE(bad[i][0], bad[i][1]), HN_EXIT_USAGE);
}
END_TEST

START_TEST(near_names_are_found)
{
    static const char *const names[] = {"tokenize", "inspect", "run"};
    ck_assert_str_eq(hn_cli_nearest("tokenise", names, 3), "tokenize");
    ck_assert_str_eq(hn_cli_nearest("inpsect", names, 3), "inspect");
    ck_assert_str_eq(hn_cli_nearest("rum", names, 3), "run");
    ck_assert_ptr_null(hn_cli_nearest("quantize", names, 3));
    ck_assert_ptr_null(hn_cli_nearest("a-very-long-word-that-nobody-would-ever-type", names, 3));
}
END_TEST

START_TEST(numbers_are_shown_with_three_digits)
{
    char out[HN_SHOW_BYTES];
    ck_assert_str_eq(hn_show_size(out, 0), "0 B");
    ck_assert_str_eq(hn_show_size(out, 999), "999 B");
    ck_assert_str_eq(hn_show_size(out, 1000), "1.00 kB");
    ck_assert_str_eq(hn_show_size(out, 99960), "100 kB");
    ck_assert_str_eq(hn_show_size(out, 999999), "1.00 MB");
    ck_assert_str_eq(hn_show_size(out, 4.2e15), "4200 TB");
    ck_assert_str_eq(hn_show_count(out, 292800), "293 K");
    ck_assert_str_eq(hn_show_seconds(out, 0.0123), "12.3 ms");
    ck_assert_str_eq(hn_show_seconds(out, 3.21), "3.2 s");
    ck_assert_str_eq(hn_show_seconds(out, 125), "2:05");
}
END_TEST

START_TEST(texts_of_strangers_are_escaped)
{
    char *text;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    hn_show_quoted(f, (struct hn_str){"a\"\n\033[1m\xFF\xC2\x9B\xE2\x80\xAE\0", 14}, 100);
    hn_show_quoted(f, HN_STR("h\xC3\xA9llo"), 2);
    fclose(f);
    ck_assert_str_eq(text, "\"a\\\"\\n\\x1B[1m\\xFF\\xC2\\x9B\\xE2\\x80\\xAE\\x00\"\"h\"...");
    free(text);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("options");
    tcase_add_test(tc, words_land_in_their_fields);
    tcase_add_test(tc, wrong_words_are_wrong_use);
    tcase_add_test(tc, near_names_are_found);
    tcase_add_test(tc, numbers_are_shown_with_three_digits);
    tcase_add_test(tc, texts_of_strangers_are_escaped);
    return run_unit("options", tc);
}
