/* Reading the keys of one architecture, checked: "block_count" stands for "llama.block_count". */
#ifndef HN_MODEL_READER_H
#define HN_MODEL_READER_H

#include "base/status.h"
#include "tensor/meta.h"

struct hn_reader {
    const struct hn_meta *meta;
    struct hn_str arch;
    struct hn_error *err;
    char key[256]; /* of the last read, for errors */
};

/* The whole key; a view of r->key. */
struct hn_str hn_read_key(struct hn_reader *r, const char *key);
/* A count in 1..limit; `fallback` when absent, which is an error when that is 0. */
enum hn_status hn_read_count(struct hn_reader *r, const char *key, size_t limit, size_t fallback,
                             size_t *out);
/* The same, where 0 is a value and absent means 0. */
enum hn_status hn_read_optional(struct hn_reader *r, const char *key, size_t limit, size_t *out);
/* A finite number in [low, high]; *out stays when the key is absent. */
enum hn_status hn_read_real(struct hn_reader *r, const char *key, float low, float high,
                            float *out);

#endif
