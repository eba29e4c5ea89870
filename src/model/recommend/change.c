/* Changes of items: read as a whole, put on the disk, then made for everybody at once. */
#include <stdlib.h>

#include "base/bits.h"
#include "model/recommend/recommender_impl.h"

enum { CHANGE_ITEMS = 100000 /* of one change */ };

/* A change that was read: what hn_shelf_with wants, and whose memory that is. */
struct change {
    struct hn_shelf_change *items;
    float *vectors;
    size_t n;
};

static void free_change(struct change *change)
{
    for (size_t i = 0; i < change->n; i++)
        hn_item_release(change->items[i].item);
    free(change->items);
    free(change->vectors);
}

static enum hn_status read_put(const struct hn_recommender *r, const json_t *object, size_t dims,
                               float *vector, struct hn_shelf_change *out, struct hn_error *err)
{
    bool has = false;
    HN_TRY(hn_item_make(object, &r->config.fields, -1, &out->item, err));
    out->item->changed = true;
    const bool may = r->config.vectors || r->config.embedding;
    const enum hn_status status =
        may || !json_object_get(object, "vector")
            ? hn_item_vector(object, dims, vector, &has, err)
            : hn_fail(err, HN_E_FORMAT, "a 'vector', and this recommender's items have none");
    if (status < 0) {
        hn_item_release(out->item);
        return status;
    }
    out->vector = has ? vector : NULL;
    out->item->own_vector = has;
    return HN_OK;
}

static enum hn_status read_change(const struct hn_recommender *r, const json_t *object, size_t dims,
                                  struct change *out, struct hn_error *err)
{
    const json_t *put = json_object_get(object, "put"), *gone = json_object_get(object, "remove");
    const size_t n_put = json_array_size(put), n = n_put + json_array_size(gone);
    *out = (struct change){0};
    if (!json_is_object(object) || (put && !json_is_array(put)) || (gone && !json_is_array(gone)))
        return hn_fail(err, HN_E_FORMAT, "a change is an object with the lists 'put' and 'remove'");
    if (n > CHANGE_ITEMS)
        return hn_fail(err, HN_E_LIMIT, "more than %d items in one change", CHANGE_ITEMS);
    out->items = calloc(n + 1, sizeof *out->items);
    out->vectors = calloc(n_put * dims + 1, sizeof *out->vectors);
    enum hn_status status =
        out->items && out->vectors ? HN_OK : hn_fail_nomem(err, "a change", n * dims * 4);
    for (; status >= 0 && out->n < n_put; out->n += status >= 0) {
        status = read_put(r, json_array_get(put, out->n), dims, out->vectors + out->n * dims,
                          &out->items[out->n], err);
        if (status < 0) (void)hn_fail_in(err, status, "item %zu of 'put'", out->n + 1);
    }
    for (; status >= 0 && out->n < n; out->n++) {
        const json_t *id = json_array_get(gone, out->n - n_put);
        out->items[out->n].id = hn_json_str(id);
        if (!json_is_string(id)) status = hn_fail(err, HN_E_FORMAT, "'remove' has no list of ids");
    }
    if (status < 0) free_change(out);
    return status;
}

/* --- making it --------------------------------------------------------------------------------- */

/* Memory for what a change may remove. */
static enum hn_status reserve_gone(struct hn_recommender *r, size_t n, struct hn_error *err)
{
    if (r->gone_room - r->n_gone >= n) return HN_OK;
    const size_t room = hn_max(r->n_gone + n, 2 * r->gone_room);
    struct hn_item **more = realloc(r->gone, room * sizeof *more);
    if (!more) return hn_fail_nomem(err, "removed items", room * sizeof *more);
    r->gone = more;
    r->gone_room = room;
    return HN_OK;
}

/* Notes the items of the catalogue's file that go from a shelf. An id that comes again later is another item,
 * without a line in the file. */
static void note_gone(struct hn_recommender *r, const struct hn_shelf *shelf,
                      const struct change *change)
{
    for (size_t i = 0; i < change->n; i++) {
        if (change->items[i].item) continue;
        const size_t number = hn_shelf_find(shelf, change->items[i].id);
        if (number == SIZE_MAX || hn_shelf_item(shelf, number)->row < 0) continue;
        struct hn_item *item = shelf->blocks[number / HN_VECTORS]->items[number % HN_VECTORS];
        hn_item_hold(item);
        r->gone[r->n_gone++] = item;
    }
}

enum hn_status hn_recommender_replay(void *recommender, struct hn_str record, struct hn_error *err)
{
    struct hn_recommender *r = recommender;
    json_t *object;
    struct change change;
    struct hn_shelf *shelf;
    HN_TRY(hn_json_parse(record, "change", &object, err));
    enum hn_status status = read_change(r, object, r->dims, &change, err);
    if (status >= 0) {
        status = reserve_gone(r, change.n, err);
        if (status >= 0) status = hn_shelf_with(r->shelf, change.items, change.n, &shelf, err);
        if (status >= 0) note_gone(r, r->shelf, &change);
        free_change(&change);
    }
    json_decref(object);
    HN_TRY(status);
    hn_shelf_release(r->shelf);
    r->shelf = shelf;
    return HN_OK;
}

/* With the change lock: first everything that may fail, then the disk, then what cannot fail. */
static enum hn_status make(struct hn_recommender *r, const struct change *change,
                           struct hn_str record, struct hn_error *err)
{
    struct hn_shelf *shelf;
    HN_TRY(reserve_gone(r, change->n, err));
    HN_TRY(hn_shelf_with(r->shelf, change->items, change->n, &shelf, err));
    const enum hn_status status = hn_journal_add(&r->journal, record, err);
    if (status < 0) {
        hn_shelf_release(shelf);
        return status;
    }
    note_gone(r, r->shelf, change);
    pthread_mutex_lock(&r->shelf_lock);
    struct hn_shelf *old = r->shelf;
    r->shelf = shelf;
    pthread_mutex_unlock(&r->shelf_lock);
    hn_shelf_release(old);
    hn_recommender_tidy(r);
    if (r->embedding) hn_item_vectors_tidy(r->embedding, r->shelf);
    return HN_OK;
}

/* Before the change lock: it may take long. A vector depends on the item's text alone. */
static enum hn_status embed(struct hn_recommender *r, struct change *change, struct hn_error *err)
{
    struct hn_shelf *shelf = hn_recommender_shelf(r);
    const enum hn_status status =
        hn_item_vectors_change(r->embedding, shelf, change->items, change->n, change->vectors, err);
    hn_shelf_release(shelf);
    return status;
}

enum hn_status hn_recommender_change(struct hn_recommender *r, const json_t *object,
                                     struct hn_error *err)
{
    struct change change;
    HN_TRY(read_change(r, object, r->dims, &change, err));
    char *record = json_dumps(object, JSON_COMPACT);
    enum hn_status status = record ? HN_OK : hn_fail_nomem(err, "a change", change.n);
    if (status >= 0 && r->embedding) status = embed(r, &change, err);
    pthread_mutex_lock(&r->change_lock);
    if (status >= 0) status = make(r, &change, hn_str_from(record), err);
    pthread_mutex_unlock(&r->change_lock);
    free(record);
    free_change(&change);
    return status;
}
