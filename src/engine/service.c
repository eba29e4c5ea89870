#include "engine/service.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "engine/served.h"

enum { DEFAULT_MAX_WAITING = 1024 };

enum kind { SUBMIT, CANCEL, CALL };

/* What another thread wants of the engine thread. */
struct command {
    struct command *next;
    enum kind kind;
    struct hn_served *served;
    uint64_t id;                                     /* SUBMIT, CANCEL */
    struct hn_sequence *s;                           /* SUBMIT */
    void (*fn)(void *ctx, struct hn_engine *engine); /* CALL */
    void *ctx;
    bool done;
};

struct hn_service {
    pthread_t thread;
    struct hn_lane *lane;
    const struct hn_kind_row *kinds;
    struct hn_pool_guest outer, guest; /* the options', and what pools call */
    struct hn_energy *energy;          /* the engine thread's, as is the next */
    bool rested;                       /* it waited for something to do */
    pthread_mutex_t lock;              /* guards everything below */
    pthread_cond_t wake; /* the engine thread: there is a command, or a model leaves */
    pthread_cond_t done; /* callers: a CALL is done */
    struct command *first, **last;
    struct hn_served *models; /* each with a reference, dropped by the engine thread */
    size_t max_waiting;
    uint64_t ids;
    bool stopping;
};

static void destroy(struct hn_service *service)
{
    hn_lane_stop(service->lane);
    hn_energy_close(service->energy);
    pthread_cond_destroy(&service->done);
    pthread_cond_destroy(&service->wake);
    pthread_mutex_destroy(&service->lock);
    free(service);
}

/* With the lock. The command holds its model until it is obeyed. */
static void push(struct hn_service *service, struct command *c)
{
    hn_served_hold(c->served);
    *service->last = c;
    service->last = &c->next;
    pthread_cond_signal(&service->wake);
}

/* Does what was asked; without the lock. */
static void obey(struct hn_service *service, struct command *c)
{
    struct hn_engine *engine = c->served->instance.engine;
    struct hn_served *served = c->served;
    switch (c->kind) {
    case SUBMIT: hn_engine_enqueue(engine, c->s, c->id); break;
    case CANCEL: hn_engine_cancel(engine, c->id); break;
    case CALL: c->fn(c->ctx, engine); break;
    }
    if (c->kind == CALL) { /* the command is its caller's, who waits for it */
        pthread_mutex_lock(&service->lock);
        c->done = true;
        pthread_cond_broadcast(&service->done);
        pthread_mutex_unlock(&service->lock);
    } else {
        free(c);
    }
    hn_served_release(served);
}

/* Whether the engine thread has something to do for it. */
static bool has_work(const struct hn_served *served)
{
    return !served->oneshot && (served->waiting || hn_engine_busy(served->instance.engine));
}

/* Takes models that leave and have no work left out of the list. With the lock. */
static struct hn_served *take_left(struct hn_service *service)
{
    struct hn_served *left = NULL;
    for (struct hn_served **at = &service->models; *at;) {
        struct hn_served *served = *at;
        if (!served->leaving || has_work(served)) {
            at = &served->next;
            continue;
        }
        *at = served->next;
        served->next = left;
        left = served;
    }
    return left;
}

/* Models that leave are not visited any more: whoever lets go of one last may be a visitor, which could
 * not end its own thread. */
static void hide(struct hn_served *served)
{
    if (!served->oneshot) hn_pool_host(hn_cpu_backend_pool(served->instance.backend), NULL);
}

static void release_all(struct hn_served *list)
{
    for (struct hn_served *next; list; list = next) {
        next = list->next;
        hide(list);
        hn_served_release(list);
    }
}

/* How many wait now: in the engine's queue, and in the service's since it was looked at. With the lock. */
static void count_waiting(const struct hn_service *service, struct hn_served *served)
{
    served->waiting = hn_engine_waiting(served->instance.engine);
    for (const struct command *c = service->first; c; c = c->next)
        served->waiting += c->kind == SUBMIT && c->served == served;
}

/* A step of each language model. Only this thread takes models out of the list. */
static void step_all(struct hn_service *service, bool stopping)
{
    pthread_mutex_lock(&service->lock);
    for (struct hn_served *m = service->models; m; m = m->next) {
        if (m->oneshot) continue;
        pthread_mutex_unlock(&service->lock);
        if (stopping) hn_engine_cancel_all(m->instance.engine);
        if (hn_engine_busy(m->instance.engine)) hn_engine_step(m->instance.engine);
        pthread_mutex_lock(&service->lock);
        count_waiting(service, m);
    }
    pthread_mutex_unlock(&service->lock);
}

static bool any_work(const struct hn_service *service)
{
    for (const struct hn_served *m = service->models; m; m = m->next)
        if (has_work(m)) return true;
    return service->first != NULL;
}

/* Waits for something to do, letting go of what leaves meanwhile. False: the service stops, and nothing
 * is left to do. Called and returns with the lock. */
static bool await_work(struct hn_service *service)
{
    for (;;) {
        struct hn_served *left = take_left(service);
        if (left) {
            pthread_mutex_unlock(&service->lock);
            release_all(left);
            pthread_mutex_lock(&service->lock);
        } else if (any_work(service)) {
            return true;
        } else if (service->stopping) {
            return false;
        } else {
            pthread_cond_wait(&service->wake, &service->lock);
            service->rested = true;
        }
    }
}

static void *run(void *arg)
{
    struct hn_service *service = arg;
    pthread_mutex_lock(&service->lock);
    while (await_work(service)) {
        struct command *commands = service->first;
        const bool stopping = service->stopping;
        service->first = NULL;
        service->last = &service->first;
        pthread_mutex_unlock(&service->lock);
        /* What the machine used meanwhile is nobody's. */
        if (service->rested) (void)hn_energy_lap(service->energy, hn_clock_ns(), 0);
        service->rested = false;
        for (struct command *next; commands; commands = next) {
            next = commands->next;
            obey(service, commands);
        }
        step_all(service, stopping);
        pthread_mutex_lock(&service->lock);
    }
    pthread_mutex_unlock(&service->lock);
    return NULL;
}

/* On a compute thread: what came over connections, and what the lane was asked by it. */
static void visit(void *ctx)
{
    struct hn_service *service = ctx;
    hn_lane_attend(service->lane, true);
    if (service->outer.visit) service->outer.visit(service->outer.ctx);
    if (hn_lane_visit(service->lane) && service->outer.visit)
        service->outer.visit(service->outer.ctx);
}

static void leave(void *ctx)
{
    struct hn_service *service = ctx;
    hn_lane_attend(service->lane, false);
    if (service->outer.leave) service->outer.leave(service->outer.ctx);
}

void hn_service_deserted(struct hn_service *service)
{
    hn_lane_attend(service->lane, false);
}

static enum hn_status start_parts(struct hn_service *service,
                                  const struct hn_service_options *options, struct hn_error *err)
{
    struct hn_lane_options lane = options->lane;
    if (!lane.max_waiting) lane.max_waiting = options->max_waiting;
    HN_TRY(hn_energy_open(&options->energy, &service->energy, err));
    lane.energy = service->energy;
    return hn_lane_start(&lane, &service->lane, err);
}

enum hn_status hn_service_start(const struct hn_service_options *options, struct hn_service **out,
                                struct hn_error *err)
{
    *out = NULL;
    struct hn_service *service = calloc(1, sizeof *service);
    if (!service) return hn_fail_nomem(err, "the service", sizeof *service);
    service->max_waiting = options->max_waiting ? options->max_waiting : DEFAULT_MAX_WAITING;
    service->kinds = options->kinds ? options->kinds : hn_kinds;
    service->last = &service->first;
    service->outer = options->guest;
    service->guest = (struct hn_pool_guest){.visit = visit, .leave = leave, .ctx = service};
    pthread_mutex_init(&service->lock, NULL);
    pthread_cond_init(&service->wake, NULL);
    pthread_cond_init(&service->done, NULL);
    const enum hn_status status = start_parts(service, options, err);
    if (status < 0) {
        destroy(service);
        return status;
    }
    const int code = pthread_create(&service->thread, NULL, run, service);
    if (code) {
        destroy(service);
        return hn_fail(err, HN_E_LIMIT, "the engine thread does not start: %s", strerror(code));
    }
    *out = service;
    return HN_OK;
}

void hn_service_stop(struct hn_service *service)
{
    if (!service) return;
    pthread_mutex_lock(&service->lock);
    service->stopping = true;
    pthread_cond_signal(&service->wake);
    pthread_mutex_unlock(&service->lock);
    pthread_join(service->thread, NULL);
    for (struct hn_served *m = service->models; m; m = m->next)
        hide(m);
    hn_lane_stop(service->lane);
    service->lane = NULL;
    release_all(service->models);
    destroy(service);
}

/* Where the compute threads leave a core free, it is for everything else. */
static void host(const struct hn_service *service, const struct hn_instance *in)
{
    if (in->threads >= hn_cpu_count())
        hn_pool_host(hn_cpu_backend_pool(in->backend), &service->guest);
}

/* The place of the model of that name, or the end of the list. With the lock. */
static struct hn_served **place_of(struct hn_service *service, const char *name)
{
    struct hn_served **at = &service->models;
    while (*at && ((*at)->leaving || (name && *name && strcmp((*at)->name, name) != 0)))
        at = &(*at)->next;
    return at;
}

enum hn_status hn_service_load(struct hn_service *service, const char *name,
                               const struct hn_instance_options *options, struct hn_error *err)
{
    struct hn_served *served;
    HN_TRY(
        hn_served_open(name, options, service->kinds, hn_lane_seats(service->lane), &served, err));
    if (!served->oneshot) {
        hn_engine_energy(served->instance.engine, service->energy);
        host(service, &served->instance);
    }
    pthread_mutex_lock(&service->lock);
    const bool taken = *place_of(service, served->name) != NULL;
    if (!taken) {
        struct hn_served **end = &service->models;
        while (*end)
            end = &(*end)->next;
        *end = served;
    }
    pthread_mutex_unlock(&service->lock);
    if (!taken) return HN_OK;
    const enum hn_status status =
        hn_fail(err, HN_E_ARG, "there is a model named \"%s\" already", served->name);
    hn_served_release(served);
    return status;
}

static enum hn_status no_model(const char *name, struct hn_error *err)
{
    if (!name || !*name) return hn_fail(err, HN_E_NOTFOUND, "no model is in service");
    return hn_fail(err, HN_E_NOTFOUND, "no model named \"%s\" is in service", name);
}

enum hn_status hn_service_unload(struct hn_service *service, const char *name, struct hn_error *err)
{
    pthread_mutex_lock(&service->lock);
    struct hn_served *served = *place_of(service, name);
    if (served) served->leaving = true;
    pthread_cond_signal(&service->wake);
    pthread_mutex_unlock(&service->lock);
    return served ? HN_OK : no_model(name, err);
}

enum hn_status hn_service_find(struct hn_service *service, const char *name, struct hn_served **out,
                               struct hn_error *err)
{
    pthread_mutex_lock(&service->lock);
    struct hn_served *served = *place_of(service, name);
    if (served) hn_served_hold(served);
    pthread_mutex_unlock(&service->lock);
    *out = served;
    return served ? HN_OK : no_model(name, err);
}

size_t hn_service_list(struct hn_service *service, struct hn_served **out, size_t max)
{
    size_t n = 0;
    pthread_mutex_lock(&service->lock);
    for (struct hn_served *m = service->models; m && n < max; m = m->next)
        if (!m->leaving) out[n++] = hn_served_hold(m);
    pthread_mutex_unlock(&service->lock);
    return n;
}

/* Queues a prepared request, if there is room. */
static enum hn_status admit(struct hn_service *service, struct command *c, uint64_t *id,
                            struct hn_error *err)
{
    enum hn_status status = HN_OK;
    struct hn_served *served = c->served;
    pthread_mutex_lock(&service->lock);
    if (served->leaving) {
        status = no_model(served->name, err);
    } else if (served->waiting >= service->max_waiting) {
        status = hn_fail(err, HN_E_BUSY, "%zu requests wait already", served->waiting);
    } else {
        c->id = ++service->ids;
        if (id) *id = c->id;
        served->waiting++;
        push(service, c);
    }
    pthread_mutex_unlock(&service->lock);
    return status;
}

enum hn_status hn_service_submit(struct hn_service *service, struct hn_served *served,
                                 const struct hn_request *request, uint64_t *id,
                                 struct hn_error *err)
{
    atomic_store_explicit(&served->used_ns, hn_clock_ns(), memory_order_relaxed);
    if (served->oneshot) return hn_fail(err, HN_E_ARG, "%s is no language model", served->name);
    struct command *c = calloc(1, sizeof *c);
    if (!c) return hn_fail_nomem(err, "a request", sizeof *c);
    c->kind = SUBMIT;
    c->served = served;
    enum hn_status status = hn_engine_prepare(served->instance.engine, request, &c->s, err);
    if (status >= 0) status = admit(service, c, id, err);
    if (status >= 0) return HN_OK;
    hn_sequence_drop(c->s);
    free(c);
    return status;
}

enum hn_status hn_service_cancel(struct hn_service *service, struct hn_served *served, uint64_t id)
{
    struct command *c = calloc(1, sizeof *c);
    if (!c) return HN_E_NOMEM;
    *c = (struct command){.kind = CANCEL, .served = served, .id = id};
    pthread_mutex_lock(&service->lock);
    push(service, c);
    pthread_mutex_unlock(&service->lock);
    return HN_OK;
}

enum hn_status hn_service_run(struct hn_service *service, struct hn_served *served,
                              struct hn_oneshot_job *job, struct hn_error *err)
{
    atomic_store_explicit(&served->used_ns, hn_clock_ns(), memory_order_relaxed);
    pthread_mutex_lock(&service->lock);
    const bool leaving = served->leaving;
    pthread_mutex_unlock(&service->lock);
    if (leaving) return no_model(served->name, err);
    return hn_lane_submit(service->lane, served->oneshot, job, err);
}

struct hn_lane *hn_service_lane(struct hn_service *service)
{
    return service->lane;
}

void hn_service_call(struct hn_service *service, struct hn_served *served,
                     void (*fn)(void *ctx, struct hn_engine *engine), void *ctx)
{
    struct command c = {.kind = CALL, .served = served, .fn = fn, .ctx = ctx};
    pthread_mutex_lock(&service->lock);
    push(service, &c);
    while (!c.done)
        pthread_cond_wait(&service->done, &service->lock);
    pthread_mutex_unlock(&service->lock);
}
