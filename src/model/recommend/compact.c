/* A journal in which the same items changed again and again, made smaller. */
#include "base/bits.h"
#include "model/recommend/recommender_impl.h"
#include "text/json_write.h"

enum {
    SHORT = 1 << 20, /* bytes of a journal that is left alone */
    TOGETHER = 256,  /* items in a record, which stays below HN_JOURNAL_RECORD */
};

/* A member whose making may have lacked memory. */
static bool set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

/* Records in the making: {KEY: [VALUES]}. */
struct writing {
    struct hn_journal_draft *out;
    const char *key;
    json_t *list;
};

/* Writes what is listed, and begins a new list. */
static enum hn_status end_record(struct writing *w, struct hn_error *err)
{
    json_t *change = json_object();
    struct hn_json_writer text = {0};
    const bool made = set(change, w->key, w->list);
    if (made) hn_json_put_value(&text, NULL, change);
    json_decref(change);
    w->list = json_array();
    const enum hn_status status = made && w->list && !text.out.failed
                                      ? hn_journal_draft_put(w->out, hn_buf_view(&text.out), err)
                                      : hn_fail_nomem(err, "a change", 0);
    hn_buf_free(&text.out);
    return status;
}

/* Takes the value. */
static enum hn_status add(struct writing *w, json_t *value, struct hn_error *err)
{
    if (json_array_append_new(w->list, value) != 0) return hn_fail_nomem(err, "a change", 0);
    return json_array_size(w->list) < TOGETHER ? HN_OK : end_record(w, err);
}

/* The item as a change has it: with its vector, unless that is computed of its text. */
static json_t *whole_item(const struct hn_recommender *r, size_t number)
{
    json_t *item = NULL;
    const struct hn_shelf *shelf = r->shelf;
    const bool computed = r->embedding && !hn_shelf_item(shelf, number)->own_vector;
    const float *x = computed ? NULL : hn_shelf_vector(shelf, number);
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

static enum hn_status write_gone(const struct hn_recommender *r, struct writing *w,
                                 struct hn_error *err)
{
    for (size_t i = 0; i < r->n_gone; i++)
        HN_TRY(add(w, json_stringn(r->gone[i]->id.p, r->gone[i]->id.n), err));
    return json_array_size(w->list) ? end_record(w, err) : HN_OK;
}

static enum hn_status write_changed(const struct hn_recommender *r, struct writing *w,
                                    struct hn_error *err)
{
    for (size_t i = 0; i < r->shelf->n_blocks * HN_VECTORS; i++) {
        const struct hn_item *item = hn_shelf_item(r->shelf, i);
        if (item && item->changed) HN_TRY(add(w, whole_item(r, i), err));
    }
    return json_array_size(w->list) ? end_record(w, err) : HN_OK;
}

/* What has to be done to the catalogue's file to get the shelf. All that was ever removed goes first: what came
 * again is new, and has nothing of the old one. */
static enum hn_status write_changes(const struct hn_recommender *r, struct hn_journal_draft *out,
                                    struct hn_error *err)
{
    struct writing w = {out, "remove", json_array()};
    enum hn_status status = write_gone(r, &w, err);
    w.key = "put";
    if (status >= 0) status = write_changed(r, &w, err);
    json_decref(w.list);
    return status;
}

enum hn_status hn_recommender_compact(struct hn_recommender *r, struct hn_error *err)
{
    struct hn_journal_draft draft;
    enum hn_status status = hn_journal_draft_begin(&r->journal, &draft, err);
    if (status >= 0) status = write_changes(r, &draft, err);
    /* Where most of it is what it came to, it stays. */
    if (status >= 0 && draft.bytes + draft.waiting.n <= r->journal.bytes / 2)
        status = hn_journal_draft_finish(&r->journal, &draft, err);
    hn_journal_draft_free(&draft);
    return status;
}

void hn_recommender_tidy(struct hn_recommender *r)
{
    if (r->journal.bytes < hn_max(r->tidy_bytes, SHORT)) return;
    (void)hn_recommender_compact(r, NULL);
    /* So every byte of the work stands for one that was added since. */
    r->tidy_bytes = 2 * r->journal.bytes;
}
