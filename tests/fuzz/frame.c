#include "fuzz.h"

#include "base/str.h"
#include "faults.h"

void fuzz_touch(const void *p, size_t n)
{
    const volatile unsigned char *at = p;
    for (size_t i = 0; i < n; i++)
        (void)at[i];
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
