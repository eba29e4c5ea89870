/* Why a request was not answered, as HTTP and the OpenAI API say it. */
#ifndef HN_SERVER_REFUSAL_H
#define HN_SERVER_REFUSAL_H

#include "base/status.h"
#include "text/json_write.h"

struct hn_refusal {
    int status;           /* of HTTP: 400 and above */
    const char *code;     /* "invalid_value", static */
    char param[100];      /* the field that is wrong, "messages[2].content"; may be empty */
    char message[600];    /* a sentence */
    unsigned retry_after; /* seconds until it may be worth trying again; 0: not said */
};

/* Fills it. Control characters become '?'. `param` may be NULL. Returns HN_E_ARG, so that callers can write
 * `return hn_refuse(...)`. */
enum hn_status hn_refuse(struct hn_refusal *why, int status, const char *code, const char *param,
                         const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* The same for what a room below could not do; `err` is its error. Returns status. */
enum hn_status hn_refuse_by(struct hn_refusal *why, enum hn_status status,
                            const struct hn_error *err);

/* OpenAI's kind of error for a status of HTTP: "invalid_request_error", "server_error", ... */
const char *hn_refusal_type(int http_status);

/* {"message", "type", "param", "code"}, a value under `key`. */
void hn_refusal_put(struct hn_json_writer *w, const char *key, const struct hn_refusal *why);

/* {"error": {"message", "type", "param", "code"}}, as a value of an array or document. */
void hn_refusal_write(struct hn_json_writer *w, const struct hn_refusal *why);

#endif
