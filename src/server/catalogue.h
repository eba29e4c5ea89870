/* The models that a server knows: those in service, and those that sleep until somebody asks for them. */
#ifndef HN_SERVER_CATALOGUE_H
#define HN_SERVER_CATALOGUE_H

#include "engine/service.h"
#include "text/json_write.h"

struct hn_catalogue;

enum { HN_MODEL_NAME = 200 }; /* bytes of a name */

/* An empty one, of models in `service`, which outlives it. */
enum hn_status hn_catalogue_create(struct hn_service *service, struct hn_catalogue **out,
                                   struct hn_error *err);
/* The service must have been stopped, or go on without it. NULL is fine. */
void hn_catalogue_destroy(struct hn_catalogue *catalogue);

/* Puts a model into service, on the caller's thread, one at a time; everything is copied, but progress is
 * used only now. HN_E_ARG: the name is taken. */
enum hn_status hn_catalogue_add(struct hn_catalogue *catalogue, const char *name,
                                const struct hn_instance_options *options, struct hn_error *err);
/* Takes it out of service, or out of its sleep, and forgets it. HN_E_NOTFOUND. */
enum hn_status hn_catalogue_remove(struct hn_catalogue *catalogue, const char *name,
                                   struct hn_error *err);

/* Finds a model and takes a reference as hn_service_find does. NULL or empty: the first one of a set of
 * kinds (engine/kinds.h); a name may be that of any kind. One that sleeps is loaded first if the caller
 * may wait; else it is HN_E_BUSY. */
enum hn_status hn_catalogue_find(struct hn_catalogue *catalogue, const char *name, unsigned kinds,
                                 bool may_wait, struct hn_served **out, struct hn_error *err);

/* Takes a model out of service until it is asked for again. HN_E_NOTFOUND. */
enum hn_status hn_catalogue_sleep(struct hn_catalogue *catalogue, const char *name,
                                  struct hn_error *err);

/* What is known of a model. */
struct hn_known_model {
    const char *name, *path;
    const char *type; /* "language", "xgboost" */
    enum hn_kind kind;
    const struct hn_served *served; /* NULL: it sleeps */
};

/* Tells of each, in the order they came; what is told holds for the time of the call. */
void hn_catalogue_each(struct hn_catalogue *catalogue,
                       void (*tell)(void *ctx, const struct hn_known_model *model), void *ctx);

#endif
