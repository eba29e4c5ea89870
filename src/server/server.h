/* The server: models in service behind HTTP.
 *
 * It listens from the start and answers 503 until it is told that it is ready; when it drains, what was
 * begun is finished and nothing new is. */
#ifndef HN_SERVER_SERVER_H
#define HN_SERVER_SERVER_H

#include "engine/instance.h"
#include "server/http.h"

struct hn_server;

/* The texts must live as long as the server. */
struct hn_server_options {
    struct hn_http_options http; /* but for its functions and ctx */
    size_t max_waiting;          /* requests of one model in its queue; 0: 1024. 429 beyond */
    unsigned lane_threads;       /* for predictions and such; 0: 2 */
    size_t max_draft;            /* tokens guessed ahead, as in struct hn_request */
    /* How a model is opened that an admin names; its path is not used. */
    struct hn_instance_options model;
    unsigned idle_s;  /* a model that nobody asked so long sleeps until somebody does; 0: never */
    const char *keys; /* the file of API keys (server/key_file.h); NULL: everybody may call */
    const char *access_log; /* a line of JSON for each request; "-": standard error; NULL: none */
    bool log_texts;         /* with what was asked and answered */
    bool metrics_per_key;   /* figures for each key, too */
    bool insecure;          /* may be reached from elsewhere without keys */
    /* What the machine takes, and more for a busy core, in watts, where it does not tell itself. */
    double idle_w, core_w;
    /* What people should know of while the server runs, on any thread. May be NULL. */
    void (*complain)(void *ctx, const char *text);
    void *ctx;
};

/* HN_E_ARG: the host is not this machine alone, there are no keys, and `insecure` was not said. */
enum hn_status hn_server_start(const struct hn_server_options *options, struct hn_server **out,
                               struct hn_error *err);
/* Puts a model into service. */
enum hn_status hn_server_load(struct hn_server *server, const char *name,
                              const struct hn_instance_options *options, struct hn_error *err);
/* What is to be done every second or so: models that nobody asks are unloaded, memory is given back. */
void hn_server_tick(struct hn_server *server);
/* Takes requests from now on. */
void hn_server_ready(struct hn_server *server);
/* "http://127.0.0.1:8080" */
const char *hn_server_url(const struct hn_server *server);

/* Opens logs anew and reads the file of keys again; after an error the keys are as they were. */
enum hn_status hn_server_reload(struct hn_server *server, struct hn_error *err);

/* Takes no more requests. */
void hn_server_drain(struct hn_server *server);
/* Requests that are not answered yet. */
size_t hn_server_open(const struct hn_server *server);
/* Ends what is not answered. NULL is fine. */
void hn_server_stop(struct hn_server *server);

#endif
