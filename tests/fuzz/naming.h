/* What the targets of trees share. */
#ifndef HN_TESTS_NAMING_H
#define HN_TESTS_NAMING_H

#include "formats/forest.h"

/* Looks every category up by its name; stops the program where it is not found. */
void fuzz_categories(const struct hn_forest *forest);

#endif
