/* Catalogues as files: JSON Lines, an object per line, or CSV with a line of names. */
#ifndef HN_MODEL_RECOMMEND_ITEMS_FILE_H
#define HN_MODEL_RECOMMEND_ITEMS_FILE_H

#include "model/recommend/item.h"

struct hn_item_list {
    struct hn_item **items; /* one reference to each; the order of the file, which is their row */
    size_t n, room;
};

/* `csv`: else JSON Lines. A CSV's fields become numbers where they are written as JSON's, truths where they
 * are true or false, null where they are empty, and lists where a `|` separates texts of a category. Errors
 * name the line. On failure nothing is kept. */
enum hn_status hn_item_list_parse(struct hn_str text, bool csv, const char *name,
                                  const struct hn_item_fields *fields, struct hn_item_list *out,
                                  struct hn_error *err);
/* Of a file, whose name tells which it is. */
enum hn_status hn_item_list_read(const char *path, const struct hn_item_fields *fields,
                                 struct hn_item_list *out, struct hn_error *err);
void hn_item_list_free(struct hn_item_list *items);

#endif
