/* `--trace`: what the stages of the steps took, added up. */
#ifndef HN_CLI_TRACE_TABLE_H
#define HN_CLI_TRACE_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/trace.h"

enum { HN_TRACE_ROWS = 128 };

/* Zero-initialised is empty. Stages are kept apart by name, kernel, and whether a step had one token
 * or more. */
struct hn_trace_table {
    struct hn_trace_row {
        const char *stage, *kernel;
        bool many;
        size_t calls, tokens, bytes;
        uint64_t ns;
    } rows[HN_TRACE_ROWS];
    size_t n;
};

/* What to hand to hn_engine_trace; the table must outlive its use. */
struct hn_trace hn_trace_table_sink(struct hn_trace_table *table);

void hn_trace_table_print(FILE *f, const struct hn_trace_table *table);

#endif
