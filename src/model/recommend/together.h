/* What was looked at in the same visits ("also seen with"), counted from past ones. */
#ifndef HN_MODEL_RECOMMEND_TOGETHER_H
#define HN_MODEL_RECOMMEND_TOGETHER_H

#include "model/recommend/shelf.h"

enum {
    HN_TOGETHER_EVENTS = 50, /* of a visitor, the last, that are looked up */
    HN_TOGETHER_NEAR = 100,  /* items kept of each, at most */
    HN_TOGETHER_VISIT = 200, /* different items of a visit; more is no visitor, and is left out */
};

struct hn_together; /* immutable */

/* An item that was seen with another one: so many visits with both, over the root of the products of how many had
 * each, both with 5 more, so that what was seen together once is not sure: from 0 to 1. */
struct hn_together_near {
    uint32_t row;
    float score;
};

struct hn_together_source {
    const char *path;
    const char *visit, *item; /* names of the members */
};

/* Reads past visits: rows with a visit and an item, in any order, JSON Lines or, when the name ends in .csv, CSV.
 * The shelf is the catalogue's, row by row; items that are not on it do not count. Errors name the line. */
enum hn_status hn_together_read(const struct hn_together_source *from, const struct hn_shelf *shelf,
                                struct hn_together **out, struct hn_error *err);
/* Of a text, for which the path only stands. */
enum hn_status hn_together_parse(struct hn_str text, bool csv,
                                 const struct hn_together_source *from,
                                 const struct hn_shelf *shelf, struct hn_together **out,
                                 struct hn_error *err);
void hn_together_free(struct hn_together *t); /* NULL is fine */
size_t hn_together_bytes(const struct hn_together *t);

/* What was seen with the item of a row, most often first. */
const struct hn_together_near *hn_together_of(const struct hn_together *t, size_t row, size_t *n);

#endif
