#include "cli/number_list.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bits.h"

enum hn_status hn_number_list_read(struct hn_number_list *list, const char *text, size_t min,
                                   size_t max, struct hn_error *err)
{
    *list = (struct hn_number_list){0};
    for (const char *p = text;;) {
        char *end;
        errno = 0;
        /* strtoull would take signs and blanks. */
        const unsigned long long n = *p >= '0' && *p <= '9' ? strtoull(p, &end, 10) : 0;
        if (*p < '0' || *p > '9' || errno || n < min || n > max || (*end && *end != ','))
            return hn_fail(err, HN_E_ARG, "give numbers from %zu to %zu, with commas between them",
                           min, max);
        if (list->n == HN_LIST_MAX)
            return hn_fail(err, HN_E_LIMIT, "there may be %d numbers", HN_LIST_MAX);
        list->items[list->n++] = (size_t)n;
        if (!*end) return HN_OK;
        p = end + 1;
    }
}

size_t hn_number_list_max(const struct hn_number_list *list)
{
    size_t max = 0;
    for (size_t i = 0; i < list->n; i++)
        max = hn_max(max, list->items[i]);
    return max;
}
