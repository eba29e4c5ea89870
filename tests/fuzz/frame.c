#include "fuzz.h"

#include "faults.h"

void fuzz_touch(const void *p, size_t n)
{
    const volatile unsigned char *at = p;
    for (size_t i = 0; i < n; i++)
        (void)at[i];
}

void fuzz_split(struct hn_str input, struct hn_str *parts, size_t max)
{
    const struct hn_str cut = HN_STR(FUZZ_CUT);
    for (size_t i = 0; i < max; i++) {
        const char *at = i + 1 < max ? memmem(input.p, input.n, cut.p, cut.n) : NULL;
        parts[i] = (struct hn_str){input.p, at ? (size_t)(at - input.p) : input.n};
        const size_t taken = parts[i].n + (at ? cut.n : 0);
        input = (struct hn_str){input.p + taken, input.n - taken};
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    faults_start(0);
    fuzz_one(data, n);
    const size_t allocations = faults_stop();
    if (allocations == 0) return 0;
    /* The input decides which allocation fails, so that a finding repeats. */
    faults_start(hn_str_hash((struct hn_str){(const char *)data, n}, 0) % allocations + 1);
    fuzz_one(data, n);
    faults_stop();
    return 0;
}
