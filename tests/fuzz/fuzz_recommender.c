#include "fuzz.h"

#include "model/recommend/items_file.h"
#include "model/recommend/recommender_config.h"
#include "model/recommend/shelf.h"

/* Every item that was read is found by its id, and none after it went. */
static void check_shelf(struct hn_shelf *shelf, const struct hn_item_list *list)
{
    struct hn_error err;
    for (size_t i = 0; i < list->n && i < 4; i++) { /* a block is large: a few will do */
        struct hn_shelf *with, *without;
        const struct hn_shelf_change put = {.item = list->items[i]};
        const struct hn_shelf_change gone = {.id = list->items[i]->id};
        if (hn_shelf_with(shelf, &put, 1, &with, &err) < 0) return;
        if (hn_shelf_find(with, gone.id) == SIZE_MAX) __builtin_trap();
        if (hn_shelf_with(with, &gone, 1, &without, &err) >= 0) {
            if (hn_shelf_find(without, gone.id) != SIZE_MAX) __builtin_trap();
            hn_shelf_release(without);
        }
        hn_shelf_release(with);
    }
}

static void read_items(struct hn_str text, bool csv, const struct hn_item_fields *fields)
{
    struct hn_error err;
    struct hn_item_list list;
    struct hn_shelf *shelf;
    if (hn_item_list_parse(text, csv, "input", fields, &list, &err) < 0) return;
    for (size_t i = 0; i < list.n; i++) {
        const struct hn_item *item = list.items[i];
        fuzz_touch(item->id.p, item->id.n);
        fuzz_touch(item->json.p, item->json.n);
        fuzz_touch(item->features, fields->n_features * sizeof *item->features);
        for (size_t c = 0; c < item->n_categories; c++)
            if (!hn_item_is_in(item, item->categories[c])) __builtin_trap();
    }
    if (hn_shelf_new(1, &shelf, &err) >= 0) {
        check_shelf(shelf, &list);
        hn_shelf_release(shelf);
    }
    hn_item_list_free(&list);
}

/* The input is a recommender.json, a catalogue as JSON Lines, and one as CSV. */
void fuzz_one(const uint8_t *data, size_t n)
{
    struct hn_str parts[3];
    struct hn_recommender_config config;
    struct hn_error err;
    fuzz_split((struct hn_str){(const char *)data, n}, parts, 3);
    if (hn_recommender_config_parse(parts[0], "input", &config, &err) < 0) return;
    read_items(parts[1], false, &config.fields);
    read_items(parts[2], true, &config.fields);
    hn_recommender_config_free(&config);
}
