#include "fuzz.h"

#include "model/recommend/items_file.h"
#include "model/recommend/recommender_config.h"
#include "model/recommend/together.h"

/* Every item that was read is found by its id, and none after it went. */
static void check_shelf(struct hn_shelf *shelf, const struct hn_item_list *list)
{
    struct hn_error err;
    for (size_t i = 0; i < list->n && i < 4; i++) { /* a block is large: a few will do */
        struct hn_shelf *with, *without;
        const struct hn_shelf_change put = {.item = list->items[i]};
        const struct hn_shelf_change gone = {.id = list->items[i]->id};
        if (hn_shelf_with(shelf, &put, 1, &with, NULL, &err) < 0) return;
        if (hn_shelf_find(with, gone.id) == SIZE_MAX) __builtin_trap();
        if (hn_shelf_with(with, &gone, 1, &without, NULL, &err) >= 0) {
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

/* Past visits of items a, b and c. What is near is symmetric, and never more than certain. */
static void read_visits(struct hn_str text, bool csv)
{
    static const struct hn_item_fields fields = {.id = "id"};
    static const struct hn_together_source from = {"input", "visit", "item"};
    struct hn_error err;
    struct hn_item_list list;
    struct hn_shelf_change changes[3] = {{0}};
    struct hn_shelf *empty, *shelf = NULL;
    struct hn_together *t = NULL;
    if (hn_item_list_parse(HN_STR("id\na\nb\nc\n"), true, "input", &fields, &list, &err) < 0)
        return;
    for (size_t i = 0; i < list.n; i++)
        changes[i].item = list.items[i];
    if (hn_shelf_new(1, &empty, &err) >= 0) {
        if (hn_shelf_with(empty, changes, list.n, &shelf, NULL, &err) < 0) shelf = NULL;
        hn_shelf_release(empty);
    }
    if (shelf && hn_together_parse(text, csv, &from, shelf, &t, &err) >= 0) {
        for (size_t row = 0, n; row < 3; row++) {
            const struct hn_together_near *near = hn_together_of(t, row, &n);
            for (size_t i = 0, m; i < n; i++) {
                const struct hn_together_near *back = hn_together_of(t, near[i].row, &m);
                bool found = false;
                for (size_t j = 0; j < m; j++)
                    found = found || (back[j].row == row && back[j].score == near[i].score);
                if (!found || !(near[i].score > 0 && near[i].score < 1)) __builtin_trap();
            }
        }
        hn_together_free(t);
    }
    hn_shelf_release(shelf);
    hn_item_list_free(&list);
}

/* The input is a recommender.json, a catalogue as JSON Lines, one as CSV, and visits as both. */
void fuzz_one(const uint8_t *data, size_t n)
{
    struct hn_str parts[5];
    struct hn_recommender_config config;
    struct hn_error err;
    fuzz_split((struct hn_str){(const char *)data, n}, parts, 5);
    if (hn_recommender_config_parse(parts[0], "input", &config, &err) < 0) return;
    read_items(parts[1], false, &config.fields);
    read_items(parts[2], true, &config.fields);
    hn_recommender_config_free(&config);
    read_visits(parts[3], false);
    read_visits(parts[4], true);
}
