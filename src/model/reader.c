#include "model/reader.h"

#include <stdio.h>

struct hn_str hn_read_key(struct hn_reader *r, const char *key)
{
    snprintf(r->key, sizeof r->key, "%.*s.%s", HN_FMT(r->arch), key);
    return hn_str_from(r->key);
}

enum hn_status hn_read_count(struct hn_reader *r, const char *key, size_t limit, size_t fallback,
                             size_t *out)
{
    uint32_t value = 0;
    const enum hn_status status = hn_meta_u32(r->meta, hn_read_key(r, key), &value, r->err);
    if (status == HN_E_NOTFOUND) {
        if (!fallback) return hn_fail(r->err, HN_E_FORMAT, "key %s is missing", r->key);
        *out = fallback;
        return HN_OK;
    }
    HN_TRY(status);
    if (value < 1 || value > limit)
        return hn_fail(r->err, HN_E_LIMIT, "key %s is %u, not between 1 and %zu", r->key, value,
                       limit);
    *out = value;
    return HN_OK;
}

enum hn_status hn_read_optional(struct hn_reader *r, const char *key, size_t limit, size_t *out)
{
    uint32_t value = 0;
    const enum hn_status status = hn_meta_u32(r->meta, hn_read_key(r, key), &value, r->err);
    if (status < 0 && status != HN_E_NOTFOUND) return status;
    if (value > limit)
        return hn_fail(r->err, HN_E_LIMIT, "key %s is %u, more than %zu", r->key, value, limit);
    *out = value;
    return HN_OK;
}

enum hn_status hn_read_real(struct hn_reader *r, const char *key, float low, float high, float *out)
{
    float value = *out;
    const enum hn_status status = hn_meta_f32(r->meta, hn_read_key(r, key), &value, r->err);
    if (status == HN_E_NOTFOUND) return HN_OK;
    HN_TRY(status);
    if (!(value >= low && value <= high))
        return hn_fail(r->err, HN_E_FORMAT, "key %s is %g, not between %g and %g", r->key,
                       (double)value, (double)low, (double)high);
    *out = value;
    return HN_OK;
}
