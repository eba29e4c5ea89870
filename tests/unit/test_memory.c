#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/memory.h"
#include "unit.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

START_TEST(no_more_is_available_than_the_machine_has)
{
    const size_t all = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    const size_t available = hn_memory_available();
    ck_assert_uint_gt(available, 0);
    ck_assert_uint_le(available, all);
}
END_TEST

START_TEST(a_limit_on_the_address_space_counts)
{
#ifdef SANITIZED
    puts("skipped: sanitizers reserve more address space than any limit would leave");
#else
    struct rlimit space;
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &space), 0);
    const rlim_t limit = (rlim_t)256 << 20;
    if (space.rlim_max != RLIM_INFINITY && space.rlim_max < limit) return;
    space.rlim_cur = limit;
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &space), 0);
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &space), 0);
    if (space.rlim_cur != limit) { /* qemu's user mode */
        puts("skipped: this emulator takes no limit on the address space");
        return;
    }
    ck_assert_uint_le(hn_memory_available(), limit);
    ck_assert_uint_gt(hn_memory_available(), 0);
#endif
}
END_TEST

START_TEST(what_is_not_touched_yet_is_promised)
{
    const size_t bytes = (size_t)64 << 20, huge = (size_t)2 << 20, step = 4096;
    unsigned char *p = hn_memory_map(bytes);
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_eq(hn_memory_promised(), bytes);
    for (size_t i = 0; i < bytes / 4; i += step)
        p[i] = 1;
    ck_assert_uint_le(hn_memory_promised(), bytes - bytes / 4);
    ck_assert_uint_ge(hn_memory_promised(), bytes - bytes / 4 - huge);
    hn_memory_unmap(p, bytes);
    ck_assert_uint_eq(hn_memory_promised(), 0);
    hn_memory_unmap(NULL, 1);
}
END_TEST

/* Twice what the machine has, so that nothing that others take or give meanwhile matters. */
START_TEST(what_was_promised_is_not_available)
{
    const size_t all = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *p = hn_memory_map(2 * all);
    if (!p) {
        puts("skipped: this system promises no more memory than it has");
        return;
    }
    ck_assert_uint_eq(hn_memory_available(), 0);
    hn_memory_unmap(p, 2 * all);
    ck_assert_uint_gt(hn_memory_available(), 0);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("memory");
    tcase_add_test(tc, no_more_is_available_than_the_machine_has);
    tcase_add_test(tc, a_limit_on_the_address_space_counts);
    tcase_add_test(tc, what_is_not_touched_yet_is_promised);
    tcase_add_test(tc, what_was_promised_is_not_available);
    return run_unit("memory", tc);
}
