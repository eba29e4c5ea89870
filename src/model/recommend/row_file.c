#include "model/recommend/row_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/csv.h"

enum { COLUMNS = 1024 };

struct reading {
    const char *name; /* of the file */
    const struct hn_row_form *form;
    hn_row_fn *each;
    void *ctx;
};

static enum hn_status give(const struct reading *r, const json_t *row, size_t line,
                           struct hn_error *err)
{
    const enum hn_status status = r->each(r->ctx, row, line, err);
    return status < 0 ? hn_fail_in(err, status, "%s: line %zu", r->name, line) : status;
}

/* --- JSON Lines -------------------------------------------------------------------------------- */

static bool is_blank(struct hn_str line)
{
    for (size_t i = 0; i < line.n; i++)
        if (line.p[i] != ' ' && line.p[i] != '\t' && line.p[i] != '\r') return false;
    return true;
}

static enum hn_status read_line(const struct reading *r, struct hn_str text, size_t line,
                                struct hn_error *err)
{
    json_t *row;
    if (text.n > HN_ROW_BYTES)
        return hn_fail(err, HN_E_LIMIT, "%s: line %zu: more than %d bytes", r->name, line,
                       HN_ROW_BYTES);
    enum hn_status status = hn_json_parse(text, "its JSON", &row, err);
    if (status < 0) return hn_fail_in(err, status, "%s: line %zu", r->name, line);
    if (json_is_object(row)) status = give(r, row, line, err);
    else status = hn_fail(err, HN_E_FORMAT, "%s: line %zu: this is no object", r->name, line);
    json_decref(row);
    return status;
}

static enum hn_status read_lines(const struct reading *r, struct hn_str text, struct hn_error *err)
{
    static const struct hn_str mark = HN_STR("\xEF\xBB\xBF");
    if (hn_str_starts(text, mark)) text = (struct hn_str){text.p + mark.n, text.n - mark.n};
    for (size_t line = 1; text.n; line++) {
        const char *end = memchr(text.p, '\n', text.n);
        const struct hn_str one = {text.p, end ? (size_t)(end - text.p) : text.n};
        const size_t used = one.n + (end != NULL);
        text = (struct hn_str){text.p + used, text.n - used};
        if (!is_blank(one)) HN_TRY(read_line(r, one, line, err));
    }
    return HN_OK;
}

/* --- CSV --------------------------------------------------------------------------------------- */

enum column { COLUMN_ANY, COLUMN_TEXT, COLUMN_LIST };

struct table {
    struct hn_csv csv;
    struct hn_arena arena;     /* of the names */
    struct hn_arena row_arena; /* of a row's cells */
    const char *names[COLUMNS];
    enum column kinds[COLUMNS];
    size_t n;
};

static bool is_in(const char *const *list, const char *name)
{
    for (; list && *list; list++)
        if (strcmp(*list, name) == 0) return true;
    return false;
}

static bool has_column(const struct table *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->names[i], name) == 0) return true;
    return false;
}

static enum hn_status lacks(const struct table *t, const char *name, struct hn_error *err)
{
    struct hn_buf names = {0};
    for (size_t i = 0; i < t->n && names.n < 200; i++)
        hn_buf_printf(&names, "%s%s", i ? ", " : "", t->names[i]);
    const enum hn_status status =
        hn_fail(err, HN_E_FORMAT, "%s: line %zu: there is no column '%s' (there are: %s)",
                t->csv.name, t->csv.line, name, names.failed ? "" : names.p);
    hn_buf_free(&names);
    return status;
}

static enum hn_status read_names(const struct reading *r, struct table *t, struct hn_error *err)
{
    bool more;
    HN_TRY(hn_csv_row(&t->csv, &t->row_arena, &more, err));
    if (t->csv.n > COLUMNS)
        return hn_fail(err, HN_E_LIMIT, "%s: more than %d columns", t->csv.name, COLUMNS);
    for (size_t i = 0; more && i < t->csv.n; i++) {
        const struct hn_str cell = t->csv.cells[i];
        if (cell.n && memchr(cell.p, '\0', cell.n))
            return hn_fail(err, HN_E_FORMAT, "%s: line %zu: a NUL in a name", t->csv.name,
                           t->csv.line);
        const char *name = hn_arena_str(&t->arena, cell).p;
        if (!name) return hn_fail_nomem(err, "a column's name", cell.n);
        if (*name && has_column(t, name))
            return hn_fail(err, HN_E_FORMAT, "%s: line %zu: two columns '%s'", t->csv.name,
                           t->csv.line, name);
        t->names[t->n] = name;
        if (is_in(r->form->lists, name)) t->kinds[t->n] = COLUMN_LIST;
        else if (is_in(r->form->texts, name)) t->kinds[t->n] = COLUMN_TEXT;
        t->n++;
    }
    for (const char *const *name = r->form->needed; name && *name; name++)
        if (!has_column(t, *name)) return lacks(t, *name, err);
    return HN_OK;
}

static json_t *text_value(struct hn_str s)
{
    return json_stringn(s.p, s.n); /* NULL too when it is no UTF-8 */
}

/* "a|b" */
static json_t *list_value(struct hn_str s)
{
    json_t *list = json_array();
    while (list && s.n) {
        const char *bar = memchr(s.p, '|', s.n);
        const struct hn_str one = {s.p, bar ? (size_t)(bar - s.p) : s.n};
        if (one.n && json_array_append_new(list, text_value(one)) != 0) {
            json_decref(list);
            return NULL;
        }
        const size_t used = one.n + (bar != NULL);
        s = (struct hn_str){s.p + used, s.n - used};
    }
    return list;
}

static json_t *cell_value(struct hn_str s, enum column kind)
{
    json_t *number = NULL;
    if (!s.n) return json_null();
    if (kind == COLUMN_LIST) return list_value(s);
    if (kind == COLUMN_TEXT) return text_value(s);
    if (hn_str_is(s, "true") || hn_str_is(s, "false")) return json_boolean(s.p[0] == 't');
    if ((s.p[0] == '-' || (s.p[0] >= '0' && s.p[0] <= '9')) && s.n < 40 &&
        hn_json_parse(s, "number", &number, NULL) >= 0)
        return number;
    return text_value(s);
}

/* The row as an object. */
static enum hn_status fill(const struct table *t, json_t *row, struct hn_error *err)
{
    size_t bytes = 0;
    if (t->csv.n != t->n)
        return hn_fail(err, HN_E_FORMAT, "%zu cells for %zu columns", t->csv.n, t->n);
    for (size_t i = 0; i < t->n; i++)
        bytes += t->csv.cells[i].n;
    if (bytes > HN_ROW_BYTES) return hn_fail(err, HN_E_LIMIT, "more than %d bytes", HN_ROW_BYTES);
    for (size_t i = 0; i < t->n; i++)
        if (json_object_set_new(row, t->names[i], cell_value(t->csv.cells[i], t->kinds[i])) != 0)
            return hn_fail(err, HN_E_FORMAT, "'%s' is no UTF-8 text", t->names[i]);
    return HN_OK;
}

static enum hn_status read_record(const struct reading *r, const struct table *t,
                                  struct hn_error *err)
{
    json_t *row = json_object();
    if (!row) return hn_fail_nomem(err, "a row", 0);
    enum hn_status status = fill(t, row, err);
    if (status < 0) (void)hn_fail_in(err, status, "%s: line %zu", r->name, t->csv.line);
    else status = give(r, row, t->csv.line, err);
    json_decref(row);
    return status;
}

static enum hn_status read_csv(const struct reading *r, struct hn_str text, struct hn_error *err)
{
    struct table *t = calloc(1, sizeof *t);
    if (!t) return hn_fail_nomem(err, "a table", sizeof *t);
    t->csv = (struct hn_csv){.p = text.p, .end = text.p + text.n, .name = r->name};
    bool more = true;
    enum hn_status status = text.n ? read_names(r, t, err) : HN_OK;
    while (status >= 0 && more) {
        hn_arena_free(&t->row_arena);
        status = hn_csv_row(&t->csv, &t->row_arena, &more, err);
        if (status >= 0 && more) status = read_record(r, t, err);
    }
    hn_arena_free(&t->row_arena);
    hn_arena_free(&t->arena);
    hn_csv_free(&t->csv);
    free(t);
    return status;
}

/* --- either ------------------------------------------------------------------------------------ */

enum hn_status hn_rows_parse(struct hn_str text, bool csv, const char *name,
                             const struct hn_row_form *form, hn_row_fn *each, void *ctx,
                             struct hn_error *err)
{
    const struct reading r = {name, form, each, ctx};
    return csv ? read_csv(&r, text, err) : read_lines(&r, text, err);
}

bool hn_rows_are_csv(const char *path)
{
    return hn_str_ends(hn_str_from(path), HN_STR(".csv"));
}
