/* POST /v1/predictions: a predictor asked by rows of named columns. */
#include "server/predictions.h"

#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "model/table.h"
#include "server/access.h"
#include "server/endpoints.h"
#include "server/models.h"
#include "server/requests.h"
#include "server/tensors.h"

/* What the answer needs. */
struct mind {
    struct hn_table table;
    bool why;
    size_t contributions; /* which output they are */
};

static enum hn_status wrong(struct hn_refusal *why, const char *param, const struct hn_error *err)
{
    (void)hn_refuse_by(why, err->status, err);
    const struct hn_refusal by = *why;
    return hn_refuse(why, by.status, by.code, param, "%s", err->text);
}

/* --- the body ---------------------------------------------------------------------------------- */

static enum hn_status read_name(struct hn_json_reader *r, struct hn_prediction_body *b)
{
    struct hn_str name;
    HN_TRY(hn_json_read_text(r, &name));
    b->model = (struct hn_str){b->name, hn_min(name.n, HN_MODEL_NAME)};
    memcpy(b->name, name.p, b->model.n);
    return HN_OK;
}

static enum hn_status read_body(struct hn_json_reader *r, struct hn_prediction_body *b)
{
    HN_TRY(hn_json_enter(r, '{'));
    for (bool more;;) {
        struct hn_str key;
        HN_TRY(hn_json_next_key(r, &more, &key));
        if (!more) return hn_json_read_end(r);
        if (hn_json_peek(r) == 'n') HN_TRY(hn_json_read_null(r)); /* as if it were not there */
        else if (hn_str_is(key, "model")) HN_TRY(read_name(r, b));
        else if (hn_str_is(key, "rows")) HN_TRY(hn_json_skip(r, &b->rows));
        else if (hn_str_is(key, "columns")) HN_TRY(hn_json_skip(r, &b->columns));
        else if (hn_str_is(key, "outputs")) HN_TRY(hn_json_skip(r, &b->outputs));
        else if (hn_str_is(key, "why")) HN_TRY(hn_json_read_bool(r, &b->why));
        else
            return hn_fail(r->err, HN_E_FORMAT, "Unrecognized request argument supplied: %.*s",
                           HN_FMT(key));
    }
}

enum hn_status hn_prediction_body_read(struct hn_str text, struct hn_prediction_body *out,
                                       struct hn_error *err)
{
    struct hn_json_reader r = hn_json_reader_of(text, "body", err);
    r.loose = true;
    *out = (struct hn_prediction_body){.why = false};
    const enum hn_status status = read_body(&r, out);
    hn_buf_free(&r.text);
    return status;
}

/* --- values ------------------------------------------------------------------------------------ */

struct reading {
    struct hn_json_reader json;
    struct hn_inference *f;
    struct hn_table *table;
    struct hn_refusal *why;
    struct hn_error *err;
};

/* "rows[3].age" or "columns.age[3]". */
static const char *place(const struct reading *r, bool by_row, size_t row, size_t column,
                         char text[100])
{
    const char *name = r->table->columns[column].name;
    if (by_row) snprintf(text, 100, "rows[%zu].%.60s", row, name);
    else snprintf(text, 100, "columns.%.60s[%zu]", name, row);
    return text;
}

static enum hn_status read_text(struct reading *r, size_t row, size_t column)
{
    struct hn_str text;
    HN_TRY(hn_json_read_text(&r->json, &text));
    if (text.p == r->json.text.p) {
        text = hn_arena_str(&r->f->arena, text);
        if (!text.p) return hn_fail_nomem(r->err, "a text", text.n);
    }
    return hn_table_set_text(r->table, row, column, text, r->err);
}

static enum hn_status read_value(struct reading *r, size_t row, size_t column)
{
    struct hn_json_number number;
    bool truth;
    switch (hn_json_peek(&r->json)) {
    case 'n': return hn_json_read_null(&r->json);
    case '"': return read_text(r, row, column);
    case 't':
    case 'f':
        HN_TRY(hn_json_read_bool(&r->json, &truth));
        return hn_table_set_number(r->table, row, column, truth, r->err);
    default:
        HN_TRY(hn_json_read_number(&r->json, &number));
        if (number.integer)
            return hn_table_set_integer(r->table, row, column, number.negative, number.whole,
                                        r->err);
        return hn_table_set_number(r->table, row, column, number.real, r->err);
    }
}

static enum hn_status set(struct reading *r, bool by_row, size_t row, size_t column)
{
    char text[100];
    if (read_value(r, row, column) >= 0) return HN_OK;
    return wrong(r->why, place(r, by_row, row, column, text), r->err);
}

static enum hn_status no_column(const struct reading *r, const char *param, struct hn_str name)
{
    struct hn_buf names = {.limit = 300};
    for (size_t i = 0; i < r->table->n_columns; i++)
        hn_buf_printf(&names, "%s%s", i ? ", " : "", r->table->columns[i].name);
    const enum hn_status status = hn_refuse(r->why, 400, "unknown_column", param,
                                            "The model has no column '%.*s'; it has: %s.",
                                            HN_FMT(name), names.p ? names.p : "none");
    hn_buf_free(&names);
    return status;
}

static enum hn_status broken(const struct reading *r, const char *param)
{
    return wrong(r->why, param, r->err);
}

/* {"age": 3, ...}; columns often come in the model's order. */
static enum hn_status read_row_object(struct reading *r, size_t row)
{
    char param[100];
    size_t column = SIZE_MAX;
    snprintf(param, sizeof param, "rows[%zu]", row);
    if (hn_json_enter(&r->json, '{') < 0) return broken(r, param);
    for (bool more;;) {
        struct hn_str name;
        if (hn_json_next_key(&r->json, &more, &name) < 0) return broken(r, param);
        if (!more) return HN_OK;
        column = hn_table_find(r->table, name, column + 1);
        if (column != SIZE_MAX) HN_TRY(set(r, true, row, column));
        else if (!r->f->about->inputs[0].keyed) return no_column(r, param, name);
        else if (hn_json_skip(&r->json, NULL) < 0) return broken(r, param);
    }
}

/* [3, ...], in the model's order. */
static enum hn_status read_row_array(struct reading *r, size_t row)
{
    char param[100];
    snprintf(param, sizeof param, "rows[%zu]", row);
    if (hn_json_enter(&r->json, '[') < 0) return broken(r, param);
    for (size_t column = 0;; column++) {
        bool more;
        if (hn_json_next(&r->json, ']', &more) < 0) return broken(r, param);
        if (!more && column == r->table->n_columns) return HN_OK;
        if (!more || column == r->table->n_columns)
            return hn_refuse(r->why, 400, "invalid_value", param,
                             "A row without names has %zu values, as the model has columns.",
                             r->table->n_columns);
        HN_TRY(set(r, true, row, column));
    }
}

static enum hn_status read_rows(struct reading *r)
{
    if (hn_json_enter(&r->json, '[') < 0) return broken(r, "rows");
    for (size_t row = 0;; row++) {
        bool more;
        if (hn_json_next(&r->json, ']', &more) < 0) return broken(r, "rows");
        if (!more) return HN_OK;
        if (hn_table_add(r->table, 1, r->err) < 0) return broken(r, "rows");
        HN_TRY(hn_json_peek(&r->json) == '[' ? read_row_array(r, row) : read_row_object(r, row));
    }
}

/* The values of a column; the first one says how many rows there are. */
static enum hn_status read_column(struct reading *r, size_t column, bool first)
{
    char param[100];
    snprintf(param, sizeof param, "columns.%.60s", r->table->columns[column].name);
    if (hn_json_enter(&r->json, '[') < 0) return broken(r, param);
    for (size_t row = 0;; row++) {
        bool more;
        if (hn_json_next(&r->json, ']', &more) < 0) return broken(r, param);
        if (!more && row == r->table->rows) return HN_OK;
        if (more && first && hn_table_add(r->table, 1, r->err) < 0) return broken(r, param);
        if (!more || row == r->table->rows)
            return hn_refuse(r->why, 400, "invalid_value", param,
                             "Columns have the same number of values.");
        HN_TRY(set(r, false, row, column));
    }
}

static enum hn_status read_columns(struct reading *r)
{
    size_t column = SIZE_MAX;
    if (hn_json_enter(&r->json, '{') < 0) return broken(r, "columns");
    for (bool more, first = true;; first = false) {
        struct hn_str name;
        if (hn_json_next_key(&r->json, &more, &name) < 0) return broken(r, "columns");
        if (!more) return HN_OK;
        column = hn_table_find(r->table, name, column + 1);
        if (column == SIZE_MAX) return no_column(r, "columns", name);
        HN_TRY(read_column(r, column, first));
    }
}

/* --- outputs ----------------------------------------------------------------------------------- */

static enum hn_status want(struct reading *r, struct hn_str name)
{
    size_t i;
    if (hn_predictor_output(r->f->about, name, &i, r->err) < 0) return broken(r, "outputs");
    r->f->wanted[i] = true;
    return HN_OK;
}

static enum hn_status read_outputs(struct reading *r)
{
    if (hn_json_enter(&r->json, '[') < 0) return broken(r, "outputs");
    for (bool more;;) {
        struct hn_str name;
        if (hn_json_next(&r->json, ']', &more) < 0) return broken(r, "outputs");
        if (!more) return HN_OK;
        if (hn_json_read_text(&r->json, &name) < 0) return broken(r, "outputs");
        HN_TRY(want(r, name));
    }
}

static enum hn_status want_why(struct reading *r, struct mind *mind)
{
    if (hn_predictor_explains(r->f->about, &mind->contributions, r->err) < 0)
        return broken(r, "why");
    r->f->wanted[mind->contributions] = true;
    return HN_OK;
}

/* --- the answer -------------------------------------------------------------------------------- */

/* The elements from *at on as nested arrays, dimension by dimension. */
static void put_nested(struct hn_json_writer *w, const char *key, const struct hn_array *a,
                       size_t dim, size_t *at)
{
    if (dim == a->n_dims) {
        hn_tensor_put_one(w, key, a, (*at)++);
        return;
    }
    hn_json_open(w, key, '[');
    for (size_t i = 0; i < a->shape[dim]; i++)
        put_nested(w, NULL, a, dim + 1, at);
    hn_json_close(w, ']');
}

/* {"bias": 0.2, "age": 0.1, ...} */
static void put_reasons(struct hn_json_writer *w, const struct hn_table *table,
                        const struct hn_array *a, size_t first)
{
    hn_json_open(w, NULL, '{');
    hn_tensor_put_one(w, "bias", a, first + table->n_columns);
    for (size_t i = 0; i < table->n_columns; i++)
        hn_tensor_put_one(w, table->columns[i].name, a, first + i);
    hn_json_close(w, '}');
}

/* For each row an object; where there are classes, an array of one for each. */
static void put_why(struct hn_json_writer *w, const struct hn_table *table,
                    const struct hn_array *a)
{
    const size_t each = table->n_columns + 1;
    const size_t classes = a->n / (table->rows * each);
    hn_json_open(w, "why", '[');
    for (size_t row = 0; row < table->rows; row++) {
        if (classes > 1) hn_json_open(w, NULL, '[');
        for (size_t c = 0; c < classes; c++)
            put_reasons(w, table, a, (row * classes + c) * each);
        if (classes > 1) hn_json_close(w, ']');
    }
    hn_json_close(w, ']');
}

/* What the last dimension of the first output that has classes stands for; and for each row the class of its
 * greatest value, where the model has no say on it in an output before. */
static void put_classes(struct hn_json_writer *w, const struct hn_inference *f)
{
    const struct hn_predictor_about *about = f->about;
    size_t at = 0;
    while (at < about->n_outputs &&
           !(f->wanted[at] && hn_port_classifies(&about->outputs[at], &f->out[at])))
        at++;
    if (at == about->n_outputs) return;
    const struct hn_port *port = &about->outputs[at];
    hn_json_open(w, "classes", '[');
    for (size_t i = 0; i < port->n_labels; i++)
        hn_json_put_text(w, NULL, hn_str_from(port->labels[i]));
    hn_json_close(w, ']');
    if (at) return;
    hn_json_open(w, "labels", '[');
    for (size_t row = 0; row < f->out[0].shape[0]; row++)
        hn_json_put_text(w, NULL, hn_str_from(hn_port_label(port, &f->out[0], row)));
    hn_json_close(w, ']');
}

static enum hn_status answer(struct hn_inference *f, struct hn_refusal *why)
{
    const struct mind *mind = f->mind;
    struct hn_call *call = f->errand.call;
    struct hn_json_writer w = {0};
    (void)why;
    hn_json_open(&w, NULL, '{');
    hn_json_put_text(&w, "object", HN_STR("predictions"));
    hn_json_put_text(&w, "model", hn_str_from(hn_served_name(f->errand.served)));
    hn_json_put_uint(&w, "rows", mind->table.rows);
    hn_json_open(&w, "outputs", '{');
    for (size_t i = 0; i < f->about->n_outputs; i++) {
        size_t at = 0;
        if (!f->wanted[i] || (mind->why && i == mind->contributions)) continue;
        put_nested(&w, f->about->outputs[i].name, &f->out[i], 0, &at);
    }
    hn_json_close(&w, '}');
    put_classes(&w, f);
    if (mind->why) put_why(&w, &mind->table, &f->out[mind->contributions]);
    hn_receipt_put(&w, "hence", &call->receipt);
    hn_json_close(&w, '}');
    hn_call_json(call, 200, &w);
    return HN_OK;
}

/* --- all --------------------------------------------------------------------------------------- */

static void forget(void *ctx)
{
    hn_table_close(&((struct mind *)ctx)->table);
}

/* What was kept, once the model is known. */
static enum hn_status read_kept(struct reading *r, const struct hn_prediction_body *b,
                                struct mind *mind)
{
    const struct hn_str parts[] = {b->rows, b->columns, b->outputs};
    enum hn_status (*const readers[])(struct reading *) = {read_rows, read_columns, read_outputs};
    if (b->why) HN_TRY(want_why(r, mind));
    if (hn_table_open(r->f->about, &mind->table, r->err) < 0) return wrong(r->why, "model", r->err);
    for (size_t i = 0; i < HN_COUNT(parts); i++) {
        if (!parts[i].p) continue;
        r->json.p = parts[i].p;
        r->json.end = parts[i].p + parts[i].n;
        r->json.follows = false;
        HN_TRY(readers[i](r));
    }
    for (size_t i = 0; !b->outputs.p && i < r->f->about->n_outputs; i++)
        r->f->wanted[i] |= !r->f->about->outputs[i].on_request;
    if (!mind->table.rows)
        return hn_refuse(r->why, 400, "invalid_value", "rows", "There are no rows.");
    if (hn_table_finish(&mind->table, r->err) < 0) return wrong(r->why, "rows", r->err);
    return HN_OK;
}

enum hn_status hn_prediction_fill(struct hn_inference *f, const struct hn_prediction_body *b,
                                  struct hn_str text, struct hn_refusal *why)
{
    struct hn_error err;
    struct mind *mind = hn_arena_alloc(&f->arena, 1, sizeof *mind);
    if (!mind)
        return hn_refuse(why, 503, "out_of_memory", NULL, "There is no memory for the request.");
    f->mind = mind;
    f->forget = forget;
    mind->why = b->why;
    struct reading r = {.json = hn_json_reader_of(text, "body", &err),
                        .f = f,
                        .table = &mind->table,
                        .why = why,
                        .err = &err};
    r.json.loose = true;
    const enum hn_status status = read_kept(&r, b, mind);
    hn_buf_free(&r.json.text);
    if (status < 0) return status;
    memcpy(f->in, mind->table.in, f->about->n_inputs * sizeof(struct hn_array *));
    f->rows = mind->table.rows;
    return HN_OK;
}

enum hn_status hn_answer_predictions(struct hn_call *call, struct hn_refusal *why)
{
    struct hn_error err;
    struct hn_prediction_body b;
    struct hn_served *served;
    struct hn_inference *f;
    const struct hn_str text = hn_exchange_body(call->x);
    enum hn_status status = hn_prediction_body_read(text, &b, &err);
    if (status < 0) return hn_refuse_by(why, status, &err);
    if (!b.rows.p == !b.columns.p)
        return hn_refuse(why, 400, "missing_required_parameter", "rows",
                         "Give either 'rows' or 'columns'.");
    HN_TRY(hn_find_kind(call, b.model, 1u << HN_KIND_PREDICTOR, &served, why));
    HN_TRY(hn_inference_create(call, served, &f, why));
    status = hn_prediction_fill(f, &b, text, why);
    if (status >= 0) return hn_inference_start(f, answer, why);
    hn_inference_destroy(f);
    return status;
}

static const struct hn_field prediction_items[] = {
    {"model", HN_FIELD_TEXT, 0, .max = HN_MODEL_NAME,
     .about = "The model's name; the first one that predicts when it is not given."},
    {"rows", HN_FIELD_ARRAY, 0,
     .schema = "{\"type\": \"array\", \"items\": {\"anyOf\": [{\"type\": \"object\"}, {\"type\": "
               "\"array\"}]}}",
     .about = "What to predict for: objects of columns by their names, or arrays of all columns in "
              "the model's order. What is absent or null is missing. Of a category, a text is its "
              "name, where "
              "the model knows names, a number its code."},
    {"columns", HN_FIELD_OBJECT, 0,
     .about = "The same by columns, instead of `rows`: arrays of equal length, by name."},
    {"outputs", HN_FIELD_ARRAY, 0,
     .schema = "{\"type\": \"array\", \"items\": {\"type\": \"string\"}}",
     .about = "Which outputs are wanted; all but those on request when it is not given."},
    {"why", HN_FIELD_BOOL, 0, .fallback = "false",
     .about = "Tell what each column contributed (TreeSHAP); trees alone can."},
};
const struct hn_fields hn_prediction_fields = {.name = "PredictionRequest",
                                               .items = prediction_items,
                                               .n = HN_COUNT(prediction_items),
                                               .raw = true};
