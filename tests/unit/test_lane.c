/* The lane: batches, turns, what jobs cost, and how it ends; and models of its kind in service. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/clock.h"
#include "engine/service.h"
#include "unit.h"

/* A model that does nothing, or waits at a gate, or burns processor time. */
struct fake {
    struct hn_oneshot base;
    double burn_s; /* a job */
    bool gated;    /* runs wait until the gate opens */
    bool refuses;  /* jobs of odd work fail */
    unsigned closed;
};

struct job {
    struct hn_oneshot_job base;
    unsigned done;
    size_t place;   /* how many were run before it */
    size_t company; /* jobs of its batch */
    unsigned seat;
    bool alone;
    bool holds;   /* whoever is told that it is done waits at the gate */
    pthread_t by; /* whose thread ran it */
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool open;
    unsigned at_gate;
    size_t n_done, n_run;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

static void pass_gate(struct fake *f)
{
    pthread_mutex_lock(&all.lock);
    all.at_gate++;
    pthread_cond_broadcast(&all.moved);
    while (f->gated && !all.open)
        pthread_cond_wait(&all.moved, &all.lock);
    all.at_gate--;
    pthread_mutex_unlock(&all.lock);
}

static void run_fake(struct hn_oneshot *model, unsigned seat, bool alone,
                     struct hn_oneshot_job **jobs, size_t n)
{
    struct fake *f = (struct fake *)model;
    ck_assert_uint_lt(seat, HN_LANE_MAX_THREADS);
    pass_gate(f);
    const uint64_t until = hn_clock_thread_ns() + (uint64_t)(f->burn_s * 1e9 * (double)n);
    while (hn_clock_thread_ns() < until)
        continue;
    pthread_mutex_lock(&all.lock);
    for (size_t i = 0; i < n; i++) {
        struct job *j = (struct job *)jobs[i];
        j->place = all.n_run++;
        j->company = n;
        j->seat = seat;
        j->alone = alone;
        j->by = pthread_self();
        if (f->refuses && j->base.work % 2)
            j->base.status = hn_fail(&j->base.error, HN_E_ARG, "odd");
    }
    pthread_mutex_unlock(&all.lock);
}

static void close_fake(struct hn_oneshot *model)
{
    ((struct fake *)model)->closed++;
}

static const struct hn_oneshot_ops fake_ops = {.run = run_fake, .close = close_fake};

/* Even work does not go with odd work. */
static bool both_even_or_odd(const struct hn_oneshot_job *a, const struct hn_oneshot_job *b)
{
    return a->work % 2 == b->work % 2;
}

static const struct hn_oneshot_ops picky_ops = {
    .run = run_fake, .fits = both_even_or_odd, .close = close_fake};

static struct fake make_fake(void)
{
    return (struct fake){.base = {.ops = &fake_ops, .type = "fake", .max_work = 1000}};
}

static void on_done(struct hn_oneshot_job *base)
{
    struct job *j = (struct job *)base;
    pthread_mutex_lock(&all.lock);
    j->done++;
    all.n_done++;
    all.at_gate += j->holds;
    pthread_cond_broadcast(&all.moved);
    while (j->holds && !all.open)
        pthread_cond_wait(&all.moved, &all.lock);
    pthread_mutex_unlock(&all.lock);
}

static struct job make_job(size_t work, uint64_t owner)
{
    return (struct job){.base = {.work = work, .owner = owner, .done = on_done}};
}

static void await_done(size_t n)
{
    pthread_mutex_lock(&all.lock);
    while (all.n_done < n)
        pthread_cond_wait(&all.moved, &all.lock);
    pthread_mutex_unlock(&all.lock);
}

static void await_at_gate(unsigned n)
{
    pthread_mutex_lock(&all.lock);
    while (all.at_gate < n)
        pthread_cond_wait(&all.moved, &all.lock);
    pthread_mutex_unlock(&all.lock);
}

static void open_gate(void)
{
    pthread_mutex_lock(&all.lock);
    all.open = true;
    pthread_cond_broadcast(&all.moved);
    pthread_mutex_unlock(&all.lock);
}

/* Jobs are long from `batch_s` on. */
static struct hn_lane *start(unsigned threads, size_t max_waiting, double batch_s)
{
    struct hn_lane *lane;
    struct hn_error err = {.text = ""};
    const struct hn_lane_options options = {
        .threads = threads, .max_waiting = max_waiting, .batch_s = batch_s};
    ck_assert_msg(hn_lane_start(&options, &lane, &err) == HN_OK, "%s", err.text);
    return lane;
}

static void submit(struct hn_lane *lane, struct fake *f, struct job *j)
{
    struct hn_error err = {.text = ""};
    ck_assert_msg(hn_lane_submit(lane, &f->base, &j->base, &err) == HN_OK, "%s", err.text);
}

static void stop(struct hn_lane *lane, struct fake *f)
{
    hn_lane_stop(lane);
    hn_lane_leave(&f->base);
}

/* A lane of one thread that is held at the gate by a job of its own: all else waits. */
static struct hn_lane *start_held(struct fake *f, struct job *first)
{
    struct hn_lane *lane = start(1, 0, 1000);
    f->gated = true;
    *first = make_job(1, 0);
    submit(lane, f, first);
    await_at_gate(1);
    return lane;
}

START_TEST(idle_lane_runs_a_job_at_once)
{
    struct fake f = make_fake();
    struct hn_lane *lane = start(1, 0, 1000);
    for (size_t i = 0; i < 5; i++) {
        struct job j = make_job(3, 0);
        submit(lane, &f, &j);
        await_done(i + 1);
        ck_assert_uint_eq(j.company, 1);
        ck_assert_int_eq(j.base.status, HN_OK);
        ck_assert(j.base.queue_s >= 0 && j.base.run_s >= 0);
    }
    stop(lane, &f);
}
END_TEST

START_TEST(tiny_job_is_run_by_who_submits_it)
{
    struct fake f = make_fake();
    struct hn_lane_stats stats;
    struct hn_lane *lane = start(1, 0, 1000);
    bool here = false;
    size_t n = 0;
    double sum = 0;
    while (!here && n < 10000) {
        struct job j = make_job(1, 0);
        submit(lane, &f, &j);
        await_done(++n);
        here = pthread_equal(j.by, pthread_self());
        if (n == 1) ck_assert_msg(!here, "nothing is known of it yet");
        sum += j.base.core_s;
    }
    ck_assert(here);
    hn_lane_stats_read(lane, &stats);
    ck_assert_uint_eq(stats.jobs, n);
    ck_assert(fabs(sum - stats.core_s) <= 1e-9 * sum);
    stop(lane, &f);
}
END_TEST

struct submitter {
    struct hn_lane *lane;
    struct fake *fake;
    struct job job;
    pthread_t thread;
};

static void *submit_one(void *arg)
{
    struct submitter *s = arg;
    submit(s->lane, s->fake, &s->job);
    return NULL;
}

/* Whether a job was run by whoever submitted it, which is so only where it takes a moment. */
static bool sat_there(const struct job *j, pthread_t submitter)
{
    const bool there = pthread_equal(j->by, submitter);
    if (!there) puts("skipped: this machine (an emulated one?) takes long for the least of jobs");
    return there;
}

/* What a job left in a seat's memory is read by who is told of it: nobody else sits there meanwhile. */
START_TEST(seat_is_free_when_it_was_told)
{
    struct fake f = make_fake();
    struct submitter all_seats[8];
    struct hn_lane *lane = start(1, 0, 1000);
    const unsigned guests = hn_lane_seats(lane) - 1;
    ck_assert_uint_lt(guests, HN_COUNT(all_seats));
    size_t n = 0;
    for (bool here = false; !here;) {
        struct job j = make_job(1, 0);
        submit(lane, &f, &j);
        await_done(++n);
        here = pthread_equal(j.by, pthread_self());
    }
    bool there = true;
    unsigned seated = 0;
    while (there && seated < guests) {
        struct submitter *s = &all_seats[seated];
        *s = (struct submitter){.lane = lane, .fake = &f, .job = make_job(1, 0)};
        s->job.holds = true;
        ck_assert_int_eq(pthread_create(&s->thread, NULL, submit_one, s), 0);
        await_at_gate(++seated);
        there = sat_there(&s->job, s->thread);
        for (unsigned k = 0; there && k + 1 < seated; k++)
            ck_assert_uint_ne(all_seats[k].job.seat, s->job.seat);
    }
    struct job next = make_job(1, 0), last = make_job(1, 0);
    if (there) {
        submit(lane, &f, &next); /* as no seat is free, the lane's thread runs it on its own */
        await_done(n + guests + 1);
        ck_assert_uint_eq(next.seat, 0);
    }
    open_gate();
    for (unsigned i = 0; i < seated; i++)
        pthread_join(all_seats[i].thread, NULL);
    if (there) {
        submit(lane, &f, &last);
        await_done(n + guests + 2);
        if (sat_there(&last, pthread_self())) ck_assert_uint_ne(last.seat, 0);
    }
    stop(lane, &f);
}
END_TEST

/* A lane that knows how long a job of `f` takes. */
static struct hn_lane *start_taught(struct fake *f, double burn_s)
{
    struct hn_lane *lane = start(1, 0, 1000);
    struct job j = make_job(1, 0);
    f->burn_s = burn_s;
    submit(lane, f, &j);
    await_done(1);
    return lane;
}

START_TEST(short_jobs_wait_for_visitors)
{
    struct fake f = make_fake(), wide = make_fake();
    struct job jobs[6], unknown = make_job(1, 0), known = make_job(1, 0), left = make_job(1, 0);
    struct hn_lane *lane = start_taught(&f, 0.001);
    size_t waiting, running;
    wide.base.threads = 2;
    ck_assert(!hn_lane_visit(lane));
    hn_lane_attend(lane, true);
    for (size_t i = 0; i < HN_COUNT(jobs); i++) {
        jobs[i] = make_job(1, i);
        submit(lane, &f, &jobs[i]);
    }
    submit(lane, &wide, &unknown); /* how long, so it is the lane's own */
    await_done(2);
    ck_assert_uint_eq(unknown.done, 1);
    ck_assert(!unknown.alone);
    hn_lane_count(lane, &f.base, &waiting, &running);
    ck_assert_uint_eq(waiting, HN_COUNT(jobs));
    ck_assert(hn_lane_visit(lane));
    ck_assert(!hn_lane_visit(lane));
    for (size_t i = 0; i < HN_COUNT(jobs); i++) {
        ck_assert_uint_eq(jobs[i].done, 1);
        ck_assert_uint_eq(jobs[i].company, HN_COUNT(jobs));
        ck_assert(pthread_equal(jobs[i].by, pthread_self()));
        ck_assert(jobs[i].base.core_s > 0);
    }
    submit(lane, &wide, &known);
    ck_assert(hn_lane_visit(lane));
    ck_assert_uint_eq(known.done, 1);
    ck_assert(known.alone);
    submit(lane, &f, &left);
    ck_assert_uint_eq(left.done, 0);
    hn_lane_attend(lane, false);
    await_done(4 + HN_COUNT(jobs));
    ck_assert(!pthread_equal(left.by, pthread_self()));
    stop(lane, &f);
    hn_lane_leave(&wide.base);
}
END_TEST

START_TEST(visitors_leave_no_job_behind_at_the_end)
{
    struct fake f = make_fake();
    struct job j = make_job(1, 0);
    struct hn_lane *lane = start_taught(&f, 0.001);
    hn_lane_attend(lane, true);
    submit(lane, &f, &j);
    stop(lane, &f);
    ck_assert_uint_eq(j.done, 1);
    ck_assert_int_eq(j.base.status, HN_E_CANCELLED);
}
END_TEST

START_TEST(jobs_gather_while_a_batch_runs)
{
    struct fake f = make_fake();
    struct job first, more[10];
    size_t waiting, running;
    struct hn_lane *lane = start_held(&f, &first);
    for (size_t i = 0; i < HN_COUNT(more); i++) {
        more[i] = make_job(1, i % 3);
        submit(lane, &f, &more[i]);
    }
    hn_lane_count(lane, &f.base, &waiting, &running);
    ck_assert_uint_eq(waiting, HN_COUNT(more));
    ck_assert_uint_eq(running, 1);
    open_gate();
    await_done(1 + HN_COUNT(more));
    ck_assert_uint_eq(first.company, 1);
    for (size_t i = 0; i < HN_COUNT(more); i++)
        ck_assert_uint_eq(more[i].company, HN_COUNT(more));
    stop(lane, &f);
}
END_TEST

START_TEST(batch_has_a_bound_but_for_one_job)
{
    struct fake f = make_fake();
    struct job first, more[6];
    static const size_t work[] = {4, 4, 4, 50, 10, 1};
    static const size_t company[] = {2, 2, 1, 1, 1, 1};
    f.base.max_work = 10;
    struct hn_lane *lane = start_held(&f, &first);
    for (size_t i = 0; i < HN_COUNT(more); i++) {
        more[i] = make_job(work[i], 0);
        submit(lane, &f, &more[i]);
    }
    open_gate();
    await_done(1 + HN_COUNT(more));
    for (size_t i = 0; i < HN_COUNT(more); i++) {
        ck_assert_uint_eq(more[i].place, 1 + i);
        ck_assert_uint_eq(more[i].company, company[i]);
    }
    stop(lane, &f);
}
END_TEST

START_TEST(jobs_that_do_not_fit_run_apart)
{
    struct fake f = make_fake();
    struct job first, more[5];
    static const size_t work[] = {2, 4, 1, 3, 2};
    static const size_t company[] = {2, 2, 2, 2, 1};
    f.base.ops = &picky_ops;
    struct hn_lane *lane = start_held(&f, &first);
    for (size_t i = 0; i < HN_COUNT(more); i++) {
        more[i] = make_job(work[i], 0);
        submit(lane, &f, &more[i]);
    }
    open_gate();
    await_done(1 + HN_COUNT(more));
    for (size_t i = 0; i < HN_COUNT(more); i++)
        ck_assert_uint_eq(more[i].company, company[i]);
    stop(lane, &f);
}
END_TEST

START_TEST(owners_take_turns)
{
    struct fake f = make_fake();
    struct job first, many[20], few[4];
    f.base.max_work = 1;
    struct hn_lane *lane = start_held(&f, &first);
    for (size_t i = 0; i < HN_COUNT(many); i++) {
        many[i] = make_job(1, 7);
        submit(lane, &f, &many[i]);
    }
    for (size_t i = 0; i < HN_COUNT(few); i++) {
        few[i] = make_job(1, 8);
        few[i].base.weight = 2;
        submit(lane, &f, &few[i]);
    }
    open_gate();
    await_done(1 + HN_COUNT(many) + HN_COUNT(few));
    /* Twice the weight: two of `few` for one of `many`, until they are done. */
    for (size_t i = 0; i < HN_COUNT(few); i++)
        ck_assert_uint_le(few[i].place, 1 + i + i / 2 + 1);
    for (size_t i = 1; i < HN_COUNT(many); i++)
        ck_assert_uint_lt(many[i - 1].place, many[i].place);
    stop(lane, &f);
}
END_TEST

START_TEST(interactive_jobs_come_before_those_of_a_batch)
{
    struct fake f = make_fake(), other = make_fake();
    struct job first, slow[5], quick[5];
    struct hn_lane *lane = start_held(&f, &first);
    for (size_t i = 0; i < HN_COUNT(slow); i++) {
        slow[i] = make_job(1, 0);
        slow[i].base.klass = HN_CLASS_BATCH;
        submit(lane, &f, &slow[i]);
    }
    for (size_t i = 0; i < HN_COUNT(quick); i++) {
        quick[i] = make_job(1, i);
        submit(lane, i % 2 ? &f : &other, &quick[i]);
    }
    open_gate();
    await_done(11);
    for (size_t i = 0; i < HN_COUNT(slow); i++)
        for (size_t j = 0; j < HN_COUNT(quick); j++)
            ck_assert_uint_gt(slow[i].place, quick[j].place);
    stop(lane, &f);
    hn_lane_leave(&other.base);
}
END_TEST

START_TEST(who_is_gone_or_late_is_not_computed)
{
    struct fake f = make_fake();
    struct job first, gone = make_job(1, 0), late = make_job(1, 0), fine = make_job(1, 0);
    atomic_bool left = false;
    struct hn_lane *lane = start_held(&f, &first);
    gone.base.gone = &left;
    late.base.deadline_ns = hn_clock_ns();
    fine.base.deadline_ns = UINT64_MAX;
    submit(lane, &f, &gone);
    submit(lane, &f, &late);
    submit(lane, &f, &fine);
    atomic_store(&left, true);
    open_gate();
    await_done(4);
    ck_assert_int_eq(gone.base.status, HN_E_CANCELLED);
    ck_assert_int_eq(late.base.status, HN_E_CANCELLED);
    ck_assert_ptr_nonnull(strstr(late.base.error.text, "deadline"));
    ck_assert_int_eq(fine.base.status, HN_OK);
    ck_assert_uint_eq(fine.company, 1);
    ck_assert(gone.base.core_s <= 0 && late.base.core_s <= 0);
    stop(lane, &f);
}
END_TEST

START_TEST(queue_has_a_bound)
{
    struct fake f = make_fake();
    struct job first = make_job(1, 0), more[3];
    struct hn_error err;
    struct hn_lane *lane = start(1, 2, 1000);
    f.gated = true;
    submit(lane, &f, &first);
    await_at_gate(1);
    for (size_t i = 0; i < 3; i++)
        more[i] = make_job(1, 0);
    submit(lane, &f, &more[0]);
    submit(lane, &f, &more[1]);
    ck_assert_int_eq(hn_lane_submit(lane, &f.base, &more[2].base, &err), HN_E_BUSY);
    open_gate();
    await_done(3);
    ck_assert_uint_eq(more[2].done, 0);
    stop(lane, &f);
}
END_TEST

START_TEST(end_lets_finish_and_cancels)
{
    struct fake f = make_fake();
    struct job first, waits = make_job(1, 0);
    pthread_t opener;
    struct hn_lane *lane = start_held(&f, &first);
    submit(lane, &f, &waits);
    ck_assert_int_eq(pthread_create(&opener, NULL, (void *(*)(void *))(void *)open_gate, NULL), 0);
    stop(lane, &f);
    pthread_join(opener, NULL);
    ck_assert_uint_eq(first.done, 1);
    ck_assert_uint_eq(waits.done, 1);
    ck_assert_int_eq(first.base.status, HN_OK);
    /* Whether it was still waiting is a matter of who came first. */
    ck_assert(waits.base.status == HN_OK || waits.base.status == HN_E_CANCELLED);
}
END_TEST

enum { CALLERS = 4, EACH = 200 };

struct caller {
    pthread_t thread;
    struct hn_lane *lane;
    struct fake *fakes;
    struct job jobs[EACH];
};

static void *call(void *arg)
{
    struct caller *c = arg;
    for (size_t i = 0; i < EACH; i++) {
        c->jobs[i] = make_job(1 + i % 7, i % 3);
        c->jobs[i].base.klass = i % 5 ? HN_CLASS_INTERACTIVE : HN_CLASS_BATCH;
        submit(c->lane, &c->fakes[i % 2], &c->jobs[i]);
    }
    return NULL;
}

START_TEST(what_jobs_cost_adds_up)
{
    static struct caller callers[CALLERS];
    struct fake fakes[2] = {make_fake(), make_fake()};
    struct hn_lane_stats stats;
    double sum = 0;
    fakes[0].burn_s = 20e-6;
    fakes[0].refuses = true;
    fakes[1].base.threads = 3; /* measured by the wall, as a pool would be */
    struct hn_lane *lane = start(3, 0, 1000);
    for (size_t i = 0; i < CALLERS; i++) {
        callers[i].lane = lane;
        callers[i].fakes = fakes;
        ck_assert_int_eq(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
    }
    for (size_t i = 0; i < CALLERS; i++)
        pthread_join(callers[i].thread, NULL);
    await_done(CALLERS * EACH);
    hn_lane_stats_read(lane, &stats);
    hn_lane_stop(lane);
    hn_lane_leave(&fakes[0].base);
    hn_lane_leave(&fakes[1].base);
    for (size_t i = 0; i < CALLERS; i++)
        for (size_t j = 0; j < EACH; j++) {
            const struct job *job = &callers[i].jobs[j];
            ck_assert_uint_eq(job->done, 1);
            ck_assert_int_eq(job->base.status, j % 2 == 0 && job->base.work % 2 ? HN_E_ARG : HN_OK);
            ck_assert(job->base.core_s >= 0);
            sum += job->base.core_s;
        }
    ck_assert_uint_eq(stats.jobs, CALLERS * EACH);
    ck_assert_uint_le(stats.batches, stats.jobs);
    ck_assert(stats.core_s >= CALLERS * EACH / 2 * 20e-6);
    ck_assert_msg(fabs(sum - stats.core_s) <= 1e-9 * sum, "%.12g and %.12g", sum, stats.core_s);
}
END_TEST

START_TEST(cost_goes_by_work)
{
    struct fake f = make_fake();
    struct job first, small = make_job(1, 0), large = make_job(3, 0);
    struct hn_lane *lane = start_held(&f, &first);
    f.burn_s = 0.0001;
    submit(lane, &f, &small);
    submit(lane, &f, &large);
    open_gate();
    await_done(3);
    ck_assert_uint_eq(small.company, 2);
    ck_assert(fabs(large.base.core_s - 3 * small.base.core_s) < 1e-9);
    ck_assert(small.base.core_s + large.base.core_s >= 0.0002);
    stop(lane, &f);
}
END_TEST

START_TEST(long_jobs_leave_a_thread_to_short_ones)
{
    struct fake slow = make_fake(), quick = make_fake();
    struct job learn = make_job(1, 0), hold[3], small = make_job(1, 0);
    size_t waiting, running;
    struct hn_lane *lane = start(2, 0, 0.002);
    slow.burn_s = 0.02;
    submit(lane, &slow, &learn);
    await_done(1);
    slow.gated = true;
    for (size_t i = 0; i < HN_COUNT(hold); i++) {
        hold[i] = make_job(1, 0);
        submit(lane, &slow, &hold[i]);
    }
    await_at_gate(1);
    submit(lane, &quick, &small);
    await_done(2);
    ck_assert_uint_eq(small.done, 1);
    hn_lane_count(lane, &slow.base, &waiting, &running);
    ck_assert_uint_eq(running, 1);
    ck_assert_uint_eq(waiting, 2);
    open_gate();
    await_done(5);
    /* Long ones do not run together. */
    for (size_t i = 0; i < HN_COUNT(hold); i++)
        ck_assert_uint_eq(hold[i].company, 1);
    stop(lane, &slow);
    hn_lane_leave(&quick.base);
}
END_TEST

/* --- in service -------------------------------------------------------------------------------- */

static struct fake served_fake;

static bool is_fake(const char *path)
{
    return strcmp(path, "x.fake") == 0;
}

static enum hn_status open_fake(const struct hn_instance_options *options, unsigned seats,
                                struct hn_oneshot **out, struct hn_error *err)
{
    if (seats < 2) return hn_fail(err, HN_E_ARG, "%s: seats", options->name);
    served_fake = make_fake();
    *out = &served_fake.base;
    return HN_OK;
}

static const struct hn_kind_row fake_kinds[] = {
    {HN_KIND_PREDICTOR, is_fake, open_fake},
    {.is = NULL},
};

START_TEST(model_of_another_kind_is_served)
{
    struct hn_service *service;
    struct hn_served *served;
    struct hn_error err = {.text = ""};
    struct job j = make_job(1, 0), refused = make_job(1, 0);
    const struct hn_service_options options = {.kinds = fake_kinds};
    const struct hn_instance_options path = {.path = "x.fake"}, none = {.path = "x.none"};
    const struct hn_request request = {.n_tokens = 1};
    ck_assert_int_eq(hn_service_start(&options, &service, &err), HN_OK);
    ck_assert_int_lt(hn_service_load(service, "none", &none, &err), 0);
    ck_assert_msg(hn_service_load(service, "m", &path, &err) == HN_OK, "%s", err.text);
    ck_assert_int_eq(hn_service_find(service, "m", &served, &err), HN_OK);
    ck_assert_int_eq(hn_served_kind(served), HN_KIND_PREDICTOR);
    ck_assert_str_eq(hn_served_type(served), "fake");
    ck_assert_int_eq(hn_service_submit(service, served, &request, NULL, &err), HN_E_ARG);

    served_fake.gated = true;
    ck_assert_int_eq(hn_service_run(service, served, &j.base, &err), HN_OK);
    await_at_gate(1);
    ck_assert_int_eq(hn_service_unload(service, "m", &err), HN_OK);
    ck_assert_int_eq(hn_service_run(service, served, &refused.base, &err), HN_E_NOTFOUND);
    open_gate();
    await_done(1);
    ck_assert_int_eq(j.base.status, HN_OK);
    ck_assert_uint_eq(served_fake.closed, 0);
    hn_service_stop(service);
    ck_assert_uint_eq(served_fake.closed, 0);
    hn_served_release(served);
    ck_assert_uint_eq(served_fake.closed, 1);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("lane");
    tcase_add_test(t, idle_lane_runs_a_job_at_once);
    tcase_add_test(t, tiny_job_is_run_by_who_submits_it);
    tcase_add_test(t, seat_is_free_when_it_was_told);
    tcase_add_test(t, short_jobs_wait_for_visitors);
    tcase_add_test(t, visitors_leave_no_job_behind_at_the_end);
    tcase_add_test(t, jobs_gather_while_a_batch_runs);
    tcase_add_test(t, batch_has_a_bound_but_for_one_job);
    tcase_add_test(t, jobs_that_do_not_fit_run_apart);
    tcase_add_test(t, owners_take_turns);
    tcase_add_test(t, interactive_jobs_come_before_those_of_a_batch);
    tcase_add_test(t, who_is_gone_or_late_is_not_computed);
    tcase_add_test(t, queue_has_a_bound);
    tcase_add_test(t, end_lets_finish_and_cancels);
    tcase_add_test(t, what_jobs_cost_adds_up);
    tcase_add_test(t, cost_goes_by_work);
    tcase_add_test(t, long_jobs_leave_a_thread_to_short_ones);
    tcase_add_test(t, model_of_another_kind_is_served);
    return run_unit("lane", t);
}
