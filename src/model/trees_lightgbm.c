#include "model/trees_lightgbm.h"

#include "base/bits.h"

static const struct {
    const char *name;
    enum hn_trees_link_kind link;
} objectives[] = {
    {"binary", HN_LINK_SIGMOID},
    {"multiclass", HN_LINK_SOFTMAX},
    {"multiclassova", HN_LINK_SIGMOID},
    {"cross_entropy", HN_LINK_SIGMOID},
    {"cross_entropy_lambda", HN_LINK_LOG1P_EXP},
    {"poisson", HN_LINK_EXP},
    {"gamma", HN_LINK_EXP},
    {"tweedie", HN_LINK_EXP},
};

struct hn_trees_link hn_trees_lightgbm_link(const struct hn_lgb *model)
{
    struct hn_trees_link link = {HN_LINK_IDENTITY, model->sigmoid};
    for (size_t i = 0; i < HN_COUNT(objectives); i++)
        if (hn_str_is(model->objective, objectives[i].name)) link.kind = objectives[i].link;
    if (model->root && link.kind == HN_LINK_IDENTITY) link.kind = HN_LINK_SQUARE;
    return link;
}
