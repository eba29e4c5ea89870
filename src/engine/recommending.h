/* Recommenders in service: visitors that come together are answered together. */
#ifndef HN_ENGINE_RECOMMENDING_H
#define HN_ENGINE_RECOMMENDING_H

#include "engine/instance.h"
#include "engine/lane.h"
#include "model/recommend/recommender.h"

/* As struct hn_kind_row wants them. */
bool hn_recommending_is(const char *path);
enum hn_status hn_recommending_open(const struct hn_instance_options *options, unsigned workers,
                                    struct hn_oneshot **out, struct hn_error *err);

/* NULL: the model is of another kind. Changes may be made on any thread, beside the lane. */
struct hn_recommender *hn_recommending_model(const struct hn_oneshot *model);

/* A job is one visitor, work 1. */
struct hn_recommend_job {
    struct hn_oneshot_job job;
    struct hn_recommend_request request;
};

#endif
