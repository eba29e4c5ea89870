/* A request on its way through the server: from the router to its answer. */
#ifndef HN_SERVER_CALL_H
#define HN_SERVER_CALL_H

#include <stdatomic.h>

#include "server/fields.h"
#include "meter/traceparent.h"
#include "meter/usage.h"
#include "server/http.h"
#include "server/keys.h"

struct hn_server;
struct hn_call;
struct hn_generation;

enum { HN_CALL_FIGURES = HN_QUOTA_HEADERS + HN_RECEIPT_HEADERS + 1 };

/* Who may call. */
enum hn_audience {
    HN_FOR_ANYONE, /* needs no key */
    HN_FOR_USER,
    HN_FOR_ADMIN,
};

/* A row of endpoints.def. */
struct hn_endpoint {
    const char *name;
    const char *method;
    const char *path; /* may hold one "{name}", which stands for one character or more */
    enum hn_audience who;
    const struct hn_fields *body; /* one without a name: nothing is read */
    bool slow;                    /* waits for the engine: not for a thread of the loop */
    const char *summary;
    /* Answers the call, now or later, with one of the functions below; or refuses it and leaves it to
     * its caller. Runs on a thread of the HTTP loop, or on a worker where the body is large. */
    enum hn_status (*handle)(struct hn_call *call, struct hn_refusal *why);
};

struct hn_call {
    struct hn_server *server;
    struct hn_exchange *x;
    const struct hn_endpoint *endpoint;
    struct hn_str tail; /* what "{name}" stood for; a view of the exchange */
    json_t *body;       /* an object, or NULL; the call's */
    uint64_t serial;
    char id[32];    /* "req_...", also in the header x-request-id */
    char allow[40]; /* for a refusal by 405: the methods there are */

    struct hn_caller caller;   /* quota NULL: no key was wanted */
    uint32_t reserved;         /* of the quota */
    struct hn_receipt receipt; /* what it took, so far as that is known */
    struct hn_traceparent trace;
    struct hn_buf said; /* the first answer, where the log is to have texts */
    struct hn_figure figures[HN_CALL_FIGURES]; /* further headers of the answer */
    size_t n_figures;

    bool may_wait; /* this is a worker, not a thread of the loop */
    bool again;    /* the handler refused since it may not wait: a worker is to call it once more */

    struct hn_generation *begun; /* what does not end before hn_generation_let_go; or NULL */
    atomic_uint refs;            /* who answers it, and who called its handler */

    /* In the queue of server/workers.c. */
    struct hn_call *queued;
    void (*work)(struct hn_call *call);

    atomic_bool gone;                 /* the client is */
    struct hn_generation *generation; /* what is computed for it, or NULL; by server->lock */
};

/* A call for an exchange, numbered; NULL when there is no memory, and the exchange is answered then. */
struct hn_call *hn_call_open(struct hn_server *server, struct hn_exchange *x);

/* After the handler has returned, whatever it did. */
void hn_call_release(struct hn_call *call);

/* Each of these answers the call, once: it must not be used for anything else afterwards. */
void hn_call_reply(struct hn_call *call, int status, const char *type, struct hn_str body);
/* Takes the document and frees it; 500 when it could not be kept in memory. */
void hn_call_json(struct hn_call *call, int status, struct hn_json_writer *w);
void hn_call_refuse(struct hn_call *call, const struct hn_refusal *why);
/* After hn_call_begin. */
void hn_call_end(struct hn_call *call);

/* Begins an answer that is written piece by piece, to call->x: server-sent events. */
enum hn_status hn_call_begin(struct hn_call *call);

#endif
