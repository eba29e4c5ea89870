/* The loops: starting, accepting, waking, draining, stopping. */
#include "server/http_impl.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "base/clock.h"
#include "base/thread.h"
#include "server/http_tls.h"

enum {
    MAX_THREADS = 64,
    ACCEPT_AT_ONCE = 64,
    TICK_MS = 250,
    PATIENCE_NS = 3000000, /* visits further apart are none */
    /* Beyond a limit so many connections are still told so; the rest are closed at once. */
    TOLD_TOTAL = 128,
    TOLD_PER_ADDRESS = 16,
};

bool hn_loop_is_mine(const struct hn_loop *loop)
{
    return pthread_equal(atomic_load_explicit(&loop->owner, memory_order_relaxed), pthread_self());
}

void hn_loop_wake(struct hn_loop *loop)
{
    eventfd_write(loop->wake_fd, 1);
}

void hn_loop_drain(struct hn_loop *loop)
{
    for (;;) {
        struct hn_produced p;
        pthread_mutex_lock(&loop->lock);
        struct hn_conn *c = STAILQ_FIRST(&loop->incoming);
        struct hn_exchange *x = STAILQ_FIRST(&loop->queue);
        if (c) {
            STAILQ_REMOVE_HEAD(&loop->incoming, incoming);
        } else if (x) {
            STAILQ_REMOVE_HEAD(&loop->queue, in_queue);
            hn_exchange_take(x, &p);
        }
        pthread_mutex_unlock(&loop->lock);
        if (c) {
            hn_conn_start(c);
        } else if (x) {
            hn_conn_produced(x, &p);
            hn_buf_free(&p.head);
            hn_buf_free(&p.body);
        } else {
            return;
        }
    }
}

/* To the next loop in turn: long streams spread evenly, whatever kind of socket it is. */
static void deal(struct hn_http *http, struct hn_conn *c)
{
    struct hn_loop *loop = c->loop = &http->loops[http->next_loop++ % http->n_loops];
    pthread_mutex_lock(&loop->lock);
    const bool first = STAILQ_EMPTY(&loop->incoming);
    STAILQ_INSERT_TAIL(&loop->incoming, c, incoming);
    pthread_mutex_unlock(&loop->lock);
    if (first && !hn_loop_is_mine(loop)) hn_loop_wake(loop);
}

static void accepted(struct hn_http *http, int fd, const struct sockaddr_storage *address)
{
    const struct hn_http_options *options = &http->options;
    const size_t total = atomic_fetch_add(&http->connections, 1) + 1;
    struct hn_conn *c = calloc(1, sizeof *c);
    if (c) {
        c->fd = fd;
        hn_peer_set(&c->peer, address);
        const unsigned n = hn_peers_enter(&http->peers, &c->peer);
        if (total > options->max_connections) c->refusal = 503;
        if (options->max_per_address && n > options->max_per_address) c->refusal = 429;
        if (n && total <= (size_t)options->max_connections + TOLD_TOTAL &&
            (!options->max_per_address || n <= options->max_per_address + TOLD_PER_ADDRESS)) {
            deal(http, c);
            return;
        }
        hn_peers_leave(&http->peers, &c->peer);
    }
    atomic_fetch_sub(&http->connections, 1);
    free(c);
    close(fd);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    struct hn_http *http = arg;
    (void)what;
    for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
        struct sockaddr_storage address = {0};
        socklen_t n = sizeof address;
        const int got = accept4(fd, (struct sockaddr *)&address, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (got >= 0) {
            accepted(http, got, &address);
        } else if (errno != ECONNABORTED && errno != EINTR) {
            if (errno != EAGAIN) {
                /* No descriptors or no memory. The socket stays readable: rest until the next tick. */
                http->accept_paused = true;
                for (unsigned k = 0; k < http->listeners.n; k++)
                    event_del(http->accepting[k]);
            }
            break;
        }
    }
    hn_loop_drain(&http->loops[0]);
}

static void stop_accepting(struct hn_http *http)
{
    for (unsigned i = 0; i < HN_MAX_LISTENERS; i++) {
        if (http->accepting[i]) event_free(http->accepting[i]);
        http->accepting[i] = NULL;
    }
    hn_listeners_close(&http->listeners);
}

static void set_date(struct hn_loop *loop)
{
    const time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    /* The program stays in the C locale for times, so these are English. */
    strftime(loop->date, sizeof loop->date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct hn_loop *loop = arg;
    struct hn_http *http = loop->http;
    (void)fd;
    (void)what;
    set_date(loop);
    const uint64_t now = hn_clock_ns();
    for (struct hn_conn *c = LIST_FIRST(&loop->conns), *next; c; c = next) {
        next = LIST_NEXT(c, in_loop);
        hn_conn_tick(c, now);
    }
    if (loop == http->loops && http->accept_paused) {
        http->accept_paused = false;
        for (unsigned i = 0; i < http->listeners.n; i++)
            event_add(http->accepting[i], NULL);
    }
    hn_loop_drain(loop);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct hn_loop *loop = arg;
    struct hn_http *http = loop->http;
    eventfd_t times;
    (void)what;
    eventfd_read(fd, &times);
    if (atomic_load(&http->stopping)) {
        event_base_loopbreak(loop->base);
        return;
    }
    hn_loop_drain(loop);
    if (atomic_load(&http->draining) && !loop->drained) {
        loop->drained = true;
        if (loop == http->loops) stop_accepting(http);
        on_tick(-1, 0, loop); /* closes what is idle */
    }
}

/* With the turn: runs what is to be run, or waits for it first. */
static void take_turn(struct hn_loop *loop, int flags)
{
    atomic_store_explicit(&loop->owner, pthread_self(), memory_order_relaxed);
    event_base_loop(loop->base, flags);
    atomic_store_explicit(&loop->owner, 0, memory_order_relaxed);
}

static bool attended(struct hn_http *http)
{
    const uint64_t last = atomic_load(&http->visited_ns);
    return last && (int64_t)(hn_clock_ns() - last) < PATIENCE_NS;
}

static void tell_loops(struct hn_http *http)
{
    for (unsigned i = 0; i < http->n_loops; i++) {
        struct hn_loop *loop = &http->loops[i];
        pthread_mutex_lock(&loop->lock);
        pthread_cond_signal(&loop->deserted);
        pthread_mutex_unlock(&loop->lock);
    }
}

/* Until visitors leave or have not come for long. To see that, a thread has to wake now and then, and takes the
 * core of one that computes: so one loop looks for all, the others as a precaution, since it may be at work. */
static void stand_aside(struct hn_loop *loop)
{
    struct hn_http *http = loop->http;
    const bool looks = loop == http->loops;
    int code = 0;
    pthread_mutex_lock(&loop->lock);
    while (!atomic_load(&http->stopping) && attended(http)) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += looks ? PATIENCE_NS : 8 * PATIENCE_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        code = pthread_cond_timedwait(&loop->deserted, &loop->lock, &until);
    }
    pthread_mutex_unlock(&loop->lock);
    if (!code) return;
    if (looks) tell_loops(http);
    if (http->options.deserted) http->options.deserted(http->options.ctx);
}

static void *run_loop(void *arg)
{
    struct hn_loop *loop = arg;
    struct hn_http *http = loop->http;
    hn_thread_prompt();
    while (!atomic_load(&http->stopping)) {
        if (attended(http)) stand_aside(loop);
        pthread_mutex_lock(&loop->turn);
        take_turn(loop, EVLOOP_ONCE);
        pthread_mutex_unlock(&loop->turn);
    }
    return NULL;
}

void hn_http_visit(struct hn_http *http)
{
    atomic_store(&http->visited_ns, hn_clock_ns());
    for (unsigned i = 0; i < http->n_loops; i++) {
        struct hn_loop *loop = &http->loops[i];
        if (pthread_mutex_trylock(&loop->turn) != 0) continue;
        take_turn(loop, EVLOOP_NONBLOCK);
        pthread_mutex_unlock(&loop->turn);
    }
}

void hn_http_leave(struct hn_http *http)
{
    atomic_store(&http->visited_ns, 0);
    tell_loops(http);
}

static enum hn_status open_loop(struct hn_http *http, struct hn_loop *loop, struct hn_error *err)
{
    loop->http = http;
    loop->wake_fd = -1;
    STAILQ_INIT(&loop->queue);
    STAILQ_INIT(&loop->incoming);
    pthread_mutex_init(&loop->lock, NULL);
    pthread_mutex_init(&loop->turn, NULL);
    pthread_cond_init(&loop->told, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&loop->deserted, &attributes);
    pthread_condattr_destroy(&attributes);
    set_date(loop);
    loop->base = event_base_new();
    loop->scratch = malloc(HN_SCRATCH);
    if (!loop->base || !loop->scratch) return hn_fail(err, HN_E_NOMEM, "no event loop");
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop->wake_fd < 0) return hn_fail(err, HN_E_IO, "no eventfd: %s", strerror(errno));
    loop->wake = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake, loop);
    loop->tick = event_new(loop->base, -1, EV_PERSIST, on_tick, loop);
    const struct timeval period = {.tv_usec = TICK_MS * 1000};
    if (!loop->wake || !loop->tick || event_add(loop->wake, NULL) < 0 ||
        event_add(loop->tick, &period) < 0)
        return hn_fail(err, HN_E_NOMEM, "no events");
    return HN_OK;
}

static void close_loop(struct hn_loop *loop)
{
    if (!loop->http) return; /* never opened */
    struct hn_conn *c;
    struct hn_exchange *x;
    while ((c = STAILQ_FIRST(&loop->incoming))) {
        STAILQ_REMOVE_HEAD(&loop->incoming, incoming);
        hn_conn_free(c);
    }
    while ((c = LIST_FIRST(&loop->conns)))
        hn_conn_free(c);
    while ((x = LIST_FIRST(&loop->exchanges)))
        hn_exchange_free(x);
    if (loop->wake) event_free(loop->wake);
    if (loop->tick) event_free(loop->tick);
    if (loop->base) event_base_free(loop->base);
    free(loop->scratch);
    if (loop->wake_fd >= 0) close(loop->wake_fd);
    pthread_mutex_destroy(&loop->lock);
    pthread_mutex_destroy(&loop->turn);
    pthread_cond_destroy(&loop->told);
    pthread_cond_destroy(&loop->deserted);
}

static enum hn_status start_loop(struct hn_loop *loop, struct hn_error *err)
{
    /* Signals are the main thread's, but for those that tell of a fault in this one; a broken pipe is an
     * error of the write, not a signal. */
    sigset_t others, before;
    sigfillset(&others);
    sigdelset(&others, SIGSEGV);
    sigdelset(&others, SIGBUS);
    sigdelset(&others, SIGILL);
    sigdelset(&others, SIGFPE);
    pthread_sigmask(SIG_SETMASK, &others, &before);
    const int failed = pthread_create(&loop->thread, NULL, run_loop, loop);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) return hn_fail(err, HN_E_IO, "no thread: %s", strerror(failed));
    loop->started = true;
    return HN_OK;
}

static void set_defaults(struct hn_http_options *o)
{
    if (!o->threads) o->threads = 2;
    if (o->threads > MAX_THREADS) o->threads = MAX_THREADS;
    if (!o->max_header) o->max_header = 16 << 10;
    if (!o->max_body) o->max_body = 32 << 20;
    if (!o->max_bodies) o->max_bodies = 1 << 30;
    if (!o->request_s) o->request_s = 30;
    if (!o->idle_s) o->idle_s = 300;
    if (!o->max_connections) o->max_connections = 20000;
    if (!o->max_unsent) o->max_unsent = 8 << 20;
}

/* Every connection is a descriptor; systems start a process with 1024. */
static void raise_descriptor_limit(unsigned connections)
{
    struct rlimit limit;
    const rlim_t wanted = (rlim_t)connections + 1024;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted) return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static enum hn_status open_all(struct hn_http *http, struct hn_error *err)
{
    const struct hn_http_options *options = &http->options;
    if (!options->tls_cert != !options->tls_key)
        return hn_fail(err, HN_E_ARG, "TLS wants a certificate and its key");
    if (options->tls_cert)
        HN_TRY(hn_tls_open(options->tls_cert, options->tls_key, options->complain,
                           options->complain_ctx, &http->tls, err));
    HN_TRY(hn_peers_init(&http->peers, err));
    HN_TRY(hn_listeners_open(options, &http->listeners, err));
    http->loops = calloc(options->threads, sizeof *http->loops);
    if (!http->loops) return hn_fail_nomem(err, "loops", options->threads * sizeof *http->loops);
    http->n_loops = options->threads;
    for (unsigned i = 0; i < http->n_loops; i++)
        HN_TRY(open_loop(http, &http->loops[i], err));
    for (unsigned i = 0; i < http->listeners.n; i++) {
        http->accepting[i] = event_new(http->loops[0].base, http->listeners.fd[i],
                                       EV_READ | EV_PERSIST, on_accept, http);
        if (!http->accepting[i] || event_add(http->accepting[i], NULL) < 0)
            return hn_fail(err, HN_E_NOMEM, "no events");
    }
    /* The first loop deals to the others, so it comes last. */
    for (unsigned i = http->n_loops; i-- > 0;)
        HN_TRY(start_loop(&http->loops[i], err));
    return HN_OK;
}

enum hn_status hn_http_start(const struct hn_http_options *options, struct hn_http **out,
                             struct hn_error *err)
{
    struct hn_http *http = calloc(1, sizeof *http);
    if (!http) return hn_fail_nomem(err, "the server", sizeof *http);
    http->options = *options;
    set_defaults(&http->options);
    raise_descriptor_limit(http->options.max_connections);
    const enum hn_status status = open_all(http, err);
    if (status < 0) hn_http_stop(http);
    else *out = http;
    return status;
}

const char *hn_http_url(const struct hn_http *http)
{
    return http->listeners.url;
}

static void wake_all(struct hn_http *http)
{
    for (unsigned i = 0; i < http->n_loops; i++)
        if (http->loops[i].started) hn_loop_wake(&http->loops[i]);
}

void hn_http_drain(struct hn_http *http)
{
    atomic_store(&http->draining, true);
    wake_all(http);
}

size_t hn_http_connections(const struct hn_http *http)
{
    return atomic_load(&http->connections);
}

size_t hn_http_open(const struct hn_http *http)
{
    return atomic_load(&http->open);
}

void hn_http_stop(struct hn_http *http)
{
    if (!http) return;
    atomic_store(&http->stopping, true);
    wake_all(http);
    tell_loops(http);
    for (unsigned i = 0; i < http->n_loops; i++)
        if (http->loops[i].started) pthread_join(http->loops[i].thread, NULL);
    stop_accepting(http);
    for (unsigned i = 0; i < http->n_loops; i++)
        close_loop(&http->loops[i]);
    free(http->loops);
    hn_peers_free(&http->peers);
    hn_tls_close(http->tls);
    free(http);
}
