/* The parts of the load generator: percentiles, chance, events, answers. */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "load/draw.h"
#include "load/reply.h"
#include "load/report.h"
#include "load/spread.h"
#include "load/sse.h"

/* --- spread ------------------------------------------------------------------------------------ */

static struct hn_spread spread;

START_TEST(nothing_has_no_percentiles)
{
    ck_assert_double_eq(hn_spread_at(&spread, 0.5), 0);
    ck_assert_double_eq(hn_spread_mean(&spread), 0);
}
END_TEST

START_TEST(small_values_are_exact)
{
    for (uint64_t v = 1; v <= 100; v++)
        hn_spread_add(&spread, v);
    ck_assert_double_eq(hn_spread_at(&spread, 0), 1);
    ck_assert_double_eq(hn_spread_at(&spread, 0.5), 50);
    ck_assert_double_eq(hn_spread_at(&spread, 0.95), 95);
    ck_assert_double_eq(hn_spread_at(&spread, 0.951), 96);
    ck_assert_double_eq(hn_spread_at(&spread, 1), 100);
    ck_assert_double_eq(hn_spread_mean(&spread), 50.5);
}
END_TEST

/* Against the value itself, over all magnitudes. */
START_TEST(large_values_are_within_a_hundredth)
{
    for (uint64_t v = 1; v < UINT64_C(1) << 40; v += v / 3 + 1) {
        memset(&spread, 0, sizeof spread);
        hn_spread_add(&spread, 0);
        hn_spread_add(&spread, v);
        hn_spread_add(&spread, v);
        hn_spread_add(&spread, UINT64_MAX); /* counts as the most there is */
        const double told = hn_spread_at(&spread, 0.5);
        ck_assert_double_le(fabs(told - (double)v), (double)v * 0.01);
        ck_assert_double_eq(hn_spread_at(&spread, 1), 0x1p40 - 1);
    }
}
END_TEST

START_TEST(one_value_is_every_percentile)
{
    hn_spread_add(&spread, 123457);
    for (double share = 0; share <= 1; share += 0.125)
        ck_assert_double_eq(hn_spread_at(&spread, share), 123457);
}
END_TEST

/* --- chance ------------------------------------------------------------------------------------ */

START_TEST(lengths_are_read)
{
    struct hn_length length;
    ck_assert_int_eq(hn_length_read("200", &length, NULL), HN_OK);
    ck_assert(length.low == 200 && length.high == 200);
    ck_assert_int_eq(hn_length_read("10-30", &length, NULL), HN_OK);
    ck_assert(length.low == 10 && length.high == 30);
    static const char *const wrong[] = {"",    "0", "-3",      "3-",   "30-10",
                                        "1 2", "x", "2097153", "1-2-3"};
    for (size_t i = 0; i < HN_COUNT(wrong); i++)
        ck_assert_int_eq(hn_length_read(wrong[i], &length, NULL), HN_E_ARG);
}
END_TEST

START_TEST(lengths_are_drawn_evenly)
{
    const struct hn_length length = {10, 13};
    int seen[4] = {0};
    for (uint64_t i = 0; i < 4000; i++) {
        const uint32_t n = hn_draw_length(&length, hn_draw(1, i, HN_DRAW_PROMPT));
        ck_assert(n >= 10 && n <= 13);
        seen[n - 10]++;
    }
    for (int i = 0; i < 4; i++)
        ck_assert_int_ge(seen[i], 850);
}
END_TEST

START_TEST(pairs_are_read_from_a_file)
{
    char path[] = "/tmp/hence-pairs-XXXXXX";
    struct hn_length_pairs pairs;
    struct hn_error err;
    FILE *f = fdopen(mkstemp(path), "w");
    fputs("# prompt, output\n100,20\n\n  7 ; 9\r\n5\t6", f);
    fclose(f);
    ck_assert_int_eq(hn_length_pairs_read(path, &pairs, &err), HN_OK);
    ck_assert_uint_eq(pairs.n, 3);
    ck_assert(pairs.items[1].prompt == 7 && pairs.items[1].output == 9);
    ck_assert(pairs.items[2].prompt == 5 && pairs.items[2].output == 6);
    free(pairs.items);
    f = fopen(path, "w");
    fputs("1,2\n3\n", f);
    fclose(f);
    ck_assert_int_eq(hn_length_pairs_read(path, &pairs, &err), HN_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "line 2"));
    ck_assert_ptr_null(pairs.items);
    f = fopen(path, "w");
    fclose(f);
    ck_assert_int_eq(hn_length_pairs_read(path, &pairs, &err), HN_E_FORMAT);
    unlink(path);
}
END_TEST

START_TEST(classes_come_by_weight)
{
    struct hn_tiers tiers;
    int seen[2] = {0};
    ck_assert_int_eq(hn_tiers_read("default=3,flex", &tiers, NULL), HN_OK);
    ck_assert_uint_eq(tiers.n, 2);
    ck_assert_str_eq(tiers.items[1].name, "flex");
    for (uint64_t i = 0; i < 4000; i++)
        seen[hn_draw_tier(&tiers, hn_draw(7, i, HN_DRAW_TIER))]++;
    ck_assert_int_ge(seen[0], 2850);
    ck_assert_int_ge(seen[1], 850);
    static const char *const wrong[] = {"",     "=1", "a=0",       "a=x",
                                        "a=1b", "a,", "a,b,c,d,e", "abcdefghijklmnopq"};
    for (size_t i = 0; i < HN_COUNT(wrong); i++)
        ck_assert_int_lt(hn_tiers_read(wrong[i], &tiers, NULL), 0);
}
END_TEST

START_TEST(arrivals_have_their_rate)
{
    double sum = 0, squares = 0;
    for (uint64_t i = 0; i < 10000; i++) {
        const double gap = hn_draw_gap(20, hn_draw(3, i, HN_DRAW_ARRIVAL));
        ck_assert_double_ge(gap, 0);
        sum += gap;
        squares += gap * gap;
    }
    ck_assert_double_eq_tol(sum / 10000, 0.05, 0.002);
    /* Exponential: the mean square is twice the square of the mean. */
    ck_assert_double_eq_tol(squares / 10000, 0.005, 0.0005);
}
END_TEST

static size_t letters(struct hn_str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] != ' ';
    return n;
}

START_TEST(words_come_in_whole_lists)
{
    struct hn_buf a = {0}, b = {0}, again = {0};
    hn_draw_words(1, 5, 2 * HN_DRAW_WORDS, &a);
    hn_draw_words(1, 6, HN_DRAW_WORDS, &b);
    hn_draw_words(1, 5, 2 * HN_DRAW_WORDS, &again);
    ck_assert(hn_str_eq(hn_buf_view(&a), hn_buf_view(&again)));
    ck_assert(memcmp(a.p, b.p, b.n) != 0);
    ck_assert_uint_eq(letters(hn_buf_view(&a)), 2 * letters(hn_buf_view(&b)));
    ck_assert_uint_eq(a.n - letters(hn_buf_view(&a)), 2 * HN_DRAW_WORDS - 1);
    hn_buf_free(&a);
    hn_buf_free(&b);
    hn_buf_free(&again);
}
END_TEST

/* --- events ------------------------------------------------------------------------------------ */

static void keep(void *ctx, struct hn_str data)
{
    hn_buf_char(ctx, '[');
    hn_buf_str(ctx, data);
    hn_buf_char(ctx, ']');
}

/* What is read must not depend on where the pieces end. */
static void check_events(const char *stream, const char *want)
{
    const size_t n = strlen(stream);
    for (size_t piece = 1; piece <= n; piece++) {
        struct hn_sse sse = {0};
        struct hn_buf got = {0};
        for (size_t at = 0; at < n; at += piece)
            ck_assert_int_eq(hn_sse_feed(&sse, stream + at, hn_min(piece, n - at), keep, &got),
                             HN_OK);
        ck_assert_str_eq(got.p ? got.p : "", want);
        hn_sse_free(&sse);
        hn_buf_free(&got);
    }
}

START_TEST(events_end_at_an_empty_line)
{
    check_events("data: one\n\ndata: two\n\n", "[one][two]");
    check_events("data: one\r\n\r\ndata: two\r\n\r\n", "[one][two]");
    check_events("data: one\r\rdata: two\r\r", "[one][two]");
    check_events("data: one\n\ndata: not whole\n", "[one]");
}
END_TEST

START_TEST(fields_are_told_apart)
{
    check_events(": comment\nid: 3\ndata:a\ndata:  b\nretry: 1\ndata\n\n", "[a\n b\n]");
    check_events("event: ping\n\ndatum: x\n\n\n\n", "");
    check_events("data:\n\n", "[]");
}
END_TEST

START_TEST(an_event_has_a_limit)
{
    static char long_line[HN_SSE_MAX + 2];
    struct hn_sse sse = {0};
    struct hn_buf got = {0};
    memset(long_line, 'x', sizeof long_line);
    ck_assert_int_eq(hn_sse_feed(&sse, long_line, sizeof long_line, keep, &got), HN_E_LIMIT);
    hn_sse_clear(&sse);
    enum hn_status status = HN_OK;
    for (int i = 0; status >= 0 && i < 10; i++) {
        hn_sse_feed(&sse, "data:", 5, keep, &got);
        hn_sse_feed(&sse, long_line, HN_SSE_MAX / 4, keep, &got);
        status = hn_sse_feed(&sse, "\n", 1, keep, &got);
    }
    ck_assert_int_eq(status, HN_E_LIMIT);
    ck_assert_uint_eq(got.n, 0);
    hn_sse_free(&sse);
}
END_TEST

/* --- answers ----------------------------------------------------------------------------------- */

static struct hn_reply read_reply(const char *json)
{
    struct hn_reply reply;
    ck_assert_int_eq(hn_reply_read(hn_str_from(json), &reply, NULL), HN_OK);
    return reply;
}

START_TEST(what_a_reply_says)
{
    struct hn_reply r =
        read_reply("{\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
                   "\"finish_reason\":null}],\"usage\":null}");
    ck_assert(!r.text && !r.finished && !r.usage && !r.failed);
    r = read_reply("{\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}");
    ck_assert(r.text && !r.finished);
    r = read_reply("{\"choices\":[{\"delta\":{\"reasoning_content\":\"a\"}}]}");
    ck_assert(r.text);
    r = read_reply("{\"choices\":[{\"text\":\"a\",\"finish_reason\":\"length\"}]}");
    ck_assert(r.text && r.finished);
    r = read_reply("{\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,"
                   "\"prompt_tokens_details\":{\"cached_tokens\":5}}}");
    ck_assert(r.usage && r.prompt_tokens == 7 && r.output_tokens == 3 && r.cached_tokens == 5);
    r = read_reply("{\"error\":{\"message\":\"too long\",\"code\":400}}");
    ck_assert(r.failed);
    ck_assert_str_eq(r.error, "too long");
    r = read_reply("{\"error\":\"bad\",\"choices\":3,\"usage\":\"x\"}");
    ck_assert_str_eq(r.error, "bad");
    ck_assert_int_eq(hn_reply_read(HN_STR("[]"), &r, NULL), HN_E_FORMAT);
    ck_assert_int_eq(hn_reply_read(HN_STR("data"), &r, NULL), HN_E_FORMAT);
}
END_TEST

/* --- the report -------------------------------------------------------------------------------- */

static struct hn_load_report report;

START_TEST(errors_are_counted_by_kind)
{
    char kind[32];
    hn_load_count_error(&report, "timeout", "first");
    hn_load_count_error(&report, "http 429", "slow down");
    hn_load_count_error(&report, "timeout", "second");
    ck_assert_uint_eq(report.n_errors, 2);
    ck_assert_uint_eq(report.errors[0].n, 2);
    ck_assert_str_eq(report.errors[0].text, "first");
    for (int i = 0; i < 100; i++) {
        snprintf(kind, sizeof kind, "http %d", 500 + i);
        hn_load_count_error(&report, kind, "");
    }
    ck_assert_uint_eq(report.n_errors, HN_LOAD_MAX_ERRORS);
    uint64_t sum = 0;
    for (size_t i = 0; i < report.n_errors; i++)
        sum += report.errors[i].n;
    ck_assert_uint_eq(sum, 103);
}
END_TEST

START_TEST(the_picture_is_whole)
{
    struct hn_buf svg = {0};
    report.n_groups = 1;
    ck_assert_int_eq(hn_load_svg(&report, "nothing & <less>", &svg), HN_OK);
    ck_assert_ptr_nonnull(strstr(svg.p, "nothing &amp; &lt;less>"));
    ck_assert_ptr_null(strstr(svg.p, "<path"));
    hn_buf_clear(&svg);
    for (uint64_t v = 1; v < 1000000; v *= 3)
        hn_spread_add(&report.groups[0].of[HN_LOAD_TTFT], v);
    ck_assert_int_eq(hn_load_svg(&report, "", &svg), HN_OK);
    ck_assert_ptr_nonnull(strstr(svg.p, "<path"));
    ck_assert_ptr_null(strstr(svg.p, "nan"));
    ck_assert(hn_str_ends(hn_buf_view(&svg), HN_STR("</svg>\n")));
    hn_buf_free(&svg);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("loadgen");
    tcase_add_test(tcase, nothing_has_no_percentiles);
    tcase_add_test(tcase, small_values_are_exact);
    tcase_add_test(tcase, large_values_are_within_a_hundredth);
    tcase_add_test(tcase, one_value_is_every_percentile);
    tcase_add_test(tcase, lengths_are_read);
    tcase_add_test(tcase, lengths_are_drawn_evenly);
    tcase_add_test(tcase, pairs_are_read_from_a_file);
    tcase_add_test(tcase, classes_come_by_weight);
    tcase_add_test(tcase, arrivals_have_their_rate);
    tcase_add_test(tcase, words_come_in_whole_lists);
    tcase_add_test(tcase, events_end_at_an_empty_line);
    tcase_add_test(tcase, fields_are_told_apart);
    tcase_add_test(tcase, an_event_has_a_limit);
    tcase_add_test(tcase, what_a_reply_says);
    tcase_add_test(tcase, errors_are_counted_by_kind);
    tcase_add_test(tcase, the_picture_is_whole);
    return run_unit("loadgen", tcase);
}
