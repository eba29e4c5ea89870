#include "server/key.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/rng.h"

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567"; /* RFC 4648, in small letters */
static const char hash_name[] = "sha256:";
static const char spaces[] = " \t\r";

static const struct hn_str prefix = {"hn-", 3};
enum { SECRET = 52, SECRET_BYTES = 32, ID_BYTES = 5 };
_Static_assert(HN_KEY_TEXT == 3 + HN_KEY_ID + 1 + SECRET, "hn-ID-SECRET");

/* For keys that are being made: nobody is there yet to measure how long a look into a table takes. */
static void base32(const uint8_t *bytes, size_t n, char *out)
{
    uint32_t bits = 0;
    int have = 0;
    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | bytes[i];
        for (have += 8; have >= 5; have -= 5)
            *out++ = alphabet[bits >> (have - 5) & 31];
    }
    if (have) *out++ = alphabet[bits << (5 - have) & 31];
    *out = '\0';
}

static bool is_id(struct hn_str s)
{
    if (s.n != HN_KEY_ID) return false;
    for (size_t i = 0; i < s.n; i++)
        if (!s.p[i] || !strchr(alphabet, s.p[i])) return false;
    return true;
}

const char *hn_role_name(enum hn_role role)
{
    return role == HN_ROLE_ADMIN ? "admin" : "user";
}

enum hn_status hn_role_parse(const char *text, enum hn_role *out, struct hn_error *err)
{
    for (int role = HN_ROLE_USER; role <= HN_ROLE_ADMIN; role++) {
        if (strcmp(text, hn_role_name((enum hn_role)role)) != 0) continue;
        *out = (enum hn_role)role;
        return HN_OK;
    }
    return hn_fail(err, HN_E_ARG, "a key's role is user or admin");
}

enum hn_status hn_key_check_name(const char *name, struct hn_error *err)
{
    static const char good[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@+-";
    const size_t n = strlen(name);
    if (n >= 1 && n <= HN_KEY_NAME && strspn(name, good) == n) return HN_OK;
    return hn_fail(err, HN_E_ARG, "a key's name is 1 to %d letters, digits and ._@+-", HN_KEY_NAME);
}

enum hn_status hn_key_make(struct hn_key *key, char text[HN_KEY_TEXT + 1], struct hn_error *err)
{
    uint8_t bytes[ID_BYTES + SECRET_BYTES];
    HN_TRY(hn_random_bytes(bytes, sizeof bytes, err));
    HN_TRY(hn_random_bytes(key->salt, sizeof key->salt, err));
    base32(bytes, ID_BYTES, key->id);
    memcpy(text, prefix.p, prefix.n);
    memcpy(text + prefix.n, key->id, HN_KEY_ID);
    text[prefix.n + HN_KEY_ID] = '-';
    base32(bytes + ID_BYTES, SECRET_BYTES, text + prefix.n + HN_KEY_ID + 1);
    explicit_bzero(bytes, sizeof bytes);
    if (hn_digest(key->salt, sizeof key->salt, (struct hn_str){text, HN_KEY_TEXT}, key->hash))
        return HN_OK;
    return hn_fail(err, HN_E_NOMEM, "no memory to hash a key");
}

uint64_t hn_key_number(const struct hn_key *key)
{
    uint64_t number = 0;
    for (const char *c = key->id; *c; c++)
        number = number << 5 | (uint64_t)(strchr(alphabet, *c) - alphabet);
    return number + 1;
}

bool hn_key_split(struct hn_str text, struct hn_str *id)
{
    if (text.n != HN_KEY_TEXT || !hn_str_starts(text, prefix)) return false;
    *id = (struct hn_str){text.p + prefix.n, HN_KEY_ID};
    return text.p[prefix.n + HN_KEY_ID] == '-' && is_id(*id);
}

bool hn_key_matches(const struct hn_key *key, struct hn_str text)
{
    static const struct hn_key nobody;
    uint8_t hash[HN_DIGEST];
    return hn_digest(key ? key->salt : nobody.salt, HN_KEY_SALT, text, hash) &&
           hn_digest_same(hash, key ? key->hash : nobody.hash) && key;
}

static void put_hex(struct hn_buf *out, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hn_buf_printf(out, "%02x", bytes[i]);
}

enum hn_status hn_key_print(const struct hn_key *key, struct hn_buf *out)
{
    char time[HN_CLOCK_TEXT];
    hn_clock_text(key->created_ms, false, time);
    hn_buf_printf(out, "%s  %s  %s  %s  %s", key->id, key->name, hn_role_name(key->role), time,
                  hash_name);
    put_hex(out, key->salt, sizeof key->salt);
    hn_buf_char(out, ':');
    put_hex(out, key->hash, sizeof key->hash);
    if (key->limit.requests) hn_buf_printf(out, "  rpm=%u", key->limit.requests);
    if (key->limit.tokens) hn_buf_printf(out, "  tpm=%u", key->limit.tokens);
    if (key->limit.concurrent) hn_buf_printf(out, "  concurrent=%u", key->limit.concurrent);
    if (key->weight != 1) hn_buf_printf(out, "  weight=%.9g", (double)key->weight);
    if (key->revoked_ms) {
        hn_clock_text(key->revoked_ms, false, time);
        hn_buf_printf(out, "  revoked=%s", time);
    }
    return out->failed;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Exactly n bytes; returns the text behind them, NULL when they are not there. */
static const char *take_hex(const char *text, uint8_t *out, size_t n)
{
    for (; n; n--, text += 2) {
        const int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0) return NULL;
        *out++ = (uint8_t)(high << 4 | low);
    }
    return text;
}

static enum hn_status take_hash(const char *word, struct hn_key *key, struct hn_error *err)
{
    const char *at = strncmp(word, hash_name, strlen(hash_name)) ? NULL : word + strlen(hash_name);
    if (at) at = take_hex(at, key->salt, sizeof key->salt);
    if (at) at = *at == ':' ? take_hex(at + 1, key->hash, sizeof key->hash) : NULL;
    if (at && !*at) return HN_OK;
    return hn_fail(err, HN_E_FORMAT, "the fifth field must be sha256:SALT:HASH, %d and %d digits",
                   2 * HN_KEY_SALT, 2 * HN_DIGEST);
}

static enum hn_status take_time(const char *what, const char *text, int64_t *out,
                                struct hn_error *err)
{
    *out = hn_clock_parse(text);
    if (*out > 0) return HN_OK;
    return hn_fail(err, HN_E_FORMAT, "%s must be a time such as 2026-11-25T23:29:55Z", what);
}

static enum hn_status take_count(const char *word, const char *text, uint32_t *out,
                                 struct hn_error *err)
{
    char *end;
    const unsigned long long n = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || n > UINT32_MAX)
        return hn_fail(err, HN_E_FORMAT, "%s: not a number from 0 to %u", word, UINT32_MAX);
    *out = (uint32_t)n;
    return HN_OK;
}

static enum hn_status take_weight(const char *word, const char *text, float *out,
                                  struct hn_error *err)
{
    char *end;
    *out = strtof(text, &end);
    if (end == text || *end || !(*out >= 0.01f && *out <= 100))
        return hn_fail(err, HN_E_FORMAT, "%s: not a number from 0.01 to 100", word);
    return HN_OK;
}

/* NAME=VALUE behind the fields that every key has. */
static enum hn_status take_option(char *word, struct hn_key *key, struct hn_error *err)
{
    const struct hn_str name = {word, strcspn(word, "=")};
    const char *value = word + name.n + (word[name.n] == '=');
    if (hn_str_is(name, "rpm")) return take_count(word, value, &key->limit.requests, err);
    if (hn_str_is(name, "tpm")) return take_count(word, value, &key->limit.tokens, err);
    if (hn_str_is(name, "concurrent")) return take_count(word, value, &key->limit.concurrent, err);
    if (hn_str_is(name, "weight")) return take_weight(word, value, &key->weight, err);
    if (hn_str_is(name, "revoked")) return take_time(word, value, &key->revoked_ms, err);
    return hn_fail(err, HN_E_FORMAT, "%.40s: not one of rpm, tpm, concurrent, weight, revoked",
                   word);
}

static enum hn_status take_field(size_t i, char *word, struct hn_key *key, struct hn_error *err)
{
    switch (i) {
    case 0:
        if (!is_id(hn_str_from(word)))
            return hn_fail(err, HN_E_FORMAT, "the first field must be an id, %d of %s", HN_KEY_ID,
                           alphabet);
        memcpy(key->id, word, sizeof key->id);
        return HN_OK;
    case 1:
        HN_TRY(hn_key_check_name(word, err));
        memcpy(key->name, word, strlen(word) + 1);
        return HN_OK;
    case 2: return hn_role_parse(word, &key->role, err);
    case 3: return take_time("the fourth field", word, &key->created_ms, err);
    case 4: return take_hash(word, key, err);
    default: return take_option(word, key, err);
    }
}

enum hn_status hn_key_parse(struct hn_str line, struct hn_key *out, struct hn_error *err)
{
    char text[HN_KEY_LINE + 1], *rest = text, *word;
    size_t n = 0;
    *out = (struct hn_key){.weight = 1};
    if (line.n > HN_KEY_LINE || memchr(line.p, '\0', line.n))
        return hn_fail(err, HN_E_FORMAT, "longer than %d bytes, or with a NUL", HN_KEY_LINE);
    memcpy(text, line.p, line.n);
    text[line.n] = '\0';
    while ((word = strsep(&rest, spaces))) {
        if (!*word) continue;
        if (take_field(n++, word, out, err) < 0) return HN_E_FORMAT;
    }
    if (n < 5)
        return hn_fail(err, HN_E_FORMAT,
                       "a key is ID NAME ROLE CREATED sha256:SALT:HASH, with "
                       "options behind");
    return HN_OK;
}
