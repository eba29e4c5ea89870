/* One item that may be recommended, as it stands in a catalogue. */
#ifndef HN_MODEL_RECOMMEND_ITEM_H
#define HN_MODEL_RECOMMEND_ITEM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"

enum {
    HN_ITEM_ID_BYTES = 256,
    HN_ITEM_ID_ROOM = 32,    /* for one that is a number */
    HN_ITEM_BYTES = 1 << 16, /* its JSON text */
    HN_ITEM_CATEGORIES = 16, /* of one item */
    HN_ITEM_FEATURES = 256,
};

/* Which members of the objects mean what. NULL: none does. */
struct hn_item_fields {
    const char *id;
    const char *price;
    const char *
        available; /* true, a number above 0, or a text but "", "no", "false", "0"; none given: it is */
    const char *popularity;                     /* a number, 0 or more */
    const char *categories[HN_ITEM_CATEGORIES]; /* texts or arrays of texts */
    size_t n_categories;
    const char *texts[HN_ITEM_CATEGORIES]; /* that make the text, which an embedding model reads */
    size_t n_texts;
    const char *const *features; /* numbers that a ranker wants; what is none is NaN */
    size_t n_features;
};

/* What stands for a text; zeros: for none. */
struct hn_text_key {
    uint64_t hash[2];
};

/* Immutable; counted references. */
struct hn_item {
    atomic_uint refs;
    bool available;
    bool changed; /* it is not as the catalogue's file has it */
    int32_t row;  /* its line in the catalogue's file, from 0; -1: it was added later */
    float price;  /* NaN: unknown */
    float popularity;
    bool own_vector; /* it brought one */
    struct hn_text_key text;
    uint64_t signature; /* a bit per category, by hn_category_bit */
    struct hn_str id;
    struct hn_str json; /* the object without its vector */
    struct hn_str *categories;
    size_t n_categories;
    float *features; /* [n_features] */
};

/* An id as text, a view of the value or of `room`: whole numbers are written out. False: it is neither. */
bool hn_item_id(const json_t *value, char room[HN_ITEM_ID_ROOM], struct hn_str *out);

/* Made of an object, with one reference. Errors name the member. */
enum hn_status hn_item_make(const json_t *object, const struct hn_item_fields *fields, int32_t row,
                            struct hn_item **out, struct hn_error *err);
void hn_item_hold(struct hn_item *item);
void hn_item_release(struct hn_item *item); /* NULL is fine */

/* Appends the text: the members one below the other, lists with commas. Nothing: it has none. */
enum hn_status hn_item_text(const json_t *object, const struct hn_item_fields *fields,
                            struct hn_buf *out, struct hn_error *err);
static inline bool hn_item_has_text(const struct hn_item *item)
{
    return item->text.hash[0] || item->text.hash[1];
}

/* A category's bit of an item's signature; several share one, so that hn_item_is_in has the last word. */
uint64_t hn_category_bit(struct hn_str category);
bool hn_item_is_in(const struct hn_item *item, struct hn_str category);

/* The member "vector", an array of `dims` finite numbers. *has is false when there is none. */
enum hn_status hn_item_vector(const json_t *object, size_t dims, float *out, bool *has,
                              struct hn_error *err);

#endif
