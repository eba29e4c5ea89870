/* Tables for predictors: rows of named columns, as people have them, to the arrays that a model takes.
 *
 * A model takes a table when all its inputs are rows of columns, or one column. Those of the only input are
 * called as the model says, or f0, f1, ...; of several inputs they are called as the input, or INPUT_0,
 * INPUT_1, ... where it has several columns. */
#ifndef HN_MODEL_TABLE_H
#define HN_MODEL_TABLE_H

#include "model/predictor.h"

struct hn_column {
    const char *name; /* the table's, or the model's */
    size_t input;     /* where it goes, */
    size_t offset;    /* and the place in a row of that input */
    enum hn_element type;
    const struct hn_categories *categories; /* that have names; or NULL */
};

struct hn_table {
    const struct hn_predictor_about *about;
    struct hn_column *columns;
    size_t n_columns;
    size_t rows, room;       /* that are there, and that have memory */
    struct hn_array *arrays; /* [n_inputs]; shape[1] is there where they have one dimension, too */
    const struct hn_array *
        *in;             /* [n_inputs] for hn_prediction_run, once hn_table_finish was called */
    bool *given;         /* [room][n_columns], where a column cannot say that a value is missing */
    struct hn_buf names; /* that are neither the model's nor an input's */
};

enum { HN_TABLE_MAX_CELLS = 1 << 24 };

/* A table without rows. HN_E_UNSUPPORTED: the model takes none. */
enum hn_status hn_table_open(const struct hn_predictor_about *about, struct hn_table *out,
                             struct hn_error *err);
/* Zero-initialised is fine. */
void hn_table_close(struct hn_table *table);
/* Takes the rows out, and keeps the memory. */
void hn_table_clear(struct hn_table *table);

/* The column of that name; SIZE_MAX: there is none. `guess` is looked at first. Blanks stand for
 * underlines, too. */
size_t hn_table_find(const struct hn_table *table, struct hn_str name, size_t guess);

/* Adds rows in which everything is missing, or 0 in maps. HN_E_LIMIT past HN_TABLE_MAX_CELLS. */
enum hn_status hn_table_add(struct hn_table *table, size_t rows, struct hn_error *err);

/* Puts a value into a row. HN_E_ARG: the column is of texts, or of numbers, or of integers that do not hold
 * it. Texts are views that must last. Where a column's categories have names, texts are these; a number is
 * a category's code, or the name of one where the names are numbers. A name that is none counts as missing,
 * or is HN_E_ARG where the input is strict. */
enum hn_status hn_table_set_number(struct hn_table *table, size_t row, size_t column, double value,
                                   struct hn_error *err);
enum hn_status hn_table_set_text(struct hn_table *table, size_t row, size_t column,
                                 struct hn_str value, struct hn_error *err);

/* The same of an integer, exactly; `whole` is its absolute value. */
enum hn_status hn_table_set_integer(struct hn_table *table, size_t row, size_t column,
                                    bool negative, uint64_t whole, struct hn_error *err);

/* HN_E_ARG: something is missing in the row that must not be. */
enum hn_status hn_table_check(const struct hn_table *table, size_t row, struct hn_error *err);

/* Makes the arrays ready. HN_E_ARG: something is missing that must not be. */
enum hn_status hn_table_finish(struct hn_table *table, struct hn_error *err);

#endif
