/* Texts that a call has an encoder compute. */
#ifndef HN_SERVER_ENCODE_H
#define HN_SERVER_ENCODE_H

#include "engine/embed.h"
#include "server/errand.h"

/* Whoever has one made embeds it as its first member. */
struct hn_encode {
    struct hn_errand errand;
    const struct hn_embedder *model;
    enum hn_pooling pooling;
    struct hn_tokens ids; /* of all texts, one behind the other */
    struct hn_encode_item *items;
    size_t n, max;   /* texts */
    size_t n_tokens; /* of the texts that were added */
    float *floats;   /* all results */
    struct hn_arena arena;
};

/* One for up to `max` texts, in `size` bytes, which are zero beyond it. Finds the encoder of that name, or
 * the first one; the model's pooling. */
enum hn_status hn_encode_create(struct hn_call *call, struct hn_str model, size_t size, size_t max,
                                struct hn_encode **out, struct hn_refusal *why);
/* Unless it was started. */
void hn_encode_destroy(struct hn_encode *e);

/* Adds the text whose tokens were appended to e->ids since the last one; `n_first` as an item has it. */
void hn_encode_add(struct hn_encode *e, size_t n_first);

/* Has them computed. `answer` then answers the call, with the results in items[i].out, on a thread of
 * the lane. *e must not be touched afterwards, whatever is returned. */
enum hn_status hn_encode_start(struct hn_encode *e, void (*answer)(struct hn_errand *errand),
                               struct hn_refusal *why);

/* {"prompt_tokens", "total_tokens"} under "usage", and the receipt. */
void hn_encode_usage(struct hn_json_writer *w, const struct hn_encode *e);

/* Why a text was not taken; `param` is its place in the request. */
enum hn_status hn_refuse_text(struct hn_refusal *why, enum hn_status status, const char *param,
                              const struct hn_error *err);

#endif
