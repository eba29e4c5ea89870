#include "server/refusal.h"

#include <stdarg.h>
#include <stdio.h>

static void clean(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p == 0x7F) *p = '?';
}

enum hn_status hn_refuse(struct hn_refusal *why, int status, const char *code, const char *param,
                         const char *fmt, ...)
{
    *why = (struct hn_refusal){.status = status, .code = code};
    va_list args;
    va_start(args, fmt);
    vsnprintf(why->message, sizeof why->message, fmt, args);
    va_end(args);
    if (param) snprintf(why->param, sizeof why->param, "%s", param);
    clean(why->message);
    clean(why->param);
    return HN_E_ARG;
}

enum hn_status hn_refuse_by(struct hn_refusal *why, enum hn_status status,
                            const struct hn_error *err)
{
    int http = 500;
    const char *code = "internal_error";
    switch (status) {
    case HN_E_ARG:
    case HN_E_FORMAT:
    case HN_E_LIMIT:
        http = 400;
        code = "invalid_value";
        break;
    case HN_E_UNSUPPORTED:
        http = 400;
        code = "unsupported_value";
        break;
    case HN_E_CONTEXT:
        http = 400;
        code = "context_length_exceeded";
        break;
    case HN_E_NOTFOUND:
        http = 404;
        code = "not_found";
        break;
    case HN_E_BUSY:
        http = 429;
        code = "rate_limit_exceeded";
        break;
    case HN_E_NOMEM:
        http = 503;
        code = "out_of_memory";
        break;
    default: break;
    }
    (void)hn_refuse(why, http, code, NULL, "%s", err->text);
    if (http == 429 || http == 503) why->retry_after = 1;
    return status;
}

const char *hn_refusal_type(int http_status)
{
    switch (http_status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 429: return "rate_limit_error";
    default: return http_status >= 500 ? "server_error" : "invalid_request_error";
    }
}

void hn_refusal_put(struct hn_json_writer *w, const char *key, const struct hn_refusal *why)
{
    hn_json_open(w, key, '{');
    hn_json_put_text(w, "message", hn_str_from(why->message));
    hn_json_put_text(w, "type", hn_str_from(hn_refusal_type(why->status)));
    if (*why->param) hn_json_put_text(w, "param", hn_str_from(why->param));
    else hn_json_put_null(w, "param");
    hn_json_put_text(w, "code", hn_str_from(why->code));
    hn_json_close(w, '}');
}

void hn_refusal_write(struct hn_json_writer *w, const struct hn_refusal *why)
{
    hn_json_open(w, NULL, '{');
    hn_refusal_put(w, "error", why);
    hn_json_close(w, '}');
}
