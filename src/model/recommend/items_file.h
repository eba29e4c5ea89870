/* Catalogues as files. */
#ifndef HN_MODEL_RECOMMEND_ITEMS_FILE_H
#define HN_MODEL_RECOMMEND_ITEMS_FILE_H

#include "model/recommend/item.h"

struct hn_item_list {
    struct hn_item **items; /* one reference to each; the order of the file, which is their row */
    uint32_t *lines;        /* that they stand in */
    size_t n, room;
};

/* `csv`: else JSON Lines (recommend/row_file.h). Errors name the line. On failure nothing is kept. */
enum hn_status hn_item_list_parse(struct hn_str text, bool csv, const char *name,
                                  const struct hn_item_fields *fields, struct hn_item_list *out,
                                  struct hn_error *err);
/* Of a file, whose name tells which it is. */
enum hn_status hn_item_list_read(const char *path, const struct hn_item_fields *fields,
                                 struct hn_item_list *out, struct hn_error *err);
void hn_item_list_free(struct hn_item_list *items);

/* The error for a list in which an id comes twice: says which, and where. */
enum hn_status hn_item_list_twice(const struct hn_item_list *items, const char *name,
                                  struct hn_error *err);

#endif
