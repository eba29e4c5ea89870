#include "cli/trace_table.h"

#include <string.h>

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static void add(void *ctx, const struct hn_trace_event *event)
{
    struct hn_trace_table *table = ctx;
    const bool many = event->rows > 1;
    if (same_text(event->stage, "forward")) return; /* its parts are told one by one */
    struct hn_trace_row *row = table->rows;
    struct hn_trace_row *const end = row + table->n;
    while (row < end && (row->many != many || !same_text(row->stage, event->stage) ||
                         !same_text(row->kernel, event->kernel)))
        row++;
    if (row == end) {
        if (table->n == HN_TRACE_ROWS) return; /* more kinds than any model has */
        table->n++;
        *row = (struct hn_trace_row){.stage = event->stage, .kernel = event->kernel, .many = many};
    }
    row->calls++;
    row->tokens += event->rows;
    row->bytes += event->bytes;
    row->ns += event->ns;
}

struct hn_trace hn_trace_table_sink(struct hn_trace_table *table)
{
    return (struct hn_trace){add, table};
}

static void print_part(FILE *f, const struct hn_trace_table *table, bool many)
{
    uint64_t all = 0;
    for (size_t i = 0; i < table->n; i++)
        if (table->rows[i].many == many) all += table->rows[i].ns;
    if (!all) return;
    fprintf(f, "\n%s, %.3f ms\n", many ? "steps of several tokens" : "steps of one token",
            (double)all * 1e-6);
    fprintf(f, "  %-14s %-22s %7s %10s %8s %7s\n", "stage", "kernel", "calls", "us each", "GB/s",
            "share");
    for (size_t i = 0; i < table->n; i++) {
        const struct hn_trace_row *row = &table->rows[i];
        if (row->many != many) continue;
        fprintf(f, "  %-14s %-22s %7zu %10.2f ", row->stage, row->kernel ? row->kernel : "",
                row->calls, (double)row->ns * 1e-3 / (double)row->calls);
        if (row->bytes && row->ns) fprintf(f, "%8.2f", (double)row->bytes / (double)row->ns);
        else fprintf(f, "%8s", "");
        fprintf(f, " %6.1f%%\n", 100 * (double)row->ns / (double)all);
    }
}

void hn_trace_table_print(FILE *f, const struct hn_trace_table *table)
{
    print_part(f, table, true);
    print_part(f, table, false);
}
