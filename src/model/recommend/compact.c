/* A journal in which the same items changed again and again, made smaller. */
#include <stdlib.h>

#include "model/recommend/recommender_impl.h"

struct records {
    struct hn_str *items; /* texts of json_dumps */
    size_t n;
};

/* A member whose making may have lacked memory. */
static bool set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

/* {KEY: [VALUE]} as a record. Takes the value. */
static enum hn_status add(struct records *out, const char *key, json_t *value)
{
    json_t *change = json_object(), *list = json_array();
    const bool whole = json_array_append_new(list, value) == 0;
    char *text = set(change, key, list) && whole ? json_dumps(change, JSON_COMPACT) : NULL;
    json_decref(change);
    if (!text) return HN_E_NOMEM;
    out->items[out->n++] = hn_str_from(text);
    return HN_OK;
}

/* The item with its vector, as a change has it. */
static json_t *whole_item(const struct hn_shelf *shelf, size_t number)
{
    json_t *item = NULL;
    const float *x = hn_shelf_vector(shelf, number);
    if (hn_json_parse(hn_shelf_item(shelf, number)->json, "item", &item, NULL) < 0) return NULL;
    json_t *vector = json_array();
    bool whole = vector != NULL;
    for (size_t i = 0; x && i < shelf->dims; i++)
        whole = json_array_append_new(vector, json_real((double)x[i])) == 0 && whole;
    if (x) whole = set(item, "vector", vector) && whole;
    else json_decref(vector);
    if (whole) return item;
    json_decref(item);
    return NULL;
}

static enum hn_status collect(const struct hn_recommender *r, const struct hn_item_list *base,
                              struct records *out)
{
    const struct hn_shelf *shelf = r->shelf;
    for (size_t i = 0; i < base->n; i++) {
        const struct hn_str id = base->items[i]->id;
        if (hn_shelf_find(shelf, id) == SIZE_MAX)
            HN_TRY(add(out, "remove", json_stringn(id.p, id.n)));
    }
    for (size_t i = 0; i < shelf->n_blocks * HN_VECTORS; i++) {
        const struct hn_item *item = hn_shelf_item(shelf, i);
        if (item && item->changed) HN_TRY(add(out, "put", whole_item(shelf, i)));
    }
    return HN_OK;
}

enum hn_status hn_recommender_compact(struct hn_recommender *r, const struct hn_item_list *base,
                                      struct hn_error *err)
{
    struct records records = {.items =
                                  calloc(base->n + r->shelf->n_items + 1, sizeof(struct hn_str))};
    enum hn_status status = records.items ? collect(r, base, &records) : HN_E_NOMEM;
    if (status < 0) (void)hn_fail_nomem(err, "a smaller journal", r->journal.bytes);
    else if (records.n < r->journal.records / 2)
        status = hn_journal_replace(&r->journal, records.items, records.n, err);
    for (size_t i = 0; i < records.n; i++)
        free((char *)records.items[i].p);
    free(records.items);
    return status;
}
