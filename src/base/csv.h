/* Tables of comma-separated values, as RFC 4180 has them. */
#ifndef HN_BASE_CSV_H
#define HN_BASE_CSV_H

#include "base/arena.h"
#include "base/str.h"

/* Begin with `p` and `end` around the text, `name` for errors, and zeros; free with hn_csv_free. */
struct hn_csv {
    const char *p, *end;
    const char *name;
    size_t line;   /* that the last row begins in, from 1 */
    size_t passed; /* ends of lines so far, those inside of cells too */
    struct hn_str *cells;
    size_t n, room;
};

/* Reads a row into `cells`; *more is false, and there is none, at the end. Empty lines are passed over, and
 * a mark of UTF-8 before the first. Errors name the line. Cells are views of the text, or lie in `arena` where quotes had to be taken out. */
enum hn_status hn_csv_row(struct hn_csv *csv, struct hn_arena *arena, bool *more,
                          struct hn_error *err);
void hn_csv_free(struct hn_csv *csv);

/* Appends a cell, in quotes where it needs them. */
void hn_csv_put(struct hn_buf *out, struct hn_str cell);

#endif
