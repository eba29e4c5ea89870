/* Encoders in service: the texts of several requests are packed into the same steps. */
#ifndef HN_ENGINE_EMBED_H
#define HN_ENGINE_EMBED_H

#include "engine/instance.h"
#include "engine/lane.h"
#include "model/embedder.h"

/* As struct hn_kind_row wants them. */
bool hn_embed_is(const char *path);
enum hn_status hn_embed_open(const struct hn_instance_options *options, unsigned seats,
                             struct hn_oneshot **out, struct hn_error *err);

/* Its vocabulary, configuration, prompts. NULL: the model is of another kind. */
const struct hn_embedder *hn_embed_model(const struct hn_oneshot *model);

/* Some texts; `work` is the number of their tokens. */
struct hn_embed_job {
    struct hn_oneshot_job job;
    enum hn_pooling pooling;
    const struct hn_encode_item *items; /* [n], the caller's until it is done, as are the results */
    size_t n;
};

#endif
