#include "server/workers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct hn_workers {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct hn_call *first, **last;
    bool stopping;
    unsigned n;
    pthread_t threads[];
};

static void *run(void *arg)
{
    struct hn_workers *w = arg;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        struct hn_call *call = w->first;
        if (call) {
            w->first = call->queued;
            if (!w->first) w->last = &w->first;
            pthread_mutex_unlock(&w->lock);
            call->queued = NULL;
            call->work(call);
            pthread_mutex_lock(&w->lock);
        } else if (w->stopping) {
            break;
        } else {
            pthread_cond_wait(&w->wake, &w->lock);
        }
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

enum hn_status hn_workers_start(unsigned threads, struct hn_workers **out, struct hn_error *err)
{
    struct hn_workers *w = calloc(1, sizeof *w + threads * sizeof *w->threads);
    *out = NULL;
    if (!w) return hn_fail_nomem(err, "threads", sizeof *w);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    w->last = &w->first;
    for (; w->n < threads; w->n++) {
        const int code = pthread_create(&w->threads[w->n], NULL, run, w);
        if (!code) continue;
        hn_workers_stop(w);
        return hn_fail(err, HN_E_LIMIT, "a thread does not start: %s", strerror(code));
    }
    *out = w;
    return HN_OK;
}

void hn_workers_do(struct hn_workers *w, void (*work)(struct hn_call *call), struct hn_call *call)
{
    call->work = work;
    call->queued = NULL;
    pthread_mutex_lock(&w->lock);
    *w->last = call;
    w->last = &call->queued;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

void hn_workers_stop(struct hn_workers *w)
{
    if (!w) return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_broadcast(&w->wake);
    pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->n; i++)
        pthread_join(w->threads[i], NULL);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
