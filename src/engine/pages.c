#include "engine/pages.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/str.h"
#include "kernels/kernels.h"

enum { NONE = -1 };

/* Pages without references stand in a list, the one to be taken next first. */
struct page {
    int32_t tokens[HN_KV_PAGE];
    hn_page_name parent, name; /* name 0: not published */
    uint32_t references;
    int32_t next_in_slot;
    int32_t before, after; /* in the list of free pages */
};

struct hn_pages {
    struct page *pages;
    size_t n, n_free;
    int32_t first, last;
    int32_t *slots; /* published pages by hash; a power of two of them */
    size_t n_slots;
    hn_page_name names; /* given so far */
};

static void unlink_free(struct hn_pages *p, int32_t page)
{
    const struct page *it = &p->pages[page];
    if (it->before == NONE) p->first = it->after;
    else p->pages[it->before].after = it->after;
    if (it->after == NONE) p->last = it->before;
    else p->pages[it->after].before = it->before;
    p->n_free--;
}

/* Pages that hold something go to the end, empty ones to the front. */
static void link_free(struct hn_pages *p, int32_t page)
{
    struct page *it = &p->pages[page];
    it->before = it->name ? p->last : NONE;
    it->after = it->name ? NONE : p->first;
    if (it->before == NONE) p->first = page;
    else p->pages[it->before].after = page;
    if (it->after == NONE) p->last = page;
    else p->pages[it->after].before = page;
    p->n_free++;
}

static int32_t *slot_of(struct hn_pages *p, hn_page_name parent, const int32_t *tokens)
{
    const struct hn_str bytes = {(const char *)tokens, HN_KV_PAGE * sizeof *tokens};
    return &p->slots[hn_str_hash(bytes, parent) & (p->n_slots - 1)];
}

static int32_t find(struct hn_pages *p, hn_page_name parent, const int32_t *tokens)
{
    int32_t page = *slot_of(p, parent, tokens);
    for (; page != NONE; page = p->pages[page].next_in_slot)
        if (p->pages[page].parent == parent &&
            memcmp(p->pages[page].tokens, tokens, sizeof p->pages[page].tokens) == 0)
            break;
    return page;
}

static void forget(struct hn_pages *p, int32_t page)
{
    struct page *it = &p->pages[page];
    if (!it->name) return;
    int32_t *at = slot_of(p, it->parent, it->tokens);
    while (*at != page)
        at = &p->pages[*at].next_in_slot;
    *at = it->next_in_slot;
    it->name = 0;
}

enum hn_status hn_pages_create(size_t n_pages, struct hn_pages **out, struct hn_error *err)
{
    *out = NULL;
    if (n_pages < 1 || n_pages > INT32_MAX / 2)
        return hn_fail(err, HN_E_LIMIT, "%zu KV pages: not between 1 and %d", n_pages,
                       INT32_MAX / 2);
    struct hn_pages *p = calloc(1, sizeof *p);
    if (!p) return hn_fail_nomem(err, "KV pages", sizeof *p);
    p->n = n_pages;
    p->first = p->last = NONE;
    for (p->n_slots = 16; p->n_slots < n_pages; p->n_slots *= 2)
        ;
    p->pages = calloc(n_pages, sizeof *p->pages);
    p->slots = malloc(p->n_slots * sizeof *p->slots);
    if (!p->pages || !p->slots) {
        hn_pages_destroy(p);
        return hn_fail_nomem(err, "the table of KV pages", n_pages * sizeof *p->pages);
    }
    for (size_t i = 0; i < p->n_slots; i++)
        p->slots[i] = NONE;
    for (size_t i = n_pages; i-- > 0;)
        link_free(p, (int32_t)i);
    *out = p;
    return HN_OK;
}

void hn_pages_destroy(struct hn_pages *p)
{
    if (!p) return;
    free(p->pages);
    free(p->slots);
    free(p);
}

int32_t hn_pages_take(struct hn_pages *p)
{
    const int32_t page = p->first;
    if (page == NONE) return NONE;
    unlink_free(p, page);
    forget(p, page);
    p->pages[page].references = 1;
    return page;
}

void hn_pages_release(struct hn_pages *p, int32_t page)
{
    assert(p->pages[page].references > 0);
    if (--p->pages[page].references == 0) link_free(p, page);
}

bool hn_pages_provide(struct hn_pages *p, size_t tokens, int32_t *list, size_t *n)
{
    const size_t wanted = hn_div_up(tokens, HN_KV_PAGE);
    if (wanted > *n && wanted - *n > p->n_free) return false;
    while (*n < wanted)
        list[(*n)++] = hn_pages_take(p);
    return true;
}

void hn_pages_release_all(struct hn_pages *p, const int32_t *list, size_t n)
{
    while (n-- > 0)
        hn_pages_release(p, list[n]);
}

size_t hn_pages_match(struct hn_pages *p, const int32_t *tokens, size_t n, int32_t *out,
                      hn_page_name *name)
{
    *name = 0;
    return hn_pages_match_on(p, tokens, n, out, name);
}

size_t hn_pages_match_on(struct hn_pages *p, const int32_t *tokens, size_t n, int32_t *out,
                         hn_page_name *name)
{
    size_t found = 0;
    for (; (found + 1) * HN_KV_PAGE <= n; found++) {
        const int32_t page = find(p, *name, tokens + found * HN_KV_PAGE);
        if (page == NONE) break;
        if (p->pages[page].references++ == 0) unlink_free(p, page);
        *name = p->pages[page].name;
        out[found] = page;
    }
    return found;
}

hn_page_name hn_pages_publish(struct hn_pages *p, int32_t page, hn_page_name parent,
                              const int32_t *tokens)
{
    const int32_t known = find(p, parent, tokens);
    if (known != NONE) return p->pages[known].name;
    struct page *it = &p->pages[page];
    memcpy(it->tokens, tokens, sizeof it->tokens);
    it->parent = parent;
    it->name = ++p->names;
    int32_t *slot = slot_of(p, parent, tokens);
    it->next_in_slot = *slot;
    *slot = page;
    return it->name;
}

size_t hn_pages_free(const struct hn_pages *p)
{
    return p->n_free;
}
