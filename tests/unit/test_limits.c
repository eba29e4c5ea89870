/* The machine's limits: figures that a machine of this century can have, more with more. */
#include "unit.h"

#include "backend/cpu/limits.h"

START_TEST(limits_are_plausible)
{
    enum hn_cpu_level level;
    struct hn_error err = {0};
    struct hn_pool *pool;
    struct hn_limits limits;
    ck_assert_int_eq(hn_cpu_choose(getenv("HENCE_CPU"), &level, &err), HN_OK);
    ck_assert_int_eq(hn_pool_create(2, &pool, &err), HN_OK);
    ck_assert_msg(hn_limits_measure(pool, hn_kernels_for(level), &limits, &err) == HN_OK, "%s",
                  err.text);
    ck_assert_uint_eq(limits.threads, 2);
    ck_assert_double_gt(limits.read_bytes, 1e6);
    ck_assert_double_lt(limits.read_bytes, 1e14);
    for (int kind = 0; kind < HN_ACT_KINDS; kind++) {
        ck_assert_double_gt(limits.dot[kind], 1e6);
        ck_assert_double_lt(limits.dot[kind], 1e14);
    }
    hn_pool_destroy(pool);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("limits");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, limits_are_plausible);
    return run_unit("limits", tcase);
}
