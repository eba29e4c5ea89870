/* Inside of the server: what its files share. */
#ifndef HN_SERVER_SERVER_IMPL_H
#define HN_SERVER_SERVER_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "engine/service.h"
#include "meter/log_file.h"
#include "server/catalogue.h"
#include "server/forms.h"
#include "server/http.h"
#include "server/keys.h"
#include "server/metrics.h"
#include "server/server.h"

struct hn_generation;
struct hn_workers;

enum hn_server_state { HN_SERVER_LOADING, HN_SERVER_READY, HN_SERVER_DRAINING };

struct hn_server {
    const struct hn_server_options *options;
    struct hn_http *http;
    struct hn_service *service;
    struct hn_catalogue *catalogue;
    struct hn_workers *workers;
    struct hn_metrics *metrics;
    struct hn_log_file *access_log; /* or NULL */
    struct hn_forms *forms;
    struct hn_keys *keys;  /* NULL: everybody may call */
    atomic_int state;      /* enum hn_server_state */
    atomic_uint routing;   /* calls that are on their way to a handler */
    atomic_bool untidy;    /* a worker was busy: there may be much to give back */
    uint32_t boot;         /* random, begins the ids of this run */
    atomic_ullong serials; /* of calls, given so far */
    char
        fingerprint[64]; /* of what decides an answer's bits beside the model: version, processor */

    pthread_mutex_t lock;            /* of what follows, and of every call's generation */
    struct hn_generation *answering; /* in no order */
    bool stopping;                   /* the service is not to be called any more */
};

#endif
