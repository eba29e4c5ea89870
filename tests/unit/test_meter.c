/* Receipts, trace context, energy from counters that the test writes, and the log that does not wait. */
#include "unit.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/file.h"
#include "meter/energy.h"
#include "server/access.h"

static char folder[] = "/tmp/hence-meter-XXXXXX";

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void teardown(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static const char *at(const char *name)
{
    static char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put_file(const char *name, const char *text)
{
    ck_assert_int_eq(hn_file_write(at(name), text, strlen(text), NULL), HN_OK);
}

/* Overwrites in place: the meter keeps its files open. */
static void set_file(const char *name, const char *text)
{
    const int fd = open(at(name), O_WRONLY | O_TRUNC);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void put_zone(const char *zone, const char *name, const char *energy)
{
    char file[100];
    ck_assert_int_eq(mkdir(at(zone), 0755), 0);
    snprintf(file, sizeof file, "%s/name", zone);
    put_file(file, name);
    snprintf(file, sizeof file, "%s/energy_uj", zone);
    put_file(file, energy);
    snprintf(file, sizeof file, "%s/max_energy_range_uj", zone);
    put_file(file, "10000000\n");
}

static struct hn_energy *open_energy(double idle_w, double core_w)
{
    struct hn_energy *energy;
    const struct hn_energy_options options = {folder, idle_w, core_w};
    ck_assert_int_eq(hn_energy_open(&options, &energy, NULL), HN_OK);
    return energy;
}

START_TEST(energy_is_read_from_packages_and_memory)
{
    put_zone("intel-rapl:0", "package-0\n", "1000000\n");
    put_zone("intel-rapl:0:0", "core\n", "500000\n");
    put_zone("intel-rapl:0:1", "dram\n", "9000000\n");
    put_zone("intel-rapl:1", "psys\n", "7000000\n");
    put_zone("intel-rapl:2", "package-1\n", "0\n"); /* never moved */
    put_zone("intel-rapl-mmio:0", "package-0\n", "1000000\n");
    struct hn_energy *energy = open_energy(10, 5);
    const uint64_t now = hn_clock_ns() + 1000000000;
    ck_assert_str_eq(hn_energy_source_name(hn_energy_source(energy)), "rapl");
    set_file("intel-rapl:0/energy_uj", "3500000\n");
    set_file("intel-rapl:0:1/energy_uj", "500000\n"); /* behind its range of 10 J */
    ck_assert_double_eq_tol(hn_energy_lap(energy, now, 2.5), 2.5 + 1.5, 1e-9);
    set_file("intel-rapl:0/energy_uj", "4500000\n");
    ck_assert_double_eq_tol(hn_energy_lap(energy, now, 0), 1, 1e-9);
    set_file("intel-rapl:0/energy_uj", "?\n");
    ck_assert(isnan(hn_energy_lap(energy, now, 1)));
    set_file("intel-rapl:0/energy_uj", "5500000\n");
    ck_assert_double_eq_tol(hn_energy_lap(energy, now, 1), 1, 1e-9);
    ck_assert_double_eq_tol(hn_energy_busy_joules(energy), 5, 1e-9);
    ck_assert_double_eq_tol(hn_energy_idle_joules(energy), 1, 1e-9);
    hn_energy_close(energy);
}
END_TEST

START_TEST(energy_is_reckoned_from_watts)
{
    struct hn_energy *energy = open_energy(10, 5);
    const uint64_t now = hn_clock_ns() + 1000000000;
    hn_energy_lap(energy, now, 0);
    const double idle = hn_energy_idle_joules(energy);
    ck_assert_double_ge(idle, 10);
    ck_assert_double_eq_tol(hn_energy_lap(energy, now + 500000000, 2), 5 + 10, 1e-6);
    ck_assert_double_eq_tol(hn_energy_lap(energy, now + 600000000, 0), 1, 1e-6);
    ck_assert_double_eq_tol(hn_energy_busy_joules(energy), 15, 1e-6);
    ck_assert_double_eq_tol(hn_energy_idle_joules(energy), idle + 1, 1e-6);
    hn_energy_close(energy);
}
END_TEST

START_TEST(energy_beside_laps_is_taken_from_them)
{
    struct hn_energy *energy = open_energy(10, 5);
    const uint64_t now = hn_clock_ns() + 1000000000, ms = 1000000;
    hn_energy_lap(energy, now, 0);
    const double idle = hn_energy_idle_joules(energy);
    hn_energy_lap(energy, now + 500 * ms, 2); /* 15 J for 2 s */
    ck_assert_double_eq_tol(hn_energy_claim(energy, now + 600 * ms, 0.2), 1.5, 1e-6);
    ck_assert_double_eq_tol(hn_energy_lap(energy, now + 1000 * ms, 1), 5 + 6 - 1.5, 1e-6);
    /* More than the lap has: the next one pays. */
    const double claimed = hn_energy_claim(energy, now + 1010 * ms, 4);
    ck_assert_double_eq_tol(claimed, 11 / 1.2 * 4, 1e-6);
    ck_assert_double_eq_tol(hn_energy_lap(energy, now + 1100 * ms, 0), 0, 1e-6);
    ck_assert_double_eq_tol(hn_energy_lap(energy, now + 3100 * ms, 0), 21 + 20 - claimed, 1e-6);
    ck_assert_double_eq_tol(hn_energy_busy_joules(energy) + hn_energy_idle_joules(energy) - idle,
                            15 + 11 + 21 + 20, 1e-6);
    /* Nobody measures laps: after a second a claim does. */
    hn_energy_claim(energy, now + 5100 * ms, 1);
    ck_assert_double_gt(hn_energy_idle_joules(energy), idle + 21 + 20 - claimed + 19);
    hn_energy_close(energy);
}
END_TEST

START_TEST(energy_that_is_not_known_is_not_zero)
{
    struct hn_energy *energy = open_energy(0, 0);
    ck_assert_int_eq(hn_energy_source(energy), HN_ENERGY_UNKNOWN);
    ck_assert(isnan(hn_energy_lap(energy, hn_clock_ns() + 1000000000, 1)));
    ck_assert(isnan(hn_energy_claim(energy, hn_clock_ns(), 1)));
    ck_assert(isnan(hn_energy_busy_joules(energy)));
    ck_assert(isnan(hn_energy_idle_joules(energy)));
    hn_energy_close(energy);
    const struct hn_energy_options options = {folder, -1, 0};
    ck_assert_int_eq(hn_energy_open(&options, &energy, NULL), HN_E_ARG);
}
END_TEST

#define TRACE  "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

START_TEST(a_trace_goes_on)
{
    struct hn_traceparent trace, other;
    char text[HN_TRACEPARENT_TEXT];
    ck_assert(hn_traceparent_begin(HN_STR("00-" TRACE "-" PARENT "-01"), &trace));
    ck_assert_str_eq(trace.trace, TRACE);
    ck_assert_str_eq(trace.parent, PARENT);
    ck_assert_uint_eq(trace.flags, 1);
    ck_assert_str_ne(trace.span, PARENT);
    hn_traceparent_text(&trace, text);
    ck_assert_uint_eq(strlen(text), HN_TRACEPARENT_TEXT - 1);
    ck_assert(hn_traceparent_begin(hn_str_from(text), &other));
    ck_assert_str_eq(other.trace, TRACE);
    ck_assert_str_eq(other.parent, trace.span);
    ck_assert(hn_traceparent_begin(HN_STR("7f-" TRACE "-" PARENT "-ff-more"), &trace));
    hn_traceparent_text(&trace, text);
    ck_assert_str_eq(text + 53, "01");
}
END_TEST

START_TEST(a_malformed_trace_begins_anew)
{
    static const char *const bad[] = {
        "",
        "00",
        "00-" TRACE "-" PARENT,
        "00-" TRACE "-" PARENT "-0",
        "00-" TRACE "-" PARENT "-01-more",
        "7f-" TRACE "-" PARENT "-01more",
        "ff-" TRACE "-" PARENT "-01",
        "0x-" TRACE "-" PARENT "-01",
        "00_" TRACE "-" PARENT "-01",
        "00-" TRACE "_" PARENT "-01",
        "00-" TRACE "-" PARENT "_01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01",
        "00-00000000000000000000000000000000-" PARENT "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-" TRACE "-" PARENT "-0g",
    };
    for (size_t i = 0; i < HN_COUNT(bad); i++) {
        struct hn_traceparent trace, other;
        ck_assert_msg(!hn_traceparent_begin(hn_str_from(bad[i]), &trace), "%s", bad[i]);
        ck_assert_uint_eq(strlen(trace.trace), 32);
        ck_assert_uint_eq(strlen(trace.span), 16);
        ck_assert_str_eq(trace.parent, "");
        hn_traceparent_begin((struct hn_str){0}, &other);
        ck_assert_str_ne(trace.trace, other.trace);
        ck_assert_str_ne(trace.span, other.span);
    }
}
END_TEST

static struct hn_receipt some_receipt(void)
{
    struct hn_receipt receipt = hn_receipt_blank();
    receipt.id = "chatcmpl-1";
    receipt.model = "m";
    receipt.klass = "interactive";
    receipt.finish = "stop";
    receipt.status = 200;
    receipt.prompt_tokens = 20;
    receipt.cached_tokens = 16;
    receipt.completion_tokens = 5;
    receipt.reasoning_tokens = 2;
    receipt.queue_s = 0.0123456789;
    receipt.prefill_s = 0.25;
    receipt.decode_s = 0.5;
    receipt.total_s = 0.75;
    receipt.core_s = 3;
    return receipt;
}

START_TEST(a_receipt_as_headers)
{
    const struct hn_receipt receipt = some_receipt();
    struct hn_figure headers[HN_RECEIPT_HEADERS];
    const size_t n = hn_receipt_headers(&receipt, headers);
    ck_assert_uint_eq(n, 9); /* ttft and joules are not known */
    for (size_t i = 0; i < n; i++) {
        ck_assert_str_ne(headers[i].name, "hence-joules");
        ck_assert_str_ne(headers[i].name, "hence-ttft-seconds");
    }
    ck_assert_str_eq(headers[1].name, "hence-cached-tokens");
    ck_assert_str_eq(headers[1].text, "16");
    ck_assert_str_eq(headers[4].name, "hence-queue-seconds");
    ck_assert_str_eq(headers[4].text, "0.012346");
    ck_assert_double_eq(hn_receipt_itl_s(&receipt), 0.125);
}
END_TEST

START_TEST(a_receipt_as_json)
{
    const struct hn_receipt receipt = some_receipt();
    struct hn_json_writer w = {0};
    hn_receipt_put(&w, NULL, &receipt);
    ck_assert_str_eq(w.out.p, "{\"class\":\"interactive\",\"tokens\":{\"prompt\":20,\"cached\":16,"
                              "\"completion\":5,\"reasoning\":2},\"seconds\":{\"queue\":0.012346,"
                              "\"prefill\":0.25,\"decode\":0.5,\"total\":0.75,\"ttft\":null,"
                              "\"itl\":0.125,\"core\":3},\"joules\":null}");
    hn_buf_free(&w.out);
}
END_TEST

START_TEST(a_line_has_texts_only_where_wanted)
{
    const struct hn_receipt receipt = some_receipt();
    struct hn_traceparent trace;
    hn_traceparent_begin(HN_STR("00-" TRACE "-" PARENT "-01"), &trace);
    const struct hn_access_line line = {
        .wall_ms = 1000000000123,
        .trace = &trace,
        .receipt = &receipt,
        .peer = "127.0.0.1",
        .method = "POST",
        .path = HN_STR("/v1/chat/completions\n"),
        .request = HN_STR("secret"),
    };
    struct hn_json_writer w = {0};
    hn_access_line_put(&w, &line, false);
    ck_assert_ptr_null(strchr(w.out.p, '\n'));
    ck_assert_ptr_nonnull(strstr(w.out.p, "{\"time\":\"2001-09-09T01:46:40.123Z\","));
    ck_assert_ptr_nonnull(strstr(w.out.p, "\"trace_id\":\"" TRACE "\""));
    ck_assert_ptr_nonnull(strstr(w.out.p, "\"parent_id\":\"" PARENT "\""));
    ck_assert_ptr_nonnull(strstr(w.out.p, "\"key\":null"));
    ck_assert_ptr_null(strstr(w.out.p, "secret"));
    w.out.n = 0;
    w.follows = false;
    hn_access_line_put(&w, &line, true);
    ck_assert_ptr_nonnull(strstr(w.out.p, "\"request\":\"secret\"}"));
    hn_buf_free(&w.out);
}
END_TEST

static char complaints[1000];

static void complain(void *ctx, const char *text)
{
    (void)ctx;
    strcat(strcat(complaints, text), "\n");
}

static struct hn_log_file *open_log(const char *path, size_t max_bytes)
{
    struct hn_log_file *log;
    struct hn_error err = {0};
    const struct hn_log_file_options options = {path, max_bytes, complain, NULL};
    ck_assert_msg(hn_log_file_open(&options, &log, &err) == HN_OK, "%s", err.text);
    return log;
}

static void check_content(const char *name, const char *wanted)
{
    struct hn_buf text = {0};
    ck_assert_int_eq(hn_file_read(at(name), 1 << 20, &text, NULL), HN_OK);
    ck_assert_str_eq(text.n ? text.p : "", wanted);
    hn_buf_free(&text);
}

START_TEST(lines_arrive_in_order)
{
    char wanted[100 * 8] = "old\n";
    put_file("log", "old\n");
    struct hn_log_file *log = open_log(at("log"), 0);
    for (int i = 0; i < 100; i++) {
        char line[8];
        const int n = snprintf(line, sizeof line, "%d", i);
        strcat(strcat(wanted, line), "\n");
        hn_log_file_write(log, (struct hn_str){line, (size_t)n});
    }
    hn_log_file_close(log);
    check_content("log", wanted);
    ck_assert_str_eq(complaints, "");
}
END_TEST

/* Waits until a file holds something. */
static void wait_for(const char *name)
{
    struct stat st;
    while (stat(at(name), &st) < 0 || st.st_size == 0)
        usleep(1000);
}

START_TEST(a_renamed_log_is_opened_anew)
{
    char renamed[200];
    strcpy(renamed, at("log.1"));
    struct hn_log_file *log = open_log(at("log"), 0);
    hn_log_file_write(log, HN_STR("one"));
    wait_for("log");
    ck_assert_int_eq(rename(at("log"), renamed), 0);
    hn_log_file_reopen(log);
    hn_log_file_write(log, HN_STR("two"));
    hn_log_file_close(log);
    check_content("log.1", "one\n");
    check_content("log", "two\n");
}
END_TEST

START_TEST(a_full_disk_loses_lines_and_says_so)
{
    complaints[0] = '\0';
    struct hn_log_file *log = open_log("/dev/full", 0);
    for (int i = 0; i < 10; i++)
        hn_log_file_write(log, HN_STR("line"));
    while (hn_log_file_dropped(log) < 10)
        usleep(1000);
    hn_log_file_close(log);
    ck_assert_str_eq(complaints, "/dev/full: lines are lost: No space left on device\n");
}
END_TEST

START_TEST(a_disk_that_takes_nothing_does_not_stop_the_writer)
{
    char text[1000];
    complaints[0] = '\0';
    ck_assert_int_eq(mkfifo(at("pipe"), 0600), 0);
    const int reader = open(at("pipe"), O_RDONLY | O_NONBLOCK);
    struct hn_log_file *log = open_log(at("pipe"), 4096);
    memset(text, 'x', sizeof text);
    fcntl(reader, F_SETPIPE_SZ, 4096);
    while (hn_log_file_dropped(log) < 100)
        hn_log_file_write(log, (struct hn_str){text, sizeof text});
    const uint64_t dropped = hn_log_file_dropped(log);
    hn_log_file_write(log, (struct hn_str){text, 5000}); /* larger than the memory */
    ck_assert_uint_gt(hn_log_file_dropped(log), dropped);
    /* When it takes something again, what waited arrives, and whole lines alone. */
    fcntl(reader, F_SETPIPE_SZ, 1 << 16);
    fcntl(reader, F_SETFL, 0);
    ck_assert_int_eq(read(reader, text, sizeof text), sizeof text);
    ck_assert_int_eq(read(reader, text, 1), 1);
    ck_assert_int_eq(text[0], '\n');
    hn_log_file_write(log, HN_STR("last"));
    hn_log_file_close(log);
    ck_assert_ptr_nonnull(strstr(complaints, "lines are lost: they come faster"));
    close(reader);
}
END_TEST

START_TEST(a_log_that_cannot_be_opened)
{
    struct hn_log_file *log;
    struct hn_error err;
    const struct hn_log_file_options options = {at("none/log"), 0, NULL, NULL};
    ck_assert_int_eq(hn_log_file_open(&options, &log, &err), HN_E_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "none/log: cannot open: No such file"));
    ck_assert_ptr_null(log);
}
END_TEST

START_TEST(the_time_of_day_as_text)
{
    char text[HN_CLOCK_TEXT];
    hn_clock_text(1000000000123, false, text);
    ck_assert_str_eq(text, "2001-09-09T01:46:40Z");
    ck_assert_int_eq(hn_clock_parse(text), 1000000000000);
    hn_clock_text(1000000000003, true, text);
    ck_assert_str_eq(text, "2001-09-09T01:46:40.003Z");
    hn_clock_text(INT64_MAX, true, text);
    ck_assert_str_eq(text, "9999-12-31T23:59:59.999Z");
    hn_clock_text(-1, true, text);
    ck_assert_str_eq(text, "1970-01-01T00:00:00.000Z");
    static const char *const bad[] = {"",
                                      "2001-09-09",
                                      "2001-09-09T01:46:40",
                                      "2001-9-9T1:46:40Z",
                                      "2001-02-29T01:46:40Z",
                                      "2001-09-09T24:00:00Z",
                                      "2001-09-09T01:46:40Z ",
                                      "1969-12-31T23:59:59Z"};
    for (size_t i = 0; i < HN_COUNT(bad); i++)
        ck_assert_msg(hn_clock_parse(bad[i]) == -1, "%s", bad[i]);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("meter");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, energy_is_read_from_packages_and_memory);
    tcase_add_test(tcase, energy_is_reckoned_from_watts);
    tcase_add_test(tcase, energy_beside_laps_is_taken_from_them);
    tcase_add_test(tcase, energy_that_is_not_known_is_not_zero);
    tcase_add_test(tcase, a_trace_goes_on);
    tcase_add_test(tcase, a_malformed_trace_begins_anew);
    tcase_add_test(tcase, a_receipt_as_headers);
    tcase_add_test(tcase, a_receipt_as_json);
    tcase_add_test(tcase, a_line_has_texts_only_where_wanted);
    tcase_add_test(tcase, lines_arrive_in_order);
    tcase_add_test(tcase, a_renamed_log_is_opened_anew);
    tcase_add_test(tcase, a_full_disk_loses_lines_and_says_so);
    tcase_add_test(tcase, a_disk_that_takes_nothing_does_not_stop_the_writer);
    tcase_add_test(tcase, a_log_that_cannot_be_opened);
    tcase_add_test(tcase, the_time_of_day_as_text);
    return run_unit("meter", tcase);
}
