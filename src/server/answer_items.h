/* An answer as the items that Anthropic's and the Responses API make of it: texts, reasoning and calls of
 * tools, in the order in which the model gave them. */
#ifndef HN_SERVER_ANSWER_ITEMS_H
#define HN_SERVER_ANSWER_ITEMS_H

#include "text/answer_reader.h"
#include "text/json_write.h"

struct hn_item {
    enum hn_answer_kind kind; /* HN_ANSWER_CONTENT, _REASONING or _CALL */
    char id[HN_ANSWER_ID];    /* of a call */
    struct hn_buf name;       /* of a call; otherwise empty */
    struct hn_buf text;       /* or the arguments of a call */
    bool whole;               /* a call: its arguments are an object */
};

/* Zero-initialised is empty. */
struct hn_items {
    struct hn_item *list;
    size_t n, cap;
};

/* Adds what an event says; *begun (may be NULL) tells whether it began an item. False: there is no
 * memory. */
bool hn_items_add(struct hn_items *items, const struct hn_answer_event *event, bool *begun);
void hn_items_free(struct hn_items *items);

#endif
