#include "model/recommend/items_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "model/recommend/row_file.h"
#include "model/recommend/shelf.h"

void hn_item_list_free(struct hn_item_list *items)
{
    for (size_t i = 0; i < items->n; i++)
        hn_item_release(items->items[i]);
    free(items->items);
    free(items->lines);
    *items = (struct hn_item_list){0};
}

static enum hn_status grow(struct hn_item_list *list, struct hn_error *err)
{
    const size_t room = 2 * list->room + 64;
    struct hn_item **items = realloc(list->items, room * sizeof *items);
    if (items) list->items = items;
    uint32_t *lines = realloc(list->lines, room * sizeof *lines);
    if (lines) list->lines = lines;
    if (!items || !lines) return hn_fail_nomem(err, "a catalogue", room * sizeof *items);
    list->room = room;
    return HN_OK;
}

struct collecting {
    const struct hn_item_fields *fields;
    struct hn_item_list *list;
};

static enum hn_status add(void *ctx, const json_t *row, size_t line, struct hn_error *err)
{
    const struct collecting *c = ctx;
    struct hn_item_list *list = c->list;
    if (json_object_get(row, "vector"))
        return hn_fail(err, HN_E_FORMAT,
                       "a 'vector' in a catalogue: they come in a file of their own, 'vectors'");
    if (list->n == HN_SHELF_ITEMS) return hn_fail(err, HN_E_LIMIT, "too many items");
    if (list->n == list->room) HN_TRY(grow(list, err));
    HN_TRY(hn_item_make(row, c->fields, (int32_t)list->n, &list->items[list->n], err));
    list->lines[list->n++] = (uint32_t)line;
    return HN_OK;
}

/* What of the fields a CSV must have. */
struct columns {
    const char *needed[4 + 2 * HN_ITEM_CATEGORIES + HN_ITEM_FEATURES + 1];
    const char *texts[2], *lists[HN_ITEM_CATEGORIES + 1];
};

static struct hn_row_form form_of(const struct hn_item_fields *f, struct columns *c)
{
    const char *const single[] = {f->id, f->price, f->available, f->popularity};
    size_t n = 0;
    *c = (struct columns){.texts = {f->id}};
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++)
        if (single[i]) c->needed[n++] = single[i];
    for (size_t i = 0; i < f->n_categories; i++)
        c->needed[n++] = c->lists[i] = f->categories[i];
    for (size_t i = 0; i < f->n_texts; i++)
        c->needed[n++] = f->texts[i];
    for (size_t i = 0; i < f->n_features; i++)
        c->needed[n++] = f->features[i];
    return (struct hn_row_form){c->needed, c->texts, c->lists};
}

enum hn_status hn_item_list_parse(struct hn_str text, bool csv, const char *name,
                                  const struct hn_item_fields *fields, struct hn_item_list *out,
                                  struct hn_error *err)
{
    struct columns columns;
    const struct hn_row_form form = form_of(fields, &columns);
    struct collecting collecting = {fields, out};
    *out = (struct hn_item_list){0};
    const enum hn_status status = hn_rows_parse(text, csv, name, &form, add, &collecting, err);
    if (status < 0) hn_item_list_free(out);
    return status;
}

enum hn_status hn_item_list_read(const char *path, const struct hn_item_fields *fields,
                                 struct hn_item_list *out, struct hn_error *err)
{
    struct hn_map map;
    *out = (struct hn_item_list){0};
    HN_TRY(hn_map_open(path, &map, err));
    const enum hn_status status =
        hn_item_list_parse(hn_map_view(&map), hn_rows_are_csv(path), path, fields, out, err);
    hn_map_close(&map);
    return status;
}

static int by_id(const void *a, const void *b)
{
    const struct hn_item *x = *(struct hn_item *const *)a, *y = *(struct hn_item *const *)b;
    const size_t n = x->id.n < y->id.n ? x->id.n : y->id.n;
    const int order = memcmp(x->id.p, y->id.p, n);
    if (order) return order;
    if (x->id.n != y->id.n) return x->id.n < y->id.n ? -1 : 1;
    return x->row < y->row ? -1 : 1;
}

enum hn_status hn_item_list_twice(const struct hn_item_list *list, const char *name,
                                  struct hn_error *err)
{
    struct hn_item **sorted = malloc((list->n + 1) * sizeof *sorted);
    if (!sorted) return hn_fail_nomem(err, "a catalogue", list->n * sizeof *sorted);
    memcpy(sorted, list->items, list->n * sizeof *sorted);
    qsort(sorted, list->n, sizeof *sorted, by_id);
    const struct hn_item *first = NULL, *second = NULL;
    for (size_t i = 1; i < list->n; i++) {
        if (!hn_str_eq(sorted[i - 1]->id, sorted[i]->id)) continue;
        if (second && sorted[i]->row > second->row) continue;
        first = sorted[i - 1];
        second = sorted[i];
    }
    free(sorted);
    if (!second) return hn_fail(err, HN_E_FORMAT, "%s: an id comes twice", name);
    return hn_fail(err, HN_E_FORMAT, "%s: line %u: the id '%.*s' is that of line %u, too", name,
                   list->lines[second->row], HN_FMT(second->id), list->lines[first->row]);
}
