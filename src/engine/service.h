/* The models in service: the engine thread that language models share, with commands from other threads,
 * and the lane of the other kinds.
 *
 * One thread owns every engine and runs their steps, a step of each busy model in turn; whoever has a
 * request hands it over through a queue. Sinks are called on the engine thread and must not wait. */
#ifndef HN_ENGINE_SERVICE_H
#define HN_ENGINE_SERVICE_H

#include "base/pool.h"
#include "engine/kinds.h"
#include "text/chat_prompt.h"

struct hn_service;
struct hn_served; /* a model in service: references are counted */

struct hn_service_options {
    size_t max_waiting; /* requests of one model that may wait for their first step; 0: 1024 */
    struct hn_energy_options energy; /* where joules come from when no counter can be read */
    struct hn_lane_options lane;     /* max_waiting: as above where it is 0 */
    /* What the compute threads do in between, where they fill the machine; zeros: nothing. */
    struct hn_pool_guest guest;
    const struct hn_kind_row *kinds; /* what other kinds of models there are; NULL: hn_kinds */
};

/* Starts the threads. */
enum hn_status hn_service_start(const struct hn_service_options *options, struct hn_service **out,
                                struct hn_error *err);
/* Cancels what is not done (the sinks hear of it), takes all models out of service and ends the threads.
 * Nothing may be submitted meanwhile. Models that are still held go on living. NULL is fine. */
void hn_service_stop(struct hn_service *service);

/* Opens a model, on the caller's thread, and puts it into service under `name`, or the options' name
 * where that is NULL (both copied). HN_E_ARG: the name is taken. */
enum hn_status hn_service_load(struct hn_service *service, const char *name,
                               const struct hn_instance_options *options, struct hn_error *err);
/* Takes a model out of service: it is not found any more, what it was asked is answered, and it is
 * closed when nobody holds it. HN_E_NOTFOUND. */
enum hn_status hn_service_unload(struct hn_service *service, const char *name,
                                 struct hn_error *err);

/* Finds a model by its name (NULL or empty: the first one) and takes a reference: its vocabulary and
 * template stay while it is held. HN_E_NOTFOUND. Release it with hn_served_release. */
enum hn_status hn_service_find(struct hn_service *service, const char *name, struct hn_served **out,
                               struct hn_error *err);
/* Up to `max` models in order of loading, each with a reference; returns how many. */
size_t hn_service_list(struct hn_service *service, struct hn_served **out, size_t max);
void hn_served_release(struct hn_served *served);

enum hn_kind hn_served_kind(const struct hn_served *served);
const char *hn_served_type(const struct hn_served *served); /* static: "language", "xgboost" */
/* What the lane runs of it; NULL: it is a language model, which alone has the next two. */
struct hn_oneshot *hn_served_oneshot(const struct hn_served *served);
/* What is fixed once it is loaded: vocabulary, configuration, plan. Not the engine. */
const struct hn_instance *hn_served_instance(const struct hn_served *served);
const struct hn_chat *hn_served_chat(const struct hn_served *served); /* NULL: it has no template */
const char *hn_served_name(const struct hn_served *served);
int64_t hn_served_loaded(const struct hn_served *served); /* when: seconds since 1970 */
double hn_served_load_s(const struct hn_served *served);
uint64_t hn_served_used_ns(const struct hn_served *served); /* hn_clock_ns of the last submit */

/* Hands a request to the engine thread; everything pointed to is copied. What cannot be served is
 * refused here: HN_E_ARG and HN_E_CONTEXT as hn_engine_prepare says, HN_E_BUSY when max_waiting wait
 * already, HN_E_NOTFOUND when the model went out of service. *id (may be NULL) names it for
 * hn_service_cancel. After HN_OK the sink's `done` is called exactly once, maybe before the return. */
enum hn_status hn_service_submit(struct hn_service *service, struct hn_served *served,
                                 const struct hn_request *request, uint64_t *id,
                                 struct hn_error *err);
/* Ends a request before its next step; its sink hears of it. Unknown ids are fine. HN_E_NOMEM. */
enum hn_status hn_service_cancel(struct hn_service *service, struct hn_served *served, uint64_t id);

/* Hands a job to the lane, as hn_lane_submit does, for a model that is no language model and is held until
 * the job is done. HN_E_NOTFOUND: it went out of service. */
enum hn_status hn_service_run(struct hn_service *service, struct hn_served *served,
                              struct hn_oneshot_job *job, struct hn_error *err);
/* Those who visited (hn_service_options.guest) have not come for a while. */
void hn_service_deserted(struct hn_service *service);
struct hn_lane *hn_service_lane(struct hn_service *service);

/* Runs `fn` on the engine thread between two steps and waits for it: for a look at the engine of a
 * language model. Not from a sink. */
void hn_service_call(struct hn_service *service, struct hn_served *served,
                     void (*fn)(void *ctx, struct hn_engine *engine), void *ctx);

#endif
