/* Allocations that fail on demand. The program's own malloc, calloc, realloc and aligned_alloc count
 * and hand on, so the calls that jansson, PCRE2 and the C library make count too. */
#ifndef HN_TESTS_FAULTS_H
#define HN_TESTS_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

/* Counts from now on; the `fail_at`-th allocation (from 1; 0 = none) returns NULL, once. One thread. */
void faults_start(size_t fail_at);

/* Whether an allocation is to fail, or has. */
bool faults_armed(void);

/* Stops; returns how many allocations were asked for since the start. */
size_t faults_stop(void);

#endif
