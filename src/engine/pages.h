/* The KV pages: one pool, counted references, and a cache of the prefixes they hold.
 *
 * A full page is known by what it holds: its HN_KV_PAGE tokens, and the full page before it. Because
 * keys and values depend on a sequence's tokens alone, such a page may serve any sequence that starts
 * with the same tokens. Matching compares tokens, not hashes. */
#ifndef HN_ENGINE_PAGES_H
#define HN_ENGINE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct hn_pages;

/* What a page continues: 0 is the start of a text, any other number a page once published. */
typedef uint64_t hn_page_name;

/* A table of n empty pages; HN_E_NOMEM. The caller destroys it; NULL is fine. */
enum hn_status hn_pages_create(size_t n_pages, struct hn_pages **out, struct hn_error *err);
void hn_pages_destroy(struct hn_pages *pages);

/* A page with one reference; the one not used for longest loses what it held when none is empty. -1
 * when all are referenced. */
int32_t hn_pages_take(struct hn_pages *pages);

/* Drops a reference. A published page keeps its content until it is taken anew. */
void hn_pages_release(struct hn_pages *pages, int32_t page);

/* The same for the *n pages of one text: takes until they hold `tokens`, or none and returns false when
 * there are too few; and drops them, the last first, so that of a cached text its end is given up before
 * its beginning. */
bool hn_pages_provide(struct hn_pages *pages, size_t tokens, int32_t *list, size_t *n);
void hn_pages_release_all(struct hn_pages *pages, const int32_t *list, size_t n);

/* Finds the pages that hold a text's first full pages, up to n tokens, and takes a reference to each.
 * Returns how many; *name is the last one's (0 for none). */
size_t hn_pages_match(struct hn_pages *pages, const int32_t *tokens, size_t n, int32_t *out,
                      hn_page_name *name);

/* The same for a text's further pages, `tokens` being those behind the page *name. */
size_t hn_pages_match_on(struct hn_pages *pages, const int32_t *tokens, size_t n, int32_t *out,
                         hn_page_name *name);

/* Makes a page that is full known by its tokens and the page it continues; the caller goes on
 * holding it. Returns its name: another page's when one with the same content is known already. */
hn_page_name hn_pages_publish(struct hn_pages *pages, int32_t page, hn_page_name parent,
                              const int32_t *tokens);

/* Pages that nobody references. */
size_t hn_pages_free(const struct hn_pages *pages);

#endif
