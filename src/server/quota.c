#include "server/quota.h"

#include <math.h>
#include <stdio.h>

#include "base/bits.h"
#include "base/clock.h"

/* A request at a time is not a rate: nobody knows when one ends. */
static const double concurrent_retry_s = 1;

/* The request, or token, that came a rounding error too early may go. */
static const double slack = 1e-6;

void hn_quota_init(struct hn_quota *quota, struct hn_limit limit, uint64_t now_ns)
{
    *quota = (struct hn_quota){
        .limit = limit, .requests = limit.requests, .tokens = limit.tokens, .at_ns = now_ns};
    pthread_mutex_init(&quota->lock, NULL);
}

void hn_quota_destroy(struct hn_quota *quota)
{
    pthread_mutex_destroy(&quota->lock);
}

/* Fills the buckets for the time since they were last looked at. */
static void fill(struct hn_quota *quota, uint64_t now_ns)
{
    if (now_ns <= quota->at_ns) return; /* threads read the clock before they take the lock */
    const double minutes = hn_clock_seconds(quota->at_ns, now_ns) / 60;
    const struct hn_limit *limit = &quota->limit;
    quota->requests = fmin(limit->requests, quota->requests + limit->requests * minutes);
    quota->tokens = fmin(limit->tokens, quota->tokens + limit->tokens * minutes);
    quota->at_ns = now_ns;
}

void hn_quota_change(struct hn_quota *quota, struct hn_limit limit, uint64_t now_ns)
{
    pthread_mutex_lock(&quota->lock);
    fill(quota, now_ns);
    const struct hn_limit old = quota->limit;
    quota->limit = limit;
    quota->requests = fmin(limit.requests, quota->requests + limit.requests - old.requests);
    quota->tokens = fmin(limit.tokens, quota->tokens + limit.tokens - old.tokens);
    pthread_mutex_unlock(&quota->lock);
}

/* Seconds until a bucket of `limit` a minute that holds `has` holds `wanted`. */
static double wait_s(double has, double wanted, uint32_t limit)
{
    return has + slack >= wanted ? 0 : (wanted - has) * 60 / limit;
}

static uint32_t left(double has)
{
    return has > 0 ? (uint32_t)(has + slack) : 0;
}

/* What stands in the way of a request, if anything does; the longest wait is the one to tell. */
static void judge(const struct hn_quota *quota, double tokens, struct hn_quota_answer *answer)
{
    const struct hn_limit *limit = &quota->limit;
    const double waits[] = {
        [HN_QUOTA_REQUESTS] = limit->requests ? wait_s(quota->requests, 1, limit->requests) : 0,
        [HN_QUOTA_TOKENS] = limit->tokens ? wait_s(quota->tokens, tokens, limit->tokens) : 0,
        [HN_QUOTA_CONCURRENT] =
            limit->concurrent && quota->running >= limit->concurrent ? concurrent_retry_s : 0,
    };
    for (size_t i = 0; i < HN_COUNT(waits); i++) {
        if (waits[i] <= answer->retry_s) continue;
        answer->retry_s = waits[i];
        answer->lacking = (enum hn_quota_what)i;
    }
    answer->may_go = answer->retry_s == 0;
}

struct hn_quota_answer hn_quota_admit(struct hn_quota *quota, uint64_t tokens, uint64_t now_ns)
{
    struct hn_quota_answer answer = {0};
    pthread_mutex_lock(&quota->lock);
    fill(quota, now_ns);
    answer.limit = quota->limit;
    answer.reserved = (uint32_t)hn_min(tokens, quota->limit.tokens);
    judge(quota, answer.reserved, &answer);
    if (answer.may_go) {
        quota->running++;
        quota->requests -= quota->limit.requests ? 1 : 0;
        quota->tokens -= answer.reserved;
    }
    answer.requests_left = left(quota->requests);
    answer.tokens_left = left(quota->tokens);
    if (quota->limit.requests)
        answer.requests_reset_s =
            wait_s(quota->requests, quota->limit.requests, quota->limit.requests);
    if (quota->limit.tokens)
        answer.tokens_reset_s = wait_s(quota->tokens, quota->limit.tokens, quota->limit.tokens);
    pthread_mutex_unlock(&quota->lock);
    return answer;
}

void hn_quota_settle(struct hn_quota *quota, uint32_t reserved, uint64_t took, uint64_t now_ns)
{
    pthread_mutex_lock(&quota->lock);
    fill(quota, now_ns);
    if (quota->running) quota->running--;
    if (quota->limit.tokens)
        quota->tokens = fmin(quota->limit.tokens, quota->tokens + reserved - (double)took);
    pthread_mutex_unlock(&quota->lock);
}

static unsigned whole_seconds(double s)
{
    return (unsigned)fmin(ceil(s), 1e9);
}

void hn_quota_explain(const struct hn_quota_answer *answer, char *out, size_t n)
{
    static const char *const units[] = {"requests a minute", "tokens a minute",
                                        "requests at a time"};
    const uint32_t limits[] = {answer->limit.requests, answer->limit.tokens,
                               answer->limit.concurrent};
    const unsigned seconds = whole_seconds(answer->retry_s);
    snprintf(out, n, "This API key may use %u %s; try again in %u second%s.",
             limits[answer->lacking], units[answer->lacking], seconds, seconds == 1 ? "" : "s");
}

/* A duration as OpenAI's headers have it: "20ms", "1.5s", "6m0s". */
static void put_duration(struct hn_figure *figure, double s)
{
    const double ms = ceil(s * 1000);
    if (ms < 1000) snprintf(figure->text, sizeof figure->text, "%.0fms", ms);
    else if (ms < 60000) snprintf(figure->text, sizeof figure->text, "%.4gs", ms / 1000);
    else
        snprintf(figure->text, sizeof figure->text, "%.0fm%us", floor(ceil(s) / 60),
                 (unsigned)fmod(ceil(s), 60));
}

static struct hn_figure *put_count(struct hn_figure *figure, const char *name, uint32_t count)
{
    figure->name = name;
    snprintf(figure->text, sizeof figure->text, "%u", count);
    return figure + 1;
}

static struct hn_figure *put_reset(struct hn_figure *figure, const char *name, double s)
{
    figure->name = name;
    put_duration(figure, s);
    return figure + 1;
}

size_t hn_quota_headers(const struct hn_quota_answer *answer,
                        struct hn_figure out[HN_QUOTA_HEADERS])
{
    struct hn_figure *at = out;
    if (answer->limit.requests) {
        at = put_count(at, "x-ratelimit-limit-requests", answer->limit.requests);
        at = put_count(at, "x-ratelimit-remaining-requests", answer->requests_left);
        at = put_reset(at, "x-ratelimit-reset-requests", answer->requests_reset_s);
    }
    if (answer->limit.tokens) {
        at = put_count(at, "x-ratelimit-limit-tokens", answer->limit.tokens);
        at = put_count(at, "x-ratelimit-remaining-tokens", answer->tokens_left);
        at = put_reset(at, "x-ratelimit-reset-tokens", answer->tokens_reset_s);
    }
    if (!answer->may_go) at = put_count(at, "Retry-After", whole_seconds(answer->retry_s));
    return (size_t)(at - out);
}
