/* Files of rows, each an object: JSON Lines, or CSV with a line of names. */
#ifndef HN_MODEL_RECOMMEND_ROW_FILE_H
#define HN_MODEL_RECOMMEND_ROW_FILE_H

#include "base/json.h"

enum { HN_ROW_BYTES = 1 << 18 /* of a line or a record */ };

/* What the columns of a CSV are; each list ends with NULL. A cell is null where it is empty, a number where it is
 * written as JSON's, true or false, else a text. */
struct hn_row_form {
    const char *const *needed; /* that there have to be */
    const char *const *texts;  /* that are texts whatever they look like */
    const char *const *lists;  /* of texts, with | between them */
};

typedef enum hn_status hn_row_fn(void *ctx, const json_t *row, size_t line, struct hn_error *err);

/* Gives every row with its line, from 1, to `each`. Errors, those of `each` too, name the line; `name` stands for
 * the file. */
enum hn_status hn_rows_parse(struct hn_str text, bool csv, const char *name,
                             const struct hn_row_form *form, hn_row_fn *each, void *ctx,
                             struct hn_error *err);
/* What a file of that name is taken for: CSV when it ends in .csv, else JSON Lines. */
bool hn_rows_are_csv(const char *path);

#endif
