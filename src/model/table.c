#include "model/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/real.h"
#include "tensor/element.h"

static bool is_column_type(enum hn_element type)
{
    return type == HN_EL_STRING || hn_element_is_number(type);
}

/* How many columns of a table an input is; 0: none. */
static size_t width_of(const struct hn_port *port)
{
    if (!port->known_rank || !is_column_type(port->type)) return 0;
    if (port->n_dims == 1) return 1;
    return port->n_dims == 2 && port->shape[1] > 0 ? (size_t)port->shape[1] : 0;
}

/* How many columns all inputs are; 0: one of them is none, or there are too many. */
static size_t count_columns(const struct hn_predictor_about *about)
{
    size_t n = 0;
    for (size_t i = 0; i < about->n_inputs; i++) {
        const size_t width = width_of(&about->inputs[i]);
        if (!width || width > HN_TABLE_MAX_CELLS - n) return 0;
        n += width;
    }
    return n;
}

/* What the model calls column i of an input; NULL: "f2", or "NAME_2" of several inputs. */
static const char *given_name(const struct hn_table *t, const struct hn_port *port, size_t width,
                              size_t i)
{
    const bool alone = t->about->n_inputs == 1;
    if (alone && port->labels) return port->n_labels == width ? port->labels[i] : NULL;
    return width == 1 ? port->name : NULL;
}

/* Names those that the model does not; all of these names in one buffer, each with its NUL. */
static enum hn_status name_others(struct hn_table *t, struct hn_error *err)
{
    for (size_t i = 0; i < t->n_columns; i++) {
        const struct hn_column *c = &t->columns[i];
        if (c->name) continue;
        if (t->about->n_inputs == 1) hn_buf_printf(&t->names, "f%zu", c->offset);
        else hn_buf_printf(&t->names, "%s_%zu", t->about->inputs[c->input].name, c->offset);
        hn_buf_char(&t->names, '\0');
    }
    if (t->names.failed) return hn_fail_nomem(err, "names", t->names.n);
    const char *at = t->names.p;
    for (size_t i = 0; i < t->n_columns; i++) {
        if (t->columns[i].name) continue;
        t->columns[i].name = at;
        at += strlen(at) + 1;
    }
    return HN_OK;
}

static enum hn_status fill(struct hn_table *t, struct hn_error *err)
{
    const struct hn_predictor_about *about = t->about;
    size_t n = 0;
    t->columns = calloc(t->n_columns, sizeof *t->columns);
    t->arrays = calloc(about->n_inputs, sizeof *t->arrays);
    t->in = calloc(about->n_inputs, sizeof *t->in);
    if (!t->columns || !t->arrays || !t->in)
        return hn_fail_nomem(err, "a table", t->n_columns * sizeof *t->columns);
    for (size_t i = 0; i < about->n_inputs; i++) {
        const struct hn_port *port = &about->inputs[i];
        const size_t width = width_of(port);
        t->arrays[i] =
            (struct hn_array){.type = port->type, .n_dims = port->n_dims, .shape = {0, width}};
        for (size_t offset = 0; offset < width; offset++) {
            struct hn_column *c = &t->columns[n++];
            *c = (struct hn_column){.name = given_name(t, port, width, offset),
                                    .input = i,
                                    .offset = offset,
                                    .type = port->type};
            if (port->categories && port->categories[offset].names.n)
                c->categories = &port->categories[offset];
        }
    }
    return name_others(t, err);
}

enum hn_status hn_table_open(const struct hn_predictor_about *about, struct hn_table *out,
                             struct hn_error *err)
{
    *out = (struct hn_table){.about = about};
    out->n_columns = count_columns(about);
    if (!out->n_columns)
        return hn_fail(err, HN_E_UNSUPPORTED,
                       "the model takes no table: its inputs are not rows and columns");
    const enum hn_status status = fill(out, err);
    if (status < 0) hn_table_close(out);
    return status;
}

void hn_table_close(struct hn_table *t)
{
    for (size_t i = 0; t->arrays && i < t->about->n_inputs; i++)
        free(t->arrays[i].data);
    free(t->columns);
    free(t->arrays);
    free(t->in);
    free(t->given);
    hn_buf_free(&t->names);
    *t = (struct hn_table){0};
}

void hn_table_clear(struct hn_table *t)
{
    t->rows = 0;
}

/* LightGBM writes a name's blanks as underlines. */
static bool is_underlined(struct hn_str name, const char *known)
{
    size_t i = 0;
    while (i < name.n && known[i] && known[i] == (name.p[i] == ' ' ? '_' : name.p[i]))
        i++;
    return i == name.n && !known[i];
}

size_t hn_table_find(const struct hn_table *t, struct hn_str name, size_t guess)
{
    if (guess < t->n_columns && hn_str_is(name, t->columns[guess].name)) return guess;
    for (size_t i = 0; i < t->n_columns; i++)
        if (hn_str_is(name, t->columns[i].name)) return i;
    for (size_t i = 0; i < t->n_columns && memchr(name.p, ' ', name.n); i++)
        if (is_underlined(name, t->columns[i].name)) return i;
    return SIZE_MAX;
}

/* Whether values of a type can be missing by themselves, as NaN. */
static bool knows_nan(enum hn_element type)
{
    return hn_element_is_float(type) && type != HN_EL_F4E2M1;
}

/* Whether a row has to give the column. */
static bool must_have(const struct hn_table *t, size_t column)
{
    const struct hn_column *c = &t->columns[column];
    return !knows_nan(c->type) && !t->about->inputs[c->input].keyed;
}

static bool must_have_any(const struct hn_table *t)
{
    for (size_t i = 0; i < t->n_columns; i++)
        if (must_have(t, i)) return true;
    return false;
}

static bool grow_array(struct hn_array *a, size_t cells)
{
    void *data = realloc(a->data, cells * hn_element_info(a->type)->bytes);
    if (data) a->data = data;
    return data;
}

static enum hn_status make_room(struct hn_table *t, size_t rows, struct hn_error *err)
{
    size_t room = hn_max(rows, 2 * t->room), cells;
    if (rows <= t->room) return HN_OK;
    if (!hn_mul(rows, t->n_columns, &cells) || cells > HN_TABLE_MAX_CELLS)
        return hn_fail(err, HN_E_LIMIT, "more than %d values", HN_TABLE_MAX_CELLS);
    bool good = true;
    for (size_t i = 0; good && i < t->about->n_inputs; i++)
        good = grow_array(&t->arrays[i], room * t->arrays[i].shape[1]);
    if (good && must_have_any(t)) {
        bool *given = realloc(t->given, room * t->n_columns);
        if (given) t->given = given;
        good = given;
    }
    if (!good) return hn_fail_nomem(err, "a table", room * t->n_columns);
    t->room = room;
    return HN_OK;
}

enum hn_status hn_table_add(struct hn_table *t, size_t rows, struct hn_error *err)
{
    if (rows > HN_TABLE_MAX_CELLS) return hn_fail(err, HN_E_LIMIT, "%zu rows are too many", rows);
    HN_TRY(make_room(t, t->rows + rows, err));
    for (size_t i = 0; i < t->about->n_inputs; i++) {
        struct hn_array *a = &t->arrays[i];
        const size_t first = t->rows * a->shape[1], n = rows * a->shape[1];
        const size_t bytes = hn_element_info(a->type)->bytes;
        if (t->about->inputs[i].keyed || !knows_nan(a->type))
            memset((char *)a->data + first * bytes, 0, n * bytes);
        else
            for (size_t at = first; at < first + n; at++)
                hn_array_set_real(a, at, NAN);
    }
    if (t->given) memset(t->given + t->rows * t->n_columns, 0, rows * t->n_columns);
    t->rows += rows;
    return HN_OK;
}

/* --- values ------------------------------------------------------------------------------------ */

static size_t place_of(const struct hn_table *t, size_t row, size_t column)
{
    if (t->given) t->given[row * t->n_columns + column] = true;
    const struct hn_column *c = &t->columns[column];
    return row * t->arrays[c->input].shape[1] + c->offset;
}

/* Doubles round the greatest of 64 bits up to this, which is no such integer. */
static double end_of(enum hn_element type)
{
    return type == HN_EL_I64 ? 0x1p63 : type == HN_EL_U64 ? 0x1p64 : INFINITY;
}

/* A text or number that names no category. */
static enum hn_status no_category(const struct hn_column *c, struct hn_str name,
                                  struct hn_error *err)
{
    struct hn_buf names = {.limit = 300};
    for (size_t i = 0; i < c->categories->names.n && !names.failed; i++) {
        hn_buf_text(&names, i ? ", " : "");
        hn_categories_put(c->categories, i, &names);
    }
    const enum hn_status status =
        hn_fail(err, HN_E_ARG, "the column '%s' has no category '%.*s'; it has: %s", c->name,
                HN_FMT(name), names.p ? names.p : "none");
    hn_buf_free(&names);
    return status;
}

/* NULL for `text`: the category is called `number`. */
static enum hn_status set_category(struct hn_table *t, size_t row, size_t column,
                                   const struct hn_str *text, double number, struct hn_error *err)
{
    const struct hn_column *c = &t->columns[column];
    char own[HN_REAL_TEXT];
    double code = NAN;
    const bool found = text ? hn_categories_find(c->categories, *text, &code)
                            : hn_categories_find_number(c->categories, number, &code);
    if (!found && t->about->inputs[c->input].strict && !isnan(number))
        return no_category(c, text ? *text : (struct hn_str){own, hn_real_text(number, false, own)},
                           err);
    hn_array_set_real(&t->arrays[c->input], place_of(t, row, column), code);
    return HN_OK;
}

enum hn_status hn_table_set_number(struct hn_table *t, size_t row, size_t column, double value,
                                   struct hn_error *err)
{
    const struct hn_column *c = &t->columns[column];
    struct hn_array *a = &t->arrays[c->input];
    if (c->type == HN_EL_STRING)
        return hn_fail(err, HN_E_ARG, "the column '%s' is of texts", c->name);
    if (c->categories && c->categories->names.numbers)
        return set_category(t, row, column, NULL, value, err);
    const size_t at = place_of(t, row, column);
    if (a->type == HN_EL_F32) {
        ((float *)a->data)[at] = (float)value;
        return HN_OK;
    }
    hn_array_set_real(a, at, value);
    if (hn_element_is_float(a->type) || (hn_array_real(a, at) == value && value < end_of(a->type)))
        return HN_OK;
    return hn_fail(err, HN_E_ARG, "the column '%s' is of type %s, which %g is not", c->name,
                   hn_element_info(c->type)->name, value);
}

enum hn_status hn_table_set_integer(struct hn_table *t, size_t row, size_t column, bool negative,
                                    uint64_t whole, struct hn_error *err)
{
    const struct hn_column *c = &t->columns[column];
    if (c->type != HN_EL_I64 && c->type != HN_EL_U64)
        return hn_table_set_number(t, row, column, negative ? -(double)whole : (double)whole, err);
    const uint64_t most = c->type == HN_EL_I64 ? (uint64_t)INT64_MAX + negative
                          : negative           ? 0
                                               : UINT64_MAX;
    if (whole > most)
        return hn_fail(err, HN_E_ARG, "the column '%s' is of type %s, which %s%" PRIu64 " is not",
                       c->name, hn_element_info(c->type)->name, negative ? "-" : "", whole);
    ((uint64_t *)t->arrays[c->input].data)[place_of(t, row, column)] = negative ? 0 - whole : whole;
    return HN_OK;
}

enum hn_status hn_table_set_text(struct hn_table *t, size_t row, size_t column, struct hn_str value,
                                 struct hn_error *err)
{
    const struct hn_column *c = &t->columns[column];
    if (c->categories) return set_category(t, row, column, &value, 0, err);
    if (c->type != HN_EL_STRING)
        return hn_fail(err, HN_E_ARG, "the column '%s' is of numbers, not of texts", c->name);
    ((struct hn_str *)t->arrays[c->input].data)[place_of(t, row, column)] = value;
    return HN_OK;
}

enum hn_status hn_table_check(const struct hn_table *t, size_t row, struct hn_error *err)
{
    for (size_t i = 0; t->given && i < t->n_columns; i++)
        if (!t->given[row * t->n_columns + i] && must_have(t, i))
            return hn_fail(err, HN_E_ARG, "it lacks the column '%s', which must be there",
                           t->columns[i].name);
    return HN_OK;
}

enum hn_status hn_table_finish(struct hn_table *t, struct hn_error *err)
{
    for (size_t row = 0; row < t->rows; row++) {
        const enum hn_status status = hn_table_check(t, row, err);
        if (status < 0) return hn_fail_in(err, status, "row %zu", row);
    }
    for (size_t i = 0; i < t->about->n_inputs; i++) {
        struct hn_array *a = &t->arrays[i];
        a->shape[0] = t->rows;
        a->n = t->rows * a->shape[1];
        t->in[i] = a;
    }
    return HN_OK;
}
