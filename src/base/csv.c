#include "base/csv.h"

#include <stdlib.h>

#include "base/bits.h"

static enum hn_status add(struct hn_csv *csv, struct hn_str cell, struct hn_error *err)
{
    if (csv->n == csv->room) {
        const size_t room = hn_max(16, 2 * csv->room);
        struct hn_str *grown = reallocarray(csv->cells, room, sizeof *grown);
        if (!grown) return hn_fail_nomem(err, "a row", room * sizeof *grown);
        csv->cells = grown;
        csv->room = room;
    }
    csv->cells[csv->n++] = cell;
    return HN_OK;
}

/* Behind the first quote; two quotes stand for one. */
static enum hn_status read_quoted(struct hn_csv *csv, struct hn_arena *arena, struct hn_str *out,
                                  struct hn_error *err)
{
    const char *start = csv->p;
    size_t doubled = 0;
    for (;; csv->p++) {
        if (csv->p == csv->end)
            return hn_fail(err, HN_E_FORMAT, "%s: line %zu: a quote is not closed", csv->name,
                           csv->line);
        csv->passed += *csv->p == '\n';
        if (*csv->p != '"') continue;
        if (csv->p + 1 == csv->end || csv->p[1] != '"') break;
        doubled++;
        csv->p++;
    }
    *out = (struct hn_str){start, (size_t)(csv->p++ - start)};
    if (!doubled) return HN_OK;
    char *plain = hn_arena_alloc(arena, out->n - doubled, 1);
    if (!plain) return hn_fail_nomem(err, "a cell", out->n);
    size_t n = 0;
    for (size_t i = 0; i < out->n; i++) {
        plain[n++] = out->p[i];
        i += out->p[i] == '"';
    }
    *out = (struct hn_str){plain, n};
    return HN_OK;
}

static bool at_end(const struct hn_csv *csv)
{
    return csv->p == csv->end || *csv->p == '\n' || *csv->p == '\r';
}

static enum hn_status read_cell(struct hn_csv *csv, struct hn_arena *arena, struct hn_error *err)
{
    struct hn_str cell = {csv->p, 0};
    if (csv->p < csv->end && *csv->p == '"') {
        csv->p++;
        HN_TRY(read_quoted(csv, arena, &cell, err));
        if (!at_end(csv) && *csv->p != ',')
            return hn_fail(err, HN_E_FORMAT, "%s: line %zu: something behind a closing quote",
                           csv->name, csv->line);
    } else {
        while (!at_end(csv) && *csv->p != ',')
            csv->p++;
        cell.n = (size_t)(csv->p - cell.p);
    }
    return add(csv, cell, err);
}

static void skip_line_end(struct hn_csv *csv)
{
    csv->passed += csv->p < csv->end;
    if (csv->p < csv->end && *csv->p == '\r') csv->p++;
    if (csv->p < csv->end && *csv->p == '\n') csv->p++;
}

enum hn_status hn_csv_row(struct hn_csv *csv, struct hn_arena *arena, bool *more,
                          struct hn_error *err)
{
    static const struct hn_str mark = HN_STR("\xEF\xBB\xBF");
    if (!csv->line && hn_str_starts((struct hn_str){csv->p, (size_t)(csv->end - csv->p)}, mark))
        csv->p += mark.n;
    while (csv->p < csv->end && at_end(csv))
        skip_line_end(csv);
    csv->line = csv->passed + 1;
    csv->n = 0;
    *more = csv->p < csv->end;
    if (!*more) return HN_OK;
    for (;;) {
        HN_TRY(read_cell(csv, arena, err));
        if (at_end(csv)) break;
        csv->p++; /* the comma */
    }
    skip_line_end(csv);
    return HN_OK;
}

void hn_csv_free(struct hn_csv *csv)
{
    free(csv->cells);
}

void hn_csv_put(struct hn_buf *out, struct hn_str cell)
{
    bool plain = true;
    for (size_t i = 0; i < cell.n; i++)
        plain = plain && !strchr("\",\r\n", cell.p[i]);
    if (plain) {
        hn_buf_str(out, cell);
        return;
    }
    hn_buf_char(out, '"');
    for (size_t i = 0; i < cell.n; i++) {
        if (cell.p[i] == '"') hn_buf_char(out, '"');
        hn_buf_char(out, cell.p[i]);
    }
    hn_buf_char(out, '"');
}
