#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"

uint64_t hn_str_hash(struct hn_str s, uint64_t seed)
{
    uint64_t h = 0xcbf29ce484222325u ^ seed;
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
    return h ^ (h >> 32);
}

bool hn_str_hex(struct hn_str s, size_t n, uint32_t *out)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    *out = 0;
    if (s.n < n) return false;
    for (size_t i = 0; i < n; i++) {
        const char *digit = s.p[i] ? strchr(digits, s.p[i]) : NULL;
        if (!digit) return false;
        *out = *out << 4 | (uint32_t)(digit - digits) % 16;
    }
    return true;
}

size_t hn_str_unicode(struct hn_str s, uint32_t *out)
{
    uint32_t low;
    if (!hn_str_hex(s, 4, out)) return 0;
    if (*out < 0xD800 || *out >= 0xE000) return 4;
    const struct hn_str rest = {s.p + 4, s.n - 4};
    if (*out >= 0xDC00 || !hn_str_starts(rest, HN_STR("\\u")) ||
        !hn_str_hex((struct hn_str){rest.p + 2, rest.n - 2}, 4, &low) || low < 0xDC00 ||
        low > 0xDFFF)
        return 0;
    *out = 0x10000 + ((*out - 0xD800) << 10 | (low - 0xDC00));
    return 10;
}

enum hn_status hn_buf_reserve(struct hn_buf *buf, size_t n)
{
    if (buf->failed) return buf->failed;
    size_t need;
    if (!hn_add(buf->n, n, &need) || need == SIZE_MAX) return buf->failed = HN_E_LIMIT;
    if (buf->limit && need > buf->limit) return buf->failed = HN_E_LIMIT;
    need++; /* the NUL */
    if (need <= buf->cap) return HN_OK;
    const size_t grown = buf->cap <= SIZE_MAX / 2 ? buf->cap * 2 : need;
    const size_t cap = hn_max(hn_max(need, grown), 64);
    char *p = realloc(buf->p, cap);
    if (!p) return buf->failed = HN_E_NOMEM;
    buf->p = p;
    buf->cap = cap;
    return HN_OK;
}

enum hn_status hn_buf_add(struct hn_buf *buf, const void *bytes, size_t n)
{
    HN_TRY(hn_buf_reserve(buf, n));
    if (n) memcpy(buf->p + buf->n, bytes, n);
    buf->n += n;
    buf->p[buf->n] = '\0';
    return HN_OK;
}

enum hn_status hn_buf_str(struct hn_buf *buf, struct hn_str s)
{
    return hn_buf_add(buf, s.p, s.n);
}

enum hn_status hn_buf_text(struct hn_buf *buf, const char *text)
{
    return hn_buf_add(buf, text, strlen(text));
}

enum hn_status hn_buf_char(struct hn_buf *buf, char c)
{
    return hn_buf_add(buf, &c, 1);
}

enum hn_status hn_buf_printf(struct hn_buf *buf, const char *fmt, ...)
{
    va_list args;
    HN_TRY(hn_buf_reserve(buf, 0));
    const size_t room = buf->cap - buf->n;
    va_start(args, fmt);
    const int n = vsnprintf(buf->p + buf->n, room, fmt, args);
    va_end(args);
    if (n < 0) buf->failed = HN_E_ARG;
    else (void)hn_buf_reserve(buf, (size_t)n);
    if (buf->failed) {
        buf->p[buf->n] = '\0';
        return buf->failed;
    }
    if ((size_t)n >= room) {
        va_start(args, fmt);
        vsnprintf(buf->p + buf->n, (size_t)n + 1, fmt, args);
        va_end(args);
    }
    buf->n += (size_t)n;
    return HN_OK;
}

void hn_buf_clear(struct hn_buf *buf)
{
    buf->n = 0;
    buf->failed = HN_OK;
    if (buf->p) buf->p[0] = '\0';
}

void hn_buf_free(struct hn_buf *buf)
{
    free(buf->p);
    *buf = (struct hn_buf){.limit = buf->limit};
}
