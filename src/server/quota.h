/* What one API key may use: requests and tokens a minute, requests at a time.
 *
 * Requests and tokens are buckets that fill evenly and hold a minute's worth. What a request will take
 * is not known when it comes: an estimate is taken out of the bucket, and what it really took is
 * settled at its end. A bucket may go below zero then, and the next request waits for that; so the
 * rate holds in the long run however wrong the estimates are. */
#ifndef HN_SERVER_QUOTA_H
#define HN_SERVER_QUOTA_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "meter/figure.h"

struct hn_limit {
    uint32_t requests;   /* a minute; 0: as many as come, as in the next two */
    uint32_t tokens;     /* a minute, prompt and answer */
    uint32_t concurrent; /* at a time */
};

/* Any thread may use it. */
struct hn_quota {
    pthread_mutex_t lock;
    struct hn_limit limit;
    double requests, tokens; /* in the buckets */
    uint32_t running;
    uint64_t at_ns; /* when the buckets were as they are */
};

/* Times are hn_clock_ns(). */
void hn_quota_init(struct hn_quota *quota, struct hn_limit limit, uint64_t now_ns);
void hn_quota_destroy(struct hn_quota *quota);
/* New limits, without giving back what was used of the old ones. */
void hn_quota_change(struct hn_quota *quota, struct hn_limit limit, uint64_t now_ns);

enum hn_quota_what { HN_QUOTA_REQUESTS, HN_QUOTA_TOKENS, HN_QUOTA_CONCURRENT };

/* An answer to a request that came. */
struct hn_quota_answer {
    bool may_go;
    enum hn_quota_what lacking; /* when it may not */
    double retry_s;             /* then: seconds until it could */
    uint32_t reserved;          /* tokens, for hn_quota_settle */
    struct hn_limit limit;
    uint32_t requests_left, tokens_left;
    double requests_reset_s, tokens_reset_s; /* until the bucket is full again */
};

/* May a request of about `tokens` go? If so it is counted until hn_quota_settle. One that is larger than
 * the limit itself goes when the bucket is full, and takes all of it. */
struct hn_quota_answer hn_quota_admit(struct hn_quota *quota, uint64_t tokens, uint64_t now_ns);
/* The end of a request that might go: the answer's `reserved`, and the tokens that it took. */
void hn_quota_settle(struct hn_quota *quota, uint32_t reserved, uint64_t took, uint64_t now_ns);

/* "You may send 60 requests a minute; try again in 3 seconds." */
void hn_quota_explain(const struct hn_quota_answer *answer, char *out, size_t n);

/* Headers of an answer as OpenAI names them: x-ratelimit-limit-requests and so on, for the limits that
 * there are, and Retry-After when it may not go. Returns how many. */
enum { HN_QUOTA_HEADERS = 7 };
size_t hn_quota_headers(const struct hn_quota_answer *answer,
                        struct hn_figure out[HN_QUOTA_HEADERS]);

#endif
