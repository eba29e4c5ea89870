/* The head of an answer: status line, the headers every answer has, the handler's own. */
#include "server/http_impl.h"

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status) return reasons[i].text;
    return "Status";
}

enum hn_status hn_answer_line(struct hn_buf *out, const char *name, const char *value)
{
    hn_buf_text(out, name);
    hn_buf_text(out, ": ");
    const size_t from = out->n;
    hn_buf_text(out, value);
    if (out->failed) return out->failed;
    for (size_t i = from; i < out->n; i++)
        if ((unsigned char)out->p[i] < ' ' || out->p[i] == 0x7f) out->p[i] = ' ';
    return hn_buf_text(out, "\r\n");
}

enum hn_status hn_answer_head(const struct hn_answer_head *head, struct hn_buf *out)
{
    const char *origin = head->options->cors_origin;
    hn_buf_printf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", head->status, reason_of(head->status),
                  head->date);
    hn_buf_str(out, head->lines);
    if (head->chunked) hn_buf_text(out, "Transfer-Encoding: chunked\r\n");
    if (head->length != SIZE_MAX) hn_buf_printf(out, "Content-Length: %zu\r\n", head->length);
    if (head->close) hn_buf_text(out, "Connection: close\r\n");
    else if (head->http10) hn_buf_text(out, "Connection: keep-alive\r\n");
    if (origin) {
        hn_answer_line(out, "Access-Control-Allow-Origin", origin);
        if (strcmp(origin, "*") != 0) hn_buf_text(out, "Vary: Origin\r\n");
        hn_buf_text(out, "Access-Control-Expose-Headers: *\r\n");
    }
    return hn_buf_text(out, "\r\n");
}

enum hn_status hn_answer_preflight(struct hn_str asked_headers, struct hn_buf *lines)
{
    hn_answer_line(lines, "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE");
    if (asked_headers.p) /* a view that ends in a NUL, as all of a request's head */
        hn_answer_line(lines, "Access-Control-Allow-Headers", asked_headers.p);
    return hn_answer_line(lines, "Access-Control-Max-Age", "86400");
}
