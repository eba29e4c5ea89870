#include "model/trees_xgboost.h"

#include <math.h>

#include "base/bits.h"

enum start { START_AS_IS, START_LOGIT, START_LOG };

/* How an objective goes from base_score to where sums start, and from sums to predictions. */
static const struct objective {
    const char *name;
    enum hn_trees_link_kind link;
    enum start start;
} objectives[] = {
    {"reg:logistic", HN_LINK_SIGMOID, START_LOGIT},
    {"binary:logistic", HN_LINK_SIGMOID, START_LOGIT},
    {"binary:logitraw", HN_LINK_IDENTITY, START_AS_IS},
    {"binary:hinge", HN_LINK_STEP, START_AS_IS},
    {"multi:softmax", HN_LINK_ARGMAX, START_AS_IS},
    {"multi:softprob", HN_LINK_SOFTMAX, START_AS_IS},
    {"count:poisson", HN_LINK_EXP, START_LOG},
    {"reg:gamma", HN_LINK_EXP, START_LOG},
    {"reg:tweedie", HN_LINK_EXP, START_LOG},
    {"survival:cox", HN_LINK_EXP, START_LOG},
    {"survival:aft", HN_LINK_EXP, START_LOG},
    {"reg:expectileerror", HN_LINK_RISING, START_AS_IS},
};

static const struct objective *find(struct hn_str name)
{
    for (size_t i = 0; i < HN_COUNT(objectives); i++)
        if (hn_str_is(name, objectives[i].name)) return &objectives[i];
    return NULL;
}

static float start_of(enum start start, float base_score, unsigned version)
{
    if (start == START_LOG) return logf(base_score);
    if (start == START_AS_IS) return base_score;
    /* Later versions take probabilities of 0 and 1. */
    if (version >= 301) base_score = fminf(fmaxf(base_score, 1e-6f), 1.0f - 1e-6f);
    return -logf(1.0f / base_score - 1.0f);
}

/* Outputs of expectiles rise by a softplus each; the last first, since each is told by the one before. */
static void start_rising(double *base, size_t n)
{
    for (size_t i = n; i-- > 1;) {
        const float gap = fmaxf((float)base[i] - (float)base[i - 1] - 1e-6f, 1e-6f);
        base[i] = (double)(gap + logf(-expm1f(-gap)));
    }
}

enum hn_status hn_trees_xgboost(struct hn_xgb *model, const char *what, struct hn_trees_link *link,
                                struct hn_error *err)
{
    struct hn_forest *f = &model->forest;
    const struct objective *objective = find(model->objective);
    *link = (struct hn_trees_link){objective ? objective->link : HN_LINK_IDENTITY, 1};
    if (hn_str_is(model->objective, "reg:quantileerror") && model->version >= 304)
        link->kind = HN_LINK_SORTED;
    double *base = hn_arena_alloc(&f->arena, f->n_targets, sizeof *base);
    if (!base) return hn_fail_nomem(err, "a base score", f->n_targets * sizeof *base);
    for (size_t i = 0; i < f->n_targets; i++) {
        const double score = model->base_score[model->n_base_score == 1 ? 0 : i];
        base[i] = (double)start_of(objective ? objective->start : START_AS_IS, (float)score,
                                   model->version);
    }
    if (link->kind == HN_LINK_RISING) start_rising(base, f->n_targets);
    for (size_t i = 0; i < f->n_targets; i++)
        if (!isfinite(base[i]))
            return hn_fail(err, HN_E_FORMAT, "%s: base_score: %g is not one for %.*s", what,
                           model->base_score[model->n_base_score == 1 ? 0 : i],
                           HN_FMT(model->objective));
    f->base = base;
    return HN_OK;
}
