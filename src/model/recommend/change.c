/* Changes of items: read as a whole, put on the disk, then made for everybody at once. */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "model/recommend/recommender_impl.h"
#include "text/json_write.h"

enum { CHANGE_ITEMS = 100000 /* of one change */ };

static void free_change(struct hn_change *change)
{
    for (size_t i = 0; i < change->n; i++)
        hn_item_release(change->items[i].item);
    free(change->items);
    free(change->vectors);
    free(change->ids);
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
                                  struct hn_change *out, struct hn_error *err)
{
    const json_t *put = json_object_get(object, "put"), *gone = json_object_get(object, "remove");
    const size_t n_put = json_array_size(put), n = n_put + json_array_size(gone);
    *out = (struct hn_change){0};
    if (!json_is_object(object) || (put && !json_is_array(put)) || (gone && !json_is_array(gone)))
        return hn_fail(err, HN_E_FORMAT, "a change is an object with the lists 'put' and 'remove'");
    if (n > CHANGE_ITEMS)
        return hn_fail(err, HN_E_LIMIT, "more than %d items in one change", CHANGE_ITEMS);
    out->items = calloc(n + 1, sizeof *out->items);
    out->vectors = calloc(n_put * dims + 1, sizeof *out->vectors);
    out->ids = malloc((n - n_put) * sizeof *out->ids + 1);
    enum hn_status status = out->items && out->vectors && out->ids
                                ? HN_OK
                                : hn_fail_nomem(err, "a change", n * dims * 4);
    for (; status >= 0 && out->n < n_put; out->n += status >= 0) {
        status = read_put(r, json_array_get(put, out->n), dims, out->vectors + out->n * dims,
                          &out->items[out->n], err);
        if (status < 0) (void)hn_fail_in(err, status, "item %zu of 'put'", out->n + 1);
    }
    for (; status >= 0 && out->n < n; out->n++) {
        const size_t i = out->n - n_put;
        if (!hn_item_id(json_array_get(gone, i), out->ids[i], &out->items[out->n].id))
            status = hn_fail(err, HN_E_FORMAT, "'remove' has no list of ids");
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
                      const struct hn_change *change)
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

/* Makes what was read from the journal on one new shelf, as if it were one change after the other. */
static enum hn_status make_replayed(struct hn_replay *p, struct hn_error *err)
{
    struct hn_recommender *r = p->r;
    struct hn_shelf *shelf;
    struct hn_shelf_change *items = malloc((p->n_items + 1) * sizeof *items);
    if (!items) return hn_fail_nomem(err, "changes", p->n_items * sizeof *items);
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        memcpy(items + n, p->changes[i].items, p->changes[i].n * sizeof *items);
        n += p->changes[i].n;
    }
    enum hn_status status = reserve_gone(r, n, err);
    if (status >= 0) status = hn_shelf_with(r->shelf, items, n, &shelf, NULL, err);
    free(items);
    HN_TRY(status);
    for (size_t i = 0; i < p->n; i++)
        note_gone(r, r->shelf, &p->changes[i]);
    hn_shelf_release(r->shelf);
    r->shelf = shelf;
    return HN_OK;
}

static void forget_replayed(struct hn_replay *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free_change(&p->changes[i]);
        json_decref(p->objects[i]);
    }
    p->n = p->n_items = 0;
}

enum hn_status hn_recommender_replay(void *replay, struct hn_str record, struct hn_error *err)
{
    struct hn_replay *p = replay;
    json_t *object;
    HN_TRY(hn_json_parse(record, "change", &object, err));
    enum hn_status status = read_change(p->r, object, p->r->dims, &p->changes[p->n], err);
    if (status < 0) {
        json_decref(object);
        return status;
    }
    p->objects[p->n] = object; /* ids are views of it */
    p->n_items += p->changes[p->n++].n;
    if (p->n < HN_REPLAY_CHANGES && p->n_items < HN_REPLAY_ITEMS) return HN_OK;
    status = make_replayed(p, err);
    forget_replayed(p);
    return status;
}

enum hn_status hn_recommender_replayed(struct hn_replay *p, enum hn_status status,
                                       struct hn_error *err)
{
    if (status >= 0 && p->n) status = make_replayed(p, err);
    forget_replayed(p);
    return status;
}

/* With the change lock: first everything that may fail, then the disk, then what cannot fail. */
static enum hn_status make(struct hn_recommender *r, const struct hn_change *change,
                           struct hn_str record, size_t *removed, struct hn_error *err)
{
    struct hn_shelf *shelf;
    HN_TRY(reserve_gone(r, change->n, err));
    HN_TRY(hn_shelf_with(r->shelf, change->items, change->n, &shelf, removed, err));
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
static enum hn_status embed(struct hn_recommender *r, struct hn_change *change,
                            struct hn_error *err)
{
    struct hn_shelf *shelf = hn_recommender_shelf(r);
    const enum hn_status status =
        hn_item_vectors_change(r->embedding, shelf, change->items, change->n, change->vectors, err);
    hn_shelf_release(shelf);
    return status;
}

enum hn_status hn_recommender_change(struct hn_recommender *r, const json_t *object,
                                     size_t *removed, struct hn_error *err)
{
    struct hn_change change;
    struct hn_json_writer record = {0};
    HN_TRY(read_change(r, object, r->dims, &change, err));
    hn_json_put_value(&record, NULL, object);
    enum hn_status status = record.out.failed ? hn_fail_nomem(err, "a change", change.n) : HN_OK;
    if (status >= 0 && r->embedding) status = embed(r, &change, err);
    pthread_mutex_lock(&r->change_lock);
    if (status >= 0) status = make(r, &change, hn_buf_view(&record.out), removed, err);
    pthread_mutex_unlock(&r->change_lock);
    hn_buf_free(&record.out);
    free_change(&change);
    return status;
}
