/* Items that are not all alike: maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998). And
 * which of the events an item goes back to. */
#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "model/recommend/recommender_impl.h"

static double norm_of(const struct hn_recommender *r, const float *x, size_t dims)
{
    return x ? sqrt(r->kernels->product(x, x, dims)) : 0;
}

/* Of 1 (the same direction) to -1; 0 where there is no direction. */
static double likeness(const struct hn_recommender *r, const float *a, double norm_a,
                       const float *b, double norm_b, size_t dims)
{
    return norm_a > 0 && norm_b > 0 ? r->kernels->product(a, b, dims) / (norm_a * norm_b) : 0;
}

/* A candidate: how much it matters, from 0 to 1, and the greatest likeness to what was taken. */
struct candidate {
    struct hn_recommended item;
    const float *vector;
    double norm, worth, like;
    bool taken;
};

static void make_candidates(const struct hn_recommender *r, const struct hn_visit *visit,
                            struct candidate *candidates)
{
    const struct hn_recommend_request *request = visit->request;
    const double best = request->items[0].score, last = request->items[request->n - 1].score;
    for (size_t i = 0; i < request->n; i++) {
        const struct hn_recommended item = request->items[i];
        const float *vector = hn_shelf_vector(visit->shelf, item.item);
        candidates[i] = (struct candidate){
            .item = item,
            .vector = vector,
            .norm = norm_of(r, vector, visit->shelf->dims),
            .worth = best > last ? (item.score - last) / (best - last) : 1,
        };
    }
}

enum hn_status hn_visit_diversify(const struct hn_recommender *r, struct hn_visit *visit)
{
    struct hn_recommend_request *request = visit->request;
    const size_t n = request->n, wanted = hn_min(request->k, n);
    request->n = wanted;
    if (request->diversity <= 0 || n < 2) return HN_OK;
    request->n = n;
    struct candidate *candidates = hn_arena_alloc(request->arena, n, sizeof *candidates);
    if (!candidates) return HN_E_NOMEM;
    make_candidates(r, visit, candidates);
    for (size_t at = 0; at < wanted; at++) {
        struct candidate *pick = NULL;
        double most = -INFINITY;
        for (size_t i = 0; i < n; i++) {
            struct candidate *c = &candidates[i];
            const double value =
                (1 - request->diversity) * c->worth - request->diversity * (at ? c->like : 0);
            if (c->taken || (pick && !(value > most))) continue;
            pick = c;
            most = value;
        }
        pick->taken = true;
        request->items[at] = pick->item;
        for (size_t i = 0; i < n; i++) {
            struct candidate *c = &candidates[i];
            const double like =
                likeness(r, c->vector, c->norm, pick->vector, pick->norm, visit->shelf->dims);
            c->like = at ? fmax(c->like, like) : like;
        }
    }
    request->n = wanted;
    return HN_OK;
}

void hn_visit_reason(const struct hn_recommender *r, struct hn_visit *visit)
{
    struct hn_recommend_request *request = visit->request;
    const size_t dims = visit->shelf->dims;
    for (size_t i = 0; i < request->n; i++) {
        struct hn_recommended *item = &request->items[i];
        const struct hn_visit_near *near = hn_visit_near_of(visit, item->item);
        if (near && request->how == HN_BY_TOGETHER) {
            item->because = near->because;
            continue;
        }
        const float *vector = hn_shelf_vector(visit->shelf, item->item);
        const double norm = norm_of(r, vector, dims);
        double most = 0;
        for (size_t e = 0; e < request->n_events; e++) {
            if (visit->events[e] == SIZE_MAX) continue;
            const float *other = hn_shelf_vector(visit->shelf, visit->events[e]);
            const double like = likeness(r, vector, norm, other, norm_of(r, other, dims), dims) *
                                hn_event_weight(&r->config, request->events[e].type);
            if (like < most || like <= 0) continue; /* of equals, the later */
            most = like;
            item->because = e;
        }
    }
}
