#include "engine/kinds.h"

#include "engine/embed.h"
#include "engine/predict.h"
#include "engine/recommending.h"

const struct hn_kind_row hn_kinds[] = {
    {HN_KIND_PREDICTOR, hn_predict_is, hn_predict_open},
    {HN_KIND_RECOMMENDER, hn_recommending_is, hn_recommending_open},
    {HN_KIND_ENCODER, hn_embed_is, hn_embed_open},
    {.is = NULL},
};

const char *hn_kind_name(enum hn_kind kind)
{
    static const char *const names[HN_KINDS] = {"language", "predictor", "encoder", "recommender"};
    return names[kind];
}

const struct hn_kind_row *hn_kind_of(const struct hn_kind_row *kinds, const char *path)
{
    for (; kinds->is; kinds++)
        if (kinds->is(path)) return kinds;
    return NULL;
}
