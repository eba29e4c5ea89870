#include "model/recommend/item.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "text/json_write.h"

enum { SHOWN = 40 /* bytes of a wrong text in an error */ };

uint64_t hn_category_bit(struct hn_str category)
{
    return 1ull << (hn_str_hash(category, 0) >> 58);
}

bool hn_item_is_in(const struct hn_item *item, struct hn_str category)
{
    for (size_t i = 0; i < item->n_categories; i++)
        if (hn_str_eq(item->categories[i], category)) return true;
    return false;
}

void hn_item_hold(struct hn_item *item)
{
    atomic_fetch_add_explicit(&item->refs, 1, memory_order_relaxed);
}

void hn_item_release(struct hn_item *item)
{
    if (item && atomic_fetch_sub_explicit(&item->refs, 1, memory_order_acq_rel) == 1) free(item);
}

static const json_t *member(const json_t *object, const char *name)
{
    const json_t *value = name ? json_object_get(object, name) : NULL;
    return json_is_null(value) ? NULL : value;
}

/* A number or truth as a float; NaN for anything else. */
static float number_of(const json_t *value)
{
    if (json_is_boolean(value)) return json_is_true(value) ? 1 : 0;
    const double x = json_is_number(value) ? json_number_value(value) : (double)NAN;
    return fabs(x) <= (double)FLT_MAX ? (float)x : NAN;
}

static bool is_available(const json_t *value)
{
    if (!value) return true;
    if (!json_is_string(value)) return number_of(value) > 0;
    const struct hn_str text = hn_json_str(value);
    static const char *const nos[] = {"", "0", "no", "false", "No", "False", "NO", "FALSE"};
    for (size_t i = 0; i < HN_COUNT(nos); i++)
        if (hn_str_is(text, nos[i])) return false;
    return true;
}

/* A number, where there is anything; NaN where there is none. */
static enum hn_status read_number(const json_t *object, const char *name, float *out,
                                  struct hn_error *err)
{
    const json_t *value = member(object, name);
    *out = number_of(value);
    if (!value || !isnan(*out)) return HN_OK;
    if (!json_is_string(value) || json_string_length(value) > SHOWN)
        return hn_fail(err, HN_E_FORMAT, "'%s' is no number", name);
    return hn_fail(err, HN_E_FORMAT, "'%s' is '%s', which is no number", name,
                   json_string_value(value));
}

/* Collects the categories, which stay the object's. */
static enum hn_status categories_of(const json_t *object, const struct hn_item_fields *fields,
                                    struct hn_str out[HN_ITEM_CATEGORIES], size_t *n,
                                    struct hn_error *err)
{
    *n = 0;
    for (size_t i = 0; i < fields->n_categories; i++) {
        const json_t *value = member(object, fields->categories[i]);
        const size_t texts = json_is_array(value) ? json_array_size(value) : value != NULL;
        for (size_t j = 0; j < texts; j++) {
            const json_t *text = json_is_array(value) ? json_array_get(value, j) : value;
            if (!json_is_string(text))
                return hn_fail(err, HN_E_FORMAT, "'%s' is no text", fields->categories[i]);
            if (*n == HN_ITEM_CATEGORIES)
                return hn_fail(err, HN_E_LIMIT, "more than %d categories", HN_ITEM_CATEGORIES);
            out[(*n)++] = hn_json_str(text);
        }
    }
    return HN_OK;
}

static void add_text(struct hn_buf *out, const char *before, const json_t *value)
{
    if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++)
            add_text(out, i ? ", " : before, json_array_get(value, i));
    } else if (json_is_string(value) && json_string_length(value)) {
        hn_buf_str(out, hn_str_from(before));
        hn_buf_str(out, hn_json_str(value));
    } else if (json_is_integer(value)) {
        hn_buf_printf(out, "%s%" JSON_INTEGER_FORMAT, before, json_integer_value(value));
    } else if (json_is_real(value)) {
        hn_buf_printf(out, "%s%.10g", before, json_real_value(value));
    }
}

enum hn_status hn_item_text(const json_t *object, const struct hn_item_fields *fields,
                            struct hn_buf *out, struct hn_error *err)
{
    for (size_t i = 0; i < fields->n_texts; i++)
        add_text(out, out->n ? "\n" : "", member(object, fields->texts[i]));
    return out->failed ? hn_fail_nomem(err, "a text", out->n) : HN_OK;
}

static enum hn_status text_key(const json_t *object, const struct hn_item_fields *fields,
                               struct hn_text_key *out, struct hn_error *err)
{
    struct hn_buf text = {0};
    *out = (struct hn_text_key){{0, 0}};
    const enum hn_status status = hn_item_text(object, fields, &text, err);
    if (text.n)
        *out = (struct hn_text_key){
            {hn_str_hash(hn_buf_view(&text), 1) | 1, hn_str_hash(hn_buf_view(&text), 2)}};
    hn_buf_free(&text);
    return status;
}

static struct hn_str copy_to(char **at, struct hn_str s)
{
    const struct hn_str copy = {*at, s.n};
    if (s.n) memcpy(*at, s.p, s.n);
    *at += s.n;
    return copy;
}

/* One piece of memory: the struct, categories, features, texts. */
static struct hn_item *put_together(struct hn_str id, struct hn_str json,
                                    const struct hn_str *categories, size_t n, size_t n_features)
{
    size_t texts = id.n + json.n;
    for (size_t i = 0; i < n; i++)
        texts += categories[i].n;
    struct hn_item *item =
        calloc(1, sizeof *item + n * sizeof *categories + n_features * sizeof(float) + texts);
    if (!item) return NULL;
    item->categories = (struct hn_str *)(item + 1);
    item->features = (float *)(item->categories + n);
    char *at = (char *)(item->features + n_features);
    item->id = copy_to(&at, id);
    item->json = copy_to(&at, json);
    item->n_categories = n;
    for (size_t i = 0; i < n; i++) {
        item->categories[i] = copy_to(&at, categories[i]);
        item->signature |= hn_category_bit(categories[i]);
    }
    return item;
}

bool hn_item_id(const json_t *value, char room[HN_ITEM_ID_ROOM], struct hn_str *out)
{
    if (json_is_integer(value)) {
        snprintf(room, HN_ITEM_ID_ROOM, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        *out = hn_str_from(room);
        return true;
    }
    *out = hn_json_str(value);
    return json_is_string(value);
}

static enum hn_status id_of(const json_t *object, const char *name, char room[HN_ITEM_ID_ROOM],
                            struct hn_str *out, struct hn_error *err)
{
    if (!hn_item_id(member(object, name), room, out) || !out->n || out->n > HN_ITEM_ID_BYTES)
        return hn_fail(err, HN_E_FORMAT, "'%s' is no text of 1 to %d bytes", name,
                       HN_ITEM_ID_BYTES);
    return HN_OK;
}

/* Appends the object without its vector. */
static enum hn_status put_object(const json_t *object, struct hn_buf *out, struct hn_error *err)
{
    struct hn_json_writer w = {.out = *out};
    const char *key;
    json_t *value;
    hn_json_open(&w, NULL, '{');
    json_object_foreach((json_t *)object, key, value)
    {
        if (strcmp(key, "vector") != 0) hn_json_put_value(&w, key, value);
    }
    hn_json_close(&w, '}');
    *out = w.out;
    return out->failed ? hn_fail_nomem(err, "an item", out->n) : HN_OK;
}

enum hn_status hn_item_make(const json_t *object, const struct hn_item_fields *fields, int32_t row,
                            struct hn_item **out, struct hn_error *err)
{
    struct hn_str id, categories[HN_ITEM_CATEGORIES];
    char room[32];
    size_t n;
    if (!json_is_object(object)) return hn_fail(err, HN_E_FORMAT, "an item is no object");
    HN_TRY(id_of(object, fields->id, room, &id, err));
    HN_TRY(categories_of(object, fields, categories, &n, err));
    float price, popularity;
    HN_TRY(read_number(object, fields->price, &price, err));
    HN_TRY(read_number(object, fields->popularity, &popularity, err));
    if (popularity < 0) return hn_fail(err, HN_E_FORMAT, "'%s' is below 0", fields->popularity);
    struct hn_text_key text;
    HN_TRY(text_key(object, fields, &text, err));
    struct hn_item *item = NULL;
    struct hn_buf json = {0};
    enum hn_status status = put_object(object, &json, err);
    if (status >= 0 && json.n > HN_ITEM_BYTES)
        status = hn_fail(err, HN_E_LIMIT, "item '%.*s' has more than %d bytes", HN_FMT(id),
                         HN_ITEM_BYTES);
    if (status >= 0) item = put_together(id, hn_buf_view(&json), categories, n, fields->n_features);
    hn_buf_free(&json);
    HN_TRY(status);
    if (!item) return hn_fail_nomem(err, "an item", sizeof *item);
    atomic_init(&item->refs, 1);
    item->row = row;
    item->text = text;
    item->available = is_available(member(object, fields->available));
    item->price = price;
    item->popularity = isnan(popularity) ? 0 : popularity;
    for (size_t i = 0; i < fields->n_features; i++)
        item->features[i] = number_of(member(object, fields->features[i]));
    *out = item;
    return HN_OK;
}

enum hn_status hn_item_vector(const json_t *object, size_t dims, float *out, bool *has,
                              struct hn_error *err)
{
    const json_t *value = member(object, "vector");
    *has = value != NULL;
    if (!value) return HN_OK;
    if (!json_is_array(value) || json_array_size(value) != dims)
        return hn_fail(err, HN_E_FORMAT, "'vector' is no array of %zu numbers", dims);
    for (size_t i = 0; i < dims; i++) {
        const json_t *x = json_array_get(value, i);
        out[i] = json_is_number(x) ? number_of(x) : NAN;
        if (isnan(out[i]))
            return hn_fail(err, HN_E_FORMAT, "'vector' has something else than numbers at %zu", i);
    }
    return HN_OK;
}
