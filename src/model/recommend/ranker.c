/* The ranker: features of every candidate to one score. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "model/recommend/recommender_impl.h"
#include "tensor/element.h"

static float user_number(const struct hn_recommend_request *r, const char *name)
{
    for (size_t i = 0; i < r->n_user; i++)
        if (hn_str_is(r->user[i].name, name)) return (float)r->user[i].value;
    return NAN;
}

static bool was_seen(const struct hn_visit *visit, size_t item)
{
    for (size_t i = 0; i < visit->request->n_events; i++)
        if (visit->events[i] == item) return true;
    return false;
}

static float together_of(const struct hn_visit *visit, size_t item)
{
    const struct hn_visit_near *near = hn_visit_near_of(visit, item);
    return near ? (float)near->score : 0;
}

static float feature_of(const struct hn_visit *visit, const struct hn_feature *feature,
                        const struct hn_top_hit *hit)
{
    const struct hn_item *item = hn_shelf_item(visit->shelf, hit->item);
    switch (feature->source) {
    case HN_FEATURE_ITEM: return item->features[feature->index];
    case HN_FEATURE_USER: return user_number(visit->request, feature->name);
    case HN_FEATURE_SCORE: return (float)hit->score;
    case HN_FEATURE_TOGETHER: return together_of(visit, hit->item);
    case HN_FEATURE_POPULARITY: return item->popularity;
    case HN_FEATURE_PRICE: return item->price;
    case HN_FEATURE_SEEN: return was_seen(visit, hit->item) ? 1 : 0;
    case HN_FEATURE_EVENTS: return (float)visit->request->n_events;
    }
    return NAN;
}

/* The hits as items, not ranked yet. */
static enum hn_status take_hits(struct hn_visit *visit, struct hn_error *err)
{
    struct hn_recommend_request *r = visit->request;
    r->items = hn_arena_alloc(r->arena, visit->n_hits, sizeof *r->items);
    if (!r->items) return hn_fail_nomem(err, "candidates", visit->n_hits * sizeof *r->items);
    r->n = visit->n_hits;
    for (size_t i = 0; i < r->n; i++)
        r->items[i] = (struct hn_recommended){
            .item = visit->hits[i].item,
            .score = visit->hits[i].score,
            .retrieval = visit->hits[i].score,
            .together = (double)together_of(visit, visit->hits[i].item),
            .because = SIZE_MAX,
        };
    return HN_OK;
}

static int best_first(const void *a, const void *b)
{
    const struct hn_recommended *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    if (x->retrieval != y->retrieval) return x->retrieval > y->retrieval ? -1 : 1;
    return x->item < y->item ? -1 : x->item > y->item;
}

/* The places of the outputs: the score, and what the features gave (SIZE_MAX: not told). */
static void find_outputs(const struct hn_recommender *r, size_t *score, size_t *shares)
{
    const struct hn_predictor_about *about = hn_predictor_about(r->ranker);
    *score = 0;
    *shares = SIZE_MAX;
    for (size_t i = 0; i < about->n_outputs; i++) {
        const char *name = about->outputs[i].name;
        if (r->config.ranker_output && strcmp(name, r->config.ranker_output) == 0) *score = i;
        if (about->outputs[i].on_request && strcmp(name, "contributions") == 0) *shares = i;
    }
}

/* Puts rows of the outputs to the items of a visit; `first` is the first one's row. */
static enum hn_status take_scores(const struct hn_recommender *r, struct hn_visit *visit,
                                  size_t first, const struct hn_array *score,
                                  const struct hn_array *shares, struct hn_error *err)
{
    struct hn_recommend_request *request = visit->request;
    const size_t width = score->n_dims > 1 ? score->n / hn_max(score->shape[0], 1) : 1;
    if (!hn_element_is_number(score->type) || (first + request->n) * width > score->n)
        return hn_fail(err, HN_E_FORMAT, "the ranker gives no number per candidate");
    for (size_t i = 0; i < request->n; i++) {
        /* Of several classes, the last: the probability of yes. */
        const double value = hn_array_real(score, (first + i) * width + width - 1);
        request->items[i].score =
            isnan(value) ? -(double)FLT_MAX : fmax(-(double)FLT_MAX, fmin((double)FLT_MAX, value));
    }
    const size_t n = r->config.n_features + 1;
    if (!shares || !request->why || !hn_element_is_number(shares->type) ||
        (first + request->n) * n > shares->n)
        return HN_OK;
    float *copy = hn_arena_alloc(request->arena, request->n * n, sizeof *copy);
    if (!copy) return hn_fail_nomem(err, "reasons", request->n * n * sizeof *copy);
    for (size_t i = 0; i < request->n * n; i++)
        copy[i] = (float)hn_array_real(shares, first * n + i);
    for (size_t i = 0; i < request->n; i++)
        request->items[i].shares = copy + i * n;
    return HN_OK;
}

static enum hn_status run_ranker(struct hn_recommend_seat *seat, struct hn_visit *visits, size_t n,
                                 float *features, size_t rows, struct hn_error *err)
{
    const struct hn_recommender *r = seat->r;
    const struct hn_predictor_about *about = hn_predictor_about(r->ranker);
    const size_t width = r->config.n_features;
    const struct hn_array in = {.type = HN_EL_F32,
                                .n_dims = 2,
                                .shape = {rows, width},
                                .n = rows * width,
                                .data = features};
    const struct hn_array *inputs[1] = {&in};
    struct hn_array *out = calloc(about->n_outputs, sizeof *out);
    bool *wanted = calloc(about->n_outputs, sizeof *wanted);
    size_t score, shares;
    enum hn_status status = HN_OK;
    if (!out || !wanted) {
        status = hn_fail_nomem(err, "outputs", about->n_outputs * sizeof *out);
        goto done;
    }
    find_outputs(r, &score, &shares);
    wanted[score] = true;
    for (size_t i = 0; shares != SIZE_MAX && i < n; i++)
        wanted[shares] |= visits[i].request->why;
    status = hn_prediction_run(seat->ranker, inputs, wanted, out, err);
    size_t first = 0;
    for (size_t i = 0; status >= 0 && i < n; i++) {
        const bool told = shares != SIZE_MAX && wanted[shares];
        status = take_scores(r, &visits[i], first, &out[score], told ? &out[shares] : NULL, err);
        first += visits[i].request->n;
    }
done:
    free(wanted);
    free(out);
    return status;
}

/* Visits whose candidates are ranked in one run. */
static enum hn_status rank_some(struct hn_recommend_seat *seat, struct hn_visit *visits, size_t n,
                                struct hn_error *err)
{
    const struct hn_recommender_config *c = &seat->r->config;
    size_t rows = 0, row = 0;
    for (size_t i = 0; i < n; i++)
        rows += visits[i].request->n;
    if (!rows) return HN_OK;
    float *features = malloc(rows * c->n_features * sizeof *features);
    if (!features) return hn_fail_nomem(err, "features", rows * c->n_features * sizeof *features);
    for (size_t i = 0; i < n; i++)
        for (size_t h = 0; h < visits[i].n_hits; h++, row++)
            for (size_t f = 0; f < c->n_features; f++)
                features[row * c->n_features + f] =
                    feature_of(&visits[i], &c->features[f], &visits[i].hits[h]);
    const enum hn_status status = run_ranker(seat, visits, n, features, rows, err);
    free(features);
    HN_TRY(status);
    for (size_t i = 0; i < n; i++)
        qsort(visits[i].request->items, visits[i].request->n, sizeof(struct hn_recommended),
              best_first);
    return HN_OK;
}

enum hn_status hn_visits_rank(struct hn_recommend_seat *seat, struct hn_visit *visits, size_t n,
                              struct hn_error *err)
{
    for (size_t i = 0; i < n; i++)
        HN_TRY(take_hits(&visits[i], err));
    if (!seat->ranker) return HN_OK;
    const size_t together = hn_predictor_about(seat->r->ranker)->stacks ? n : 1;
    for (size_t i = 0; i < n; i += together)
        HN_TRY(rank_some(seat, visits + i, hn_min(together, n - i), err));
    return HN_OK;
}
