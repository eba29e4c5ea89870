#include "server/answer_items.h"

#include <stdio.h>
#include <stdlib.h>

static struct hn_item *begin(struct hn_items *items, enum hn_answer_kind kind)
{
    if (items->n == items->cap) {
        const size_t cap = items->cap ? 2 * items->cap : 4;
        struct hn_item *list = reallocarray(items->list, cap, sizeof *list);
        if (!list) return NULL;
        items->list = list;
        items->cap = cap;
    }
    struct hn_item *item = &items->list[items->n++];
    *item = (struct hn_item){.kind = kind};
    return item;
}

bool hn_items_add(struct hn_items *items, const struct hn_answer_event *event, bool *begun)
{
    struct hn_item *last = items->n ? &items->list[items->n - 1] : NULL;
    const bool text = event->kind == HN_ANSWER_CONTENT || event->kind == HN_ANSWER_REASONING;
    const bool begins =
        event->kind == HN_ANSWER_CALL || (text && (!last || last->kind != event->kind));
    if (begun) *begun = begins;
    if (begins && !(last = begin(items, event->kind))) return false;
    if (event->kind == HN_ANSWER_CALL) {
        snprintf(last->id, sizeof last->id, "%s", event->id);
        return hn_buf_text(&last->name, event->name) >= 0;
    }
    if (event->kind == HN_ANSWER_CALL_END) last->whole = true;
    return hn_buf_str(&last->text, event->text) >= 0;
}

void hn_items_free(struct hn_items *items)
{
    for (size_t i = 0; i < items->n; i++) {
        hn_buf_free(&items->list[i].name);
        hn_buf_free(&items->list[i].text);
    }
    free(items->list);
}
