/* A visitor as a JSON object: what /v1/recommendations is sent, and `hence recommend` reads. */
#ifndef HN_SERVER_VISITOR_REQUEST_H
#define HN_SERVER_VISITOR_REQUEST_H

#include "model/recommend/recommender.h"
#include "server/fields.h"
#include "text/json_write.h"

struct hn_visitor_request {
    struct hn_str model;
    bool attributes, why;
    struct hn_recommend_request recommend; /* all but what the recommender fills */
};

/* Reads a body, which must outlive the request; lists come from the arena. */
enum hn_status hn_visitor_request_read(const json_t *body, struct hn_arena *arena,
                                       struct hn_visitor_request *out, struct hn_refusal *why);

/* What was recommended, as members of an object: data, by, known_events, stages. */
void hn_visitor_answer_put(struct hn_json_writer *w, const struct hn_recommender *r,
                           const struct hn_visitor_request *request);

#endif
