#include "unit.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bits.h"
#include "base/cpu.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/str.h"
#include "base/watch.h"

START_TEST(errors_say_what_and_where)
{
    struct hn_error err = {0};
    ck_assert_int_eq(hn_fail(&err, HN_E_FORMAT, "byte %d: bad\x1b[31m", 7), HN_E_FORMAT);
    ck_assert_str_eq(err.text, "byte 7: bad?[31m");
    ck_assert_int_eq(hn_fail_in(&err, HN_E_FORMAT, "%s", "file.gguf"), HN_E_FORMAT);
    ck_assert_str_eq(err.text, "file.gguf: byte 7: bad?[31m");
    ck_assert_int_eq(hn_fail(NULL, HN_E_IO, "unheard"), HN_E_IO);
    ck_assert_str_eq(hn_status_text(HN_E_NOMEM), "out of memory");
    ck_assert_str_eq(hn_status_text((enum hn_status)99), "unknown status");
}
END_TEST

START_TEST(buffer_keeps_content_when_an_append_fails)
{
    struct hn_buf buf = {.limit = 8};
    ck_assert_int_eq(hn_buf_text(&buf, "12345678"), HN_OK);
    ck_assert_int_eq(hn_buf_char(&buf, '9'), HN_E_LIMIT);
    ck_assert_str_eq(buf.p, "12345678");
    ck_assert_int_eq(hn_buf_text(&buf, ""), HN_E_LIMIT);
    hn_buf_clear(&buf);
    ck_assert_int_eq(hn_buf_printf(&buf, "%d-%s", 42, "x"), HN_OK);
    ck_assert_str_eq(buf.p, "42-x");
    ck_assert_int_eq(hn_buf_printf(&buf, "%s", "12345"), HN_E_LIMIT);
    ck_assert_str_eq(buf.p, "42-x");
    hn_buf_free(&buf);

    struct hn_buf long_one = {0};
    for (int n = 1; n < 300; n++) { /* in what room there is, or in more */
        const size_t before = long_one.n;
        ck_assert_int_eq(hn_buf_printf(&long_one, "%*d", n, n), HN_OK);
        ck_assert_uint_eq(long_one.n, before + (size_t)n);
        ck_assert_int_eq(atoi(long_one.p + before), n);
    }
    hn_buf_free(&long_one);
}
END_TEST

START_TEST(arena_aligns_zeroes_and_bounds)
{
    struct hn_arena arena = {.limit = 1 << 20};
    for (size_t n = 1; n < 4000; n = n * 3 + 1) {
        unsigned char *p = hn_arena_alloc(&arena, n, 1);
        ck_assert_ptr_nonnull(p);
        ck_assert_uint_eq((uintptr_t)p % (n >= 64 ? 64 : 16), 0);
        for (size_t i = 0; i < n; i++)
            ck_assert_uint_eq(p[i], 0);
        memset(p, 0xff, n);
    }
    ck_assert_ptr_null(hn_arena_alloc(&arena, SIZE_MAX / 2, 3));
    ck_assert_ptr_null(hn_arena_alloc(&arena, 1 << 20, 1));
    ck_assert_str_eq(hn_arena_str(&arena, HN_STR("text")).p, "text");
    hn_arena_free(&arena);
    ck_assert_uint_eq(arena.used, 0);
}
END_TEST

struct count_job {
    atomic_uint hits[1000];
    unsigned threads;
    atomic_uint bad;
};

static void count_tile(void *arg, size_t tile, unsigned worker)
{
    struct count_job *job = arg;
    if (worker >= job->threads) atomic_fetch_add(&job->bad, 1);
    atomic_fetch_add(&job->hits[tile], 1);
}

START_TEST(pool_runs_every_tile_once)
{
    for (unsigned threads = 1; threads <= 5; threads++) {
        struct hn_pool *pool;
        ck_assert_int_eq(hn_pool_create(threads, &pool, NULL), HN_OK);
        for (size_t tiles = 0; tiles <= 1000; tiles = tiles * 2 + 1) {
            static struct count_job job;
            memset(&job, 0, sizeof job);
            job.threads = threads;
            hn_pool_run(pool, tiles, count_tile, &job);
            for (size_t i = 0; i < 1000; i++)
                ck_assert_uint_eq(atomic_load(&job.hits[i]), i < tiles);
            ck_assert_uint_eq(atomic_load(&job.bad), 0);
        }
        hn_pool_destroy(pool);
    }
    struct hn_pool *none;
    ck_assert_int_eq(hn_pool_create(0, &none, NULL), HN_E_ARG);
    ck_assert_ptr_null(none);
}
END_TEST

struct sum_job {
    atomic_size_t sum;
    size_t factor;
};

static void add_tile(void *arg, size_t tile, unsigned worker)
{
    struct sum_job *job = arg;
    (void)worker;
    atomic_fetch_add_explicit(&job->sum, tile * job->factor, memory_order_relaxed);
}

/* Short jobs one after another, more threads than cores: workers come late and find another job. */
START_TEST(pool_keeps_jobs_apart)
{
    struct hn_pool *pool;
    ck_assert_int_eq(hn_pool_create(6, &pool, NULL), HN_OK);
    for (size_t i = 0; i < 5000; i++) {
        struct sum_job job = {.factor = i};
        const size_t tiles = 2 + i % 13;
        hn_pool_run(pool, tiles, add_tile, &job);
        ck_assert_uint_eq(atomic_load(&job.sum), i * (tiles * (tiles - 1) / 2));
    }
    hn_pool_destroy(pool);
}
END_TEST

struct guest {
    atomic_uint visits, leaves;
    atomic_bool holds; /* a visit does not end */
};

static void on_visit(void *ctx)
{
    struct guest *guest = ctx;
    atomic_fetch_add(&guest->visits, 1);
    while (atomic_load(&guest->holds))
        usleep(100);
}

static void on_leave(void *ctx)
{
    atomic_fetch_add(&((struct guest *)ctx)->leaves, 1);
}

static void run_sums(struct hn_pool *pool)
{
    struct sum_job job = {.factor = 1};
    hn_pool_run(pool, 100, add_tile, &job);
    ck_assert_uint_eq(atomic_load(&job.sum), 4950);
}

START_TEST(pool_has_a_guest)
{
    struct hn_pool *pool;
    struct guest guest = {0};
    const struct hn_pool_guest calls = {.visit = on_visit, .leave = on_leave, .ctx = &guest};
    ck_assert_int_eq(hn_pool_create(3, &pool, NULL), HN_OK);
    ck_assert_uint_eq(hn_pool_guest_ns(pool), 0);
    hn_pool_host(pool, &calls);
    while (atomic_load(&guest.visits) < 5)
        run_sums(pool);
    /* A worker that does not come back is no reason to wait, nor are all of them. */
    atomic_store(&guest.holds, true);
    const unsigned visits = atomic_load(&guest.visits);
    while (atomic_load(&guest.visits) < visits + 2)
        run_sums(pool);
    run_sums(pool);
    atomic_store(&guest.holds, false);
    while (!atomic_load(&guest.leaves))
        usleep(100);
    hn_pool_host(pool, NULL);
    const unsigned all = atomic_load(&guest.visits);
    ck_assert_uint_gt(hn_pool_guest_ns(pool), 0);
    for (size_t i = 0; i < 1000; i++)
        run_sums(pool);
    ck_assert_uint_eq(atomic_load(&guest.visits), all);
    hn_pool_destroy(pool);
}
END_TEST

/* Known answers from the Random123 distribution's kat_vectors (philox 4x32, 10 rounds). */
START_TEST(philox_matches_published_vectors)
{
    uint32_t out[4];
    hn_philox(0, 0, 0, out);
    ck_assert_uint_eq(out[0], 0x6627e8d5u);
    ck_assert_uint_eq(out[1], 0xe169c58du);
    ck_assert_uint_eq(out[2], 0xbc57ac4cu);
    ck_assert_uint_eq(out[3], 0x9b00dbd8u);
    hn_philox(UINT64_MAX, UINT64_MAX, UINT64_MAX, out);
    ck_assert_uint_eq(out[0], 0x408f276du);
    ck_assert_uint_eq(out[3], 0x6d5451fdu);
    ck_assert(hn_uniform(UINT32_MAX, UINT32_MAX) < 1.0);
}
END_TEST

START_TEST(cpu_level_is_masked_not_raised)
{
    enum hn_cpu_level level;
    struct hn_error err;
    ck_assert_int_eq(hn_cpu_choose("ref", &level, &err), HN_OK);
    ck_assert_int_eq(level, HN_CPU_REF);
    ck_assert_int_eq(hn_cpu_choose(NULL, &level, &err), HN_OK);
    ck_assert_int_eq(level, hn_cpu_detect());
    ck_assert_int_eq(hn_cpu_choose("sse9", &level, &err), HN_E_ARG);
    ck_assert_uint_ge(hn_cpu_count(), 1);
}
END_TEST

START_TEST(a_watch_sees_each_change_once)
{
    char dir[] = "/tmp/hence-watch-XXXXXX", a[64], b[64];
    struct hn_watch watch;
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(a, sizeof a, "%s/a", dir);
    snprintf(b, sizeof b, "%s/b", dir);
    ck_assert_int_eq(hn_file_write(a, "1", 1, NULL), HN_OK);
    hn_watch_begin(&watch, a, b);
    ck_assert(!hn_watch_due(&watch));
    ck_assert(!hn_watch_changed(&watch));
    ck_assert_int_eq(hn_file_write(b, "1", 1, NULL), HN_OK); /* there was none */
    ck_assert(hn_watch_changed(&watch));
    ck_assert(!hn_watch_changed(&watch));
    ck_assert_int_eq(hn_file_write(a, "12", 2, NULL), HN_OK);
    ck_assert(hn_watch_changed(&watch));
    ck_assert_int_eq(unlink(a), 0);
    ck_assert(hn_watch_changed(&watch));
    ck_assert(!hn_watch_changed(&watch));
    watch.looked_ns = 0;
    ck_assert(hn_watch_due(&watch));
    ck_assert(!hn_watch_due(&watch));
    ck_assert_int_eq(unlink(b), 0);
    ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("base");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, errors_say_what_and_where);
    tcase_add_test(tcase, buffer_keeps_content_when_an_append_fails);
    tcase_add_test(tcase, arena_aligns_zeroes_and_bounds);
    tcase_add_test(tcase, pool_runs_every_tile_once);
    tcase_add_test(tcase, pool_keeps_jobs_apart);
    tcase_add_test(tcase, pool_has_a_guest);
    tcase_add_test(tcase, philox_matches_published_vectors);
    tcase_add_test(tcase, cpu_level_is_masked_not_raised);
    tcase_add_test(tcase, a_watch_sees_each_change_once);
    return run_unit("base", tcase);
}
