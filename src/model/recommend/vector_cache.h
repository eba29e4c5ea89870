/* Vectors that a model computed of texts, kept in a file, so that nobody computes them again. It is only a
 * copy: whatever is wrong with the file, it holds less, never something else; and a folder that cannot be written has
 * none.
 *
 * Layout: 8 bytes "HNVECTOR", the fingerprint of model and prompt (u64), dims (u64); then records: the text's
 * two hashes, the floats, a checksum (u64 each but the floats). Little-endian. */
#ifndef HN_MODEL_RECOMMEND_VECTOR_CACHE_H
#define HN_MODEL_RECOMMEND_VECTOR_CACHE_H

#include "base/file.h"
#include "model/recommend/item.h"

struct hn_vector_cache {
    char *path; /* owned */
    int fd;     /* for adding; -1: it cannot be written */
    uint64_t fingerprint;
    size_t dims;
    size_t n;          /* records of the file */
    struct hn_map map; /* as it was opened */
    uint32_t *slots;   /* open hash over records: index + 1 */
    size_t n_slots;
};

/* Words of n bytes, mixed into a hash: for contents, fast; not against an adversary. */
uint64_t hn_content_hash(uint64_t hash, const void *bytes, size_t n);

/* Opens the file, or begins one in place of another model's. HN_E_NOMEM, and it is closed. */
enum hn_status hn_vector_cache_open(const char *path, uint64_t fingerprint, size_t dims,
                                    struct hn_vector_cache *out, struct hn_error *err);
/* The vector of a text, if it was there when the file was opened. */
bool hn_vector_cache_find(const struct hn_vector_cache *cache, struct hn_text_key key, float *out);
/* No more looking up; adding goes on. */
void hn_vector_cache_forget(struct hn_vector_cache *cache);

/* Adds vectors [n][dims]. */
void hn_vector_cache_add(struct hn_vector_cache *cache, const struct hn_text_key *keys,
                         const float *vectors, size_t n);
/* Begins the file anew with what `next` gives, until it is false: for when most of it is of no use any more. */
void hn_vector_cache_replace(struct hn_vector_cache *cache,
                             bool (*next)(void *ctx, struct hn_text_key *key, const float **vector),
                             void *ctx);
void hn_vector_cache_close(struct hn_vector_cache *cache); /* a closed one is fine */

#endif
