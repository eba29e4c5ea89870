#include "text/charsmap.h"

#include "base/bits.h"
#include "text/utf8.h"

enum hn_status hn_charsmap_open(struct hn_str blob, struct hn_charsmap *out, struct hn_error *err)
{
    if (blob.n < 4) return hn_fail(err, HN_E_FORMAT, "charsmap: %zu bytes hold no trie", blob.n);
    const size_t bytes = hn_load_u32(blob.p);
    if (bytes < 4 || bytes % 4 || bytes >= blob.n - 4)
        return hn_fail(err, HN_E_FORMAT, "charsmap: a trie of %zu bytes in a blob of %zu", bytes,
                       blob.n);
    const struct hn_str rest = {blob.p + 4 + bytes, blob.n - 4 - bytes};
    if (rest.p[rest.n - 1] != '\0')
        return hn_fail(err, HN_E_FORMAT, "charsmap: the last replacement has no end");
    *out = (struct hn_charsmap){blob.p + 4, bytes / 4, rest};
    return HN_OK;
}

static uint32_t offset_of(uint32_t unit)
{
    return (unit >> 10) << ((unit & 1u << 9) >> 6);
}

/* The longest key that `text` starts with: its length, and in *value where its replacement is; 0
 * when there is none. Units outside the array end the walk, so a broken trie is merely short. */
static size_t longest_key(const struct hn_charsmap *map, struct hn_str text, uint32_t *value)
{
    size_t longest = 0;
    uint32_t at = offset_of(hn_load_u32(map->units));
    for (size_t i = 0; i < text.n; i++) {
        const unsigned char byte = (unsigned char)text.p[i];
        at ^= byte;
        if (byte == 0 || at >= map->n_units) break;
        const uint32_t unit = hn_load_u32(map->units + 4 * (size_t)at);
        if ((unit & (1u << 31 | 0xFF)) != byte) break;
        at ^= offset_of(unit);
        if (!(unit & 1u << 8)) continue;
        if (at >= map->n_units) break;
        const uint32_t found = hn_load_u32(map->units + 4 * (size_t)at) & 0x7FFFFFFFu;
        if (found >= map->replacements.n) break;
        longest = i + 1;
        *value = found;
    }
    return longest;
}

enum hn_status hn_charsmap_apply(const struct hn_charsmap *map, struct hn_str text,
                                 struct hn_buf *out)
{
    size_t copied = 0;
    for (size_t at = 0; at < text.n;) {
        uint32_t value = 0;
        const size_t length = longest_key(map, (struct hn_str){text.p + at, text.n - at}, &value);
        if (!length) {
            at += hn_utf8_length((unsigned char)text.p[at]);
            continue;
        }
        HN_TRY(hn_buf_add(out, text.p + copied, at - copied));
        HN_TRY(hn_buf_text(out, map->replacements.p + value));
        at = copied = at + length;
    }
    return hn_buf_add(out, text.p + copied, text.n - copied);
}
