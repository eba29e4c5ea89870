/* A recommender: items that change while it is asked, and models that know what goes with what. */
#ifndef HN_MODEL_RECOMMEND_RECOMMENDER_H
#define HN_MODEL_RECOMMEND_RECOMMENDER_H

#include "model/predictor.h"
#include "model/recommend/recommender_config.h"
#include "model/recommend/shelf.h"

struct hn_load_progress;
struct hn_recommender;
struct hn_recommend_seat; /* memory for asking it: one thread's at a time */

struct hn_recommender_options {
    enum hn_cpu_level level;
    bool tidy;        /* a long journal may be made smaller */
    unsigned threads; /* that search a large catalogue together, or compute vectors; 0 and 1: one */
    const struct hn_load_progress *progress; /* where vectors are computed; or NULL */
};

/* Whether a folder has a recommender.json. */
bool hn_recommender_is(const char *path);
/* Opens a folder. Errors name the file. */
enum hn_status hn_recommender_open(const char *path, const struct hn_recommender_options *options,
                                   struct hn_recommender **out, struct hn_error *err);
void hn_recommender_close(struct hn_recommender *r); /* NULL is fine */

/* Its items now; release the shelf. */
struct hn_shelf *hn_recommender_shelf(struct hn_recommender *r);
size_t hn_recommender_bytes(struct hn_recommender *r);
/* Cores that a search keeps busy. */
unsigned hn_recommender_threads(const struct hn_recommender *r);

/* A change, from any thread: an object with "put", a list of items, and "remove", a list of ids; it is made as
 * a whole or not at all. An item may bring its "vector". On return it is on the disk, and what is asked
 * from now on sees it; *removed (or NULL) is how many items went. HN_E_ARG, HN_E_FORMAT: the change is wrong. */
enum hn_status hn_recommender_change(struct hn_recommender *r, const json_t *change,
                                     size_t *removed, struct hn_error *err);

struct hn_visit_event {
    struct hn_str id, type; /* type: p NULL when unknown */
};
struct hn_visit_number {
    struct hn_str name;
    double value;
};

enum hn_retrieval { HN_BY_SESSION, HN_BY_TOGETHER, HN_BY_EVENTS, HN_BY_POPULARITY };

enum hn_recommend_stage {
    HN_STAGE_VISITOR, /* events to a vector */
    HN_STAGE_SEARCH,  /* and filters */
    HN_STAGE_RANK,
    HN_STAGE_DIVERSIFY, /* and reasons */
    HN_RECOMMEND_STAGES
};
extern const char *const hn_recommend_stage_names[HN_RECOMMEND_STAGES];

struct hn_recommended {
    size_t item; /* its number on the shelf */
    double score;
    double retrieval; /* the score before ranking */
    double together;  /* how near it is to what the events were seen with; 0: not at all */
    size_t because;   /* the event that it goes back to; SIZE_MAX: none */
    const float
        *shares; /* [features + 1] what each gave to the ranker's score, and the base; or NULL */
};

/* One visitor. Everything lives as long as the arena but the shelf. */
struct hn_recommend_request {
    struct hn_arena *arena;
    const struct hn_visit_event *events; /* the oldest first */
    size_t n_events;
    const struct hn_visit_number *user;
    size_t n_user;
    size_t k; /* 1 to HN_TOP_MAX */
    bool only_available, exclude_seen;
    double price_min, price_max;     /* NaN: any, also items without a price */
    const struct hn_str *categories; /* one of them; none given: any */
    size_t n_categories;
    const struct hn_str *exclude, *include; /* ids; include: none given: all */
    size_t n_exclude, n_include;
    double diversity; /* 0: none, to 1: nothing else counts */
    bool why;

    /* Filled. */
    enum hn_status status;
    struct hn_error error;
    struct hn_shelf *shelf; /* a reference of the request's; release it, NULL too */
    enum hn_retrieval how;
    size_t n_known;               /* events whose items there are */
    bool *known;                  /* [n_events] */
    struct hn_recommended *items; /* the best first */
    size_t n;
    double stage_s[HN_RECOMMEND_STAGES]; /* of all that were run together */
};

enum hn_status hn_recommend_seat_new(struct hn_recommender *r, struct hn_recommend_seat **out,
                                     struct hn_error *err);
void hn_recommend_seat_free(struct hn_recommend_seat *seat); /* NULL is fine */
/* Whether what the seat is used for from now on is done by the calling thread alone, and what ends the runs
 * of its models. */
void hn_recommend_seat_use(struct hn_recommend_seat *seat, bool alone, struct hn_cancel cancel);

/* Answers n requests together, each as if it were alone, from one shelf. */
void hn_recommend(struct hn_recommend_seat *seat, struct hn_recommend_request *const *requests,
                  size_t n);

/* The features that shares are of; NULL when there is no ranker. */
const struct hn_feature *hn_recommender_features(const struct hn_recommender *r, size_t *n);

#endif
