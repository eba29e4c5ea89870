#include "fuzz.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bits.h"
#include "model/recommend/vector_cache.h"

enum { HEAD = 24, DIMS = 8 /* at most, so that inputs have several records */ };

/* Whatever the file holds: a vector that is found is finite, and one that is added is found next time. */
static void use(const char *path, uint64_t fingerprint, size_t dims, struct hn_text_key key)
{
    struct hn_error err;
    struct hn_vector_cache cache;
    float vector[DIMS], one[DIMS] = {1, 2, 3};
    if (hn_vector_cache_open(path, fingerprint, dims, &cache, &err) < 0) return;
    if (hn_vector_cache_find(&cache, key, vector))
        for (size_t i = 0; i < dims; i++)
            if (!isfinite(vector[i])) __builtin_trap();
    hn_vector_cache_forget(&cache);
    const size_t n = cache.n;
    hn_vector_cache_add(&cache, &(struct hn_text_key){{7, 8}}, one, 1);
    const bool added = cache.n > n;
    hn_vector_cache_close(&cache);
    if (!added || hn_vector_cache_open(path, fingerprint, dims, &cache, &err) < 0) return;
    if (cache.slots && (!hn_vector_cache_find(&cache, (struct hn_text_key){{7, 8}}, vector) ||
                        memcmp(vector, one, dims * sizeof *one) != 0))
        __builtin_trap();
    hn_vector_cache_close(&cache);
}

void fuzz_one(const uint8_t *data, size_t n)
{
    char path[64];
    struct hn_text_key key = {{1, 2}};
    const size_t dims = n >= HEAD ? 1 + (hn_load_u64(data + 16) - 1) % DIMS : 2;
    const int fd = memfd_create("cache", MFD_CLOEXEC);
    if (fd < 0) return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (n >= HEAD + sizeof key) memcpy(&key, data + HEAD, sizeof key);
    if (write(fd, data, n) == (ssize_t)n)
        use(path, n >= HEAD ? hn_load_u64(data + 8) : 0, dims, key);
    close(fd);
}
