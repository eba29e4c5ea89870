/* What a fuzz target defines. The frame calls it with each input, then again with an allocation
 * failing somewhere. */
#ifndef HN_TESTS_FUZZ_H
#define HN_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Reads the input as its format and uses what comes out; frees everything. Must be deterministic. */
void fuzz_one(const uint8_t *data, size_t n);

/* Reads every byte, so that a sanitizer sees a view that reaches too far. */
void fuzz_touch(const void *p, size_t n);

/* Cuts an input that stands for several files at FUZZ_CUT into `max` parts, the absent ones empty; the
 * last takes what is left. */
#define FUZZ_CUT "\n----\n"
void fuzz_split(struct hn_str input, struct hn_str *parts, size_t max);

/* libFuzzer's entry point, in frame.c. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#endif
