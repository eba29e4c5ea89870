#include "faults.h"

#include <errno.h>
#include <stdlib.h>

/* Where an allocation goes in the end: a sanitizer's allocator when one is linked, else glibc's. */
#define REAL(result, name, params, args)                                                           \
    extern result __interceptor_##name params __attribute__((weak));                               \
    extern result __libc_##name params;                                                            \
    static result real_##name params                                                               \
    {                                                                                              \
        return __interceptor_##name ? __interceptor_##name args : __libc_##name args;              \
    }
REAL(void *, malloc, (size_t n), (n))
REAL(void *, calloc, (size_t n, size_t size), (n, size))
REAL(void *, realloc, (void *p, size_t n), (p, n))
REAL(void *, memalign, (size_t align, size_t n), (align, n))

static bool counting;
static size_t count;
static size_t fail_count;

void faults_start(size_t fail_at)
{
    count = 0;
    fail_count = fail_at;
    counting = true;
}

bool faults_armed(void)
{
    return counting && fail_count;
}

size_t faults_stop(void)
{
    counting = false;
    return count;
}

static bool fails(void)
{
    if (!counting || ++count != fail_count) return false;
    errno = ENOMEM;
    return true;
}

/* Shared libraries must find them, although the project hides what it does not mean to export. */
#pragma GCC visibility push(default)
void *malloc(size_t n)
{
    return fails() ? NULL : real_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return fails() ? NULL : real_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return fails() ? NULL : real_realloc(p, n);
}

void *aligned_alloc(size_t align, size_t n)
{
    return fails() ? NULL : real_memalign(align, n);
}
#pragma GCC visibility pop
