/* What kinds of models there are beside language models, and which of them a path is. */
#ifndef HN_ENGINE_KINDS_H
#define HN_ENGINE_KINDS_H

#include "engine/instance.h"
#include "engine/lane.h"

/* What a model can be asked. A set of them is the sum of 1u << kind. */
enum hn_kind {
    HN_KIND_LANGUAGE,    /* chats and texts: the engine's, the others are the lane's */
    HN_KIND_PREDICTOR,   /* outputs that are one function of its inputs: trees, graphs */
    HN_KIND_ENCODER,     /* texts to vectors or scores */
    HN_KIND_RECOMMENDER, /* visitors to items */
    HN_KINDS
};

/* "language", "predictor", ... */
const char *hn_kind_name(enum hn_kind kind);

/* How models of a kind are opened. */
struct hn_kind_row {
    enum hn_kind kind;
    /* Whether what is at a path is of this kind, by a short look; false too when it cannot be read. */
    bool (*is)(const char *path);
    /* Opens it for a lane with so many seats: of the options, path, name, threads and cpu count. Errors
     * name the model. */
    enum hn_status (*open)(const struct hn_instance_options *options, unsigned seats,
                           struct hn_oneshot **out, struct hn_error *err);
};

/* The table; its last row has no `is`. */
extern const struct hn_kind_row hn_kinds[];

/* The row of a path in a table; NULL: none, it is a language model or nothing. */
const struct hn_kind_row *hn_kind_of(const struct hn_kind_row *kinds, const char *path);

#endif
