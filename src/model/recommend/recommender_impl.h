/* What the files of the recommender share. */
#ifndef HN_MODEL_RECOMMEND_RECOMMENDER_IMPL_H
#define HN_MODEL_RECOMMEND_RECOMMENDER_IMPL_H

#include <pthread.h>

#include "model/recommend/item_vectors.h"
#include "model/recommend/items_file.h"
#include "model/recommend/journal.h"
#include "model/recommend/recommender.h"
#include "model/recommend/together.h"

struct hn_recommender {
    struct hn_recommender_config config;
    const struct hn_kernels *kernels;
    struct hn_predictor *session, *ranker; /* NULL: none */
    struct hn_item_vectors *embedding;     /* NULL: vectors come in a file, or there are none */
    struct hn_together *together;          /* NULL: no past visits */
    size_t n_rows; /* items of the catalogue's file: what the session model knows */
    size_t dims;

    pthread_mutex_t shelf_lock; /* for the moment of taking or replacing the shelf */
    struct hn_shelf *shelf;
    pthread_mutex_t change_lock; /* one change at a time; of what follows */
    struct hn_journal journal;
    size_t tidy_bytes;     /* of the journal, from which on it is looked at again */
    struct hn_item **gone; /* those of the catalogue's file that were removed since; references */
    size_t n_gone, gone_room;

    pthread_mutex_t pool_lock; /* whoever has it searches with the pool */
    struct hn_pool *pool;      /* NULL: the catalogue is small */
};

struct hn_recommend_seat {
    struct hn_recommender *r;
    struct hn_prediction *session, *ranker; /* NULL as above */
    bool alone;                             /* the pool is not to be used */
};

/* A change that was read: what hn_shelf_with wants, and whose memory that is. */
struct hn_change {
    struct hn_shelf_change *items;
    float *vectors;
    char (*ids)[HN_ITEM_ID_ROOM]; /* of what goes and is called by a number */
    size_t n;
};

enum { HN_REPLAY_CHANGES = 4096, HN_REPLAY_ITEMS = 8192 /* at once, unless one change has more */ };

/* The journal, while it is opened: many changes are made at once, for a new shelf has its price. Zeroed but for the
 * recommender. */
struct hn_replay {
    struct hn_recommender *r;
    struct hn_change changes[HN_REPLAY_CHANGES];
    json_t *objects[HN_REPLAY_CHANGES];
    size_t n, n_items;
};

/* Takes a change of the journal (hn_journal_fn); the end of them, after which nothing is left, hands `status` on. */
enum hn_status hn_recommender_replay(void *replay, struct hn_str record, struct hn_error *err);
enum hn_status hn_recommender_replayed(struct hn_replay *replay, enum hn_status status,
                                       struct hn_error *err);
/* Puts what all changes came to in place of a long journal, where that is much less. What goes wrong is left for
 * the next time: the journal is good as it is. With the change lock, or alone. */
void hn_recommender_tidy(struct hn_recommender *r);
/* The same of any journal; it stays as it is where less than half would go. */
enum hn_status hn_recommender_compact(struct hn_recommender *r, struct hn_error *err);

/* An item that events were seen with: the sum over them of what they weigh times how near it is, over all that they
 * weigh. */
struct hn_visit_near {
    size_t item;
    double score;
    size_t because; /* the event that gave most */
};

/* A request on its way. */
struct hn_visit {
    struct hn_recommend_request *request;
    const struct hn_shelf *shelf;
    size_t *events;   /* [n_events] numbers of items; SIZE_MAX: unknown */
    size_t *excluded; /* [n_excluded] numbers, ascending, as `included` */
    size_t n_excluded;
    size_t *included; /* NULL: all */
    size_t n_included;
    uint64_t signature;         /* of the wanted categories; 0: any */
    float *vector;              /* [dims] or NULL */
    const float *scores;        /* [rows + 1] of the session model, where it gives such; or NULL */
    struct hn_visit_near *near; /* [n_near] by number */
    size_t n_near;
    struct hn_top_filter filter;
    struct hn_top_hit *hits; /* [want] */
    size_t n_hits, want;
};

/* Ids to numbers, and the filter. HN_E_NOMEM. */
enum hn_status hn_visit_begin(struct hn_visit *visit);
/* Whether an item may be shown. */
bool hn_visit_fits(const struct hn_visit *visit, size_t item);
/* What the events were seen with, into visit->near. HN_E_NOMEM. */
enum hn_status hn_visit_see_with(const struct hn_recommender *r, struct hn_visit *visit);
/* NULL: it is not among them. */
const struct hn_visit_near *hn_visit_near_of(const struct hn_visit *visit, size_t item);
/* Puts that among the hits: for a ranker beside them, else, where nothing better is known, before them. */
enum hn_status hn_visit_add_seen_with(const struct hn_recommender *r, struct hn_visit *visit);
/* The best by popularity, or by scores of rows, into visit->hits. */
enum hn_status hn_visit_popular(struct hn_visit *visit);
enum hn_status hn_visit_scored(struct hn_visit *visit);

/* Vectors, or scores, for all visits with events that are known. Those that get neither are left. */
enum hn_status hn_visits_understand(struct hn_recommend_seat *seat, struct hn_visit *visits,
                                    size_t n, struct hn_error *err);
/* Scores the hits of all visits, which become their requests' items, the best first. */
enum hn_status hn_visits_rank(struct hn_recommend_seat *seat, struct hn_visit *visits, size_t n,
                              struct hn_error *err);
/* Puts unlike items forward, and cuts to the number that was asked for. */
enum hn_status hn_visit_diversify(const struct hn_recommender *r, struct hn_visit *visit);
void hn_visit_reason(const struct hn_recommender *r, struct hn_visit *visit);

#endif
