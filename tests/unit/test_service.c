/* The engine thread: requests from many threads, models that come and go. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/cpu.h"
#include "engine/service.h"
#include "tiny_model.h"
#include "unit.h"

enum { CALLERS = 8, EACH = 4, TOKENS = 24 };

static char path[] = "/tmp/hence-test-service-XXXXXX";
static struct hn_service *service;

static struct hn_instance_options options(void)
{
    return (struct hn_instance_options){
        .path = path,
        .plan = {.context = 512, .sequences = 4, .batch = 48, .kv_type = HN_KV_F16},
        .threads = 2,
    };
}

static void load(const char *name)
{
    struct hn_error err = {.text = ""};
    const struct hn_instance_options o = options();
    ck_assert_msg(hn_service_load(service, name, &o, &err) == HN_OK, "%s", err.text);
}

static struct hn_served *find(const char *name)
{
    struct hn_error err = {.text = ""};
    struct hn_served *served;
    ck_assert_msg(hn_service_find(service, name, &served, &err) == HN_OK, "%s", err.text);
    return served;
}

static void setup(void)
{
    const struct tiny_spec spec = tiny_llama(HN_Q8_0);
    struct hn_error err = {.text = ""};
    tiny_write(&spec, path);
    ck_assert_int_eq(
        hn_service_start(&(struct hn_service_options){.max_waiting = 64}, &service, &err), HN_OK);
    load("one");
}

static void teardown(void)
{
    hn_service_stop(service);
    service = NULL;
}

/* An answer; the engine thread writes it, others read it once it is done. */
struct answer {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int32_t ids[512];
    size_t n;
    int done;
    enum hn_finish finish;
    double core_s;
};
#define ANSWER                                                                                     \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER                        \
    }

static bool on_token(void *ctx, const struct hn_token_event *event)
{
    struct answer *a = ctx;
    pthread_mutex_lock(&a->lock);
    if (a->n < HN_COUNT(a->ids)) a->ids[a->n++] = event->id;
    pthread_cond_signal(&a->wake);
    pthread_mutex_unlock(&a->lock);
    return true;
}

static void on_done(void *ctx, enum hn_finish finish, struct hn_str text,
                    const struct hn_usage *usage, const struct hn_error *err)
{
    struct answer *a = ctx;
    (void)text, (void)err;
    pthread_mutex_lock(&a->lock);
    a->done++;
    a->finish = finish;
    a->core_s = usage ? usage->core_s : 0;
    pthread_cond_signal(&a->wake);
    pthread_mutex_unlock(&a->lock);
}

static void await_tokens(struct answer *a, size_t n)
{
    pthread_mutex_lock(&a->lock);
    while (!a->done && a->n < n)
        pthread_cond_wait(&a->wake, &a->lock);
    pthread_mutex_unlock(&a->lock);
}

static void await_done(struct answer *a)
{
    await_tokens(a, SIZE_MAX);
    ck_assert_int_eq(a->done, 1);
}

static enum hn_status submit(struct hn_served *served, struct answer *a, size_t seed,
                             size_t max_tokens, uint64_t *id)
{
    int32_t tokens[100];
    for (size_t i = 0; i < HN_COUNT(tokens); i++)
        tokens[i] = (int32_t)(3 + (i * 31 + seed * 17 + i * i) % 256);
    struct hn_request r = {
        .tokens = tokens,
        .n_tokens = HN_COUNT(tokens),
        .max_tokens = max_tokens,
        .sample = hn_sample_defaults(),
        .ignore_eog = true,
        .sink = {.ctx = a, .token = on_token, .done = on_done},
    };
    r.sample.seed = seed;
    struct hn_error err = {.text = ""};
    return hn_service_submit(service, served, &r, id, &err);
}

struct caller {
    pthread_t thread;
    struct answer answers[EACH];
    size_t seed;
};

static void *call(void *arg)
{
    struct caller *c = arg;
    struct hn_served *served = find("one");
    for (size_t i = 0; i < EACH; i++)
        ck_assert_int_eq(submit(served, &c->answers[i], c->seed + i, TOKENS, NULL), HN_OK);
    for (size_t i = 0; i < EACH; i++)
        await_done(&c->answers[i]);
    hn_served_release(served);
    return NULL;
}

START_TEST(callers_do_not_meet)
{
    static struct caller callers[CALLERS];
    for (size_t i = 0; i < CALLERS; i++) {
        callers[i].seed = i * EACH;
        for (size_t j = 0; j < EACH; j++)
            callers[i].answers[j] = (struct answer)ANSWER;
        ck_assert_int_eq(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
    }
    for (size_t i = 0; i < CALLERS; i++)
        pthread_join(callers[i].thread, NULL);
    struct hn_served *served = find(NULL);
    for (size_t i = 0; i < CALLERS * EACH; i++) {
        const struct answer *together = &callers[i / EACH].answers[i % EACH];
        struct answer alone = ANSWER;
        ck_assert_int_eq(submit(served, &alone, i, TOKENS, NULL), HN_OK);
        await_done(&alone);
        ck_assert_int_eq(alone.finish, HN_FINISH_LENGTH);
        ck_assert_uint_eq(alone.n, together->n);
        ck_assert_mem_eq(alone.ids, together->ids, alone.n * sizeof *alone.ids);
    }
    hn_served_release(served);
}
END_TEST

static void hold_up(void *ctx, struct hn_engine *engine)
{
    (void)engine;
    await_done(ctx);
}

static void *hold_up_call(void *arg)
{
    struct hn_served *served = find(NULL);
    hn_service_call(service, served, hold_up, arg);
    hn_served_release(served);
    return NULL;
}

START_TEST(too_many_are_refused)
{
    static struct answer answers[70];
    struct answer gate = ANSWER;
    struct hn_served *served = find("one");
    pthread_t holder;
    size_t taken = 0;
    ck_assert_int_eq(pthread_create(&holder, NULL, hold_up_call, &gate), 0);
    for (size_t i = 0; i < HN_COUNT(answers); i++) {
        answers[i] = (struct answer)ANSWER;
        const enum hn_status status = submit(served, &answers[i], i, 2, NULL);
        if (status == HN_OK) taken++;
        else ck_assert_int_eq(status, HN_E_BUSY);
    }
    on_done(&gate, HN_FINISH_EOG, (struct hn_str){0}, NULL, NULL);
    pthread_join(holder, NULL);
    for (size_t i = 0; i < taken; i++)
        await_done(&answers[i]);
    /* The thread may not have been held up yet when the first ones came: then those run already. */
    ck_assert_uint_ge(taken, 64);
    ck_assert_int_eq(submit(served, &answers[0], 1, 2, NULL), HN_OK);
    answers[0].done = 0;
    hn_served_release(served);
}
END_TEST

START_TEST(cancel_ends_one)
{
    struct answer a = ANSWER, b = ANSWER;
    struct hn_served *served = find("one");
    uint64_t id;
    ck_assert_int_eq(submit(served, &a, 1, 400, &id), HN_OK);
    ck_assert_int_eq(submit(served, &b, 2, TOKENS, NULL), HN_OK);
    await_tokens(&a, 2);
    ck_assert_int_eq(hn_service_cancel(service, served, id), HN_OK);
    ck_assert_int_eq(hn_service_cancel(service, served, 12345), HN_OK);
    await_done(&a);
    await_done(&b);
    ck_assert_int_eq(a.finish, HN_FINISH_CANCELLED);
    ck_assert_int_eq(b.finish, HN_FINISH_LENGTH);
    hn_served_release(served);
}
END_TEST

/* What it was asked is answered; then it is gone, and its name is free. */
START_TEST(models_come_and_go)
{
    struct hn_error err = {.text = ""};
    const struct hn_instance_options o = options();
    struct answer a = ANSWER, b = ANSWER;
    load("two");
    ck_assert_int_eq(hn_service_load(service, "two", &o, &err), HN_E_ARG);
    struct hn_served *list[4];
    ck_assert_uint_eq(hn_service_list(service, list, 4), 2);
    ck_assert_str_eq(hn_served_name(list[0]), "one");
    ck_assert_str_eq(hn_served_name(list[1]), "two");
    ck_assert_int_eq(submit(list[1], &a, 1, TOKENS, NULL), HN_OK);
    ck_assert_int_eq(submit(list[0], &b, 1, TOKENS, NULL), HN_OK);
    ck_assert_int_eq(hn_service_unload(service, "two", &err), HN_OK);
    ck_assert_int_eq(submit(list[1], &a, 1, TOKENS, NULL), HN_E_NOTFOUND);
    ck_assert_int_eq(hn_service_unload(service, "two", &err), HN_E_NOTFOUND);
    await_done(&a);
    await_done(&b);
    ck_assert_int_eq(a.finish, HN_FINISH_LENGTH);
    ck_assert_mem_eq(a.ids, b.ids, TOKENS * sizeof *a.ids);
    load("two");
    hn_served_release(list[0]);
    hn_served_release(list[1]);
    struct hn_served *none;
    ck_assert_int_eq(hn_service_find(service, "three", &none, &err), HN_E_NOTFOUND);
    ck_assert_str_eq(err.text, "no model named \"three\" is in service");
}
END_TEST

START_TEST(stopping_ends_all)
{
    static struct answer answers[12];
    struct hn_served *served = find("one");
    for (size_t i = 0; i < HN_COUNT(answers); i++) {
        answers[i] = (struct answer)ANSWER;
        ck_assert_int_eq(submit(served, &answers[i], i, 400, NULL), HN_OK);
    }
    await_tokens(&answers[0], 2);
    hn_service_stop(service);
    for (size_t i = 0; i < HN_COUNT(answers); i++) {
        ck_assert_int_eq(answers[i].done, 1);
        ck_assert_int_eq(answers[i].finish, HN_FINISH_CANCELLED);
    }
    ck_assert_str_eq(hn_served_name(served), "one"); /* held, it lives on */
    hn_served_release(served);
    service = NULL;
}
END_TEST

/* --- visits ------------------------------------------------------------------------------------ */

static atomic_uint visits, leaves;

static void on_visit(void *ctx)
{
    (void)ctx;
    atomic_fetch_add(&visits, 1);
    usleep(100);
}

static void on_leave(void *ctx)
{
    (void)ctx;
    atomic_fetch_add(&leaves, 1);
}

static void look(void *ctx, struct hn_engine *engine)
{
    hn_engine_stats_read(engine, ctx);
}

/* Compute threads that fill the machine call the guest, and its time is not put down to the answers. */
START_TEST(compute_threads_have_a_guest)
{
    const struct hn_service_options with_guest = {.guest = {.visit = on_visit, .leave = on_leave}};
    struct hn_error err = {.text = ""};
    struct hn_instance_options o = options();
    struct hn_engine_stats stats;
    double told = 0;
    hn_service_stop(service);
    ck_assert_int_eq(hn_service_start(&with_guest, &service, &err), HN_OK);
    o.threads = (unsigned)hn_max(hn_cpu_count(), 2);
    ck_assert_msg(hn_service_load(service, "one", &o, &err) == HN_OK, "%s", err.text);
    struct hn_served *served = find("one");
    for (size_t seed = 0; atomic_load(&visits) < 20; seed++) {
        struct answer a = ANSWER;
        ck_assert_int_eq(submit(served, &a, seed, TOKENS, NULL), HN_OK);
        await_done(&a);
        told += a.core_s;
    }
    hn_service_call(service, served, look, &stats);
    struct hn_pool *pool = hn_cpu_backend_pool(hn_served_instance(served)->backend);
    const double all_s = stats.busy_s * o.threads, guest_s = (double)hn_pool_guest_ns(pool) * 1e-9;
    ck_assert_double_eq_tol(told, stats.core_s, 1e-9);
    ck_assert_double_lt(stats.core_s, all_s);
    ck_assert_double_ge(stats.core_s, all_s - guest_s - 1e-9);
    while (!atomic_load(&leaves)) /* its workers park when nothing is left to do */
        usleep(1000);
    /* The model stays with whoever holds it, but nobody visits a service that is gone. */
    hn_service_stop(service);
    const unsigned in_all = atomic_load(&visits);
    setup();
    hn_served_release(served);
    ck_assert_uint_eq(atomic_load(&visits), in_all);
}
END_TEST

int main(void)
{
    const int fd = mkstemp(path);
    if (fd < 0) return EXIT_FAILURE;
    close(fd);
    TCase *tcase = tcase_create("service");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, callers_do_not_meet);
    tcase_add_test(tcase, too_many_are_refused);
    tcase_add_test(tcase, cancel_ends_one);
    tcase_add_test(tcase, models_come_and_go);
    tcase_add_test(tcase, stopping_ends_all);
    tcase_add_test(tcase, compute_threads_have_a_guest);
    const int failed = run_unit("service", tcase);
    unlink(path);
    return failed;
}
