#include "model/recommend/vector_cache.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"

static const char MAGIC[8] = "HNVECTOR";

enum {
    HEAD = 24,
    KEY = sizeof(struct hn_text_key),
    SUM = 8,
    WRITE_BYTES = 1 << 20, /* at once */
};

uint64_t hn_content_hash(uint64_t hash, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    hash ^= n * 0x9e3779b97f4a7c15u;
    for (; n >= 8; p += 8, n -= 8) {
        hash = (hash ^ hn_load_u64(p)) * 0xff51afd7ed558ccdu;
        hash ^= hash >> 32;
    }
    uint64_t rest = 0;
    if (n) memcpy(&rest, p, n);
    hash = (hash ^ rest) * 0xff51afd7ed558ccdu;
    return hash ^ hash >> 32;
}

static size_t record_bytes(size_t dims)
{
    return KEY + dims * sizeof(float) + SUM;
}

static void put_head(struct hn_buf *out, uint64_t fingerprint, uint64_t dims)
{
    hn_buf_add(out, MAGIC, sizeof MAGIC);
    hn_buf_add(out, &fingerprint, sizeof fingerprint);
    hn_buf_add(out, &dims, sizeof dims);
}

static void put_record(struct hn_buf *out, const struct hn_text_key *key, const float *vector,
                       size_t dims)
{
    uint64_t sum = hn_content_hash(0, key, KEY);
    sum = hn_content_hash(sum, vector, dims * sizeof *vector);
    hn_buf_add(out, key, KEY);
    hn_buf_add(out, vector, dims * sizeof *vector);
    hn_buf_add(out, &sum, sizeof sum);
}

/* --- reading ----------------------------------------------------------------------------------- */

static const unsigned char *record_of(const struct hn_vector_cache *c, size_t at)
{
    return c->map.data + HEAD + at * record_bytes(c->dims);
}

static bool same_key(const unsigned char *record, struct hn_text_key key)
{
    return memcmp(record, &key, KEY) == 0;
}

/* The place of a text in the table: its record, or a free one. */
static uint32_t *slot_of(const struct hn_vector_cache *c, struct hn_text_key key)
{
    size_t at = key.hash[0] & (c->n_slots - 1);
    while (c->slots[at] && !same_key(record_of(c, c->slots[at] - 1), key))
        at = (at + 1) & (c->n_slots - 1);
    return &c->slots[at];
}

/* Whether the file is this model's. */
static bool is_ours(const struct hn_vector_cache *c)
{
    const unsigned char *p = c->map.data;
    return c->map.size >= HEAD && memcmp(p, MAGIC, sizeof MAGIC) == 0 &&
           hn_load_u64(p + 8) == c->fingerprint && hn_load_u64(p + 16) == c->dims &&
           (c->map.size - HEAD) / record_bytes(c->dims) < UINT32_MAX / 4;
}

static enum hn_status index_records(struct hn_vector_cache *c, struct hn_error *err)
{
    c->n = (c->map.size - HEAD) / record_bytes(c->dims);
    c->n_slots = 16;
    while (c->n_slots < 2 * c->n)
        c->n_slots *= 2;
    c->slots = calloc(c->n_slots, sizeof *c->slots);
    if (!c->slots) return hn_fail_nomem(err, "vectors of texts", c->n_slots * sizeof *c->slots);
    for (size_t i = 0; i < c->n; i++) {
        struct hn_text_key key;
        memcpy(&key, record_of(c, i), KEY);
        *slot_of(c, key) = (uint32_t)(i + 1);
    }
    return HN_OK;
}

bool hn_vector_cache_find(const struct hn_vector_cache *c, struct hn_text_key key, float *out)
{
    const uint32_t at = c->slots ? *slot_of(c, key) : 0;
    if (!at) return false;
    const unsigned char *record = record_of(c, at - 1);
    const size_t bytes = c->dims * sizeof *out;
    memcpy(out, record + KEY, bytes);
    const uint64_t sum = hn_content_hash(hn_content_hash(0, &key, KEY), out, bytes);
    bool good = sum == hn_load_u64(record + KEY + bytes);
    for (size_t i = 0; good && i < c->dims; i++)
        good = isfinite(out[i]);
    return good;
}

void hn_vector_cache_forget(struct hn_vector_cache *c)
{
    hn_map_close(&c->map);
    free(c->slots);
    c->slots = NULL;
}

/* --- writing ----------------------------------------------------------------------------------- */

/* Behind the whole records: what a crash left of one goes. */
static void open_for_adding(struct hn_vector_cache *c)
{
    if (c->fd >= 0) close(c->fd);
    c->fd = open(c->path, O_WRONLY | O_APPEND | O_CLOEXEC);
    const off_t bytes = c->fd < 0 ? 0 : lseek(c->fd, 0, SEEK_END);
    const off_t torn = (bytes - HEAD) % (off_t)record_bytes(c->dims);
    if (c->fd < 0 || !torn || ftruncate(c->fd, bytes - torn) == 0) return;
    close(c->fd);
    c->fd = -1;
}

static bool nothing(void *ctx, struct hn_text_key *key, const float **vector)
{
    (void)ctx;
    (void)key;
    (void)vector;
    return false;
}

enum hn_status hn_vector_cache_open(const char *path, uint64_t fingerprint, size_t dims,
                                    struct hn_vector_cache *out, struct hn_error *err)
{
    struct hn_file_version version;
    *out = (struct hn_vector_cache){
        .path = strdup(path), .fd = -1, .fingerprint = fingerprint, .dims = dims};
    if (!out->path) return hn_fail_nomem(err, path, strlen(path));
    if (hn_file_look(path, &version)) (void)hn_map_open(path, &out->map, NULL);
    if (is_ours(out)) {
        open_for_adding(out);
        const enum hn_status status = index_records(out, err);
        if (status < 0) hn_vector_cache_close(out);
        return status;
    }
    hn_map_close(&out->map);
    hn_vector_cache_replace(out, nothing, NULL);
    return HN_OK;
}

void hn_vector_cache_add(struct hn_vector_cache *c, const struct hn_text_key *keys,
                         const float *vectors, size_t n)
{
    struct hn_buf bytes = {0};
    if (c->fd < 0) return;
    for (size_t i = 0; i < n; i++)
        put_record(&bytes, &keys[i], vectors + i * c->dims, c->dims);
    /* In one piece: others may add to the same file. */
    if (!bytes.failed && write(c->fd, bytes.p, bytes.n) == (ssize_t)bytes.n) {
        c->n += n;
    } else { /* a full disk: no more of it; what is torn is cut off when it is opened */
        close(c->fd);
        c->fd = -1;
    }
    hn_buf_free(&bytes);
}

void hn_vector_cache_replace(struct hn_vector_cache *c,
                             bool (*next)(void *ctx, struct hn_text_key *key, const float **vector),
                             void *ctx)
{
    struct hn_out out;
    struct hn_buf bytes = {0};
    struct hn_text_key key;
    const float *vector;
    size_t n = 0;
    if (hn_out_open(c->path, &out, NULL) < 0) return;
    put_head(&bytes, c->fingerprint, c->dims);
    enum hn_status status = HN_OK;
    for (; status >= 0 && next(ctx, &key, &vector); n++) {
        put_record(&bytes, &key, vector, c->dims);
        if (bytes.n < WRITE_BYTES) continue;
        status = hn_out_write(&out, bytes.p, bytes.n, NULL);
        hn_buf_clear(&bytes);
    }
    if (bytes.failed) status = bytes.failed;
    if (status >= 0) status = hn_out_write(&out, bytes.p, bytes.n, NULL);
    hn_buf_free(&bytes);
    if (status < 0) {
        hn_out_abandon(&out);
    } else if (hn_out_commit(&out, NULL) >= 0) {
        c->n = n;
        open_for_adding(c);
    }
}

void hn_vector_cache_close(struct hn_vector_cache *c)
{
    hn_vector_cache_forget(c);
    if (c->fd >= 0) close(c->fd);
    free(c->path);
    *c = (struct hn_vector_cache){.fd = -1};
}
