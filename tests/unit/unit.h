/* The frame of a unit test program: one suite, one runner, the exit status. */
#ifndef HN_TESTS_UNIT_H
#define HN_TESTS_UNIT_H

#include <check.h>
#include <stdlib.h>

/* Runs the tests of `tcase` (ownership taken) as a suite; returns what main should return. */
static inline int run_unit(const char *name, TCase *tcase)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
