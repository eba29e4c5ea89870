#include "meter/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bits.h"

enum { DEFAULT_BYTES = 4 << 20 };

/* Whole lines, each with its newline. */
struct half {
    char *p; /* [max_bytes] */
    size_t n;
    uint64_t lines;
};

struct hn_log_file {
    char *path;
    size_t max_bytes;
    void (*complain)(void *ctx, const char *text);
    void *ctx;
    pthread_t thread;
    int fd;      /* the thread's, from here to `lock`; -1: could not be opened */
    bool torn;   /* the last line written was cut short */
    bool losing; /* somebody was told that lines are lost */

    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct half filling, writing; /* `writing` is the thread's too */
    uint64_t dropped;
    bool stop, reopen;
};

static int open_path(const char *path)
{
    if (strcmp(path, "-") == 0) return STDERR_FILENO;
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

static void close_fd(struct hn_log_file *log)
{
    if (log->fd >= 0 && log->fd != STDERR_FILENO) close(log->fd);
    log->fd = -1;
}

/* Writes all of `half`; returns the bytes that were. errno says why not all. */
static size_t write_half(struct hn_log_file *log, const struct half *half)
{
    size_t done = 0;
    while (done < half->n) {
        const ssize_t n = write(log->fd, half->p + done, half->n - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        done += (size_t)n;
    }
    return done;
}

static uint64_t count_lines(const char *p, size_t n)
{
    uint64_t lines = 0;
    for (const char *end = p + n; (p = memchr(p, '\n', (size_t)(end - p))); p++)
        lines++;
    return lines;
}

/* Says when losses begin and when they end. `reason` 0: the queue was full. */
static void tell(struct hn_log_file *log, bool losing, int reason, uint64_t dropped)
{
    char why[128], text[300];
    if (losing == log->losing) return;
    log->losing = losing;
    if (!log->complain) return;
    if (losing)
        snprintf(text, sizeof text, "%s: lines are lost: %s", log->path,
                 reason ? strerror_r(reason, why, sizeof why)
                        : "they come faster than they are written");
    else
        snprintf(text, sizeof text, "%s: is written again; %llu lines were lost since the start",
                 log->path, (unsigned long long)dropped);
    log->complain(log->ctx, text);
}

/* Writes what was taken; returns how many lines were lost, and why in *reason. */
static uint64_t write_out(struct hn_log_file *log, int *reason)
{
    const struct half *half = &log->writing;
    size_t done = 0;
    errno = 0;
    if (log->fd < 0) log->fd = open_path(log->path);
    /* A line that a full disk cut short must not run into the next one. */
    if (log->fd >= 0 && log->torn && write(log->fd, "\n", 1) == 1) log->torn = false;
    if (log->fd >= 0 && !log->torn) done = write_half(log, half);
    *reason = errno;
    log->torn = log->torn || (done && half->p[done - 1] != '\n');
    return half->lines - count_lines(half->p, done);
}

/* Waits for something to do; false at the end. With the lock held. */
static bool wait_for_lines(struct hn_log_file *log)
{
    while (!log->filling.n && !log->stop)
        pthread_cond_wait(&log->wake, &log->lock);
    return log->filling.n;
}

/* Takes the lines that wait, and leaves the empty half for new ones. With the lock held. */
static void take_lines(struct hn_log_file *log)
{
    const struct half taken = log->filling;
    log->filling = log->writing;
    log->filling.n = log->filling.lines = 0;
    log->writing = taken;
}

static void *run(void *arg)
{
    struct hn_log_file *log = arg;
    uint64_t told = 0; /* of the lines dropped */
    pthread_mutex_lock(&log->lock);
    while (wait_for_lines(log)) {
        const bool reopen = log->reopen;
        log->reopen = false;
        take_lines(log);
        pthread_mutex_unlock(&log->lock);

        int reason;
        if (reopen) close_fd(log);
        log->torn = log->torn && !reopen;
        const uint64_t lost = write_out(log, &reason);

        pthread_mutex_lock(&log->lock);
        const uint64_t dropped = log->dropped += lost;
        pthread_mutex_unlock(&log->lock);
        tell(log, dropped > told, lost ? reason : 0, dropped);
        told = dropped;
        pthread_mutex_lock(&log->lock);
    }
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

/* Signals are for the program's other threads. */
static int start_thread(struct hn_log_file *log)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&log->thread, NULL, run, log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

static void destroy(struct hn_log_file *log)
{
    close_fd(log);
    pthread_mutex_destroy(&log->lock);
    pthread_cond_destroy(&log->wake);
    free(log->filling.p);
    free(log->writing.p);
    free(log->path);
    free(log);
}

enum hn_status hn_log_file_open(const struct hn_log_file_options *options, struct hn_log_file **out,
                                struct hn_error *err)
{
    char text[128];
    *out = NULL;
    struct hn_log_file *log = calloc(1, sizeof *log);
    if (!log) return hn_fail_nomem(err, "a log", sizeof *log);
    *log = (struct hn_log_file){
        .max_bytes = options->max_bytes ? options->max_bytes : DEFAULT_BYTES,
        .complain = options->complain,
        .ctx = options->ctx,
        .path = strdup(options->path),
        .fd = -1,
    };
    pthread_mutex_init(&log->lock, NULL);
    pthread_cond_init(&log->wake, NULL);
    log->filling.p = malloc(log->max_bytes);
    log->writing.p = malloc(log->max_bytes);
    enum hn_status status = HN_OK;
    if (!log->path || !log->filling.p || !log->writing.p)
        status = hn_fail_nomem(err, "a log", 2 * log->max_bytes);
    else if ((log->fd = open_path(log->path)) < 0)
        status = hn_fail(err, HN_E_IO, "%s: cannot open: %s", log->path,
                         strerror_r(errno, text, sizeof text));
    else if (start_thread(log) != 0)
        status = hn_fail(err, HN_E_IO, "%s: cannot start a thread for it", log->path);
    if (status < 0) destroy(log);
    else *out = log;
    return status;
}

void hn_log_file_close(struct hn_log_file *log)
{
    if (!log) return;
    pthread_mutex_lock(&log->lock);
    log->stop = true;
    pthread_cond_signal(&log->wake);
    pthread_mutex_unlock(&log->lock);
    pthread_join(log->thread, NULL);
    destroy(log);
}

void hn_log_file_write(struct hn_log_file *log, struct hn_str line)
{
    pthread_mutex_lock(&log->lock);
    struct half *half = &log->filling;
    if (line.n < log->max_bytes - half->n) {
        memcpy(half->p + half->n, line.p, line.n);
        half->p[half->n + line.n] = '\n';
        half->n += line.n + 1;
        half->lines++;
        pthread_cond_signal(&log->wake);
    } else {
        log->dropped++;
    }
    pthread_mutex_unlock(&log->lock);
}

void hn_log_file_drop(struct hn_log_file *log)
{
    pthread_mutex_lock(&log->lock);
    log->dropped++;
    pthread_mutex_unlock(&log->lock);
}

void hn_log_file_reopen(struct hn_log_file *log)
{
    pthread_mutex_lock(&log->lock);
    log->reopen = true;
    pthread_mutex_unlock(&log->lock);
}

uint64_t hn_log_file_dropped(struct hn_log_file *log)
{
    pthread_mutex_lock(&log->lock);
    const uint64_t dropped = log->dropped;
    pthread_mutex_unlock(&log->lock);
    return dropped;
}
