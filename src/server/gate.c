#include "server/gate.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "server/server_impl.h"

/* "Bearer KEY" as OpenAI's clients send it, or the header x-api-key as Anthropic's do. */
static struct hn_str sent_key(const struct hn_call *call)
{
    static const char scheme[] = "Bearer ";
    struct hn_str text = hn_exchange_header(call->x, "authorization");
    if (!text.p) return hn_exchange_header(call->x, "x-api-key");
    if (text.n < sizeof scheme || strncasecmp(text.p, scheme, sizeof scheme - 1) != 0)
        return (struct hn_str){0};
    text.p += sizeof scheme - 1;
    text.n -= sizeof scheme - 1;
    return text;
}

/* A page in a browser may send requests to any machine that the browser reaches, whose answers it cannot
 * read; the browser says where the page comes from. A page that is not meant to ask has no key. */
static enum hn_status check_origin(const struct hn_call *call, struct hn_refusal *why)
{
    const struct hn_str origin = hn_exchange_header(call->x, "origin");
    const char *allowed = call->server->options->http.cors_origin;
    if (!origin.p || (allowed && (strcmp(allowed, "*") == 0 || hn_str_is(origin, allowed))))
        return HN_OK;
    return hn_refuse(why, 403, "origin_not_allowed", NULL,
                     "Web pages of '%.80s' may not use this server, which has no API keys; hence "
                     "serve --cors ORIGIN lets them.",
                     origin.p);
}

enum hn_status hn_gate_enter(struct hn_call *call, struct hn_refusal *why)
{
    struct hn_keys *keys = call->server->keys;
    const enum hn_audience who = call->endpoint->who;
    if (who == HN_FOR_ANYONE) return HN_OK;
    if (!keys) {
        HN_TRY(check_origin(call, why));
        /* Whoever reaches the server may ask, but changes nothing. */
        if (who != HN_FOR_ADMIN || strcmp(call->endpoint->method, "GET") == 0) return HN_OK;
        return hn_refuse(why, 403, "insufficient_permissions", NULL,
                         "This needs an API key of the role 'admin', and the server has no keys.");
    }
    const struct hn_str key = sent_key(call);
    if (!key.p)
        return hn_refuse(why, 401, "invalid_api_key", NULL,
                         "You didn't provide an API key. Send it as the header 'Authorization: "
                         "Bearer KEY'.");
    if (!hn_keys_find(keys, key, &call->caller))
        return hn_refuse(why, 401, "invalid_api_key", NULL, "Incorrect API key provided.");
    call->receipt.key = call->caller.key.id;
    if (who == HN_FOR_ADMIN && call->caller.key.role != HN_ROLE_ADMIN)
        return hn_refuse(why, 403, "insufficient_permissions", NULL,
                         "This API key has not the role 'admin', which this needs.");
    return HN_OK;
}

enum hn_status hn_gate_admit(struct hn_call *call, uint64_t tokens, struct hn_refusal *why)
{
    if (!call->caller.quota) return HN_OK;
    const struct hn_quota_answer answer = hn_quota_admit(call->caller.quota, tokens, hn_clock_ns());
    call->n_figures = hn_quota_headers(&answer, call->figures);
    call->reserved = answer.reserved;
    if (answer.may_go) return HN_OK;
    char text[sizeof why->message];
    hn_quota_explain(&answer, text, sizeof text);
    (void)hn_refuse(why, 429, "rate_limit_exceeded", NULL, "%s", text);
    return HN_E_BUSY;
}

void hn_gate_settle(struct hn_call *call, uint64_t took)
{
    if (call->caller.quota)
        hn_quota_settle(call->caller.quota, call->reserved, took, hn_clock_ns());
}
