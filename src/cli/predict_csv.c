/* A table in, a table of predictions out. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/csv.h"
#include "base/file.h"
#include "base/real.h"
#include "cli/predict_session.h"
#include "model/table.h"
#include "tensor/element.h"

enum { ROWS = 16384 /* that are run together where the model takes any number */ };

/* What becomes of a column of the file: SIZE_MAX stands for none. */
struct column {
    size_t model; /* the model's column that it is */
    size_t kept;  /* its place among those that are copied */
};

struct job {
    const struct hn_predict_options *o;
    struct hn_predict_session *s;
    struct hn_csv csv;
    struct hn_arena arena; /* cells of the rows at hand */
    struct hn_table table;
    struct column *columns; /* [n_columns] the file's */
    size_t n_columns, n_kept, rows;
    struct hn_str *kept; /* [rows at hand][n_kept] */
    size_t kept_room;
    bool told; /* the head of the output is written */
    struct hn_buf out;
    FILE *file;
};

/* --- the head ---------------------------------------------------------------------------------- */

static bool is_listed(const char *list, struct hn_str name)
{
    for (const char *at = list; at && *at;) {
        const struct hn_str word = {at, strcspn(at, ",")};
        if (hn_str_eq(word, name)) return true;
        at += word.n + (at[word.n] == ',');
    }
    return false;
}

static enum hn_status no_column(const struct job *j, struct hn_str name, struct hn_error *err)
{
    struct hn_buf names = {.limit = 300};
    for (size_t i = 0; i < j->table.n_columns; i++)
        hn_buf_printf(&names, "%s%s", i ? ", " : "", j->table.columns[i].name);
    const enum hn_status status = hn_fail(
        err, HN_E_ARG, "%s: the model has no column '%.*s' (--keep copies others); it has: %s",
        j->csv.name, HN_FMT(name), names.p ? names.p : "none");
    hn_buf_free(&names);
    return status;
}

static enum hn_status read_head(struct job *j, struct hn_error *err)
{
    bool more;
    HN_TRY(hn_csv_row(&j->csv, &j->arena, &more, err));
    if (!more) return hn_fail(err, HN_E_FORMAT, "%s: a table begins with names", j->csv.name);
    j->n_columns = j->csv.n;
    j->columns = calloc(j->n_columns, sizeof *j->columns);
    bool *seen = calloc(j->table.n_columns, sizeof *seen);
    enum hn_status status = HN_OK;
    if (!j->columns || !seen) status = hn_fail_nomem(err, "columns", j->n_columns);
    for (size_t i = 0; i < j->n_columns && status >= 0; i++) {
        const struct hn_str name = j->csv.cells[i];
        struct column *c = &j->columns[i];
        *c = (struct column){hn_table_find(&j->table, name, i), SIZE_MAX};
        if (is_listed(j->o->keep, name)) {
            c->kept = j->n_kept++;
            hn_csv_put(&j->out, name);
            hn_buf_char(&j->out, ',');
        }
        if (c->model == SIZE_MAX && c->kept == SIZE_MAX) status = no_column(j, name, err);
        else if (c->model != SIZE_MAX && seen[c->model])
            status = hn_fail(err, HN_E_FORMAT, "%s: the column '%.*s' is there twice", j->csv.name,
                             HN_FMT(name));
        else if (c->model != SIZE_MAX) seen[c->model] = true;
    }
    for (size_t i = 0; status >= 0 && i < j->table.n_columns; i++)
        if (!seen[i] && !j->s->about->inputs[j->table.columns[i].input].keyed)
            fprintf(stderr, "%s: no column '%s': it is missing everywhere\n", j->csv.name,
                    j->table.columns[i].name);
    free(seen);
    return status;
}

/* --- rows in ----------------------------------------------------------------------------------- */

/* Whether all of the cell is digits behind a sign; those of more than 64 bits are no integers here. */
static bool is_integer(struct hn_str cell, bool *negative, size_t *whole)
{
    *negative = cell.n && cell.p[0] == '-';
    *whole = 0;
    if (cell.n == *negative) return false;
    for (size_t i = *negative; i < cell.n; i++) {
        const unsigned digit = (unsigned char)cell.p[i] - '0';
        if (digit > 9 || !hn_mul(*whole, 10, whole) || !hn_add(*whole, digit, whole)) return false;
    }
    return true;
}

/* Whether a cell is the name of a category and no number: a table has texts alone. */
static bool is_name(const struct hn_categories *c, struct hn_str cell)
{
    double code;
    return c && c->names.texts && (c->like_numbers || hn_categories_find(c, cell, &code));
}

/* As other programs write what is missing: R, pandas, databases. */
static bool is_missing(const char *cell)
{
    static const char *const words[] = {"na", "n/a", "null", "none"};
    for (size_t i = 0; i < HN_COUNT(words); i++)
        if (strcasecmp(cell, words[i]) == 0) return true;
    return !*cell;
}

static enum hn_status set_cell(struct job *j, size_t row, size_t column, struct hn_str cell,
                               struct hn_error *err)
{
    char text[64], *end;
    bool negative;
    size_t whole;
    if (j->table.columns[column].type == HN_EL_STRING)
        return hn_table_set_text(&j->table, row, column, cell, err);
    if (is_name(j->table.columns[column].categories, cell))
        return hn_table_set_text(&j->table, row, column, cell, err);
    if (is_integer(cell, &negative, &whole))
        return hn_table_set_integer(&j->table, row, column, negative, whole, err);
    const size_t n = hn_min(cell.n, sizeof text - 1);
    memcpy(text, cell.p, n);
    text[n] = '\0';
    if (is_missing(text)) return HN_OK;
    const bool truth = strcasecmp(text, "true") == 0;
    if (truth || strcasecmp(text, "false") == 0)
        return hn_table_set_number(&j->table, row, column, truth, err);
    const double value = strtod(text, &end);
    while (*end == ' ')
        end++;
    const bool number = n == cell.n && !*end && end > text;
    if (!number && j->table.columns[column].categories)
        return hn_table_set_text(&j->table, row, column, cell, err);
    if (!number)
        return hn_fail(err, HN_E_FORMAT, "column '%s': '%.*s' is no number",
                       j->table.columns[column].name, HN_FMT(cell));
    return hn_table_set_number(&j->table, row, column, value, err);
}

static enum hn_status keep_cell(struct job *j, size_t place, struct hn_str cell,
                                struct hn_error *err)
{
    if (place >= j->kept_room) {
        const size_t room = hn_max(2 * j->kept_room, place + 256);
        struct hn_str *grown = reallocarray(j->kept, room, sizeof *grown);
        if (!grown) return hn_fail_nomem(err, "columns that are kept", room * sizeof *grown);
        j->kept = grown;
        j->kept_room = room;
    }
    j->kept[place] = cell;
    return HN_OK;
}

static enum hn_status take_row(struct job *j, struct hn_error *err)
{
    const size_t row = j->table.rows;
    if (j->csv.n != j->n_columns)
        return hn_fail(err, HN_E_FORMAT, "%zu cells, where there are %zu columns", j->csv.n,
                       j->n_columns);
    HN_TRY(hn_table_add(&j->table, 1, err));
    for (size_t i = 0; i < j->n_columns; i++) {
        const struct column *c = &j->columns[i];
        if (c->kept != SIZE_MAX)
            HN_TRY(keep_cell(j, row * j->n_kept + c->kept, j->csv.cells[i], err));
        if (c->model != SIZE_MAX) HN_TRY(set_cell(j, row, c->model, j->csv.cells[i], err));
    }
    return hn_table_check(&j->table, row, err);
}

/* --- rows out ---------------------------------------------------------------------------------- */

static void put_value(struct hn_buf *out, const struct hn_array *a, size_t at)
{
    char text[HN_REAL_TEXT];
    if (a->type == HN_EL_STRING) hn_csv_put(out, ((const struct hn_str *)a->data)[at]);
    else if (hn_element_is_integer(a->type) || a->type == HN_EL_BOOL)
        hn_buf_printf(out, "%lld", (long long)hn_array_integer(a, at));
    else hn_buf_add(out, text, hn_real_text(hn_array_real(a, at), a->type != HN_EL_F64, text));
}

/* Values of an output in a row; 0: it is not one of rows. */
static size_t width_of(const struct job *j, const struct hn_array *a)
{
    const bool numbers = a->type == HN_EL_STRING || hn_element_is_number(a->type);
    if (!numbers || !a->n_dims || a->shape[0] != j->table.rows) return 0;
    return a->n / a->shape[0];
}

/* The last dimension of contributions is the model's columns and what no column is the reason of. */
static void put_name(struct job *j, const struct hn_port *port, const struct hn_array *a, size_t i)
{
    struct hn_buf name = {0};
    const size_t n = j->table.n_columns;
    const size_t last = a->n_dims > 1 ? a->shape[a->n_dims - 1] : 0;
    hn_buf_text(&name, port->name);
    if (strcmp(port->name, HN_CONTRIBUTIONS) == 0 && last == n + 1) {
        const struct hn_port *classes = &j->s->about->outputs[0];
        if (a->n_dims > 2 && classes->n_labels == a->shape[1])
            hn_buf_printf(&name, "_%s", classes->labels[i / last]);
        else if (a->n_dims > 2) hn_buf_printf(&name, "_%zu", i / last);
        hn_buf_printf(&name, "_%s", i % last < n ? j->table.columns[i % last].name : "bias");
    } else if (width_of(j, a) > 1) {
        if (hn_port_classifies(port, a)) hn_buf_printf(&name, "_%s", port->labels[i]);
        else hn_buf_printf(&name, "_%zu", i);
    }
    hn_csv_put(&j->out, hn_buf_view(&name));
    hn_buf_free(&name);
}

/* Where the model names its classes, the likeliest stands before their numbers. */
static bool has_label(const struct hn_predict_session *s)
{
    return s->wanted[0] && hn_port_classifies(&s->about->outputs[0], &s->out[0]);
}

static enum hn_status put_head(struct job *j, struct hn_error *err)
{
    const struct hn_predict_session *s = j->s;
    j->told = true;
    if (has_label(s)) hn_buf_text(&j->out, "label,");
    for (size_t o = 0, n = 0; o < s->about->n_outputs; o++) {
        if (!s->wanted[o]) continue;
        const size_t width = width_of(j, &s->out[o]);
        if (!width)
            return hn_fail(err, HN_E_UNSUPPORTED,
                           "the output '%s' has no row for each row: use --in",
                           s->about->outputs[o].name);
        for (size_t i = 0; i < width; i++) {
            if (n++) hn_buf_char(&j->out, ',');
            put_name(j, &s->about->outputs[o], &s->out[o], i);
        }
    }
    return hn_buf_char(&j->out, '\n');
}

static void put_row(struct job *j, size_t row)
{
    const struct hn_predict_session *s = j->s;
    for (size_t k = 0; k < j->n_kept; k++) {
        hn_csv_put(&j->out, j->kept[row * j->n_kept + k]);
        hn_buf_char(&j->out, ',');
    }
    if (has_label(s)) {
        hn_csv_put(&j->out, hn_str_from(hn_port_label(&s->about->outputs[0], &s->out[0], row)));
        hn_buf_char(&j->out, ',');
    }
    for (size_t o = 0, n = 0; o < s->about->n_outputs; o++) {
        if (!s->wanted[o]) continue;
        const size_t width = width_of(j, &s->out[o]);
        for (size_t i = 0; i < width; i++) {
            if (n++) hn_buf_char(&j->out, ',');
            put_value(&j->out, &s->out[o], row * width + i);
        }
    }
    hn_buf_char(&j->out, '\n');
}

/* Runs the rows at hand. */
static enum hn_status run_rows(struct job *j, struct hn_error *err)
{
    HN_TRY(hn_table_finish(&j->table, err));
    HN_TRY(hn_predict_go(j->s, j->table.in, err));
    return j->told ? HN_OK : put_head(j, err);
}

static enum hn_status write_out(struct job *j, struct hn_error *err)
{
    if (j->out.failed) return hn_fail_nomem(err, "the table", j->out.n);
    if (fwrite(j->out.p, 1, j->out.n, j->file) != j->out.n)
        return hn_fail(err, HN_E_IO, "the table cannot be written");
    hn_buf_clear(&j->out);
    return HN_OK;
}

/* Runs them, writes what comes out, and makes place for others. */
static enum hn_status finish_rows(struct job *j, struct hn_error *err)
{
    HN_TRY(run_rows(j, err));
    for (size_t row = 0; row < j->table.rows; row++)
        put_row(j, row);
    HN_TRY(write_out(j, err));
    j->rows += j->table.rows;
    hn_table_clear(&j->table);
    hn_arena_free(&j->arena);
    return HN_OK;
}

/* What a table without rows comes to: the head that rows of nothing and zeros would have. */
static enum hn_status finish_head(struct job *j, size_t rows, struct hn_error *err)
{
    HN_TRY(hn_table_add(&j->table, rows, err));
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < j->table.n_columns; i++) {
            const struct hn_column *c = &j->table.columns[i];
            if (c->type == HN_EL_STRING)
                HN_TRY(hn_table_set_text(&j->table, row, i, HN_STR(""), err));
            else if (!c->categories) HN_TRY(hn_table_set_number(&j->table, row, i, 0, err));
        }
    HN_TRY(run_rows(j, err));
    return write_out(j, err);
}

static enum hn_status run_all(struct job *j, struct hn_error *err)
{
    /* As many go together as the model was made for, any number where it does not care. */
    const struct hn_predictor_about *about = j->s->about;
    const int64_t fixed = about->inputs[0].shape[0];
    const size_t together = fixed > 0 ? (size_t)fixed : about->stacks ? ROWS : SIZE_MAX;
    HN_TRY(read_head(j, err));
    for (bool more;;) {
        HN_TRY(hn_csv_row(&j->csv, &j->arena, &more, err));
        if (!more) break;
        const enum hn_status status = take_row(j, err);
        if (status < 0) return hn_fail_in(err, status, "%s: line %zu", j->csv.name, j->csv.line);
        if (j->table.rows == together) HN_TRY(finish_rows(j, err));
    }
    if (j->table.rows) return finish_rows(j, err);
    return j->told ? HN_OK : finish_head(j, fixed > 0 ? (size_t)fixed : 1, err);
}

static enum hn_status open_files(struct job *j, struct hn_buf *in, struct hn_error *err)
{
    HN_TRY(hn_file_read(j->o->csv, (size_t)1 << 34, in, err));
    j->csv =
        (struct hn_csv){.p = in->p,
                        .end = in->p + in->n,
                        .name = hn_str_is(HN_STR("-"), j->o->csv) ? "standard input" : j->o->csv};
    j->file = j->o->out ? fopen(j->o->out, "we") : stdout;
    return j->file ? HN_OK : hn_fail(err, HN_E_IO, "%s: %m", j->o->out);
}

static enum hn_status close_out(struct job *j, enum hn_status status, struct hn_error *err)
{
    if (!j->file || j->file == stdout) return status;
    const bool good = fclose(j->file) == 0;
    return status < 0 || good ? status : hn_fail(err, HN_E_IO, "%s: %m", j->o->out);
}

enum hn_status hn_predict_csv(const struct hn_predict_options *o, struct hn_predict_session *s,
                              struct hn_json_writer *w, struct hn_error *err)
{
    struct job j = {.o = o, .s = s};
    struct hn_buf in = {0};
    enum hn_status status = hn_table_open(s->about, &j.table, err);
    if (status >= 0) status = open_files(&j, &in, err);
    if (status >= 0) status = run_all(&j, err);
    status = close_out(&j, status, err);
    hn_json_put_uint(w, "rows", j.rows);
    hn_json_open(w, "outputs", '[');
    for (size_t i = 0; i < s->about->n_outputs && j.rows; i++) {
        if (!s->wanted[i]) continue;
        hn_predict_put_array(w, s->about->outputs[i].name, &s->out[i]);
        hn_json_close(w, '}');
    }
    hn_json_close(w, ']');
    hn_table_close(&j.table);
    hn_csv_free(&j.csv);
    hn_arena_free(&j.arena);
    hn_buf_free(&j.out);
    hn_buf_free(&in);
    free(j.columns);
    free(j.kept);
    return status;
}
