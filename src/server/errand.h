/* What one call has the lane compute: one job or several, and the answer when all are done. */
#ifndef HN_SERVER_ERRAND_H
#define HN_SERVER_ERRAND_H

#include "engine/service.h"
#include "server/call.h"

struct hn_series;

/* Whoever has one made embeds it as its first member, and owns the jobs. */
struct hn_errand {
    struct hn_call *call;
    struct hn_served *served; /* a reference, which the errand releases */
    enum hn_class klass;
    size_t rows, tokens; /* for the receipt; tokens count against the key's quota */
    /* Answers the call with hn_call_json or one like it; on the thread of the lane that ran the last job,
     * whose results are still where the lane put them, those of others no longer. The receipt and its
     * headers are filled in. */
    void (*answer)(struct hn_errand *errand);
    /* Frees it, and whatever belongs to it. */
    void (*forget)(struct hn_errand *errand);

    /* The errand's own. */
    struct hn_oneshot_job **jobs;
    size_t n_jobs;
    atomic_size_t left; /* jobs that are not done */
    struct hn_series *series;
};

/* Submits the jobs, of which `work` is set. `jobs` lives as long as the errand, which must not be touched
 * afterwards: it may be done already. On failure everything is undone, the errand forgotten. */
enum hn_status hn_errand_start(struct hn_errand *errand, struct hn_oneshot_job **jobs, size_t n,
                               struct hn_refusal *why);

#endif
