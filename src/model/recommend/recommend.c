/* A recommendation, from a visitor's events to items: this reads as what happens. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/clock.h"
#include "model/recommend/recommender_impl.h"

const char *const hn_recommend_stage_names[HN_RECOMMEND_STAGES] = {"visitor", "search", "rank",
                                                                   "diversify"};

/* How many candidates are wanted for so many items at the end. */
static size_t candidates_of(const struct hn_recommender *r,
                            const struct hn_recommend_request *request)
{
    size_t n = request->k;
    if (request->diversity > 0) n = hn_max(n, hn_min(4 * n, HN_CANDIDATES));
    if (r->ranker) n = hn_max(n, r->config.candidates);
    return hn_min(n, HN_TOP_MAX);
}

static enum hn_status search_vectors(const struct hn_recommend_seat *seat, struct hn_visit *visits,
                                     size_t n, struct hn_error *err)
{
    struct hn_recommender *r = seat->r;
    struct hn_top_query *queries = calloc(n, sizeof *queries);
    if (!queries) return hn_fail_nomem(err, "a search", n * sizeof *queries);
    size_t n_queries = 0;
    for (size_t i = 0; i < n; i++)
        if (visits[i].vector)
            queries[n_queries++] = (struct hn_top_query){.x = visits[i].vector,
                                                         .k = visits[i].want,
                                                         .filter = &visits[i].filter,
                                                         .hits = visits[i].hits};
    const bool has_pool = r->pool && !seat->alone && pthread_mutex_trylock(&r->pool_lock) == 0;
    const enum hn_status status =
        hn_top(r->kernels, has_pool ? r->pool : NULL, visits[0].shelf->vectors,
               visits[0].shelf->n_blocks, queries, n_queries, err);
    if (has_pool) pthread_mutex_unlock(&r->pool_lock);
    n_queries = 0;
    for (size_t i = 0; i < n; i++)
        if (visits[i].vector) visits[i].n_hits = queries[n_queries++].n_hits;
    free(queries);
    return status;
}

static enum hn_status search(const struct hn_recommend_seat *seat, struct hn_visit *visits,
                             size_t n, struct hn_error *err)
{
    const struct hn_recommender *r = seat->r;
    for (size_t i = 0; i < n; i++) {
        struct hn_visit *visit = &visits[i];
        /* No more than there are: k is a stranger's number. */
        visit->want = hn_max(1, hn_min(candidates_of(r, visit->request), visit->shelf->n_items));
        visit->hits = hn_arena_alloc(visit->request->arena, visit->want, sizeof *visit->hits);
        enum hn_status status = visit->hits ? HN_OK : HN_E_NOMEM;
        if (status >= 0 && visit->scores) status = hn_visit_scored(visit);
        else if (status >= 0 && !visit->vector) status = hn_visit_popular(visit);
        if (status < 0) return hn_fail_nomem(err, "candidates", visit->want);
    }
    HN_TRY(search_vectors(seat, visits, n, err));
    for (size_t i = 0; i < n; i++)
        if (hn_visit_add_seen_with(r, &visits[i]) < 0)
            return hn_fail_nomem(err, "candidates", visits[i].want);
    return HN_OK;
}

static enum hn_status diversify(const struct hn_recommender *r, struct hn_visit *visits, size_t n,
                                struct hn_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (hn_visit_diversify(r, &visits[i]) < 0) return hn_fail_nomem(err, "candidates", 0);
        if (visits[i].request->why) hn_visit_reason(r, &visits[i]);
    }
    return HN_OK;
}

static enum hn_status run_stage(struct hn_recommend_seat *seat, enum hn_recommend_stage stage,
                                struct hn_visit *visits, size_t n, struct hn_error *err)
{
    switch (stage) {
    case HN_STAGE_VISITOR: return hn_visits_understand(seat, visits, n, err);
    case HN_STAGE_SEARCH: return search(seat, visits, n, err);
    case HN_STAGE_RANK: return hn_visits_rank(seat, visits, n, err);
    default: return diversify(seat->r, visits, n, err);
    }
}

static enum hn_status run(struct hn_recommend_seat *seat, struct hn_visit *visits,
                          struct hn_recommend_request *const *requests, size_t n,
                          struct hn_error *err)
{
    uint64_t last = hn_clock_ns();
    for (size_t i = 0; i < n; i++) {
        visits[i].request = requests[i];
        visits[i].shelf = requests[i]->shelf;
        if (hn_visit_begin(&visits[i]) < 0) return hn_fail_nomem(err, "a visitor", 0);
    }
    for (int stage = 0; stage < HN_RECOMMEND_STAGES; stage++) {
        HN_TRY(run_stage(seat, (enum hn_recommend_stage)stage, visits, n, err));
        const uint64_t now = hn_clock_ns();
        for (size_t i = 0; i < n; i++)
            requests[i]->stage_s[stage] = hn_clock_seconds(last, now);
        last = now;
    }
    return HN_OK;
}

/* Without what a run that failed has left. */
static void start(struct hn_recommend_request *r, struct hn_shelf *shelf)
{
    hn_shelf_hold(shelf);
    r->status = HN_OK;
    r->shelf = shelf;
    r->n = r->n_known = 0;
    memset(r->stage_s, 0, sizeof r->stage_s);
}

void hn_recommend(struct hn_recommend_seat *seat, struct hn_recommend_request *const *requests,
                  size_t n)
{
    struct hn_error err;
    struct hn_shelf *shelf = hn_recommender_shelf(seat->r);
    struct hn_visit *visits = calloc(n, sizeof *visits);
    for (size_t i = 0; i < n; i++)
        start(requests[i], shelf);
    const enum hn_status status = visits ? run(seat, visits, requests, n, &err)
                                         : hn_fail_nomem(&err, "visitors", n * sizeof *visits);
    free(visits);
    for (size_t i = 0; status < 0 && i < n; i++) {
        hn_shelf_release(requests[i]->shelf);
        requests[i]->shelf = NULL;
        if (n > 1) { /* what is wrong with one is not to hurt the others */
            hn_recommend(seat, &requests[i], 1);
            continue;
        }
        requests[i]->n = 0;
        requests[i]->status = status;
        requests[i]->error = err;
    }
    hn_shelf_release(shelf);
}
