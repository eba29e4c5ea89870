#include "fuzz.h"

#include <string.h>

#include "model/recommend/journal.h"

struct heard {
    size_t n, bytes;
};

static enum hn_status hear(void *ctx, struct hn_str record, struct hn_error *err)
{
    struct heard *heard = ctx;
    (void)err;
    fuzz_touch(record.p, record.n);
    heard->n++;
    heard->bytes += record.n;
    return HN_OK;
}

/* What is kept of a torn file reads as the same changes, and as nothing but them. */
void fuzz_one(const uint8_t *data, size_t n)
{
    struct heard first = {0}, second = {0};
    struct hn_error err;
    size_t good, again;
    const char *bytes = (const char *)data;
    if (hn_journal_parse((struct hn_str){bytes, n}, "input", hear, &first, &good, &err) < 0) return;
    if (good > n) __builtin_trap();
    if (hn_journal_parse((struct hn_str){bytes, good}, "input", hear, &second, &again, &err) < 0)
        __builtin_trap();
    if (again != good || first.n != second.n || first.bytes != second.bytes) __builtin_trap();
}
