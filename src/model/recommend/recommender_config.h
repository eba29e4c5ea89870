/* recommender.json: what a folder with a recommender holds (docs/recommender.md). */
#ifndef HN_MODEL_RECOMMEND_RECOMMENDER_CONFIG_H
#define HN_MODEL_RECOMMEND_RECOMMENDER_CONFIG_H

#include "base/arena.h"
#include "model/recommend/item.h"

enum {
    HN_RECOMMENDER_JSON = 1 << 20, /* bytes of the file, at most */
    HN_SESSION_EVENTS = 1000,      /* of a visitor that are looked at, at most */
    HN_EVENT_TYPES = 16,
    HN_CANDIDATES = 2000, /* that a ranker is given, at most */
};

/* What a feature of the ranker is. */
enum hn_feature_source {
    HN_FEATURE_ITEM,       /* "item.NAME": a number of the item */
    HN_FEATURE_USER,       /* "user.NAME": a number that the request tells of the visitor */
    HN_FEATURE_SCORE,      /* "score": of the retrieval */
    HN_FEATURE_TOGETHER,   /* "together": how near it is to what the events were seen with, or 0 */
    HN_FEATURE_POPULARITY, /* "popularity" */
    HN_FEATURE_PRICE,      /* "price" */
    HN_FEATURE_SEEN,       /* "seen": 1 when it is among the events */
    HN_FEATURE_EVENTS,     /* "events": how many there are */
};
struct hn_feature {
    enum hn_feature_source source;
    const char *label; /* as it is written in the list */
    const char *name;  /* of the item's or user's number */
    size_t index;      /* of HN_FEATURE_ITEM: among the items' features */
};

struct hn_recommender_config {
    struct hn_arena arena;                              /* holds the texts */
    const char *catalogue, *vectors, *tensor, *journal; /* files, relative to the folder */
    struct hn_item_fields fields;

    /* The model that reads the items' texts; NULL: none. */
    const char *embedding, *embedding_prompt, *embedding_prefix;

    /* Past visits; NULL: none. */
    const char *together, *together_visit, *together_item; /* file, names of its columns */

    /* The session model; NULL: none. */
    const char *session, *session_output;
    size_t session_length;

    /* The ranker; NULL: none. */
    const char *ranker, *ranker_output;
    struct hn_feature *features;
    size_t n_features;
    size_t candidates;

    /* Without a session model: what an event weighs. */
    double decay; /* of the event before, relative to the one behind it */
    struct {
        struct hn_str type;
        double weight;
    } events[HN_EVENT_TYPES];
    size_t n_events;
};

/* Names that lead out of the folder are refused. `name` stands for the file in errors. On failure nothing is
 * kept. */
enum hn_status hn_recommender_config_parse(struct hn_str text, const char *name,
                                           struct hn_recommender_config *out, struct hn_error *err);
void hn_recommender_config_free(struct hn_recommender_config *config);

/* What an event of a type weighs; 1 where nothing is said. */
double hn_event_weight(const struct hn_recommender_config *config, struct hn_str type);

#endif
