/* What a visitor's events were seen with in past visits, as candidates. */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "model/recommend/recommender_impl.h"

static int by_item(const void *a, const void *b)
{
    const struct hn_visit_near *x = a, *y = b;
    if (x->item != y->item) return x->item < y->item ? -1 : 1;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->because > y->because ? -1 : x->because < y->because; /* of equals, the later */
}

static int best_first(const void *a, const void *b)
{
    const struct hn_visit_near *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->item < y->item ? -1 : x->item > y->item;
}

/* An item that stands where the catalogue's file has it. One that went and came again is another one. */
static bool has_row(const struct hn_shelf *shelf, size_t number)
{
    const struct hn_item *item = hn_shelf_item(shelf, number);
    return item && item->row >= 0 && (size_t)item->row == number;
}

/* Adds what an event was seen with. */
static void add_event(const struct hn_recommender *r, struct hn_visit *visit, size_t event,
                      double weight)
{
    size_t n;
    const struct hn_together_near *near = hn_together_of(r->together, visit->events[event], &n);
    for (size_t i = 0; i < n; i++)
        if (has_row(visit->shelf, near[i].row))
            visit->near[visit->n_near++] = (struct hn_visit_near){
                .item = near[i].row, .score = weight * (double)near[i].score, .because = event};
}

/* Items that several events were seen with become one, by the sum; the strongest event is the reason. */
static void add_up(struct hn_visit *visit, double total)
{
    size_t n = 0;
    struct hn_visit_near *near = visit->near;
    qsort(near, visit->n_near, sizeof *near, by_item);
    for (size_t i = 0; i < visit->n_near; i++) {
        if (n && near[n - 1].item == near[i].item) near[n - 1].score += near[i].score;
        else near[n++] = near[i];
    }
    for (size_t i = 0; i < n; i++)
        near[i].score /= total;
    visit->n_near = n;
}

enum hn_status hn_visit_see_with(const struct hn_recommender *r, struct hn_visit *visit)
{
    const struct hn_recommend_request *request = visit->request;
    double age = 1, total = 0;
    if (!r->together || !request->n_known) return HN_OK;
    visit->near =
        hn_arena_alloc(request->arena, HN_TOGETHER_EVENTS * HN_TOGETHER_NEAR, sizeof *visit->near);
    if (!visit->near) return HN_E_NOMEM;
    for (size_t i = request->n_events, n = 0; i-- > 0 && n < HN_TOGETHER_EVENTS;) {
        if (visit->events[i] == SIZE_MAX || !has_row(visit->shelf, visit->events[i])) continue;
        const double weight = age * hn_event_weight(&r->config, request->events[i].type);
        age *= r->config.decay;
        total += weight;
        n++;
        if (weight > 0) add_event(r, visit, i, weight);
    }
    if (visit->n_near) add_up(visit, total);
    return HN_OK;
}

const struct hn_visit_near *hn_visit_near_of(const struct hn_visit *visit, size_t item)
{
    size_t low = 0, high = visit->n_near;
    while (low < high) {
        const size_t at = low + (high - low) / 2;
        if (visit->near[at].item < item) low = at + 1;
        else high = at;
    }
    return low < visit->n_near && visit->near[low].item == item ? &visit->near[low] : NULL;
}

/* What the search would have said of an item that it did not reach. */
static double search_score(const struct hn_recommender *r, const struct hn_visit *visit,
                           size_t item)
{
    const struct hn_item *it = hn_shelf_item(visit->shelf, item);
    if (visit->scores) return (double)visit->scores[it->row + 1];
    if (!visit->vector) return (double)it->popularity;
    const float *x = hn_shelf_vector(visit->shelf, item);
    return x ? r->kernels->product(x, visit->vector, visit->shelf->dims) : 0;
}

static int by_number(const void *a, const void *b)
{
    const struct hn_top_hit *x = a, *y = b;
    return (x->item > y->item) - (x->item < y->item);
}

/* Those of the near items that may be shown and are not among the `n_found`, by number; the best first. */
static size_t list_near(const struct hn_visit *visit, const struct hn_top_hit *found,
                        size_t n_found, struct hn_visit_near *out)
{
    size_t n = 0;
    for (size_t i = 0; i < visit->n_near; i++) {
        const struct hn_top_hit key = {.item = visit->near[i].item};
        if (hn_visit_fits(visit, key.item) && !bsearch(&key, found, n_found, sizeof key, by_number))
            out[n++] = visit->near[i];
    }
    qsort(out, n, sizeof *out, best_first);
    return n;
}

/* For a ranker: what was found, and what was seen with the events, with the scores of the search. */
static enum hn_status add_candidates(const struct hn_recommender *r, struct hn_visit *visit)
{
    struct hn_arena *arena = visit->request->arena;
    struct hn_visit_near *others = hn_arena_alloc(arena, visit->n_near, sizeof *others);
    struct hn_top_hit *hits =
        hn_arena_alloc(arena, visit->n_hits + hn_min(visit->n_near, visit->want), sizeof *hits);
    if (!others || !hits) return HN_E_NOMEM;
    if (visit->n_hits) memcpy(hits, visit->hits, visit->n_hits * sizeof *hits);
    qsort(hits, visit->n_hits, sizeof *hits, by_number);
    const size_t n = hn_min(list_near(visit, hits, visit->n_hits, others), visit->want);
    for (size_t i = 0; i < n; i++)
        hits[visit->n_hits + i] =
            (struct hn_top_hit){others[i].item, search_score(r, visit, others[i].item)};
    visit->hits = hits;
    visit->n_hits += n;
    return HN_OK;
}

/* What was seen with the events, and behind it what was found, which was never seen with them. */
static enum hn_status put_first(struct hn_visit *visit)
{
    struct hn_arena *arena = visit->request->arena;
    struct hn_visit_near *near = hn_arena_alloc(arena, visit->n_near, sizeof *near);
    struct hn_top_hit *hits = hn_arena_alloc(arena, visit->want, sizeof *hits);
    if (!near || !hits) return HN_E_NOMEM;
    size_t n = hn_min(list_near(visit, hits, 0, near), visit->want);
    for (size_t i = 0; i < n; i++)
        hits[i] = (struct hn_top_hit){near[i].item, near[i].score};
    for (size_t i = 0; i < visit->n_hits && n < visit->want; i++)
        if (!hn_visit_near_of(visit, visit->hits[i].item))
            hits[n++] = (struct hn_top_hit){visit->hits[i].item, 0};
    visit->hits = hits;
    visit->n_hits = n;
    return HN_OK;
}

enum hn_status hn_visit_add_seen_with(const struct hn_recommender *r, struct hn_visit *visit)
{
    if (!visit->n_near) return HN_OK;
    if (r->ranker) return add_candidates(r, visit);
    return visit->request->how == HN_BY_TOGETHER ? put_first(visit) : HN_OK;
}
