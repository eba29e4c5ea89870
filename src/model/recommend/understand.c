/* What a visitor's events say: by a session model that knows sequences; else by what they were seen with, and
 * a mean of what was looked at, in which what came last counts most. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "model/recommend/recommender_impl.h"
#include "tensor/element.h"

/* The last of the known rows, oldest first, right-aligned behind zeros; 0: there is none. */
static size_t fill_rows(const struct hn_visit *visit, int64_t *rows, size_t length)
{
    size_t n = 0;
    memset(rows, 0, length * sizeof *rows);
    for (size_t i = visit->request->n_events; i-- > 0 && n < length;) {
        if (visit->events[i] == SIZE_MAX) continue;
        const struct hn_item *item = hn_shelf_item(visit->shelf, visit->events[i]);
        if (item->row >= 0) rows[length - ++n] = item->row + 1;
    }
    return n;
}

/* Takes a row of the model's output. */
static enum hn_status take_output(const struct hn_recommender *r, struct hn_visit *visit,
                                  const struct hn_array *out, size_t row, struct hn_error *err)
{
    const size_t width = out->n_dims ? out->shape[out->n_dims - 1] : 0;
    const size_t dims = visit->shelf->dims;
    if (!hn_element_is_number(out->type) || (row + 1) * width > out->n ||
        (width != dims && width != r->n_rows + 1))
        return hn_fail(
            err, HN_E_FORMAT,
            "the session model gives no %zu floats per visitor (a vector) nor %zu (scores)", dims,
            r->n_rows + 1);
    float *copy = hn_arena_alloc(visit->request->arena, width, sizeof *copy);
    if (!copy) return hn_fail_nomem(err, "a visitor", width * sizeof *copy);
    for (size_t i = 0; i < width; i++) {
        copy[i] = (float)hn_array_real(out, row * width + i);
        if (!isfinite(copy[i])) return HN_OK; /* it says nothing */
    }
    if (width == dims) visit->vector = copy;
    else visit->scores = copy;
    return HN_OK;
}

static size_t output_of(const struct hn_predictor_about *about, const char *name)
{
    for (size_t i = 0; name && i < about->n_outputs; i++)
        if (strcmp(about->outputs[i].name, name) == 0) return i;
    return 0;
}

/* One run for `n` visits, whose rows lie in `rows`. */
static enum hn_status run_session(struct hn_recommend_seat *seat, struct hn_visit *const *visits,
                                  size_t n, int64_t *rows, struct hn_error *err)
{
    const struct hn_recommender *r = seat->r;
    const struct hn_predictor_about *about = hn_predictor_about(r->session);
    const size_t length = r->config.session_length;
    struct hn_array in = {
        .type = HN_EL_I64, .n_dims = 2, .shape = {n, length}, .n = n * length, .data = rows};
    const struct hn_array *inputs[1] = {&in};
    struct hn_array *out = calloc(about->n_outputs, sizeof *out);
    if (!out) return hn_fail_nomem(err, "outputs", about->n_outputs * sizeof *out);
    if (about->inputs[0].type == HN_EL_I32) { /* in the same place: half of it */
        in.type = HN_EL_I32;
        for (size_t i = 0; i < in.n; i++)
            ((int32_t *)(void *)rows)[i] = (int32_t)rows[i];
    }
    enum hn_status status = hn_prediction_run(seat->session, inputs, NULL, out, err);
    const size_t wanted = output_of(about, r->config.session_output);
    for (size_t i = 0; status >= 0 && i < n; i++)
        status = take_output(r, visits[i], &out[wanted], i, err);
    free(out);
    return status;
}

static enum hn_status by_session(struct hn_recommend_seat *seat, struct hn_visit *visits, size_t n,
                                 struct hn_error *err)
{
    const size_t length = seat->r->config.session_length;
    int64_t *rows = malloc(n * length * sizeof *rows);
    struct hn_visit **told = malloc(n * sizeof *told);
    enum hn_status status = rows && told ? HN_OK : hn_fail_nomem(err, "visitors", n * length);
    size_t n_told = 0;
    for (size_t i = 0; status >= 0 && i < n; i++)
        if (fill_rows(&visits[i], rows + n_told * length, length)) told[n_told++] = &visits[i];
    /* Alone where the model does not say that its rows are independent. */
    const size_t together = hn_predictor_about(seat->r->session)->stacks ? hn_max(n_told, 1) : 1;
    for (size_t i = 0; status >= 0 && i < n_told; i += together)
        status = run_session(seat, told + i, hn_min(together, n_told - i), rows + i * length, err);
    free(told);
    free(rows);
    return status;
}

static enum hn_status by_mean(const struct hn_recommender *r, struct hn_visit *visit,
                              struct hn_error *err)
{
    const struct hn_recommend_request *request = visit->request;
    const size_t dims = visit->shelf->dims;
    double *sums = hn_arena_alloc(request->arena, dims, sizeof *sums);
    float *mean = hn_arena_alloc(request->arena, dims, sizeof *mean);
    if (!sums || !mean) return hn_fail_nomem(err, "a visitor", dims * sizeof *sums);
    double age = 1, total = 0;
    for (size_t i = request->n_events; i-- > 0;) {
        const float *vector =
            visit->events[i] == SIZE_MAX ? NULL : hn_shelf_vector(visit->shelf, visit->events[i]);
        if (!vector) continue;
        const double weight = age * hn_event_weight(&r->config, request->events[i].type);
        age *= r->config.decay;
        total += weight;
        for (size_t j = 0; j < dims; j++)
            sums[j] += weight * (double)vector[j];
    }
    if (!(total > 0)) return HN_OK;
    for (size_t j = 0; j < dims; j++)
        mean[j] = (float)(sums[j] / total);
    visit->vector = mean;
    return HN_OK;
}

enum hn_status hn_visits_understand(struct hn_recommend_seat *seat, struct hn_visit *visits,
                                    size_t n, struct hn_error *err)
{
    if (seat->session) HN_TRY(by_session(seat, visits, n, err));
    for (size_t i = 0; i < n; i++) {
        struct hn_visit *visit = &visits[i];
        visit->request->how = HN_BY_SESSION;
        const bool told = visit->vector || visit->scores;
        if ((!told || seat->ranker) && hn_visit_see_with(seat->r, visit) < 0)
            return hn_fail_nomem(err, "a visitor", 0);
        if (told) continue;
        HN_TRY(by_mean(seat->r, visit, err));
        visit->request->how = visit->n_near   ? HN_BY_TOGETHER
                              : visit->vector ? HN_BY_EVENTS
                                              : HN_BY_POPULARITY;
    }
    return HN_OK;
}
