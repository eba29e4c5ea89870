/* Guesses at the next tokens, and whether they pay. */
#include <string.h>

#include "engine/draft.h"
#include "engine/payoff.h"
#include "unit.h"

static struct hn_draft *learned(const int32_t *tokens, size_t n)
{
    struct hn_draft *draft;
    ck_assert_int_eq(hn_draft_create(100, &draft, NULL), HN_OK);
    for (size_t i = 1; i <= n; i++) /* as a text grows */
        hn_draft_learn(draft, tokens, i);
    return draft;
}

START_TEST(what_followed_before_is_guessed)
{
    static const int32_t text[] = {1, 2, 3, 4, 5, 6, 7, 9, 3, 4};
    int32_t guess[HN_DRAFT_MAX];
    struct hn_draft *draft = learned(text, 10);
    ck_assert_uint_eq(hn_draft_guess(draft, text, 10, guess, 4), 4);
    ck_assert_mem_eq(guess, ((const int32_t[]){5, 6, 7, 9}), sizeof(int32_t[4]));
    ck_assert_uint_eq(hn_draft_guess(draft, text, 10, guess, 0), 0);
    hn_draft_destroy(draft);
}
END_TEST

START_TEST(a_longer_run_beats_a_later_one)
{
    static const int32_t text[] = {7, 8, 1, 2, 50, 9, 1, 2, 60, 7, 8, 1, 2};
    int32_t guess[HN_DRAFT_MAX];
    struct hn_draft *draft = learned(text, 13);
    hn_draft_guess(draft, text, 13, guess, 1);
    ck_assert_int_eq(guess[0], 50);
    hn_draft_destroy(draft);
}
END_TEST

START_TEST(what_repeats_goes_on_repeating)
{
    static const int32_t text[] = {5, 6, 7, 5, 6, 7, 5, 6};
    int32_t guess[HN_DRAFT_MAX];
    struct hn_draft *draft = learned(text, 8);
    ck_assert_uint_eq(hn_draft_guess(draft, text, 8, guess, 7), 7);
    ck_assert_mem_eq(guess, ((const int32_t[]){7, 5, 6, 7, 5, 6, 7}), sizeof(int32_t[7]));
    hn_draft_destroy(draft);
}
END_TEST

START_TEST(nothing_is_guessed_of_what_is_new)
{
    static const int32_t text[] = {1, 2, 3, 4, 5, 6, 7, 8};
    int32_t guess[HN_DRAFT_MAX];
    struct hn_draft *draft = learned(text, 8);
    for (size_t n = 0; n <= 8; n++)
        ck_assert_uint_eq(hn_draft_guess(draft, text, n, guess, 4), 0);
    hn_draft_destroy(draft);
}
END_TEST

/* A long text in small tables: what is found is always what stood there. */
START_TEST(collisions_are_not_believed)
{
    static int32_t text[20000];
    int32_t guess[HN_DRAFT_MAX];
    struct hn_draft *draft;
    size_t found = 0;
    ck_assert_int_eq(hn_draft_create(64, &draft, NULL), HN_OK);
    for (size_t n = 0; n < 20000; n++) {
        text[n] = (int32_t)(n * n * 31 % 997 % 50);
        hn_draft_learn(draft, text, n + 1);
        if (!hn_draft_guess(draft, text, n + 1, guess, 1)) continue;
        size_t at = n; /* an earlier place of the last two tokens with that token behind it */
        while (at > 2 &&
               !(text[at - 2] == text[n - 1] && text[at - 1] == text[n] && text[at] == guess[0]))
            at--;
        ck_assert_uint_gt(at, 2);
        found++;
    }
    ck_assert_uint_gt(found, 100);
    hn_draft_destroy(draft);
}
END_TEST

static struct hn_payoff costs(double each)
{
    struct hn_payoff payoff = {0};
    for (size_t rows = 1; rows <= HN_PAYOFF_ROWS; rows++)
        hn_payoff_note(&payoff, rows, 10 + each * (double)rows);
    return payoff;
}

START_TEST(guesses_that_are_right_get_longer)
{
    const struct hn_payoff cheap = costs(0.2), dear = costs(100);
    const struct hn_hits good = {9, 9.1f}, fair = {5, 10}, bad = {0, 10};
    ck_assert_uint_eq(hn_payoff_length(&cheap, 1, &good, 0, 8), 8);
    const size_t some = hn_payoff_length(&cheap, 1, &fair, 0, 8);
    ck_assert_uint_ge(some, 1);
    ck_assert_uint_le(some, 5);
    ck_assert_uint_le(hn_payoff_length(&cheap, 1, &bad, 0, 8), 1);
    /* Where rows cost their full share even sure guesses gain nothing. */
    ck_assert_uint_eq(hn_payoff_length(&dear, 1, &fair, 0, 8), 0);
    ck_assert_uint_eq(hn_payoff_length(&dear, 20, &fair, 0, 8), 0);
}
END_TEST

START_TEST(hits_forget)
{
    struct hn_hits hits = {0};
    for (int i = 0; i < 50; i++)
        hn_hits_note(&hits, 4, 4);
    ck_assert_float_gt(hits.right / hits.tried, 0.99f);
    for (int i = 0; i < 50; i++)
        hn_hits_note(&hits, 0, 1);
    ck_assert_float_lt(hits.right / hits.tried, 0.05f);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("draft");
    tcase_add_test(tcase, what_followed_before_is_guessed);
    tcase_add_test(tcase, a_longer_run_beats_a_later_one);
    tcase_add_test(tcase, what_repeats_goes_on_repeating);
    tcase_add_test(tcase, nothing_is_guessed_of_what_is_new);
    tcase_add_test(tcase, collisions_are_not_believed);
    tcase_add_test(tcase, guesses_that_are_right_get_longer);
    tcase_add_test(tcase, hits_forget);
    return run_unit("draft", tcase);
}
