/* A load on a server that speaks OpenAI's API: many requests at once, and how long their answers take. One
 * thread, one event loop. */
#ifndef HN_LOAD_LOAD_H
#define HN_LOAD_LOAD_H

#include "load/report.h"

enum { HN_LOAD_MAX_OPEN = 1 << 17 };

struct hn_load_options {
    const char *url;   /* see hn_target_open */
    const char *model; /* NULL: the first that the server names */
    const char *key;   /* NULL: none */
    bool insecure;     /* any certificate will do */
    bool completions;  /* /v1/completions instead of /v1/chat/completions */
    const char
        *post; /* another path, where `bodies` go; NULL: none. Then nothing of tokens counts */
    struct hn_bodies bodies;
    bool spread;   /* use all `concurrency` connections in turn, rather than as few as will do */
    bool whole;    /* answers that are not streamed */
    bool heed_end; /* let the model end its answers: no `ignore_eos` */
    float temperature;

    size_t concurrency; /* requests under way at most; 0, with a rate: no bound */
    float rate;         /* arrivals a second; 0: the next comes when one is answered */
    size_t requests;    /* 0: until the time is over */
    float duration_s;   /* 0: until the requests are done */
    float timeout_s;    /* of a request */

    struct hn_length prompt, output; /* tokens */
    struct hn_length_pairs pairs;    /* instead of these two, where there are any */
    size_t prefix_tokens;            /* before the prompt, the same for all that have it */
    float prefix_share;              /* of the requests */
    struct hn_tiers tiers;
    uint64_t seed;
    float good_ttft_ms, good_itl_ms; /* bounds of a good answer; 0: none */

    /* Called ten times a second; false ends the load at once. May be NULL. */
    bool (*tick)(void *ctx, const struct hn_load_report *so_far);
    void *ctx;
};

/* Probes the server, runs the load and fills `out`. Requests that fail are in the report and no error. The
 * caller ignores SIGPIPE. */
enum hn_status hn_load_run(const struct hn_load_options *options, struct hn_load_report *out,
                           struct hn_error *err);

#endif
