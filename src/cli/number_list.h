/* Options that take several numbers: "512" or "128,512,2048". */
#ifndef HN_CLI_NUMBER_LIST_H
#define HN_CLI_NUMBER_LIST_H

#include "cli/options.h"

enum { HN_LIST_MAX = 16 };

struct hn_number_list {
    size_t n;
    size_t items[HN_LIST_MAX];
};

/* Replaces the list by the numbers of `text`, each in [min, max]. HN_E_ARG says what is wrong. */
enum hn_status hn_number_list_read(struct hn_number_list *list, const char *text, size_t min,
                                   size_t max, struct hn_error *err);

size_t hn_number_list_max(const struct hn_number_list *list);

#endif
