#include "model/recommend/items_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "model/recommend/shelf.h"

enum { CSV_COLUMNS = 1024 };

void hn_item_list_free(struct hn_item_list *items)
{
    for (size_t i = 0; i < items->n; i++)
        hn_item_release(items->items[i]);
    free(items->items);
    *items = (struct hn_item_list){0};
}

static enum hn_status add(struct hn_item_list *items, const json_t *object,
                          const struct hn_item_fields *fields, struct hn_error *err)
{
    if (items->n == HN_SHELF_ITEMS) return hn_fail(err, HN_E_LIMIT, "too many items");
    if (items->n == items->room) {
        const size_t room = 2 * items->room + 64;
        struct hn_item **more = realloc(items->items, room * sizeof *more);
        if (!more) return hn_fail_nomem(err, "a catalogue", room * sizeof *more);
        items->items = more;
        items->room = room;
    }
    HN_TRY(hn_item_make(object, fields, (int32_t)items->n, &items->items[items->n], err));
    items->n++;
    return HN_OK;
}

/* --- JSON Lines -------------------------------------------------------------------------------- */

static bool is_blank(struct hn_str line)
{
    for (size_t i = 0; i < line.n; i++)
        if (line.p[i] != ' ' && line.p[i] != '\t' && line.p[i] != '\r') return false;
    return true;
}

static enum hn_status parse_lines(struct hn_str text, const struct hn_item_fields *fields,
                                  struct hn_item_list *out, size_t *line, struct hn_error *err)
{
    while (text.n) {
        const char *end = memchr(text.p, '\n', text.n);
        const struct hn_str one = {text.p, end ? (size_t)(end - text.p) : text.n};
        const size_t used = one.n + (end != NULL);
        text = (struct hn_str){text.p + used, text.n - used};
        ++*line;
        if (is_blank(one)) continue;
        if (one.n > 4 * HN_ITEM_BYTES) return hn_fail(err, HN_E_LIMIT, "the line is too long");
        json_t *object;
        HN_TRY(hn_json_parse(one, "item", &object, err));
        const enum hn_status status = add(out, object, fields, err);
        json_decref(object);
        HN_TRY(status);
    }
    return HN_OK;
}

/* --- CSV --------------------------------------------------------------------------------------- */

struct csv {
    struct hn_str left;
    size_t line;
    struct hn_buf field;
    bool ended; /* the field was the last of its record */
};

/* RFC 4180: the next field of the record. */
static enum hn_status next_field(struct csv *c, struct hn_error *err)
{
    hn_buf_clear(&c->field);
    const bool quoted = c->left.n && c->left.p[0] == '"';
    size_t i = quoted;
    for (; i < c->left.n; i++) {
        const char b = c->left.p[i];
        if (quoted && b == '"' && !(i + 1 < c->left.n && c->left.p[i + 1] == '"')) break;
        if (quoted && b == '"') i++; /* two quotes are one */
        if (!quoted && (b == ',' || b == '\n' || b == '\r')) break;
        if (b == '\n') c->line++;
        if (c->field.n > HN_ITEM_BYTES) return hn_fail(err, HN_E_LIMIT, "a field is too long");
        HN_TRY(hn_buf_char(&c->field, b));
    }
    if (quoted && i == c->left.n) return hn_fail(err, HN_E_FORMAT, "a quote is not closed");
    i += quoted;
    if (i < c->left.n && c->left.p[i] == '\r') i++;
    c->ended = i == c->left.n || c->left.p[i] == '\n';
    if (!c->ended && c->left.p[i] != ',')
        return hn_fail(err, HN_E_FORMAT, "something follows a closing quote");
    i += i < c->left.n;
    c->left = (struct hn_str){c->left.p + i, c->left.n - i};
    return HN_OK;
}

static bool is_category(const struct hn_item_fields *fields, const char *name)
{
    for (size_t i = 0; i < fields->n_categories; i++)
        if (strcmp(fields->categories[i], name) == 0) return true;
    return false;
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
        if (json_array_append_new(list, text_value(one)) != 0) {
            json_decref(list);
            return NULL;
        }
        const size_t used = one.n + (bar != NULL);
        s = (struct hn_str){s.p + used, s.n - used};
    }
    return list;
}

static json_t *field_value(struct hn_str s, const char *name, const struct hn_item_fields *fields)
{
    json_t *number = NULL;
    if (!s.n) return json_null();
    if (is_category(fields, name)) return list_value(s);
    if (fields->id && strcmp(name, fields->id) == 0) return text_value(s);
    if (hn_str_is(s, "true") || hn_str_is(s, "false")) return json_boolean(s.p[0] == 't');
    if ((s.p[0] == '-' || (s.p[0] >= '0' && s.p[0] <= '9')) && s.n < 40 &&
        hn_json_parse(s, "number", &number, NULL) >= 0)
        return number;
    return text_value(s);
}

static enum hn_status read_names(struct csv *c, char *names[CSV_COLUMNS], size_t *n,
                                 struct hn_error *err)
{
    do {
        if (*n == CSV_COLUMNS) return hn_fail(err, HN_E_LIMIT, "more than %d columns", CSV_COLUMNS);
        HN_TRY(next_field(c, err));
        names[*n] = strndup(c->field.n ? c->field.p : "", c->field.n);
        if (!names[*n]) return hn_fail_nomem(err, "a column's name", c->field.n);
        ++*n;
    } while (!c->ended);
    return HN_OK;
}

static enum hn_status read_record(struct csv *c, char *const *names, size_t n,
                                  const struct hn_item_fields *fields, json_t *object,
                                  struct hn_error *err)
{
    size_t i = 0;
    do {
        HN_TRY(next_field(c, err));
        if (i == n) return hn_fail(err, HN_E_FORMAT, "more fields than the first line has names");
        if (json_object_set_new(object, names[i],
                                field_value(hn_buf_view(&c->field), names[i], fields)) != 0)
            return hn_fail(err, HN_E_FORMAT, "field '%s' is no UTF-8 text", names[i]);
        i++;
    } while (!c->ended);
    return i == n ? HN_OK : hn_fail(err, HN_E_FORMAT, "%zu fields instead of %zu", i, n);
}

static enum hn_status parse_csv(struct hn_str text, const struct hn_item_fields *fields,
                                struct hn_item_list *out, size_t *line, struct hn_error *err)
{
    char *names[CSV_COLUMNS];
    size_t n = 0;
    struct csv c = {.left = text};
    enum hn_status status = HN_OK;
    if (text.n) status = read_names(&c, names, &n, err);
    c.line = 1;
    while (status >= 0 && c.left.n) {
        c.line++;
        if (c.left.p[0] == '\n' || c.left.p[0] == '\r') {
            c.left = (struct hn_str){c.left.p + 1, c.left.n - 1};
            continue;
        }
        json_t *object = json_object();
        if (!object) status = hn_fail_nomem(err, "an item", 0);
        else status = read_record(&c, names, n, fields, object, err);
        if (status >= 0) status = add(out, object, fields, err);
        json_decref(object);
    }
    *line = c.line;
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    hn_buf_free(&c.field);
    return status;
}

enum hn_status hn_item_list_parse(struct hn_str text, bool csv, const char *name,
                                  const struct hn_item_fields *fields, struct hn_item_list *out,
                                  struct hn_error *err)
{
    size_t line = 0;
    *out = (struct hn_item_list){0};
    const enum hn_status status = (csv ? parse_csv : parse_lines)(text, fields, out, &line, err);
    if (status >= 0) return HN_OK;
    hn_item_list_free(out);
    return hn_fail_in(err, status, "%s: line %zu", name, line);
}

enum hn_status hn_item_list_read(const char *path, const struct hn_item_fields *fields,
                                 struct hn_item_list *out, struct hn_error *err)
{
    struct hn_map map;
    HN_TRY(hn_map_open(path, &map, err));
    const enum hn_status status =
        hn_item_list_parse((struct hn_str){(const char *)map.data, map.size},
                           hn_str_ends(hn_str_from(path), HN_STR(".csv")), path, fields, out, err);
    hn_map_close(&map);
    return status;
}
