/* What a visitor may be shown: filters, and the choice where no vector says what is liked. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "model/recommend/recommender_impl.h"

static int ascending(const void *a, const void *b)
{
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

static bool is_among(const size_t *numbers, size_t n, size_t item)
{
    return n && bsearch(&item, numbers, n, sizeof item, ascending) != NULL;
}

/* --- the filter -------------------------------------------------------------------------------- */

static bool price_fits(const struct hn_recommend_request *r, float price)
{
    /* Comparisons with NaN are false: an item without a price is in no range. */
    return (isnan(r->price_min) || (double)price >= r->price_min) &&
           (isnan(r->price_max) || (double)price <= r->price_max);
}

bool hn_visit_fits(const struct hn_visit *visit, size_t number)
{
    const struct hn_recommend_request *r = visit->request;
    const struct hn_item *item = hn_shelf_item(visit->shelf, number);
    if (!item || (r->only_available && !item->available) || !price_fits(r, item->price))
        return false;
    if (is_among(visit->excluded, visit->n_excluded, number)) return false;
    if (visit->included && !is_among(visit->included, visit->n_included, number)) return false;
    for (size_t i = 0; i < r->n_categories; i++)
        if (hn_item_is_in(item, r->categories[i])) return true;
    return r->n_categories == 0;
}

static bool fits(const void *ctx, size_t number)
{
    return hn_visit_fits(ctx, number);
}

/* The same by columns, as far as they tell. */
static void fit_panels(const void *ctx, size_t at, uint16_t allowed[HN_SCREEN_PANELS])
{
    const struct hn_visit *visit = ctx;
    const struct hn_recommend_request *r = visit->request;
    const struct hn_shelf_block *block = visit->shelf->blocks[at];
    const bool priced = !isnan(r->price_min) || !isnan(r->price_max);
    for (size_t p = 0; p < HN_SCREEN_PANELS; p++) {
        unsigned bits = allowed[p] & (r->only_available ? block->available[p] : 0xffff);
        for (size_t i = 0; bits && priced && i < HN_PANEL; i++)
            bits &= ~((unsigned)!price_fits(r, block->price[p * HN_PANEL + i]) << i);
        for (size_t i = 0; bits && visit->signature && i < HN_PANEL; i++)
            bits &= ~((unsigned)!(block->signature[p * HN_PANEL + i] & visit->signature) << i);
        allowed[p] = (uint16_t)bits;
    }
    if (!visit->included) return;
    uint16_t wanted[HN_SCREEN_PANELS] = {0};
    for (size_t i = 0; i < visit->n_included; i++) {
        const size_t place = visit->included[i] % HN_VECTORS;
        if (visit->included[i] / HN_VECTORS == at)
            wanted[place / HN_PANEL] |= (uint16_t)(1u << place % HN_PANEL);
    }
    for (size_t p = 0; p < HN_SCREEN_PANELS; p++)
        allowed[p] &= wanted[p];
}

/* Appends the numbers of ids that there are. */
static size_t numbers_of(const struct hn_shelf *shelf, const struct hn_str *ids, size_t n,
                         size_t *out)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        out[found] = hn_shelf_find(shelf, ids[i]);
        found += out[found] != SIZE_MAX;
    }
    return found;
}

enum hn_status hn_visit_begin(struct hn_visit *visit)
{
    struct hn_recommend_request *r = visit->request;
    struct hn_arena *arena = r->arena;
    visit->events = hn_arena_alloc(arena, r->n_events, sizeof *visit->events);
    r->known = hn_arena_alloc(arena, r->n_events, sizeof *r->known);
    visit->excluded = hn_arena_alloc(arena, r->n_events + r->n_exclude + 1, sizeof(size_t));
    if (!visit->events || !r->known || !visit->excluded) return HN_E_NOMEM;
    for (size_t i = 0; i < r->n_events; i++) {
        const size_t number = hn_shelf_find(visit->shelf, r->events[i].id);
        visit->events[i] = number;
        r->known[i] = number != SIZE_MAX;
        r->n_known += r->known[i];
        if (r->known[i] && r->exclude_seen) visit->excluded[visit->n_excluded++] = number;
    }
    visit->n_excluded +=
        numbers_of(visit->shelf, r->exclude, r->n_exclude, visit->excluded + visit->n_excluded);
    qsort(visit->excluded, visit->n_excluded, sizeof(size_t), ascending);
    if (r->include) {
        visit->included = hn_arena_alloc(arena, r->n_include + 1, sizeof(size_t));
        if (!visit->included) return HN_E_NOMEM;
        visit->n_included = numbers_of(visit->shelf, r->include, r->n_include, visit->included);
        qsort(visit->included, visit->n_included, sizeof(size_t), ascending);
    }
    for (size_t i = 0; i < r->n_categories; i++)
        visit->signature |= hn_category_bit(r->categories[i]);
    visit->filter = (struct hn_top_filter){fit_panels, fits, visit};
    return HN_OK;
}

/* --- without vectors --------------------------------------------------------------------------- */

/* Keeps the best, few of many, in order: an insertion is rare. */
static void insert(struct hn_visit *visit, struct hn_top_hit hit)
{
    size_t at = visit->n_hits;
    if (at == visit->want && !(visit->hits[--at].score < hit.score)) return;
    for (; at && visit->hits[at - 1].score < hit.score; at--)
        visit->hits[at] = visit->hits[at - 1];
    visit->hits[at] = hit;
    visit->n_hits += visit->n_hits < visit->want;
}

/* Whether a score would be among the best. */
static bool is_wanted(const struct hn_visit *visit, double score)
{
    return visit->n_hits < visit->want || visit->hits[visit->want - 1].score < score;
}

/* Offers what a column of scores says of the items that are allowed. */
static void offer_block(struct hn_visit *visit, size_t at, const float *scores)
{
    const struct hn_shelf_block *block = visit->shelf->blocks[at];
    uint16_t allowed[HN_SCREEN_PANELS];
    memcpy(allowed, block->taken, sizeof allowed);
    fit_panels(visit, at, allowed);
    for (size_t p = 0; p < HN_SCREEN_PANELS; p++)
        for (unsigned left = allowed[p]; left; left &= left - 1) {
            const size_t place = p * HN_PANEL + (size_t)__builtin_ctz(left);
            const size_t number = at * HN_VECTORS + place;
            if (scores[place] > -INFINITY && is_wanted(visit, (double)scores[place]) &&
                hn_visit_fits(visit, number))
                insert(visit, (struct hn_top_hit){number, (double)scores[place]});
        }
}

enum hn_status hn_visit_popular(struct hn_visit *visit)
{
    for (size_t b = 0; b < visit->shelf->n_blocks; b++)
        if (is_wanted(visit, (double)visit->shelf->blocks[b]->most_popular))
            offer_block(visit, b, visit->shelf->blocks[b]->popularity);
    return HN_OK;
}

enum hn_status hn_visit_scored(struct hn_visit *visit)
{
    float *scores = hn_arena_alloc(visit->request->arena, HN_VECTORS, sizeof *scores);
    if (!scores) return HN_E_NOMEM;
    for (size_t b = 0; b < visit->shelf->n_blocks; b++) {
        for (size_t i = 0; i < HN_VECTORS; i++) {
            const struct hn_item *item = visit->shelf->blocks[b]->items[i];
            scores[i] = item && item->row >= 0 ? visit->scores[item->row + 1] : -INFINITY;
        }
        offer_block(visit, b, scores);
    }
    return HN_OK;
}
